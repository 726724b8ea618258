/* test_agent_mark.c: marks: what an output stores in one transaction with the events, and how delivery goes on from it.
 *
 * The output here is a transaction log in memory: what is committed is there with its mark, what is aborted is not; a process
 * may be killed at any moment, with a cursor on disk that is older.
 */
#include "test_agent_sender.h"

#include <time.h>

enum { MAX_DONE = 20000 };

struct store {
    struct rig *rig;
    char *mark;               /* of the last commit, or NULL */
    char *messages[MAX_DONE]; /* committed */
    size_t n;
    size_t n_begun; /* offers before this one are not of the open transaction */
    char *old_cursor;
    size_t old_cursor_len;
    int n_processes;
};

static int small_rig_open(void **state)
{
    rig_segment_bytes = 2000;
    int rc = rig_open(state);
    rig_segment_bytes = 1 << 20;
    return rc;
}

#define SMALL_CASE(name) cmocka_unit_test_setup_teardown(name, small_rig_open, rig_close)

/* ---- processes ---- */

static void be_process(int number)
{
    snprintf(identity.ephemeral_id, sizeof identity.ephemeral_id,
             "%08u-0000-4000-8000-000000000000", (unsigned)number % 100000000);
}

static void begin(struct store *store, struct rig *rig)
{
    *store = (struct store) {.rig = rig};
    rig->fake.keeps_marks = true;
    be_process(++store->n_processes);
    start(rig);
}

static void resume(struct store *store)
{
    struct err err;
    struct output_env *env = &store->rig->fake.env;
    if (env->resume(env->arg, store->mark, &err))
        fail_msg("%s", err.text);
    turn(store->rig, 3);
}

static void end(struct store *store)
{
    free(store->mark);
    free(store->old_cursor);
    for (size_t i = 0; i < store->n; i++)
        free(store->messages[i]);
}

static char *cursor_path(const struct rig *rig)
{
    return mem_printf("%s/cursor", rig->spool_dir);
}

static void keep_cursor(struct store *store)
{
    struct buf bytes = BUF_INIT;
    struct err err;
    char *path = cursor_path(store->rig);
    if (spool_save_cursor(store->rig->spool, false, &err) ||
        fs_read_file(path, 1 << 16, &bytes, &err))
        fail_msg("%s", err.text);
    free(path);
    free(store->old_cursor);
    store->old_cursor = mem_grow(NULL, bytes.len, 1);
    memcpy(store->old_cursor, bytes.data, bytes.len);
    store->old_cursor_len = bytes.len;
    buf_free(&bytes);
}

/* The cursor on disk is the one that was kept last, if there is one. */
static void kill_and_start(struct store *store)
{
    struct rig *rig = store->rig;
    struct err err;
    char *path = cursor_path(rig);
    check_ledger(rig);
    sender_free(rig->sender);
    rig->sender = NULL;
    spool_close(rig->spool);
    if (store->old_cursor && fs_replace(path, store->old_cursor, store->old_cursor_len, 0600, &err))
        fail_msg("%s", err.text);
    free(path);
    rig->fake.n = store->n_begun = 0;
    be_process(++store->n_processes);
    open_spool(rig);
    start(rig);
    resume(store);
}

/* ---- transactions ---- */

static void commit_on_broker(struct store *store)
{
    struct rig *rig = store->rig;
    struct buf mark = BUF_INIT;
    rig->fake.env.mark(rig->fake.env.arg, &mark);
    free(store->mark);
    store->mark = mem_dup(buf_str(&mark));
    buf_free(&mark);
    for (size_t i = store->n_begun; i < rig->fake.n; i++) {
        assert_true(store->n < MAX_DONE);
        store->messages[store->n++] = mem_dup(rig->fake.offers[i].message);
    }
}

static void learn_of_commit(struct store *store)
{
    struct rig *rig = store->rig;
    for (size_t i = store->n_begun; i < rig->fake.n; i++)
        delivered(rig, i);
    store->n_begun = rig->fake.n;
    rig->fake.env.stored(rig->fake.env.arg);
    turn(rig, 3);
}

static void commit(struct store *store)
{
    commit_on_broker(store);
    learn_of_commit(store);
}

static void abort_it(struct store *store)
{
    struct rig *rig = store->rig;
    store->n_begun = rig->fake.n;
    rig->fake.env.again(rig->fake.env.arg);
    turn(rig, 3);
}

static void assert_committed(const struct store *store, const char *words)
{
    struct buf text = BUF_INIT;
    for (size_t i = 0; i < store->n; i++)
        buf_printf(&text, "%s%s", i ? " " : "", store->messages[i]);
    assert_string_equal(buf_str(&text), words);
    buf_free(&text);
}

/* ---- one log ---- */

static void nothing_is_offered_before_the_output_knows_where_to_go_on(void **state)
{
    struct rig *rig = *state;
    struct store store;
    put(rig, "one\n");
    begin(&store, rig);
    turn(rig, 3);
    assert_int_equal(rig->fake.n, 0);
    resume(&store);
    assert_offers(rig, "0:one");
    end(&store);
}

static void the_cursor_moves_when_the_mark_is_stored(void **state)
{
    struct rig *rig = *state;
    struct store store;
    put(rig, "one\ntwo\n");
    begin(&store, rig);
    resume(&store);
    struct spool_pos before = spool_cursor(rig->spool);
    commit_on_broker(&store);
    delivered(rig, 0);
    delivered(rig, 1);
    turn(rig, 1);
    assert_false(spool_pos_less(before, spool_cursor(rig->spool)));
    learn_of_commit(&store);
    assert_true(spool_is_drained(rig->spool));
    end(&store);
}

static void a_kill_after_the_commit_repeats_nothing(void **state)
{
    struct rig *rig = *state;
    struct store store;
    begin(&store, rig);
    resume(&store);
    keep_cursor(&store);
    put(rig, "one\ntwo\n");
    turn(rig, 3);
    commit_on_broker(&store);
    put(rig, "three\n");
    kill_and_start(&store);
    commit(&store);
    assert_committed(&store, "one two three");
    end(&store);
}

static void a_kill_before_the_commit_loses_nothing(void **state)
{
    struct rig *rig = *state;
    struct store store;
    begin(&store, rig);
    resume(&store);
    put(rig, "one\ntwo\n");
    turn(rig, 3);
    kill_and_start(&store);
    commit(&store);
    assert_committed(&store, "one two");
    end(&store);
}

static void an_abort_offers_everything_again(void **state)
{
    struct rig *rig = *state;
    struct store store;
    begin(&store, rig);
    resume(&store);
    put(rig, "one\ntwo\n");
    turn(rig, 3);
    abort_it(&store);
    assert_offers(rig, "0:one 1:two 0:one 1:two");
    commit(&store);
    assert_committed(&store, "one two");
    end(&store);
}

static void a_full_window_is_urgent(void **state)
{
    struct rig *rig = *state;
    struct store store;
    begin(&store, rig);
    resume(&store);
    put_numbers(rig, 0, 10000);
    turn(rig, 30);
    assert_true(rig->fake.n_urgent > 0);
    size_t n_window = rig->fake.n;
    commit(&store);
    turn(rig, 30);
    assert_true(rig->fake.n > n_window);
    commit(&store);
    assert_int_equal(store.n, 10000);
    end(&store);
}

/* ---- marks that do not fit ---- */

static void other_mark_is_not_believed(struct store *store, const char *mark)
{
    struct rig *rig = store->rig;
    keep_cursor(store);
    put(rig, "three\n");
    turn(rig, 3);
    free(store->mark);
    store->mark = mark ? mem_dup(mark) : NULL;
    kill_and_start(store);
    assert_offers(rig, "0:three");
    end(store);
}

static void two_lines_are_committed(struct store *store, struct rig *rig)
{
    put(rig, "one\ntwo\n");
    begin(store, rig);
    resume(store);
    commit(store);
}

static void a_mark_that_is_gone_is_not_guessed(void **state)
{
    struct store store;
    two_lines_are_committed(&store, *state);
    other_mark_is_not_believed(&store, NULL);
}

static void the_mark_of_another_posta_is_not_believed(void **state)
{
    struct store store;
    two_lines_are_committed(&store, *state);
    char *mark = mem_dup(store.mark);
    memcpy(mark + 2, "99999999", 8);
    other_mark_is_not_believed(&store, mark);
    free(mark);
}

/* The place it names is taken by other lines now, or by none. */
static void a_mark_behind_the_end_of_the_spool_is_not_believed(void **state)
{
    struct store store;
    two_lines_are_committed(&store, *state);
    char *at = strchr(store.mark, ':');
    char *mark = mem_printf("%.*s:1000:0", (int)(at - store.mark), store.mark);
    other_mark_is_not_believed(&store, mark);
    free(mark);
}

static void marks_of_garbage_do_not_stop_it(void **state)
{
    static const char *const tails[] = {
        ":",    ":x:1",   ":1",      ":1:",
        ":1:y", ":1:0:g", ":1:0:zz", ":18446744073709551616:99999999999999999999"};
    struct rig *rig = *state;
    struct store store;
    two_lines_are_committed(&store, rig);
    for (size_t i = 0; i < sizeof tails / sizeof *tails; i++) {
        char *at = strchr(store.mark, ':');
        char *mark = mem_printf("%.*s%s", (int)(at - store.mark), store.mark, tails[i]);
        free(store.mark);
        store.mark = mark;
        kill_and_start(&store);
        assert_int_equal(rig->fake.n, 0);
        memcpy(store.mark + 2, identity.ephemeral_id, 36); /* so that it is ours next time too */
    }
    put(rig, "three\n");
    turn(rig, 3);
    assert_offers(rig, "0:three");
    end(&store);
}

/* Then the spool grows to where the mark is: its lines are others than the mark meant. */
static void a_mark_that_was_not_believed_is_not_believed_later(void **state)
{
    struct rig *rig = *state;
    struct store store;
    two_lines_are_committed(&store, rig);
    keep_cursor(&store);
    char *at = strchr(store.mark, ':');
    char *mark = mem_printf("%.*s:20:0", (int)(at - store.mark), store.mark);
    free(store.mark);
    store.mark = mark;
    kill_and_start(&store);
    for (int i = 0; i < 40; i++)
        put_numbers(rig, i, i + 1);
    kill_and_start(&store);
    turn(rig, 3);
    assert_int_equal(rig->fake.n, 40);
    end(&store);
}

/* ---- the spool is full ---- */

/* The mark that is on its way may be of places that are given up, or that are read again. */
static void what_was_given_up_while_a_transaction_ended(void **state)
{
    struct rig *rig = *state;
    struct store store;
    struct err err;
    int n = 0;
    begin(&store, rig);
    resume(&store);
    for (; spool_stats(rig->spool)->segments < 4; n += 20) {
        put_numbers(rig, n, n + 20);
        turn(rig, 1);
    }
    assert_int_equal(spool_sync(rig->spool, &err), 0);
    commit_on_broker(&store);
    assert_int_equal(store.n, n);
    assert_true(sender_drop_oldest(rig->sender));
    learn_of_commit(&store);
    put_numbers(rig, n, n + 6000);
    turn(rig, 10);
    put_numbers(rig, n + 6000, n + 12000);
    turn(rig, 30);
    commit(&store);
    turn(rig, 30);
    commit(&store);
    turn(rig, 30);
    commit(&store);
    assert_int_equal(store.n, n + 12000);
    for (int i = 0; i < n + 12000; i++)
        assert_int_equal(atoi(store.messages[i]), i);
    assert_true(spool_is_drained(rig->spool));
    end(&store);
}

/* ---- lines that are held, random stories ---- */

static const char *const paths[] = {"/log/a", "/log/b", "/log/c"};

static void put_into(struct rig *rig, int file, const char *text)
{
    const struct file_id id = {.ino = 100 + (uint64_t)file, .btime_ns = 5};
    static char input[] = "in";
    struct err err;
    const struct source proto = {.id = id, .path = (char *)(uintptr_t)paths[file], .input = input};
    rig->src = spool_source_by_id(rig->spool, &id);
    if (!rig->src && spool_add_source(rig->spool, &proto, &rig->src, &err))
        fail_msg("%s", err.text);
    put(rig, text);
}

static void what_is_done_behind_a_held_line_is_not_repeated(void **state)
{
    struct rig *rig = *state;
    struct store store;
    set_parsers(rig, "multiline: {pattern: '^ ', match: after}\n");
    begin(&store, rig);
    resume(&store);
    keep_cursor(&store);
    put_into(rig, 0, "a1\n");
    put_into(rig, 1, "b1\nb2\n b2.1\nb3\n");
    turn(rig, 3);
    commit(&store); /* b1 and b2; a1 and b3 may go on */
    assert_committed(&store, "b1 b2\\n b2.1");
    kill_and_start(&store);
    put_into(rig, 0, "a2\n");
    put_into(rig, 1, "b4\n");
    turn(rig, 3);
    commit(&store);
    assert_committed(&store, "b1 b2\\n b2.1 a1 b3");
    free_sender_and_parsers(rig);
    end(&store);
}

struct story {
    struct store store;
    unsigned seed;
    int n_events; /* begun */
    int counters[3];
    bool drops; /* the spool is full now and then */
    bool
        owes_mark; /* the one that is stored is of before that: a kill now may repeat what is done behind held lines */
};

static unsigned pick(struct story *story, unsigned n)
{
    return (unsigned)rand_r(&story->seed) / 7 % n;
}

static void tell_lines(struct story *story)
{
    struct buf text = BUF_INIT;
    int file = (int)pick(story, 3);
    for (unsigned i = 1 + pick(story, 4); i > 0; i--) {
        buf_printf(&text, "%c%d\n", 'a' + file, story->counters[file]++);
        story->n_events++;
        if (pick(story, 3) == 0)
            buf_puts(&text, " more\n");
        if (pick(story, 5) == 0)
            buf_puts(&text, "noise\n");
    }
    put_into(story->store.rig, file, buf_str(&text));
    buf_free(&text);
}

/* Sometimes while a transaction ends. */
static void drop_oldest(struct story *story)
{
    struct store *store = &story->store;
    struct err err;
    bool is_ending = pick(story, 2) == 0;
    if (is_ending)
        commit_on_broker(store);
    assert_int_equal(spool_sync(store->rig->spool, &err), 0);
    story->owes_mark |= sender_drop_oldest(store->rig->sender);
    if (pick(story, 2) == 0)
        turn(store->rig, 1);
    if (is_ending)
        learn_of_commit(store);
}

static void step(struct story *story)
{
    struct store *store = &story->store;
    if (story->drops && pick(story, 6) == 0)
        drop_oldest(story);
    unsigned what = pick(story, 9);
    story->owes_mark &= what != 0 && what != 2 && what != 5;
    switch (what) {
    case 0:
        commit(store);
        break;
    case 1:
        abort_it(store);
        break;
    case 2:
        commit_on_broker(store);
        kill_and_start(store);
        break;
    case 3:
        if (!story->owes_mark)
            kill_and_start(store);
        break;
    case 4:
        keep_cursor(store);
        break;
    case 5: /* the marks were read back: it had arrived, though nobody said so */
        commit_on_broker(store);
        turn(store->rig, 2);
        learn_of_commit(store);
        break;
    default:
        tell_lines(story);
        turn(store->rig, 1 + (int)pick(story, 3));
    }
}

static int number_after(const char *message)
{
    return atoi(message + 1);
}

/* Each log's events are there once, in order; none is missing but where the spool was full. */
static void assert_once_and_in_order(const struct story *story)
{
    int next[3] = {0};
    for (size_t i = 0; i < story->store.n; i++) {
        const char *message = story->store.messages[i];
        int file = message[0] - 'a', n = number_after(message);
        if (story->drops && *message == ' ') /* its first line was dropped */
            continue;
        if (n < next[file] || (n > next[file] && !story->drops))
            fail_msg("seed %u: %s is event %zu, expected %c%d", story->seed, message, i, 'a' + file,
                     next[file]);
        next[file] = n + 1;
    }
    for (int file = 0; file < 3 && !story->drops; file++)
        assert_int_equal(next[file], story->counters[file]);
}

static void run_story(struct rig *rig, unsigned seed, bool drops)
{
    struct story story = {.seed = seed, .drops = drops};
    begin(&story.store, rig);
    resume(&story.store);
    for (int i = 0; i < 120; i++)
        step(&story);
    sender_let_go(rig->sender);
    turn(rig, 30);
    commit(&story.store);
    turn(rig, 30);
    commit(&story.store);
    story.seed = seed;
    assert_once_and_in_order(&story);
    free_sender_and_parsers(rig);
    end(&story.store);
}

static void leave_out_noise(struct rig *rig)
{
    static char noise[] = "^noise";
    static char *patterns[] = {noise};
    struct problems problems = PROBLEMS_INIT;
    rig->input.exclude_lines.at = patterns;
    rig->input.exclude_lines.n = 1;
    parsers_read(&rig->input, NULL, &problems);
    assert_int_equal(problems.n, 0);
}

static void run_stories(void **state, int (*open)(void **state), bool drops)
{
    const char *given = getenv("SEED");
    unsigned seed = given ? (unsigned)atoi(given) : (unsigned)time(NULL);
    printf("# seed %u\n", seed);
    rig_close(state);
    for (unsigned i = 0; i < 200; i++) {
        open(state);
        set_parsers(*state, "multiline: {pattern: '^ ', match: after}\n");
        leave_out_noise(*state);
        run_story(*state, seed + i, drops);
        if (i < 199)
            rig_close(state);
    }
}

static void whatever_happens_each_event_is_committed_once(void **state)
{
    run_stories(state, rig_open, false);
}

static void so_it_is_when_the_spool_is_full(void **state)
{
    run_stories(state, small_rig_open, true);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(nothing_is_offered_before_the_output_knows_where_to_go_on),
        CASE(the_cursor_moves_when_the_mark_is_stored),
        CASE(a_kill_after_the_commit_repeats_nothing),
        CASE(a_kill_before_the_commit_loses_nothing),
        CASE(an_abort_offers_everything_again),
        CASE(a_full_window_is_urgent),
        CASE(a_mark_that_is_gone_is_not_guessed),
        CASE(the_mark_of_another_posta_is_not_believed),
        CASE(a_mark_behind_the_end_of_the_spool_is_not_believed),
        CASE(marks_of_garbage_do_not_stop_it),
        CASE(a_mark_that_was_not_believed_is_not_believed_later),
        SMALL_CASE(what_was_given_up_while_a_transaction_ended),
        CASE(what_is_done_behind_a_held_line_is_not_repeated),
        CASE(whatever_happens_each_event_is_committed_once),
        SMALL_CASE(so_it_is_when_the_spool_is_full),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
