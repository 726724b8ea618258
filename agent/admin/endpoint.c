/* endpoint.c: connections and requests, by libmicrohttpd on posta's loop.
 *
 * Happy path: connections are taken in here and handed to libmicrohttpd, which reads requests and writes answers whenever its
 * descriptor says so; no thread of its own.
 * Failure modes: (1) more than CONNECTIONS_MAX at once: the oldest is cut, so that those who keep theirs open or send slowly do not
 * keep others out. (2) nothing is sent or taken for TIMEOUT_S: cut. (3) a request larger than CONNECTION_BYTES, or with a
 * body: refused. (4) no more descriptors: taking in waits a little. (5) many requests: a part of the loop's time is theirs
 * (SHARE), the rest is for the logs; metrics are not made anew each time.
 * On close: connections are cut; the socket's file goes.
 */
#include "listen.h"
#include "mhd.h"

#include <posta/fs.h>
#include <posta/log.h>

#include <errno.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

enum {
    CONNECTIONS_MAX = 32,
    ACCEPTS_PER_TURN = 8,
    CONNECTION_BYTES = 8 * 1024,
    TIMEOUT_S = 10,
};
enum { SHARE = 5, METRICS_SHARE = 20 }; /* a fifth of the time, and of that for making metrics */
#define FRESH_NS (100 * NS_PER_MS)
#define PAUSE_NS (100 * NS_PER_MS)
#define LONG_NS  (500000) /* a turn that took so long is followed by a rest */

struct client {
    struct MHD_Connection *connection;
    struct client *prev, *next; /* older first */
    bool is_cut;
};

/* An answer that may be given again. */
struct kept {
    struct MHD_Response *response; /* NULL = none */
    int64_t until_ns;              /* it will do */
};

struct admin {
    struct loop *loop;
    struct admin_source source;
    const struct mhd_functions *mhd;
    struct MHD_Daemon *daemon;
    struct loop_io listening, serving;
    struct loop_timer timeout; /* also of a rest */
    bool is_resting;
    struct client *oldest, *newest;
    unsigned n_clients;
    struct kept metrics[2]; /* text, OpenMetrics */
    struct buf url;
    char *path; /* of the socket's file; NULL = TCP */
    struct admin_stats stats;
};

/* ---- connections ---- */

static void enlist(struct admin *admin, struct client *client)
{
    client->prev = admin->newest;
    *(admin->newest ? &admin->newest->next : &admin->oldest) = client;
    admin->newest = client;
    admin->n_clients++;
    admin->stats.connections++;
}

static void strike(struct admin *admin, struct client *client)
{
    *(client->prev ? &client->prev->next : &admin->oldest) = client->next;
    *(client->next ? &client->next->prev : &admin->newest) = client->prev;
    admin->n_clients -= !client->is_cut;
}

static void note_connection(void *arg, struct MHD_Connection *connection, void **own,
                            enum MHD_ConnectionNotificationCode code)
{
    struct admin *admin = arg;
    struct client *client = *own;
    if (code == MHD_CONNECTION_NOTIFY_STARTED) {
        *own = client = mem_zero(1, sizeof *client);
        client->connection = connection;
        enlist(admin, client);
    } else if (client) {
        strike(admin, client);
        free(client);
        *own = NULL;
    }
}

/* libmicrohttpd finds it closed when it runs next. */
static void cut_oldest(struct admin *admin)
{
    struct client *client = admin->oldest;
    while (client && client->is_cut)
        client = client->next;
    const union MHD_ConnectionInfo *info =
        client
            ? admin->mhd->get_connection_info(client->connection, MHD_CONNECTION_INFO_CONNECTION_FD)
            : NULL;
    if (!info)
        return;
    (void)(shutdown(info->connect_fd, SHUT_RDWR) == 0); /* it may be gone already */
    client->is_cut = true;
    admin->n_clients--;
    admin->stats.connections_cut++;
}

/* Nothing is taken in and nothing is answered; the logs have their turn. */
static void rest(struct admin *admin, int64_t for_ns)
{
    if (!admin->is_resting) {
        loop_remove(admin->loop, &admin->serving);
        loop_remove(admin->loop, &admin->listening);
    }
    admin->is_resting = true;
    loop_set_timer(admin->loop, &admin->timeout, for_ns);
}

static void end_rest(struct admin *admin)
{
    struct err err;
    if (!admin->is_resting)
        return;
    admin->is_resting = false;
    if (loop_add(admin->loop, &admin->serving, &err) ||
        loop_add(admin->loop, &admin->listening, &err))
        rest(admin, PAUSE_NS);
}

/* False: there is none now. */
static bool take_one(struct admin *admin)
{
    struct sockaddr_storage addr;
    socklen_t len = sizeof addr;
    int fd =
        accept4(admin->listening.fd, (struct sockaddr *)&addr, &len, SOCK_CLOEXEC | SOCK_NONBLOCK);
    int why = errno;
    if (fd < 0 && (why == EMFILE || why == ENFILE || why == ENOBUFS || why == ENOMEM))
        rest(admin, PAUSE_NS); /* not all the time while there are no descriptors */
    if (fd < 0)
        return why == EINTR || why == ECONNABORTED;
    if (admin->n_clients >= CONNECTIONS_MAX)
        cut_oldest(admin);
    if (admin->mhd->add_connection(admin->daemon, fd, (struct sockaddr *)&addr, len) != MHD_YES)
        admin->stats.connections_cut++; /* it is closed */
    return true;
}

static void wait_on(struct admin *admin)
{
    MHD_UNSIGNED_LONG_LONG wait_ms;
    if (admin->mhd->get_timeout(admin->daemon, &wait_ms) == MHD_YES)
        loop_set_timer(admin->loop, &admin->timeout, (int64_t)wait_ms * NS_PER_MS);
    else
        loop_cancel_timer(admin->loop, &admin->timeout);
}

/* Those who wait to be taken in come first: they may be behind others who ask all the time. */
static void serve(void *arg)
{
    struct admin *admin = arg;
    int64_t began_ns = clock_mono_ns();
    end_rest(admin);
    for (int i = 0; i < ACCEPTS_PER_TURN && !admin->is_resting && take_one(admin); i++)
        continue;
    (void)(admin->mhd->run(admin->daemon) == MHD_YES); /* it fails for threads only */
    int64_t took_ns = clock_mono_ns() - began_ns;
    if (admin->is_resting)
        return;
    if (took_ns > LONG_NS)
        rest(admin, took_ns * (SHARE - 1));
    else
        wait_on(admin);
}

/* ---- requests ---- */

static struct MHD_Response *make_response(struct admin *admin, struct admin_answer *answer)
{
    struct MHD_Response *response = admin->mhd->create_response_from_buffer(
        answer->body.len, answer->body.data, MHD_RESPMEM_MUST_FREE);
    if (!response) {
        buf_free(&answer->body);
        return NULL;
    }
    (void)(admin->mhd->add_response_header(response, "Content-Type", answer->type) == MHD_YES);
    (void)(admin->mhd->add_response_header(response, "Cache-Control", "no-store") == MHD_YES);
    if (answer->status == 405)
        (void)(admin->mhd->add_response_header(response, "Allow", "GET, HEAD") == MHD_YES);
    return response; /* without a header for lack of memory it still is an answer */
}

static void forget(struct admin *admin, struct kept *kept)
{
    if (kept->response)
        admin->mhd->destroy_response(kept->response);
    kept->response = NULL;
}

/* The one that was made just now, if it will do. */
static struct kept *kept_for(struct admin *admin, const char *method, const char *url,
                             const char *accept)
{
    bool is_get = strcmp(method, "GET") == 0 || strcmp(method, "HEAD") == 0;
    if (!is_get || strcmp(url, "/metrics") != 0)
        return NULL;
    struct kept *kept = &admin->metrics[accepts_openmetrics(accept)];
    if (kept->response && clock_mono_ns() >= kept->until_ns)
        forget(admin, kept);
    return kept;
}

/* What takes long to make is made less often. */
static void keep(struct kept *kept, struct MHD_Response *response, int64_t began_ns)
{
    int64_t now_ns = clock_mono_ns(), for_ns = (now_ns - began_ns) * METRICS_SHARE;
    *kept = (struct kept) {.response = response,
                           .until_ns = now_ns + (for_ns > FRESH_NS ? for_ns : FRESH_NS)};
}

static enum MHD_Result give(struct admin *admin, struct MHD_Connection *connection,
                            const char *method, const char *url)
{
    const struct mhd_functions *mhd = admin->mhd;
    struct admin_answer answer = {.status = 200};
    const char *accept =
        mhd->lookup_connection_value(connection, MHD_HEADER_KIND, MHD_HTTP_HEADER_ACCEPT);
    const char *ignored; /* it has a value, or not */
    size_t ignored_len;
    bool is_pretty = mhd->lookup_connection_value_n(connection, MHD_GET_ARGUMENT_KIND, "pretty", 6,
                                                    &ignored, &ignored_len) == MHD_YES;
    struct kept *kept = kept_for(admin, method, url, accept);
    struct MHD_Response *response = kept ? kept->response : NULL;
    int64_t began_ns = clock_mono_ns();
    if (!response) {
        admin_answer(&admin->source, method, url, is_pretty, accept, &answer);
        response = make_response(admin, &answer);
    }
    if (!response)
        return MHD_NO;
    enum MHD_Result result = mhd->queue_response(connection, answer.status, response);
    if (kept && !kept->response)
        keep(kept, response, began_ns);
    else if (!kept)
        mhd->destroy_response(response);
    return result;
}

/* Called first when the headers are there, then for the body, then at its end. */
static enum MHD_Result take_request(void *arg, struct MHD_Connection *connection, const char *url,
                                    const char *method, const char *version, const char *upload,
                                    size_t *upload_len, void **own)
{
    struct admin *admin = arg;
    bool is_get = strcmp(method, "GET") == 0 || strcmp(method, "HEAD") == 0;
    (void)version, (void)upload;
    if (!*own && is_get) {
        *own = admin; /* anything */
        return MHD_YES;
    }
    if (*upload_len > 0)
        return MHD_NO; /* nobody wants it */
    admin->stats.requests++;
    return give(admin, connection, method, url);
}

/* ---- life ---- */

static int start_daemon(struct admin *admin, struct err *err)
{
    const struct MHD_OptionItem options[] = {
        {MHD_OPTION_CONNECTION_LIMIT, CONNECTIONS_MAX + 2 * ACCEPTS_PER_TURN, NULL},
        {MHD_OPTION_CONNECTION_TIMEOUT, TIMEOUT_S, NULL},
        {MHD_OPTION_CONNECTION_MEMORY_LIMIT, CONNECTION_BYTES, NULL},
        {MHD_OPTION_NOTIFY_CONNECTION, (intptr_t)note_connection, admin},
        {MHD_OPTION_END, 0, NULL},
    };
    admin->daemon =
        admin->mhd->start_daemon(MHD_USE_EPOLL | MHD_USE_NO_LISTEN_SOCKET, 0, NULL, NULL,
                                 take_request, admin, MHD_OPTION_ARRAY, options, MHD_OPTION_END);
    const union MHD_DaemonInfo *info =
        admin->daemon ? admin->mhd->get_daemon_info(admin->daemon, MHD_DAEMON_INFO_EPOLL_FD) : NULL;
    if (!info)
        return err_sys(err, "start libmicrohttpd");
    admin->serving = (struct loop_io) {.fd = info->epoll_fd, .ready = serve, .arg = admin};
    return loop_add(admin->loop, &admin->serving, err);
}

static int start_listening(struct admin *admin, const struct admin_settings *settings,
                           struct err *err)
{
    int fd = admin_listen(settings, &admin->url, err);
    if (fd < 0)
        return -1;
    admin->path = unix_path(settings) ? mem_dup(unix_path(settings)) : NULL;
    admin->listening = (struct loop_io) {.fd = fd, .ready = serve, .arg = admin};
    return loop_add(admin->loop, &admin->listening, err);
}

int admin_open(struct admin **out, struct loop *loop, const struct admin_settings *settings,
               const struct admin_source *source, struct err *err)
{
    const struct mhd_functions *mhd = mhd_load(err);
    if (!mhd)
        return -1;
    struct admin *admin = mem_zero(1, sizeof *admin);
    *admin = (struct admin) {.loop = loop,
                             .source = *source,
                             .mhd = mhd,
                             .listening = {.fd = -1},
                             .serving = {.fd = -1},
                             .timeout = {.fire = serve, .arg = admin}};
    if (start_daemon(admin, err) || start_listening(admin, settings, err)) {
        admin_close(admin);
        return -1;
    }
    log_info("http", "health and metrics: %s", buf_str(&admin->url));
    *out = admin;
    return 0;
}

void admin_close(struct admin *admin)
{
    struct err ignored; /* the next start clears it */
    if (!admin)
        return;
    loop_cancel_timer(admin->loop, &admin->timeout);
    if (admin->listening.fd >= 0) {
        loop_remove(admin->loop, &admin->listening);
        close(admin->listening.fd);
    }
    if (admin->serving.fd >= 0)
        loop_remove(admin->loop, &admin->serving);
    forget(admin, &admin->metrics[0]);
    forget(admin, &admin->metrics[1]);
    if (admin->daemon)
        admin->mhd->stop_daemon(admin->daemon);
    if (admin->path)
        (void)(fs_unlink(admin->path, &ignored) == 0);
    free(admin->path);
    buf_free(&admin->url);
    free(admin);
}

const struct admin_stats *admin_stats(const struct admin *admin)
{
    static const struct admin_stats none;
    return admin ? &admin->stats : &none;
}

const char *admin_url(const struct admin *admin)
{
    return admin->url.data ? admin->url.data : "";
}
