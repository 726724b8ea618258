/* writer.h: JSON members written straight into a buffer that has room; for the files of this folder.
 *
 * Every member ends with a comma; a group that closes takes the last one back, and vanishes if it has no member. So nothing is
 * asked while writing. There is always room for WRITER_SLACK bytes of names; values make their own.
 */
#ifndef PARSE_WRITER_H
#define PARSE_WRITER_H

#include <posta/json.h>

#include <stdlib.h>

enum { WRITER_SLACK = 2048 };

struct writer {
    struct buf *out;
    char *at;
    bool is_json;      /* values are escaped as in JSON already */
    const char *plain; /* values need no escape; bytes up to here may be read */
};

static inline void writer_room(struct writer *w, size_t len)
{
    w->out->len = (size_t)(w->at - w->out->data);
    if (w->out->cap - w->out->len >= len)
        return;
    buf_reserve(w->out, len);
    w->at = w->out->data + w->out->len;
}

static inline void writer_begin(struct writer *w, struct buf *out)
{
    buf_reserve(out, WRITER_SLACK);
    w->out = out;
    w->at = out->data + out->len;
    if (out->len)
        *w->at++ = ',';
}

/* Takes the last comma back. */
static inline void writer_end(struct writer *w)
{
    if (w->at > w->out->data && w->at[-1] == ',')
        w->at--;
    w->out->len = (size_t)(w->at - w->out->data);
}

/* A text of the program. */
#define PUT(w, text) (memcpy((w)->at, text, sizeof(text) - 1), (void)((w)->at += sizeof(text) - 1))

/* Begin and end a group, with one text: size_t http = OPEN(w, "\"http\":{"); .. CLOSE(w, http, "\"http\":{"); */
#define OPEN(w, text) (PUT(w, text), writer_opened(w, sizeof(text) - 1))

static inline size_t writer_opened(const struct writer *w, size_t len)
{
    return (size_t)(w->at - w->out->data) - len;
}

#define CLOSE(w, begin, text) writer_close(w, begin, sizeof(text) - 1)

/* `begin` is where it began; its text was `len` long. */
static inline void writer_close(struct writer *w, size_t begin, size_t len)
{
    size_t now = (size_t)(w->at - w->out->data);
    if (now == begin + len) {
        w->at -= len;
        return;
    }
    w->at[-1] = '}';
    *w->at++ = ',';
}

/* ASCII that needs no escape: a number. */
static inline void writer_raw(struct writer *w, const char *at, size_t len)
{
    memcpy(w->at, at, len);
    w->at += len;
}

#endif
