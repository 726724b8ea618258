/* parser.h: what a parser of an input is to the rest: records in, records out.
 *
 * A parser is pure: what it gives depends on its configuration, its state and the record, on nothing else. It touches no file,
 * no clock and no log. What it cannot understand it gives on whole, with an error in the fields; it drops nothing unless it is
 * told to filter, and says so then by RECORD_DROPPED.
 */
#ifndef POSTA_PARSER_H
#define POSTA_PARSER_H

#include <posta/plugin.h>
#include <posta/record.h>

/* What a parser calls. */
struct emit {
    void *arg;
    /* One record is ready, or dropped. The callee may change it; what it borrows is the caller's again afterwards. */
    void (*give)(void *arg, struct record *rec);
    /* The line with the number `before` and the one with `after` are of one record: the second was added to the first. */
    void (*join)(void *arg, uint64_t before, uint64_t after);
};

/* What a parser may know about its input and the machine; filled in before open. */
struct parser_env {
    size_t limit_bytes; /* message_max_bytes: records do not grow beyond it */
};

#define PLACE_ALL UINT64_MAX

struct parser {
    const char *name; /* as in parsers: - <name>: */
    const char *doc;
    const struct option *options;
    size_t
        size; /* of its own struct, which the options are read into; it begins with a struct parser_env */
    /* Options are set: compile patterns, check what belongs together. */
    int (*open)(void *self, struct err *err);
    void (*close)(void *self); /* what open made; a half-opened one too */
    void (*take)(void *self, void *state, void *older, struct record *rec, const struct emit *emit);

    /* The rest is for parsers that hold records back; each log has a state of its own, zeroed at first. */
    size_t state_size;
    /* Give on what is held: the record whose last line has this number, or all with PLACE_ALL. */
    void (*flush)(void *self, void *state, uint64_t last, const struct emit *emit);
    size_t (*held_bytes)(const void *state); /* 0 = nothing is held */
    void (*free_state)(void *state);
    /* How long the log must be quiet until what is held is given on, in ns. */
    int64_t (*timeout_ns)(const void *self);
};

#endif
