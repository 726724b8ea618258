/* sink_count.c: counts what came, and how long it was on its way. */
#include "sink.h"

#include <lz4frame.h>

#include <stdio.h>
#include <time.h>

enum { PLAIN_BYTES = 64 << 20 };

static int64_t now_ns(void)
{
    struct timespec ts;
    clock_gettime(CLOCK_MONOTONIC, &ts);
    return ts.tv_sec * INT64_C(1000000000) + ts.tv_nsec;
}

static void note_times(const char *at, size_t len)
{
    const char *end = at + len;
    int64_t now = now_ns();
    while ((at = memmem(at, (size_t)(end - at), "&t=", 3)) != NULL) {
        if (sink.n_late % 65536 == 0)
            sink.late_us = realloc(sink.late_us, (sink.n_late + 65536) * sizeof *sink.late_us);
        sink.late_us[sink.n_late++] = (now - strtoll(at + 3, NULL, 10)) / 1000;
        at += 3;
    }
}

static void note_lz4(const unsigned char *from, size_t len)
{
    static char *plain;
    LZ4F_dctx *ctx;
    size_t n = PLAIN_BYTES;
    plain = plain ? plain : malloc(PLAIN_BYTES);
    if (!plain || LZ4F_isError(LZ4F_createDecompressionContext(&ctx, LZ4F_VERSION)))
        die("lz4");
    if (LZ4F_isError(LZ4F_decompress(ctx, plain, &n, from, &len, NULL)))
        die("an lz4 frame");
    note_times(plain, n);
    LZ4F_freeDecompressionContext(ctx);
}

void sink_take(unsigned char *batch, size_t len, int part)
{
    struct wire w = {.at = batch + BATCH_ATTRIBUTES, .end = batch + len};
    int codec = wire_get(&w, 2) & CODEC_BITS;
    w.at = batch + BATCH_COUNT;
    int64_t n = (int32_t)wire_get(&w, 4);
    if (w.bad || batch[BATCH_MAGIC] != 2)
        die("a batch of another format");
    bool was_short = sink.n_events < sink.n_wanted;
    sink.n_events += n;
    sink.n_bytes += (int64_t)len;
    sink.offsets[part] += n;
    if (sink.is_timed && codec == CODEC_LZ4)
        note_lz4(w.at, len - BATCH_RECORDS);
    else if (sink.is_timed)
        note_times((char *)w.at, len - BATCH_RECORDS);
    if (was_short && sink.n_events >= sink.n_wanted)
        write_file(sink.done, "done\n");
}

static int by_size(const void *a, const void *b)
{
    int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;
    return (x > y) - (x < y);
}

void sink_tell(void)
{
    char text[256];
    int n = snprintf(text, sizeof text, "events %lld\nwire_bytes %lld\n", (long long)sink.n_events,
                     (long long)sink.n_bytes);
    size_t last = sink.n_late ? sink.n_late - 1 : 0;
    if (sink.n_late) {
        qsort(sink.late_us, sink.n_late, sizeof *sink.late_us, by_size);
        snprintf(text + n, sizeof text - (size_t)n, "latency_us %lld %lld %lld\n",
                 (long long)sink.late_us[last / 2], (long long)sink.late_us[last * 99 / 100],
                 (long long)sink.late_us[last]);
    }
    write_file(sink.done, text);
}
