/* log.c: what is written under one path, generation after generation: the order of its open files, what was known of it.
 *
 * Happy path: the first source or birth of a path makes its log; each open file stands in it, older ones first.
 * Failure modes: none.
 * On close: a log goes with its last source, open file and doubt.
 */
#include "follow.h"

#include <posta/bytes.h>
#include <posta/intern.h>

#include <stdlib.h>

static bool has_path(const void *item, const void *path)
{
    const struct log *log = item;
    return log->path == path || strcmp(log->path, path) == 0;
}

static uint64_t hash_path(const char *path)
{
    return hash64(path, strlen(path));
}

struct log *log_find(const struct tail *tail, const char *path)
{
    return table_find(&tail->logs, hash_path(path), has_path, path);
}

struct log *log_of(struct tail *tail, const char *path)
{
    struct log *log = log_find(tail, path);
    if (log)
        return log;
    log = mem_zero(1, sizeof *log);
    log->path = intern(path);
    table_put(&tail->logs, hash_path(path), log);
    return log;
}

void log_let_go(struct tail *tail, struct log *log)
{
    if (log->oldest || log->n_sources > 0 || log->is_doubted)
        return;
    table_drop(&tail->logs, hash_path(log->path), log);
    intern_free(log->path);
    free(log);
}

/* ---- sources ---- */

int64_t source_born_ns(const struct source *src)
{
    return src->id.btime_ns ? src->id.btime_ns : src->first_seen_ns;
}

static void know(struct tail *tail, const struct source *src)
{
    struct log *log = log_of(tail, src->path);
    int64_t born_ns = source_born_ns(src);
    if (log->first_born_ns == 0 || born_ns < log->first_born_ns)
        log->first_born_ns = born_ns;
    log->n_sources++;
}

int source_add(struct tail *tail, const struct source *proto, struct source **src, struct err *err)
{
    if (tail->sink.add(tail->sink.arg, proto, src, err))
        return -1;
    know(tail, *src);
    return 0;
}

void source_forget(struct tail *tail, struct source *src)
{
    struct log *log = log_of(tail, src->path);
    log->n_sources -= log->n_sources > 0;
    tail->sink.forget(tail->sink.arg, src);
    log_let_go(tail, log);
}

void know_sources(struct tail *tail)
{
    for (struct source *src = tail->sink.sources(tail->sink.arg); src; src = src->next) {
        src->file = NULL;
        src->scan_no = 0;
        know(tail, src);
    }
}

void logs_free(struct tail *tail)
{
    size_t at = 0;
    for (struct log *log; (log = table_next(&tail->logs, &at));) {
        intern_free(log->path);
        free(log);
    }
    tail->logs.n_used = 0;
}
