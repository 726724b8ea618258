/* suspect.c: files put aside until it is known whether they are copies of what is followed (copytruncate and gzip make
 * such); what they are compared with is in copy.c.
 *
 * Happy path: a new file is younger than the log whose name its own begins with, or is compressed: it is put aside, looked
 * at in each pass, and then passed over, followed from its beginning, or followed from where its source was read to.
 * Failure modes: the spool is full: it stays aside. Its folder goes: it is let go.
 * On close: descriptors are closed; the next start puts them aside again.
 */
#include "suspect.h"

#include <posta/fs.h>
#include <posta/intern.h>
#include <posta/log.h>

#include <stdlib.h>

#define LOOK_FIRST_NS (50 * NS_PER_MS)
#define LOOK_LAST_NS  (5 * NS_PER_S)
enum { BUDGET_BYTES = 1024 * 1024 };

/* ---- whose copy it may be ---- */

static const char *with_log(struct tail *tail, char *path)
{
    const struct log *log = log_find(tail, path);
    return log && log->n_sources > 0 ? intern(path) : NULL;
}

/* The log with the longest name that this one's begins with: access.log of access.log.1.gz. */
static const char *origin_of(struct tail *tail, const struct dir *dir, const char *name,
                             const struct claim *claim)
{
    const char *own = claim->is_sibling ? claim->log : name;
    char *path = mem_printf("%s/%s", dir->path, own);
    size_t dir_len = strlen(dir->path) + 1;
    const char *origin = claim->is_sibling ? with_log(tail, path) : NULL;
    for (size_t len = strlen(path); !claim->is_sibling && len > dir_len && !origin; len--) {
        if (path[len] != '.' && path[len] != '-')
            continue;
        path[len] = '\0';
        origin = with_log(tail, path);
    }
    free(path);
    return origin;
}

/* ---- the list ---- */

struct suspect *suspect_by_id(const struct tail *tail, const struct file_id *id)
{
    for (size_t i = 0; i < tail->suspects.n; i++) {
        struct suspect *sus = tail->suspects.at[i];
        if (file_id_equal(&sus->id, id))
            return sus;
    }
    return NULL;
}

static struct suspect *put_aside(struct tail *tail, struct dir *dir, const char *name,
                                 const struct claim *claim, const struct file_id *id, int fd)
{
    struct suspect *sus = mem_zero(1, sizeof *sus);
    sus->dir = dir;
    sus->name = mem_dup(name);
    sus->claim = *claim;
    sus->id = *id;
    sus->fd = fd;
    list_put(&tail->suspects, sus);
    tail->suspect_wait_ns = 0;
    lost_note_refused(tail, dir, name); /* whatever becomes of it, it is not lost */
    return sus;
}

struct suspect *suspect_of(struct tail *tail, struct dir *dir, const char *name,
                           const struct claim *claim, int fd, const char *path)
{
    struct file_id id;
    struct err ignored; /* asked by the caller before */
    if (file_id_of(fd, &id, &ignored))
        return NULL;
    struct suspect *sus = put_aside(tail, dir, name, claim, &id, fd);
    sus->path = intern(path);
    return sus;
}

void suspect_free(struct tail *tail, struct suspect *sus)
{
    list_drop(&tail->suspects, sus);
    (void)fs_close(sus->fd); /* read-only; -1 = followed now */
    gzip_free(sus->gzip);
    intern_free(sus->path);
    free(sus->traces);
    free(sus->name);
    free(sus);
}

void suspects_free(struct tail *tail)
{
    while (tail->suspects.n)
        suspect_free(tail, tail->suspects.at[0]);
    list_free(&tail->suspects);
}

void suspects_leave_dir(struct tail *tail, const struct dir *dir)
{
    for (size_t i = tail->suspects.n; i-- > 0;) {
        struct suspect *sus = tail->suspects.at[i];
        if (sus->dir == dir)
            suspect_free(tail, sus);
    }
}

bool log_has_suspects(const struct tail *tail, const struct log *log)
{
    for (size_t i = 0; i < tail->suspects.n; i++) {
        const struct suspect *sus = tail->suspects.at[i];
        if (sus->gzip && !sus->is_checked && sus->path == log->path)
            return true;
    }
    return false;
}

bool suspect_is_of(const struct suspect *sus, const struct file *file)
{
    size_t len = file->name ? strlen(file->name) : 0;
    return len > 0 && strncmp(sus->name, file->name, len) == 0 &&
           strcmp(sus->name + len, ".gz") == 0;
}

bool file_awaits_suspect(const struct tail *tail, const struct file *file)
{
    bool may_wait = false, is_cut = !is_intact(file); /* then only the copy has the rest */
    for (size_t i = 0; i < tail->suspects.n && !may_wait; i++) {
        const struct suspect *sus = tail->suspects.at[i];
        may_wait = sus->gzip && !sus->is_checked && !sus->waits_for_rest &&
                   (!sus->is_written || is_cut) && sus->path == file->log->path &&
                   !suspect_is_of(sus, file);
    }
    return may_wait && (!file->is_rotated || is_cut);
}

/* ---- putting aside ---- */

static bool is_younger_than_its_log(const char *log_path, const struct file_id *id)
{
    int64_t log_born_ns = log_path ? birth_of(log_path) : -1;
    return id->btime_ns > 0 && log_born_ns >= 0 && log_born_ns < id->btime_ns;
}

/* A compressed one from before posta's time is not even looked into. */
static bool is_too_old(const struct tail *tail, const char *path, const struct claim *claim,
                       int64_t mtime_ns)
{
    const struct log *log = path ? log_find(tail, path) : NULL;
    return claim->is_sibling && (!log || mtime_ns <= log->first_born_ns);
}

enum suspicion suspect_new(struct tail *tail, struct dir *dir, const char *name,
                           const struct claim *claim, const struct file_id *id,
                           const struct stat *st, int fd)
{
    struct suspect *sus = suspect_by_id(tail, id);
    if (sus) {
        free(sus->name);
        sus->name = mem_dup(name); /* it was renamed meanwhile */
        sus->dir = dir;
        return SUSPECT_LEAVE;
    }
    enum content content = content_of(claim->input->conf, name, fd);
    bool is_gzip = content == CONTENT_GZIP;
    if (content == CONTENT_FOREIGN)
        return lost_note_refused(tail, dir, name), SUSPECT_LEAVE;
    int64_t mtime_ns = st->st_mtim.tv_sec * NS_PER_S + st->st_mtim.tv_nsec;
    const char *origin = origin_of(tail, dir, name, claim);
    bool is_one = is_gzip || (!claim->is_sibling && is_younger_than_its_log(origin, id)) ||
                  is_copy_of_cut(tail, origin, id, fd);
    if (!is_one || (is_gzip && is_too_old(tail, origin, claim, mtime_ns))) {
        intern_free(origin);
        return is_gzip || (claim->is_sibling && gzip_is_name(name)) ? SUSPECT_LEAVE : SUSPECT_NOT;
    }
    sus = put_aside(tail, dir, name, claim, id, fd);
    sus->path = origin;
    sus->mtime_ns = mtime_ns;
    sus->gzip = is_gzip ? gzip_new() : NULL;
    loop_defer(tail->loop, &tail->work);
    return SUSPECT_TAKEN;
}

/* ---- what becomes of them ---- */

static struct source prototype(const struct suspect *sus, const char *path, uint64_t offset)
{
    return (struct source) {
        .id = sus->id, .path = path, .input = sus->claim.input->conf->id, .offset = offset};
}

static void take_memory(struct source *proto, const struct source *from)
{
    proto->anchor_len = from->anchor_len;
    memcpy(proto->anchor, from->anchor, from->anchor_len);
    proto->tail_units = from->tail_units;
    proto->tail_crc = from->tail_crc;
}

/* So that it is known again when it is compressed. */
static void remember_end(const struct suspect *sus, struct source *proto)
{
    uint8_t bytes[TAIL_MAX_BYTES];
    struct err ignored; /* then it is not */
    size_t len = proto->offset < sizeof bytes ? (size_t)proto->offset : sizeof bytes;
    if (sus->gzip || fs_pread(sus->fd, bytes, len, proto->offset - len, &ignored) != (ssize_t)len)
        return;
    proto->anchor_len = (uint8_t)(len < ANCHOR_BYTES ? len : ANCHOR_BYTES);
    memcpy(proto->anchor, bytes + len - proto->anchor_len, proto->anchor_len);
    source_remember_tail(proto, bytes, len);
}

static const char *path_of_lines(const struct suspect *sus, char *own)
{
    return sus->path && (sus->claim.is_sibling || sus->match) ? sus->path : own;
}

bool suspect_pass_over(struct tail *tail, struct suspect *sus, uint64_t size)
{
    char *own = mem_printf("%s/%s", sus->dir->path, sus->name);
    struct source proto = prototype(sus, sus->path ? sus->path : own, size), *src;
    struct err err;
    remember_end(sus, &proto);
    bool is_kept = source_add(tail, &proto, &src, &err) == 0;
    free(own);
    if (!is_kept)
        return (void)read_refused(tail, &err), false;
    src->scan_no = sus->dir->scan_no;
    if (tail->sink.end(tail->sink.arg, src, END_COPIED, 0, &err))
        (void)read_refused(tail, &err); /* it is looked at once more after a restart */
    log_info("tail", "%s/%s is a copy of %s: its lines are not delivered again", sus->dir->path,
             sus->name, sus->path ? sus->path : "what was read");
    suspect_free(tail, sus);
    return true;
}

/* Its lines come before those of files that were born later. */
static void put_in_order(struct file *file, int64_t order_ns)
{
    struct file *younger = file->log->oldest;
    while (younger && (younger == file || source_born_ns(younger->src) <= order_ns))
        younger = younger->younger;
    if (younger)
        file_put_before(file, younger);
}

static bool is_old(const struct suspect *sus)
{
    int64_t limit_ns = sus->claim.input->conf->ignore_older_ns;
    return limit_ns > 0 && clock_wall_ns() - sus->mtime_ns > limit_ns;
}

struct file *suspect_follow(struct tail *tail, struct suspect *sus, uint64_t from, int64_t order_ns)
{
    char *own = mem_printf("%s/%s", sus->dir->path, sus->name);
    struct source proto = prototype(sus, path_of_lines(sus, own), from);
    struct gzip *gzip = sus->gzip ? gzip_new() : NULL; /* from the beginning again */
    if (sus->match && from > 0)
        take_memory(&proto, &sus->match->src);
    bool is_taken = take_in_new(tail, sus->dir, sus->name, &sus->claim, sus->fd, gzip, &proto);
    free(own);
    if (!is_taken)
        return gzip_free(gzip), NULL;
    struct source *src = tail->sink.by_id(tail->sink.arg, &sus->id);
    struct file *file = src->file;
    put_in_order(file, order_ns);
    if (!file_has_its_name(file))
        file_displace(tail, file);
    sus->fd = -1;
    suspect_free(tail, sus);
    return file;
}

static bool follow_rest(struct tail *tail, struct suspect *sus)
{
    const struct trace *match = sus->match;
    uint64_t n_bytes = sus->checked - match->src.offset;
    struct source *src = source_by_no(tail, match->src.no);
    struct err err;
    if (src && !(src->flags & SOURCE_ENDED) &&
        tail->sink.end(tail->sink.arg, src, END_COPIED, 0, &err))
        return (void)read_refused(tail, &err), false;
    log_info("tail",
             "%s/%s has the last %llu bytes of %s, which were not read before it was compressed",
             sus->dir->path, sus->name, (unsigned long long)n_bytes, sus->path);
    if (!suspect_follow(tail, sus, match->src.offset, match->born_ns))
        return false;
    tail->stats.bytes_recovered += n_bytes;
    return true;
}

static bool follow_own(struct tail *tail, struct suspect *sus)
{
    if (sus->gzip && is_old(sus))
        return suspect_pass_over(tail, sus, 0);
    return suspect_follow(tail, sus, 0, sus->gzip ? sus->mtime_ns : INT64_MAX) != NULL;
}

static void look_at(struct tail *tail, struct suspect *sus)
{
    switch (suspect_compare(tail, sus, BUDGET_BYTES)) {
    case IS_OWN:
        (void)follow_own(tail, sus); /* else at the next look */
        break;
    case IS_COPY:
        (void)suspect_pass_over(tail, sus, sus->checked);
        break;
    case IS_REST:
        (void)follow_rest(tail, sus);
        break;
    case UNDECIDED:
        break;
    }
}

/* Nothing can come of an empty one before it grows, and that is told. */
static bool is_empty(const struct suspect *sus)
{
    struct stat st;
    return !sus->gzip && fstat(sus->fd, &st) == 0 && st.st_size == 0;
}

/* One whose bytes are being looked at goes on at once; the others wait for what is told, and for the clock ever longer. */
int64_t suspects_look(struct tail *tail)
{
    bool is_busy = false, is_waiting = false;
    for (size_t i = tail->suspects.n; i-- > 0 && !tail->is_blocked;) {
        struct suspect *sus = tail->suspects.at[i];
        uint64_t before = sus->checked;
        size_t n = tail->suspects.n;
        look_at(tail, sus);
        bool is_still_there = tail->suspects.n == n;
        is_busy |= !is_still_there || sus->checked != before; /* followed: to be read */
        is_waiting |= is_still_there && !is_empty(sus);
    }
    bool is_news = is_busy || tail->suspect_wait_ns == 0;
    int64_t longer_ns =
        2 * tail->suspect_wait_ns < LOOK_LAST_NS ? 2 * tail->suspect_wait_ns : LOOK_LAST_NS;
    tail->suspect_wait_ns = is_news ? LOOK_FIRST_NS : longer_ns;
    if (is_busy)
        return 0;
    return is_waiting || tail->is_blocked ? tail->suspect_wait_ns : -1;
}
