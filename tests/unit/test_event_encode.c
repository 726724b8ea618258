/* test_event_encode.c: one line in, one whole JSON event out. */
#include "event/event.h"
#include "posta_test.h"

static const struct event_agent agent = {.beat = "filebeat",
                                         .version = "1.2.3",
                                         .id = "ID",
                                         .ephemeral_id = "EPH",
                                         .name = "host \"a\""};

struct fixture {
    struct encoder enc;
    struct buf out;
    struct source src;
    struct event_input input;
};

static int fixture_open(void **state)
{
    static char path[] = "/var/log/a\tb.log", id[] = "in";
    struct fixture *fix = calloc(1, sizeof(*fix));
    fix->enc = (struct encoder)ENCODER_INIT;
    fix->src = (struct source) {.path = path,
                                .input = id,
                                .epoch = 1,
                                .id = {.dev = 18446744073709551615u,
                                       .ino = 42,
                                       .btime_ns = 1700000000123456789,
                                       .handle_len = 4,
                                       .handle = {1, 2, 3, 4}}};
    fix->input = (struct event_input) {.type = "filestream", .extra = "", .limit_bytes = 20};
    *state = fix;
    return 0;
}

static int fixture_close(void **state)
{
    struct fixture *fix = *state;
    encoder_free(&fix->enc);
    encoder_free(&fix->enc);
    buf_free(&fix->out);
    free(fix);
    return 0;
}

#define CASE(test) cmocka_unit_test_setup_teardown(test, fixture_open, fixture_close)

static const char *encode(struct fixture *fix, const char *text, size_t len, uint64_t offset,
                          bool is_cut)
{
    encoder_begin(&fix->enc, &agent, &fix->input, &fix->src, 1700000001999999999);
    encoder_line(&fix->enc, text, len, offset, is_cut, &fix->out);
    assert_true(is_json(fix->out.data, fix->out.len));
    return buf_str(&fix->out);
}

static void assert_has(const char *event, const char *part)
{
    if (!strstr(event, part))
        fail_msg("%s\nis not in\n%s", part, event);
}

static void a_line_becomes_this_event(void **state)
{
    assert_string_equal(encode(*state, "GET \"/\" \x80\n", 10, 305, false),
                        "{\"@timestamp\":\"2023-11-14T22:13:21.999Z\",\"@metadata\":{\"beat\":"
                        "\"filebeat\",\"type\":\"_doc\","
                        "\"version\":\"1.2.3\",\"_id\":\"18bcfe5687b69aa48426000000000131\"},"
                        "\"event\":{\"id\":\"18bcfe5687b69aa48426000000000131\"},"
                        "\"message\":\"GET \\\"/\\\" \xef\xbf\xbd\\n\",\"log\":{\"offset\":305,"
                        "\"file\":{\"path\":\"/var/log/"
                        "a\\tb.log\",\"device_id\":\"18446744073709551615\",\"inode\":\"42\"}},"
                        "\"input\":{\"type\":\"filestream\"},\"ecs\":{\"version\":\"8.0.0\"},"
                        "\"host\":{\"name\":\"host \\\"a\\\"\"},"
                        "\"agent\":{\"name\":\"host "
                        "\\\"a\\\"\",\"type\":\"filebeat\",\"version\":\"1.2.3\",\"id\":\"ID\","
                        "\"ephemeral_id\":\"EPH\"}}");
}

static void extra_members_stand_at_the_end(void **state)
{
    struct fixture *fix = *state;
    fix->input.extra = "\"tags\":[\"a\"],\"fields\":{\"b\":1}";
    assert_has(encode(fix, "x", 1, 0, false), "\"EPH\"},\"tags\":[\"a\"],\"fields\":{\"b\":1}}");
}

static void the_id_ends_with_the_offset_in_ten_hex_digits(void **state)
{
    static const struct {
        uint64_t offset;
        const char *digits;
    } rows[] = {
        {0, "000000000000\"}"}, {255, "0000000000ff\"}"}, {0xfffffffffffe, "fffffffffffe\"}"}};
    for (size_t i = 0; i < COUNT(rows); i++)
        assert_has(encode(*state, "x", 1, rows[i].offset, false), rows[i].digits);
}

static void a_line_is_cut_behind_its_limit_and_says_so(void **state)
{
    struct fixture *fix = *state;
    static const char text[] = "12345678901234567890x";
    encoder_begin(&fix->enc, &agent, &fix->input, &fix->src, 0);
    assert_false(encoder_line(&fix->enc, text, 20, 0, false, &fix->out));
    assert_null(strstr(buf_str(&fix->out), "truncated"));
    assert_true(encoder_line(&fix->enc, text, 21, 0, false, &fix->out));
    assert_has(
        buf_str(&fix->out),
        "\"message\":\"12345678901234567890\",\"log\":{\"flags\":[\"truncated\"],\"offset\":0,");
    assert_true(encoder_line(&fix->enc, text, 3, 0, true, &fix->out));
    assert_has(buf_str(&fix->out), "\"message\":\"123\",\"log\":{\"flags\":[\"truncated\"],");
}

static void a_cut_inside_a_character_stays_valid(void **state)
{
    assert_has(encode(*state, "1234567890123456789\xc3\xa9", 21, 0, false), "9\xef\xbf\xbd\"");
}

static void a_second_chunk_has_its_own_source_and_time(void **state)
{
    struct fixture *fix = *state;
    encode(fix, "x", 1, 0, false);
    static char path[] = "/other";
    fix->src.path = path;
    fix->src.id.ino = 43;
    encoder_begin(&fix->enc, &agent, &fix->input, &fix->src, 5000000);
    encoder_line(&fix->enc, "", 0, 1, false, &fix->out);
    assert_has(buf_str(&fix->out), "{\"@timestamp\":\"1970-01-01T00:00:00.005Z\"");
    assert_has(buf_str(&fix->out), "\"path\":\"/other\"");
    assert_has(buf_str(&fix->out), "\"inode\":\"43\"");
}

static void any_bytes_become_valid_json(void **state)
{
    struct fixture *fix = *state;
    char text[200];
    random_begin("encode");
    fix->input.limit_bytes = 100;
    for (int round = 0; round < 3000; round++) {
        size_t len = random_below(sizeof(text));
        for (size_t i = 0; i < len; i++)
            text[i] = (char)(random_next() >> random_below(3));
        encode(fix, text, len, random_next(), random_below(2));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(a_line_becomes_this_event),
        CASE(extra_members_stand_at_the_end),
        CASE(the_id_ends_with_the_offset_in_ten_hex_digits),
        CASE(a_line_is_cut_behind_its_limit_and_says_so),
        CASE(a_cut_inside_a_character_stays_valid),
        CASE(a_second_chunk_has_its_own_source_and_time),
        CASE(any_bytes_become_valid_json),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
