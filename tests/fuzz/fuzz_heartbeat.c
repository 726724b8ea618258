/* fuzz_heartbeat.c: what heartbeats read. The first byte says as what the rest is read: c a cron line, u a URL, h headers, a NUL and
 * a body as an answer over HTTP, x certificates (DER, one behind the other), p PEM. What is told is always JSON.
 */
#include "heartbeat/heartbeat.h"

#include <posta/json.h>

#include <assert.h>
#include <openssl/err.h>
#include <openssl/x509.h>
#include <stdlib.h>

#define SOME_TIME_S INT64_C(1795331337)

static void assert_json(struct members *event)
{
    struct buf text = BUF_INIT;
    struct json_span value;
    struct err err;
    const struct buf *members = members_end(event);
    buf_putc(&text, '{');
    buf_append(&text, members->data ? members->data : "", members->len);
    buf_putc(&text, '}');
    assert(json_check(text.data, text.len, &value, &err) == 0);
    for (size_t i = 0; i < text.len;) {
        const unsigned char *at = (const unsigned char *)text.data + i;
        size_t n = *at < 0x80 ? 1 : json_utf8_len(at, text.len - i);
        assert(n > 0);
        i += n;
    }
    buf_free(&text);
}

static void read_cron(const char *text)
{
    struct cron cron;
    struct err err;
    if (cron_parse(&cron, text, &err)) {
        assert(err.kind == ERR_CONFIG);
        return;
    }
    for (int i = 0, is_utc = 1; i < 4; i++, is_utc = !is_utc) {
        int64_t next = cron_next(&cron, SOME_TIME_S, is_utc);
        assert(next == 0 || next > SOME_TIME_S);
        assert(next == 0 || cron_next(&cron, next - 1, is_utc) == next);
    }
}

static void read_url(const char *text)
{
    struct url url, again;
    struct err err;
    if (url_parse(&url, text, &err))
        return;
    assert(*url.host && *url.scheme && url.port <= 65535);
    assert(url_parse(&again, url.full, &err) == 0);
    assert(strcmp(again.full, url.full) == 0 && strcmp(again.host, url.host) == 0);
    url_free(&again);
    url_free(&url);
}

static void read_answer(const char *text, size_t len)
{
    struct members event = {.has_one = false};
    size_t headers_len = strnlen(text, len), body_at = headers_len < len ? headers_len + 1 : len;
    const struct web_answer answer = {.status = 200,
                                      .headers = text,
                                      .redirects = "",
                                      .body = text + body_at,
                                      .body_len = len - body_at};
    struct http_digest *digest = http_digest_new();
    struct http_checks checks = {.n_status = 0};
    struct finding finding = {.message = BUF_INIT};
    members_clear(&event);
    http_digest_add(digest, answer.body, answer.body_len);
    http_put_response(&event, &answer, true, answer.body_len / 2, digest);
    assert_json(&event);
    assert(http_check(&checks, &answer, answer.body_len, &finding));
    http_digest_free(digest);
    members_free(&event);
}

static void tell_chain(struct stack_st_X509 *chain)
{
    struct members event = {.has_one = false};
    members_clear(&event);
    tls_put(&event, &(struct tls_facts) {.version = "TLSv1.3", .cipher = "X", .chain = chain});
    assert_json(&event);
    members_free(&event);
}

static void read_certificates(const char *bytes, size_t len)
{
    STACK_OF(X509) *chain = sk_X509_new_null();
    const unsigned char *at = (const unsigned char *)bytes, *end = at + len;
    for (X509 *cert; at < end && (cert = d2i_X509(NULL, &at, end - at));)
        sk_X509_push(chain, cert);
    ERR_clear_error();
    tell_chain(chain);
    tls_chain_free(chain);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size == 0)
        return 0;
    size_t len = size - 1;
    char *text = mem_alloc(len + 1);
    memcpy(text, data + 1, len);
    text[len] = '\0';
    if (data[0] == 'c')
        read_cron(text);
    else if (data[0] == 'u')
        read_url(text);
    else if (data[0] == 'h')
        read_answer(text, len);
    else if (data[0] == 'x')
        read_certificates(text, len);
    else if (data[0] == 'p') {
        struct stack_st_X509 *chain = tls_chain_of_pem(text);
        tell_chain(chain);
        tls_chain_free(chain);
    }
    free(text);
    return 0;
}
