/* test_agent_weave.c: lines that parsers hold back: the cursor stays before them, over restarts, `again`, rotation, a full
 * window; and what comes out is the same whatever happens on the way.
 */
#include "test_agent_sender.h"

#define MULTILINE "multiline: {pattern: '^ ', match: after}\n"

/* ---- a log's story: chunks of several files, and their ends ---- */

struct step {
    int file;         /* 0.. */
    const char *text; /* NULL: the file's end */
    enum end_proof proof;
};

static const char *const paths[] = {"/log/a", "/log/a", "/log/b",
                                    "/log/a"}; /* file 1 and 3 are generations of file 0 */

static struct source *file_source(struct rig *rig, int file)
{
    const struct file_id id = {.ino = 100 + (uint64_t)file, .btime_ns = 5};
    struct source *src = spool_source_by_id(rig->spool, &id);
    static char input[] = "in";
    struct err err;
    if (src)
        return src;
    const struct source proto = {.id = id, .path = (char *)paths[file], .input = input};
    if (spool_add_source(rig->spool, &proto, &src, &err))
        fail_msg("%s", err.text);
    return src;
}

static void tell(struct rig *rig, const struct step *step)
{
    struct source *src = file_source(rig, step->file);
    struct err err;
    if (step->text) {
        rig->src = src;
        put(rig, step->text);
    } else if (spool_end_source(rig->spool, src, step->proof, 0, &err)) {
        fail_msg("%s", err.text);
    }
    if (rig->sender)
        sender_wake(rig->sender);
}

/* Messages in the order they were offered, each id once. */
static char *messages(const struct rig *rig, size_t from)
{
    struct buf text = BUF_INIT;
    for (size_t i = from; i < rig->fake.n; i++) {
        bool is_known = false;
        for (size_t k = 0; k < i; k++)
            is_known |= strcmp(rig->fake.offers[k].id, rig->fake.offers[i].id) == 0;
        if (!is_known)
            buf_printf(&text, "%s\n", rig->fake.offers[i].message);
    }
    return (char *)buf_str(&text);
}

static void assert_messages(const struct rig *rig, const char *words)
{
    char *text = messages(rig, 0);
    assert_string_equal(text, words);
    free(text);
}

static void restart_keeping_offers(struct rig *rig)
{
    check_ledger(rig);
    sender_free(rig->sender);
    rig->sender = NULL;
    spool_close(rig->spool);
    open_spool(rig);
    start(rig);
    turn(rig, 3);
}

static void finish(struct rig *rig)
{
    sender_let_go(rig->sender);
    turn(rig, 20);
    for (size_t i = 0; i < rig->fake.n; i++)
        if (!rig->fake.offers[i].has_verdict)
            delivered(rig, i);
    turn(rig, 20);
}

/* ---- simple ones ---- */

static void an_open_event_keeps_the_cursor_before_it(void **state)
{
    struct rig *rig = *state;
    set_parsers(rig, MULTILINE);
    rig->fake.delivers = true;
    start(rig);
    put(rig, "a\n b\nc\n d\n");
    turn(rig, 5);
    assert_messages(rig, "a\\n b\n");
    assert_int_equal(spool_cursor(rig->spool).done, 5);
    assert_true(sender_is_settled(rig->sender));
    assert_false(sender_is_idle(rig->sender));
    put(rig, " e\n");
    turn(rig, 5);
    assert_int_equal(spool_cursor(rig->spool).done, 5);
    put(rig, "f\n");
    turn(rig, 5);
    assert_messages(rig, "a\\n b\nc\\n d\\n e\n");
    finish(rig);
    assert_true(spool_is_drained(rig->spool));
    assert_messages(rig, "a\\n b\nc\\n d\\n e\nf\n");
}

static void a_quiet_log_gives_its_event_after_the_timeout(void **state)
{
    struct rig *rig = *state;
    set_parsers(rig, "multiline: {pattern: '^ ', match: after, timeout: 2s}\n");
    rig->fake.delivers = true;
    start(rig);
    put(rig, "a\n b\n");
    turn(rig, 1000);
    put(rig, " c\n"); /* it is not quiet */
    turn(rig, 1900);
    assert_messages(rig, "");
    turn(rig, 200);
    assert_messages(rig, "a\\n b\\n c\n");
    assert_true(spool_is_drained(rig->spool));
    put(rig, " d\n");
    turn(rig, 2200);
    assert_messages(rig, "a\\n b\\n c\n d\n");
    assert_true(sender_is_idle(rig->sender));
}

static void other_logs_go_on_while_one_is_open(void **state)
{
    struct rig *rig = *state;
    static const struct step steps[] = {
        {0, "a\n", 0}, {2, "x\n y\nz\n", 0}, {0, " b\n", 0}, {2, " w\nv\n", 0}, {0, "c\n", 0}};
    set_parsers(rig, MULTILINE);
    rig->fake.delivers = true;
    start(rig);
    for (size_t i = 0; i < 5; i++)
        tell(rig, &steps[i]);
    turn(rig, 5);
    assert_messages(rig, "x\\n y\nz\\n w\na\\n b\n");
    finish(rig);
    assert_true(spool_is_drained(rig->spool));
    assert_messages(rig, "x\\n y\nz\\n w\na\\n b\nv\nc\n");
}

static void the_cursor_does_not_stop_inside_a_delivered_event(void **state)
{
    struct rig *rig = *state;
    static const struct step steps[] = {{2, "x\n", 0}, {0, "a\n", 0}, {2, " y\nz\n", 0}};
    set_parsers(rig, MULTILINE);
    rig->fake.delivers = true;
    start(rig);
    struct spool_pos begin = spool_cursor(rig->spool);
    for (size_t i = 0; i < 3; i++)
        tell(rig, &steps[i]);
    turn(rig, 5);
    assert_messages(rig, "x\\n y\n"); /* x and y are done, but a is between them and is open */
    assert_true(spool_cursor(rig->spool).seq <= begin.seq + 3);
    restart_keeping_offers(rig);
    finish(rig);
    assert_messages(rig, "x\\n y\na\nz\n");
    assert_true(spool_is_drained(rig->spool));
}

static void filtered_lines_move_the_cursor(void **state)
{
    struct rig *rig = *state;
    set_parsers(rig, "include_message: {patterns: keep}\n");
    rig->fake.delivers = true;
    start(rig);
    put(rig, "drop 1\nkeep 2\ndrop 3\n");
    turn(rig, 5);
    assert_messages(rig, "keep 2\n");
    assert_true(spool_is_drained(rig->spool));
    assert_int_equal(sender_stats(rig->sender)->lines_filtered, 2);
    assert_int_equal(sender_stats(rig->sender)->lines_sent, 1);
}

static void a_full_window_lets_go_of_what_is_held(void **state)
{
    struct rig *rig = *state;
    static const struct step open = {0, "a\n b\n", 0};
    set_parsers(rig, MULTILINE);
    rig->fake.delivers = true;
    start(rig);
    tell(rig, &open);
    rig->src = file_source(rig, 2);
    for (int i = 0; i < 10; i++)
        put_numbers(rig, i * 1000, i * 1000 + 1000);
    turn(rig, 60);
    assert_int_equal(rig->fake.n, 10000); /* a\n b, and all numbers but the last */
    finish(rig);
    assert_int_equal(rig->fake.n, 10001);
    assert_true(spool_is_drained(rig->spool));
}

static int memory_rig_open(void **state)
{
    rig_memory_bytes = 20000;
    int rc = rig_open(state);
    rig_memory_bytes = 0;
    return rc;
}

/* queue.mem is full of what is delivered behind an open event: nothing more could be read before its timeout. */
static void a_full_memory_lets_go_of_what_is_held(void **state)
{
    struct rig *rig = *state;
    char line[1001] = {0};
    struct err err;
    memset(line, 'x', sizeof(line) - 1);
    line[sizeof(line) - 2] = '\n';
    set_parsers(rig, MULTILINE);
    rig->fake.delivers = true;
    start(rig);
    tell(rig, &(struct step) {0, "a\n", 0});
    for (int i = 0; i < 19; i++)
        tell(rig, &(struct step) {2, line, 0});
    turn(rig, 10);
    assert_int_equal(rig->fake.n, 18); /* the last one is open as well */
    assert_false(spool_has_room(rig->spool));
    struct source *src = file_source(rig, 2);
    const struct chunk more = {.from = src->offset,
                               .to = src->offset + sizeof(line) - 1,
                               .bytes = line,
                               .len = sizeof(line) - 1};
    assert_int_equal(take_in(rig, src, &more, &err), -1);
    sender_wake(rig->sender); /* as the intake does */
    turn(rig, 10);
    assert_string_equal(rig->fake.offers[18].message, "a");
    assert_true(spool_has_room(rig->spool));
    assert_int_equal(rig->fake.n, 19); /* that was enough */
    assert_int_equal(take_in(rig, src, &more, &err), 0);
}

/* The oldest place is done, since its event is; but that event reaches over a line of another log that is held. */
static void a_full_window_lets_go_of_what_an_event_reaches_over(void **state)
{
    struct rig *rig = *state;
    static const struct step steps[] = {{0, "a\n b\n", 0}, {1, "x\n", 0}, {0, " c\nd\n", 0}};
    set_parsers(rig, MULTILINE);
    rig->fake.delivers = true;
    start(rig);
    for (size_t i = 0; i < sizeof(steps) / sizeof(steps[0]); i++)
        tell(rig, &steps[i]);
    rig->src = file_source(rig, 2);
    for (int i = 0; i < 10; i++)
        put_numbers(rig, i * 1000, i * 1000 + 1000);
    turn(rig, 60);
    assert_true(rig->fake.n >= 10001); /* a b c, x, and all numbers but the last */
    finish(rig);
    assert_int_equal(rig->fake.n, 10003);
    assert_true(spool_is_drained(rig->spool));
}

static void an_event_of_more_lines_than_the_window_has(void **state)
{
    struct rig *rig = *state;
    struct buf text = BUF_INIT;
    set_parsers(rig, MULTILINE);
    rig->fake.delivers = true;
    start(rig);
    put(rig, "a\n");
    for (int i = 0; i < 20000; i++)
        buf_puts(&text, " b\n");
    put(rig, buf_str(&text));
    turn(rig, 60);
    finish(rig);
    assert_true(spool_is_drained(rig->spool));
    assert_in_range(rig->fake.n, 3, 4);
    buf_free(&text);
}

/* ---- rotation ---- */

static void check_story(struct rig *rig, const struct step *steps, size_t n, const char *words)
{
    rig->fake.delivers = true;
    start(rig);
    for (size_t i = 0; i < n; i++) {
        tell(rig, &steps[i]);
        turn(rig, 2);
    }
    finish(rig);
    assert_messages(rig, words);
    assert_true(spool_is_drained(rig->spool));
}

static void joined_when_the_next_generation_goes_on(void **state)
{
    static const struct step steps[] = {
        {0, "a\n b\n", 0}, {1, " c\nd\n", 0}, {0, NULL, END_LEASE}, {1, " e\n", 0}};
    set_parsers(*state, MULTILINE);
    check_story(*state, steps, 4, "a\\n b\\n c\nd\\n e\n");
}

static void joined_when_the_end_comes_first(void **state)
{
    static const struct step steps[] = {{0, "a\n b\n", 0},
                                        {0, NULL, END_ASSUMED},
                                        {1, " c\n", 0},
                                        {1, NULL, END_LEASE},
                                        {3, " d\nx\n", 0}};
    set_parsers(*state, MULTILINE);
    check_story(*state, steps, 5, "a\\n b\\n c\\n d\nx\n");
}

static void late_lines_of_the_older_generation_are_its_own(void **state)
{
    static const struct step steps[] = {
        {0, "a\n", 0}, {1, "b\n", 0}, {0, " a2\n", 0}, {0, NULL, END_LEASE}, {1, " b2\nc\n", 0}};
    set_parsers(*state, MULTILINE);
    check_story(*state, steps, 5, "a\\n a2\nb\\n b2\nc\n");
}

static void not_joined_over_a_truncation(void **state)
{
    static const struct step steps[] = {
        {0, "a\n b\n", 0}, {0, NULL, END_TRUNCATED}, {1, " c\nd\n", 0}};
    set_parsers(*state, MULTILINE);
    check_story(*state, steps, 3, "a\\n b\n c\nd\n");
}

static void container_parts_are_joined_over_a_rotation(void **state)
{
    static const struct step steps[] = {
        {0, "2024-05-01T10:00:00Z stdout P a\n2024-05-01T10:00:00Z stderr F x\n", 0},
        {0, NULL, END_LEASE},
        {1, "2024-05-01T10:00:00Z stderr F y\n2024-05-01T10:00:01Z stdout F b\n", 0},
    };
    set_parsers(*state, "container: {}\n");
    check_story(*state, steps, 3, "x\ny\nab\n");
}

/* ---- killed and started again, and told `again`, at every border ---- */

static const struct story {
    const char *yaml;
    struct step steps[12];
} stories[] = {
    {MULTILINE,
     {{0, "a\n a1\n", 0},
      {2, "x\n", 0},
      {0, " a2\nb\n", 0},
      {2, " x1\ny\n", 0},
      {0, " b1\n", 0},
      {0, NULL, END_LEASE},
      {1, " b2\nc\n", 0},
      {2, " y1\n", 0},
      {1, " c1\n c2\nd\n", 0},
      {2, "z\n", 0}}},
    {"multiline: {type: count, count_lines: 3}\n",
     {{0, "1\n2\n", 0},
      {2, "p\n", 0},
      {0, "3\n4\n", 0},
      {2, "q\nr\ns\n", 0},
      {0, NULL, END_LEASE},
      {1, "5\n", 0},
      {2, "t\nu\n", 0},
      {1, "6\n7\n8\n9\n", 0}}},
    {"multiline: {pattern: '-$', match: before}\n",
     {{0, "a-\n", 0},
      {2, "x-\n", 0},
      {0, "b-\n", 0},
      {2, "y\nz-\n", 0},
      {0, NULL, END_ASSUMED},
      {3, "c\nd-\n", 0},
      {2, "w\n", 0},
      {3, "e\n", 0}}},
    {"container: {}\n" MULTILINE,
     {{0, "2024-05-01T10:00:00Z stdout P a\n", 0},
      {2, "2024-05-01T10:00:00Z stderr P x\n2024-05-01T10:00:00Z stdout P  m\n", 0},
      {0, "2024-05-01T10:00:01Z stdout P b\n2024-05-01T10:00:01Z stderr F e\n", 0},
      {2, "2024-05-01T10:00:02Z stdout F n\n2024-05-01T10:00:02Z stderr F y\n", 0},
      {0, NULL, END_LEASE},
      {1, "2024-05-01T10:00:03Z stdout F c\n2024-05-01T10:00:03Z stdout F  more\n", 0},
      {1, "2024-05-01T10:00:04Z stdout F last\n", 0}}},
    {"include_message: {patterns: '[a-m ]'}\n" MULTILINE,
     {{0, "a\nz\n a1\n", 0},
      {2, "x\nb\n", 0},
      {0, "z\n a2\nc\n", 0},
      {2, " b1\nz\n", 0},
      {0, "z\n", 0}}},
};

static size_t n_steps(const struct story *story)
{
    size_t n = 0;
    while (n < 12 && (story->steps[n].text || story->steps[n].proof))
        n++;
    return n;
}

static int compare_text(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

/* "id message" of every event that was delivered, each once, sorted. */
static char *delivered_set(const struct rig *rig)
{
    struct buf text = BUF_INIT;
    char **lines = mem_zero(rig->fake.n, sizeof(*lines));
    size_t n = 0;
    for (size_t i = 0; i < rig->fake.n; i++)
        if (rig->fake.offers[i].has_verdict)
            lines[n++] = mem_printf("%s %s", rig->fake.offers[i].id, rig->fake.offers[i].message);
    qsort(lines, n, sizeof(*lines), compare_text);
    for (size_t i = 0; i < n; i++)
        if (i == 0 || strcmp(lines[i], lines[i - 1]) != 0)
            buf_printf(&text, "%s\n", lines[i]);
    for (size_t i = 0; i < n; i++)
        free(lines[i]);
    free(lines);
    return (char *)buf_str(&text);
}

enum trouble { NOTHING, RESTART, AGAIN };

/* The verdicts that are given before the trouble: none, all, or some. */
enum patience { DELIVER_NONE, DELIVER_ALL, DELIVER_SOME, N_PATIENCES };

static void deliver_some(struct rig *rig, enum patience patience)
{
    for (size_t i = rig->fake.n; i-- > 0;)
        if (!rig->fake.offers[i].has_verdict && patience != DELIVER_NONE &&
            (patience == DELIVER_ALL || random() % 2))
            delivered(rig, i);
}

static char *run_story(const struct story *story, enum trouble trouble, size_t at,
                       enum patience patience)
{
    struct rig *rig;
    assert_int_equal(rig_open((void **)&rig), 0);
    set_parsers(rig, story->yaml);
    start(rig);
    for (size_t i = 0; i < n_steps(story); i++) {
        tell(rig, &story->steps[i]);
        turn(rig, 2);
        if (i != at)
            continue;
        deliver_some(rig, patience);
        if (trouble == RESTART)
            restart_keeping_offers(rig);
        if (trouble == AGAIN)
            rig->fake.env.again(rig->fake.env.arg);
        turn(rig, 2);
        deliver_some(rig, patience);
    }
    sender_let_go(rig->sender);
    for (int i = 0; i < 4; i++) {
        turn(rig, 10);
        deliver_some(rig, DELIVER_ALL);
    }
    turn(rig, 5);
    if (!spool_is_drained(rig->spool))
        fail_msg("trouble %d at step %zu, patience %d: not drained", trouble, at, patience);
    char *set = delivered_set(rig);
    free_sender_and_parsers(rig);
    rig_close((void **)&rig);
    return set;
}

static void the_same_events_whatever_happens(void **state)
{
    unsigned seed = getenv("SEED") ? (unsigned)atoi(getenv("SEED")) : (unsigned)getpid();
    (void)state;
    print_message("SEED=%u\n", seed);
    srandom(seed);
    for (size_t i = 0; i < sizeof(stories) / sizeof(stories[0]); i++) {
        char *expected = run_story(&stories[i], NOTHING, 0, DELIVER_NONE);
        for (size_t at = 0; at < n_steps(&stories[i]); at++)
            for (int trouble = RESTART; trouble <= AGAIN; trouble++)
                for (int patience = 0; patience < N_PATIENCES; patience++) {
                    char *got =
                        run_story(&stories[i], (enum trouble)trouble, at, (enum patience)patience);
                    if (strcmp(got, expected) != 0)
                        fail_msg("story %zu, trouble %d behind step %zu, patience %d:\n%s\nshould "
                                 "be\n%s",
                                 i, trouble, at, patience, got, expected);
                    free(got);
                }
        free(expected);
    }
}

static int weave_close(void **state)
{
    free_sender_and_parsers(*state);
    return rig_close(state);
}

#define WEAVE(name) cmocka_unit_test_setup_teardown(name, rig_open, weave_close)

int main(void)
{
    const struct CMUnitTest tests[] = {
        WEAVE(an_open_event_keeps_the_cursor_before_it),
        WEAVE(a_quiet_log_gives_its_event_after_the_timeout),
        WEAVE(other_logs_go_on_while_one_is_open),
        WEAVE(the_cursor_does_not_stop_inside_a_delivered_event),
        WEAVE(filtered_lines_move_the_cursor),
        WEAVE(a_full_window_lets_go_of_what_is_held),
        cmocka_unit_test_setup_teardown(a_full_memory_lets_go_of_what_is_held, memory_rig_open,
                                        weave_close),
        WEAVE(a_full_window_lets_go_of_what_an_event_reaches_over),
        WEAVE(an_event_of_more_lines_than_the_window_has),
        WEAVE(joined_when_the_next_generation_goes_on),
        WEAVE(joined_when_the_end_comes_first),
        WEAVE(late_lines_of_the_older_generation_are_its_own),
        WEAVE(not_joined_over_a_truncation),
        WEAVE(container_parts_are_joined_over_a_rotation),
        cmocka_unit_test(the_same_events_whatever_happens),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
