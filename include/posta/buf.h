/* buf.h: a growing run of bytes. Reused, not freed, between uses; on the hot path it stops growing.
 *
 * Allocation that fails waits and tries again for 10 s, then ends the process: posta's buffers are bounded and small, everything
 * promised is on disk, and a restart is the safest answer. A buffer belongs to one thread.
 */
#ifndef POSTA_BUF_H
#define POSTA_BUF_H

#include <posta/err.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

struct buf {
    char *data; /* not terminated, unless buf_str was called */
    size_t len;
    size_t cap;
};

#define BUF_INIT                                                                                   \
    {                                                                                              \
        .data = NULL                                                                               \
    }

/* Make room for `more` bytes after len. */
void buf_reserve(struct buf *buf, size_t more);
void buf_append(struct buf *buf, const void *bytes, size_t len);
void buf_puts(struct buf *buf, const char *text);
void buf_putc(struct buf *buf, char c);
void buf_printf(struct buf *buf, const char *fmt, ...) PRINTF_LIKE(2, 3);
/* Decimal, without stdio: for the per-line path. */
void buf_put_u64(struct buf *buf, uint64_t value);
/* The same at `to`, where there is room for DIGITS_MAX. Returns the end of what was written. */
enum { DIGITS_MAX = 20 };
char *put_digits(char *to, uint64_t value);
/* Terminates (not counted in len) and returns data; borrowed until the next change. */
const char *buf_str(struct buf *buf);
static inline void buf_clear(struct buf *buf)
{
    buf->len = 0;
}
/* Frees; fine twice and on BUF_INIT. */
void buf_free(struct buf *buf);

/* malloc/calloc/strdup that wait for memory, and end the process with a message when there is none for 10 s. Any thread. */
void *mem_alloc(size_t bytes) __attribute__((malloc));
void *mem_zero(size_t n, size_t bytes) __attribute__((malloc));
void *mem_grow(void *old, size_t n, size_t bytes);
char *mem_dup(const char *text) __attribute__((malloc));
char *mem_printf(const char *fmt, ...) PRINTF_LIKE(1, 2) __attribute__((malloc));
/* How the process ends then; it does not come back. abort if not set. Call before other threads start. */
void mem_set_end(void (*end)(void));

#endif
