/* parse.h: records → records: what an input's `parsers` do, one file each, and the chain that joins them.
 *
 *     line → record ─► container ─► multiline ─► nginx ─► filter ─► event
 *                      └──────────── a chain ─────────────┘
 *
 * The chain is made from the configuration once; each log that is read has a state of its own for the parsers that hold records
 * back. What a parser is: <posta/parser.h>.
 */
#ifndef PARSE_PARSE_H
#define PARSE_PARSE_H

#include <posta/parser.h>

/* ---- the parsers ---- */
extern const struct parser multiline_parser; /* multiline.c: lines that belong together */
extern const struct parser
    container_parser; /* container.c: what container engines wrap around lines */
extern const struct parser ndjson_parser;          /* ndjson.c: JSON lines */
extern const struct parser syslog_parser;          /* syslog.c: RFC 3164 and 5424 */
extern const struct parser include_message_parser; /* filter.c: by pattern */
extern const struct parser nginx_parser;           /* nginx.c: access and error logs */
extern const struct parser apache_parser;          /* apache.c: the same */

/* include_lines and exclude_lines of an input: a parser behind all others. Fill in the two lists, then open. */
struct line_filter {
    struct parser_env env;
    struct str_list include, exclude; /* borrowed */
    void *made;
};
extern const struct parser line_filter_parser; /* filter.c */

/* ---- chain.c ---- */

struct stage {
    const struct parser *parser;
    void *self; /* open */
};

struct chain {
    struct stage *stages;
    size_t n;
    bool holds; /* one of them holds records back */
};

/* The states of one log; NULL is a log that was never read. */
struct chain_state;

/* Takes self, of parser->size bytes, opened. */
void chain_add(struct chain *chain, const struct parser *parser, void *self);
void chain_free(
    struct chain *chain); /* closes and frees the parsers; their options are the caller's */

struct chain_state *chain_state_new(const struct chain *chain);
void chain_state_free(const struct chain *chain, struct chain_state *state); /* NULL is fine */

/* One line in. older: the state of the generation before, from which what goes on in this line is taken over; NULL for none.
 * state may be NULL if the chain holds nothing back. */
void chain_take(const struct chain *chain, struct chain_state *state, struct chain_state *older,
                struct record *rec, const struct emit *out);
/* Lines were read and done with already: what the generation before holds does not go on in this one. */
void chain_begin(const struct chain *chain, struct chain_state *state);
/* Nothing more will be taken over from the generation before. */
bool chain_has_begun(const struct chain *chain, const struct chain_state *state);
/* Give on what is held: the record whose last line is this one, or all with PLACE_ALL. */
void chain_flush(const struct chain *chain, struct chain_state *state, uint64_t last,
                 const struct emit *out);
/* 0 = nothing is held. */
size_t chain_held_bytes(const struct chain *chain, const struct chain_state *state);
/* The shortest of its parsers' timeouts. */
int64_t chain_timeout_ns(const struct chain *chain);

/* ---- stamp.c: times in lines ---- */

#define NO_STAMP INT64_MIN

/* Where clocks are that lines give no zone for. */
struct zone {
    bool is_local; /* this machine's, with its summer time */
    int offset_s;  /* if not: seconds east of UTC */
};
/* "Local", "UTC", "+02:00", "-0330"; CONFIG else. */
int zone_parse(const char *text, struct zone *zone, struct err *err) MUST_CHECK;
/* "+02:00", as it is at that time. */
void zone_text(const struct zone *zone, int64_t time_ms, char text[static 8]);

/* Each reads one form at `at`, moves it behind, and returns ms since the epoch; NO_STAMP if it is not there. */
int64_t stamp_clf(const char **at, const char *end); /* 10/Oct/2000:13:55:36 -0700 */
int64_t
stamp_rfc3339(const char **at,
              const char *end); /* 2024-05-01T10:00:00.123456789+02:00, or Z, or " " for T */
int64_t stamp_slashes(const char **at, const char *end,
                      const struct zone *zone); /* 2024/05/01 10:00:00 */
int64_t stamp_asctime(const char **at, const char *end,
                      const struct zone *zone); /* Wed Oct 11 14:32:52.123456 2017 */
/* Oct 11 14:32:52, in the year that brings it nearest to now. */
int64_t stamp_bsd(const char **at, const char *end, const struct zone *zone, int64_t now_ms);
int64_t stamp_epoch(const char *at, size_t len); /* 1700000000.123 */

#endif
