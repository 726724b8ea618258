/* fuzz_parse.c: any lines through each parser, and through chains of them: each line is in one event or dropped, none in two,
 * whatever is rotated in between; every event is JSON to a library.
 *
 * The first byte chooses the parsers; a line of one byte '\1' is a rotation, '\2' lets go of what is held.
 */
#include "agent.h"

#include "library.h"
#include <assert.h>

static const char *const chains[] = {
    "multiline: {pattern: '^ ', match: after}",
    "multiline: {pattern: '-$', match: before, negate: true, max_lines: 3, flush_pattern: END}",
    "multiline: {type: count, count_lines: 3, skip_newline: true}",
    "multiline: {type: while_pattern, pattern: '^x'}",
    "container: {}",
    "container: {stream: stdout, format: docker}",
    "container: {}\nmultiline: {pattern: '^ ', match: after}\nndjson: {message_key: m, "
    "add_error_key: true}",
    "ndjson: {add_error_key: true}",
    "ndjson: {target: a.b, message_key: msg, expand_keys: true, document_id: id, add_error_key: "
    "true}",
    "ndjson: {overwrite_keys: true, expand_keys: true, add_error_key: true}",
    "syslog: {timezone: UTC}",
    "syslog: {timezone: '+02:00'}\nnginx: {dataset: error, timezone: UTC}",
    "include_message: {patterns: ['a.*b', '^$']}",
    "nginx: {original: true}",
    "nginx: {format: json}",
    "nginx: {dataset: error, timezone: UTC, original: true}",
    "apache: {}",
    "apache: {dataset: error, timezone: UTC}",
    "ndjson: {message_key: message}\napache: {}",
};
enum { N_CHAINS = sizeof(chains) / sizeof(chains[0]), LIMIT = 4096 };

static struct input_settings inputs[N_CHAINS]; /* made once */

struct run {
    struct encoder enc;
    struct buf out;
    size_t n_events, n_joins;
};

static void give(void *arg, struct record *rec)
{
    struct run *run = arg;
    json_error_t error;
    run->n_events++;
    if (rec->flags & RECORD_DROPPED)
        return;
    assert(rec->fields && (rec->len == 0 || rec->text));
    encoder_record(&run->enc, rec, &run->out);
    json_t *json =
        json_loadb(run->out.data, run->out.len, JSON_REJECT_DUPLICATES | JSON_ALLOW_NUL, &error);
    if (!json && !library_cannot(&error)) {
        fprintf(stderr, "%s: %.*s\n", error.text, (int)run->out.len, run->out.data);
        abort();
    }
    assert(!json || json_object_get(json, "@timestamp"));
    json_decref(json);
}

static void join(void *arg, uint64_t before, uint64_t after)
{
    assert(before != after);
    ((struct run *)arg)->n_joins++;
}

static const struct chain *chain_of(size_t i)
{
    struct problems problems = PROBLEMS_INIT;
    if (inputs[i].chain.n)
        return &inputs[i].chain;
    struct config *config = config_new(NULL);
    inputs[i].tail.message_max_bytes = LIMIT;
    assert(config_add_bytes(config, "t", chains[i], strlen(chains[i]), &problems) == 0);
    for (size_t k = 0; k < node_count(config_root(config)); k++)
        parsers_add(&inputs[i], node_key(config_root(config), k), node_at(config_root(config), k),
                    NULL, &problems);
    assert(problems.n == 0);
    config_free(config);
    return &inputs[i].chain;
}

static void take_line(struct run *run, const struct chain *chain, struct chain_state **states,
                      const char *text, size_t len, uint64_t n)
{
    const struct emit emit = {.arg = run, .give = give, .join = join};
    struct fields fields = {.error_type = NULL};
    char *exact = mem_alloc(len);
    memcpy(exact, text, len);
    struct record rec = {.text = exact,
                         .len = len,
                         .first = n,
                         .last = n,
                         .fields = &fields,
                         .read_ms = INT64_C(1700000000000)};
    chain_take(chain, states[0], states[1], &rec, &emit);
    fields_free(&fields);
    free(exact);
}

static void rotate(struct run *run, const struct chain *chain, struct chain_state **states)
{
    const struct emit emit = {.arg = run, .give = give, .join = join};
    if (states[1])
        chain_flush(chain, states[1], PLACE_ALL, &emit);
    chain_state_free(chain, states[1]);
    states[1] = states[0];
    states[0] = chain_state_new(chain);
}

static size_t run_lines(struct run *run, const struct chain *chain, struct chain_state **states,
                        const char *text, size_t size)
{
    const struct emit emit = {.arg = run, .give = give, .join = join};
    struct lines lines = {.bytes = text, .len = size};
    struct line line;
    size_t n = 0;
    while (line_next(&lines, &line)) {
        if (line.len == 1 && *line.text == 1)
            rotate(run, chain, states);
        else if (line.len == 1 && *line.text == 2)
            chain_flush(chain, states[0], PLACE_ALL, &emit);
        else
            take_line(run, chain, states, line.text, line.len, n++);
    }
    rotate(run, chain, states);
    rotate(run, chain, states);
    return n;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const struct event_agent agent = {
        .beat = "b", .version = "1", .id = "i", .ephemeral_id = "e", .name = "n"};
    static const struct event_input input = {.type = "f", .extra = "", .limit_bytes = LIMIT};
    static char path[] = "/a", id[] = "in";
    if (size == 0)
        return 0;
    const struct source src = {.path = path, .input = id};
    const struct chain *chain = chain_of(data[0] % N_CHAINS);
    struct chain_state *states[2] = {chain_state_new(chain), NULL};
    struct run run = {.enc = ENCODER_INIT};
    encoder_begin(&run.enc, &agent, &input, &src, INT64_C(1700000000000000000));
    size_t n = run_lines(&run, chain, states, (const char *)data + 1, size - 1);
    assert(run.n_events + run.n_joins == n);
    chain_state_free(chain, states[0]);
    chain_state_free(chain, states[1]);
    encoder_free(&run.enc);
    buf_free(&run.out);
    return 0;
}
