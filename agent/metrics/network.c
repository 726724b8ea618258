/* network.c: system.network: what went through each network interface since the boot; an event an interface, and one more with
 * what went through all of them since the last sample.
 *
 * With hostfs the interfaces are those of the host's first process, not of this container.
 */
#include "metrics.h"

#include <stddef.h>
#include <strings.h>

enum { DEV_NUMBERS = 12 };
struct traffic {
    uint64_t bytes, packets, errors, dropped;
};

struct network {
    struct metric_env env;
    struct str_list interfaces;
    struct traffic in_before, out_before; /* of all; bytes NO_VALUE: not known */
};

static int open_network(void *self, struct err *err)
{
    struct network *net = self;
    (void)err;
    net->in_before.bytes = net->out_before.bytes = NO_VALUE;
    return 0;
}

/* "  eth0: 1 2 ..": the name may touch the first number. */
static bool read_interface(struct text line, struct text *name, struct traffic *in,
                           struct traffic *out)
{
    uint64_t numbers[DEV_NUMBERS];
    if (!text_until(&line, ':', name) || line.at == line.end)
        return false;
    while (name->at < name->end && *name->at == ' ')
        name->at++;
    for (int i = 0; i < DEV_NUMBERS; i++)
        if (!text_u64(&line, &numbers[i]))
            return false;
    *in = (struct traffic) {numbers[0], numbers[1], numbers[2], numbers[3]};
    *out = (struct traffic) {numbers[8], numbers[9], numbers[10], numbers[11]};
    return name->at < name->end;
}

static bool is_wanted(const struct network *net, struct text name)
{
    for (size_t i = 0; i < net->interfaces.n; i++)
        if (strlen(net->interfaces.at[i]) == text_len(name) &&
            strncasecmp(net->interfaces.at[i], name.at, text_len(name)) == 0)
            return true;
    return net->interfaces.n == 0;
}

static void put_traffic(struct members *event, bool is_in, const struct traffic *t)
{
    members_u64(event, is_in ? "in.bytes" : "out.bytes", t->bytes);
    members_u64(event, is_in ? "in.packets" : "out.packets", t->packets);
    members_u64(event, is_in ? "in.errors" : "out.errors", t->errors);
    members_u64(event, is_in ? "in.dropped" : "out.dropped", t->dropped);
}

static void add(struct traffic *sum, const struct traffic *more)
{
    sum->bytes += more->bytes;
    sum->packets += more->packets;
}

/* An interface that is gone, or counters that began anew, can make the sum smaller: nothing is told then. */
static void give_all(struct network *net, const struct traffic *in, const struct traffic *out,
                     const struct metric_sink *sink)
{
    uint64_t in_bytes = grown(net->in_before.bytes, in->bytes);
    uint64_t out_bytes = grown(net->out_before.bytes, out->bytes);
    uint64_t in_packets = grown(net->in_before.packets, in->packets);
    uint64_t out_packets = grown(net->out_before.packets, out->packets);
    net->in_before = *in;
    net->out_before = *out;
    if (in_bytes == NO_VALUE || out_bytes == NO_VALUE || in_packets == NO_VALUE ||
        out_packets == NO_VALUE)
        return;
    members_u64(sink->host, "network.ingress.bytes", in_bytes);
    members_u64(sink->host, "network.ingress.packets", in_packets);
    members_u64(sink->host, "network.egress.bytes", out_bytes);
    members_u64(sink->host, "network.egress.packets", out_packets);
    sink->give(sink->arg);
}

static int sample(void *self, const struct metric_sink *sink, struct err *err)
{
    struct network *net = self;
    struct traffic in, out, all_in = {0}, all_out = {0};
    struct text line, name;
    size_t n = 0;
    if (kernel_read(&net->env, net_path(&net->env, "dev").text, net->env.text, err))
        return -1;
    struct text text = text_of(net->env.text);
    while (text_line(&text, &line)) {
        if (!read_interface(line, &name, &in, &out))
            continue;
        n++;
        if (!is_wanted(net, name))
            continue;
        sink->event->prefix = "system.network";
        members_text(sink->event, "name", name.at, text_len(name));
        put_traffic(sink->event, true, &in);
        put_traffic(sink->event, false, &out);
        sink->give(sink->arg);
        add(&all_in, &in);
        add(&all_out, &out);
    }
    if (n == 0)
        return err_set(err, ERR_CORRUPT, "/proc/net/dev: no interfaces in it");
    give_all(net, &all_in, &all_out, sink);
    return 0;
}

static const struct option options[] = {
    {.name = "interfaces",
     .type = OPT_LIST,
     .at = offsetof(struct network, interfaces),
     .doc = "Network interfaces that are told of, by name; all if not set."},
    {0},
};

#define N "system.network."
static const struct metric_field fields[] = {
    {N "name", "keyword", NULL, "Name of the interface."},
    {N "in.bytes", "long", "bytes", "Received since the boot."},
    {N "in.packets", "long", "packets", "Received since the boot."},
    {N "in.errors", "long", "packets", "Received broken since the boot."},
    {N "in.dropped", "long", "packets", "Received and dropped since the boot."},
    {N "out.bytes", "long", "bytes", "Sent since the boot."},
    {N "out.packets", "long", "packets", "Sent since the boot."},
    {N "out.errors", "long", "packets", "Not sent, for an error, since the boot."},
    {N "out.dropped", "long", "packets", "Dropped before sending since the boot."},
    {"host.network.ingress.bytes", "long", "bytes",
     "Received by all interfaces told of since the last sample; an event of its own."},
    {"host.network.ingress.packets", "long", "packets", "The same in packets."},
    {"host.network.egress.bytes", "long", "bytes", "Sent by them since the last sample."},
    {"host.network.egress.packets", "long", "packets", "The same in packets."},
    {0},
};

const struct metricset system_network_set = {
    .module = "system",
    .name = "network",
    .doc = "What went through each network interface: an event for each.",
    .is_default = true,
    .options = options,
    .size = sizeof(struct network),
    .fields = fields,
    .open = open_network,
    .sample = sample,
};
