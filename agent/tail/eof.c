/* eof.c: is the end of a rotated file its final end?
 *
 * Happy path: a read lease is granted only if nobody has the file open for writing. It is asked for on files that were
 * renamed or deleted, given back in the next instruction (a held lease blocks a writer's open), then the file is
 * read once more: what a writer wrote before it closed is there.
 * When to ask: when a writer closed it, and by a timer that backs off from 1 ms to 1 s.
 * Failure modes: a lease needs the owner's user or CAP_LEASE. Where it is refused, a file that was closed and then quiet for
 * 5 s counts as ended, marked "assumed" and counted.
 */
#include "follow.h"

#include <posta/log.h>

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#define PROBE_FIRST_NS (1 * NS_PER_MS)
#define PROBE_LAST_NS  (1 * NS_PER_S)
#define QUIET_NS       (5 * NS_PER_S)

enum lease_answer lease_ask(int fd)
{
    if (fcntl(fd, F_SETLEASE, F_RDLCK) == 0) {
        fcntl(fd, F_SETLEASE, F_UNLCK);
        return LEASE_NO_WRITER;
    }
    return errno == EAGAIN ? LEASE_WRITER : LEASE_UNABLE;
}

static void ask_later(struct tail *tail, struct file *file)
{
    int64_t wait = file->probe_wait_ns ? 2 * (int64_t)file->probe_wait_ns : PROBE_FIRST_NS;
    file->probe_wait_ns = (uint32_t)(wait > PROBE_LAST_NS ? PROBE_LAST_NS : wait);
    file->probe_at_ns = loop_now(tail->loop) + file->probe_wait_ns;
    file->was_closed = false;
    if (!file->name)
        file_watch_itself(tail, file);
}

/* The descriptor of an ended file is kept until its end is durable: so long nothing may take its place. */
bool file_finish(struct tail *tail, struct file *file)
{
    if (!file->is_ended)
        file->end_mark = tail->sink.mark(tail->sink.arg);
    file->is_ended = true;
    file_mark_timed(tail, file);
    if (!tail->sink.is_durable(tail->sink.arg, file->end_mark)) {
        if (file->owned)
            tail->sink.hurry(tail->sink.arg); /* the next rotation waits for it */
        return false;                         /* tail_marks_moved */
    }
    if (file->owned && file->younger)
        file_mark_ready(tail, file->younger); /* it may be due */
    if (!file->input->conf->delete_enabled || !file->name)
        file_close(tail, file);
    return true;
}

/* A compressed file that is damaged has no content behind that. */
static enum end_proof note_damage(struct tail *tail, const struct file *file, enum end_proof proof)
{
    const char *damage = gzip_damage(file->gzip);
    if (!damage)
        return proof;
    tail->stats.lost_unknown++;
    stats_of(tail, file->input)->lost_unknown++;
    log_error("tail",
              "%s: compressed generation is %s: its lines up to content byte %llu are delivered",
              file->src->path, damage, (unsigned long long)file->src->offset);
    return END_TRUNCATED;
}

static bool conclude(struct tail *tail, struct file *file, enum end_proof proof)
{
    struct err err;
    if (tail->sink.end(tail->sink.arg, file->src, note_damage(tail, file, proof), 0, &err)) {
        log_limited(NULL, 60 * NS_PER_S, LOG_WARN, "tail", "%s: %s; tried again", file->src->path,
                    err.text);
        ask_later(tail, file);
        return false;
    }
    proof == END_LEASE ? tail->stats.ends_proven++ : tail->stats.ends_assumed++;
    lost_note_size(file->log, file->src->offset);
    log_debug("tail", "%s: generation of %llu bytes read to its end (%s)", file->src->path,
              (unsigned long long)file->src->offset, end_proof_name(proof));
    return file_finish(tail, file);
}

static void say_unable(const struct file *file)
{
    struct stat st;
    if (fstat(file->fd, &st) < 0)
        return;
    log_limited(NULL, 24 * 3600 * NS_PER_S, LOG_WARN, "tail",
                "the end of files of user %d cannot be proven by posta's user %d: a closed file "
                "counts as ended after "
                "%d s of silence; run posta as that user, or give it CAP_LEASE",
                (int)st.st_uid, (int)geteuid(), (int)(QUIET_NS / NS_PER_S));
}

bool file_try_end(struct tail *tail, struct file *file)
{
    int64_t now = loop_now(tail->loop);
    if (file->is_ended)
        return file_finish(tail, file);
    if (!file->was_closed && now < file->probe_at_ns)
        return false;
    enum lease_answer answer = lease_ask(file->fd);
    if (answer == LEASE_UNABLE)
        say_unable(file);
    bool is_quiet = now - file->last_data_ns >= QUIET_NS;
    if (answer == LEASE_WRITER || (answer == LEASE_UNABLE && !is_quiet))
        return ask_later(tail, file), false;
    enum read_result got;
    while ((got = file_read(tail, file, SIZE_MAX)) == READ_MORE)
        continue;
    if (got == READ_AT_END)
        got = file_read_rest(tail, file);
    if (got == READ_LATER || got == READ_BLOCKED || got == READ_FAILED)
        return ask_later(tail, file), false;
    return conclude(tail, file, answer == LEASE_NO_WRITER ? END_LEASE : END_ASSUMED);
}
