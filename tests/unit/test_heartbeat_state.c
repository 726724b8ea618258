/* test_heartbeat_state.c: up, down and flapping: series of results, and what becomes of the state. */
#include "posta_test.h"

#include "heartbeat/heartbeat.h"

#define BEGIN_NS (INT64_C(1700000000123) * NS_PER_MS)

/* u, d: results a second apart; the small ones are attempts that are not the last. Afterwards, for each, the status (u, d, f),
 * big where a state ended. */
static void assert_series(const char *results, const char *wanted, struct state *state)
{
    char found[64];
    size_t n = strlen(results);
    assert_true(n < sizeof found);
    *state = (struct state) {.started_ns = 0};
    for (size_t i = 0; i < n; i++) {
        struct state ended;
        enum status status = (results[i] | 0x20) == 'u' ? STATUS_UP : STATUS_DOWN;
        bool is_final = results[i] >= 'A' && results[i] <= 'Z';
        bool has_ended =
            state_record(state, "m", status, is_final, BEGIN_NS + (int64_t)i * NS_PER_S, &ended);
        found[i] = (char)(status_name(state->status)[0] - (has_ended ? 0x20 : 0));
    }
    found[n] = '\0';
    assert_string_equal(found, wanted);
}

static void stays_as_it_is(void **state)
{
    (void)state;
    struct state own;
    assert_series("UUUUU", "uuuuu", &own);
    assert_int_equal(own.checks, 5);
    assert_int_equal(own.up, 5);
    assert_int_equal(own.down, 0);
    assert_int_equal(own.duration_ns, 4 * NS_PER_S);
}

static void changes_when_it_was_stable(void **state)
{
    (void)state;
    struct state own;
    assert_series("UUUDDDD", "uuuDddd", &own);
    assert_int_equal(own.checks, 4);
    assert_int_equal(own.down, 4);
    assert_int_equal(own.up, 0);
    assert_int_equal(own.started_ns, BEGIN_NS + 3 * NS_PER_S);
}

static void flaps_when_it_changes_too_soon(void **state)
{
    (void)state;
    struct state own;
    assert_series("UUDUDU", "uuffff", &own);
    assert_int_equal(own.checks, 6);
    assert_int_equal(own.up, 4);
    assert_int_equal(own.down, 2);
    assert_int_equal(own.n_history, FLAP_THRESHOLD);
    assert_int_equal(own.history[0], STATUS_UP);
    assert_int_equal(own.history[2], STATUS_UP);
}

static void stops_flapping_when_it_is_stable(void **state)
{
    (void)state;
    struct state own;
    assert_series("UDUDDDD", "uffffDd", &own);
    assert_int_equal(own.checks, 2);
    assert_int_equal(own.n_history, 0);
}

static void attempts_that_are_not_the_last_change_nothing(void **state)
{
    (void)state;
    struct state own;
    assert_series("UUUddUdD", "uuuuuuuD", &own);
    assert_int_equal(own.checks, 1);
}

static void a_first_attempt_begins_a_state(void **state)
{
    (void)state;
    struct state own;
    assert_series("dD", "dd", &own);
    assert_int_equal(own.down, 2);
}

static void is_told_with_what_it_ends(void **state)
{
    (void)state;
    struct members event = {.has_one = false};
    struct state own, ended;
    assert_series("UUU", "uuu", &own);
    assert_true(state_record(&own, "m", STATUS_DOWN, true, BEGIN_NS + 10 * NS_PER_S, &ended));
    members_clear(&event);
    state_put(&event, &own, &ended);
    struct buf text = BUF_INIT;
    const struct buf *json = members_end(&event);
    buf_append(&text, json->data, json->len);
    assert_string_equal(
        buf_str(&text),
        "\"state\":{\"id\":\"m-default-18bcfe58f8b-1\",\"started_at\":\"2023-11-14T22:13:30.123Z\","
        "\"duration_ms\":0,\"status\":\"down\",\"checks\":1,\"up\":0,\"down\":1,\"flap_history\":[]"
        ","
        "\"ends\":{\"id\":\"m-default-18bcfe5687b-0\",\"started_at\":\"2023-11-14T22:13:20.123Z\","
        "\"duration_ms\":2000,\"status\":\"up\",\"checks\":3,\"up\":3,\"down\":0,"
        "\"flap_history\":[]}}");
    buf_free(&text);
    members_free(&event);
}

static void flapping_is_told_with_its_history(void **state)
{
    (void)state;
    struct members event = {.has_one = false};
    struct state own;
    assert_series("UDU", "uff", &own);
    members_clear(&event);
    state_put(&event, &own, NULL);
    buf_putc(&event.json, '}');
    assert_non_null(strstr(buf_str(&event.json),
                           "\"status\":\"flap\",\"checks\":3,\"up\":2,\"down\":1,"
                           "\"flap_history\":[\"down\",\"up\"]"));
    members_free(&event);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(stays_as_it_is),
        cmocka_unit_test(changes_when_it_was_stable),
        cmocka_unit_test(flaps_when_it_changes_too_soon),
        cmocka_unit_test(stops_flapping_when_it_is_stable),
        cmocka_unit_test(attempts_that_are_not_the_last_change_nothing),
        cmocka_unit_test(a_first_attempt_begins_a_state),
        cmocka_unit_test(is_told_with_what_it_ends),
        cmocka_unit_test(flapping_is_told_with_its_history),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
