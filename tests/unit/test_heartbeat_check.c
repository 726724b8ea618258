/* test_heartbeat_check.c: check.response: what an answer over HTTP must be, and what is said when it is not; and what is told of
 * an answer.
 */
#include "posta_test.h"

#include "config/config.h"
#include "heartbeat/heartbeat.h"

struct rig {
    struct config *config;
    struct monitor monitor;
    struct problems problems;
};

/* A monitor with these lines, indented by 2 below check.response. */
static const struct node *read_yaml(struct rig *rig, const char *text)
{
    rig->config = config_new(NULL);
    assert_int_equal(config_add_bytes(rig->config, "t.yml", text, strlen(text), &rig->problems), 0);
    assert_int_equal(config_expand(rig->config, NULL, &rig->problems), 0);
    return config_root(rig->config);
}

struct expectation {
    struct http_checks checks;
    struct config *config;
    struct http_expected expected;
};

#define AT(field) .at = offsetof(struct http_expected, field)
static const struct option rows[] = {
    {.name = "status", .type = OPT_LIST, AT(status)},
    {.name = "headers", .type = OPT_MAP, AT(headers)},
    {.name = "body", .type = OPT_LIST, AT(body)},
    {.name = "body.positive", .type = OPT_LIST, AT(positive)},
    {.name = "body.negative", .type = OPT_LIST, AT(negative)},
    {.name = "json", .type = OPT_NODES, AT(json)},
    {0},
};

static void expect(struct expectation *x, const char *yaml)
{
    struct problems problems = PROBLEMS_INIT;
    struct err err;
    *x = (struct expectation) {.config = config_new(NULL)};
    assert_int_equal(config_add_bytes(x->config, "t.yml", yaml, strlen(yaml), &problems), 0);
    assert_int_equal(config_expand(x->config, NULL, &problems), 0);
    const struct node *root = config_root(x->config);
    assert_int_equal(options_read(root, "", rows, &x->expected, &problems), 0);
    http_checks_read(&x->checks, &x->expected, root, &problems);
    if (problems_err(&problems, &err))
        fail_msg("%s", err.text);
    problems_free(&problems);
}

static void done(struct expectation *x)
{
    http_checks_free(&x->checks);
    options_free(rows, &x->expected);
    config_free(x->config);
}

/* "" = up; else "type[/code]: message". */
static void assert_verdict(const char *yaml, int status, const char *headers, const char *body,
                           const char *wanted)
{
    struct expectation x;
    struct finding finding = {.message = BUF_INIT};
    const struct web_answer answer = {
        .status = status, .headers = headers, .body = body, .body_len = strlen(body)};
    char found[4096] = "";
    expect(&x, yaml);
    if (!http_check(&x.checks, &answer, answer.body_len, &finding))
        snprintf(found, sizeof found, "%s%s%s: %s", finding.type, finding.code ? "/" : "",
                 finding.code ? finding.code : "", buf_str(&finding.message));
    assert_string_equal(found, wanted);
    buf_free(&finding.message);
    done(&x);
}

static void without_a_word_all_below_400_is_up(void **state)
{
    (void)state;
    assert_verdict("{}", 200, "", "", "");
    assert_verdict("{}", 302, "", "", "");
    assert_verdict("{}", 404, "", "",
                   "io/BAD_HTTP_STATUS: Bad HTTP status 404 Not Found encountered");
    assert_verdict("{}", 599, "", "", "io/BAD_HTTP_STATUS: Bad HTTP status 599 encountered");
}

static void a_status_of_the_list(void **state)
{
    (void)state;
    assert_verdict("status: [200, 404]", 404, "", "", "");
    assert_verdict("status: 201", 201, "", "", "");
    assert_verdict("status: [200, 201]", 500, "", "",
                   "validate: received status code 500 expecting [200 201]");
}

static void headers_to_the_letter(void **state)
{
    (void)state;
    static const char headers[] = "Content-Type: text/plain\r\nX-Two:  b \r\n";
    assert_verdict("headers: {content-type: text/plain}", 200, headers, "", "");
    assert_verdict("headers: {Content-Type: text/html}", 200, headers, "",
                   "validate: header Content-Type is 'text/plain' expecting 'text/html' ");
    assert_verdict("headers: {X-None: a}", 200, headers, "",
                   "validate: header X-None is '' expecting 'a' ");
}

static void patterns_in_the_body(void **state)
{
    (void)state;
    assert_verdict("body: 'o+k'", 200, "", "it is ooook", "");
    assert_verdict("body: [no, 'k$']", 200, "", "ok", "");
    assert_verdict("body: 'ok'", 200, "", "bad", "validate: only positive pattern mismatch");
    assert_verdict("body: {positive: [ok], negative: [error]}", 200, "", "ok", "");
    assert_verdict("body: {positive: [ok], negative: [error]}", 200, "", "ok, error",
                   "validate: only negative pattern mismatch");
    assert_verdict("body: {positive: [ok], negative: [error]}", 200, "", "neither",
                   "validate: only positive pattern mismatch");
    assert_verdict("body: {negative: [error]}", 200, "", "", "");
}

static void conditions_over_json(void **state)
{
    (void)state;
    static const char yaml[] = "json: [{description: health, condition: {equals: {status: green}}},"
                               "{description: nodes, condition: {range: {n.nodes.gte: 3}}}]";
    assert_verdict(yaml, 200, "", "{\"status\":\"green\",\"n\":{\"nodes\":3}}", "");
    assert_verdict(
        yaml, 200, "", "{\"status\":\"red\",\"n\":{\"nodes\":3}}",
        "validate: JSON body did not match 1 expressions or conditions 'rule 'health' not "
        "matched.'. Received JSON (first 2048 chars): "
        "{\"status\":\"red\",\"n\":{\"nodes\":3}}");
    assert_verdict(
        yaml, 200, "", "{}",
        "validate: JSON body did not match 2 expressions or conditions 'rule 'health' not "
        "matched.,rule 'nodes' not matched.'. Received JSON (first 2048 chars): {}");
    assert_verdict(yaml, 200, "", "[1]", "validate: received non-object JSON for condition");
    struct expectation x;
    expect(&x, yaml);
    struct finding finding = {.message = BUF_INIT};
    const struct web_answer html = {.status = 200, .headers = "", .body = "<html>", .body_len = 6};
    assert_false(http_check(&x.checks, &html, 6, &finding));
    assert_non_null(strstr(buf_str(&finding.message), "could not parse JSON: "));
    buf_free(&finding.message);
    done(&x);
}

static void the_status_comes_first(void **state)
{
    (void)state;
    assert_verdict("{status: 200, body: ok}", 503, "", "bad",
                   "validate: received status code 503 expecting [200]");
}

/* ---- what is told ---- */

static void assert_response(const struct web_answer *answer, size_t content_len, const char *wanted)
{
    struct members event = {.has_one = false};
    struct buf text = BUF_INIT;
    struct http_digest *digest = http_digest_new();
    members_clear(&event);
    http_digest_add(digest, answer->body, answer->body_len);
    http_put_response(&event, answer, answer->headers[0] != '\0', content_len, digest);
    const struct buf *json = members_end(&event);
    buf_append(&text, json->data, json->len);
    assert_string_equal(buf_str(&text), wanted);
    http_digest_free(digest);
    buf_free(&text);
    members_free(&event);
}

static void an_answer_is_told(void **state)
{
    (void)state;
    assert_response(
        &(struct web_answer) {.status = 200,
                              .headers = "content-type: text/plain\r\nset-cookie: a\r\n"
                                         "SET-COOKIE:b\r\nx.y: \"q\"\r\nno colon\r\n",
                              .redirects = "http://a/1\nhttp://a/2\n",
                              .body = "hello",
                              .body_len = 5},
        4,
        "\"http\":{\"response\":{\"status_code\":200,\"mime_type\":\"text/plain; charset=utf-8\","
        "\"headers\":{\"Content-Type\":\"text/plain\",\"Set-Cookie\":[\"a\",\"b\"],"
        "\"X.y\":\"\\\"q\\\"\"},\"redirects\":[\"http://a/1\",\"http://a/2\"],"
        "\"body\":{\"bytes\":5,"
        "\"hash\":\"2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824\","
        "\"content\":\"hell\"}}}");
}

static void a_character_is_not_cut(void **state)
{
    (void)state;
    assert_response(
        &(struct web_answer) {
            .status = 500, .headers = "", .redirects = "", .body = "a\xe2\x82\xac", .body_len = 4},
        3,
        "\"http\":{\"response\":{\"status_code\":500,\"mime_type\":\"text/plain; "
        "charset=utf-8\",\"body\":{\"bytes\":4,\"hash\":"
        "\"105d293c8503cf158fa5cc8cf904ad7a67ec76ca620d8d56615363dfd21f78b5\","
        "\"content\":\"a\"}}}");
}

static void what_it_looks_like(void **state)
{
    (void)state;
    static const struct {
        const char *body, *type;
    } cases[] = {{" {\"a\":1}", "application/json"},
                 {"{no json", "text/plain; charset=utf-8"},
                 {"<!DOCTYPE html><p>", "text/html; charset=utf-8"},
                 {"<?xml version", "text/xml; charset=utf-8"},
                 {"%PDF-1.4", "application/pdf"},
                 {"\x89PNG\r\n", "image/png"},
                 {"\xff\xfe\xfd\xfc\x80", "application/octet-stream"}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct members event = {.has_one = false};
        struct http_digest *digest = http_digest_new();
        char wanted[96];
        members_clear(&event);
        http_put_response(&event,
                          &(struct web_answer) {.status = 200,
                                                .headers = "",
                                                .redirects = "",
                                                .body = cases[i].body,
                                                .body_len = strlen(cases[i].body)},
                          false, 0, digest);
        snprintf(wanted, sizeof wanted, "\"mime_type\":\"%s\"", cases[i].type);
        buf_putc(&event.json, '}');
        if (!strstr(buf_str(&event.json), wanted))
            fail_msg("%s: %s", cases[i].body, event.json.data);
        http_digest_free(digest);
        members_free(&event);
    }
}

/* ---- configuration ---- */

static const struct monitor_type *const types[] = {&http_monitor, &tcp_monitor, NULL};

static void assert_problem(const char *yaml, const char *wanted)
{
    struct rig rig = {.problems = PROBLEMS_INIT};
    const struct node *node = read_yaml(&rig, yaml);
    bool is_read =
        monitor_read(&rig.monitor, types, node, "heartbeat.monitors.0", true, &rig.problems);
    if (is_read || rig.problems.n == 0 || strcmp(rig.problems.at[0].text, wanted) != 0)
        fail_msg("%s\nexpected: %s\nfound: %s", yaml, wanted,
                 rig.problems.n ? rig.problems.at[0].text : "nothing");
    problems_free(&rig.problems);
    config_free(rig.config);
}

static void wrong_monitors(void **state)
{
    (void)state;
    static const char *const cases[][2] = {
        {"{hosts: a, schedule: '@every 1s'}",
         "t.yml:1:1: heartbeat.monitors: type is missing: http, tcp or icmp"},
        {"{type: ftp}", "t.yml:1:8: type: 'ftp' is not known: http, tcp or icmp"},
        {"{type: browser}",
         "t.yml:1:8: type: browser: posta has no browser; keep Heartbeat for this monitor"},
        {"{type: tcp, hosts: 'a:1'}",
         "t.yml:1:1: heartbeat.monitors.0.schedule: required, but not set"},
        {"{type: tcp, hosts: 'a:1', schedule: soon}",
         "t.yml:1:37: schedule: expected 5 to 7 fields, [second] minute hour day month weekday "
         "[year], found 'soon'"},
        {"{type: tcp, hosts: 'a:1', schedule: '@every 1s', timeout: 0}",
         "t.yml:1:59: heartbeat.monitors.0.timeout: must be at least 1ms, found '0'"},
        {"{type: tcp, hosts: 'a:1', schedule: '@every 1s', hosst: x}",
         "t.yml:1:50: unknown key 'heartbeat.monitors.0.hosst', did you mean 'hosts'?"},
        {"{type: tcp, schedule: '@every 1s'}", "t.yml:1:1: hosts: name at least one"},
        {"{type: tcp, hosts: a, schedule: '@every 1s'}",
         "t.yml:1:20: hosts: 'a' has no port: write host:port, or list `ports`"},
        {"{type: tcp, hosts: 'udp://a:1', schedule: '@every 1s'}",
         "t.yml:1:20: hosts: 'udp://a:1': expected tcp://, plain://, tls:// or ssl://"},
        {"{type: tcp, hosts: 'a:99999', schedule: '@every 1s'}",
         "t.yml:1:20: hosts: 'tcp://a:99999' is no scheme://host[:port][/path]"},
        {"{type: tcp, hosts: 'a:1', schedule: '@every 1s', proxy_url: socks5://p:1}",
         "t.yml:1:50: 'heartbeat.monitors.0.proxy_url' is not supported: posta speaks no SOCKS5: "
         "ask the host without it"},
        {"{type: tcp, hosts: 'a:1', schedule: '@every 1s', ipv4: false, ipv6: false}",
         "t.yml:1:1: ipv4 and ipv6 are both false: nobody could be asked"},
        {"{type: tcp, hosts: 'a:1', schedule: '@every 1s', ssl.certificate_authorities: /none/ca}",
         "t.yml:1:79: ssl.certificate_authorities: /none/ca: No such file or directory"},
        {"{type: http, hosts: 'ftp://a', schedule: '@every 1s'}",
         "t.yml:1:21: hosts: 'ftp://a' begins with neither http:// nor https://"},
        {"{type: http, hosts: 'http://', schedule: '@every 1s'}",
         "t.yml:1:21: hosts: 'http://' is no scheme://host[:port][/path]"},
        {"{type: http, hosts: a, schedule: '@every 1s', check.request.method: BREW}",
         "t.yml:1:69: check.request.method: 'BREW' is not known: GET, HEAD, POST, PUT, DELETE, "
         "OPTIONS, TRACE, PATCH"},
        {"{type: http, hosts: a, schedule: '@every 1s', check.response.status: [99]}",
         "t.yml:1:70: check.response.status: '99' is no status code"},
        {"{type: http, hosts: a, schedule: '@every 1s', check.response.body: '(?=x)'}",
         "t.yml:1:68: check.response.body: pattern '(?=x)': '(?=' at character 1: RE2 has no "
         "look-ahead"},
        {"{type: http, hosts: a, schedule: '@every 1s', check.response.json: [{expression: 'a'}]}",
         "t.yml:1:70: 'check.response.json.expression' is not supported: posta has no gval: write "
         "it as a condition, {equals: {status: ok}}, or as a regular expression in "
         "check.response.body"},
        {"{type: http, hosts: a, schedule: '@every 1s', ntlm: {username: a}}",
         "t.yml:1:47: 'heartbeat.monitors.0.ntlm' is not supported: posta knows basic "
         "authentication and client certificates"},
        {"{type: http, hosts: a, schedule: '@every 1s', processors: [{drop_event: {}}]}",
         "t.yml:1:47: 'heartbeat.monitors.0.processors' is not supported: set tags and fields "
         "here, do the rest in Logstash"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        assert_problem(cases[i][0], cases[i][1]);
}

static void assert_urls(const char *yaml, const char *wanted)
{
    struct rig rig = {.problems = PROBLEMS_INIT};
    struct buf found = BUF_INIT;
    struct err err = ERR_INIT;
    const struct node *node = read_yaml(&rig, yaml);
    if (!monitor_read(&rig.monitor, types, node, "heartbeat.monitors.0", true, &rig.problems)) {
        (void)!problems_err(&rig.problems, &err);
        fail_msg("%s: %s", yaml, err.text);
    }
    for (size_t i = 0; i < rig.monitor.urls.n; i++)
        buf_printf(&found, "%s%s", i ? " " : "", rig.monitor.urls.at[i]);
    assert_string_equal(buf_str(&found), wanted);
    buf_free(&found);
    monitor_free(&rig.monitor);
    problems_free(&rig.problems);
    config_free(rig.config);
}

static void hosts_become_urls(void **state)
{
    (void)state;
    assert_urls(
        "{type: tcp, schedule: '@every 1s', hosts: ['a:1', b, '::1', '[::2]:3'], ports: [2, 4]}",
        "tcp://a:1 tcp://b:2 tcp://b:4 tcp://[::1]:2 tcp://[::1]:4 tcp://[::2]:3");
    assert_urls("{type: tcp, schedule: '@every 1s', hosts: 'a:1', ssl.verification_mode: none}",
                "ssl://a:1");
    assert_urls("{type: tcp, schedule: '@every 1s', hosts: ['tls://a:1', 'plain://b:2']}",
                "tls://a:1 plain://b:2");
    assert_urls(
        "{type: http, schedule: '@every 1s', hosts: ['a:8080', 'https://b/c?d=e'], urls: 'f'}",
        "http://a:8080 https://b/c?d=e http://f");
    assert_urls("{type: http, schedule: '@every 1s', hosts: 'a', ssl: {verification_mode: none}}",
                "https://a");
}

static void urls_are_taken_apart(void **state)
{
    (void)state;
    struct url url;
    struct err err;
    assert_int_equal(url_parse(&url, "https://u:secret@h.example/p/q?x=%20#frag", &err), 0);
    assert_string_equal(url.full, "https://u:<hidden>@h.example/p/q?x=%20");
    assert_string_equal(url.host, "h.example");
    assert_string_equal(url.path, "/p/q");
    assert_string_equal(url.query, "x=%20");
    assert_string_equal(url.user, "u");
    assert_int_equal(url.port, 443);
    url_free(&url);
    static const char *const wrong[] = {"h",           "://h",           "http://",
                                        "http://[::1", "http://[::1]x",  "http://::1/",
                                        "http://h:0/", "http://h:65536", "http://h:/",
                                        "http://a b/", "tcp://:80"};
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++)
        if (url_parse(&url, wrong[i], &err) == 0)
            fail_msg("%s", wrong[i]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(without_a_word_all_below_400_is_up),
        cmocka_unit_test(a_status_of_the_list),
        cmocka_unit_test(headers_to_the_letter),
        cmocka_unit_test(patterns_in_the_body),
        cmocka_unit_test(conditions_over_json),
        cmocka_unit_test(the_status_comes_first),
        cmocka_unit_test(an_answer_is_told),
        cmocka_unit_test(a_character_is_not_cut),
        cmocka_unit_test(what_it_looks_like),
        cmocka_unit_test(wrong_monitors),
        cmocka_unit_test(hosts_become_urls),
        cmocka_unit_test(urls_are_taken_apart),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
