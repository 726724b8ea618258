/* sink.h: what the files of the sink share: sink.c has the connections, sink_answer.c what is asked and answered, sink_count.c what
 * came in. */
#ifndef BENCH_SINK_H
#define BENCH_SINK_H

#include "wire.h"

#include <stdnoreturn.h>

enum { MAX_PARTS = 256, MAX_BROKERS = 16 };

struct sink {
    int n_brokers, n_parts;
    uint16_t ports[MAX_BROKERS];
    const char *topic, *done;
    int64_t n_wanted, n_events, n_bytes;
    int64_t offsets[MAX_PARTS];
    bool is_timed;
    int64_t *late_us; /* how long lines were on their way */
    size_t n_late;
};
extern struct sink sink;

noreturn void die(const char *what);
/* Complete, or not there. */
void write_file(const char *path, const char *text);

/* The answer to one request goes to fd. False: it is not understood. */
bool sink_answer(int fd, struct wire in);

/* A batch of records of this partition is here. */
void sink_take(unsigned char *batch, size_t len, int part);
/* Write what came to the done file. */
void sink_tell(void);

#endif
