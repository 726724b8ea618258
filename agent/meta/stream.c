/* stream.c: what the API server answers: pages of a list, and the events of a watch, one JSON object a line.
 *
 * Happy path: ADDED and MODIFIED put a pod, DELETED marks one, each with the resourceVersion to go on with; so does BOOKMARK.
 * Failure modes: ERROR with 410: what was asked for is forgotten there, everything is to be listed again. A line that is no event: the
 * stream is not to be believed, the owner begins anew. A line that is too long: it is passed over, and the pod stays as it was.
 */
#include "meta.h"

#include <stdio.h>
#include <string.h>

static void copy_text(struct json_span value, char *into, size_t room)
{
    struct buf text = BUF_INIT;
    json_text(value, &text);
    snprintf(into, room, "%s", buf_str(&text));
    buf_free(&text);
}

/* A version that is longer than they are is none. */
static bool take_version(struct json_span object, char *into, size_t room)
{
    struct json_span meta, version;
    if (!json_member(object, "metadata", JSON_OBJECT, &meta) ||
        !json_member(meta, "resourceVersion", JSON_STRING, &version) || version.len - 2 >= room)
        return false;
    copy_text(version, into, room);
    return true;
}

/* ---- events ---- */

static void take_error(struct stream *stream, struct json_span status)
{
    struct json_span code, message;
    stream->has_failed = true;
    snprintf(stream->said, sizeof stream->said, "an error without a message");
    if (json_member(status, "message", JSON_STRING, &message))
        copy_text(message, stream->said, sizeof stream->said);
    stream->is_gone = json_member(status, "code", JSON_NUMBER, &code) && code.len == 3 &&
                      memcmp(code.at, "410", 3) == 0;
}

static void take_gone(struct stream *stream, struct json_span object, int64_t now_ns)
{
    struct pod *pod = pod_read(object, stream->rules);
    if (!pod)
        return;
    char uid[128];
    snprintf(uid, sizeof uid, "%s", pod->uid);
    pods_put(stream->pods, pod); /* its last state is told too */
    pods_gone(stream->pods, uid, now_ns);
}

static void take_event(struct stream *stream, struct json_span type, struct json_span object,
                       int64_t now_ns)
{
    bool is_there = json_equals(type, "ADDED") || json_equals(type, "MODIFIED");
    stream->n_events++;
    if (json_equals(type, "ERROR")) {
        take_error(stream, object);
        return;
    }
    struct pod *pod = is_there ? pod_read(object, stream->rules) : NULL;
    if (pod)
        pods_put(stream->pods, pod);
    if (json_equals(type, "DELETED"))
        take_gone(stream, object, now_ns);
    (void)take_version(object, stream->version, sizeof stream->version); /* else the one before */
}

static void take_line(struct stream *stream, int64_t now_ns)
{
    struct json_span event, type, object;
    struct err err;
    if (stream->line.len == 0)
        return;
    if (json_check(stream->line.data, stream->line.len, &event, &err) ||
        event.type != JSON_OBJECT || !json_member(event, "type", JSON_STRING, &type) ||
        !json_member(event, "object", JSON_OBJECT, &object)) {
        stream->has_failed = true;
        snprintf(stream->said, sizeof stream->said, "a line that is no event");
        return;
    }
    take_event(stream, type, object, now_ns);
}

/* ---- lines ---- */

void stream_begin(struct stream *stream)
{
    buf_clear(&stream->line);
    stream->is_skipping = stream->is_gone = stream->has_failed = false;
    stream->said[0] = '\0';
}

void stream_free(struct stream *stream)
{
    buf_free(&stream->line);
}

static void add_part(struct stream *stream, const char *bytes, size_t len)
{
    if (!stream->is_skipping && stream->line.len + len > STREAM_LINE_MAX) {
        stream->is_skipping = true;
        stream->n_skipped++;
        buf_free(&stream->line);
    }
    if (!stream->is_skipping)
        buf_append(&stream->line, bytes, len);
}

void stream_take(struct stream *stream, const char *bytes, size_t len, int64_t now_ns)
{
    while (len > 0 && !stream->has_failed) {
        const char *end = memchr(bytes, '\n', len);
        size_t part = end ? (size_t)(end - bytes) : len;
        add_part(stream, bytes, part);
        if (!end)
            return;
        if (!stream->is_skipping)
            take_line(stream, now_ns);
        stream->is_skipping = false;
        buf_clear(&stream->line);
        bytes = end + 1;
        len -= part + 1;
    }
}

/* ---- lists ---- */

static int find_items(struct json_span list, struct json_span *items)
{
    return list.type == JSON_OBJECT && json_member(list, "items", JSON_ARRAY, items) ? 0 : -1;
}

static void take_next(struct json_span list, struct buf *next)
{
    struct json_span meta, token;
    buf_clear(next);
    if (json_member(list, "metadata", JSON_OBJECT, &meta) &&
        json_member(meta, "continue", JSON_STRING, &token))
        json_text(token, next);
}

int list_read(const char *body, size_t len, struct pods *pods, const struct kube_rules *rules,
              struct list_page *page, struct err *err)
{
    struct json_span list, items, item;
    if (json_check(body, len, &list, err))
        return err_wrap(err, "the list of pods");
    if (find_items(list, &items))
        return err_set(err, ERR_CORRUPT, "the list of pods: it has no items");
    if (!take_version(list, page->version, sizeof page->version))
        return err_set(err, ERR_CORRUPT, "the list of pods: it has no resourceVersion");
    take_next(list, &page->next);
    struct json_walk walk = json_items(items);
    while (json_next_item(&walk, &item)) {
        struct pod *pod = pod_read(item, rules);
        if (pod)
            pods_put(pods, pod);
    }
    return 0;
}
