/* fuzz_http.c: any bytes as the answer of an HTTP server: what is taken is no longer than what came, and what was whole once is
 * the same with more behind it. The same bytes as a URL.
 */
#include "output/http.h"

#include <assert.h>
#include <stdlib.h>

static bool parse(const uint8_t *data, size_t size, bool is_end, struct http_answer *answer)
{
    struct err err = ERR_INIT;
    *answer = (struct http_answer) {.status = 0};
    int rc = http_parse_answer((const char *)data, size, is_end, answer, &err);
    assert(rc == 0 || err.kind == ERR_CORRUPT || (err.kind == ERR_AGAIN && !is_end));
    assert(answer->body.len <= size && (rc == 0 || answer->body.len == 0));
    return rc == 0;
}

static void parse_url(const uint8_t *data, size_t size)
{
    struct http_url url;
    struct err err;
    char *text = mem_zero(1, size + 1);
    memcpy(text, data, size);
    if (http_parse_url(text, &url, &err) == 0)
        assert(*url.host && *url.port && url.path <= text + size);
    free(text);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct http_answer first, whole;
    if (parse(data, size / 2, false, &first)) {
        assert(parse(data, size, false, &whole));
        assert(first.status == whole.status && first.body.len == whole.body.len);
        buf_free(&whole.body);
    }
    if (parse(data, size, true, &whole))
        assert(whole.status >= 100 && whole.status <= 999);
    parse_url(data, size);
    buf_free(&first.body);
    buf_free(&whole.body);
    return 0;
}
