/* test_output_http.c: URLs that are taken, and answers: whole, cut at every byte, and wrong. */
#include "output/http.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h> /* wants the ones above */

/* ---- URLs ---- */

static void assert_url(const char *text, bool is_tls, const char *host, const char *port,
                       const char *path)
{
    struct http_url url;
    struct err err = ERR_INIT;
    if (http_parse_url(text, &url, &err))
        fail_msg("%s", err.text);
    assert_int_equal(url.is_tls, is_tls);
    assert_string_equal(url.host, host);
    assert_string_equal(url.port, port);
    assert_string_equal(url.path, path);
}

static void urls_are_taken_apart(void **state)
{
    (void)state;
    assert_url("https://id.example", true, "id.example", "443", "");
    assert_url("https://id.example:8443/a/b?c=d", true, "id.example", "8443", "/a/b?c=d");
    assert_url("https://id.example?c=d", true, "id.example", "443", "?c=d");
    assert_url("https://[2001:db8::1]:99/t", true, "2001:db8::1", "99", "/t");
    assert_url("https://[2001:db8::1]/t", true, "2001:db8::1", "443", "/t");
    assert_url("http://localhost/t", false, "localhost", "80", "/t");
    assert_url("http://[::1]:81", false, "::1", "81", "");
}

static void what_is_no_url(void **state)
{
    (void)state;
    static const char *const texts[] = {"",
                                        "id.example",
                                        "ftp://id.example/",
                                        "https://",
                                        "https:///token",
                                        "https://user:word@id.example/",
                                        "https://id.example:/",
                                        "https://id.example:port/",
                                        "https://id.example:123456/",
                                        "https://id.example/a b",
                                        "https://id.example/a\r\nX: y",
                                        "https://[::1",
                                        "https://id.example#x",
                                        "https://[::1]x/"};
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        struct http_url url;
        struct err err = ERR_INIT;
        if (http_parse_url(texts[i], &url, &err) == 0)
            fail_msg("'%s' was taken", texts[i]);
        assert_int_equal(err.kind, ERR_CONFIG);
    }
}

/* ---- answers ---- */

static int parse(const char *text, size_t len, bool is_end, struct http_answer *answer,
                 struct err *err)
{
    char *copy = malloc(len ? len : 1); /* so that a byte too far is seen */
    memcpy(copy, text, len);
    int rc = http_parse_answer(copy, len, is_end, answer, err);
    free(copy);
    return rc;
}

static void assert_answer(const char *text, bool is_end, int status, const char *body)
{
    struct http_answer answer = {.status = 0};
    struct err err = ERR_INIT;
    if (parse(text, strlen(text), is_end, &answer, &err))
        fail_msg("%s: %s", text, err.text);
    assert_int_equal(answer.status, status);
    assert_string_equal(buf_str(&answer.body), body);
    buf_free(&answer.body);
}

static void assert_no_answer(const char *text, size_t len, bool is_end, enum err_kind kind)
{
    struct http_answer answer = {.status = 0};
    struct err err = ERR_INIT;
    if (parse(text, len, is_end, &answer, &err) == 0)
        fail_msg("'%.*s' was taken", (int)len, text);
    assert_int_equal(err.kind, kind);
    assert_int_equal(answer.body.len, 0);
    buf_free(&answer.body);
}

static const char by_length[] = "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello";
static const char in_chunks[] = "HTTP/1.1 401 No\r\ntransfer-encoding:  Chunked\r\nX: y\r\n\r\n"
                                "3;a=b\r\nhel\r\n0002\r\nlo\r\n0\r\n";

static void a_body_by_length_in_chunks_and_to_the_end(void **state)
{
    (void)state;
    assert_answer(by_length, false, 200, "hello");
    assert_answer("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello and more", false, 200,
                  "hello");
    assert_answer("HTTP/1.1 204\r\nContent-Length: 0\r\n\r\n", false, 204, "");
    assert_answer("HTTP/1.0 200 \nServer: x\n\nhello", true, 200, "hello");
    assert_answer(in_chunks, false, 401, "hello");
}

static void an_answer_that_is_not_whole_is_waited_for(void **state)
{
    (void)state;
    for (size_t len = 0; len < sizeof by_length - 1; len++)
        assert_no_answer(by_length, len, false, ERR_AGAIN);
    for (size_t len = 0; len < sizeof in_chunks - 1; len++)
        assert_no_answer(in_chunks, len, false, ERR_AGAIN);
    assert_no_answer("HTTP/1.0 200 OK\r\n\r\nhello", 24, false, ERR_AGAIN);
}

static void an_answer_that_ends_too_early_is_none(void **state)
{
    (void)state;
    for (size_t len = 0; len < sizeof by_length - 1; len++)
        assert_no_answer(by_length, len, true, ERR_CORRUPT);
    for (size_t len = 0; len < sizeof in_chunks - 1; len++)
        assert_no_answer(in_chunks, len, true, ERR_CORRUPT);
}

static void what_is_not_http(void **state)
{
    (void)state;
    static const char *const texts[] = {
        "SSH-2.0-OpenSSH\r\n",
        "HTTP/2 200\r\n\r\n",
        "HTTP/1.1 20 OK\r\n\r\n",
        "HTTP/1.1 abc OK\r\n\r\n",
        "HTTP/1.1 099 OK\r\n\r\n",
        "HTTP/1.1 200 OK\r\nContent-Length: five\r\n\r\nhello",
        "HTTP/1.1 200 OK\r\nContent-Length: 99999999999999999999\r\n\r\nhello",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip\r\n\r\nhello",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nxyz\r\n",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n-1\r\n",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nffffffffffffffff\r\n",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhello\r\n",
    };
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
        assert_no_answer(texts[i], strlen(texts[i]), true, ERR_CORRUPT);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(urls_are_taken_apart),
        cmocka_unit_test(what_is_no_url),
        cmocka_unit_test(a_body_by_length_in_chunks_and_to_the_end),
        cmocka_unit_test(an_answer_that_is_not_whole_is_waited_for),
        cmocka_unit_test(an_answer_that_ends_too_early_is_none),
        cmocka_unit_test(what_is_not_http),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
