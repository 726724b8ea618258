/* inspect.c: a spool looked at from outside; see inspect.h. Walking over all records: walk.c.
 *
 * Happy path: the folder is listed, each header read; the cursor's file says what is delivered, the lock's file who uses it.
 * Failure modes: a file with a bad header or of another spool is noted with the reason; one that vanishes is left out; what
 * cannot be read is an error. Nothing is written, created or locked for longer than a moment.
 * On close: memory is given back.
 */
#include "inspect.h"

#include "account.h"
#include "cursor.h"
#include "replay.h"
#include "scan.h"

#include <posta/bytes.h>
#include <posta/fs.h>

#include <stdlib.h>
#include <sys/stat.h>

/* ---- opening ---- */

static void reject(struct look *look, struct segment **at, const char *why)
{
    struct look_reject *rej = mem_zero(1, sizeof *rej), **end = &look->rejects;
    rej->seg = **at;
    rej->why = mem_dup(why);
    while (*end)
        end = &(*end)->next;
    *end = rej;
    struct segment *seg = *at;
    *at = seg->next;
    free(seg);
}

/* text: "<path>: <why>", of the name that it has. */
static void reject_bad(struct look *look, struct segment **at, const char *text)
{
    char *path = segment_path(look->dir, *at);
    size_t len = strlen(path);
    reject(look, at, strncmp(text, path, len) == 0 ? text + len + strlen(": ") : text);
    free(path);
}

static int read_headers(struct look *look, struct err *err)
{
    for (struct segment **at = &look->first; *at;) {
        int fd = segment_open(look->dir, *at, err);
        if (fd >= 0) {
            (void)fs_close(fd); /* read-only */
            at = &(*at)->next;
        } else if (err->kind == ERR_GONE) { /* delivered meanwhile */
            struct segment *seg = *at;
            *at = seg->next;
            free(seg);
        } else if (err->kind == ERR_CORRUPT) {
            reject_bad(look, at, err->text);
        } else {
            return -1;
        }
    }
    return 0;
}

static void reject_foreign(struct look *look)
{
    for (struct segment **at = &look->first; *at;)
        if (memcmp((*at)->uuid, look->uuid, UUID_BYTES) != 0)
            reject(look, at, "is of another spool");
        else
            at = &(*at)->next;
}

static bool has_segment_of(const struct look *look, const uint8_t *uuid)
{
    for (const struct segment *seg = look->first; seg; seg = seg->next)
        if (memcmp(seg->uuid, uuid, UUID_BYTES) == 0)
            return true;
    return false;
}

/* As a start does; where no segment is whole, the cursor alone says it. */
static void choose_uuid(struct look *look)
{
    bool has_one = cursor_uuid(look->dir, look->uuid);
    if (look->first && !(has_one && has_segment_of(look, look->uuid)))
        memcpy(look->uuid, look->first->uuid, UUID_BYTES);
}

static int look_at_lock(struct look *look, struct err *err)
{
    char *path = mem_printf("%s/lock", look->dir);
    int rc = fs_is_locked(path, &look->pid, err);
    free(path);
    look->is_live = rc == 1;
    return rc < 0 && err->kind != ERR_GONE && err->kind != ERR_DENIED ? -1 : 0;
}

/* A folder with nothing of a spool in it is one that was named by mistake. */
static int check_is_spool(const struct look *look, struct err *err)
{
    char *lock = mem_printf("%s/lock", look->dir), *cursor = mem_printf("%s/cursor", look->dir);
    struct stat st;
    bool is_spool = look->first || look->rejects || stat(lock, &st) == 0 || stat(cursor, &st) == 0;
    free(lock);
    free(cursor);
    return is_spool
               ? 0
               : err_set(err, ERR_CONFIG,
                         "%s is not a spool: no segments, no cursor and no lock in it", look->dir);
}

int look_open(struct look *look, const char *dir, struct err *err)
{
    *look = (struct look) {.dir = mem_dup(dir)};
    if (look_at_lock(look, err) || segment_list(dir, &look->first, err) ||
        read_headers(look, err) || check_is_spool(look, err))
        goto fail;
    choose_uuid(look);
    reject_foreign(look);
    segment_find_ends(look->first);
    look->slots = cursor_look(dir, look->uuid, &look->cursor, &look->bad_slots, err);
    if (look->slots < 0)
        goto fail;
    look->has_cursor = look->slots > 0;
    return 0;
fail:
    look_close(look);
    return -1;
}

void look_close(struct look *look)
{
    segment_free_list(look->first);
    for (struct look_reject *rej = look->rejects, *next; rej; rej = next) {
        next = rej->next;
        free(rej->why);
        free(rej);
    }
    free(look->dir);
    *look = (struct look) {0};
}

/* ---- parts of it ---- */

struct segment *look_segment(const struct look *look, uint64_t seq)
{
    struct segment *found = look->first;
    for (struct segment *seg = look->first; seg; seg = seg->next)
        if (seg->base_seq <= seq)
            found = seg;
    return found;
}

uint64_t look_waiting(const struct look *look)
{
    uint64_t oldest = look->first ? look->first->base_seq : 1, cursor = look->cursor.seq;
    bool has_lost_first = look->first && look->rejects && look->rejects->seg.no < look->first->no;
    return cursor > oldest || (cursor && has_lost_first) ? cursor : oldest;
}

/* The first record, if it is a whole checkpoint: 1, 0, or -1. */
static int read_checkpoint(struct scan *scan, struct record *rec, const uint8_t **payload,
                           struct err *err)
{
    int rc = scan_next(scan, rec, payload, err);
    return rc <= 0 ? rc : rec->type == REC_CHECKPOINT;
}

int look_begun(const struct look *look, struct segment *seg, int64_t *time_ns, struct err *err)
{
    struct scan scan = SCAN_INIT;
    struct record rec;
    const uint8_t *payload;
    *time_ns = 0;
    if (scan_open(&scan, look->dir, seg, NULL, err))
        return err->kind == ERR_GONE ? 0 : -1;
    int rc = read_checkpoint(&scan, &rec, &payload, err);
    scan_close(&scan);
    if (rc > 0)
        *time_ns = rec.time_ns;
    return rc < 0 ? -1 : 0;
}

/* Apply the records of seg before `seq`. With needs_checkpoint, only if it begins with one: 1, else 0. */
static int roll(struct look *look, struct segment *seg, uint64_t seq, bool needs_checkpoint,
                struct registry *sources, struct err *err)
{
    struct scan scan = SCAN_INIT;
    struct record rec;
    const uint8_t *payload;
    if (scan_open(&scan, look->dir, seg, NULL, err))
        return err->kind == ERR_GONE || err->kind == ERR_CORRUPT ? 0 : -1;
    int rc = read_checkpoint(&scan, &rec, &payload, err);
    if (rc > 0 && needs_checkpoint)
        rc = registry_unpack(sources, payload, rec.payload_len, NULL, NULL) == 0;
    if (rc == 0 && !needs_checkpoint)
        rc = 1;
    if (rc > 0 && look->end_seq < seg->base_seq)
        look->end_seq = seg->base_seq;
    bool did = rc > 0;
    while (rc > 0 && (rc = scan_next(&scan, &rec, &payload, err)) > 0 && rec.seq < seq) {
        if (rec.seq >= seg->end_seq)
            continue;
        registry_apply(sources, &rec, payload);
        look->end_seq = rec.seq + 1;
    }
    scan_close(&scan);
    return rc < 0 ? -1 : did;
}

static struct segment *before(const struct look *look, const struct segment *seg)
{
    struct segment *prev = NULL;
    for (struct segment *at = look->first; at != seg; at = at->next)
        prev = at;
    return prev;
}

int look_sources(struct look *look, uint64_t seq, struct registry *sources, struct err *err)
{
    struct segment *last = look_segment(look, seq), *seg = last;
    uint64_t known_end = look->end_seq;
    for (int rc; seg; seg = before(look, seg)) {
        if ((rc = roll(look, seg, seq, true /* needs a checkpoint */, sources, err)) < 0)
            return -1;
        if (rc > 0)
            break;
    }
    for (; seg && seg != last; seg = seg->next)
        if (roll(look, seg->next, seq, false /* any */, sources, err) < 0)
            return -1;
    if (seq != UINT64_MAX)
        look->end_seq = known_end;
    return 0;
}
