/* What the judge needs of a Beats event: a few strings out of one JSON text. */
#ifndef TESTS_TOOLS_EVENT_H
#define TESTS_TOOLS_EVENT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* A piece of text with a length; absent when at is NULL. Not ended by a zero, may hold one. */
struct text {
    const char *at;
    size_t len;
};

struct event {
    struct text message; /* "message" */
    struct text path;    /* "log.file.path" */
    struct text inode;   /* "log.file.inode" */
    struct text id;      /* "event.id" */
    int64_t offset;      /* "log.offset", -1 when absent */
    char *scratch;       /* the decoded strings; kept from event to event */
    size_t scratch_size;
};

/* Read the JSON text of len bytes: strict JSON, strict UTF-8, nested or dotted keys, an object outermost.
 * False when it is not that; then ev's strings are not to be used. They are valid until the next call. */
bool event_parse(struct event *ev, const char *json, size_t len);

/* Free the scratch space. */
void event_done(struct event *ev);

#endif
