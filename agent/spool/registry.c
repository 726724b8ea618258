/* registry.c: sources in memory, and packed into SOURCE and CHECKPOINT records.
 *
 * A packed source (version 1, little-endian):
 *
 *   offset size
 *        0    4  number
 *        4    4  epoch
 *        8    8  offset
 *       16    8  device
 *       24    8  inode
 *       32    8  birth time, ns
 *       40    8  first seen, ns
 *       48    4  handle type
 *       52    1  handle length h (at most 40)
 *       53    1  anchor length a (at most 64)
 *       54    1  flags (enum source_flag)
 *       55    1  0
 *       56    2  path length p
 *       58    2  input id length i
 *       60    4  0
 *       64       handle (h), anchor (a), path (p), input id (i)
 *
 * SOURCE: one packed source. CHECKPOINT: 4 bytes count, 4 bytes next number, then the sources.
 */
#include "registry.h"

#include <posta/bytes.h>

#include <stdlib.h>

enum { PACKED_FIXED_BYTES = 64, TEXT_MAX = 65535 };

struct source *registry_by_no(const struct registry *reg, uint32_t no)
{
    struct source *src = reg->first;
    while (src && src->no != no)
        src = src->next;
    return src;
}

struct source *registry_by_id(const struct registry *reg, const struct file_id *id)
{
    struct source *src = reg->first;
    while (src && !file_id_equal(&src->id, id))
        src = src->next;
    return src;
}

void registry_drop(struct registry *reg, struct source *src)
{
    struct source **at = &reg->first;
    while (*at != src)
        at = &(*at)->next;
    *at = src->next;
    source_free(src);
}

/* Newest first, so that registry_by_id finds the newest of a file that was truncated. */
static void link_source(struct registry *reg, struct source *src)
{
    struct source **at = &reg->first;
    while (*at && (*at)->no > src->no)
        at = &(*at)->next;
    src->next = *at;
    *at = src;
    if (src->no >= reg->next_no)
        reg->next_no = src->no + 1;
}

void registry_put(struct registry *reg, struct source *src)
{
    struct source *old = registry_by_no(reg, src->no);
    if (old)
        registry_drop(reg, old);
    link_source(reg, src);
}

void registry_clear(struct registry *reg)
{
    while (reg->first)
        registry_drop(reg, reg->first);
}

static void keep_anchor(struct source *src, const uint8_t *bytes, size_t len)
{
    if (len >= ANCHOR_BYTES) {
        memcpy(src->anchor, bytes + len - ANCHOR_BYTES, ANCHOR_BYTES);
        src->anchor_len = ANCHOR_BYTES;
        return;
    }
    size_t old = src->anchor_len;
    if (old > ANCHOR_BYTES - len)
        old = ANCHOR_BYTES - len;
    memmove(src->anchor, src->anchor + src->anchor_len - old, old);
    if (len)
        memcpy(src->anchor + old, bytes, len);
    src->anchor_len = (uint8_t)(old + len);
}

void source_advance(struct source *src, uint64_t from, uint64_t to, uint8_t chunk_flags,
                    const void *bytes, size_t len)
{
    if (from != src->offset || len != to - from)
        src->anchor_len = 0;
    keep_anchor(src, bytes, len);
    if (chunk_flags & CHUNK_RESUMED) { /* what was left out ends with this */
        src->anchor[0] = '\n';
        src->anchor_len = 1;
    }
    src->offset = to;
    bool is_open_line = (chunk_flags & CHUNK_CUT) ||
                        ((chunk_flags & CHUNK_SKIPPED) && !(chunk_flags & CHUNK_RESUMED));
    src->flags = (uint8_t)((src->flags & ~(SOURCE_SKIPPING | SOURCE_ENDED)) |
                           (is_open_line ? SOURCE_SKIPPING : 0));
}

static uint16_t text_len(const char *text)
{
    size_t len = strlen(text);
    return (uint16_t)(len > TEXT_MAX ? TEXT_MAX : len);
}

void source_pack(const struct source *src, struct buf *out)
{
    uint8_t head[PACKED_FIXED_BYTES] = {0};
    put_u32(head, src->no);
    put_u32(head + 4, src->epoch);
    put_u64(head + 8, src->offset);
    put_u64(head + 16, src->id.dev);
    put_u64(head + 24, src->id.ino);
    put_u64(head + 32, (uint64_t)src->id.btime_ns);
    put_u64(head + 40, (uint64_t)src->first_seen_ns);
    put_u32(head + 48, (uint32_t)src->id.handle_type);
    head[52] = src->id.handle_len;
    head[53] = src->anchor_len;
    head[54] = src->flags;
    put_u16(head + 56, text_len(src->path));
    put_u16(head + 58, text_len(src->input));
    buf_append(out, head, sizeof head);
    buf_append(out, src->id.handle, src->id.handle_len);
    buf_append(out, src->anchor, src->anchor_len);
    buf_append(out, src->path, text_len(src->path));
    buf_append(out, src->input, text_len(src->input));
}

static char *take_text(const uint8_t **at, size_t len)
{
    char *text = mem_alloc(len + 1);
    memcpy(text, *at, len);
    text[len] = '\0';
    *at += len;
    return text;
}

static void unpack_fixed(const uint8_t *head, struct source *src)
{
    src->no = get_u32(head);
    src->epoch = get_u32(head + 4);
    src->offset = get_u64(head + 8);
    src->id.dev = get_u64(head + 16);
    src->id.ino = get_u64(head + 24);
    src->id.btime_ns = (int64_t)get_u64(head + 32);
    src->first_seen_ns = (int64_t)get_u64(head + 40);
    src->id.handle_type = (int32_t)get_u32(head + 48);
    src->id.handle_len = head[52];
    src->anchor_len = head[53];
    src->flags = head[54];
}

struct source *source_unpack(const uint8_t **at, const uint8_t *end)
{
    const uint8_t *head = *at;
    if (end - head < PACKED_FIXED_BYTES || head[52] > HANDLE_BYTES || head[53] > ANCHOR_BYTES)
        return NULL;
    size_t path_len = get_u16(head + 56), input_len = get_u16(head + 58);
    if ((size_t)(end - head) < PACKED_FIXED_BYTES + head[52] + head[53] + path_len + input_len)
        return NULL;
    struct source *src = mem_zero(1, sizeof *src);
    unpack_fixed(head, src);
    *at = head + PACKED_FIXED_BYTES;
    memcpy(src->id.handle, *at, src->id.handle_len);
    memcpy(src->anchor, *at + src->id.handle_len, src->anchor_len);
    *at += src->id.handle_len + src->anchor_len;
    src->path = take_text(at, path_len);
    src->input = take_text(at, input_len);
    return src;
}

void registry_pack(const struct registry *reg, struct buf *out)
{
    size_t start = out->len;
    uint32_t n = 0;
    buf_append(out, (char[8]) {0}, 8);
    for (const struct source *src = reg->first; src; src = src->next, n++)
        source_pack(src, out);
    put_u32(out->data + start, n);
    put_u32(out->data + start + 4, reg->next_no);
}

int registry_unpack(struct registry *reg, const uint8_t *bytes, size_t len)
{
    registry_clear(reg);
    if (len < 8)
        return -1;
    const uint8_t *at = bytes + 8, *end = bytes + len;
    for (uint32_t left = get_u32(bytes); left > 0; left--) {
        struct source *src = source_unpack(&at, end);
        if (!src)
            return -1;
        link_source(reg, src);
    }
    if (get_u32(bytes + 4) > reg->next_no)
        reg->next_no = get_u32(bytes + 4);
    return 0;
}
