/* icmp.c: does a host answer a ping.
 *
 * Happy path: an echo request, and its reply. Each probe has a socket of its own: a ping socket, which needs no privilege where
 * net.ipv4.ping_group_range has the group; else a raw one, which needs CAP_NET_RAW.
 * Failure modes: no reply within `wait`: another request, until the timeout; what routers said meanwhile is told with it. Not
 * permitted, no way there: error.type io at once.
 * On close: the socket is closed.
 */
#include "heartbeat.h"

#include <errno.h>
#include <linux/errqueue.h>
#include <netinet/icmp6.h>
#include <netinet/in.h>
#include <netinet/ip.h>
#include <netinet/ip_icmp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <unistd.h>

enum { TOKEN_BYTES = 8, PAYLOAD_BYTES = 32, PACKET_BYTES = 1500 };

struct icmp_settings {
    struct monitor_settings common;
    int64_t wait_ns;
};

struct ping {
    struct probe *probe;
    struct loop *loop;
    struct loop_io io; /* fd -1 = closed */
    struct loop_timer timer;
    bool is_v6, is_raw;
    unsigned char token[TOKEN_BYTES]; /* who does not know it did not get the request */
    uint16_t n_sent;
    int said_errno; /* what came instead of a reply */
};

/* ---- sockets ---- */

static int open_socket(bool is_v6, bool *is_raw)
{
    int family = is_v6 ? AF_INET6 : AF_INET, protocol = is_v6 ? IPPROTO_ICMPV6 : IPPROTO_ICMP;
    int flags = SOCK_NONBLOCK | SOCK_CLOEXEC;
    int fd = socket(family, SOCK_DGRAM | flags, protocol);
    *is_raw = fd < 0 && (errno == EACCES || errno == EPERM || errno == EPROTONOSUPPORT);
    return *is_raw ? socket(family, SOCK_RAW | flags, protocol) : fd;
}

static bool may_open(bool is_v6)
{
    bool is_raw;
    int fd = open_socket(is_v6, &is_raw);
    if (fd >= 0)
        close(fd);
    return fd >= 0 || (errno != EACCES && errno != EPERM);
}

/* Errors that routers report come as errors of the socket. */
static int set_up(const struct ping *ping, const struct address *address)
{
    const int on = 1;
    int rc = ping->is_v6 ? setsockopt(ping->io.fd, IPPROTO_IPV6, IPV6_RECVERR, &on, sizeof on)
                         : setsockopt(ping->io.fd, IPPROTO_IP, IP_RECVERR, &on, sizeof on);
    struct icmp6_filter filter;
    ICMP6_FILTER_SETBLOCKALL(&filter);
    ICMP6_FILTER_SETPASS(ICMP6_ECHO_REPLY, &filter);
    if (rc == 0 && ping->is_v6 && ping->is_raw)
        rc = setsockopt(ping->io.fd, IPPROTO_ICMPV6, ICMP6_FILTER, &filter, sizeof filter);
    return rc < 0 ? rc : connect(ping->io.fd, (const struct sockaddr *)&address->at, address->len);
}

/* ---- packets ---- */

static uint16_t checksum(const unsigned char *bytes, size_t len)
{
    uint32_t sum = 0;
    for (size_t i = 0; i + 1 < len; i += 2)
        sum += (uint32_t)(bytes[i] << 8 | bytes[i + 1]);
    while (sum >> 16)
        sum = (sum & 0xffff) + (sum >> 16);
    return htons((uint16_t)~sum);
}

/* Token and time of sending, then zeros. */
static size_t make_packet(const struct ping *ping, unsigned char *packet)
{
    struct icmphdr head = {.type = ping->is_v6 ? ICMP6_ECHO_REQUEST : ICMP_ECHO};
    int64_t now_ns = clock_mono_ns();
    memcpy(&head.un.echo.id, ping->token, sizeof head.un.echo.id);
    head.un.echo.sequence = htons(ping->n_sent);
    memset(packet, 0, sizeof head + PAYLOAD_BYTES);
    memcpy(packet, &head, sizeof head);
    memcpy(packet + sizeof head, ping->token, TOKEN_BYTES);
    memcpy(packet + sizeof head + TOKEN_BYTES, &now_ns, sizeof now_ns);
    if (!ping->is_v6) { /* of the other one the kernel makes it */
        head.checksum = checksum(packet, sizeof head + PAYLOAD_BYTES);
        memcpy(packet, &head, sizeof head);
    }
    return sizeof head + PAYLOAD_BYTES;
}

/* When was sent what this is the reply to? 0 = it is none of ours. */
static int64_t read_reply(const struct ping *ping, const unsigned char *packet, size_t len)
{
    struct icmphdr head;
    int64_t sent_ns;
    if (ping->is_raw && !ping->is_v6) {
        size_t ip_len = len ? (size_t)(packet[0] & 15) * 4 : 0;
        if (ip_len < sizeof(struct iphdr) || ip_len > len)
            return 0;
        packet += ip_len;
        len -= ip_len;
    }
    if (len < sizeof head + TOKEN_BYTES + sizeof sent_ns)
        return 0;
    memcpy(&head, packet, sizeof head);
    if (head.type != (ping->is_v6 ? ICMP6_ECHO_REPLY : ICMP_ECHOREPLY) ||
        memcmp(packet + sizeof head, ping->token, TOKEN_BYTES) != 0)
        return 0;
    memcpy(&sent_ns, packet + sizeof head + TOKEN_BYTES, sizeof sent_ns);
    return sent_ns;
}

/* ---- one ping ---- */

static void close_ping(struct ping *ping)
{
    loop_cancel_timer(ping->loop, &ping->timer);
    if (ping->io.fd >= 0) {
        loop_remove(ping->loop, &ping->io);
        close(ping->io.fd);
    }
    ping->io.fd = -1;
}

static void put_requests(const struct ping *ping)
{
    members_u64(&ping->probe->event, "icmp.requests", ping->n_sent);
}

static void fail_now(struct ping *ping, const char *doing, int code)
{
    put_requests(ping);
    close_ping(ping);
    bool is_forbidden = code == EACCES || code == EPERM;
    probe_fail(ping->probe, "io", NULL, "%s: %s%s", doing, strerror(code),
               is_forbidden ? " (give posta CAP_NET_RAW, or its group in net.ipv4.ping_group_range)"
                            : "");
}

static void time_out(struct ping *ping)
{
    put_requests(ping);
    close_ping(ping);
    probe_fail(ping->probe, "io", NULL, "ping timeout%s%s", ping->said_errno ? ": " : "",
               ping->said_errno ? strerror(ping->said_errno) : "");
}

static void send_request(struct ping *ping)
{
    unsigned char packet[sizeof(struct icmphdr) + PAYLOAD_BYTES];
    const struct icmp_settings *icmp = probe_settings(ping->probe);
    size_t len = make_packet(ping, packet);
    int64_t left_ns = ping->probe->until_ns - clock_mono_ns();
    if (send(ping->io.fd, packet, len, 0) < 0) {
        if (errno != EAGAIN && errno != EINTR && errno != ENOBUFS && ping->n_sent == 0) {
            fail_now(ping, "send", errno);
            return;
        }
        ping->said_errno = errno; /* also of what came for the one before */
    } else {
        ping->n_sent++;
    }
    int64_t wait_ns = icmp->wait_ns < left_ns ? icmp->wait_ns : left_ns;
    loop_set_timer(ping->loop, &ping->timer, wait_ns > 0 ? wait_ns : 0);
}

static void waited(void *arg)
{
    struct ping *ping = arg;
    if (clock_mono_ns() >= ping->probe->until_ns)
        time_out(ping);
    else
        send_request(ping);
}

/* What a router reports is kept in a line of its own. */
static void drop_error(struct ping *ping)
{
    char bytes[PACKET_BYTES], control[512];
    struct iovec iov = {.iov_base = bytes, .iov_len = sizeof bytes};
    struct msghdr msg = {
        .msg_iov = &iov, .msg_iovlen = 1, .msg_control = control, .msg_controllen = sizeof control};
    if (recvmsg(ping->io.fd, &msg, MSG_ERRQUEUE) < 0)
        return;
    for (struct cmsghdr *c = CMSG_FIRSTHDR(&msg); c; c = CMSG_NXTHDR(&msg, c)) {
        struct sock_extended_err said;
        bool is_error = (c->cmsg_level == IPPROTO_IP && c->cmsg_type == IP_RECVERR) ||
                        (c->cmsg_level == IPPROTO_IPV6 && c->cmsg_type == IPV6_RECVERR);
        if (!is_error || c->cmsg_len < CMSG_LEN(sizeof said))
            continue;
        memcpy(&said, CMSG_DATA(c), sizeof said);
        ping->said_errno = (int)said.ee_errno;
    }
}

static void ready(void *arg)
{
    struct ping *ping = arg;
    unsigned char packet[PACKET_BYTES];
    drop_error(ping);
    for (ssize_t len;
         (len = recv(ping->io.fd, packet, sizeof packet, 0)) >= 0 || errno != EAGAIN;) {
        if (len < 0) {
            ping->said_errno = errno;
            return; /* told once */
        }
        int64_t sent_ns = read_reply(ping, packet, (size_t)len);
        int64_t rtt_ns = clock_mono_ns() - sent_ns;
        if (sent_ns == 0)
            continue;
        put_requests(ping);
        members_u64(&ping->probe->event, "icmp.rtt.us", rtt_ns > 0 ? (uint64_t)rtt_ns / 1000 : 0);
        close_ping(ping);
        probe_end(ping->probe, &(struct probe_result) {.type = NULL});
        return;
    }
}

static void start(struct probe *probe)
{
    struct ping *ping = mem_zero(1, sizeof *ping);
    struct err err;
    probe->own = ping;
    *ping = (struct ping) {.probe = probe,
                           .loop = probe_loop(probe),
                           .is_v6 = probe->address->at.ss_family == AF_INET6};
    ping->timer = (struct loop_timer) {.fire = waited, .arg = ping};
    ping->io = (struct loop_io) {
        .fd = open_socket(ping->is_v6, &ping->is_raw), .ready = ready, .arg = ping};
    if (getrandom(ping->token, TOKEN_BYTES, GRND_NONBLOCK) != TOKEN_BYTES)
        memcpy(ping->token, &probe->begun_ns, TOKEN_BYTES);
    if (ping->io.fd < 0 || set_up(ping, probe->address) < 0)
        fail_now(ping, ping->io.fd < 0 ? "open a socket for ICMP" : "connect", errno);
    else if (loop_add(ping->loop, &ping->io, &err))
        fail_now(ping, "watch the socket", err.sys_errno);
    else
        send_request(ping);
}

static void cancel(struct probe *probe)
{
    struct ping *ping = probe->own;
    if (!ping)
        return;
    close_ping(ping);
    free(ping);
    probe->own = NULL;
}

/* ---- options ---- */

static void read_icmp(void *self, const struct node *node, struct str_list *urls,
                      struct problems *problems)
{
    struct icmp_settings *icmp = self;
    for (size_t i = 0; i < icmp->common.hosts.n; i++) {
        const char *host = icmp->common.hosts.at[i];
        bool is_v6 = strchr(host, ':') && *host != '[';
        if (strchr(host, '/'))
            problems_error(problems, node_get(node, "hosts"),
                           "hosts: '%s': icmp wants a host's name or address alone", host);
        else
            urls_take(urls, mem_printf("icmp://%s%s%s", is_v6 ? "[" : "", host, is_v6 ? "]" : ""));
    }
    if (!may_open(false) && !may_open(true))
        problems_error(
            problems, node,
            "icmp: posta may not open sockets for ICMP here: give it CAP_NET_RAW, or its "
            "group in net.ipv4.ping_group_range");
}

#define AT(field) .at = offsetof(struct icmp_settings, field)
static const struct option icmp_options[] = {
    {.name = "wait",
     .type = OPT_DURATION,
     .def = "1s",
     .min = "1ms",
     .max = "1h",
     AT(wait_ns),
     .doc = "icmp: without a reply for so long, another request is sent."},
    {0},
};

static const struct metric_field icmp_fields[] = {
    {"icmp.requests", "long", NULL, "Echo requests that were sent."},
    {"icmp.rtt.us", "long", "us", "From the request to its reply."},
    {NULL, NULL, NULL, NULL},
};

const struct monitor_type icmp_monitor = {
    .name = "icmp",
    .doc = "A host: its reply to a ping",
    .options = icmp_options,
    .fields = icmp_fields,
    .size = sizeof(struct icmp_settings),
    .read = read_icmp,
    .start = start,
    .cancel = cancel,
};
