/* bare.c: the least that the job takes without a Kafka library: read, wrap each line into the event of event.h straight into a
 * record batch, lz4, crc32c, send, at most 5 batches on their way. Acks from all. It asks for nothing: it knows that bench/sink
 * lets the first broker lead partition 0. No spool, no positions, no rotation, no errors.
 *
 *   bare BOOTSTRAP TOPIC FILE
 */
#include "event.h"
#include "wire.h"

#include <posta/bytes.h>

#include <lz4frame.h>

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

enum { BATCH_BYTES = 950 * 1024, IN_FLIGHT = 5, RECORD_HEAD = 12, TIMEOUT_MS = 30000 };

static struct {
    int fd, n_in_flight;
    const char *topic;
    size_t used;
    uint32_t n_records;
    uint64_t n_lines;
    LZ4F_cctx *lz4;
} b;
static unsigned char plain[BATCH_BYTES + EVENT_MAX];
static unsigned char packed[2 * BATCH_BYTES + EVENT_MAX]; /* a whole batch */

static void die(const char *what)
{
    perror(what);
    exit(1);
}

static void open_broker(const char *bootstrap)
{
    struct sockaddr_in addr = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int one = 1;
    addr.sin_port = htons((uint16_t)atoi(strchr(bootstrap, ':') + 1));
    b.fd = socket(AF_INET, SOCK_STREAM, 0);
    if (b.fd < 0 || connect(b.fd, (struct sockaddr *)&addr, sizeof addr))
        die("connect");
    setsockopt(b.fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
}

static void read_answer(void)
{
    unsigned char head[4], body[4096];
    if (recv(b.fd, head, sizeof head, MSG_WAITALL) != sizeof head)
        die("answer");
    struct wire w = {.at = head, .end = head + sizeof head};
    size_t len = wire_get(&w, 4);
    if (len > sizeof body || recv(b.fd, body, len, MSG_WAITALL) != (ssize_t)len)
        die("answer");
    b.n_in_flight--;
}

static void send_all(struct iovec *parts, int n)
{
    while (n > 0) {
        ssize_t sent = writev(b.fd, parts, n);
        if (sent < 0)
            die("send");
        for (; n > 0 && (size_t)sent >= parts->iov_len; parts++, n--)
            sent -= (ssize_t)parts->iov_len;
        if (n > 0) {
            parts->iov_base = (char *)parts->iov_base + sent;
            parts->iov_len -= (size_t)sent;
        }
    }
}

/* Produce version 7, one topic, one partition. */
static void send_batch(size_t len)
{
    unsigned char head[512];
    struct wire w = {.at = head, .end = head + sizeof head};
    wire_put(&w, 4, 0);
    wire_put(&w, 2, API_PRODUCE);
    wire_put(&w, 2, 7);
    wire_put(&w, 4, 0);
    wire_put_text(&w, "bare");
    wire_put(&w, 2, UINT16_MAX); /* no transaction */
    wire_put(&w, 2, UINT16_MAX); /* acks: all */
    wire_put(&w, 4, TIMEOUT_MS);
    wire_put(&w, 4, 1);
    wire_put_text(&w, b.topic);
    wire_put(&w, 4, 1);
    wire_put(&w, 4, 0);
    wire_put(&w, 4, len);
    size_t n = (size_t)(w.at - head);
    w.at = head;
    wire_put(&w, 4, n - 4 + len);
    struct iovec parts[] = {{head, n}, {packed, len}};
    if (b.n_in_flight == IN_FLIGHT)
        read_answer();
    send_all(parts, 2);
    b.n_in_flight++;
}

static void put_head(size_t len)
{
    struct timespec ts;
    clock_gettime(CLOCK_REALTIME, &ts);
    uint64_t now_ms = (uint64_t)ts.tv_sec * 1000 + (uint64_t)ts.tv_nsec / 1000000;
    struct wire w = {.at = packed, .end = packed + BATCH_RECORDS};
    wire_put(&w, 8, 0);
    wire_put(&w, 4, len - BATCH_LENGTH - 4);
    wire_put(&w, 4, UINT32_MAX);
    wire_put(&w, 1, 2);
    wire_put(&w, 4, 0);
    wire_put(&w, 2, CODEC_LZ4);
    wire_put(&w, 4, b.n_records - 1);
    wire_put(&w, 8, now_ms);
    wire_put(&w, 8, now_ms);
    wire_put(&w, 8, UINT64_MAX); /* no producer id, epoch, sequence */
    wire_put(&w, 2, UINT16_MAX);
    wire_put(&w, 4, UINT32_MAX);
    wire_put(&w, 4, b.n_records);
    w.at = packed + BATCH_CRC;
    wire_put(&w, 4, crc32c(0, packed + BATCH_ATTRIBUTES, len - BATCH_ATTRIBUTES));
}

static void flush(void)
{
    if (b.n_records == 0)
        return;
    unsigned char *at = packed + BATCH_RECORDS, *end = packed + sizeof packed;
    size_t n = LZ4F_compressBegin(b.lz4, at, (size_t)(end - at), NULL);
    n += LZ4F_compressUpdate(b.lz4, at + n, (size_t)(end - at) - n, plain, b.used, NULL);
    n += LZ4F_compressEnd(b.lz4, at + n, (size_t)(end - at) - n, NULL);
    put_head(BATCH_RECORDS + n);
    send_batch(BATCH_RECORDS + n);
    b.used = b.n_records = 0;
}

/* A number of 20 bits, always in three bytes. */
static unsigned char *put_varint(unsigned char *at, size_t number)
{
    uint64_t zigzag = (uint64_t)number << 1;
    at[0] = (unsigned char)(zigzag | 0x80);
    at[1] = (unsigned char)(zigzag >> 7 | 0x80);
    at[2] = (unsigned char)(zigzag >> 14 & 0x7f);
    return at + 3;
}

static void put_line(const char *line, size_t len, uint64_t offset)
{
    unsigned char *record = plain + b.used, *at = record;
    size_t n = event_wrap((char *)record + RECORD_HEAD, line, len, offset);
    at = put_varint(at, RECORD_HEAD - 3 + n + 1);
    *at++ = 0; /* attributes */
    *at++ = 0; /* time: the batch's */
    at = put_varint(at, b.n_records++);
    *at++ = 1; /* no key */
    put_varint(at, n);
    record[RECORD_HEAD + n] = 0; /* no headers */
    b.used += RECORD_HEAD + n + 1;
    b.n_lines++;
    if (b.used >= BATCH_BYTES)
        flush();
}

int main(int argc, char **argv)
{
    static char block[READ_BYTES + LINE_MAX];
    if (argc != 4 || LZ4F_isError(LZ4F_createCompressionContext(&b.lz4, LZ4F_VERSION)))
        return 1;
    open_broker(argv[1]);
    b.topic = argv[2];
    int fd = open(argv[3], O_RDONLY);
    size_t kept = 0;
    uint64_t offset = 0;
    for (ssize_t n; (n = read(fd, block + kept, READ_BYTES)) > 0;) {
        char *at = block, *end = block + kept + n, *nl;
        for (; (nl = memchr(at, '\n', (size_t)(end - at))); at = nl + 1) {
            put_line(at, (size_t)(nl - at), offset);
            offset += (uint64_t)(nl + 1 - at);
        }
        kept = (size_t)(end - at);
        memmove(block, at, kept);
    }
    flush();
    while (b.n_in_flight > 0)
        read_answer();
    fprintf(stderr, "bare: %llu lines\n", (unsigned long long)b.n_lines);
    return 0;
}
