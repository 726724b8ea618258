/* access_json.c: access logs whose lines are JSON objects (nginx: escape=json) with keys named as the server names its fields.
 *
 * Happy path: each key is looked up; what the server does not know goes below <server>.access as it is.
 * Failure modes: what is no object, or has a number that is none, does not match.
 * On close: nothing is held.
 */
#include "access.h"

#include <posta/json.h>

/* Text without its quotes; numbers and words as they stand; objects and lists are left out. */
static bool value_of(struct json_span span, struct span *value)
{
    if (span.type == JSON_ARRAY || span.type == JSON_OBJECT || span.type == JSON_NULL)
        return false;
    bool is_text = span.type == JSON_STRING;
    *value = (struct span) {.at = span.at + is_text, .len = span.len - 2 * (size_t)is_text};
    return true;
}

bool access_match_json(const char *text, size_t len, access_lookup *lookup,
                       struct access_memo *memo, struct access_line *line)
{
    struct json_span object, key, json;
    struct err err;
    if (json_check(text, len, &object, &err) || object.type != JSON_OBJECT)
        return false;
    *line = (struct access_line) {.time_ms = NO_STAMP};
    struct json_walk walk = json_members(object);
    while (json_next(&walk, &key, &json)) {
        struct span value;
        const char *name = key.at + 1;
        size_t name_len = key.len - 2;
        if (!value_of(json, &value) || name_len == 0)
            continue;
        enum slot slot = lookup(name, name_len);
        if (slot == SLOT_OTHER && !json_is_plain(name, name_len, 0))
            return false; /* two of them might be one name */
        if (!access_set(line, slot, name, name_len, value, memo))
            return false;
    }
    return true;
}
