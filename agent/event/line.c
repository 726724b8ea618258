/* line.c: lines of a chunk. */
#include "event.h"

static const char *find_end(const struct lines *lines, size_t left)
{
    const char *text = lines->bytes + lines->at;
    if (lines->end && lines->end->len)
        return line_end_first(lines->end, lines->offset + lines->at, text, left);
    const char *nl = memchr(text, '\n', left);
    return nl ? nl + 1 : NULL;
}

bool line_next(struct lines *lines, struct line *line)
{
    if (lines->at >= lines->len)
        return false;
    const char *text = lines->bytes + lines->at;
    const char *end = find_end(lines, lines->len - lines->at);
    size_t n_end = lines->end && lines->end->len ? lines->end->len : 1;
    size_t len = end ? (size_t)(end - text) - n_end : lines->len - lines->at;
    line->start = lines->at;
    line->end = end ? (size_t)(end - lines->bytes) : lines->len;
    line->text = text;
    line->has_end = end != NULL;
    line->len = end && !lines->keeps_cr && len > 0 && text[len - 1] == '\r' ? len - 1 : len;
    lines->at = line->end;
    return true;
}
