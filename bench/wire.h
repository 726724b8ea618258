/* wire.h: numbers of Kafka's protocol in a buffer: big-endian, one after the other. Reading beyond the end ends in `bad`. */
#ifndef BENCH_WIRE_H
#define BENCH_WIRE_H

#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

enum {
    API_PRODUCE = 0,
    API_FETCH = 1,
    API_METADATA = 3,
    API_COORDINATOR = 10,
    API_VERSIONS = 18,
    API_PRODUCER_ID = 22
};

/* A record batch (magic 2) begins with these. */
enum {
    BATCH_LENGTH = 8,
    BATCH_MAGIC = 16,
    BATCH_CRC = 17,
    BATCH_ATTRIBUTES = 21,
    BATCH_LAST_DELTA = 23,
    BATCH_FIRST_TIME = 27,
    BATCH_MAX_TIME = 35,
    BATCH_PRODUCER_ID = 43,
    BATCH_EPOCH = 51,
    BATCH_SEQUENCE = 53,
    BATCH_COUNT = 57,
    BATCH_RECORDS = 61
};
enum { CODEC_BITS = 7, CODEC_NONE = 0, CODEC_LZ4 = 3 };

struct wire {
    unsigned char *at, *end;
    bool bad;
};

static inline uint64_t wire_get(struct wire *w, unsigned n)
{
    uint64_t value = 0;
    if (w->bad || (size_t)(w->end - w->at) < n) {
        w->bad = true;
        return 0;
    }
    while (n--)
        value = value << 8 | *w->at++;
    return value;
}

static inline void wire_put(struct wire *w, unsigned n, uint64_t value)
{
    if (w->bad || (size_t)(w->end - w->at) < n) {
        w->bad = true;
        return;
    }
    w->at += n;
    for (unsigned i = 1; i <= n; i++, value >>= 8)
        w->at[-(int)i] = (unsigned char)value;
}

/* Bytes that are passed over; NULL = there are not so many. */
static inline unsigned char *wire_skip(struct wire *w, int64_t n)
{
    unsigned char *at = w->at;
    if (w->bad || n > w->end - w->at) {
        w->bad = true;
        return NULL;
    }
    w->at += n > 0 ? n : 0;
    return at;
}

/* A text with its length before it; -1 = null. */
static inline void wire_skip_text(struct wire *w)
{
    wire_skip(w, (int16_t)wire_get(w, 2));
}

static inline void wire_put_text(struct wire *w, const char *text)
{
    size_t len = strlen(text);
    wire_put(w, 2, len);
    unsigned char *at = wire_skip(w, (int64_t)len);
    if (at)
        memcpy(at, text, len);
}

#endif
