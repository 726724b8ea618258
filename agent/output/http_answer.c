/* http_answer.c: the bytes of an HTTP/1.x answer: status and body, by length, in chunks or to the end. */
#include "http.h"

#include <strings.h>

/* What is left to look at. */
struct rest {
    const char *at, *end;
};

static int more(bool is_end, struct err *err)
{
    return err_set(err, is_end ? ERR_CORRUPT : ERR_AGAIN, "the answer ends too early");
}

static int no_http(struct err *err)
{
    return err_set(err, ERR_CORRUPT, "the answer is not HTTP");
}

/* Up to a line end, which is stepped over. False if there is none. */
static bool next_line(struct rest *rest, struct rest *line)
{
    const char *lf = memchr(rest->at, '\n', (size_t)(rest->end - rest->at));
    if (!lf)
        return false;
    *line = (struct rest) {rest->at, lf > rest->at && lf[-1] == '\r' ? lf - 1 : lf};
    rest->at = lf + 1;
    return true;
}

static bool has_name(const struct rest *line, const char *name, struct rest *value)
{
    size_t len = strlen(name);
    if ((size_t)(line->end - line->at) <= len || strncasecmp(line->at, name, len) != 0 ||
        line->at[len] != ':')
        return false;
    *value = (struct rest) {line->at + len + 1, line->end};
    while (value->at < value->end && (*value->at == ' ' || *value->at == '\t'))
        value->at++;
    return true;
}

/* Digits of this base at the beginning; false if there are none, or too many. */
static bool read_size(const char *at, const char *end, unsigned base, size_t *size)
{
    static const char digits[] = "0123456789abcdef";
    const char *begin = at;
    *size = 0;
    for (; at < end; at++) {
        char low = *at >= 'A' && *at <= 'F' ? (char)(*at + 32) : *at;
        const char *digit = low ? memchr(digits, low, base) : NULL;
        if (!digit)
            break;
        *size = *size * base + (size_t)(digit - digits);
        if (*size > HTTP_ANSWER_BYTES)
            return false;
    }
    return at > begin;
}

static int read_chunks(struct rest rest, bool is_end, struct buf *body, struct err *err)
{
    for (;;) {
        struct rest line;
        size_t size;
        if (!next_line(&rest, &line))
            return more(is_end, err);
        if (!read_size(line.at, line.end, 16, &size))
            return no_http(err);
        if (size == 0)
            return 0;
        if ((size_t)(rest.end - rest.at) < size)
            return more(is_end, err);
        buf_append(body, rest.at, size);
        rest.at += size;
        if (!next_line(&rest, &line))
            return more(is_end, err);
        if (line.at != line.end)
            return no_http(err);
    }
}

struct framing {
    bool is_chunked, has_length;
    size_t length;
};

/* 1 = this was the last line of the head. */
static int read_header(const struct rest *line, struct framing *framing, struct err *err)
{
    struct rest value;
    if (line->at == line->end)
        return 1;
    if (has_name(line, "Transfer-Encoding", &value)) {
        framing->is_chunked = value.end - value.at == 7 && strncasecmp(value.at, "chunked", 7) == 0;
        return framing->is_chunked ? 0 : no_http(err);
    }
    if (!has_name(line, "Content-Length", &value))
        return 0;
    framing->has_length = read_size(value.at, value.end, 10, &framing->length);
    return framing->has_length ? 0 : no_http(err);
}

static int read_body(struct rest rest, const struct framing *framing, bool is_end, struct buf *body,
                     struct err *err)
{
    size_t len = (size_t)(rest.end - rest.at);
    if (framing->is_chunked)
        return read_chunks(rest, is_end, body, err);
    if (framing->has_length ? len < framing->length : !is_end)
        return more(is_end, err);
    buf_append(body, rest.at, framing->has_length ? framing->length : len);
    return 0;
}

static bool read_status(const struct rest *line, int *status)
{
    size_t number;
    if (line->end - line->at < 12 || memcmp(line->at, "HTTP/1.", 7) != 0 || line->at[8] != ' ')
        return false;
    if (!read_size(line->at + 9, line->at + 12, 10, &number) || number < 100)
        return false;
    *status = (int)number;
    return true;
}

int http_parse_answer(const char *bytes, size_t len, bool is_end, struct http_answer *answer,
                      struct err *err)
{
    struct rest rest = {bytes, bytes + len}, line;
    struct framing framing = {.length = 0};
    int status, rc = 0;
    if (!next_line(&rest, &line))
        return more(is_end, err);
    if (!read_status(&line, &status))
        return no_http(err);
    while (rc == 0) {
        if (!next_line(&rest, &line))
            return more(is_end, err);
        rc = read_header(&line, &framing, err);
    }
    size_t before = answer->body.len;
    if (rc < 0 || read_body(rest, &framing, is_end, &answer->body, err)) {
        answer->body.len = before;
        return -1;
    }
    answer->status = status;
    return 0;
}
