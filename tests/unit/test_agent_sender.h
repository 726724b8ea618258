/* test_agent_sender.h: a real spool, and an output that keeps what it is offered until the test gives a verdict. */
#ifndef TEST_AGENT_SENDER_H
#define TEST_AGENT_SENDER_H

#include "agent.h"

#include <posta/fs.h>
#include <posta/log.h>

#include <errno.h>
#include <ftw.h>
#include <limits.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h> /* wants the ones above */

enum { MAX_OFFERS = 20000 };

struct offer {
    uint64_t token;
    char message[48];
    char id[48];
    bool has_verdict;
    unsigned route;
    struct out_span span;
};

struct fake {
    struct output_env env;
    struct offer *offers; /* MAX_OFFERS */
    size_t n;
    size_t n_room; /* how many it still takes, SIZE_MAX = any number */
    bool delivers; /* each at once */
    bool cannot_open;
    bool wants_ends;
    bool keeps_marks;
    int n_settled, n_urgent;
    int n_closed;
};

static struct fake *fake_now; /* what the output's own struct points to */

static inline void copy_member(const char *json, const char *before, char *into, size_t size)
{
    const char *at = strstr(json, before);
    assert_non_null(at);
    at += strlen(before);
    snprintf(into, size, "%.*s", (int)strcspn(at, "\""), at);
}

static inline int fake_open(void *self, const struct output_env *env, struct err *err)
{
    (void)self;
    fake_now->env = *env;
    return fake_now->cannot_open ? err_set(err, ERR_CONFIG, "fake: not today") : 0;
}

static inline int fake_send(void *self, const struct out_event *ev, uint64_t token, struct err *err)
{
    (void)self;
    if (fake_now->n_room == 0)
        return err_set(err, ERR_AGAIN, "busy");
    assert_true(token < UINT64_C(1) << OUTPUT_TOKEN_BITS);
    fake_now->n_room -= fake_now->n_room != SIZE_MAX;
    assert_true(fake_now->n < MAX_OFFERS);
    struct offer *offer = &fake_now->offers[fake_now->n++];
    char *json = strndup(ev->bytes, ev->len);
    *offer = (struct offer) {.token = token,
                             .has_verdict = fake_now->delivers,
                             .route = ev->route,
                             .span = ev->span ? *ev->span : (struct out_span) {.end = 0}};
    if (!strstr(json, "posta.end"))
        copy_member(json, "\"message\":\"", offer->message, sizeof(offer->message));
    copy_member(json, "\"event\":{\"id\":\"", offer->id, sizeof(offer->id));
    free(json);
    if (fake_now->delivers)
        fake_now->env.verdict(fake_now->env.arg, token, VERDICT_DELIVERED, NULL, NULL, 0);
    return 0;
}

static inline void fake_close(void *self)
{
    (void)self;
    fake_now->n_closed++;
}

static inline bool fake_wants_spans(const void *self)
{
    (void)self;
    return true;
}

static inline bool fake_wants_ends(const void *self)
{
    (void)self;
    return fake_now->wants_ends;
}

static inline bool fake_keeps_marks(const void *self)
{
    (void)self;
    return fake_now->keeps_marks;
}

static inline void fake_settle(void *self, bool is_urgent)
{
    (void)self;
    is_urgent ? fake_now->n_urgent++ : fake_now->n_settled++;
}

static const struct output fake_output = {.name = "fake",
                                          .doc = "",
                                          .open = fake_open,
                                          .send = fake_send,
                                          .close = fake_close,
                                          .wants_spans = fake_wants_spans,
                                          .wants_ends = fake_wants_ends,
                                          .keeps_marks = fake_keeps_marks,
                                          .settle = fake_settle,
                                          .size = 1};

/* ---- fixture ---- */

struct rig {
    char dir[64], spool_dir[80];
    struct loop *loop;
    struct spool *spool;
    struct source *src;
    struct sender *sender;
    struct settings settings;
    struct input_settings input;
    struct fake fake;
    struct ledger ledger;
    char self;
    int n_moved;
};

static int64_t now_ns = 1000 * NS_PER_S;

static inline int64_t mono_ns(void)
{
    return now_ns;
}

static inline int64_t wall_ns(void)
{
    return 1790000000 * NS_PER_S;
}

static inline void moved(void *arg)
{
    ((struct rig *)arg)->n_moved++;
}

static uint64_t rig_segment_bytes = 1 << 20;
static uint64_t rig_memory_bytes; /* queue.mem */

static inline void open_spool(struct rig *rig)
{
    struct err err;
    const struct spool_config config = {.path = rig->spool_dir,
                                        .max_bytes = 64 << 20,
                                        .segment_bytes = rig_segment_bytes,
                                        .memory_bytes = rig_memory_bytes};
    if (spool_open(&rig->spool, &config, &err))
        fail_msg("%s", err.text);
    rig->src = spool_sources(rig->spool);
}

static inline void begin_source(struct rig *rig)
{
    char path[] = "/log/access.log", input[] = "in";
    struct err err;
    const struct source proto = {.id = {.ino = 7, .btime_ns = 5}, .path = path, .input = input};
    assert_int_equal(spool_add_source(rig->spool, &proto, &rig->src, &err), 0);
}

static inline int rig_open(void **state)
{
    static const struct clock_ops ops = {.mono_ns = mono_ns, .wall_ns = wall_ns};
    static char id[] = "in", name[] = "tester";
    const struct log_config quiet = {.level = (enum log_level)(LOG_ERROR + 1)};
    struct rig *rig = mem_zero(1, sizeof(*rig));
    struct err err;
    log_setup(&quiet);
    clock_set(&ops);
    strcpy(rig->dir, access("/dev/shm", W_OK) == 0 ? "/dev/shm/posta-sender.XXXXXX"
                                                   : "/tmp/posta-sender.XXXXXX");
    assert_non_null(mkdtemp(rig->dir));
    snprintf(rig->spool_dir, sizeof(rig->spool_dir), "%s/spool", rig->dir);
    assert_int_equal(loop_new(&rig->loop, &err), 0);
    rig->input = (struct input_settings) {
        .tail.id = id, .event = {.type = "filestream", .extra = "", .limit_bytes = 4096}};
    rig->settings = (struct settings) {.globals = {.path_data = rig->dir, .name = name},
                                       .inputs = &rig->input,
                                       .n_inputs = 1,
                                       .output = &fake_output,
                                       .output_self = &rig->self};
    rig->fake.offers = mem_zero(MAX_OFFERS, sizeof(struct offer));
    rig->fake.n_room = SIZE_MAX;
    fake_now = &rig->fake;
    open_spool(rig);
    begin_source(rig);
    *state = rig;
    return 0;
}

static inline int remove_one(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
    (void)st, (void)type, (void)ftw;
    return remove(path);
}

/* Everything that these tests do must keep the ledger in balance: it is proven before a sender goes. */
static inline void check_ledger(struct rig *rig)
{
    if (rig->sender && rig->ledger.n_rows > 0)
        sender_prove(rig->sender);
    if (rig->ledger.is_wrong)
        fail_msg("the ledger does not balance");
    ledger_free(&rig->ledger);
}

static inline int rig_close(void **state)
{
    struct rig *rig = *state;
    fs_set_faults(NULL, 0);
    check_ledger(rig);
    sender_free(rig->sender);
    spool_close(rig->spool);
    loop_free(rig->loop);
    nftw(rig->dir, remove_one, 16, FTW_DEPTH | FTW_PHYS);
    free(rig->fake.offers);
    clock_set(NULL);
    free(rig);
    return 0;
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, rig_open, rig_close)

/* The sender's states belong to its parsers. */
static inline void free_sender_and_parsers(struct rig *rig)
{
    check_ledger(rig);
    sender_free(rig->sender);
    rig->sender = NULL;
    parsers_free(&rig->input);
}

static inline void set_parsers(struct rig *rig, const char *yaml)
{
    struct problems problems = PROBLEMS_INIT;
    struct config *config = config_new(NULL);
    parsers_free(&rig->input);
    rig->input.tail.message_max_bytes = 4096;
    if (config_add_bytes(config, "t", yaml, strlen(yaml), &problems))
        fail_msg("%s", problems.at[0].text);
    for (size_t i = 0; i < node_count(config_root(config)); i++)
        parsers_add(&rig->input, node_key(config_root(config), i), node_at(config_root(config), i),
                    NULL, &problems);
    if (problems.n)
        fail_msg("%s", problems.at[0].text);
    config_free(config);
    problems_free(&problems);
}

static struct agent_identity identity = {.id = "0", .ephemeral_id = "1", .host = "host"};

static inline int try_start(struct rig *rig, struct err *err)
{
    ledger_free(&rig->ledger);
    ledger_init(&rig->ledger, &rig->settings);
    const struct sender_config config = {.loop = rig->loop,
                                         .ledger = &rig->ledger,
                                         .spool = rig->spool,
                                         .settings = &rig->settings,
                                         .identity = &identity,
                                         .moved = moved,
                                         .arg = rig};
    return sender_new(&rig->sender, &config, err);
}

static inline void start(struct rig *rig)
{
    struct err err;
    if (try_start(rig, &err))
        fail_msg("%s", err.text);
}

static inline void turn(struct rig *rig, int n)
{
    struct err err;
    for (int i = 0; i < n; i++, now_ns += NS_PER_MS)
        assert_int_equal(loop_turn(rig->loop, 0, &err), 0);
}

/* As the intake does. */
static inline int take_in(struct rig *rig, struct source *src, const struct chunk *chunk,
                          struct err *err)
{
    if (spool_append(rig->spool, src, chunk, err))
        return -1;
    if (!rig->sender || chunk->len == 0)
        return 0;
    uint64_t n_lines = chunk_lines(&rig->input, chunk, 0);
    unsigned row = ledger_row_of(&rig->ledger, src);
    ledger_add(&rig->ledger, row, LEDGER_READ, chunk->len, n_lines);
    ledger_add(&rig->ledger, row, LEDGER_SPOOLED, chunk->len, n_lines);
    return 0;
}

/* The next lines of the log, as one chunk. */
static inline void put(struct rig *rig, const char *text)
{
    struct err err;
    const size_t len = strlen(text);
    const struct chunk chunk = {.from = rig->src->offset,
                                .to = rig->src->offset + len,
                                .read_ns = wall_ns(),
                                .bytes = text,
                                .len = len};
    if (take_in(rig, rig->src, &chunk, &err))
        fail_msg("%s", err.text);
    if (rig->sender)
        sender_wake(rig->sender);
}

static inline void put_numbers(struct rig *rig, int from, int to)
{
    struct buf text = BUF_INIT;
    for (int i = from; i < to; i++)
        buf_printf(&text, "%d\n", i);
    put(rig, buf_str(&text));
    buf_free(&text);
}

static inline void verdict(struct rig *rig, size_t i, enum verdict what)
{
    static const char bytes[] = "{\"message\":\"bad\"}";
    bool is_bad = what == VERDICT_REFUSED;
    rig->fake.offers[i].has_verdict = true;
    rig->fake.env.verdict(rig->fake.env.arg, rig->fake.offers[i].token, what,
                          is_bad ? "too \"large\"" : NULL, is_bad ? bytes : NULL,
                          is_bad ? strlen(bytes) : 0);
}

static inline void delivered(struct rig *rig, size_t i)
{
    verdict(rig, i, VERDICT_DELIVERED);
}

static inline void assert_offers(struct rig *rig, const char *words)
{
    struct buf text = BUF_INIT;
    for (size_t i = 0; i < rig->fake.n; i++)
        buf_printf(&text, "%s%llu:%s", i ? " " : "", (unsigned long long)rig->fake.offers[i].token,
                   rig->fake.offers[i].message);
    assert_string_equal(buf_str(&text), words);
    buf_free(&text);
}

static inline char *dead_letters(struct rig *rig)
{
    char path[128];
    struct buf text = BUF_INIT;
    struct err err;
    snprintf(path, sizeof(path), "%s/dead_letter.ndjson", rig->dir);
    if (fs_read_file(path, 1 << 20, &text, &err))
        buf_clear(&text);
    char *copy = mem_dup(buf_str(&text));
    buf_free(&text);
    return copy;
}

static inline void restart(struct rig *rig)
{
    check_ledger(rig);
    sender_free(rig->sender);
    rig->sender = NULL;
    spool_close(rig->spool);
    rig->fake.n = 0;
    open_spool(rig);
    start(rig);
    turn(rig, 3);
}

#endif
