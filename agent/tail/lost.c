/* lost.c: generations that somebody else's rotation took away before they could be opened.
 *
 * The kernel tells of each file that comes to have a log's name; each that is opened is taken off again. What is missing was
 * lost whole; its number is exact, its size can only be estimated from the generation that was read last.
 * Happy path: nothing is missing whenever things are quiet; nothing is looked at.
 * Failure modes: events may be ahead of what is opened, or behind: the doubt is looked at again each second; as long as
 * files go on being born, those born since the last look do not count yet. Events were dropped: counting begins anew, and it is
 * said that the number is not known.
 * On close: nothing.
 */
#include "follow.h"

#include <posta/log.h>

#include <stdlib.h>

#define LOOK_NS (1 * NS_PER_S)
enum { LATELY_MAX = (1 << 12) - 1, EARLY_MAX = 3 };

static void doubt(struct tail *tail, struct log *log)
{
    if (!timer_is_set(&tail->doubt))
        loop_set_timer(tail->loop, &tail->doubt, LOOK_NS);
    if (!log->is_doubted)
        list_put(&tail->doubts, log);
    log->is_doubted = true;
}

/* What was taken in before anything was told of the name had it already when posta began to watch, if the first thing told is
 * that it went; else it was taken in ahead of what is told of it. */
static void note_first(struct log *log, bool is_leaving)
{
    if (log->is_told)
        return;
    log->is_told = true;
    log->n_missing -= log->n_early - (is_leaving && log->n_early > 0);
}

static struct log *log_named(struct tail *tail, const struct dir *dir, const char *name)
{
    struct claim claim;
    if (!find_claim(tail, dir, name, &claim) || claim.is_sibling || gzip_is_name(name))
        return NULL;
    char *path = mem_printf("%s/%s", dir->path, name);
    struct log *log = log_of(tail, path);
    free(path);
    return log;
}

/* A new file has the name. */
void lost_note_birth(struct tail *tail, const struct dir *dir, const char *name)
{
    struct log *log = log_named(tail, dir, name);
    if (!log)
        return;
    note_first(log, false);
    log->n_missing++;
    log->n_lately += log->n_lately < LATELY_MAX;
    doubt(tail, log);
}

/* A file has this name that had another, under which it was told of, or none that anybody counts: a file that is moved to a log's
 * name and goes before it can be opened is the one loss that is not noticed. */
void lost_note_renamed(struct tail *tail, const struct dir *dir, const char *name)
{
    struct log *log = log_named(tail, dir, name);
    if (!log)
        return;
    note_first(log, false);
    doubt(tail, log);
}

/* The file that had the name went. */
void lost_note_leaving(struct tail *tail, const struct dir *dir, const char *name)
{
    char *path = mem_printf("%s/%s", dir->path, name);
    struct log *log = log_find(tail, path);
    free(path);
    if (log)
        note_first(log, true);
}

bool lost_misses_one(const struct log *log)
{
    return log && log->n_missing > 0;
}

/* A wildcard matches rotated names too: the file was born under a shorter name, whose log misses it. */
static struct log *birth_log(struct tail *tail, struct log *log)
{
    char *path = mem_dup(log->path);
    struct log *found = NULL;
    for (size_t len = strlen(path); len > 0 && path[len - 1] != '/' && !found; len--) {
        if (path[len] != '.' && path[len] != '-')
            continue;
        path[len] = '\0';
        struct log *older = log_find(tail, path);
        found = older && older->n_missing > 0 ? older : NULL;
    }
    free(path);
    return found ? found : log;
}

/* Changed (renamed too) before posta began to watch: nothing was told of it under the log's name. */
static bool was_there_before(const struct tail *tail, const struct stat *st)
{
    return st->st_ctim.tv_sec * NS_PER_S + st->st_ctim.tv_nsec < tail->watching_since_ns;
}

void lost_note_seen(struct tail *tail, struct log *log, bool is_rotated, const struct stat *st)
{
    if (was_there_before(tail, st) && is_rotated)
        return;
    if (tail->is_moved_in && log->n_missing <= 0)
        return; /* nothing was counted for it */
    if (!log->is_told) {
        log->n_early += log->n_early < EARLY_MAX;
        return;
    }
    if (log->n_missing <= 0)
        log = birth_log(tail, log);
    log->n_missing--;
}

void lost_note_refused(struct tail *tail, const struct dir *dir, const char *name)
{
    struct log *log = log_named(tail, dir, name);
    if (log && log->n_missing > 0)
        log->n_missing--;
    else if (log)
        log_let_go(tail, log);
}

void lost_forget_counts(struct tail *tail)
{
    size_t at = 0;
    for (struct log *log; (log = table_next(&tail->logs, &at));)
        log->n_missing = 0;
    tail->stats.lost_unknown++;
}

void lost_note_size(struct log *log, uint64_t bytes)
{
    uint64_t kb = (bytes + 512) / 1024;
    log->last_kb = kb < UINT16_MAX ? (uint16_t)kb : UINT16_MAX;
}

/* That claims its name; NULL = none that is known. */
static const struct input *input_of(const struct tail *tail, const struct log *log)
{
    struct claim claim;
    const char *name = base_name(log->path);
    char *folder = mem_printf("%.*s", (int)(name - 1 - log->path), log->path);
    const struct dir *dir = dir_by_path(tail, folder);
    free(folder);
    return dir && find_claim(tail, dir, name, &claim) ? claim.input : NULL;
}

static void say_lost(struct tail *tail, struct log *log, uint32_t n)
{
    tail->stats.generations_lost += n;
    stats_of(tail, input_of(tail, log))->generations_lost += n;
    log->n_lost += n;
    log->n_missing -= (int32_t)n;
    log_limited(NULL, NS_PER_S, LOG_ERROR, "tail",
                "%s: rotated too fast: %u generation%s gone before posta could open %s, %u in all; "
                "about %u KB each (estimated); rotation.mode: managed or reclaim loses none",
                log->path, n, n == 1 ? " was" : "s were", n == 1 ? "it" : "them", log->n_lost,
                log->last_kb);
}

/* What has the name now is not open: not allowed, or looked at first. It is not lost. */
static bool is_there(struct tail *tail, const struct log *log)
{
    uint64_t ino;
    int64_t btime_ns;
    if (birth_at(log->path, &ino, &btime_ns))
        return false;
    return !tail->sink.by_birth(tail->sink.arg, ino, btime_ns);
}

/* Files that were taken in under a longer name before it was told that they were born under this one. */
static void take_credits(struct tail *tail, struct log *log)
{
    size_t at = 0, len = strlen(log->path);
    for (struct log *other; log->n_missing > 0 && (other = table_next(&tail->logs, &at));)
        while (other->n_missing < 0 && log->n_missing > 0 &&
               strncmp(other->path, log->path, len) == 0 &&
               (other->path[len] == '.' || other->path[len] == '-')) {
            other->n_missing++;
            log->n_missing--;
        }
}

/* Returns true when nothing is in doubt any more. */
static bool look_at_log(struct tail *tail, struct log *log)
{
    bool is_quiet = log->n_lately == 0;
    if (log->n_missing > log->n_lately)
        take_credits(tail, log);
    int32_t n_sure = log->n_missing - log->n_lately - (log->n_missing > 0 && is_there(tail, log));
    log->n_lately = 0;
    if (n_sure > 0)
        say_lost(tail, log, (uint32_t)n_sure);
    return is_quiet;
}

static void look_at_doubts(struct tail *tail)
{
    for (size_t i = tail->doubts.n; i-- > 0;) {
        struct log *log = tail->doubts.at[i];
        if (!look_at_log(tail, log))
            continue;
        log->is_doubted = false;
        list_drop(&tail->doubts, log);
        log_let_go(tail, log);
    }
}

void lost_look(void *arg)
{
    struct tail *tail = arg;
    look_at_doubts(tail);
    if (tail->doubts.n > 0)
        loop_set_timer(tail->loop, &tail->doubt, LOOK_NS);
}

void lost_settle(struct tail *tail)
{
    for (int i = 0; i < 2; i++) /* the second time nothing was told lately */
        look_at_doubts(tail);
}
