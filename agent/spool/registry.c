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
 *       55    1  tail length t, in units of 16 bytes; 0 = not known (before 0.2.0 always)
 *       56    2  path length p
 *       58    2  input id length i
 *       60    4  CRC-32C of the t * 16 bytes before the offset
 *       64       handle (h), anchor (a), path (p), input id (i)
 *
 * SOURCE: one packed source. CHECKPOINT: 4 bytes count, 4 bytes next number, then the sources.
 */
#include "registry.h"

#include "account.h"
#include "replay.h"

#include <posta/bytes.h>
#include <posta/intern.h>

#include <stdlib.h>

enum { PACKED_FIXED_BYTES = 64, TEXT_MAX = 65535 };

/* ---- in memory ---- */

static bool has_no(const void *item, const void *no)
{
    return ((const struct source *)item)->no == *(const uint32_t *)no;
}

struct source *registry_by_no(const struct registry *reg, uint32_t no)
{
    return table_find(&reg->by_no, no, has_no, &no);
}

struct search {
    const struct file_id *id;
    bool by_birth_only;
    struct source **newest;
};

static bool is_born_alike(const struct file_id *a, const struct file_id *b)
{
    return a->ino == b->ino && (!a->btime_ns || !b->btime_ns || a->btime_ns == b->btime_ns);
}

/* Says no to all, so that all are looked at. */
static bool note_newest(const void *item, const void *key)
{
    const struct search *search = key;
    struct source *src = (struct source *)(uintptr_t)item;
    if (src->flags & SOURCE_HEALED)
        return false;
    bool is_one = search->by_birth_only ? is_born_alike(&src->id, search->id)
                                        : file_id_equal(&src->id, search->id);
    if (is_one && (!*search->newest || (*search->newest)->no < src->no))
        *search->newest = src;
    return false;
}

static struct source *find_newest(const struct registry *reg, const struct file_id *id,
                                  bool by_birth_only)
{
    struct source *newest = NULL;
    const struct search search = {id, by_birth_only, &newest};
    table_find(&reg->by_id, file_id_hash(id), note_newest, &search);
    return newest;
}

struct source *registry_by_id(const struct registry *reg, const struct file_id *id)
{
    return find_newest(reg, id, false /* all of the identity */);
}

struct source *registry_by_birth(const struct registry *reg, uint64_t ino, int64_t btime_ns)
{
    const struct file_id id = {.ino = ino, .btime_ns = btime_ns};
    return find_newest(reg, &id, true);
}

void registry_take(struct registry *reg, struct source *src)
{
    if (src->prev)
        src->prev->next = src->next;
    else
        reg->first = src->next;
    if (src->next)
        src->next->prev = src->prev;
    src->prev = src->next = NULL;
    table_drop(&reg->by_no, src->no, src);
    table_drop(&reg->by_id, file_id_hash(&src->id), src);
}

void registry_drop(struct registry *reg, struct source *src)
{
    registry_take(reg, src);
    source_free(src);
}

static void link_first(struct registry *reg, struct source *src)
{
    src->prev = NULL;
    src->next = reg->first;
    if (src->next)
        src->next->prev = src;
    reg->first = src;
}

void registry_put(struct registry *reg, struct source *src)
{
    struct source *old = registry_by_no(reg, src->no);
    if (old)
        registry_drop(reg, old);
    link_first(reg, src);
    table_put(&reg->by_no, src->no, src);
    table_put(&reg->by_id, file_id_hash(&src->id), src);
    if (src->no >= reg->next_no)
        reg->next_no = src->no + 1;
}

void registry_clear(struct registry *reg)
{
    for (struct source *src = reg->first, *next; src; src = next) {
        next = src->next;
        source_free(src);
    }
    reg->first = NULL;
    table_free(&reg->by_no);
    table_free(&reg->by_id);
}

/* ---- positions ---- */

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
    if (from != src->offset || len != to - from || (chunk_flags & CHUNK_LOST))
        src->anchor_len = 0;
    keep_anchor(src, bytes, len);
    source_remember_tail(src, bytes, len);
    if (chunk_flags & CHUNK_RESUMED) { /* what was left out ends with this, in most logs */
        src->anchor[0] = '\n';
        src->anchor_len = chunk_flags & CHUNK_OTHER_END ? 0 : 1;
    }
    src->offset = to;
    bool is_skipping = (chunk_flags & CHUNK_SKIPPED) && !(chunk_flags & CHUNK_RESUMED);
    bool is_open_line = (chunk_flags & CHUNK_CUT) || (is_skipping && !(chunk_flags & CHUNK_LOST));
    src->flags = (uint8_t)((src->flags & ~(SOURCE_SKIPPING | SOURCE_ENDED)) |
                           (is_open_line ? SOURCE_SKIPPING : 0));
}

void registry_apply(struct registry *reg, const struct record *rec, const uint8_t *payload)
{
    const uint8_t *at = payload;
    struct source *src = registry_by_no(reg, rec->source_no);
    if (rec->type == REC_SOURCE && (src = source_unpack(&at, payload + rec->payload_len)))
        registry_put(reg, src);
    else if (rec->type == REC_DATA && src)
        source_advance(src, rec->from, rec->to, rec->flags, payload, rec->payload_len);
    else if (rec->type == REC_END && src)
        src->flags |= SOURCE_ENDED;
}

/* ---- on disk ---- */

static uint16_t text_len(const char *text)
{
    size_t len = strlen(text);
    return (uint16_t)(len > TEXT_MAX ? TEXT_MAX : len);
}

/* What was dropped and not noted counts as not read: of what is before that, no bytes are remembered. */
void source_pack(const struct source *src, struct buf *out)
{
    uint8_t head[PACKED_FIXED_BYTES] = {0};
    const uint8_t anchor_len = src->unnoted ? 0 : src->anchor_len;
    put_u32(head, src->no);
    put_u32(head + 4, src->epoch);
    put_u64(head + 8, src->offset - src->unnoted);
    put_u64(head + 16, src->id.dev);
    put_u64(head + 24, src->id.ino);
    put_u64(head + 32, (uint64_t)src->id.btime_ns);
    put_u64(head + 40, (uint64_t)src->first_seen_ns);
    put_u32(head + 48, (uint32_t)src->id.handle_type);
    head[52] = src->id.handle_len;
    head[53] = anchor_len;
    head[54] = src->flags;
    head[55] = src->unnoted ? 0 : src->tail_units;
    put_u32(head + 60, src->tail_crc);
    put_u16(head + 56, text_len(src->path));
    put_u16(head + 58, text_len(src->input));
    buf_append(out, head, sizeof head);
    buf_append(out, src->id.handle, src->id.handle_len);
    buf_append(out, src->anchor, anchor_len);
    buf_append(out, src->path, text_len(src->path));
    buf_append(out, src->input, text_len(src->input));
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
    src->tail_units = head[55];
    src->tail_crc = get_u32(head + 60);
    src->read_to = READ_TO_UNKNOWN;
}

/* Of the packed source at head; 0 if it does not fit. */
static size_t packed_size(const uint8_t *head, const uint8_t *end)
{
    if (end - head < PACKED_FIXED_BYTES || head[52] > HANDLE_BYTES || head[53] > ANCHOR_BYTES)
        return 0;
    size_t size =
        (size_t)PACKED_FIXED_BYTES + head[52] + head[53] + get_u16(head + 56) + get_u16(head + 58);
    return (size_t)(end - head) < size ? 0 : size;
}

struct source *source_unpack(const uint8_t **at, const uint8_t *end)
{
    const uint8_t *head = *at;
    size_t size = packed_size(head, end);
    if (size == 0)
        return NULL;
    struct source *src = mem_zero(1, sizeof *src);
    unpack_fixed(head, src);
    const uint8_t *anchor = head + PACKED_FIXED_BYTES + src->id.handle_len;
    const char *path = (const char *)anchor + src->anchor_len, *input = path + get_u16(head + 56);
    memcpy(src->id.handle, head + PACKED_FIXED_BYTES, src->id.handle_len);
    memcpy(src->anchor, anchor, src->anchor_len);
    src->path = intern_n(path, get_u16(head + 56));
    src->input = intern_n(input, get_u16(head + 58));
    *at = head + size;
    return src;
}

static uint32_t pack_list(const struct registry *reg, struct buf *out)
{
    uint32_t n = 0;
    for (const struct source *src = reg->first; src; src = src->next, n++)
        source_pack(src->kept ? src->kept : src, out);
    return n;
}

void registry_pack(const struct registry *reg, const struct registry *more, struct buf *out)
{
    size_t start = out->len;
    buf_append(out, (char[8]) {0}, 8);
    uint32_t n = pack_list(reg, out);
    if (more)
        n += pack_list(more, out);
    put_u32(out->data + start, n);
    put_u32(out->data + start + 4, reg->next_no);
}

int registry_unpack(struct registry *reg, const uint8_t *bytes, size_t len,
                    bool (*is_wanted)(void *arg, uint32_t no, uint64_t offset), void *arg)
{
    registry_clear(reg);
    if (len < 8)
        return -1;
    const uint8_t *at = bytes + 8, *end = bytes + len;
    for (uint32_t left = get_u32(bytes); left > 0; left--) {
        size_t size = packed_size(at, end);
        if (size == 0)
            return -1;
        if (is_wanted && !is_wanted(arg, get_u32(at), get_u64(at + 8)))
            at += size;
        else
            registry_put(reg, source_unpack(&at, end));
    }
    if (get_u32(bytes + 4) > reg->next_no)
        reg->next_no = get_u32(bytes + 4);
    return 0;
}
