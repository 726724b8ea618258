/* socket_summary.c: system.socket_summary: how many sockets there are, by protocol and state.
 *
 * Happy path: /proc/net/tcp, tcp6, udp, udp6 are read piece by piece, one a turn, as a busy server has 100,000 lines there; memory
 * and orphans come from sockstat.
 * Failure modes: without IPv6 there are no tcp6 and udp6; without sockstat its figures are left out.
 */
#include "metrics.h"

#include <stddef.h>
#include <unistd.h>

enum {
    ESTABLISHED = 1,
    SYN_SENT,
    SYN_RECV,
    FIN_WAIT1,
    FIN_WAIT2,
    TIME_WAIT,
    CLOSE,
    CLOSE_WAIT,
    LAST_ACK,
    LISTEN,
    CLOSING,
    NEW_SYN_RECV,
    STATES
};
static const char *const files[] = {"tcp", "tcp6", "udp", "udp6"};
enum { FILES = 4, UDP = 2, STATE_WORD = 3 };

struct socket_summary {
    struct metric_env env;
    size_t at; /* file that is being read */
    struct long_file file;
    uint64_t tcp[STATES], n_tcp, n_udp;
};

static int open_summary(void *self, struct err *err)
{
    (void)err;
    ((struct socket_summary *)self)->file.fd = -1;
    return 0;
}

static void close_summary(void *self)
{
    struct socket_summary *sum = self;
    long_file_close(&sum->file);
}

/* "   0: 0100007F:0CEA 00000000:0000 0A ..": the state is hexadecimal. False: it is the heading. */
static bool read_state(struct text line, unsigned *state)
{
    struct text word = {NULL, NULL};
    for (int i = 0; i <= STATE_WORD; i++)
        if (!text_word(&line, &word))
            return false;
    if (text_len(word) != 2 || word.at[0] != '0')
        return false;
    char c = word.at[1];
    *state = c >= '0' && c <= '9'   ? (unsigned)(c - '0')
             : c >= 'A' && c <= 'F' ? (unsigned)(c - 'A' + 10)
                                    : STATES;
    return *state < STATES;
}

static void count(struct socket_summary *sum, struct text lines)
{
    struct text line;
    unsigned state;
    while (text_line(&lines, &line)) {
        if (!read_state(line, &state))
            continue;
        if (sum->at >= UDP) {
            sum->n_udp++;
            continue;
        }
        sum->n_tcp++;
        sum->tcp[state]++;
    }
}

/* ---- sockstat ---- */

struct sockstat {
    uint64_t orphans, tcp_pages, udp_pages;
};

/* "TCP: inuse 5 orphan 0 tw 2 alloc 7 mem 1": pairs behind the name. */
static void read_pairs(struct text line, bool is_tcp, struct sockstat *stat)
{
    struct text name;
    uint64_t value;
    while (text_word(&line, &name) && text_u64(&line, &value)) {
        if (is_tcp && text_is(name, "orphan"))
            stat->orphans = value;
        if (text_is(name, "mem"))
            *(is_tcp ? &stat->tcp_pages : &stat->udp_pages) = value;
    }
}

static struct sockstat read_sockstat(struct socket_summary *sum)
{
    struct sockstat stat = {NO_VALUE, NO_VALUE, NO_VALUE};
    struct text line, word;
    struct err err;
    if (kernel_read(&sum->env, net_path(&sum->env, "sockstat").text, sum->env.text, &err))
        return stat;
    struct text text = text_of(sum->env.text);
    while (text_line(&text, &line))
        if (text_word(&line, &word) && (text_is(word, "TCP:") || text_is(word, "UDP:")))
            read_pairs(line, text_is(word, "TCP:"), &stat);
    return stat;
}

static void put_pages(struct members *event, const char *name, uint64_t pages)
{
    if (pages != NO_VALUE)
        members_u64(event, name, pages * (uint64_t)sysconf(_SC_PAGESIZE));
}

static void give(struct socket_summary *sum, const struct metric_sink *sink)
{
    struct members *event = sink->event;
    const struct sockstat stat = read_sockstat(sum);
    const uint64_t *tcp = sum->tcp;
    event->prefix = "system.socket.summary";
    members_u64(event, "all.count", sum->n_tcp + sum->n_udp);
    members_u64(event, "all.listening", tcp[LISTEN]);
    members_u64(event, "tcp.all.count", sum->n_tcp);
    members_u64(event, "tcp.all.listening", tcp[LISTEN]);
    members_u64(event, "tcp.all.established", tcp[ESTABLISHED]);
    members_u64(event, "tcp.all.close_wait", tcp[CLOSE_WAIT]);
    members_u64(event, "tcp.all.time_wait", tcp[TIME_WAIT]);
    members_u64(event, "tcp.all.syn_sent", tcp[SYN_SENT]);
    members_u64(event, "tcp.all.syn_recv", tcp[SYN_RECV] + tcp[NEW_SYN_RECV]);
    members_u64(event, "tcp.all.fin_wait1", tcp[FIN_WAIT1]);
    members_u64(event, "tcp.all.fin_wait2", tcp[FIN_WAIT2]);
    members_u64(event, "tcp.all.last_ack", tcp[LAST_ACK]);
    members_u64(event, "tcp.all.closing", tcp[CLOSING]);
    members_u64(event, "tcp.all.orphan", stat.orphans);
    put_pages(event, "tcp.memory", stat.tcp_pages);
    members_u64(event, "udp.all.count", sum->n_udp);
    put_pages(event, "udp.memory", stat.udp_pages);
    sink->give(sink->arg);
}

/* ---- a piece a turn ---- */

/* 1 = it is open, 0 = it is not there. */
static int open_next(struct socket_summary *sum, struct err *err)
{
    if (sum->at == 0 && sum->file.fd < 0) {
        memset(sum->tcp, 0, sizeof sum->tcp);
        sum->n_tcp = sum->n_udp = 0;
    }
    if (sum->file.fd >= 0)
        return 1;
    if (long_file_open(&sum->file, &sum->env, net_path(&sum->env, files[sum->at]).text, err) == 0)
        return 1;
    return err->kind == ERR_GONE && sum->at > 0 ? 0 : -1;
}

static int read_piece(struct socket_summary *sum, struct err *err)
{
    struct text lines;
    int rc = open_next(sum, err);
    if (rc <= 0)
        return rc;
    rc = long_file_next(&sum->file, &lines, err);
    if (rc > 0)
        count(sum, lines);
    return rc;
}

static int sample(void *self, const struct metric_sink *sink, struct err *err)
{
    struct socket_summary *sum = self;
    int rc = read_piece(sum, err);
    if (rc > 0)
        return 1;
    long_file_close(&sum->file);
    sum->at = rc < 0 || sum->at + 1 == FILES ? 0 : sum->at + 1;
    if (rc < 0)
        return err_wrap(err, "/proc/net");
    if (sum->at > 0)
        return 1;
    give(sum, sink);
    return 0;
}

#define S "system.socket.summary."
static const struct metric_field fields[] = {
    {S "all.count", "long", "sockets", "TCP and UDP."},
    {S "all.listening", "long", "sockets", "That listen."},
    {S "tcp.all.count", "long", "sockets", "TCP in any state."},
    {S "tcp.all.listening", "long", "sockets", "TCP that listen."},
    {S "tcp.all.established", "long", "sockets", "TCP in state established."},
    {S "tcp.all.close_wait", "long", "sockets", "TCP in state close_wait."},
    {S "tcp.all.time_wait", "long", "sockets", "TCP in state time_wait."},
    {S "tcp.all.syn_sent", "long", "sockets", "TCP in state syn_sent."},
    {S "tcp.all.syn_recv", "long", "sockets", "TCP in state syn_recv."},
    {S "tcp.all.fin_wait1", "long", "sockets", "TCP in state fin_wait1."},
    {S "tcp.all.fin_wait2", "long", "sockets", "TCP in state fin_wait2."},
    {S "tcp.all.last_ack", "long", "sockets", "TCP in state last_ack."},
    {S "tcp.all.closing", "long", "sockets", "TCP in state closing."},
    {S "tcp.all.orphan", "long", "sockets", "TCP that no program has any more."},
    {S "tcp.memory", "long", "bytes", "Memory of TCP's buffers."},
    {S "udp.all.count", "long", "sockets", "UDP."},
    {S "udp.memory", "long", "bytes", "Memory of UDP's buffers."},
    {0},
};

const struct metricset system_socket_summary_set = {
    .module = "system",
    .name = "socket_summary",
    .doc = "How many sockets there are, by protocol and state, of IPv4 and IPv6.",
    .is_default = true,
    .size = sizeof(struct socket_summary),
    .fields = fields,
    .open = open_summary,
    .close = close_summary,
    .sample = sample,
};
