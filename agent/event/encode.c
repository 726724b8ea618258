/* encode.c: one line → one event, by copying prebuilt parts around the escaped message.
 *
 * {"@timestamp":T,"@metadata":{"beat","type":"_doc","version","_id":K+offset},"event":{"id":K+offset},
 *  "message":M,"log":{"offset":N,"file":{"path","device_id","inode"}[,"flags":["truncated"]]},
 *  "input":{"type"},"ecs":{"version"},"host":{"name"},"agent":{..}[,"tags":[..]][,"fields":{..}]}
 *
 * Between `"message":"` and the end only the two ids' last ten digits, the escaped line and the offset differ from line
 * to line; the time is that of the read, formatted once a millisecond. Field names and types: Beats' filestream.
 * The id is the source's key (see source_key) and the offset in ten hex digits: unique and the same at every replay,
 * for files up to 1 TiB.
 */
#include "event.h"

#include <posta/json.h>
#include <posta/loop.h>

#include <stdio.h>
#include <sys/sysmacros.h>
#include <time.h>

#define ECS_VERSION "8.0.0"
enum { OFFSET_DIGITS = 10 };

static void format_stamp(struct encoder *enc, int64_t wall_ns)
{
    int64_t ms = wall_ns / NS_PER_MS;
    if (ms == enc->stamp_ms)
        return;
    time_t seconds = (time_t)(ms / 1000);
    struct tm tm;
    gmtime_r(&seconds, &tm);
    size_t used = strftime(enc->stamp, sizeof enc->stamp, "%Y-%m-%dT%H:%M:%S", &tm);
    snprintf(enc->stamp + used, sizeof enc->stamp - used, ".%03dZ", (int)(ms % 1000));
    enc->stamp_ms = ms;
}

static size_t put_id(struct buf *head, const char *before, const char *key)
{
    buf_puts(head, before);
    buf_puts(head, key);
    size_t at = head->len;
    buf_append(head, "0000000000", OFFSET_DIGITS);
    return at;
}

static void make_head(struct encoder *enc, const struct event_agent *agent, const char *key)
{
    struct buf *head = &enc->head;
    buf_clear(head);
    buf_printf(head, "{\"@timestamp\":\"%s\",\"@metadata\":{\"beat\":", enc->stamp);
    json_string(head, agent->beat);
    buf_puts(head, ",\"type\":\"_doc\",\"version\":");
    json_string(head, agent->version);
    enc->id_at[0] = put_id(head, ",\"_id\":\"", key);
    enc->id_at[1] = put_id(head, "\"},\"event\":{\"id\":\"", key);
    buf_puts(head, "\"},\"message\":\"");
}

static void put_member(struct buf *out, const char *before, const char *text)
{
    buf_puts(out, before);
    json_string(out, text);
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
    put_member(tail, "},\"ecs\":{\"version\":", ECS_VERSION);
    put_member(tail, "},\"host\":{\"name\":", agent->name);
    put_member(tail, "},\"agent\":{\"name\":", agent->name);
    put_member(tail, ",\"type\":", agent->beat);
    put_member(tail, ",\"version\":", agent->version);
    put_member(tail, ",\"id\":", agent->id);
    put_member(tail, ",\"ephemeral_id\":", agent->ephemeral_id);
    buf_puts(tail, *input->extra ? "}," : "}");
    buf_puts(tail, input->extra);
    buf_putc(tail, '}');
}

void encoder_begin(struct encoder *enc, const struct event_agent *agent,
                   const struct event_input *input, const struct source *src, int64_t read_ns)
{
    char key[SOURCE_KEY_LEN + 1];
    source_key(src, key);
    format_stamp(enc, read_ns);
    make_head(enc, agent, key);
    make_tail(enc, agent, input, src);
    enc->limit_bytes = input->limit_bytes;
}

static void put_offset_digits(char *at, uint64_t offset)
{
    for (int i = OFFSET_DIGITS - 1; i >= 0; i--, offset >>= 4)
        at[i] = "0123456789abcdef"[offset & 15];
}

bool encoder_line(struct encoder *enc, const char *text, size_t len, uint64_t offset, bool is_cut,
                  struct buf *out)
{
    if (len > enc->limit_bytes) {
        len = enc->limit_bytes;
        is_cut = true;
    }
    buf_clear(out);
    buf_append(out, enc->head.data, enc->head.len);
    put_offset_digits(out->data + enc->id_at[0], offset);
    put_offset_digits(out->data + enc->id_at[1], offset);
    json_escape(out, text, len);
    buf_puts(out, "\",\"log\":{");
    if (is_cut)
        buf_puts(out, "\"flags\":[\"truncated\"],");
    buf_puts(out, "\"offset\":");
    buf_put_u64(out, offset);
    buf_append(out, enc->tail.data, enc->tail.len);
    return is_cut;
}

void encoder_free(struct encoder *enc)
{
    buf_free(&enc->head);
    buf_free(&enc->tail);
}
