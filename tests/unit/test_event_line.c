/* test_event_line.c: a chunk's bytes cut into lines. */
#include "event/event.h"
#include "posta_test.h"

static const struct chunk_case {
    const char *bytes;
    size_t len;
    struct {
        const char *text;
        size_t len, start, end;
    } lines[5]; /* up to one without text */
} cases[] = {
    {"", 0, {{0}}},
    {"one\ntwo\n", 8, {{"one", 3, 0, 4}, {"two", 3, 4, 8}}},
    {"one\r\ntwo\r\n", 10, {{"one", 3, 0, 5}, {"two", 3, 5, 10}}},
    {"\n\n", 2, {{"", 0, 0, 1}, {"", 0, 1, 2}}},
    {"\r\n", 2, {{"", 0, 0, 2}}},
    {"a\rb\n", 4, {{"a\rb", 3, 0, 4}}},
    {"\r\r\n", 3, {{"\r", 1, 0, 3}}},
    {"last", 4, {{"last", 4, 0, 4}}},
    {"a\nlast\r", 7, {{"a", 1, 0, 2}, {"last\r", 5, 2, 7}}},
    {"a\0b\n\0\n", 6, {{"a\0b", 3, 0, 4}, {"\0", 1, 4, 6}}},
    {"\xff\xfe\n", 3, {{"\xff\xfe", 2, 0, 3}}},
};

static void chunks_are_cut_into_lines(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        const struct chunk_case *row = &cases[i];
        char *exact = mem_alloc(row->len); /* so that a read behind it is seen */
        memcpy(exact, row->bytes, row->len);
        struct lines lines = {.bytes = exact, .len = row->len};
        struct line line;
        for (size_t k = 0; row->lines[k].text; k++) {
            assert_true(line_next(&lines, &line));
            assert_int_equal(line.len, row->lines[k].len);
            assert_memory_equal(line.text, row->lines[k].text, line.len);
            assert_int_equal(line.start, row->lines[k].start);
            assert_int_equal(line.end, row->lines[k].end);
        }
        assert_false(line_next(&lines, &line));
        free(exact);
    }
}

static void a_walk_may_begin_in_the_middle(void **state)
{
    (void)state;
    struct lines lines = {.bytes = "one\ntwo\n", .len = 8, .at = 4};
    struct line line;
    assert_true(line_next(&lines, &line));
    assert_int_equal(line.start, 4);
    assert_false(line_next(&lines, &line));
}

static void lines_put_together_are_the_chunk(void **state)
{
    (void)state;
    random_begin("lines");
    for (int round = 0; round < 2000; round++) {
        char bytes[64];
        struct lines lines = {.bytes = bytes, .len = random_below(sizeof(bytes) + 1)};
        struct line line;
        size_t at = 0;
        for (size_t i = 0; i < lines.len; i++)
            bytes[i] = "\n\r\0a"[random_below(4)];
        for (; line_next(&lines, &line); at = line.end) {
            assert_int_equal(line.start, at);
            assert_ptr_equal(line.text, bytes + at);
            assert_null(memchr(line.text, '\n', line.len));
            size_t rest = line.end - at - line.len;
            assert_memory_equal(line.text + line.len, rest == 2 ? "\r\n" : "\n", rest);
        }
        assert_int_equal(at, lines.len);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(chunks_are_cut_into_lines),
        cmocka_unit_test(a_walk_may_begin_in_the_middle),
        cmocka_unit_test(lines_put_together_are_the_chunk),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
