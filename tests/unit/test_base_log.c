/* test_base_log.c: posta's own log, read back from the place where standard error goes. */
#include "posta_test.h"

static int64_t now_ns;

static int64_t hand_clock(void)
{
    return now_ns;
}

static int real_stderr = -1;

static int log_setup_test(void **state)
{
    static const struct clock_ops ops = {.mono_ns = hand_clock, .wall_ns = hand_clock};
    if (folder_setup(state))
        return -1;
    clock_set(&ops);
    now_ns = 1700000001002000000;
    real_stderr = dup(STDERR_FILENO);
    char *path = path_in(*state, "log");
    int fd = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
    dup2(fd, STDERR_FILENO);
    close(fd);
    free(path);
    log_setup(&(struct log_config) {.level = LOG_INFO});
    return 0;
}

static int log_teardown_test(void **state)
{
    dup2(real_stderr, STDERR_FILENO);
    close(real_stderr);
    log_setup(&(struct log_config) {.level = LOG_INFO});
    return folder_teardown(state);
}

#define CASE(test) cmocka_unit_test_setup_teardown(test, log_setup_test, log_teardown_test)

/* What was logged up to now is exactly this. */
static void assert_logged(void **state, const char *want)
{
    struct buf found = BUF_INIT;
    file_read(*state, "log", &found);
    assert_string_equal(buf_str(&found), want);
    buf_free(&found);
}

static void a_line_has_time_level_part_and_message(void **state)
{
    log_info("tail", "%s: rotated, %d files open", "/a", 3);
    log_error("spool", "x");
    assert_logged(state, "2023-11-14T22:13:21.002Z INFO  tail: /a: rotated, 3 files open\n"
                         "2023-11-14T22:13:21.002Z ERROR spool: x\n");
}

static void lines_below_the_level_are_not_written(void **state)
{
    log_setup(&(struct log_config) {.level = LOG_WARN});
    log_debug("a", "d");
    log_info("a", "i");
    log_warn("a", "w");
    assert_logged(state, "2023-11-14T22:13:21.002Z WARN  a: w\n");
}

static void debug_lines_are_those_of_the_selected_parts(void **state)
{
    log_setup(&(struct log_config) {.level = LOG_DEBUG, .selectors = "spool,tail"});
    log_debug("tail", "1");
    log_debug("spool", "2");
    log_debug("spoo", "3");
    log_debug("tailer", "4");
    log_debug("ail", "5");
    log_info("kafka", "6");
    assert_logged(state, "2023-11-14T22:13:21.002Z DEBUG tail: 1\n"
                         "2023-11-14T22:13:21.002Z DEBUG spool: 2\n"
                         "2023-11-14T22:13:21.002Z INFO  kafka: 6\n");
}

static void a_name_cannot_forge_a_line(void **state)
{
    log_warn("tail", "%s", "a\n2023-11-14T22:13:21.002Z ERROR b\r\x1b[31m\x7f");
    assert_logged(
        state, "2023-11-14T22:13:21.002Z WARN  tail: a?2023-11-14T22:13:21.002Z ERROR b??[31m?\n");
}

static void the_json_form_is_as_beats_write_it(void **state)
{
    log_setup(&(struct log_config) {.level = LOG_INFO, .json = true});
    log_warn("tail", "a \"b\"\n");
    assert_logged(
        state,
        "{\"log.level\":\"warn\",\"@timestamp\":\"2023-11-14T22:13:21.002Z\",\"log.logger\":"
        "\"tail\","
        "\"message\":\"a \\\"b\\\"\\n\",\"service.name\":\"posta\",\"ecs.version\":\"1.6.0\"}\n");
}

static void the_json_form_is_valid_and_one_line_for_any_message(void **state)
{
    struct buf found = BUF_INIT;
    char text[3000];
    random_begin("log");
    log_setup(&(struct log_config) {.level = LOG_INFO, .json = true});
    for (int round = 0; round < 200; round++) {
        size_t len = random_below(sizeof(text));
        for (size_t i = 0; i < len; i++)
            text[i] = (char)(1 + random_below(255));
        text[len] = '\0';
        log_info("tail", "%s", text);
    }
    file_read(*state, "log", &found);
    size_t n = 0;
    for (char *at = found.data, *end; at < found.data + found.len; at = end + 1, n++) {
        end = memchr(at, '\n', (size_t)(found.data + found.len - at));
        assert_true(is_json(at, (size_t)(end - at)));
    }
    assert_int_equal(n, 200);
    buf_free(&found);
}

static void a_repeated_message_is_counted_instead(void **state)
{
    struct log_limit limit = {0};
    for (int i = 0; i < 4; i++)
        log_limited(&limit, NS_PER_S, LOG_WARN, "a", "full");
    now_ns += NS_PER_S;
    log_limited(&limit, NS_PER_S, LOG_WARN, "a", "full");
    assert_logged(state, "2023-11-14T22:13:21.002Z WARN  a: full\n"
                         "2023-11-14T22:13:22.002Z WARN  a: full (said 3 times more)\n");
}

static void a_changed_message_is_said_at_once_without_the_others_count(void **state)
{
    struct log_limit limit = {0};
    for (int i = 0; i < 3; i++)
        log_limited(&limit, NS_PER_S, LOG_WARN, "a", "full");
    log_limited(&limit, NS_PER_S, LOG_WARN, "a", "denied");
    assert_logged(state, "2023-11-14T22:13:21.002Z WARN  a: full\n"
                         "2023-11-14T22:13:21.002Z WARN  a: denied\n");
}

static void a_message_without_a_place_has_one_of_its_own(void **state)
{
    for (int i = 0; i < 3; i++) {
        log_limited(NULL, NS_PER_S, LOG_WARN, "a", "one");
        log_limited(NULL, NS_PER_S, LOG_WARN, "a", "two");
    }
    assert_logged(state, "2023-11-14T22:13:21.002Z WARN  a: one\n"
                         "2023-11-14T22:13:21.002Z WARN  a: two\n");
}

static void other_sizes_are_no_other_message(void **state)
{
    for (int i = 0; i < 3; i++) {
        log_limited(NULL, NS_PER_S, LOG_WARN, "a", "app.%d takes %d bytes (%d lines): too much", 7,
                    95 + i * 10, i);
        log_limited(NULL, NS_PER_S, LOG_WARN, "a", "%d bytes in app.%d", i, 7);
    }
    log_limited(NULL, NS_PER_S, LOG_WARN, "a", "%d bytes in app.%d", 1, 8);
    log_limited(NULL, NS_PER_S, LOG_WARN, "a", "%d bytes in %dapp", 1, 8);
    log_limited(NULL, NS_PER_S, LOG_WARN, "a", "%d bytes in %dapp", 1, 9);
    assert_logged(state,
                  "2023-11-14T22:13:21.002Z WARN  a: app.7 takes 95 bytes (0 lines): too much\n"
                  "2023-11-14T22:13:21.002Z WARN  a: 0 bytes in app.7\n"
                  "2023-11-14T22:13:21.002Z WARN  a: 1 bytes in app.8\n"
                  "2023-11-14T22:13:21.002Z WARN  a: 1 bytes in 8app\n"
                  "2023-11-14T22:13:21.002Z WARN  a: 1 bytes in 9app\n");
}

static void fifty_texts_without_a_place_are_said_once_each(void **state)
{
    struct buf want = BUF_INIT;
    for (int i = 0; i < 100; i++)
        log_limited(NULL, NS_PER_S, LOG_WARN, "a", "file.%d is full", i % 50);
    for (int i = 0; i < 50; i++)
        buf_printf(&want, "2023-11-14T22:13:21.002Z WARN  a: file.%d is full\n", i);
    assert_logged(state, buf_str(&want));
    buf_free(&want);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(a_line_has_time_level_part_and_message),
        CASE(lines_below_the_level_are_not_written),
        CASE(debug_lines_are_those_of_the_selected_parts),
        CASE(a_name_cannot_forge_a_line),
        CASE(the_json_form_is_as_beats_write_it),
        CASE(the_json_form_is_valid_and_one_line_for_any_message),
        CASE(a_repeated_message_is_counted_instead),
        CASE(a_changed_message_is_said_at_once_without_the_others_count),
        CASE(a_message_without_a_place_has_one_of_its_own),
        CASE(other_sizes_are_no_other_message),
        CASE(fifty_texts_without_a_place_are_said_once_each),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
