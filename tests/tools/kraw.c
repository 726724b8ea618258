/* Ask a broker for what librdkafka 2.0 has no call for: raw requests over mutual TLS.
 *
 *   kraw -b HOST:PORT -a CA -c CERT -k KEY COMMAND ...
 *
 *   leader TOPIC PARTITION ID,ID,...   the replicas in this order, the first becomes the leader, now
 *   quota CLIENT_ID BYTES|none         what a client may produce in a second (of each broker)
 *
 * Exit 0 when the broker has done it, else 1 with its error code.
 */
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { ELECT_LEADERS = 43, REASSIGN = 45, CLIENT_QUOTAS = 49, ELECTION_NOT_NEEDED = 84 };

struct buffer {
    unsigned char bytes[4096];
    size_t len, at; /* at: how far it was read */
};

static void die(const char *fmt, ...) __attribute__((format(printf, 1, 2), noreturn));

static void die(const char *fmt, ...)
{
    va_list args;

    va_start(args, fmt);
    fputs("kraw: ", stderr);
    vfprintf(stderr, fmt, args);
    fputc('\n', stderr);
    va_end(args);
    exit(1);
}

/* ---- Kafka's types ---- */

static void put_bytes(struct buffer *buf, const void *bytes, size_t len)
{
    if (buf->len + len > sizeof buf->bytes)
        die("the request is too long");
    memcpy(buf->bytes + buf->len, bytes, len);
    buf->len += len;
}

static void put_int(struct buffer *buf, uint64_t value, int n_bytes)
{
    for (int i = n_bytes - 1; i >= 0; i--)
        put_bytes(buf, &(unsigned char) {(unsigned char)(value >> (8 * i))}, 1);
}

static void put_string(struct buffer *buf, const char *text)
{
    put_int(buf, strlen(text), 2);
    put_bytes(buf, text, strlen(text));
}

/* Lengths of the compact forms are one more than they are; ours fit in one byte. */
static void put_compact(struct buffer *buf, size_t n)
{
    if (n > 126)
        die("longer than 126");
    put_int(buf, n + 1, 1);
}

static void put_double(struct buffer *buf, double value)
{
    uint64_t bits;

    memcpy(&bits, &value, sizeof bits);
    put_int(buf, bits, 8);
}

static int64_t get_int(struct buffer *buf, int n_bytes)
{
    uint64_t value = 0;

    if (buf->at + (size_t)n_bytes > buf->len)
        die("the answer is too short");
    for (int i = 0; i < n_bytes; i++)
        value = value << 8 | buf->bytes[buf->at++];
    return n_bytes == 2 ? (int16_t)value : (int64_t)value;
}

static void skip(struct buffer *buf, int64_t n)
{
    if (n > 0)
        buf->at += (size_t)n;
}

/* ---- asking ---- */

static void begin_request(struct buffer *buf, int api, bool is_flexible)
{
    buf->len = 0;
    put_int(buf, 0, 4); /* length, filled in when it is sent */
    put_int(buf, (uint64_t)api, 2);
    put_int(buf, 0, 2); /* version */
    put_int(buf, 1, 4); /* correlation id */
    put_string(buf, "kraw");
    if (is_flexible)
        put_int(buf, 0, 1);
}

static void read_all(SSL *ssl, void *to, size_t len)
{
    for (size_t done = 0; done < len;) {
        int n = SSL_read(ssl, (char *)to + done, (int)(len - done));
        if (n <= 0)
            die("the broker closed the connection");
        done += (size_t)n;
    }
}

/* Send buf; the answer, behind its correlation id, takes its place. */
static void ask(SSL *ssl, struct buffer *buf)
{
    size_t len = buf->len;
    unsigned char head[4];

    buf->len = 0;
    put_int(buf, len - 4, 4);
    if (SSL_write(ssl, buf->bytes, (int)len) != (int)len)
        die("cannot write to the broker");
    read_all(ssl, head, sizeof head);
    len = (size_t)head[0] << 24 | (size_t)head[1] << 16 | (size_t)head[2] << 8 | head[3];
    if (len < 4 || len > sizeof buf->bytes)
        die("an answer of %zu bytes", len);
    read_all(ssl, buf->bytes, len);
    buf->len = len;
    buf->at = 4;
}

static void expect_fine(const char *what, int64_t code)
{
    if (code != 0)
        die("%s: error %lld", what, (long long)code);
}

/* ---- commands ---- */

static void reassign(SSL *ssl, const char *topic, int partition, const char *replicas)
{
    struct buffer buf;
    size_t n = 1;

    for (const char *p = replicas; *p; p++)
        n += *p == ',';
    begin_request(&buf, REASSIGN, true);
    put_int(&buf, 30000, 4);
    put_compact(&buf, 1); /* topics */
    put_compact(&buf, strlen(topic));
    put_bytes(&buf, topic, strlen(topic));
    put_compact(&buf, 1); /* partitions */
    put_int(&buf, (uint64_t)partition, 4);
    put_compact(&buf, n);
    for (const char *p = replicas; p; p = strchr(p, ',') ? strchr(p, ',') + 1 : NULL)
        put_int(&buf, strtoull(p, NULL, 10), 4);
    put_int(&buf, 0, 3); /* tags of partition, topic, request */
    ask(ssl, &buf);
    skip(&buf, 1 + 4); /* tags, throttle time */
    expect_fine("reassign", get_int(&buf, 2));
}

static void elect(SSL *ssl, const char *topic, int partition)
{
    struct buffer buf;
    int64_t code;

    begin_request(&buf, ELECT_LEADERS, false);
    put_int(&buf, 1, 4);
    put_string(&buf, topic);
    put_int(&buf, 1, 4);
    put_int(&buf, (uint64_t)partition, 4);
    put_int(&buf, 30000, 4);
    ask(ssl, &buf);
    skip(&buf, 4);             /* throttle time */
    if (get_int(&buf, 4) == 0) /* topics; those that need none are left out */
        return;
    skip(&buf, get_int(&buf, 2)); /* name */
    skip(&buf, 4 + 4);            /* partitions, partition */
    code = get_int(&buf, 2);
    expect_fine("elect", code == ELECTION_NOT_NEEDED ? 0 : code);
}

static void set_quota(SSL *ssl, const char *client, const char *bytes)
{
    struct buffer buf;
    bool is_none = strcmp(bytes, "none") == 0;

    begin_request(&buf, CLIENT_QUOTAS, false);
    put_int(&buf, 1, 4); /* entries */
    put_int(&buf, 1, 4); /* of which each has one name */
    put_string(&buf, "client-id");
    put_string(&buf, client);
    put_int(&buf, 1, 4); /* values */
    put_string(&buf, "producer_byte_rate");
    put_double(&buf, is_none ? 0 : strtod(bytes, NULL));
    put_int(&buf, is_none, 1);
    put_int(&buf, 0, 1); /* not only validate */
    ask(ssl, &buf);
    skip(&buf, 4 + 4); /* throttle time, entries */
    expect_fine("quota", get_int(&buf, 2));
}

/* ---- the connection and the command line ---- */

static SSL *connect_to(const char *broker, const char *ca, const char *cert, const char *key)
{
    SSL_CTX *ctx = SSL_CTX_new(TLS_client_method());
    BIO *bio;
    SSL *ssl = NULL;

    if (!ca || !cert || !key || !broker)
        die("-b, -a, -c and -k are needed");
    SSL_CTX_set_verify(ctx, SSL_VERIFY_PEER, NULL);
    if (SSL_CTX_load_verify_locations(ctx, ca, NULL) != 1 ||
        SSL_CTX_use_certificate_chain_file(ctx, cert) != 1 ||
        SSL_CTX_use_PrivateKey_file(ctx, key, SSL_FILETYPE_PEM) != 1)
        die("certificates: %s", ERR_error_string(ERR_get_error(), NULL));
    bio = BIO_new_ssl_connect(ctx);
    BIO_set_conn_hostname(bio, broker);
    if (BIO_do_connect(bio) <= 0 || BIO_do_handshake(bio) <= 0)
        die("%s: %s", broker, ERR_error_string(ERR_get_error(), NULL));
    BIO_get_ssl(bio, &ssl);
    return ssl;
}

int main(int argc, char **argv)
{
    const char *broker = NULL, *ca = NULL, *cert = NULL, *key = NULL;
    int c;

    while ((c = getopt(argc, argv, "b:a:c:k:")) != -1) {
        switch (c) {
        case 'b':
            broker = optarg;
            break;
        case 'a':
            ca = optarg;
            break;
        case 'c':
            cert = optarg;
            break;
        case 'k':
            key = optarg;
            break;
        default:
            die("see the head of kraw.c");
        }
    }
    SSL *ssl = connect_to(broker, ca, cert, key);
    argv += optind;
    argc -= optind;
    if (argc == 4 && strcmp(argv[0], "leader") == 0) {
        reassign(ssl, argv[1], atoi(argv[2]), argv[3]);
        elect(ssl, argv[1], atoi(argv[2]));
    } else if (argc == 3 && strcmp(argv[0], "quota") == 0) {
        set_quota(ssl, argv[1], argv[2]);
    } else {
        die("see the head of kraw.c");
    }
    return 0;
}
