/* lookup.h: fields of an event by dotted name, in the whole event or, before there is one, in what is known of it.
 *
 * What the configuration says of an input counts as it stands there: no line can change fields, tags, agent, host and input
 * for those who ask what is known.
 */
#ifndef POSTA_LOOKUP_H
#define POSTA_LOOKUP_H

#include <posta/json.h>
#include <stdint.h>

enum lookup_kind {
    LOOKUP_EVENT, /* the JSON is the event */
    LOOKUP_KNOWN, /* the JSON is what is known of an input's events; the rest is open, and so is event.* */
    LOOKUP_NAMES, /* the same, for names that are made of it: event.module and event.dataset are what they are there */
};

enum found { FOUND, FOUND_NOT, FOUND_LATER /* only the event knows */ };

struct lookup {
    enum lookup_kind kind;
    const char *json; /* an object; borrowed */
    size_t len;
    bool is_checked, is_bad; /* bad: no JSON object, so nothing is found */
    struct json_span object;
    struct lookup *known; /* of a whole event: what its input's configuration says; or NULL */
    struct buf text;      /* scratch of who asks */
};

/* Nothing is done before something is asked. */
static inline struct lookup lookup_in(enum lookup_kind kind, const char *json, size_t len)
{
    return (struct lookup) {.kind = kind, .json = json, .len = len};
}
/* Look into another one of this kind from now on. */
static inline void lookup_renew(struct lookup *lookup, const char *json, size_t len)
{
    lookup->json = json;
    lookup->len = len;
    lookup->is_checked = false;
}
static inline void lookup_free(struct lookup *lookup)
{
    buf_free(&lookup->text);
}
/* What lookup_is_fixed is looked for in what is known, if that is given. A member {"a.b": 1} is found as well as {"a": {"b": 1}}. The value is borrowed from the JSON. */
enum found lookup_find(struct lookup *lookup, const char *name, struct json_span *value);
/* In this JSON and nowhere else. */
bool lookup_has(struct lookup *lookup, const char *name, struct json_span *value);
/* A text, number or truth value as text, appended. False for anything else. */
bool lookup_text(struct json_span value, struct buf *out);
/* @timestamp in ms since the epoch. */
bool lookup_time(struct lookup *lookup, int64_t *ms);
/* May only the configuration say what is there? */
bool lookup_is_fixed(const char *name);

#endif
