/* buf.c: growing buffers, and memory that is there sooner or later; see buf.h.
 *
 * Happy path: the first try has it.
 * Failure modes: there is none: whoever wants it waits, and with it reading stops, while others may give some back; it is said.
 * After WAIT_MS the process ends: what was read is in the spool.
 */
#include <posta/buf.h>
#include <posta/loop.h>

#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

enum { STEP_MS = 10, WAIT_MS = 10000 };

static void (*end_process)(void) = abort;

void mem_set_end(void (*end)(void))
{
    end_process = end;
}

/* Without memory, and without stdio. */
static void say(const char *text)
{
    ssize_t ignored = write(STDERR_FILENO, text, strlen(text));
    (void)ignored; /* nothing can be done about it */
}

static void say_that_it_waits(void)
{
    static _Atomic int64_t said_ns;
    int64_t now = clock_mono_ns(), last = atomic_exchange(&said_ns, now);
    if (last && now - last < 60 * NS_PER_S)
        return;
    say("posta: out of memory, waiting for some; give it more, or make its buffers smaller\n");
}

/* Call it again with n_waits + 1 while there is none. */
static void wait_for_memory(int n_waits)
{
    const struct timespec step = {.tv_nsec = STEP_MS * NS_PER_MS};
    if (n_waits == 0)
        say_that_it_waits();
    if (n_waits >= WAIT_MS / STEP_MS) {
        say("posta: out of memory for 10 s, ending; what was read is in the spool, and the next "
            "start goes "
            "on from there\n");
        end_process();
    }
    nanosleep(&step, NULL);
}

void *mem_grow(void *old, size_t n, size_t bytes)
{
    void *mem;
    for (int i = 0; !(mem = reallocarray(old, n ? n : 1, bytes ? bytes : 1)); i++)
        wait_for_memory(i);
    return mem;
}

void *mem_alloc(size_t bytes)
{
    return mem_grow(NULL, 1, bytes);
}

void *mem_zero(size_t n, size_t bytes)
{
    void *mem;
    for (int i = 0; !(mem = calloc(n ? n : 1, bytes ? bytes : 1)); i++)
        wait_for_memory(i);
    return mem;
}

char *mem_dup(const char *text)
{
    size_t len = strlen(text) + 1;
    return memcpy(mem_alloc(len), text, len);
}

char *mem_printf(const char *fmt, ...)
{
    char *text = NULL;
    for (int i = 0, len = -1; len < 0; i++) {
        va_list args;
        va_start(args, fmt);
        len = vasprintf(&text, fmt, args);
        va_end(args);
        if (len < 0)
            wait_for_memory(i);
    }
    return text;
}

void buf_reserve(struct buf *buf, size_t more)
{
    if (buf->cap - buf->len >= more)
        return;
    size_t cap = buf->cap ? buf->cap : 256;
    while (cap - buf->len < more)
        cap *= 2;
    buf->data = mem_grow(buf->data, cap, 1);
    buf->cap = cap;
}

void buf_append(struct buf *buf, const void *bytes, size_t len)
{
    if (len == 0)
        return;
    buf_reserve(buf, len);
    memcpy(buf->data + buf->len, bytes, len);
    buf->len += len;
}

void buf_puts(struct buf *buf, const char *text)
{
    buf_append(buf, text, strlen(text));
}

void buf_putc(struct buf *buf, char c)
{
    buf_append(buf, &c, 1);
}

void buf_printf(struct buf *buf, const char *fmt, ...)
{
    char small[512];
    va_list args;
    va_start(args, fmt);
    int len = vsnprintf(small, sizeof small, fmt, args);
    va_end(args);
    if (len < 0)
        return;
    if ((size_t)len < sizeof small) {
        buf_append(buf, small, (size_t)len);
        return;
    }
    buf_reserve(buf, (size_t)len + 1);
    va_start(args, fmt);
    vsnprintf(buf->data + buf->len, (size_t)len + 1, fmt, args);
    va_end(args);
    buf->len += (size_t)len;
}

/* Two digits a division. */
char *put_digits(char *to, uint64_t value)
{
    static const char pairs[] =
        "00010203040506070809101112131415161718192021222324252627282930313233"
        "34353637383940414243444546474849505152535455565758596061626364656667"
        "68697071727374757677787980818283848586878889909192939495969798"
        "99";
    char digits[DIGITS_MAX];
    char *at = digits + sizeof digits;
    for (; value >= 10; value /= 100)
        memcpy(at -= 2, pairs + 2 * (value % 100), 2);
    if (value > 0 || at == digits + sizeof digits)
        *--at = (char)('0' + value);
    return mempcpy(to, at, (size_t)(digits + sizeof digits - at));
}

void buf_put_u64(struct buf *buf, uint64_t value)
{
    buf_reserve(buf, DIGITS_MAX);
    buf->len = (size_t)(put_digits(buf->data + buf->len, value) - buf->data);
}

const char *buf_str(struct buf *buf)
{
    buf_reserve(buf, 1);
    buf->data[buf->len] = '\0';
    return buf->data;
}

void buf_free(struct buf *buf)
{
    free(buf->data);
    *buf = (struct buf)BUF_INIT;
}
