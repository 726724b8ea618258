/* buf.c: growing buffers and memory that is there or ends the process; see buf.h. */
#include <posta/buf.h>

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static void die_without_memory(void)
{
    static const char text[] = "posta: out of memory; what was read is in the spool\n";
    ssize_t ignored = write(STDERR_FILENO, text, sizeof text - 1);
    (void)ignored; /* nothing can be done about it */
    abort();
}

void *mem_grow(void *old, size_t n, size_t bytes)
{
    void *mem = reallocarray(old, n ? n : 1, bytes ? bytes : 1);
    if (!mem)
        die_without_memory();
    return mem;
}

void *mem_alloc(size_t bytes)
{
    return mem_grow(NULL, 1, bytes);
}

void *mem_zero(size_t n, size_t bytes)
{
    void *mem = calloc(n ? n : 1, bytes ? bytes : 1);
    if (!mem)
        die_without_memory();
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
    va_list args;
    va_start(args, fmt);
    int len = vasprintf(&text, fmt, args);
    va_end(args);
    if (len < 0)
        die_without_memory();
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

void buf_put_u64(struct buf *buf, uint64_t value)
{
    char digits[20];
    char *at = digits + sizeof digits;
    do
        *--at = (char)('0' + value % 10);
    while (value /= 10);
    buf_append(buf, at, (size_t)(digits + sizeof digits - at));
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
