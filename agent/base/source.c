/* source.c: identity of a log file and the key made from it; see source.h. */
#include <posta/bytes.h>
#include <posta/intern.h>
#include <posta/loop.h>
#include <posta/source.h>

#include <stdio.h>
#include <stdlib.h>

const char *end_proof_name(enum end_proof proof)
{
    static const char *const names[] = {
        [END_LEASE] = "lease",       [END_ASSUMED] = "assumed", [END_TRUNCATED] = "truncated",
        [END_VANISHED] = "vanished", [END_COPIED] = "copied",
    };
    return proof >= END_LEASE && proof <= END_COPIED ? names[proof] : "unknown";
}

bool file_id_equal(const struct file_id *a, const struct file_id *b)
{
    if (a->ino != b->ino || a->btime_ns != b->btime_ns || a->handle_len != b->handle_len)
        return false;
    if (a->handle_len == 0)
        return a->dev == b->dev;
    return a->handle_type == b->handle_type && memcmp(a->handle, b->handle, a->handle_len) == 0;
}

void source_remember_tail(struct source *src, const void *bytes, size_t len)
{
    size_t units = (len < TAIL_MAX_BYTES ? len : TAIL_MAX_BYTES) / TAIL_UNIT;
    const uint8_t *end = (const uint8_t *)bytes + len;
    src->tail_units = (uint8_t)units;
    src->tail_crc = units ? crc32c(0, end - units * TAIL_UNIT, units * TAIL_UNIT) : 0;
}

bool source_remembers(const struct source *src, const void *bytes)
{
    const uint8_t *end = (const uint8_t *)bytes + source_memory(src);
    size_t tail = (size_t)src->tail_units * TAIL_UNIT;
    return memcmp(end - src->anchor_len, src->anchor, src->anchor_len) == 0 &&
           (tail == 0 || crc32c(0, end - tail, tail) == src->tail_crc);
}

void source_key(const struct source *src, char key[static SOURCE_KEY_LEN + 1])
{
    const struct file_id *id = &src->id;
    unsigned char bytes[HANDLE_BYTES + 28];
    put_u64(bytes, id->ino);
    put_u64(bytes + 8, (uint64_t)id->btime_ns);
    put_u32(bytes + 16, src->epoch);
    /* without handle and birth time only the moment of discovery tells a reused inode from the old one */
    put_u64(bytes + 20, id->handle_len || id->btime_ns ? 0 : (uint64_t)src->first_seen_ns);
    memcpy(bytes + 28, id->handle, id->handle_len);
    int64_t born_ns = id->btime_ns ? id->btime_ns : src->first_seen_ns;
    const uint64_t born_mask = (UINT64_C(1) << 44) - 1, hash_mask = (UINT64_C(1) << 36) - 1;
    uint64_t hash = hash64(bytes, 28u + id->handle_len);
    snprintf(key, SOURCE_KEY_LEN + 1, "%011llx%09llx",
             (unsigned long long)((uint64_t)(born_ns / NS_PER_MS) & born_mask),
             (unsigned long long)((hash ^ hash >> 36) & hash_mask));
}

void source_free(struct source *src)
{
    if (!src)
        return;
    intern_free(src->path);
    intern_free(src->input);
    free(src);
}

struct source *source_copy(const struct source *src)
{
    struct source *copy = mem_alloc(sizeof *copy);
    *copy = *src;
    copy->path = intern(src->path);
    copy->input = intern(src->input);
    copy->file = NULL;
    copy->kept = NULL;
    copy->unnoted = 0;
    copy->prev = copy->next = NULL;
    return copy;
}
