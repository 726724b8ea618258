/* test_agent_resend.c: what the sender sends again, what it never sends again, and where refused events go. */
#include "test_agent_sender.h"

/* ---- again ---- */

static void again(struct rig *rig)
{
    rig->fake.n = 0;
    rig->fake.env.again(rig->fake.env.arg);
    turn(rig, 3);
}

static void again_offers_what_has_no_verdict_under_the_same_tokens(void **state)
{
    struct rig *rig = *state;
    put(rig, "a\nb\nc\n");
    put(rig, "d\ne\n");
    start(rig);
    turn(rig, 3);
    delivered(rig, 0);
    delivered(rig, 2);
    delivered(rig, 4);
    again(rig);
    assert_offers(rig, "1:b 3:d");
    assert_int_equal(sender_stats(rig->sender)->lines_resent, 2);
    assert_int_equal(sender_stats(rig->sender)->lines_sent, 5);
    put(rig, "f\n");
    turn(rig, 3);
    assert_offers(rig, "1:b 3:d 5:f");
    delivered(rig, 0);
    delivered(rig, 1);
    delivered(rig, 2);
    turn(rig, 3);
    assert_true(spool_is_drained(rig->spool));
}

static void again_with_everything_delivered_offers_nothing(void **state)
{
    struct rig *rig = *state;
    put(rig, "a\nb\n");
    start(rig);
    turn(rig, 3);
    delivered(rig, 1);
    delivered(rig, 0);
    turn(rig, 3);
    again(rig);
    assert_offers(rig, "");
    put(rig, "c\n");
    turn(rig, 3);
    assert_offers(rig, "2:c");
}

static void again_while_busy(void **state)
{
    struct rig *rig = *state;
    rig->fake.n_room = 2;
    put(rig, "a\nb\nc\n");
    start(rig);
    turn(rig, 3);
    rig->fake.n_room = SIZE_MAX;
    again(rig);
    assert_offers(rig, "0:a 1:b 2:c");
}

static void a_late_verdict_from_before_again_counts(void **state)
{
    struct rig *rig = *state;
    put(rig, "a\nb\nc\n");
    start(rig);
    turn(rig, 3);
    rig->fake.n_room = 1;
    rig->fake.n = 0;
    rig->fake.env.again(rig->fake.env.arg);
    rig->fake.env.verdict(rig->fake.env.arg, 1, VERDICT_DELIVERED, NULL, NULL, 0);
    turn(rig, 3);
    rig->fake.n_room = SIZE_MAX;
    rig->fake.env.room(rig->fake.env.arg);
    turn(rig, 3);
    assert_offers(rig, "0:a 2:c");
}

/* Any order of verdicts, busy times and agains: each line is delivered once, in order of first offers. */
static void random_again(void **state)
{
    struct rig *rig = *state;
    enum { N = 2000 };
    static uint8_t has_verdict[N];
    unsigned seed = getenv("SEED") ? (unsigned)atoi(getenv("SEED")) : (unsigned)getpid();
    print_message("SEED=%u\n", seed);
    srandom(seed);
    memset(has_verdict, 0, sizeof(has_verdict));
    put_numbers(rig, 0, N);
    start(rig);
    for (int i = 0; i < 200000 && !spool_is_drained(rig->spool); i++) {
        struct fake *fake = &rig->fake;
        fake->n_room = (size_t)random() % 50;
        fake->env.room(fake->env.arg);
        turn(rig, 1);
        for (size_t k = 0; k < fake->n; k++) {
            struct offer *offer = &fake->offers[k];
            assert_int_equal(atoi(offer->message), offer->token);
            if (offer->has_verdict || random() % 3)
                continue;
            assert_false(has_verdict[offer->token]);
            has_verdict[offer->token] = true;
            delivered(rig, k);
        }
        size_t kept = 0;
        for (size_t k = 0; k < fake->n; k++)
            if (!fake->offers[k].has_verdict)
                fake->offers[kept++] = fake->offers[k];
        fake->n = kept;
        if (random() % 20 == 0) {
            fake->n = 0;
            fake->env.again(fake->env.arg);
        }
    }
    assert_true(spool_is_drained(rig->spool));
    assert_int_equal(sender_stats(rig->sender)->lines_delivered, N);
}

/* ---- refused ---- */

static void a_refused_event_is_buried_before_the_cursor_moves(void **state)
{
    struct rig *rig = *state;
    put(rig, "a\nbad\nc\n");
    start(rig);
    turn(rig, 3);
    delivered(rig, 0);
    verdict(rig, 1, VERDICT_REFUSED);
    char *letters = dead_letters(rig);
    assert_string_equal(letters,
                        "{\"reason\":\"too \\\"large\\\"\",\"event\":{\"message\":\"bad\"}}\n");
    free(letters);
    assert_int_equal(spool_cursor(rig->spool).done, 6);
    assert_int_equal(sender_stats(rig->sender)->lines_dead, 1);
    verdict(rig, 2, VERDICT_REFUSED);
    letters = dead_letters(rig);
    assert_int_equal(strlen(letters), 2 * 53);
    free(letters);
}

static void without_its_dead_letter_nothing_moves(void **state)
{
    struct rig *rig = *state;
    static const struct fs_fault faults[] = {
        {.call = FS_OPEN, .nth = 1, .times = 1, .fail = EACCES},
        {.call = FS_WRITE, .nth = 1, .times = 1, .fail = ENOSPC, .short_len = 9},
        {.call = FS_SYNC, .nth = 1, .times = 1, .fail = EIO}};
    put(rig, "a\nbad\nc\n");
    start(rig);
    turn(rig, 3);
    delivered(rig, 0);
    fs_set_faults(faults, 3);
    size_t bad = 1;
    for (int i = 0; i < 3; i++) {
        verdict(rig, bad, VERDICT_REFUSED);
        assert_int_equal(spool_cursor(rig->spool).done, 2);
        assert_int_equal(sender_stats(rig->sender)->lines_dead, 0);
        turn(rig, 1100);
        for (bad = rig->fake.n - 1; strcmp(rig->fake.offers[bad].message, "bad") != 0;)
            bad--;
        assert_false(rig->fake.offers[bad].has_verdict);
        assert_int_equal(rig->fake.offers[bad].token, 1);
    }
    verdict(rig, bad, VERDICT_REFUSED);
    assert_int_equal(spool_cursor(rig->spool).done, 6);
    char *letters = dead_letters(rig);
    assert_non_null(strstr(letters, "}\n"));
    assert_int_equal(strncmp(letters, "{\"reason\":", 10), 0);
    free(letters);
}

static void waiting_for_the_dead_letter_sends_nothing_else_twice(void **state)
{
    struct rig *rig = *state;
    static const struct fs_fault fault = {.call = FS_OPEN, .nth = 1, .times = 1, .fail = EACCES};
    put(rig, "a\nbad\nc\nd\n");
    start(rig);
    turn(rig, 3);
    fs_set_faults(&fault, 1);
    verdict(rig, 1, VERDICT_REFUSED);
    turn(rig, 1100);
    assert_offers(rig, "0:a 1:bad 2:c 3:d 1:bad");
}

static void a_failed_read_of_the_spool_sends_nothing_twice(void **state)
{
    struct rig *rig = *state;
    static const struct fs_fault fault = {.call = FS_READ, .nth = 1, .times = 1, .fail = EIO};
    put(rig, "a\nb\n");
    start(rig);
    turn(rig, 3);
    fs_set_faults(&fault, 1);
    put(rig, "c\n");
    turn(rig, 1100);
    assert_offers(rig, "0:a 1:b 2:c");
}

/* ---- restart ---- */

static void a_restart_goes_on_at_the_cursor(void **state)
{
    struct rig *rig = *state;
    put(rig, "a\nb\nc\n");
    put(rig, "d\n");
    start(rig);
    turn(rig, 3);
    char id[48];
    strcpy(id, rig->fake.offers[2].id);
    delivered(rig, 0);
    delivered(rig, 1);
    delivered(rig, 3);
    restart(rig);
    assert_offers(rig, "0:c 1:d");
    assert_string_equal(rig->fake.offers[0].id, id);
    assert_int_equal(rig->fake.n_closed, 1);
    delivered(rig, 0);
    restart(rig);
    assert_offers(rig, "0:d");
    delivered(rig, 0);
    turn(rig, 3);
    restart(rig);
    assert_offers(rig, "");
    assert_true(spool_is_drained(rig->spool));
}

static void ends_and_left_out_ranges_are_passed_over(void **state)
{
    struct rig *rig = *state;
    struct err err;
    const struct chunk skipped = {
        .from = 4, .to = 9, .read_ns = 1, .flags = CHUNK_SKIPPED | CHUNK_RESUMED, .bytes = ""};
    const struct chunk cut = {
        .from = 0, .to = 4, .read_ns = 1, .flags = CHUNK_CUT, .bytes = "long", .len = 4};
    assert_int_equal(take_in(rig, rig->src, &cut, &err), 0);
    assert_int_equal(take_in(rig, rig->src, &skipped, &err), 0);
    put(rig, "a\n");
    assert_int_equal(spool_end_source(rig->spool, rig->src, END_LEASE, 0, &err), 0);
    start(rig);
    turn(rig, 5);
    assert_offers(rig, "0:long 2:a");
    assert_int_equal(sender_stats(rig->sender)->lines_truncated, 1);
    delivered(rig, 0);
    delivered(rig, 1);
    turn(rig, 3);
    assert_true(spool_is_drained(rig->spool));
    assert_true(sender_is_idle(rig->sender));
}

/* Else the pipeline would free it once more. */
static void an_output_that_cannot_open_leaves_no_sender(void **state)
{
    struct rig *rig = *state;
    struct err err;
    rig->fake.cannot_open = true;
    assert_int_equal(try_start(rig, &err), -1);
    assert_string_equal(err.text, "fake: not today");
    assert_int_equal(rig->fake.n_closed, 1);
    bool is_left = rig->sender != NULL;
    rig->sender = NULL;
    assert_false(is_left);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(again_offers_what_has_no_verdict_under_the_same_tokens),
        CASE(again_with_everything_delivered_offers_nothing),
        CASE(again_while_busy),
        CASE(a_late_verdict_from_before_again_counts),
        CASE(random_again),
        CASE(a_refused_event_is_buried_before_the_cursor_moves),
        CASE(without_its_dead_letter_nothing_moves),
        CASE(waiting_for_the_dead_letter_sends_nothing_else_twice),
        CASE(a_failed_read_of_the_spool_sends_nothing_twice),
        CASE(a_restart_goes_on_at_the_cursor),
        CASE(ends_and_left_out_ranges_are_passed_over),
        CASE(an_output_that_cannot_open_leaves_no_sender),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
