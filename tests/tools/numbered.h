/* The numbered line that writers write and judges know again, byte for byte. */
#ifndef TESTS_TOOLS_NUMBERED_H
#define TESTS_TOOLS_NUMBERED_H

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

enum { NUMBERED_MIN_BYTES = 128, NUMBERED_MAX_BYTES = 1024 * 1024 };

/* Like nginx's combined format, with seq=N in the request, padding to size bytes, newline included, and the number once more
 * at the end, so that no two lines have the same end. Not ended by a zero. size is NUMBERED_MIN_BYTES at least. */
static inline void numbered_line(char *line, size_t size, int64_t seq)
{
    char end[32];
    int n_end = snprintf(end, sizeof end, " %lld\"\n", (long long)seq);
    int n = snprintf(line, size,
                     "192.0.2.7 - - [01/Jan/2026:00:00:00 +0000] \"GET /item?seq=%lld HTTP/1.1\" "
                     "200 612 \"-\" \"",
                     (long long)seq);

    memset(line + n, 'x', size - (size_t)n);
    memcpy(line + size - n_end, end, (size_t)n_end);
}

#endif
