/* record.h: an event in the making: what a line, or several, have become so far on their way through the parsers.
 *
 * A record borrows its text and fields; who keeps it longer than a call copies it (record_hold).
 */
#ifndef POSTA_RECORD_H
#define POSTA_RECORD_H

#include <posta/buf.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum record_flag {
    RECORD_TRUNCATED = 1,  /* something of its lines was left out */
    RECORD_MULTILINE = 2,  /* it is made of more than one line */
    RECORD_NO_MESSAGE = 4, /* its text is in the fields: the event has no message */
    RECORD_DROPPED = 8,    /* filtered out: no event */
    RECORD_OVERWRITE = 16, /* with json: its keys win over those the event has */
};

/* Ready JSON members, each run without a comma before and behind; empty = none. */
struct fields {
    struct buf event; /* inside "event" */
    struct buf log;   /* inside "log" */
    struct buf
        root; /* at the top, or inside an object named here; not message, event, log, error, @.. */
    struct buf error;       /* text of error.message, not escaped */
    const char *error_type; /* error.type; static */
    struct buf json;        /* a checked JSON object to be merged into the event at the end */
    struct buf id;          /* text of @metadata._id instead of posta's own; "" = posta's own */
};

enum { RECORD_NO_TIME = 0 };

struct record {
    const char *text; /* the message */
    size_t len;
    uint8_t flags;         /* enum record_flag */
    int64_t time_ms;       /* since the epoch, as the line says it; NO_TIME = when it was read */
    int64_t read_ms;       /* when its first line was read */
    struct fields *fields; /* never NULL; at first all are empty */
    /* The rest is the caller's; parsers hand it on as it is. */
    uint64_t first, last; /* numbers of the first and the last of its lines */
    uint64_t offset;      /* of the first in its file */
    void *origin;         /* where the first came from */
};

/* Append members to a run: a comma goes between. */
void members_add(struct buf *run, const char *members, size_t len);
void fields_clear(struct fields *fields);
void fields_free(struct fields *fields);
/* Say what a parser could not do; what was said before stays. type: static, or NULL. */
void fields_error(struct fields *fields, const char *type, const char *text);

/* A record that is kept, with its own copy of everything. */
struct held {
    struct record rec;
    struct buf text;
    struct fields fields;
    bool is_held;
};
void record_hold(struct held *held, const struct record *rec);
/* Its record, ready to be given on: text and fields are borrowed from held. */
struct record *held_record(struct held *held);
void held_clear(struct held *held);
void held_free(struct held *held);

#endif
