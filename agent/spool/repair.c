/* repair.c: what does not verify in a spool is taken out of its segments, while no posta runs; see inspect.h.
 *
 * Happy path: a damaged segment is copied without what is damaged, synced; the old file gets a second name in bad/; the copy
 * takes its name. A header that is damaged is made again: its salt follows from the checksum of a record. Segments
 * under each other's names change them.
 * Failure modes: killed anywhere, each name is a whole file, the old or the new one, and the next run goes on; no bytes are
 * deleted. A file that is nothing of this spool is left to the next start, which moves it to bad/.
 * On close: nothing.
 */
#include "bad.h"
#include "inspect.h"
#include "store.h"

#include <posta/bytes.h>
#include <posta/fs.h>

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

struct repair {
    const char *dir;
    bool is_dry;
    struct repair_report *report;
    uint64_t damaged_bytes; /* of the segment at hand */
};

static void say(const struct repair *rep, const char *fmt, ...) PRINTF_LIKE(2, 3);
static void say(const struct repair *rep, const char *fmt, ...)
{
    char text[512];
    va_list args;
    va_start(args, fmt);
    vsnprintf(text, sizeof text, fmt, args);
    va_end(args);
    rep->report->say(rep->report->arg, text);
}

static const char *file_name(const char *path)
{
    return strrchr(path, '/') + 1;
}

/* ---- the old file stays ---- */

/* Give it a second name in bad/, where it has none from a run before. */
static int keep_in_bad(const struct repair *rep, const char *path, struct err *err)
{
    char *bad = bad_folder(rep->dir);
    char *to = mem_printf("%s/%s", bad, file_name(path));
    int rc = fs_make_dirs(bad, 0700, err);
    for (int n = 1; rc == 0 && (rc = fs_link(path, to, err)) < 0 && err->sys_errno == EEXIST; n++) {
        free(to);
        to = mem_printf("%s/%s.%d", bad, file_name(path), n);
        rc = 0;
    }
    if (rc == 0)
        rc = fs_sync_dir(bad, err);
    free(bad);
    free(to);
    return rc;
}

/* ---- a copy without what is damaged ---- */

static void note_damage(void *arg, struct segment *seg, uint64_t from, uint64_t to,
                        const char *what)
{
    struct repair *rep = arg;
    rep->damaged_bytes += to - from;
    say(rep, "%016llx: bytes %llu to %llu are left out: %s", (unsigned long long)seg->no,
        (unsigned long long)from, (unsigned long long)to, what);
}

/* Read seg from its first record on; with fresh, write what is whole there. */
static int copy_records(struct repair *rep, int in, struct segment *seg, int out,
                        struct segment *fresh, struct err *err)
{
    const struct scan_watch watch = {.damaged = note_damage, .arg = rep};
    struct scan scan = SCAN_INIT;
    struct record rec;
    const uint8_t *payload;
    scan.fd = in;
    scan.seg = seg;
    scan.at = SEGMENT_HEADER_BYTES;
    scan.watch = out < 0 ? &watch : NULL;
    int rc;
    while ((rc = scan_next(&scan, &rec, &payload, err)) > 0) {
        if (out >= 0 && (rc = store_write_record(out, fresh, &rec, payload, err)) < 0)
            break;
        if (out < 0) /* only looking */
            continue;
        rep->report->records += rec.type != REC_CHECKPOINT;
        rep->report->bytes += rec.type == REC_DATA ? rec.payload_len : 0;
    }
    scan.fd = -1; /* the caller's */
    scan_close(&scan);
    return rc;
}

static int write_copy(struct repair *rep, int in, struct segment *seg, const char *path,
                      struct err *err)
{
    uint8_t head[SEGMENT_HEADER_BYTES];
    struct segment fresh = *seg;
    int out = fs_open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600, err);
    if (out < 0)
        return -1;
    segment_pack_header(seg, head);
    fresh.size = sizeof head;
    int rc = fs_pwrite(out, head, sizeof head, 0, err) ||
                     copy_records(rep, in, seg, out, &fresh, err) || fs_sync(out, err)
                 ? -1
                 : 0;
    (void)fs_close(out); /* synced */
    return rc;
}

static int rewrite(struct repair *rep, int in, struct segment *seg, struct err *err)
{
    char *path = segment_path(rep->dir, seg), *temp = mem_printf("%s.new", path);
    int rc = write_copy(rep, in, seg, temp, err) || keep_in_bad(rep, path, err) ||
                     fs_rename(temp, path, err) || fs_sync_dir(rep->dir, err)
                 ? -1
                 : 0;
    if (rc)
        err_wrap(err, "rewrite %s", path);
    free(path);
    free(temp);
    return rc;
}

/* seg's header is known; rewrite it where something in it, or its header, does not verify. */
static int mend(struct repair *rep, struct segment *seg, bool has_header, struct err *err)
{
    char *path = segment_path(rep->dir, seg);
    int in = fs_open(path, O_RDONLY, 0, err);
    int rc = in < 0 ? -1 : 0;
    rep->damaged_bytes = 0;
    if (rc == 0)
        rc = copy_records(rep, in, seg, -1, NULL, err);
    if (rc == 0 && (rep->damaged_bytes || !has_header)) {
        rep->report->rewritten++;
        rep->report->headers += !has_header;
        rep->report->damaged_bytes += rep->damaged_bytes;
        if (!rep->is_dry && (rc = rewrite(rep, in, seg, err)) == 0)
            say(rep, "%s: rewritten, the old one is bad/%s", file_name(path), file_name(path));
    }
    (void)fs_close(in); /* read-only */
    free(path);
    return rc;
}

/* ---- a header made again ---- */

/* The salt that gives head its checksum. The checksum is linear in the salt: 32 equations over bits, each row's high half is
 * what a bit of the salt changes in it, the low half which bits. */
static uint32_t find_salt(const uint8_t *head)
{
    uint32_t base = crc32c(0, head, 60), left = base ^ get_u32(head + 60), salt = 0;
    uint64_t rows[32];
    for (int i = 0; i < 32; i++)
        rows[i] = (uint64_t)(crc32c(1u << i, head, 60) ^ base) << 32 | 1u << i;
    for (int bit = 31, used = 0; bit >= 0; bit--) {
        int at = used;
        while (at < 32 && !(rows[at] >> (32 + bit) & 1))
            at++;
        if (at == 32)
            continue;
        uint64_t pivot = rows[at];
        rows[at] = rows[used];
        rows[used++] = pivot;
        for (int i = used; i < 32; i++)
            if (rows[i] >> (32 + bit) & 1)
                rows[i] ^= pivot;
        if (left >> bit & 1) {
            left ^= (uint32_t)(pivot >> 32);
            salt ^= (uint32_t)pivot;
        }
    }
    return salt;
}

/* Is there a whole record with a payload at `at`, by any salt? Its payload's checksum is the proof. */
static bool is_record(int fd, struct segment *seg, uint64_t at, const uint8_t *head,
                      struct record *rec)
{
    struct err ignored; /* then it is none */
    seg->salt = find_salt(head);
    if (!record_unpack(head, seg->salt, rec) || rec->payload_len == 0 ||
        at + RECORD_HEADER_BYTES + rec->payload_len > seg->size)
        return false;
    uint8_t *payload = mem_alloc(rec->payload_len);
    bool is_whole = fs_pread(fd, payload, rec->payload_len, at + RECORD_HEADER_BYTES, &ignored) ==
                        (ssize_t)rec->payload_len &&
                    crc32c(0, payload, rec->payload_len) == rec->payload_crc;
    free(payload);
    return is_whole;
}

/* Fill in salt and base_seq by the first record that is whole. */
static bool find_header(int fd, struct segment *seg)
{
    uint8_t head[RECORD_HEADER_BYTES];
    struct record rec;
    struct err ignored; /* then it is left as it is */
    for (uint64_t at = SEGMENT_HEADER_BYTES; at + sizeof head <= seg->size; at += RECORD_ALIGN) {
        if (fs_pread(fd, head, sizeof head, at, &ignored) != (ssize_t)sizeof head)
            return false;
        if (memcmp(head, "rec1", 4) == 0 && is_record(fd, seg, at, head, &rec)) {
            seg->base_seq = rec.seq;
            return true;
        }
    }
    return false;
}

static bool has_uuid(const struct look *look)
{
    return look->first || look->slots > 0;
}

static int mend_header(struct repair *rep, const struct look *look, struct look_reject *rej,
                       struct err *err)
{
    struct segment seg = rej->seg;
    char *path = segment_path(rep->dir, &seg);
    int fd = fs_open(path, O_RDONLY, 0, err);
    int rc = fd < 0 ? -1 : 0;
    bool is_found = rc == 0 && has_uuid(look) && find_header(fd, &seg);
    (void)fs_close(fd); /* read-only */
    if (is_found) {
        memcpy(seg.uuid, look->uuid, UUID_BYTES);
        say(rep, "%s: %s; it is made again", file_name(path), rej->why);
        rc = mend(rep, &seg, false /* no header */, err);
    } else if (rc == 0) {
        say(rep, "%s: %s; nothing in it is whole, the next start moves it to bad/", file_name(path),
            rej->why);
    }
    free(path);
    return rc;
}

/* ---- files under a wrong name ---- */

/* Its header is whole, of this spool, and of another number: then that. */
static bool own_number(const struct look *look, const struct look_reject *rej, uint64_t *no)
{
    uint8_t head[SEGMENT_HEADER_BYTES];
    struct err ignored; /* then it has none */
    char *path = segment_path(look->dir, &rej->seg);
    int fd = fs_open(path, O_RDONLY, 0, &ignored);
    bool is_whole = fd >= 0 && fs_pread(fd, head, sizeof head, 0, &ignored) == sizeof head &&
                    get_u32(head + 60) == crc32c(0, head, 60) && memcmp(head, "postaspl", 8) == 0 &&
                    get_u32(head + 8) == SEGMENT_VERSION &&
                    memcmp(head + 16, look->uuid, UUID_BYTES) == 0;
    (void)fs_close(fd); /* read-only */
    free(path);
    *no = is_whole ? get_u64(head + 32) : 0;
    return is_whole && *no != rej->seg.no;
}

static const struct look_reject *reject_of(const struct look *look, uint64_t no)
{
    const struct look_reject *rej = look->rejects;
    while (rej && rej->seg.no != no)
        rej = rej->next;
    return rej;
}

static bool is_good(const struct look *look, uint64_t no)
{
    const struct segment *seg = look->first;
    while (seg && seg->no != no)
        seg = seg->next;
    return seg != NULL;
}

/* Give one file its own name; the one that has it, if any, takes this one's. 1 = done, 0 = not this one. */
static int rename_one(struct repair *rep, const struct look *look, const struct look_reject *rej,
                      struct err *err)
{
    struct segment target = rej->seg;
    if (!has_uuid(look) || !own_number(look, rej, &target.no) || is_good(look, target.no))
        return 0;
    const struct look_reject *other = reject_of(look, target.no);
    if (other)
        target.is_open = other->seg.is_open;
    char *from = segment_path(rep->dir, &rej->seg), *to = segment_path(rep->dir, &target);
    say(rep, "%s: it is %s, and gets that name%s", file_name(from), file_name(to),
        other ? "; the other one takes this one's" : "");
    int rc = rep->is_dry ? 0 : other ? fs_exchange(from, to, err) : fs_rename(from, to, err);
    if (rc == 0 && !rep->is_dry)
        rc = fs_sync_dir(rep->dir, err);
    free(from);
    free(to);
    return rc ? -1 : 1;
}

/* One after the other: each that is done has its own name for good. */
static int rename_all(struct repair *rep, struct look *look, struct err *err)
{
    char *dir = mem_dup(look->dir);
    int rc = 0;
    for (const struct look_reject *rej = look->rejects; rej;) {
        rc = rename_one(rep, look, rej, err);
        rej = rej->next;
        if (rc < 0)
            break;
        if (rc == 0 || rep->is_dry)
            continue;
        look_close(look);
        if ((rc = look_open(look, dir, err)))
            break;
        rej = look->rejects;
    }
    free(dir);
    return rc < 0 ? -1 : 0;
}

/* ---- all together ---- */

int repair_segments(const char *dir, bool is_dry, struct repair_report *report, struct err *err)
{
    struct repair rep = {.dir = dir, .is_dry = is_dry, .report = report};
    struct look look;
    if (look_open(&look, dir, err))
        return -1;
    int rc = rename_all(&rep, &look, err);
    for (struct segment *seg = look.first; seg && rc == 0; seg = seg->next)
        rc = mend(&rep, seg, true /* has a header */, err);
    for (struct look_reject *rej = look.rejects; rej && rc == 0; rej = rej->next) {
        uint64_t no;
        if (!own_number(&look, rej, &no) && strcmp(rej->why, "is of another spool") != 0)
            rc = mend_header(&rep, &look, rej, err);
    }
    look_close(&look);
    return rc;
}
