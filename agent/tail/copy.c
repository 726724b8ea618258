/* copy.c: is a new file a copy of what is followed?
 *
 * Happy path: a plain one is compared with the log of which it may be a copy as both grow: at the first byte that differs it
 * is a log of its own. If it ends where it agrees, it is a copy, and is passed over once all of it was read from the
 * log itself. A compressed one is read through: where it has the last bytes of a known source before that source's
 * position, it is what that source became; what is behind is the rest that was not read.
 * Failure modes: somebody still writes to it: asked again. The log was cut meanwhile: heir.c finds the copy when it does.
 * On close: nothing.
 */
#include "suspect.h"

#include <posta/fs.h>

#include <stdlib.h>

#define REST_NS (2 * NS_PER_S)
enum { COMPARE_BYTES = 32 * 1024 };

bool has_memory(int fd, const struct source *src)
{
    uint8_t found[TAIL_MAX_BYTES];
    struct err ignored; /* what cannot be read agrees with nothing */
    size_t len = source_memory(src);
    if (len == 0 || src->offset < len)
        return false;
    return fs_pread(fd, found, len, src->offset - len, &ignored) == (ssize_t)len &&
           source_remembers(src, found);
}

bool is_at_rest(int fd)
{
    struct stat st;
    enum lease_answer answer = lease_ask(fd);
    if (answer != LEASE_UNABLE || fstat(fd, &st) < 0)
        return answer == LEASE_NO_WRITER;
    return clock_wall_ns() - (st.st_mtim.tv_sec * NS_PER_S + st.st_mtim.tv_nsec) > REST_NS;
}

struct file *log_current(const struct log *log)
{
    struct file *file = log->oldest;
    while (file && file->is_rotated)
        file = file->younger;
    return file;
}

bool is_intact(const struct file *file)
{
    const struct source *src = file->src;
    struct stat st;
    if (source_memory(src) > 0)
        return has_memory(file->fd, src);
    return fstat(file->fd, &st) == 0 && (uint64_t)st.st_size >= src->offset;
}

/* A file of the log was cut, and this has what was read of it: heir.c takes it when it reads that one, which may have lost
 * its name meanwhile. */
bool is_copy_of_cut(const struct tail *tail, const char *log_path, const struct file_id *id, int fd)
{
    const struct log *log = log_path ? log_find(tail, log_path) : NULL;
    for (const struct file *file = log ? log->oldest : NULL; file; file = file->younger) {
        const struct source *src = file->src;
        if (!file->gzip && src->id.btime_ns < id->btime_ns && has_memory(fd, src) &&
            !is_intact(file))
            return true;
    }
    return false;
}

/* ---- plain ---- */

/* 1 = all that both have agrees up to *at, 0 = a byte differs, -1 = cannot be read now. */
static int agree_from(int a, int b, uint64_t *at, size_t budget_bytes)
{
    static char left[COMPARE_BYTES], right[COMPARE_BYTES];
    struct err ignored; /* asked again */
    for (size_t done = 0; done < budget_bytes;) {
        ssize_t n = fs_pread(a, left, COMPARE_BYTES, *at, &ignored);
        ssize_t m = n > 0 ? fs_pread(b, right, (size_t)n, *at, &ignored) : n;
        size_t both = (size_t)(m < n ? m : n);
        if (n < 0 || m < 0)
            return -1;
        if (memcmp(left, right, both) != 0)
            return 0;
        *at += both;
        done += both;
        if (both < COMPARE_BYTES)
            break;
    }
    return 1;
}

static enum verdict_on compare_plain(struct tail *tail, struct suspect *sus, size_t budget_bytes)
{
    struct log *log = log_find(tail, sus->path);
    struct file *current = log ? log_current(log) : NULL;
    struct stat st, of;
    if (is_copy_of_cut(tail, sus->path, &sus->id, sus->fd))
        return UNDECIDED; /* that one is read first */
    if (!current)
        return IS_OWN; /* there is nothing it could be a copy of */
    if (!is_intact(current)) {
        file_mark_ready(tail, current); /* cut: heir.c looks at this one when it reads that */
        return UNDECIDED;
    }
    int agree = agree_from(sus->fd, current->fd, &sus->checked, budget_bytes);
    if (agree < 0 || fstat(sus->fd, &st) < 0 || fstat(current->fd, &of) < 0)
        return UNDECIDED;
    bool is_longer = st.st_size > of.st_size && sus->checked >= (uint64_t)of.st_size;
    if (agree == 0 || is_longer)
        return is_intact(current) ? IS_OWN : UNDECIDED;
    if (st.st_size == 0 && st.st_nlink == 0)
        return IS_COPY; /* of nothing */
    if (st.st_size == 0 || sus->checked < (uint64_t)st.st_size || !is_at_rest(sus->fd))
        return UNDECIDED;
    if (current->src->offset < (uint64_t)st.st_size)
        return file_mark_ready(tail, current), UNDECIDED;
    bool is_sure = sus->is_compared_again;
    if (!is_sure) /* it may have been cut and filled before it was read up to here */
        sus->checked = 0;
    sus->is_compared_again = true;
    return is_sure ? IS_COPY : UNDECIDED;
}

/* ---- compressed ---- */

static int look_for_trace(struct suspect *sus, const struct trace *trace, struct err *err)
{
    uint8_t found[TAIL_MAX_BYTES];
    size_t len = source_memory(&trace->src);
    ssize_t n = gzip_pread(sus->gzip, sus->fd, found, len, trace->src.offset - len, err);
    if (n < 0)
        return -1;
    if (n == (ssize_t)len && source_remembers(&trace->src, found))
        sus->match = trace;
    return 0;
}

/* Move on through the content, past the traces on the way; is_checked at its end. */
static int look_through(struct suspect *sus, size_t budget_bytes)
{
    static char block[COMPARE_BYTES];
    struct err ignored; /* asked again */
    uint64_t until = sus->checked + budget_bytes;
    while (sus->at_trace < sus->n_traces && sus->traces[sus->at_trace].src.offset <= until)
        if (look_for_trace(sus, &sus->traces[sus->at_trace++], &ignored))
            return -1;
    while (sus->checked < until && !sus->is_checked) {
        ssize_t n = gzip_pread(sus->gzip, sus->fd, block, sizeof block, sus->checked, &ignored);
        if (n < 0)
            return -1;
        sus->checked += (uint64_t)n;
        sus->is_checked = n < (ssize_t)sizeof block;
    }
    return 0;
}

struct source *source_by_no(struct tail *tail, uint32_t no)
{
    struct source *src = tail->sink.sources(tail->sink.arg);
    while (src && src->no != no)
        src = src->next;
    return src;
}

/* Last written to after posta began to follow the log, and while it was not running: a generation that it never saw plain.
 * (gzip keeps the time of what it compressed.) */
static bool is_missed(const struct tail *tail, const struct suspect *sus)
{
    const struct log *log = sus->path ? log_find(tail, sus->path) : NULL;
    return !sus->claim.is_sibling ||
           (log && log->n_sources > 0 && sus->mtime_ns > log->first_born_ns &&
            sus->mtime_ns < tail->watching_since_ns);
}

static bool waits(const struct tail *tail, const struct file *file)
{
    for (const struct file *older = file->log->oldest; older != file; older = older->younger)
        if (file_awaits_suspect(tail, older))
            return true;
    return file_awaits_suspect(tail, file);
}

/* What was compressed is read still, under its name or without one. */
static bool is_original_read(const struct tail *tail, const struct suspect *sus, bool may_wait)
{
    for (size_t i = 0; i < tail->ready.n; i++) {
        const struct file *file = tail->ready.at[i];
        if ((file->is_rotated || suspect_is_of(sus, file)) && !file->gzip &&
            (may_wait || !waits(tail, file)))
            return true;
    }
    return false;
}

static bool has_rest(const struct file *file)
{
    return !file->gzip && !file->is_ended && file->seen_bytes > file->src->offset;
}

/* What was compressed may be open still, removed or about to be: its last line, which no newline ends, is read when no writer is
 * left. Nobody else waits for that. */
static bool is_rest_awaited(struct tail *tail, const struct suspect *sus)
{
    char *name = mem_printf("%.*s", (int)(strlen(sus->name) - 3), sus->name); /* without .gz */
    const struct file *original =
        gzip_is_name(sus->name) ? file_by_name(tail, sus->dir, name) : NULL;
    bool is_awaited = original && has_rest(original);
    free(name);
    for (size_t i = 0; i < tail->timed.n && !is_awaited; i++) {
        const struct file *file = tail->timed.at[i];
        is_awaited = file->dir == sus->dir && has_rest(file) && !file_has_its_name(file);
    }
    return is_awaited;
}

/* What was cut waited for this one: it may be of what was written since. */
static bool must_look_again(const struct tail *tail, struct suspect *sus)
{
    bool is_read = is_original_read(tail, sus, true /* for others */);
    if (!is_read && sus->is_stale)
        suspect_look_again(sus);
    sus->is_stale = is_read;
    return is_read || !sus->is_checked;
}

static enum verdict_on judge_gzip(struct tail *tail, struct suspect *sus)
{
    if (!sus->match && must_look_again(tail, sus))
        return UNDECIDED;
    if (!sus->match)
        return is_missed(tail, sus) ? IS_OWN : IS_COPY;
    struct source *src = source_by_no(tail, sus->match->src.no);
    struct file *file = src ? src->file : NULL;
    if (file && !file->gzip && src->offset == sus->match->src.offset && !is_intact(file))
        return file_mark_ready(tail, file), UNDECIDED; /* cut: heir.c takes the rest from here */
    if (file || sus->checked <= sus->match->src.offset)
        return IS_COPY;
    return IS_REST;
}

static enum verdict_on compare_gzip(struct tail *tail, struct suspect *sus, size_t budget_bytes)
{
    sus->is_written = !sus->is_checked && !is_at_rest(sus->fd);
    if (sus->is_written ||
        (!sus->is_checked && is_original_read(tail, sus, false /* for this one */)))
        return UNDECIDED;
    sus->waits_for_rest = !sus->is_checked && is_rest_awaited(tail, sus);
    if (sus->waits_for_rest)
        return UNDECIDED;
    if (!sus->has_traces)
        suspect_take_traces(tail, sus);
    if (!sus->is_checked && look_through(sus, budget_bytes))
        return UNDECIDED;
    return sus->is_checked ? judge_gzip(tail, sus) : UNDECIDED;
}

enum verdict_on suspect_compare(struct tail *tail, struct suspect *sus, size_t budget_bytes)
{
    return sus->gzip ? compare_gzip(tail, sus, budget_bytes)
                     : compare_plain(tail, sus, budget_bytes);
}
