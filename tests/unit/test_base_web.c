/* test_base_web.c: requests to a server in a thread of this process, which answers byte for byte what the case says. */
#include "pki_test.h"
#include "posta_test.h"

#include <posta/web.h>

#include <arpa/inet.h>
#include <netinet/in.h>
#include <openssl/ssl.h>
#include <pthread.h>
#include <signal.h>
#include <sys/socket.h>

/* ---- the server ---- */

struct server {
    const char *answers[4]; /* one a connection; NULL = it is accepted and nothing is said */
    size_t n;               /* connections */
    const char *again;      /* sent without end behind the answer */
    SSL_CTX *tls;
    int fd, port;
    char asked[4096]; /* of all connections */
    pthread_t thread;
};

struct rig {
    struct server server;
    struct loop *loop;
    struct web_client *web;
    char url[128];
    /* of the answer */
    int n_done;
    struct err err;
    bool is_timeout, is_cut;
    enum web_phase phase;
    int status, port;
    long n_redirects;
    size_t n_parts_bytes; /* told by body_part */
    char redirects[256];
    char body[4096], headers[1024], ip[64], tls_version[16], chain[8192];
    struct web_times times;
};

static ssize_t receive(SSL *ssl, int fd, char *into, size_t room)
{
    return ssl ? SSL_read(ssl, into, (int)room) : read(fd, into, room);
}

static bool give(SSL *ssl, int fd, const char *text)
{
    size_t len = strlen(text);
    return ssl ? SSL_write(ssl, text, (int)len) > 0
               : send(fd, text, len, MSG_NOSIGNAL) == (ssize_t)len;
}

static void talk(struct server *server, SSL *ssl, int fd, const char *answer)
{
    size_t len = strlen(server->asked);
    ssize_t n = receive(ssl, fd, server->asked + len, sizeof(server->asked) - len - 1);
    if (n > 0)
        server->asked[len + (size_t)n] = '\0';
    if (answer)
        give(ssl, fd, answer);
    while (answer && server->again && give(ssl, fd, server->again))
        ;
    char rest[64];
    while (!answer && receive(ssl, fd, rest, sizeof(rest)) > 0)
        ;
}

static void *serve(void *arg)
{
    struct server *server = arg;
    for (size_t i = 0; i < server->n; i++) {
        int fd = accept(server->fd, NULL, NULL);
        if (fd < 0)
            break;
        SSL *ssl = server->tls ? SSL_new(server->tls) : NULL;
        if (!ssl || (SSL_set_fd(ssl, fd) && SSL_accept(ssl) == 1))
            talk(server, ssl, fd, server->answers[i]);
        SSL_free(ssl);
        close(fd);
    }
    return NULL;
}

static void listen_to(struct server *server)
{
    struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof(at);
    server->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(bind(server->fd, (struct sockaddr *)&at, sizeof(at)), 0);
    assert_int_equal(listen(server->fd, 8), 0);
    assert_int_equal(getsockname(server->fd, (struct sockaddr *)&at, &len), 0);
    server->port = ntohs(at.sin_port);
}

static void start(struct rig *rig)
{
    assert_int_equal(pthread_create(&rig->server.thread, NULL, serve, &rig->server), 0);
}

static int set_up(void **state)
{
    struct rig *rig = mem_zero(1, sizeof(*rig));
    struct err err;
    signal(SIGPIPE, SIG_IGN);
    listen_to(&rig->server);
    rig->server.n = 1;
    snprintf(rig->url, sizeof(rig->url), "http://127.0.0.1:%d/status?auto", rig->server.port);
    assert_int_equal(loop_new(&rig->loop, &err), 0);
    if (web_client_open(&rig->web, rig->loop, &err))
        fail_msg("%s", err.text);
    *state = rig;
    return 0;
}

static int tear_down(void **state)
{
    struct rig *rig = *state;
    web_client_close(rig->web);
    shutdown(rig->server.fd, SHUT_RDWR);
    if (rig->server.thread)
        pthread_join(rig->server.thread, NULL);
    close(rig->server.fd);
    SSL_CTX_free(rig->server.tls);
    loop_free(rig->loop);
    free(rig);
    return 0;
}

/* ---- asking ---- */

static void done(void *arg, const struct web_answer *answer)
{
    struct rig *rig = arg;
    rig->n_done++;
    if (answer->err)
        rig->err = *answer->err;
    rig->is_timeout = answer->is_timeout;
    rig->is_cut = answer->is_cut;
    rig->phase = answer->phase;
    rig->status = answer->status;
    rig->port = answer->port;
    rig->n_redirects = answer->n_redirects;
    snprintf(rig->redirects, sizeof(rig->redirects), "%s", answer->redirects);
    rig->times = answer->times;
    assert_int_equal(strlen(answer->body), answer->body_len);
    snprintf(rig->body, sizeof(rig->body), "%s", answer->body);
    snprintf(rig->headers, sizeof(rig->headers), "%s", answer->headers);
    snprintf(rig->ip, sizeof(rig->ip), "%s", answer->ip);
    snprintf(rig->tls_version, sizeof(rig->tls_version), "%s", answer->tls_version);
    snprintf(rig->chain, sizeof(rig->chain), "%s", answer->chain);
}

static struct web_request request_of(struct rig *rig)
{
    return (struct web_request) {.url = rig->url,
                                 .timeout_ns = 20 * NS_PER_S,
                                 .max_body_bytes = 1024,
                                 .is_fresh = true,
                                 .done = done,
                                 .arg = rig};
}

static void ask(struct rig *rig, const struct web_request *request)
{
    struct web_call *call;
    struct err err;
    if (web_ask(rig->web, request, &call, &err))
        fail_msg("%s", err.text);
    assert_int_equal(rig->n_done, 0);
    while (rig->n_done == 0)
        assert_int_equal(loop_turn(rig->loop, NS_PER_S, &err), 0);
}

static void an_answer_comes_whole(void **state)
{
    struct rig *rig = *state;
    const struct web_request request = request_of(rig);
    rig->server.answers[0] =
        "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 5\r\n\r\nhello";
    start(rig);
    ask(rig, &request);
    assert_int_equal(rig->err.kind, ERR_NONE);
    assert_int_equal(rig->phase, WEB_ANSWERED);
    assert_int_equal(rig->status, 200);
    assert_string_equal(rig->body, "hello");
    assert_string_equal(rig->ip, "127.0.0.1");
    assert_int_equal(rig->port, rig->server.port);
    assert_string_equal(rig->headers, "Content-Type: text/plain\r\nContent-Length: 5\r\n");
    assert_string_equal(rig->tls_version, "");
    assert_non_null(strstr(rig->server.asked, "GET /status?auto HTTP/1.1\r\n"));
}

/* Phases follow each other, as far as the clock can tell. */
static void times_grow(void **state)
{
    struct rig *rig = *state;
    const struct web_request request = request_of(rig);
    rig->server.answers[0] = "HTTP/1.1 204 No Content\r\n\r\n";
    start(rig);
    ask(rig, &request);
    assert_true(rig->times.resolved_ns > 0);
    assert_true(rig->times.connected_ns >= rig->times.resolved_ns);
    assert_true(rig->times.written_ns > 0);
    assert_true(rig->times.first_byte_ns >= rig->times.connected_ns);
    assert_true(rig->times.end_ns >= rig->times.first_byte_ns);
    assert_int_equal(rig->times.shaken_ns, 0);
}

static void what_the_options_say_is_sent(void **state)
{
    struct rig *rig = *state;
    static char user[] = "u", password[] = "p:1";
    const struct web_options server = {
        .username = user, .password = password, .proxy_disable = true};
    const char *const headers[] = {"X-One: 1", NULL};
    struct web_request request = request_of(rig);
    request.method = "PUT";
    request.server = &server;
    request.headers = headers;
    request.body = "a=b";
    request.body_len = 3;
    rig->server.answers[0] = "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n";
    start(rig);
    ask(rig, &request);
    assert_non_null(strstr(rig->server.asked, "PUT /status?auto HTTP/1.1\r\n"));
    assert_non_null(strstr(rig->server.asked, "\r\nAuthorization: Basic dTpwOjE=\r\n"));
    assert_non_null(strstr(rig->server.asked, "\r\nX-One: 1\r\n"));
    assert_non_null(strstr(rig->server.asked, "\r\n\r\na=b"));
}

static void an_endless_answer_is_cut(void **state)
{
    struct rig *rig = *state;
    const struct web_request request = request_of(rig);
    rig->server.answers[0] = "HTTP/1.1 200 OK\r\n\r\n";
    rig->server.again = "0123456789abcdef";
    start(rig);
    ask(rig, &request);
    assert_int_equal(rig->err.kind, ERR_NONE);
    assert_true(rig->is_cut);
    assert_int_equal(strlen(rig->body), 1024);
    assert_int_equal(rig->phase, WEB_ANSWERED);
}

static void count_part(void *arg, const char *bytes, size_t len)
{
    assert_non_null(bytes);
    ((struct rig *)arg)->n_parts_bytes += len;
}

static void all_of_a_body_is_told_beyond_what_is_kept(void **state)
{
    struct rig *rig = *state;
    struct web_request request = request_of(rig);
    request.max_body_bytes = 4;
    request.body_part = count_part;
    request.max_read_bytes = 100;
    rig->server.answers[0] = "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n0123456789";
    start(rig);
    ask(rig, &request);
    assert_int_equal(rig->err.kind, ERR_NONE);
    assert_string_equal(rig->body, "0123");
    assert_int_equal(rig->n_parts_bytes, 10);
    assert_false(rig->is_cut);
}

static void a_body_without_end_is_cut_at_what_may_be_read(void **state)
{
    struct rig *rig = *state;
    struct web_request request = request_of(rig);
    request.body_part = count_part;
    request.max_read_bytes = 1000000;
    rig->server.answers[0] = "HTTP/1.1 200 OK\r\n\r\n";
    rig->server.again = "and so on ";
    start(rig);
    ask(rig, &request);
    assert_int_equal(rig->err.kind, ERR_NONE);
    assert_true(rig->is_cut);
    assert_int_equal(strlen(rig->body), 1024);
    assert_true(rig->n_parts_bytes <= 1000000);
}

static void endless_headers_end(void **state)
{
    struct rig *rig = *state;
    const struct web_request request = request_of(rig);
    rig->server.answers[0] = "HTTP/1.1 200 OK\r\n";
    rig->server.again = "X: 0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef\r\n";
    start(rig);
    ask(rig, &request);
    assert_int_not_equal(rig->err.kind, ERR_NONE);
    assert_int_equal(rig->phase, WEB_READING);
}

static void silence_is_too_late(void **state)
{
    struct rig *rig = *state;
    struct web_request request = request_of(rig);
    request.timeout_ns = 100 * NS_PER_MS;
    start(rig);
    ask(rig, &request);
    assert_int_equal(rig->err.kind, ERR_AGAIN);
    assert_true(rig->is_timeout);
    assert_int_equal(rig->phase, WEB_WAITING);
    assert_non_null(strstr(rig->err.text, "wait for the answer: "));
}

static void nobody_listens(void **state)
{
    struct rig *rig = *state;
    const struct web_request request = request_of(rig);
    shutdown(rig->server.fd, SHUT_RDWR);
    close(rig->server.fd);
    rig->server.fd = -1;
    ask(rig, &request);
    assert_int_equal(rig->err.kind, ERR_AGAIN);
    assert_false(rig->is_timeout);
    assert_int_equal(rig->phase, WEB_CONNECTING);
    assert_non_null(strstr(rig->err.text, "refused"));
}

static void a_name_that_is_none(void **state)
{
    struct rig *rig = *state;
    struct web_request request = request_of(rig);
    request.url = "http://nobody.invalid/";
    ask(rig, &request);
    assert_int_equal(rig->err.kind, ERR_AGAIN);
    assert_int_equal(rig->phase, WEB_RESOLVING);
    assert_non_null(strstr(rig->err.text, "nobody.invalid"));
}

static void garbage_is_no_answer(void **state)
{
    struct rig *rig = *state;
    const struct web_request request = request_of(rig);
    rig->server.answers[0] = "SSH-2.0-OpenSSH_9.2\r\n";
    start(rig);
    ask(rig, &request);
    assert_int_equal(rig->err.kind, ERR_CORRUPT);
}

static void an_address_stands_for_the_name(void **state)
{
    struct rig *rig = *state;
    struct web_request request = request_of(rig);
    request.address = "127.0.0.1";
    snprintf(rig->url, sizeof(rig->url), "http://nobody.invalid:%d/", rig->server.port);
    rig->server.answers[0] = "HTTP/1.1 204 No Content\r\n\r\n";
    start(rig);
    ask(rig, &request);
    assert_int_equal(rig->err.kind, ERR_NONE);
    assert_non_null(strstr(rig->server.asked, "\r\nHost: nobody.invalid:"));
}

static void redirects_are_followed_if_wanted(void **state)
{
    struct rig *rig = *state;
    struct web_request request = request_of(rig);
    request.max_redirects = 3;
    rig->server.answers[0] =
        "HTTP/1.1 302 Found\r\nX-First: 1\r\nLocation: /b\r\nContent-Length: 3\r\n\r\nbye";
    rig->server.answers[1] = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi";
    rig->server.n = 2;
    start(rig);
    ask(rig, &request);
    assert_int_equal(rig->status, 200);
    assert_int_equal(rig->n_redirects, 1);
    char followed[128];
    snprintf(followed, sizeof(followed), "http://127.0.0.1:%d/b\n", rig->server.port);
    assert_string_equal(rig->redirects, followed);
    assert_string_equal(rig->body, "hi");
    assert_string_equal(rig->headers, "Content-Length: 2\r\n");
}

static void a_redirect_is_an_answer(void **state)
{
    struct rig *rig = *state;
    const struct web_request request = request_of(rig);
    rig->server.answers[0] = "HTTP/1.1 302 Found\r\nLocation: /b\r\nContent-Length: 3\r\n\r\nbye";
    start(rig);
    ask(rig, &request);
    assert_int_equal(rig->status, 302);
    assert_string_equal(rig->body, "bye");
}

/* ---- TLS ---- */

static void use_tls(struct rig *rig)
{
    EVP_PKEY *key = EVP_EC_gen("P-256");
    X509 *cert = pki_certificate(key, -60, 3600);
    rig->server.tls = SSL_CTX_new(TLS_server_method());
    assert_int_equal(SSL_CTX_use_certificate(rig->server.tls, cert), 1);
    assert_int_equal(SSL_CTX_use_PrivateKey(rig->server.tls, key), 1);
    X509_free(cert);
    EVP_PKEY_free(key);
    snprintf(rig->url, sizeof(rig->url), "https://127.0.0.1:%d/", rig->server.port);
    rig->server.answers[0] = "HTTP/1.1 204 No Content\r\n\r\n";
    start(rig);
}

static void a_certificate_of_nobody_is_refused(void **state)
{
    struct rig *rig = *state;
    struct web_request request = request_of(rig);
    request.wants_chain = true;
    use_tls(rig);
    ask(rig, &request);
    assert_int_equal(rig->err.kind, ERR_DENIED);
    assert_int_equal(rig->phase, WEB_HANDSHAKING);
    assert_int_equal(strncmp(rig->chain, "-----BEGIN CERTIFICATE-----", 27), 0);
    assert_non_null(strstr(rig->err.text, "self-signed"));
}

static void what_tls_agreed_on_is_told(void **state)
{
    struct rig *rig = *state;
    const struct web_options server = {.tls.verification = WEB_VERIFY_NONE};
    struct web_request request = request_of(rig);
    request.server = &server;
    request.wants_chain = true;
    use_tls(rig);
    ask(rig, &request);
    assert_int_equal(rig->err.kind, ERR_NONE);
    assert_string_equal(rig->tls_version, "TLSv1.3");
    assert_int_equal(strncmp(rig->chain, "-----BEGIN CERTIFICATE-----", 27), 0);
    assert_true(rig->times.shaken_ns > rig->times.connected_ns);
}

static void versions_of_tls_are_kept_to(void **state)
{
    struct rig *rig = *state;
    static char version[] = "TLSv1.2";
    char *versions[] = {version};
    const struct web_options server = {
        .tls = {.verification = WEB_VERIFY_NONE, .protocols = {versions, 1}}};
    struct web_request request = request_of(rig);
    request.server = &server;
    use_tls(rig);
    ask(rig, &request);
    assert_string_equal(rig->tls_version, "TLSv1.2");
}

/* ---- ends ---- */

static void cancelled_is_not_told(void **state)
{
    struct rig *rig = *state;
    const struct web_request request = request_of(rig);
    struct web_call *call;
    struct err err;
    start(rig);
    assert_int_equal(web_ask(rig->web, &request, &call, &err), 0);
    for (int i = 0; i < 3; i++)
        assert_int_equal(loop_turn(rig->loop, 10 * NS_PER_MS, &err), 0);
    web_cancel(call);
    for (int i = 0; i < 3; i++)
        assert_int_equal(loop_turn(rig->loop, 10 * NS_PER_MS, &err), 0);
    assert_int_equal(rig->n_done, 0);
}

static void what_runs_ends_with_the_client(void **state)
{
    struct rig *rig = *state;
    const struct web_request request = request_of(rig);
    struct web_call *one, *two;
    struct err err;
    start(rig);
    assert_int_equal(web_ask(rig->web, &request, &one, &err), 0);
    assert_int_equal(loop_turn(rig->loop, 10 * NS_PER_MS, &err), 0);
    assert_int_equal(web_ask(rig->web, &request, &two, &err), 0);
    web_client_close(rig->web);
    rig->web = NULL;
    assert_int_equal(rig->n_done, 0);
}

static void what_is_no_url_is_said_at_once(void **state)
{
    struct rig *rig = *state;
    struct web_request request = request_of(rig);
    struct web_call *call;
    struct err err;
    request.url = "ftp://127.0.0.1/";
    assert_int_equal(web_ask(rig->web, &request, &call, &err), -1);
    assert_int_equal(err.kind, ERR_CONFIG);
    assert_string_equal(err.text, "'ftp://127.0.0.1/' begins with neither http:// nor https://");
}

static void headers_are_found(void **state)
{
    (void)state;
    const struct web_answer answer = {.headers = "A: 1\r\nContent-Type:  text/html \r\nEmpty:\r\n"};
    const char *value;
    size_t len;
    assert_true(web_header(&answer, "content-type", &value, &len));
    assert_int_equal(len, 10);
    assert_memory_equal(value, "text/html ", 10);
    assert_true(web_header(&answer, "empty", &value, &len));
    assert_int_equal(len, 0);
    assert_false(web_header(&answer, "conten", &value, &len));
}

static void options_are_checked(void **state)
{
    (void)state;
    static char key[] = "/nowhere/key", none[] = "TLSv9";
    char *versions[] = {none};
    struct web_options options = {.tls.key = key};
    struct err err;
    assert_int_equal(web_check(&options, &err), -1);
    assert_string_equal(err.text, "ssl.key is set, but ssl.certificate is not");
    options.tls.certificate = key;
    assert_int_equal(web_check(&options, &err), -1);
    assert_string_equal(err.text, "ssl.certificate: /nowhere/key: No such file or directory");
    options.tls = (struct web_tls) {.protocols = {versions, 1}};
    assert_int_equal(web_check(&options, &err), -1);
    assert_non_null(strstr(err.text, "'TLSv9' is not known"));
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(an_answer_comes_whole),
        CASE(times_grow),
        CASE(what_the_options_say_is_sent),
        CASE(an_endless_answer_is_cut),
        CASE(all_of_a_body_is_told_beyond_what_is_kept),
        CASE(a_body_without_end_is_cut_at_what_may_be_read),
        CASE(endless_headers_end),
        CASE(silence_is_too_late),
        CASE(nobody_listens),
        CASE(a_name_that_is_none),
        CASE(garbage_is_no_answer),
        CASE(an_address_stands_for_the_name),
        CASE(redirects_are_followed_if_wanted),
        CASE(a_redirect_is_an_answer),
        CASE(a_certificate_of_nobody_is_refused),
        CASE(what_tls_agreed_on_is_told),
        CASE(versions_of_tls_are_kept_to),
        CASE(cancelled_is_not_told),
        CASE(what_runs_ends_with_the_client),
        CASE(what_is_no_url_is_said_at_once),
        cmocka_unit_test(headers_are_found),
        cmocka_unit_test(options_are_checked),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
