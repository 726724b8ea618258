/* A server of OAuth tokens for tests: client credentials in, JWT (ES256) out.
 *
 *   tokend -k KEY.pem -j                                              print the key set (JWKS) that brokers check with
 *   tokend -k KEY.pem -f READY [-c CERT.pem -C CERTKEY.pem] [-u ID:SECRET] [-e SECONDS] [-o LOG]
 *
 * Listens on a free port of 127.0.0.1, with TLS if it has a certificate, and writes the port to READY. Tokens are for the subject
 * ID, the audience kafka, from posta-test, good for SECONDS (300). LOG gets one line a request: status and scope.
 * Paths: /token answers as it should; /chunked in chunks; /broken with something else; /silent not at all.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <openssl/ec.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum { NUMBER = 32, TEXT = 4096 };

struct server {
    EVP_PKEY *key;
    SSL_CTX *tls;
    const char *user;
    long lifetime_s;
    FILE *log;
};

static void die(const char *what)
{
    fprintf(stderr, "tokend: %s: %s\n", what, errno ? strerror(errno) : "failed");
    exit(1);
}

static const char *base64url(const void *bytes, size_t len, char *out)
{
    int n = EVP_EncodeBlock((unsigned char *)out, bytes, (int)len);

    while (n > 0 && out[n - 1] == '=')
        n--;
    out[n] = '\0';
    for (char *c = out; *c; c++)
        *c = *c == '+' ? '-' : *c == '/' ? '_' : *c;
    return out;
}

static void print_jwks(EVP_PKEY *key)
{
    char x[64], y[64];
    unsigned char point[1 + 2 * NUMBER];
    size_t len;

    if (!EVP_PKEY_get_octet_string_param(key, "encoded-pub-key", point, sizeof point, &len) ||
        len != sizeof point)
        die("the key is no P-256 key");
    printf("{\"keys\":[{\"kty\":\"EC\",\"crv\":\"P-256\",\"use\":\"sig\",\"alg\":\"ES256\","
           "\"kid\":\"t1\",\"x\":\"%s\",\"y\":\"%s\"}]}\n",
           base64url(point + 1, NUMBER, x), base64url(point + 1 + NUMBER, NUMBER, y));
}

/* DER → the two numbers side by side, as JWS wants them. */
static void sign(EVP_PKEY *key, const char *text, unsigned char out[static 2 * NUMBER])
{
    unsigned char der[128];
    const unsigned char *at = der;
    size_t len = sizeof der;
    EVP_MD_CTX *ctx = EVP_MD_CTX_new();

    if (!EVP_DigestSignInit(ctx, NULL, EVP_sha256(), NULL, key) ||
        !EVP_DigestSign(ctx, der, &len, (const unsigned char *)text, strlen(text)))
        die("sign");
    ECDSA_SIG *sig = d2i_ECDSA_SIG(NULL, &at, (long)len);
    BN_bn2binpad(ECDSA_SIG_get0_r(sig), out, NUMBER);
    BN_bn2binpad(ECDSA_SIG_get0_s(sig), out + NUMBER, NUMBER);
    ECDSA_SIG_free(sig);
    EVP_MD_CTX_free(ctx);
}

static void make_token(const struct server *server, char out[static TEXT])
{
    static const char head[] = "{\"alg\":\"ES256\",\"kid\":\"t1\",\"typ\":\"JWT\"}";
    char claims[512], part[1024];
    unsigned char signature[2 * NUMBER];
    long now = time(NULL);
    int id_len = (int)strcspn(server->user, ":");

    snprintf(claims, sizeof claims,
             "{\"sub\":\"%.*s\",\"iss\":\"posta-test\",\"aud\":\"kafka\",\"scope\":\"logs\","
             "\"iat\":%ld,\"exp\":%ld}",
             id_len, server->user, now, now + server->lifetime_s);
    strcpy(out, base64url(head, strlen(head), part));
    strcat(strcat(out, "."), base64url(claims, strlen(claims), part));
    sign(server->key, out, signature);
    strcat(strcat(out, "."), base64url(signature, sizeof signature, part));
}

/* ---- one request ---- */

struct peer {
    int fd;
    SSL *ssl;
};

static int get(struct peer *peer, char *at, int len)
{
    return peer->ssl ? SSL_read(peer->ssl, at, len) : (int)read(peer->fd, at, (size_t)len);
}

static void put(struct peer *peer, const char *fmt, ...)
{
    char text[2 * TEXT];
    va_list args;

    va_start(args, fmt);
    int len = vsnprintf(text, sizeof text, fmt, args);
    va_end(args);
    if (peer->ssl ? SSL_write(peer->ssl, text, len) < len : write(peer->fd, text, len) < len)
        fprintf(stderr, "tokend: the client is gone\n");
}

static void put_answer(struct peer *peer, int status, bool in_chunks, const char *body)
{
    size_t half = strlen(body) / 2;

    put(peer, "HTTP/1.1 %d Answer\r\nContent-Type: application/json\r\n", status);
    if (in_chunks)
        put(peer, "Transfer-Encoding: chunked\r\n\r\n%zx\r\n%.*s\r\n%zx\r\n%s\r\n0\r\n\r\n", half,
            (int)half, body, strlen(body) - half, body + half);
    else
        put(peer, "Content-Length: %zu\r\n\r\n%s", strlen(body), body);
}

/* The whole request: the form is behind the head, as long as Content-Length says. */
static bool read_request(struct peer *peer, char text[static TEXT])
{
    int len = 0;

    for (;;) {
        int n = get(peer, text + len, TEXT - 1 - len);
        if (n <= 0)
            return false;
        text[len += n] = '\0';
        const char *body = strstr(text, "\r\n\r\n"), *size = strstr(text, "Content-Length: ");
        if (body && size && strlen(body + 4) >= strtoul(size + 16, NULL, 10))
            return true;
    }
}

static bool is_allowed(const struct server *server, const char *request)
{
    char basic[256], header[300];
    int n = EVP_EncodeBlock((unsigned char *)basic, (const unsigned char *)server->user,
                            (int)strlen(server->user));

    snprintf(header, sizeof header, "\r\nAuthorization: Basic %.*s\r\n", n, basic);
    return strstr(request, header) && strstr(request, "grant_type=client_credentials");
}

static void answer(struct server *server, struct peer *peer)
{
    char request[TEXT], token[TEXT], body[TEXT + 256];

    if (!read_request(peer, request))
        return;
    const char *scope = strstr(request, "&scope=");
    bool allowed = is_allowed(server, request);
    if (server->log)
        fprintf(server->log, "%d %s\n", allowed ? 200 : 401, scope ? scope + 7 : ""),
            fflush(server->log);
    if (strncmp(request, "POST /broken ", 13) == 0) {
        put(peer, "HTTP/1.1 200 OK\r\n\r\n<html>");
    } else if (strncmp(request, "POST /silent ", 13) == 0) {
        get(peer, request, 1); /* until the client gives up */
    } else if (!allowed) {
        put_answer(peer, 401, false,
                   "{\"error\":\"invalid_client\",\"error_description\":\"unknown client\"}");
    } else {
        make_token(server, token);
        snprintf(body, sizeof body, "{\"access_token\":\"%s\",\"expires_in\":%ld}", token,
                 server->lifetime_s);
        put_answer(peer, 200, strncmp(request, "POST /chunked ", 14) == 0, body);
    }
}

static void serve(struct server *server, int fd)
{
    struct peer peer = {.fd = fd};

    if (server->tls) {
        peer.ssl = SSL_new(server->tls);
        SSL_set_fd(peer.ssl, fd);
    }
    if (!peer.ssl || SSL_accept(peer.ssl) == 1)
        answer(server, &peer);
    if (peer.ssl)
        SSL_shutdown(peer.ssl);
    SSL_free(peer.ssl);
    close(fd);
}

/* ---- life ---- */

static int listen_somewhere(const char *ready)
{
    struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t size = sizeof at;
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    FILE *file;

    if (fd < 0 || bind(fd, (struct sockaddr *)&at, sizeof at) < 0 || listen(fd, 16) < 0 ||
        getsockname(fd, (struct sockaddr *)&at, &size) < 0)
        die("listen");
    file = fopen(ready, "w");
    if (!file)
        die(ready);
    fprintf(file, "%d\n", ntohs(at.sin_port));
    fclose(file);
    return fd;
}

static EVP_PKEY *read_key(const char *path)
{
    FILE *file = fopen(path, "r");
    EVP_PKEY *key = file ? PEM_read_PrivateKey(file, NULL, NULL, NULL) : NULL;

    if (!key)
        die(path);
    fclose(file);
    return key;
}

static SSL_CTX *make_tls(const char *cert, const char *key)
{
    SSL_CTX *ctx = SSL_CTX_new(TLS_server_method());

    if (SSL_CTX_use_certificate_chain_file(ctx, cert) != 1 ||
        SSL_CTX_use_PrivateKey_file(ctx, key, SSL_FILETYPE_PEM) != 1)
        die(cert);
    return ctx;
}

int main(int argc, char **argv)
{
    struct server server = {.user = "posta:token-secret", .lifetime_s = 300};
    const char *ready = NULL, *cert = NULL, *cert_key = NULL;
    bool wants_jwks = false;
    int opt;

    while ((opt = getopt(argc, argv, "k:jf:c:C:u:e:o:")) != -1) {
        switch (opt) {
        case 'k':
            server.key = read_key(optarg);
            break;
        case 'j':
            wants_jwks = true;
            break;
        case 'f':
            ready = optarg;
            break;
        case 'c':
            cert = optarg;
            break;
        case 'C':
            cert_key = optarg;
            break;
        case 'u':
            server.user = optarg;
            break;
        case 'e':
            server.lifetime_s = strtol(optarg, NULL, 10);
            break;
        case 'o':
            server.log = fopen(optarg, "w");
            break;
        default:
            exit(2);
        }
    }
    if (!server.key || (!wants_jwks && !ready) || !cert != !cert_key) {
        fprintf(stderr, "usage: see the head of tokend.c\n");
        exit(2);
    }
    if (wants_jwks) {
        print_jwks(server.key);
        return 0;
    }
    signal(SIGPIPE, SIG_IGN);
    if (cert)
        server.tls = make_tls(cert, cert_key);
    int fd = listen_somewhere(ready);
    for (;;)
        serve(&server, accept(fd, NULL, NULL));
}
