/* encode.c: one line → one event, by copying prebuilt parts around the escaped message.
 *
 * {"@timestamp":T,"@metadata":{"beat","type":"_doc","version","_id":K+offset},"event":{"id":K+offset},
 *  "message":M,"log":{"offset":N,"file":{"path","device_id","inode"}[,"flags":["truncated"]]},
 *  "input":{"type"},"ecs":{"version"},"host":{"name",..},"agent":{..}[,"tags":[..]][,"fields":{..}]
 *  [,"kubernetes":{..},"container":{..}]}
 *
 * Between `"message":"` and the end only the two ids' last twelve digits, the escaped line and the offset differ from line
 * to line; the time is that of the read, formatted once a millisecond. Field names and types: Beats' filestream.
 * The id is the source's key (see source_key) and the offset in twelve hex digits: unique and the same at every replay,
 * for files up to 256 TiB (a reclaimed log keeps its growing offsets).
 */
#include "event.h"

#include <posta/json.h>
#include <posta/loop.h>

#include <endian.h>
#include <stdio.h>
#include <sys/sysmacros.h>

enum { BETWEEN_MAX = 64 }; /* message and tail */
enum { OFFSET_DIGITS = 12, STAMP_LEN = TIME_TEXT_BYTES - 1, STAMP_AT = 15 };

static size_t put_id(struct buf *head, const char *before, const char *key)
{
    buf_puts(head, before);
    buf_puts(head, key);
    size_t at = head->len;
    buf_append(head, "000000000000", OFFSET_DIGITS);
    return at;
}

static void make_head(struct encoder *enc, const struct event_agent *agent, const char *key)
{
    struct buf *head = &enc->head;
    buf_clear(head);
    buf_printf(head, "{\"@timestamp\":\"%s\",\"@metadata\":{\"beat\":", enc->read.text);
    json_string(head, agent->beat);
    buf_puts(head, ",\"type\":\"_doc\",\"version\":");
    json_string(head, agent->version);
    enc->id_at[0] = put_id(head, ",\"_id\":\"", key);
    enc->id_at[1] = put_id(head, "\"},\"event\":{\"id\":\"", key);
    buf_putc(head, '"');
    enc->event_at = head->len;
    buf_puts(head, "},\"message\":\"");
}

static void put_member(struct buf *out, const char *before, const char *text)
{
    buf_puts(out, before);
    json_string(out, text);
}

void event_put_agent(const struct event_agent *agent, const char *beat, const char *host,
                     struct buf *out)
{
    put_member(out, "\"ecs\":{\"version\":", ECS_VERSION);
    put_member(out, "},\"host\":{\"name\":", agent->name);
    if (host && *host)
        buf_printf(out, ",%s", host);
    put_member(out, "},\"agent\":{\"name\":", agent->name);
    put_member(out, ",\"type\":", beat);
    put_member(out, ",\"version\":", agent->version);
    put_member(out, ",\"id\":", agent->id);
    put_member(out, ",\"ephemeral_id\":", agent->ephemeral_id);
    buf_putc(out, '}');
}

static void put_members(struct buf *out, const char *members)
{
    if (members && *members)
        buf_printf(out, ",%s", members);
}

static void make_tail(struct encoder *enc, const struct event_agent *agent,
                      const struct event_input *input, const struct source *src)
{
    struct buf *tail = &enc->tail;
    buf_clear(tail);
    put_member(tail, ",\"file\":{\"path\":", src->path);
    buf_printf(tail, ",\"device_id\":\"%llu\",\"inode\":\"%llu\"}},\"input\":{\"type\":",
               (unsigned long long)src->id.dev, (unsigned long long)src->id.ino);
    json_string(tail, input->type);
    buf_puts(tail, "},");
    event_put_agent(agent, agent->beat, enc->more.host, tail);
    put_members(tail, input->extra);
    put_members(tail, enc->more.root);
    buf_putc(tail, '}');
}

void encoder_begin(struct encoder *enc, const struct event_agent *agent,
                   const struct event_input *input, const struct source *src, int64_t read_ns)
{
    char key[SOURCE_KEY_LEN + 1];
    source_key(src, key);
    time_stamp_set(&enc->read, read_ns / NS_PER_MS);
    make_head(enc, agent, key);
    make_tail(enc, agent, input, src);
    enc->limit_bytes = input->limit_bytes;
}

/* Eight digits at once: a byte for each four bits, then '0' or 'a' - 10 is added to each. */
static void put_hex8(char *at, uint32_t value)
{
    const uint64_t ones = 0x0101010101010101;
    uint64_t v = ((uint64_t)value << 16 | value) & 0x0000ffff0000ffff;
    v = (v << 8 | v) & 0x00ff00ff00ff00ff;
    v = (v << 4 | v) & ones * 0x0f;
    uint64_t letters = (v + ones * 6) >> 4 & ones;
    v = htobe64(v + ones * '0' + letters * ('a' - 10 - '0'));
    memcpy(at, &v, sizeof v);
}

static void put_hex(char at[static OFFSET_DIGITS], uint64_t offset)
{
    put_hex8(at + OFFSET_DIGITS - 8, (uint32_t)offset);
    put_hex8(at, (uint32_t)(offset >> 16)); /* four of them once more */
}

/* In both ids. */
static void put_offset_digits(const struct encoder *enc, char *head, uint64_t offset)
{
    char *at = head + enc->id_at[0];
    put_hex(at, offset);
    memcpy(head + enc->id_at[1], at, OFFSET_DIGITS);
}

void encoder_id(const struct encoder *enc, uint64_t offset, char *id)
{
    memcpy(id, enc->head.data + enc->id_at[0] - SOURCE_KEY_LEN, SOURCE_KEY_LEN);
    put_hex(id + SOURCE_KEY_LEN, offset);
}

size_t encoder_room(const struct encoder *enc, size_t len)
{
    len = len < enc->limit_bytes ? len : enc->limit_bytes;
    return enc->head.len + 6 * len + JSON_SLACK + enc->tail.len + BETWEEN_MAX;
}

char *encoder_line_at(const struct encoder *enc, const char *text, size_t len, uint64_t offset,
                      bool *is_cut, char *to)
{
    char *head = to;
    if (len > enc->limit_bytes) {
        len = enc->limit_bytes;
        *is_cut = true;
    }
    to = mempcpy(head, enc->head.data, enc->head.len);
    put_offset_digits(enc, head, offset);
    to = json_escape_at(to, text, len);
    to = stpcpy(to, *is_cut ? "\",\"log\":{\"flags\":[\"truncated\"],\"offset\":"
                            : "\",\"log\":{\"offset\":");
    to = put_digits(to, offset);
    return mempcpy(to, enc->tail.data, enc->tail.len);
}

bool encoder_line(const struct encoder *enc, const char *text, size_t len, uint64_t offset,
                  bool is_cut, struct buf *out)
{
    buf_clear(out);
    buf_reserve(out, encoder_room(enc, len));
    char *end = encoder_line_at(enc, text, len, offset, &is_cut, out->data);
    out->len = (size_t)(end - out->data);
    return is_cut;
}

/* ---- records ---- */

static void put_event(struct encoder *enc, const struct record *rec, bool has_time, struct buf *out)
{
    const struct buf *members = &rec->fields->event;
    if (has_time) {
        buf_puts(out, ",\"created\":\"");
        buf_append(out, enc->read.text, STAMP_LEN);
        buf_putc(out, '"');
    }
    if (members->len) {
        buf_putc(out, ',');
        buf_append(out, members->data, members->len);
    }
    buf_puts(out, "},");
}

static void put_error(const struct fields *fields, struct buf *out)
{
    if (!fields->error.len)
        return;
    buf_puts(out, "\"error\":{\"message\":\"");
    json_escape(out, fields->error.data, fields->error.len);
    buf_putc(out, '"');
    if (fields->error_type)
        put_member(out, ",\"type\":", fields->error_type);
    buf_puts(out, "},");
}

static void put_log(const struct record *rec, bool is_cut, struct buf *out)
{
    static const char *const flags[] = {"", "\"flags\":[\"multiline\"],",
                                        "\"flags\":[\"truncated\"],",
                                        "\"flags\":[\"multiline\",\"truncated\"],"};
    const struct buf *members = &rec->fields->log;
    buf_puts(out, "\"log\":{");
    buf_puts(out, flags[(rec->flags & RECORD_MULTILINE ? 1 : 0) + (is_cut ? 2 : 0)]);
    buf_puts(out, "\"offset\":");
    buf_put_u64(out, rec->offset);
    if (members->len) {
        buf_putc(out, ',');
        buf_append(out, members->data, members->len);
    }
}

static void put_rest(struct encoder *enc, const struct fields *fields, struct buf *out)
{
    buf_append(out, enc->tail.data, enc->tail.len);
    if (!fields->root.len)
        return;
    out->data[out->len - 1] = ',';
    buf_append(out, fields->root.data, fields->root.len);
    buf_putc(out, '}');
}

/* @metadata._id is the document's own. */
static void replace_id(struct encoder *enc, const struct buf *id, struct buf *out)
{
    size_t begin = enc->id_at[0] - SOURCE_KEY_LEN, end = enc->id_at[0] + OFFSET_DIGITS;
    struct buf rest = BUF_INIT;
    buf_append(&rest, out->data + end, out->len - end);
    out->len = begin;
    json_escape(out, id->data, id->len);
    buf_append(out, rest.data, rest.len);
    buf_free(&rest);
}

static void merge(struct encoder *enc, const struct record *rec, struct buf *out)
{
    if (rec->fields->id.len)
        replace_id(enc, &rec->fields->id, out);
    if (!enc->merger)
        enc->merger = merger_new();
    if (rec->fields->json.len)
        merger_merge(enc->merger, out, &rec->fields->json, rec->flags & RECORD_OVERWRITE,
                     !(rec->flags & RECORD_NO_MESSAGE));
}

bool encoder_record(struct encoder *enc, const struct record *rec, struct buf *out)
{
    bool has_time = rec->time_ms > 0 && rec->time_ms <= TIME_TEXT_LAST_MS;
    bool is_cut = (rec->flags & RECORD_TRUNCATED) || rec->len > enc->limit_bytes;
    buf_clear(out);
    buf_append(out, enc->head.data, enc->event_at);
    put_offset_digits(enc, out->data, rec->offset);
    if (has_time) {
        time_stamp_set(&enc->line, rec->time_ms);
        memcpy(out->data + STAMP_AT, enc->line.text, STAMP_LEN);
    }
    put_event(enc, rec, has_time, out);
    if (!(rec->flags & RECORD_NO_MESSAGE)) {
        buf_puts(out, "\"message\":\"");
        json_escape(out, rec->text, rec->len < enc->limit_bytes ? rec->len : enc->limit_bytes);
        buf_puts(out, "\",");
    }
    put_error(rec->fields, out);
    put_log(rec, is_cut, out);
    put_rest(enc, rec->fields, out);
    if (rec->fields->json.len || rec->fields->id.len)
        merge(enc, rec, out);
    return is_cut;
}

void encoder_free(struct encoder *enc)
{
    merger_free(enc->merger);
    enc->merger = NULL;
    buf_free(&enc->head);
    buf_free(&enc->tail);
}
