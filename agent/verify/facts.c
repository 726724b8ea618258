/* facts.c: what an event says about its place: which generation of which log, and which bytes of it.
 *
 * Happy path: id and end stand beside the event. Without them the id is in it, and the end, if messages are whole lines, is
 * behind the message: a terminator of one byte, perhaps a CR before it. (A byte order mark, which messages leave out, looks like
 * three bytes missing: only the end that stands beside the event knows better.)
 * Failure modes: a message that was cut, put together or repaired (U+FFFD) does not tell where it ends: unproven. What is no
 * event of a log line is OTHER. An id and an offset that do not agree, an end before the beginning: BAD.
 * On close: facts_free.
 */
#include "verify.h"

#include <stdlib.h>

enum { NUMBER_DIGITS = 20 };

/* Members of an event that matter; type NULL where there is none. */
struct members {
    struct json_span id, doc_id, offset, flags, path, message, dataset, end;
};

static bool find_member(struct json_span object, const char *name, struct json_span *found)
{
    struct json_span key, value;
    if (object.type != JSON_OBJECT || !object.at)
        return false;
    struct json_walk walk = json_members(object);
    while (json_next(&walk, &key, &value)) {
        if (!json_equals(key, name))
            continue;
        *found = value;
        return true;
    }
    return false;
}

static void find_members(struct json_span root, struct members *found)
{
    struct json_span part = {.at = NULL}, file = {.at = NULL};
    *found = (struct members) {.id = {.at = NULL}};
    if (find_member(root, "@metadata", &part))
        (void)find_member(part, "_id", &found->doc_id);
    if (find_member(root, "event", &part)) {
        (void)find_member(part, "id", &found->id);
        (void)find_member(part, "dataset", &found->dataset);
    }
    if (find_member(root, "posta", &part))
        (void)find_member(part, "end", &found->end);
    (void)find_member(root, "message", &found->message);
    if (!find_member(root, "log", &part))
        return;
    (void)find_member(part, "offset", &found->offset);
    (void)find_member(part, "flags", &found->flags);
    if (find_member(part, "file", &file))
        (void)find_member(file, "path", &found->path);
}

/* ---- ids and numbers ---- */

static bool is_id(const char *text, size_t len)
{
    if (len != ID_LEN)
        return false;
    for (size_t i = 0; i < len; i++)
        if (!((text[i] >= '0' && text[i] <= '9') || (text[i] >= 'a' && text[i] <= 'f')))
            return false;
    return true;
}

static bool is_id_member(struct json_span id)
{
    return id.at && id.type == JSON_STRING && is_id(id.at + 1, id.len - 2);
}

static const char *choose_id(const struct delivered *event, const struct members *found)
{
    if (event->id)
        return is_id(event->id, ID_LEN) ? event->id : NULL;
    if (is_id_member(found->id))
        return found->id.at + 1;
    return is_id_member(found->doc_id) ? found->doc_id.at + 1 : NULL;
}

static uint64_t offset_in(const char *id)
{
    char digits[ID_LEN - EVENT_KEY_LEN + 1];
    memcpy(digits, id + EVENT_KEY_LEN, ID_LEN - EVENT_KEY_LEN);
    digits[ID_LEN - EVENT_KEY_LEN] = '\0';
    return strtoull(digits, NULL, 16);
}

static bool read_number(struct json_span span, uint64_t *number)
{
    char digits[NUMBER_DIGITS + 1];
    if (!span.at || span.type != JSON_NUMBER || span.len > NUMBER_DIGITS)
        return false;
    memcpy(digits, span.at, span.len);
    digits[span.len] = '\0';
    *number = strtoull(digits, NULL, 10);
    return true;
}

/* ---- where it ends ---- */

static bool has_words(struct json_span flags)
{
    return flags.at && memchr(flags.at, '"', flags.len);
}

static void infer_end(struct facts *facts, const struct members *found, uint64_t offset,
                      bool infers)
{
    facts->range = (struct range) {offset, offset + 1, SLACK_UNKNOWN};
    facts->is_unproven = true;
    if (!infers || !found->message.at || found->message.type != JSON_STRING ||
        has_words(found->flags))
        return;
    buf_clear(&facts->text);
    json_text(found->message, &facts->text);
    if (facts->text.len && memmem(facts->text.data, facts->text.len, "\xef\xbf\xbd", 3))
        return;
    facts->is_unproven = false;
    facts->range = (struct range) {.from = offset, .to = offset + facts->text.len + 1, .slack = 1};
}

static enum facts_kind take_end(struct facts *facts, const struct delivered *event, uint64_t offset)
{
    if (event->end <= offset || event->left_out > offset)
        return FACTS_BAD;
    facts->is_unproven = false;
    facts->left_out = event->left_out;
    facts->range = (struct range) {.from = offset - event->left_out, .to = event->end};
    return FACTS_OK;
}

/* ---- ends of generations ---- */

static bool is_end(const struct members *found)
{
    return found->dataset.at && found->dataset.type == JSON_STRING &&
           json_equals(found->dataset, "posta.end") && found->end.at;
}

static enum facts_kind take_generation_end(struct facts *facts, const struct members *found)
{
    static const char suffix[] = "-end";
    uint64_t offset;
    struct json_span lost = {.at = NULL}, left_out = {.at = NULL};
    facts->proof = (struct json_span) {.at = NULL};
    if (!found->id.at || found->id.type != JSON_STRING ||
        found->id.len != ID_LEN + sizeof suffix + 1 || !is_id(found->id.at + 1, ID_LEN) ||
        !read_number(found->offset, &offset) || offset != offset_in(found->id.at + 1) ||
        !find_member(found->end, "lost_bytes", &lost) || !read_number(lost, &facts->lost) ||
        !find_member(found->end, "left_out_bytes", &left_out) ||
        !read_number(left_out, &facts->left_out) || facts->left_out > offset ||
        !find_member(found->end, "proof", &facts->proof) || facts->proof.type != JSON_STRING)
        return FACTS_BAD;
    facts->range = (struct range) {.from = offset - facts->left_out, .to = offset};
    memcpy(facts->key, found->id.at + 1, EVENT_KEY_LEN);
    return FACTS_END;
}

/* ---- lines ---- */

static enum facts_kind take_line(struct facts *facts, const struct delivered *event,
                                 const struct members *found, bool infers)
{
    uint64_t said;
    const char *id = choose_id(event, found);
    if (!id || (!event->id && !found->offset.at))
        return event->id ? FACTS_BAD : FACTS_OTHER;
    uint64_t offset = offset_in(id);
    memcpy(facts->key, id, EVENT_KEY_LEN);
    facts->left_out = 0;
    if (event->id)
        return take_end(facts, event, offset);
    if (!read_number(found->offset, &said) || said != offset)
        return FACTS_BAD;
    infer_end(facts, found, offset, infers);
    return FACTS_OK;
}

enum facts_kind facts_read(struct facts *facts, const struct delivered *event, bool infers)
{
    struct json_span root;
    struct members found;
    struct err err;
    bool is_event = !event->is_text && json_check(event->json, event->len, &root, &err) == 0 &&
                    root.type == JSON_OBJECT;
    if (!is_event && !(event->is_text && event->id))
        return event->id ? FACTS_BAD : FACTS_OTHER;
    find_members(is_event ? root : (struct json_span) {.at = NULL}, &found);
    facts->key[EVENT_KEY_LEN] = '\0';
    buf_clear(&facts->path);
    if (found.path.at && found.path.type == JSON_STRING)
        json_text(found.path, &facts->path);
    return is_end(&found) ? take_generation_end(facts, &found)
                          : take_line(facts, event, &found, infers);
}

void facts_free(struct facts *facts)
{
    buf_free(&facts->path);
    buf_free(&facts->text);
}
