/* What the endpoint says: the text formats, which answer a request gets, JSON for people, and what a probe makes of an answer. */
#include "admin/admin.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h> /* wants the ones above */

static const struct metric_family lines = {"posta_lines", METRIC_COUNTER, "input",
                                           "Lines \\ of\nlogs."};
static const struct metric_family info = {"posta", METRIC_INFO, NULL, "Versions."};
static const struct metric_family took = {"posta_took_seconds", METRIC_HISTOGRAM, NULL, "Took."};
static const struct metric_family age = {"posta_age_seconds", METRIC_GAUGE, NULL, "Age."};

static void put_page(struct exposition *to)
{
    const struct metric_label odd[] = {{"input", "a\"b\\c\nd\xff\xc3\xa4"}, {NULL, NULL}};
    const double bounds[] = {0.01, 1};
    const uint64_t counts[] = {3, 0, 2};
    exposition_begin(to, &lines);
    exposition_u64(to, odd, UINT64_MAX);
    exposition_begin(to, &info);
    exposition_u64(to, NULL, 1);
    exposition_begin(to, &took);
    exposition_histogram(to, bounds, counts, 2, 7.5);
    exposition_begin(to, &age);
    exposition_double(to, NULL, NAN);
    exposition_double(to, NULL, -INFINITY);
    exposition_double(to, NULL, 3);
    exposition_end(to);
}

static void check_page(bool is_open, const char *expected)
{
    struct buf out = BUF_INIT;
    struct exposition to = {.out = &out, .is_open = is_open};
    put_page(&to);
    assert_string_equal(buf_str(&out), expected);
    buf_free(&out);
}

#define HISTOGRAM                                                                                  \
    "# HELP posta_took_seconds Took.\n# TYPE posta_took_seconds histogram\n"                       \
    "posta_took_seconds_bucket{le=\"0.01\"} 3\nposta_took_seconds_bucket{le=\"1.0\"} 3\n"          \
    "posta_took_seconds_bucket{le=\"+Inf\"} 5\nposta_took_seconds_sum 7.5\n"                       \
    "posta_took_seconds_count 5\n"
#define GAUGE                                                                                      \
    "# HELP posta_age_seconds Age.\n# TYPE posta_age_seconds gauge\n"                              \
    "posta_age_seconds NaN\nposta_age_seconds -Inf\nposta_age_seconds 3.0\n"
#define LINE                                                                                       \
    "posta_lines_total{input=\"a\\\"b\\\\c\\nd\xef\xbf\xbd\xc3\xa4\"} 18446744073709551615\n"

static void the_text_format(void **state)
{
    (void)state;
    check_page(false, "# HELP posta_lines_total Lines \\\\ of\\nlogs.\n"
                      "# TYPE posta_lines_total counter\n" LINE "# HELP posta_info Versions.\n"
                      "# TYPE posta_info gauge\nposta_info 1\n" HISTOGRAM GAUGE);
}

static void openmetrics(void **state)
{
    (void)state;
    check_page(true, "# HELP posta_lines Lines \\\\ of\\nlogs.\n"
                     "# TYPE posta_lines counter\n" LINE "# HELP posta Versions.\n"
                     "# TYPE posta info\nposta_info 1\n" HISTOGRAM GAUGE "# EOF\n");
}

static void openmetrics_for_who_likes_it(void **state)
{
    static const struct {
        const char *accept;
        bool is_open;
    } cases[] = {
        {NULL, false},
        {"", false},
        {"*/*", false},
        {"text/plain", false},
        {"application/openmetrics-text", true},
        {"Application/OpenMetrics-Text; version=1.0.0", true},
        {"application/openmetrics-text;q=0", false},
        {"application/openmetrics-text;q=0.000", false},
        {"application/openmetrics-text;q=0.001", true},
        {"text/plain;q=0.5,application/openmetrics-text;q=0.4", false},
        {"text/plain;q=0.5 , application/openmetrics-text; q=0.5", true},
        {"application/openmetrics-text;version=1.0.0,application/"
         "openmetrics-text;version=0.0.1;q=0.75,"
         "text/plain;version=0.0.4;q=0.5,*/*;q=0.1",
         true},
        {"application/openmetrics-textual", false},
        {"xapplication/openmetrics-text", false},
        {",,,;q=1,", false},
        {"application/openmetrics-text;q=99999999999999", true},
    };
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        if (accepts_openmetrics(cases[i].accept) != cases[i].is_open)
            fail_msg("Accept: %s", cases[i].accept);
}

/* ---- answers ---- */

static bool well, willing;
static const char *words = "";

static bool is_healthy(void *arg, struct buf *why)
{
    (void)arg, (void)why;
    return well;
}
static bool is_ready(void *arg, struct buf *why)
{
    (void)arg;
    buf_puts(why, words);
    return willing;
}
static void metrics(void *arg, struct exposition *to)
{
    (void)arg;
    put_page(to);
}
static void json(void *arg, struct buf *out)
{
    buf_printf(out, "{\"%s\":[1,{}]}", (const char *)arg);
}
static const struct admin_source source = {.arg = "x",
                                           .is_healthy = is_healthy,
                                           .is_ready = is_ready,
                                           .metrics = metrics,
                                           .about = json,
                                           .stats = json};

static void check_answer(const char *method, const char *path, unsigned status, const char *body)
{
    struct admin_answer answer;
    admin_answer(&source, method, path, false, NULL, &answer);
    assert_int_equal(answer.status, status);
    if (body)
        assert_string_equal(buf_str(&answer.body), body);
    assert_non_null(answer.type);
    buf_free(&answer.body);
}

static void which_answer(void **state)
{
    (void)state;
    well = willing = true;
    check_answer("GET", "/", 200, "{\"x\":[1,{}]}\n");
    check_answer("HEAD", "/stats", 200, NULL);
    check_answer("GET", "/healthz", 200, "ok\n");
    check_answer("GET", "/readyz", 200, "ok\n");
    check_answer("GET", "/metrics", 200, NULL);
    words = "but";
    check_answer("GET", "/readyz", 200, "ok: but\n");
    words = "input app: no";
    well = willing = false;
    check_answer("GET", "/healthz", 503, "not ok\n");
    check_answer("GET", "/readyz", 503, "input app: no\n");
    check_answer("POST", "/healthz", 405, NULL);
    check_answer("", "/", 405, NULL);
    check_answer("GET", "/<script>", 404,
                 "not found; there are: / /stats /metrics /healthz /readyz\n");
    check_answer("GET", "/metrics/", 404, NULL);
    check_answer("GET", "", 404, NULL);
}

static void check_indent(const char *text, const char *expected)
{
    struct buf out = BUF_INIT;
    json_indent(text, strlen(text), &out);
    assert_string_equal(buf_str(&out), expected);
    buf_free(&out);
}

static void json_for_people(void **state)
{
    (void)state;
    check_indent("{\"a\":{\"b\":1,\"c\":[1,2]},\"d\":{},\"e\":[]}",
                 "{\n  \"a\": {\n    \"b\": 1,\n    \"c\": [\n      1,\n      2\n    ]\n  },\n"
                 "  \"d\": {},\n  \"e\": []\n}");
    check_indent("{\"a{,:\\\"}\":\"[\\\\\"}", "{\n  \"a{,:\\\"}\": \"[\\\\\"\n}");
    check_indent("", "");
    check_indent("}}\"", "}}\""); /* none that posta makes: it must end */
}

/* ---- a probe ---- */

static void check_reply(const char *text, int rc, unsigned status, const char *line)
{
    struct buf out = BUF_INIT;
    unsigned got = 0;
    assert_int_equal(admin_read_answer(text, strlen(text), &got, &out), rc);
    if (rc == 0) {
        assert_int_equal(got, status);
        assert_string_equal(buf_str(&out), line);
    }
    buf_free(&out);
}

static void what_a_probe_reads(void **state)
{
    (void)state;
    check_reply("HTTP/1.1 200 OK\r\nA: b\r\n\r\nok\n", 0, 200, "ok");
    check_reply("HTTP/1.0 503 Service Unavailable\r\n\r\ninput \x1b[31m: no\nmore", 0, 503,
                "input ?[31m: no");
    check_reply("HTTP/1.1 200\r\n\r\n", 0, 200, "");
    check_reply("HTTP/1.1 200 OK\r\nA: b\r\n", -1, 0, NULL);
    check_reply("HTTP/1.1 2x0 OK\r\n\r\n", -1, 0, NULL);
    check_reply("HTTP/2 200 OK\r\n\r\n", -1, 0, NULL);
    check_reply("SSH-2.0-OpenSSH\r\n", -1, 0, NULL);
    check_reply("", -1, 0, NULL);
}

static void where_a_probe_asks(void **state)
{
    static const struct {
        const char *url, *host;
        unsigned port;
    } cases[] = {
        {"http://localhost:5066", "localhost", 5066},
        {"http://127.0.0.1:80/healthz", "127.0.0.1", 80},
        {"http://[::1]:99", "::1", 99},
        {"example", "example", 5066},
        {"example:1", "example", 1},
        {"unix:///run/p.sock", "unix:///run/p.sock", 5066},
        {"/run/p.sock", "unix:///run/p.sock", 5066},
        {"https://localhost", NULL, 0},
        {"http://", NULL, 0},
        {"http://a:0", NULL, 0},
        {"http://a:65536", NULL, 0},
        {"http://a:1x", NULL, 0},
        {"http://[::1", NULL, 0},
        {"http://[]:1", NULL, 0},
        {"", NULL, 0},
    };
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct admin_settings where;
        struct err err;
        int rc = admin_read_url(cases[i].url, &where, &err);
        if ((rc == 0) != (cases[i].host != NULL))
            fail_msg("%s", cases[i].url);
        if (rc == 0) {
            assert_string_equal(where.host, cases[i].host);
            assert_int_equal(where.port, cases[i].port);
        }
        free(where.host);
    }
}

static void hosts_that_are_none(void **state)
{
    char tcp[] = "tcp://localhost", relative[] = "unix://posta.sock", fine[] = "unix:///p",
         lo[] = "::1";
    char far[200] = "unix:///";
    struct err err;
    struct admin_settings where = {.enabled = true, .port = 1};
    (void)state;
    memset(far + 8, 'x', sizeof far - 9);
    char *const bad[] = {tcp, relative, far}, *const good[] = {fine, lo};
    for (size_t i = 0; i < 3; i++) {
        where.host = bad[i];
        assert_int_equal(admin_check(&where, &err), -1);
        assert_non_null(strstr(err.text, "http.host"));
    }
    for (size_t i = 0; i < 2; i++) {
        where.host = good[i];
        assert_int_equal(admin_check(&where, &err), 0);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_text_format),
        cmocka_unit_test(openmetrics),
        cmocka_unit_test(openmetrics_for_who_likes_it),
        cmocka_unit_test(which_answer),
        cmocka_unit_test(json_for_people),
        cmocka_unit_test(what_a_probe_reads),
        cmocka_unit_test(where_a_probe_asks),
        cmocka_unit_test(hosts_that_are_none),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
