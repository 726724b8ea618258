/* multiline.c: lines that belong together become one record, as Beats' multiline does it.
 *
 * Happy path: a line begins a record or goes on with the one that is held; the held one is given on when a line begins the next,
 * when its flush_pattern or its count is reached, or when the log was quiet for `timeout`.
 * Failure modes: lines beyond max_lines, and bytes beyond the limit of a message, are left out of the record, which says so
 * (truncated); a pattern that takes too long for a line does not match it.
 * On close: what is held is given on by flush, or read again after a restart.
 */
#include "parse.h"

#include <posta/loop.h>
#include <posta/regex.h>

#include <stddef.h>

enum { KIND_PATTERN, KIND_COUNT, KIND_WHILE };
static const char *const kinds[] = {"pattern", "count", "while_pattern", NULL};
enum { MATCH_AFTER, MATCH_BEFORE };
static const char *const matches[] = {"after", "before", NULL};

struct multiline {
    struct parser_env env;
    int kind, match;
    char *pattern, *flush_pattern;
    bool negate, skip_newline;
    uint64_t max_lines, count_lines;
    int64_t timeout_ns;
    struct regex *re, *flush_re;
};

struct state {
    struct held held;
    uint64_t n_kept, n_lines; /* lines in the text; lines of the record */
    bool goes_on;             /* match: before: the next line belongs to it */
};

/* ---- configuration ---- */

static int need(const void *value, const char *what, struct err *err)
{
    return value ? 0 : err_set(err, ERR_CONFIG, "%s", what);
}

static int open_multiline(void *self, struct err *err)
{
    struct multiline *ml = self;
    if (ml->kind == KIND_COUNT) {
        if (ml->count_lines == 0)
            return err_set(err, ERR_CONFIG,
                           "type: count needs count_lines, how many lines a message has");
        return 0;
    }
    if (need(ml->pattern, "multiline needs a pattern", err))
        return -1;
    if (ml->kind == KIND_PATTERN && ml->match < 0)
        return err_set(err, ERR_CONFIG, "type: pattern needs match: after or before");
    if (regex_new(&ml->re, ml->pattern, err))
        return -1;
    return ml->flush_pattern ? regex_new(&ml->flush_re, ml->flush_pattern, err) : 0;
}

static void close_multiline(void *self)
{
    struct multiline *ml = self;
    regex_free(ml->re);
    regex_free(ml->flush_re);
    ml->re = ml->flush_re = NULL;
}

/* ---- the record that is held ---- */

static bool is_match(const struct multiline *ml, const struct record *rec)
{
    return regex_finds(ml->re, rec->text, rec->len) != ml->negate;
}

static void begin(const struct multiline *ml, struct state *st, const struct record *rec)
{
    record_hold(&st->held, rec);
    st->n_kept = st->n_lines = 1;
    st->goes_on = ml->kind == KIND_PATTERN && ml->match == MATCH_BEFORE && is_match(ml, rec);
}

static void give(struct state *st, const struct emit *emit)
{
    if (!st->held.is_held)
        return;
    struct record *rec = held_record(&st->held);
    if (st->n_kept > 1)
        rec->flags |= RECORD_MULTILINE;
    held_clear(&st->held);
    emit->give(emit->arg, rec);
}

static void append_text(const struct multiline *ml, struct state *st, const struct record *rec)
{
    struct buf *text = &st->held.text;
    bool has_separator = text->len > 0 && !ml->skip_newline;
    size_t used = text->len + has_separator;
    if (used >= ml->env.limit_bytes || (ml->max_lines && st->n_kept >= ml->max_lines)) {
        st->held.rec.flags |= RECORD_TRUNCATED;
        return;
    }
    size_t room = ml->env.limit_bytes - used, len = rec->len < room ? rec->len : room;
    if (has_separator)
        buf_putc(text, '\n');
    buf_append(text, rec->text, len);
    st->n_kept++;
    if (len < rec->len)
        st->held.rec.flags |= RECORD_TRUNCATED;
}

static void add(const struct multiline *ml, struct state *st, const struct record *rec,
                const struct emit *emit)
{
    append_text(ml, st, rec);
    st->n_lines++;
    st->held.rec.flags |= rec->flags & RECORD_TRUNCATED;
    if (rec->fields->error.len)
        fields_error(&st->held.fields, rec->fields->error_type, buf_str(&rec->fields->error));
    st->goes_on = ml->kind == KIND_PATTERN && ml->match == MATCH_BEFORE && is_match(ml, rec);
    emit->join(emit->arg, st->held.rec.last, rec->first);
    st->held.rec.last = rec->last;
}

/* ---- lines ---- */

/* Does rec go on with what is held? */
static bool belongs(const struct multiline *ml, const struct state *st, const struct record *rec)
{
    switch (ml->kind) {
    case KIND_COUNT:
        return true;
    case KIND_WHILE:
        return is_match(ml, rec);
    default:
        if (ml->flush_re && regex_finds(ml->flush_re, rec->text, rec->len))
            return true;
        return ml->match == MATCH_AFTER ? is_match(ml, rec) : st->goes_on;
    }
}

/* Is the record complete with its last line, whatever comes? */
static bool is_complete(const struct multiline *ml, const struct state *st,
                        const struct record *rec)
{
    switch (ml->kind) {
    case KIND_COUNT:
        return st->n_lines >= ml->count_lines;
    case KIND_WHILE:
        return st->n_lines == 1 && !is_match(ml, rec);
    default:
        return st->n_lines > 1 && ml->flush_re && regex_finds(ml->flush_re, rec->text, rec->len);
    }
}

/* The log was rotated in the middle of a record. */
static void take_over(const struct multiline *ml, struct state *st, struct state *older,
                      const struct record *rec)
{
    if (!older || !older->held.is_held || st->held.is_held || !belongs(ml, older, rec))
        return;
    struct state other = *st;
    *st = *older;
    *older = other;
}

static void take(void *self, void *state, void *older, struct record *rec, const struct emit *emit)
{
    const struct multiline *ml = self;
    struct state *st = state;
    take_over(ml, st, older, rec);
    if (st->held.is_held && belongs(ml, st, rec)) {
        add(ml, st, rec, emit);
    } else {
        give(st, emit);
        begin(ml, st, rec);
    }
    if (is_complete(ml, st, rec))
        give(st, emit);
}

static void flush(void *self, void *state, uint64_t last, const struct emit *emit)
{
    struct state *st = state;
    (void)self;
    if (last == PLACE_ALL || st->held.rec.last == last)
        give(st, emit);
}

static size_t held_bytes(const void *state)
{
    const struct state *st = state;
    return st->held.is_held ? st->held.text.len + 1 : 0;
}

static void free_state(void *state)
{
    held_free(&((struct state *)state)->held);
}

static int64_t timeout_ns(const void *self)
{
    return ((const struct multiline *)self)->timeout_ns;
}

#define AT(field) .at = offsetof(struct multiline, field)
static const struct option options[] = {
    {.name = "type",
     .type = OPT_WORD,
     .words = kinds,
     .def = "pattern",
     AT(kind),
     .doc = "How lines belong together: by a pattern at their border, by number, or as long as a "
            "pattern matches."},
    {.name = "pattern", .type = OPT_TEXT, AT(pattern), .doc = "Regular expression (RE2)."},
    {.name = "negate",
     .type = OPT_BOOL,
     .def = "false",
     AT(negate),
     .doc = "Lines that do not match are meant."},
    {.name = "match",
     .type = OPT_WORD,
     .words = matches,
     AT(match),
     .doc = "With type pattern: a line that matches goes behind the line before it, or before the "
            "line after it."},
    {.name = "flush_pattern",
     .type = OPT_TEXT,
     AT(flush_pattern),
     .doc = "A line that matches is the last of its message."},
    {.name = "count_lines",
     .type = OPT_COUNT,
     .def = "0",
     AT(count_lines),
     .doc = "With type count: lines of a message."},
    {.name = "max_lines",
     .type = OPT_COUNT,
     .def = "500",
     AT(max_lines),
     .doc = "Lines beyond are left out of the message, which is marked truncated; 0 = no limit but "
            "message_max_bytes."},
    {.name = "timeout",
     .type = OPT_DURATION,
     .def = "5s",
     .min = "10ms",
     .max = "1h",
     AT(timeout_ns),
     .doc = "A message is complete when its log was quiet for this long."},
    {.name = "skip_newline",
     .type = OPT_BOOL,
     .def = "false",
     AT(skip_newline),
     .doc = "Put lines together without a newline between them."},
    {0},
};

const struct parser multiline_parser = {
    .name = "multiline",
    .doc = "lines that belong together become one event",
    .options = options,
    .size = sizeof(struct multiline),
    .open = open_multiline,
    .close = close_multiline,
    .take = take,
    .state_size = sizeof(struct state),
    .flush = flush,
    .held_bytes = held_bytes,
    .free_state = free_state,
    .timeout_ns = timeout_ns,
};
