/* line.c: lines of a chunk. */
#include "event.h"

bool line_next(struct lines *lines, struct line *line)
{
    if (lines->at >= lines->len)
        return false;
    const char *text = lines->bytes + lines->at;
    const char *nl = memchr(text, '\n', lines->len - lines->at);
    size_t len = nl ? (size_t)(nl - text) : lines->len - lines->at;
    line->start = lines->at;
    line->end = lines->at + len + (nl ? 1 : 0);
    line->text = text;
    line->len = nl && len > 0 && text[len - 1] == '\r' ? len - 1 : len;
    lines->at = line->end;
    return true;
}
