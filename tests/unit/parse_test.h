/* parse_test.h: parsers as the configuration names them, lines in, events out as short texts.
 *
 * An event is written as "[@timestamp ]<what is variable up to log.offset> | <what the parsers added>", without what all events
 * of a test have in common, one a line.
 */
#ifndef PARSE_TEST_H
#define PARSE_TEST_H

#include "agent.h"
#include "posta_test.h"

enum { PARSE_LIMIT = 64 * 1024 };

struct parse_rig {
    struct input_settings in;
    struct problems problems;
    struct chain_state *state, *older;
    struct encoder enc;
    struct source src;
    struct buf events; /* what came out since the last look */
    struct buf joins;  /* "1<2 ": line 2 was added to line 1 */
    uint64_t n_lines;  /* number of the next line */
    uint64_t offset;
    bool shows_numbers; /* "first-last:" before each event */
    size_t n_events;
};

static const struct event_agent parse_agent = {
    .beat = "b", .version = "1", .id = "I", .ephemeral_id = "E", .name = "n"};

static inline void parse_put_time(struct parse_rig *rig, const char *json)
{
    static const char read[] = "2026-09-21T14:13:20.000Z";
    if (strncmp(json + 15, read, 24) != 0)
        buf_printf(&rig->events, "%.24s ", json + 15);
}

static inline void parse_show(struct parse_rig *rig, const struct record *rec, const char *json)
{
    const char *begin = strstr(json, "\"event\":{\"id\":\"");
    const char *end = strstr(json, ",\"file\":{\"path\":\"/p\"");
    const char *rest = strstr(json, "\"ephemeral_id\":\"E\"}");
    if (rig->shows_numbers)
        buf_printf(&rig->events, "%llu-%llu:", (unsigned long long)rec->first,
                   (unsigned long long)rec->last);
    if (!begin || !end || !rest || rec->fields->json.len) { /* merged: in no fixed order */
        buf_printf(&rig->events, "%s\n", json);
        return;
    }
    begin += strlen("\"event\":{\"id\":\"") + SOURCE_KEY_LEN + 12 + 1;
    rest += strlen("\"ephemeral_id\":\"E\"}");
    parse_put_time(rig, json);
    buf_append(&rig->events, begin, (size_t)(end - begin));
    buf_printf(&rig->events, " | %s\n", rest);
}

static inline void parse_give(void *arg, struct record *rec)
{
    struct parse_rig *rig = arg;
    struct buf out = BUF_INIT;
    rig->n_events++;
    if (rec->flags & RECORD_DROPPED) {
        buf_puts(&rig->events, "dropped\n");
        return;
    }
    encoder_record(&rig->enc, rec, &out);
    if (!is_json(out.data, out.len))
        fail_msg("no JSON: %s", buf_str(&out));
    parse_show(rig, rec, buf_str(&out));
    buf_free(&out);
}

static inline void parse_join(void *arg, uint64_t before, uint64_t after)
{
    struct parse_rig *rig = arg;
    buf_printf(&rig->joins, "%llu<%llu ", (unsigned long long)before, (unsigned long long)after);
}

static inline struct emit parse_emit(struct parse_rig *rig)
{
    return (struct emit) {.arg = rig, .give = parse_give, .join = parse_join};
}

/* yaml: a mapping from parsers to their options, in order. */
static inline void parse_setup(struct parse_rig *rig, const char *yaml)
{
    static char path[] = "/p", id[] = "in";
    struct config *config = config_new(NULL);
    *rig = (struct parse_rig) {.problems = PROBLEMS_INIT, .enc = ENCODER_INIT};
    rig->in.tail.message_max_bytes = PARSE_LIMIT;
    if (config_add_bytes(config, "t", yaml, strlen(yaml), &rig->problems) == 0)
        for (size_t i = 0; i < node_count(config_root(config)); i++)
            parsers_add(&rig->in, node_key(config_root(config), i), node_at(config_root(config), i),
                        node_at(config_root(config), i), &rig->problems);
    config_free(config);
    const struct event_input input = {.type = "f", .extra = "", .limit_bytes = PARSE_LIMIT};
    rig->src = (struct source) {.path = path, .input = id};
    encoder_begin(&rig->enc, &parse_agent, &input, &rig->src, 1790000000 * NS_PER_S);
    rig->state = chain_state_new(&rig->in.chain);
}

static inline void parse_open(struct parse_rig *rig, const char *yaml)
{
    parse_setup(rig, yaml);
    if (rig->problems.n)
        fail_msg("%s", rig->problems.at[0].text);
}

static inline void parse_close(struct parse_rig *rig)
{
    chain_state_free(&rig->in.chain, rig->state);
    chain_state_free(&rig->in.chain, rig->older);
    parsers_free(&rig->in);
    encoder_free(&rig->enc);
    problems_free(&rig->problems);
    buf_free(&rig->events);
    buf_free(&rig->joins);
}

static inline void parse_line(struct parse_rig *rig, const char *text, size_t len)
{
    struct fields fields = {.error_type = NULL};
    char *exact = mem_alloc(len); /* so that a read behind it is seen */
    memcpy(exact, text, len);
    struct record rec = {.text = exact,
                         .len = len,
                         .fields = &fields,
                         .read_ms = INT64_C(1790000000000),
                         .first = rig->n_lines,
                         .last = rig->n_lines,
                         .offset = rig->offset};
    const struct emit emit = parse_emit(rig);
    chain_take(&rig->in.chain, rig->state, rig->older, &rec, &emit);
    rig->n_lines++;
    rig->offset += len + 1;
    fields_free(&fields);
    free(exact);
}

/* Lines that end with a newline each. */
static inline void parse_text(struct parse_rig *rig, const char *text)
{
    for (const char *nl; (nl = strchr(text, '\n')); text = nl + 1)
        parse_line(rig, text, (size_t)(nl - text));
}

static inline void parse_flush(struct parse_rig *rig)
{
    const struct emit emit = parse_emit(rig);
    chain_flush(&rig->in.chain, rig->state, PLACE_ALL, &emit);
}

/* The log was rotated: what comes is another file. */
static inline void parse_rotate(struct parse_rig *rig)
{
    chain_state_free(&rig->in.chain, rig->older);
    rig->older = rig->state;
    rig->state = chain_state_new(&rig->in.chain);
}

static inline void assert_events(struct parse_rig *rig, const char *words)
{
    assert_string_equal(buf_str(&rig->events), words);
    buf_clear(&rig->events);
}

/* One row of a table: lines through parsers. */
struct parse_case {
    const char *yaml, *text, *events;
};

static inline void run_parse_cases(const struct parse_case *rows, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        struct parse_rig rig;
        parse_open(&rig, rows[i].yaml);
        parse_text(&rig, rows[i].text);
        parse_flush(&rig);
        if (strcmp(buf_str(&rig.events), rows[i].events) != 0)
            fail_msg("row %zu: %s\n%s\nis:\n%s\nshould be:\n%s", i, rows[i].yaml, rows[i].text,
                     buf_str(&rig.events), rows[i].events);
        parse_close(&rig);
    }
}

/* Configurations that are refused, with the words. */
static inline void assert_parser_refused(const char *yaml, const char *words)
{
    struct parse_rig rig;
    parse_setup(&rig, yaml);
    assert_int_equal(rig.problems.n, 1);
    assert_string_equal(rig.problems.at[0].text, words);
    parse_close(&rig);
}

#endif
