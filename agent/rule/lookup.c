/* lookup.c: a field of a JSON object by its dotted name; see lookup.h. */
#include "rule.h"

#include <string.h>

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
