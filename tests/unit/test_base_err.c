/* test_base_err.c: errors as values: kinds, texts, wrapping; and the buffer everything is written into. */
#include "posta_test.h"

static int fail_with(struct err *err, int error)
{
    errno = error;
    return err_sys(err, "open %s", "/x");
}

static void kinds_follow_from_errno(void **state)
{
    (void)state;
    static const struct {
        int error;
        enum err_kind kind;
    } rows[] = {
        {ENOENT, ERR_GONE},  {ESTALE, ERR_GONE},  {ENOTDIR, ERR_GONE},  {ENOSPC, ERR_FULL},
        {EDQUOT, ERR_FULL},  {ENOMEM, ERR_FULL},  {EACCES, ERR_DENIED}, {EPERM, ERR_DENIED},
        {EROFS, ERR_DENIED}, {EAGAIN, ERR_AGAIN}, {EINTR, ERR_AGAIN},   {EIO, ERR_IO},
        {EINVAL, ERR_IO},
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct err err = ERR_INIT;
        assert_int_equal(fail_with(&err, rows[i].error), -1);
        assert_int_equal(err.kind, rows[i].kind);
        assert_int_equal(err.sys_errno, rows[i].error);
    }
}

static void a_system_error_says_what_and_why(void **state)
{
    (void)state;
    struct err err;
    fail_with(&err, ENOENT);
    assert_string_equal(err.text, "open /x: No such file or directory");
}

static void a_set_error_has_no_errno(void **state)
{
    (void)state;
    struct err err;
    fail_with(&err, EIO);
    assert_int_equal(err_set(&err, ERR_CORRUPT, "byte %d differs", 7), -1);
    assert_int_equal(err.kind, ERR_CORRUPT);
    assert_int_equal(err.sys_errno, 0);
    assert_string_equal(err.text, "byte 7 differs");
}

static void wraps_stand_outermost_first(void **state)
{
    (void)state;
    struct err err;
    fail_with(&err, EACCES);
    assert_int_equal(err_wrap(&err, "segment %d", 42), -1);
    assert_int_equal(err_wrap(&err, "recover"), -1);
    assert_string_equal(err.text, "recover: segment 42: open /x: Permission denied");
    assert_int_equal(err.kind, ERR_DENIED);
    assert_int_equal(err.sys_errno, EACCES);
}

static void long_texts_are_cut_and_terminated(void **state)
{
    (void)state;
    char text[3 * ERR_TEXT_BYTES];
    memset(text, 'x', sizeof(text) - 1);
    text[sizeof(text) - 1] = '\0';
    struct err err;
    err_set(&err, ERR_IO, "%s", text);
    assert_int_equal(strlen(err.text), ERR_TEXT_BYTES - 1);
    err_wrap(&err, "outer");
    assert_int_equal(strlen(err.text), ERR_TEXT_BYTES - 1);
    assert_memory_equal(err.text, "outer: xxx", 10);
    err_wrap(&err, "%s", text);
    assert_int_equal(strlen(err.text), ERR_TEXT_BYTES - 1);
    errno = EIO;
    err_sys(&err, "%s", text);
    assert_int_equal(strlen(err.text), ERR_TEXT_BYTES - 1);
    assert_int_equal(err.kind, ERR_IO);
}

static void every_kind_has_a_name(void **state)
{
    (void)state;
    static const char *const names[] = {"none",   "again",  "full", "gone", "corrupt",
                                        "denied", "config", "io",   "bug"};
    for (enum err_kind kind = ERR_NONE; kind <= ERR_BUG; kind++)
        assert_string_equal(err_kind_name(kind), names[kind]);
}

/* ---- buf ---- */

static void a_buffer_holds_what_was_put_in(void **state)
{
    (void)state;
    struct buf buf = BUF_INIT, want = BUF_INIT;
    for (int i = 0; i < 1000; i++) {
        char byte = (char)i;
        buf_putc(&buf, byte);
        buf_append(&want, &byte, 1);
    }
    buf_append(&buf, NULL, 0);
    assert_int_equal(buf.len, 1000);
    assert_memory_equal(buf.data, want.data, 1000);
    buf_free(&buf);
    buf_free(&buf);
    buf_free(&want);
    assert_null(buf.data);
}

static void a_cleared_buffer_keeps_its_memory(void **state)
{
    (void)state;
    struct buf buf = BUF_INIT;
    buf_puts(&buf, "something");
    char *data = buf.data;
    buf_clear(&buf);
    buf_puts(&buf, "else");
    assert_ptr_equal(buf.data, data);
    assert_string_equal(buf_str(&buf), "else");
    assert_int_equal(buf.len, 4);
    buf_free(&buf);
}

static void printed_texts_of_any_length_are_whole(void **state)
{
    (void)state;
    for (int len = 500; len < 530; len++) {
        struct buf buf = BUF_INIT;
        buf_puts(&buf, "<");
        buf_printf(&buf, "%*d", len, 7);
        buf_puts(&buf, ">");
        assert_int_equal(buf.len, len + 2);
        assert_string_equal(buf_str(&buf) + len, "7>");
        buf_free(&buf);
    }
}

static void numbers_are_decimal(void **state)
{
    (void)state;
    static const uint64_t rows[] = {0, 9, 10, 18446744073709551615u, 10000000000000000000u};
    struct buf buf = BUF_INIT;
    for (size_t i = 0; i < COUNT(rows); i++) {
        char *want = mem_printf("%llu", (unsigned long long)rows[i]);
        buf_clear(&buf);
        buf_put_u64(&buf, rows[i]);
        assert_string_equal(buf_str(&buf), want);
        free(want);
    }
    buf_free(&buf);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(kinds_follow_from_errno),
        cmocka_unit_test(a_system_error_says_what_and_why),
        cmocka_unit_test(a_set_error_has_no_errno),
        cmocka_unit_test(wraps_stand_outermost_first),
        cmocka_unit_test(long_texts_are_cut_and_terminated),
        cmocka_unit_test(every_kind_has_a_name),
        cmocka_unit_test(a_buffer_holds_what_was_put_in),
        cmocka_unit_test(a_cleared_buffer_keeps_its_memory),
        cmocka_unit_test(printed_texts_of_any_length_are_whole),
        cmocka_unit_test(numbers_are_decimal),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
