/* sink_answer.c: as much of Kafka's protocol as a producer needs. */
#include "sink.h"

#include <stdio.h>
#include <sys/socket.h>

enum { REPLY_BYTES = 64 * 1024 };

/* librdkafka makes neither new batches nor lz4 for brokers that do not offer these versions of fetching and coordinators; nobody
 * asks for them here. */
static void answer_versions(struct wire *out, int version)
{
    static const uint16_t apis[][3] = {{API_PRODUCE, 0, 8},  {API_FETCH, 0, 11},
                                       {API_METADATA, 0, 4}, {API_COORDINATOR, 0, 2},
                                       {API_VERSIONS, 0, 3}, {API_PRODUCER_ID, 0, 1}};
    const unsigned n = sizeof apis / sizeof *apis;
    wire_put(out, 2, 0);
    version >= 3 ? wire_put(out, 1, n + 1) : wire_put(out, 4, n);
    for (unsigned i = 0; i < n; i++) {
        for (unsigned k = 0; k < 3; k++)
            wire_put(out, 2, apis[i][k]);
        if (version >= 3)
            wire_put(out, 1, 0);
    }
    if (version >= 1)
        wire_put(out, 4, 0);
    if (version >= 3)
        wire_put(out, 1, 0);
}

static void put_partition(struct wire *out, int part)
{
    int leader = part % sink.n_brokers + 1;
    wire_put(out, 2, 0);
    wire_put(out, 4, (uint64_t)part);
    wire_put(out, 4, (uint64_t)leader);
    for (int i = 0; i < 2; i++) { /* replicas, and those in sync */
        wire_put(out, 4, 1);
        wire_put(out, 4, (uint64_t)leader);
    }
}

static void answer_metadata(struct wire *out, int version)
{
    if (version >= 3)
        wire_put(out, 4, 0);
    wire_put(out, 4, (uint64_t)sink.n_brokers);
    for (int i = 0; i < sink.n_brokers; i++) {
        wire_put(out, 4, (uint64_t)i + 1);
        wire_put_text(out, "127.0.0.1");
        wire_put(out, 4, sink.ports[i]);
        wire_put(out, 2, UINT16_MAX); /* rack */
    }
    if (version >= 2)
        wire_put_text(out, "sink");
    wire_put(out, 4, 1); /* the controller */
    wire_put(out, 4, 1); /* topics */
    wire_put(out, 2, 0);
    wire_put_text(out, sink.topic);
    wire_put(out, 1, 0);
    wire_put(out, 4, (uint64_t)sink.n_parts);
    for (int i = 0; i < sink.n_parts; i++)
        put_partition(out, i);
}

static void answer_producer_id(struct wire *out)
{
    static uint64_t next;
    wire_put(out, 4, 0);
    wire_put(out, 2, 0);
    wire_put(out, 8, ++next);
    wire_put(out, 2, 0);
}

static void take_partition(struct wire *in, struct wire *out, int version)
{
    int part = (int)(wire_get(in, 4) % MAX_PARTS);
    int32_t len = (int32_t)wire_get(in, 4);
    unsigned char *batch = wire_skip(in, len);
    wire_put(out, 4, (uint64_t)part);
    wire_put(out, 2, 0);
    wire_put(out, 8, (uint64_t)sink.offsets[part]);
    wire_put(out, 8, UINT64_MAX);
    if (version >= 5)
        wire_put(out, 8, 0);
    if (version >= 8) {
        wire_put(out, 4, 0);
        wire_put(out, 2, UINT16_MAX);
    }
    if (batch && len > 0)
        sink_take(batch, (size_t)len, part);
}

static void answer_produce(struct wire *in, struct wire *out, int version)
{
    wire_skip_text(in);
    in->bad |= (int16_t)wire_get(in, 2) == 0 || version < 3; /* acks */
    wire_skip(in, 4);
    uint64_t n_topics = wire_get(in, 4);
    wire_put(out, 4, n_topics);
    for (; n_topics > 0 && !in->bad; n_topics--) {
        wire_skip_text(in);
        wire_put_text(out, sink.topic);
        uint64_t n_parts = wire_get(in, 4);
        wire_put(out, 4, n_parts);
        for (; n_parts > 0 && !in->bad; n_parts--)
            take_partition(in, out, version);
    }
    wire_put(out, 4, 0);
}

bool sink_answer(int fd, struct wire in)
{
    static unsigned char reply[REPLY_BYTES];
    struct wire out = {.at = reply + 4, .end = reply + sizeof reply};
    int api = (int)wire_get(&in, 2), version = (int)wire_get(&in, 2);
    wire_put(&out, 4, wire_get(&in, 4));
    wire_skip_text(&in);
    if (api == API_VERSIONS)
        answer_versions(&out, version);
    else if (api == API_METADATA && version >= 1)
        answer_metadata(&out, version);
    else if (api == API_PRODUCER_ID)
        answer_producer_id(&out);
    else if (api == API_PRODUCE)
        answer_produce(&in, &out, version);
    else
        in.bad = true;
    if (in.bad || out.bad) {
        fprintf(stderr, "sink: request %d version %d is not understood\n", api, version);
        return false;
    }
    struct wire head = {.at = reply, .end = reply + 4};
    size_t len = (size_t)(out.at - reply);
    wire_put(&head, 4, len - 4);
    return send(fd, reply, len, MSG_NOSIGNAL) == (ssize_t)len;
}
