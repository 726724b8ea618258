/* fuzz_json.c: any bytes escaped into a JSON string: it is valid UTF-8, has no control byte and no bare quote, and
 * takes at most six bytes for one.
 */
#include <assert.h>
#include <posta/json.h>
#include <stdbool.h>
#include <string.h>

/* The value of the character at *at, which moves behind it; asserts that it is one. */
static uint32_t take_char(const unsigned char **at, const unsigned char *end)
{
    static const uint32_t smallest[] = {0, 0, 0x80, 0x800, 0x10000};
    uint32_t value = *(*at)++;
    if (value < 0x80)
        return value;
    size_t len = value >> 5 == 6 ? 2 : value >> 4 == 14 ? 3 : value >> 3 == 30 ? 4 : 0;
    assert(len > 0 && (size_t)(end - *at) >= len - 1);
    value &= 0x7fu >> len;
    for (size_t i = 1; i < len; i++) {
        assert(**at >> 6 == 2);
        value = value << 6 | (*(*at)++ & 0x3f);
    }
    assert(value >= smallest[len] && value <= 0x10ffff && (value < 0xd800 || value > 0xdfff));
    return value;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct buf out = BUF_INIT;
    json_escape(&out, (const char *)data, size);
    assert(out.len <= 6 * size);
    const unsigned char *at = (const unsigned char *)buf_str(&out), *end = at + out.len;
    while (at < end) {
        uint32_t value = take_char(&at, end);
        assert(value >= 0x20 && value != '"');
        if (value != '\\')
            continue;
        assert(at < end && *at && strchr("\"\\bfnrtu", *at));
        at += *at == 'u' ? 5 : 1;
        assert(at <= end);
    }
    buf_free(&out);
    return 0;
}
