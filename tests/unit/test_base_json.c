/* test_base_json.c: any bytes into a JSON string, against a second, plain way to do it. */
#include "posta_test.h"

#include <posta/json.h>

#define BAD "\xef\xbf\xbd"

/* The same by decoding each character's value (utf8_at). */
static void escape_plainly(struct buf *out, const char *bytes, size_t len)
{
    static const char special[] = "\"\\\b\f\n\r\t", names[] = "\"\\bfnrt";
    for (size_t at = 0; at < len;) {
        size_t n = utf8_at(bytes + at, len - at);
        const char *found = n == 1 && bytes[at] ? strchr(special, bytes[at]) : NULL;
        if (n == 0)
            buf_puts(out, BAD);
        else if (found)
            buf_printf(out, "\\%c", names[found - special]);
        else if (n == 1 && (unsigned char)bytes[at] < 0x20)
            buf_printf(out, "\\u%04x", (unsigned)bytes[at]);
        else
            buf_append(out, bytes + at, n);
        at += n ? n : 1;
    }
}

/* Each way that this processor has, from and into memory of exactly the sizes that it may touch. */
static void check_all_ways(const char *bytes, size_t len, const struct buf *want)
{
    size_t room = 6 * len + JSON_SLACK;
    for (const struct json_escaper *way = json_escapers(); way->name; way++) {
        if (!way->is_usable())
            continue;
        char *out = mem_alloc(room), *end = way->escape_at(out, bytes, len);
        assert_int_equal(end - out, want->len);
        if (want->len)
            assert_memory_equal(out, want->data, want->len);
        free(out);
    }
}

/* Escaped from memory of exactly this size, so that a read behind it is seen. */
static void check(const char *bytes, size_t len)
{
    struct buf out = BUF_INIT, want = BUF_INIT, quoted = BUF_INIT;
    char *exact = mem_alloc(len);
    memcpy(exact, bytes, len);
    json_escape(&out, exact, len);
    escape_plainly(&want, exact, len);
    assert_int_equal(out.len, want.len);
    if (out.len)
        assert_memory_equal(out.data, want.data, out.len);
    assert_true(out.len <= 6 * len);
    check_all_ways(exact, len, &want);
    buf_putc(&quoted, '"');
    buf_append(&quoted, out.data, out.len);
    buf_putc(&quoted, '"');
    assert_true(is_json(quoted.data, quoted.len));
    free(exact);
    buf_free(&out);
    buf_free(&want);
    buf_free(&quoted);
}

/* Between plain bytes, at each place of those that are looked at together. */
static void check_in_context(const char *bytes, size_t len)
{
    char text[56];
    for (size_t before = 0; before <= 33; before++) {
        memset(text, 'a', sizeof(text));
        memcpy(text + before, bytes, len);
        check(text, before + len);
        check(text, before + len + 9);
    }
}

static void every_byte_is_escaped(void **state)
{
    (void)state;
    for (int c = 0; c < 256; c++) {
        const char byte = (char)c;
        check_in_context(&byte, 1);
    }
}

static void every_pair_of_bytes_is_escaped(void **state)
{
    (void)state;
    for (int c = 0; c < 65536; c++) {
        const char bytes[] = {(char)(c >> 8), (char)c};
        check(bytes, sizeof(bytes));
    }
}

static const struct sequence {
    const char *bytes, *escaped;
} sequences[] = {
    {"\x7f", "\x7f"},
    {"\xc2\x80", "\xc2\x80"},
    {"\xdf\xbf", "\xdf\xbf"},
    {"\xe0\xa0\x80", "\xe0\xa0\x80"},
    {"\xed\x9f\xbf", "\xed\x9f\xbf"},
    {"\xee\x80\x80", "\xee\x80\x80"},
    {"\xef\xbf\xbf", "\xef\xbf\xbf"},
    {"\xf0\x90\x80\x80", "\xf0\x90\x80\x80"},
    {"\xf4\x8f\xbf\xbf", "\xf4\x8f\xbf\xbf"},
    {"\x80", BAD},                                 /* goes on, nothing before */
    {"\xc0\x80", BAD BAD},                         /* overlong */
    {"\xc1\xbf", BAD BAD},                         /* overlong */
    {"\xe0\x9f\xbf", BAD BAD BAD},                 /* overlong */
    {"\xf0\x8f\xbf\xbf", BAD BAD BAD BAD},         /* overlong */
    {"\xed\xa0\x80", BAD BAD BAD},                 /* surrogate */
    {"\xed\xbf\xbf", BAD BAD BAD},                 /* surrogate */
    {"\xf4\x90\x80\x80", BAD BAD BAD BAD},         /* above U+10FFFF */
    {"\xf5\x80\x80\x80", BAD BAD BAD BAD},         /* above U+10FFFF */
    {"\xf8\x88\x80\x80\x80", BAD BAD BAD BAD BAD}, /* five bytes */
    {"\xfe\xff", BAD BAD},
    {"\xc2", BAD},                 /* cut */
    {"\xe2\x82", BAD BAD},         /* cut */
    {"\xf0\x9f\x98", BAD BAD BAD}, /* cut */
    {"\xc2"
     "a",
     BAD "a"},
    {"\xe2\x82"
     "\"",
     BAD BAD "\\\""},
    {"\xe2\x82\xc2\xa9", BAD BAD "\xc2\xa9"},
};

static void utf8_passes_and_the_rest_is_replaced(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(sequences); i++) {
        struct buf out = BUF_INIT;
        json_escape(&out, sequences[i].bytes, strlen(sequences[i].bytes));
        assert_string_equal(buf_str(&out), sequences[i].escaped);
        check_in_context(sequences[i].bytes, strlen(sequences[i].bytes));
        buf_free(&out);
    }
}

/* Bytes of the kinds that matter, more often than chance would have them. */
static char random_byte(void)
{
    static const char often[] = "\"\\\n\t\x7f\x80\xa0\xbf\xc2\xe0\xed\xef\xf0\xf4";
    uint64_t dice = random_below(4);
    return dice == 0 ? (char)random_next() : dice == 1 ? often[random_below(sizeof(often))] : 'a';
}

static void random_bytes_agree_with_the_plain_way(void **state)
{
    (void)state;
    char bytes[150];
    random_begin("json");
    for (int round = 0; round < 100000; round++) {
        size_t len = random_below(random_below(4) ? 64 : sizeof(bytes));
        for (size_t i = 0; i < len; i++)
            bytes[i] = random_byte();
        check(bytes, len);
    }
}

static void a_string_has_quotes_and_is_appended(void **state)
{
    (void)state;
    struct buf out = BUF_INIT;
    buf_puts(&out, "{");
    json_string(&out, "a\"b");
    json_string(&out, "");
    assert_string_equal(buf_str(&out), "{\"a\\\"b\"\"\"");
    buf_free(&out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_byte_is_escaped),
        cmocka_unit_test(every_pair_of_bytes_is_escaped),
        cmocka_unit_test(utf8_passes_and_the_rest_is_replaced),
        cmocka_unit_test(random_bytes_agree_with_the_plain_way),
        cmocka_unit_test(a_string_has_quotes_and_is_appended),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
