/* lookup.c: a field of a JSON object by its dotted name; see lookup.h. */
#include "rule.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

/* Only the configuration fills them, or may be believed about them. */
static const char *const fixed[] = {"fields", "tags", "agent", "host", "input", "ecs", NULL};

static bool is_below(const char *name, const char *root)
{
    size_t len = strlen(root);
    return strncmp(name, root, len) == 0 && (name[len] == '\0' || name[len] == '.');
}

bool lookup_is_fixed(const char *name)
{
    for (const char *const *root = fixed; *root; root++)
        if (is_below(name, *root))
            return true;
    return false;
}

static bool is_key(struct json_span key, const char *name, size_t len)
{
    return key.len == len + 2 && memcmp(key.at + 1, name, len) == 0;
}

/* The last member of a name counts. */
static bool find_in(struct json_span object, const char *name, struct json_span *value)
{
    struct json_span key, member, below = {.at = NULL};
    struct json_walk walk = json_members(object);
    const char *dot = strchr(name, '.');
    size_t len = strlen(name), first = dot ? (size_t)(dot - name) : len;
    bool is_found = false;
    while (json_next(&walk, &key, &member)) {
        if (is_key(key, name, len)) {
            *value = member;
            is_found = true;
        } else if (dot && member.type == JSON_OBJECT && is_key(key, name, first)) {
            below = member;
        }
    }
    return is_found || (below.at && find_in(below, dot + 1, value));
}

static void check(struct lookup *lookup)
{
    struct err err;
    lookup->is_checked = true;
    lookup->is_bad = json_check(lookup->json, lookup->len, &lookup->object, &err) != 0 ||
                     lookup->object.type != JSON_OBJECT;
}

bool lookup_has(struct lookup *lookup, const char *name, struct json_span *value)
{
    if (!lookup->is_checked)
        check(lookup);
    return !lookup->is_bad && find_in(lookup->object, name, value);
}

enum found lookup_find(struct lookup *lookup, const char *name, struct json_span *value)
{
    if (lookup->known && lookup_is_fixed(name))
        return lookup_find(lookup->known, name, value);
    if (lookup->kind == LOOKUP_KNOWN && is_below(name, "event"))
        return FOUND_LATER;
    if (lookup_has(lookup, name, value))
        return FOUND;
    return lookup->kind == LOOKUP_EVENT || lookup_is_fixed(name) ? FOUND_NOT : FOUND_LATER;
}

bool lookup_text(struct json_span value, struct buf *out)
{
    if (value.type == JSON_STRING)
        json_text(value, out);
    else if (value.type == JSON_NUMBER || value.type == JSON_BOOL)
        buf_append(out, value.at, value.len);
    else
        return false;
    return true;
}

static bool read_digits(const char **at, const char *end, size_t n, int *value)
{
    for (*value = 0; n > 0; n--, ++*at) {
        if (*at == end || **at < '0' || **at > '9')
            return false;
        *value = *value * 10 + (**at - '0');
    }
    return true;
}

/* 2026-11-22T07:08:57.146Z, as posta writes it. */
bool lookup_time(struct lookup *lookup, int64_t *ms)
{
    static const struct {
        size_t digits;
        char behind;
    } parts[] = {{4, '-'}, {2, '-'}, {2, 'T'}, {2, ':'}, {2, ':'}, {2, '.'}, {3, 'Z'}};
    struct json_span value;
    int n[7];
    if (!lookup_has(lookup, "@timestamp", &value) || value.type != JSON_STRING)
        return false;
    const char *at = value.at + 1, *end = value.at + value.len - 1;
    for (size_t i = 0; i < 7; i++)
        if (!read_digits(&at, end, parts[i].digits, &n[i]) || at == end || *at++ != parts[i].behind)
            return false;
    struct tm tm = {.tm_year = n[0] - 1900,
                    .tm_mon = n[1] - 1,
                    .tm_mday = n[2],
                    .tm_hour = n[3],
                    .tm_min = n[4],
                    .tm_sec = n[5]};
    *ms = (int64_t)timegm(&tm) * 1000 + n[6];
    return true;
}
