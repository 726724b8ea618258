/* Health and readiness: what counts against them, for how long, and what does not. */
#include "status.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h> /* wants the ones above */

static int64_t now_ns = 1000 * NS_PER_S;

static int64_t mono_ns(void)
{
    return now_ns;
}
static int64_t wall_ns(void)
{
    return 1790000000 * NS_PER_S;
}

struct rig {
    struct loop *loop;
    struct settings settings;
    struct intake intake;
    struct lane logs;
    struct agent_status status;
};

static int rig_open(void **state)
{
    static const struct clock_ops ops = {.mono_ns = mono_ns, .wall_ns = wall_ns};
    struct rig *rig = mem_zero(1, sizeof *rig);
    struct err err;
    clock_set(&ops);
    assert_int_equal(loop_new(&rig->loop, &err), 0);
    rig->logs.sender = (struct sender *)rig; /* there is one: nobody looks into it */
    rig->status = (struct agent_status) {.settings = &rig->settings,
                                         .loop = rig->loop,
                                         .intake = &rig->intake,
                                         .logs = &rig->logs,
                                         .tail = (struct tail *)rig, /* the same */
                                         .config_ok = true};
    *state = rig;
    return 0;
}

static int rig_close(void **state)
{
    struct rig *rig = *state;
    loop_free(rig->loop);
    free(rig);
    clock_set(NULL);
    return 0;
}

static void pass(struct rig *rig, int64_t seconds)
{
    struct err err;
    now_ns += seconds * NS_PER_S;
    assert_int_equal(loop_turn(rig->loop, 0, &err), 0);
}

static bool is_healthy(struct rig *rig)
{
    struct buf why = BUF_INIT;
    bool is = status_is_healthy(&rig->status, &why);
    assert_int_equal(is, why.len == 0);
    buf_free(&why);
    return is;
}

static void check_ready(struct rig *rig, bool is, const char *words)
{
    struct buf why = BUF_INIT;
    assert_int_equal(status_is_ready(&rig->status, &why), is);
    assert_string_equal(buf_str(&why), words);
    buf_free(&why);
}

/* Tried each second, as posta does. */
static void try_for(struct rig *rig, struct ailment *ailment, bool works, int seconds)
{
    for (int i = 0; i < seconds; i++) {
        pass(rig, 1);
        ailment_note(ailment, works, loop_now(rig->loop));
    }
}

static void what_cannot_be_written_for_a_minute(void **state)
{
    struct rig *rig = *state;
    assert_true(is_healthy(rig));
    try_for(rig, &rig->intake.trouble, false, 60);
    assert_true(is_healthy(rig));
    try_for(rig, &rig->intake.trouble, false, 2);
    assert_false(is_healthy(rig));
    try_for(rig, &rig->intake.trouble, true, 1); /* full is none, either */
    assert_true(is_healthy(rig));
}

static void what_nobody_tries_any_more_is_over(void **state)
{
    struct rig *rig = *state;
    try_for(rig, &rig->intake.trouble, false, 62);
    assert_false(is_healthy(rig));
    pass(rig, 11);
    assert_true(is_healthy(rig));
}

static void a_disk_that_cannot_be_synced(void **state)
{
    struct rig *rig = *state;
    try_for(rig, &rig->logs.saver.trouble, false, 62);
    assert_false(is_healthy(rig));
    rig->logs.sender = NULL; /* it is closed */
    assert_true(is_healthy(rig));
}

static void a_disk_that_hangs(void **state)
{
    struct rig *rig = *state;
    rig->logs.saver.begun_ns = loop_now(rig->loop);
    pass(rig, 60);
    assert_true(is_healthy(rig));
    pass(rig, 1);
    assert_false(is_healthy(rig));
    rig->logs.saver.begun_ns = 0;
    assert_true(is_healthy(rig));
}

static void ready_or_not(void **state)
{
    struct rig *rig = *state;
    check_ready(rig, true, "");
    rig->status.config_ok = false; /* a wrong one at SIGHUP: the old one is at work */
    check_ready(rig, true, "");
    rig->status.trouble = "no certificate";
    check_ready(rig, false, "nothing is delivered: no certificate"); /* and no input keeps lines */
    rig->status.trouble = NULL;
    rig->status.is_stopping = true;
    check_ready(rig, false, "stopping");
    rig->status.is_stopping = false;
    rig->status.tail = NULL;
    check_ready(rig, false, "starting");
}

static void counters_by_name(void **state)
{
    const struct runner_stats stats = {.up = 7, .down = 3};
    const struct report_row rows[] = {{"tail", tail_stat_rows, NULL},
                                      {"heartbeat", runner_stat_rows, &stats},
                                      {NULL, NULL, NULL}};
    (void)state;
    assert_int_equal(status_counter(rows, "heartbeat", "down"), 3);
    assert_int_equal(status_counter(rows, "heartbeat", "none"), 0);
    assert_int_equal(status_counter(rows, "tail", "files_open"), 0);
    assert_int_equal(status_counter(rows, "none", "up"), 0);
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, rig_open, rig_close)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(what_cannot_be_written_for_a_minute),
        CASE(what_nobody_tries_any_more_is_over),
        CASE(a_disk_that_cannot_be_synced),
        CASE(a_disk_that_hangs),
        CASE(ready_or_not),
        CASE(counters_by_name),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
