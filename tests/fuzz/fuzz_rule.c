/* fuzz_rule.c: a format string, a NUL, and any bytes as an event: lookups stay inside, and what a format makes is the same with its
 * fields bound beforehand. Conditions of all kinds are asked about the event.
 */
#include "config/config.h"
#include "rule/rule.h"

#include <assert.h>
#include <stdlib.h>

static const char conditions[] = "or:\n"
                                 "  - and: [{equals: {a: 1}}, {not: {equals: {b.c: true}}}]\n"
                                 "  - contains: {message: x, tags: y}\n"
                                 "  - regexp: {message: '^a+b'}\n"
                                 "  - range: {a: {gte: 1, lt: 1e9}, b.d.gt: -2}\n"
                                 "  - network: {ip: [private, '2001:db8::/32'], ips: 10.0.0.0/9}\n"
                                 "  - has_fields: [a.b.c.d, '@timestamp']\n";

static const struct condition *condition(void)
{
    static struct config *config;
    static struct condition *cond;
    struct problems problems = PROBLEMS_INIT;
    if (cond)
        return cond;
    config = config_new(NULL);
    assert(config_add_bytes(config, "c", conditions, sizeof conditions - 1, &problems) == 0);
    assert(config_expand(config, NULL, &problems) == 0);
    cond = condition_read(config_root(config), &problems);
    assert(cond);
    problems_free(&problems);
    return cond;
}

static void put_both_ways(const struct format *format, struct lookup *lookup)
{
    struct buf at_once = BUF_INIT, bound_first = BUF_INIT, pattern = BUF_INIT;
    const char *missing = NULL, *missing_too = NULL;
    bool is_put = format_put(format, lookup, 1795331337146, &at_once, &missing);
    struct format *bound = format_bind(format, lookup, &missing_too);
    assert(is_put == (bound != NULL));
    if (bound) {
        assert(!format_field(bound, 0));
        assert(format_put(bound, lookup, 1795331337146, &bound_first, &missing));
        if (!memchr(at_once.data ? at_once.data : "", '\0', at_once.len)) {
            assert(at_once.len == bound_first.len);
            assert(at_once.len == 0 || memcmp(at_once.data, bound_first.data, at_once.len) == 0);
        }
        format_put_pattern(bound, &pattern);
    }
    format_free(bound);
    buf_free(&at_once);
    buf_free(&bound_first);
    buf_free(&pattern);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct err err;
    struct format *format;
    int64_t ms;
    const uint8_t *nul = memchr(data, 0, size);
    if (!nul)
        return 0;
    size_t len = size - (size_t)(nul + 1 - data);
    char *json = mem_alloc(len ? len : 1); /* so that a byte too far is seen */
    memcpy(json, nul + 1, len);
    struct lookup event = lookup_in(LOOKUP_EVENT, json, len);
    struct lookup known = lookup_in(LOOKUP_KNOWN, json, len);
    assert(condition_check(condition(), &event) != TRUTH_OPEN);
    (void)condition_check(condition(), &known);
    (void)lookup_time(&event, &ms);
    if (format_new(&format, (const char *)data, &err) == 0) {
        put_both_ways(format, &event);
        format_free(format);
    } else {
        assert(err.kind == ERR_CONFIG);
    }
    lookup_free(&event);
    lookup_free(&known);
    free(json);
    return 0;
}
