/* verify.h: proves from delivered events alone that no byte of a log is missing: ranges of bytes, and a book of them.
 *
 *     event ──facts──► key, offset, end ──book──► generation ──► ranges of its bytes that have come
 *
 * Knows nothing of where the events come from. Memory: a generation of a log costs some 200 bytes, its path, and 24 bytes for
 * each gap.
 */
#ifndef VERIFY_VERIFY_H
#define VERIFY_VERIFY_H

#include <posta/buf.h>
#include <posta/json.h>
#include <posta/source.h>
#include <posta/table.h>
#include <stdbool.h>
#include <stdint.h>

/* ---- ranges.c: sets of bytes ---- */

/* [from, to), and of the bytes behind it perhaps so many more, up to the next range. */
struct range {
    uint64_t from, to, slack;
};
#define SLACK_UNKNOWN UINT64_MAX

/* In order, with gaps between them. */
struct ranges {
    struct range *at;
    size_t n, cap;
    uint64_t bytes; /* in all of them */
};

/* Returns how many of its bytes had come before. from < to. */
uint64_t ranges_add(struct ranges *ranges, struct range range);
/* Does it reach to this byte, with its slack? */
bool range_reaches(const struct range *range, uint64_t byte);
/* The gap before the range that this byte is in; false if it begins at 0 or the byte is in none. */
bool ranges_gap_before(const struct ranges *ranges, uint64_t byte, struct range *gap);
/* Where the last one ends; 0 if there is none. */
uint64_t ranges_end(const struct ranges *ranges);
void ranges_free(struct ranges *ranges);

/* ---- facts.c: what an event says ---- */

enum { EVENT_KEY_LEN = SOURCE_KEY_LEN, ID_LEN = 32 };

/* An event as it was delivered. */
struct delivered {
    const char *json;
    size_t len;
    const char *id; /* what stands beside it: 32 hex digits; NULL = nothing */
    uint64_t end, left_out;
    bool is_text; /* it is no whole event: only what stands beside it counts */
    bool is_cut;  /* events before it may have been deleted since */
};

struct facts {
    char key[EVENT_KEY_LEN + 1];
    struct buf path;
    struct range range;
    uint64_t left_out;
    bool is_unproven;       /* it is not known where it ends */
    struct json_span proof; /* of an end; borrows the event */
    uint64_t lost;          /* of an end: bytes behind it that were never read */
    struct buf text;        /* scratch */
};

enum facts_kind {
    FACTS_OK,
    FACTS_END,   /* of a generation, at range.to */
    FACTS_OTHER, /* not of a log, or not posta's */
    FACTS_BAD,   /* what it says cannot be */
};

/* infers: messages are whole lines, so that the end of an event without words about it is behind the message. */
enum facts_kind facts_read(struct facts *facts, const struct delivered *event, bool infers);
void facts_free(struct facts *facts);

/* ---- book.c: all generations ---- */

enum { PROOF_TEXT = 16 };

struct generation {
    char key[EVENT_KEY_LEN + 1]; /* its moment of birth comes first: they sort by age */
    char *path;
    struct ranges ranges;
    uint64_t n_events, n_repeats;
    uint64_t left_out;      /* bytes without an event, on purpose */
    uint64_t n_unproven;    /* events that do not say where they end */
    uint64_t repeating;     /* so many of the last events were repeats */
    bool is_cut;            /* events of its beginning may have been deleted */
    char proof[PROOF_TEXT]; /* how its end is known; "" = it is not */
    uint64_t end;           /* and where it is */
    uint64_t lost;          /* so many bytes behind it were never read */
};

struct book {
    bool infers;
    struct table table; /* of struct generation */
    struct facts facts;
    uint64_t n_other, n_bad;
};

/* What has changed by an event. */
enum change { CHANGE_NONE, CHANGE_GAP, CHANGE_FILLED, CHANGE_REPEAT, CHANGE_BAD };
struct change_note {
    enum change change;
    const struct generation *gen; /* NULL with BAD */
    struct range range;           /* the gap, what was filled, or the event */
    uint64_t n_repeats;           /* not 0: before this event so many were repeats, in a row */
};
struct change_note book_add(struct book *book, const struct delivered *event);
/* All of them by path and age; caller frees the list. */
const struct generation **book_sort(const struct book *book, size_t *n);
void book_free(struct book *book);

enum beginning {
    BEGINS_AT_0,
    BEGINS_CUT,    /* what was before may have been deleted from the topic */
    BEGINS_COPY,   /* where another generation ends: a copy of a log that was cut */
    BEGINS_MISSING /* nothing tells why it does not begin at 0 */
};
enum beginning book_begins(const struct book *book, const struct generation *gen);
/* Is its end known, and has nothing come from behind it? */
bool generation_is_ended(const struct generation *gen);
/* The gap before its range no. i, or with ranges.n before its end; false if there is none, or if nothing is missing there. */
bool generation_gap(const struct book *book, const struct generation *gen, size_t i,
                    struct range *gap);

#endif
