/* fuzz_encode.c: posta's JSON against a library's (jansson, for tests only).
 *
 * (1) Any bytes, escaped, are a JSON string that the library reads as the same text, each byte that is no UTF-8 as U+FFFD.
 * (2) Any bytes as JSON: what the library takes, json_check takes; what json_check takes, json_copy and the tree write so that
 * the library takes it.
 */
#include "library.h"
#include <assert.h>
#include <posta/json_tree.h>
#include <string.h>

/* Length of the UTF-8 sequence by its value, 0 if it is none: other code than posta's. */
static size_t sequence_len(const uint8_t *at, size_t left)
{
    static const uint32_t smallest[] = {0, 0, 0x80, 0x800, 0x10000};
    size_t len = *at < 0x80 ? 1 : *at >> 5 == 6 ? 2 : *at >> 4 == 14 ? 3 : *at >> 3 == 30 ? 4 : 0;
    uint32_t value = len ? *at & (0xffu >> len) : 0;
    if (len < 2 || len > left)
        return len == 1 ? 1 : 0;
    for (size_t i = 1; i < len; i++) {
        if (at[i] >> 6 != 2)
            return 0;
        value = value << 6 | (at[i] & 0x3fu);
    }
    value &= 0x1fffff;
    return value < smallest[len] || value > 0x10ffff || (value >= 0xd800 && value < 0xe000) ? 0
                                                                                            : len;
}

static void check_text(const uint8_t *data, size_t size)
{
    struct buf out = BUF_INIT, same = BUF_INIT;
    json_error_t error;
    buf_putc(&out, '"');
    json_escape(&out, (const char *)data, size);
    buf_putc(&out, '"');
    for (size_t i = 0; i < size;) {
        size_t n = sequence_len(data + i, size - i);
        buf_append(&same, n ? (const char *)data + i : "\xef\xbf\xbd", n ? n : 3);
        i += n ? n : 1;
    }
    json_t *text = json_loadb(out.data, out.len, JSON_DECODE_ANY | JSON_ALLOW_NUL, &error);
    assert(text && json_string_value(text));
    assert(json_string_length(text) == same.len);
    assert(same.len == 0 || memcmp(json_string_value(text), same.data, same.len) == 0);
    json_decref(text);
    buf_free(&out);
    buf_free(&same);
}

static void assert_loads(const struct buf *text)
{
    json_error_t error;
    json_t *json = json_loadb(text->data, text->len, JSON_DECODE_ANY | JSON_ALLOW_NUL, &error);
    assert(json || library_cannot(&error));
    json_decref(json);
}

static void check_copies(struct json_span span)
{
    struct buf out = BUF_INIT;
    json_copy(span, &out);
    assert_loads(&out);
    if (span.type == JSON_OBJECT) {
        struct json_tree tree = {.n = 0};
        uint32_t root = json_tree_object(&tree, &span);
        if (!tree.is_full) {
            (void)json_tree_expand(&tree, root);
            buf_clear(&out);
            json_tree_write(&tree, root, &out);
            assert_loads(&out);
        }
        json_tree_free(&tree);
    }
    buf_free(&out);
}

static void check_json(const char *data, size_t size)
{
    json_error_t error;
    struct json_span span;
    struct err err;
    json_t *json = json_loadb(data, size, JSON_DECODE_ANY | JSON_ALLOW_NUL, &error);
    bool is_ours = json_check(data, size, &span, &err) == 0;
    bool has_nul = memchr(data, 0, size); /* the library takes it for the end */
    assert(!json || is_ours || has_nul || strstr(err.text, "too deep"));
    if (is_ours)
        check_copies(span);
    json_decref(json);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    check_text(data, size);
    if (size > 0)
        check_json((const char *)data, size);
    return 0;
}
