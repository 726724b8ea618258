/* test_rule_condition.c: conditions as they stand in a configuration, against events, and against what is known before. */
#include "config/config.h"
#include "rule/rule.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h> /* wants the ones above */

static const char event[] =
    "{\"message\":\"GET /admin\",\"code\":503,\"neg\":-4,\"f\":2.5,\"ok\":true,\"no\":null,"
    "\"tags\":[\"edge\",\"eu-west\"],\"http\":{\"response\":{\"status_code\":404}},"
    "\"ip\":\"10.1.2.3\",\"v6\":\"2001:db8::7\",\"ips\":[\"8.8.8.8\",\"192.168.1.1\"],"
    "\"digits\":\"503\",\"truth\":\"true\",\"nul\":\"a\\u0000b\"}";

/* A configuration with the condition at `when`. */
static struct condition *read_condition(const char *yaml, struct config **config, struct err *err)
{
    struct problems problems = PROBLEMS_INIT;
    struct condition *cond = NULL;
    char *text = mem_printf("when: %s", yaml);
    *config = config_new(NULL);
    if (config_add_bytes(*config, "t.yml", text, strlen(text), &problems) == 0 &&
        config_expand(*config, NULL, &problems) == 0)
        cond = condition_read(node_get(config_root(*config), "when"), &problems);
    (void)(problems_err(&problems, err) == 0);
    problems_free(&problems);
    free(text);
    return cond;
}

static enum truth check(const char *yaml, enum lookup_kind kind, const char *json)
{
    struct config *config;
    struct err err = ERR_INIT;
    struct condition *cond = read_condition(yaml, &config, &err);
    if (!cond)
        fail_msg("%s: %s", yaml, err.text);
    struct lookup lookup = lookup_in(kind, json, strlen(json));
    enum truth truth = condition_check(cond, &lookup);
    lookup_free(&lookup);
    condition_free(cond);
    config_free(config);
    return truth;
}

static void assert_yes(const char *yaml)
{
    if (check(yaml, LOOKUP_EVENT, event) != TRUTH_YES)
        fail_msg("%s does not hold", yaml);
}

static void assert_no(const char *yaml)
{
    if (check(yaml, LOOKUP_EVENT, event) != TRUTH_NO)
        fail_msg("%s holds", yaml);
}

static void equals(void **state)
{
    (void)state;
    assert_yes("{equals: {code: 503}}");
    assert_yes("{equals: {neg: -4}}");
    assert_yes("{equals: {ok: true}}");
    assert_yes("{equals: {message: GET /admin}}");
    assert_yes("{equals: {http.response.status_code: 404}}");
    assert_yes("{equals: {code: 503, ok: true}}");
    assert_no("{equals: {code: 503, ok: false}}");
    assert_no("{equals: {code: 50}}");
    assert_no("{equals: {f: 2}}");
    assert_no("{equals: {none: 1}}");
    assert_no("{equals: {no: 1}}");
    assert_no("{equals: {nul: a}}");
    /* as in Beats, a text is no number */
    assert_no("{equals: {code: '503'}}");
    assert_no("{equals: {digits: 503}}");
    assert_yes("{equals: {digits: '503'}}");
    assert_no("{equals: {truth: true}}");
    assert_yes("{equals: {truth: 'true'}}");
}

static void contains(void **state)
{
    (void)state;
    assert_yes("{contains: {message: admin}}");
    assert_yes("{contains: {message: ''}}");
    assert_yes("{contains: {tags: eu}}");
    assert_no("{contains: {tags: us}}");
    assert_no("{contains: {code: 50}}");
    assert_no("{contains: {message: 'ADMIN'}}");
    assert_yes("{contains: {nul: b}}");
}

static void regexp(void **state)
{
    (void)state;
    assert_yes("{regexp: {message: '^GET .*n$'}}");
    assert_yes("{regexp: {tags: '^eu-'}}");
    assert_no("{regexp: {message: '^admin'}}");
    assert_no("{regexp: {code: '5'}}");
}

static void range(void **state)
{
    (void)state;
    assert_yes("{range: {code: {gte: 500, lt: 504}}}");
    assert_yes("{range: {code.gte: 503, code.lte: 503}}");
    assert_no("{range: {code: {gt: 503}}}");
    assert_no("{range: {code: {lt: 503}}}");
    assert_yes("{range: {http.response.status_code.gte: 400}}");
    assert_yes("{range: {f: {gt: 2.4, lt: 2.6}}}");
    assert_no("{range: {digits: {gt: 1}}}");
    assert_no("{range: {code: {gt: 1}, none: {gt: 1}}}");
}

static void has_fields(void **state)
{
    (void)state;
    assert_yes("{has_fields: [message, http.response, no]}");
    assert_no("{has_fields: [message, none]}");
}

static void network(void **state)
{
    (void)state;
    assert_yes("{network: {ip: private}}");
    assert_yes("{network: {ip: 10.0.0.0/8}}");
    assert_yes("{network: {ip: [192.0.2.0/24, '10.1.2.3/32']}}");
    assert_no("{network: {ip: [192.0.2.0/24, public]}}");
    assert_yes("{network: {v6: '2001:db8::/32'}}");
    assert_no("{network: {v6: '2001:db9::/32'}}");
    assert_yes("{network: {ips: private}}");
    assert_yes("{network: {ips: public, ip: private}}");
    assert_no("{network: {message: private}}");
    assert_no("{network: {code: private}}");
}

static void assert_networks(const char *address, const char *names)
{
    static const char *const all[] = {"loopback",
                                      "unicast",
                                      "multicast",
                                      "interface_local_multicast",
                                      "link_local_unicast",
                                      "link_local_multicast",
                                      "private",
                                      "public",
                                      "unspecified"};
    struct buf found = BUF_INIT;
    struct address parsed;
    assert_true(address_parse(address, &parsed));
    for (size_t i = 0; i < sizeof all / sizeof *all; i++) {
        struct network network;
        struct err err;
        assert_int_equal(network_parse(all[i], &network, &err), 0);
        if (network_has(&network, &parsed))
            buf_printf(&found, "%s%s", found.len ? " " : "", all[i]);
    }
    assert_string_equal(buf_str(&found), names);
    buf_free(&found);
}

static void named_networks(void **state)
{
    (void)state;
    assert_networks("127.0.0.1", "loopback");
    assert_networks("::1", "loopback");
    assert_networks("0.0.0.0", "unspecified");
    assert_networks("::", "unspecified");
    assert_networks("8.8.8.8", "unicast public");
    assert_networks("255.255.255.255", "");
    assert_networks("10.0.0.1", "unicast private");
    assert_networks("172.31.255.255", "unicast private");
    assert_networks("172.32.0.0", "unicast public");
    assert_networks("192.168.0.1", "unicast private");
    assert_networks("169.254.1.1", "link_local_unicast");
    assert_networks("224.0.0.5", "multicast link_local_multicast");
    assert_networks("239.1.1.1", "multicast public");
    assert_networks("fe80::1", "link_local_unicast");
    assert_networks("fd00::1", "unicast private");
    assert_networks("ff01::1", "multicast interface_local_multicast");
    assert_networks("ff02::1", "multicast link_local_multicast");
    assert_networks("::ffff:10.0.0.1", "unicast private");
}

static void joined(void **state)
{
    (void)state;
    assert_yes("{or: [{equals: {code: 1}}, {equals: {code: 503}}]}");
    assert_no("{or: [{equals: {code: 1}}, {equals: {code: 2}}]}");
    assert_yes("{and: [{equals: {ok: true}}, {equals: {code: 503}}]}");
    assert_no("{and: [{equals: {ok: true}}, {equals: {code: 2}}]}");
    assert_yes("{not: {equals: {code: 1}}}");
    assert_no("{not: {or: [{equals: {code: 1}}, {has_fields: [code]}]}}");
}

/* ---- before there is an event ---- */

static const char known[] = "{\"fields\":{\"env\":\"prod\"},\"agent\":{\"type\":\"filebeat\"},"
                            "\"team\":\"a\",\"event\":{\"dataset\":\"x\"}}";

static void assert_known(const char *yaml, enum truth truth)
{
    enum truth found = check(yaml, LOOKUP_KNOWN, known);
    if (found != truth)
        fail_msg("%s: expected %d, found %d", yaml, (int)truth, (int)found);
}

static void what_is_known_before(void **state)
{
    (void)state;
    assert_known("{equals: {fields.env: prod}}", TRUTH_YES);
    assert_known("{equals: {fields.env: test}}", TRUTH_NO);
    assert_known("{has_fields: [fields.none]}", TRUTH_NO);
    assert_known("{contains: {tags: x}}", TRUTH_NO);
    assert_known("{equals: {team: a}}", TRUTH_YES);
    assert_known("{has_fields: [none]}", TRUTH_OPEN);
    assert_known("{equals: {event.dataset: x}}", TRUTH_OPEN);
    assert_known("{not: {has_fields: [none]}}", TRUTH_OPEN);
    assert_known("{not: {equals: {fields.env: prod}}}", TRUTH_NO);
}

static void open_and_closed_together(void **state)
{
    (void)state;
    assert_known("{and: [{has_fields: [x]}, {equals: {fields.env: test}}]}", TRUTH_NO);
    assert_known("{and: [{has_fields: [x]}, {equals: {fields.env: prod}}]}", TRUTH_OPEN);
    assert_known("{or: [{has_fields: [x]}, {equals: {fields.env: prod}}]}", TRUTH_YES);
    assert_known("{or: [{has_fields: [x]}, {equals: {fields.env: test}}]}", TRUTH_OPEN);
    assert_known("{equals: {x: 1, fields.env: test}}", TRUTH_NO);
    assert_known("{equals: {x: 1, fields.env: prod}}", TRUTH_OPEN);
}

/* ---- what is wrong ---- */

static void assert_wrong(const char *yaml, const char *text)
{
    struct config *config;
    struct err err = ERR_INIT;
    struct condition *cond = read_condition(yaml, &config, &err);
    assert_null(cond);
    assert_string_equal(err.text, text);
    config_free(config);
}

static void what_is_no_condition(void **state)
{
    (void)state;
    assert_wrong("{eq: {a: 1}}",
                 "t.yml:1:7: 'eq' is no condition: equals, contains, regexp, range, "
                 "network, has_fields, or, and, not are");
    assert_wrong("{equals: {a: 1}, contains: {b: c}}",
                 "t.yml:1:7: expected one condition, found 2: join them with and: or or:");
    assert_wrong("text",
                 "t.yml:1:7: expected a condition, such as equals: {field: text}, found a text");
    assert_wrong("{equals: {}}",
                 "t.yml:1:16: equals: expected fields and what they must be, found a mapping");
    assert_wrong("{equals: {a: [1, 2]}}",
                 "t.yml:1:20: equals: a: expected one value, found a list; use or");
    assert_wrong("{equals: {a: }}", "t.yml:1:20: equals: a: expected a value, found nothing");
    assert_wrong("{range: {a: 5}}",
                 "t.yml:1:19: range: a: expected gte, gt, lte or lt below a field");
    assert_wrong("{range: {a.gte: x}}", "t.yml:1:23: range: a.gte: expected a number, found 'x'");
    assert_wrong(
        "{regexp: {a: '(?=b)'}}",
        "t.yml:1:20: regexp: a: pattern '(?=b)': '(?=' at character 1: RE2 has no look-ahead");
    assert_wrong("{has_fields: a}", "t.yml:1:20: has_fields: expected a list of field names");
    assert_wrong("{or: {a: b}}", "t.yml:1:12: or: expected a list of conditions, found a mapping");
    assert_wrong("{network: {ip: 10.0.0.0/33}}",
                 "t.yml:1:22: network: ip: '10.0.0.0/33' is no network: expected 192.0.2.0/24, "
                 "2001:db8::/32 or one of loopback, unicast, global_unicast, multicast, "
                 "interface_local_multicast, link_local_unicast, link_local_multicast, private, "
                 "public, unspecified");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(equals),
        cmocka_unit_test(contains),
        cmocka_unit_test(regexp),
        cmocka_unit_test(range),
        cmocka_unit_test(has_fields),
        cmocka_unit_test(network),
        cmocka_unit_test(named_networks),
        cmocka_unit_test(joined),
        cmocka_unit_test(what_is_known_before),
        cmocka_unit_test(open_and_closed_together),
        cmocka_unit_test(what_is_no_condition),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
