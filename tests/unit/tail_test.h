/* tail_test.h: real files and the real loop under tail, with a sink in memory and a clock that the test turns.
 *
 * The sink keeps, for each source ever added, the bytes of its chunks and what happened to it as one line of text.
 */
#ifndef TAIL_TEST_H
#define TAIL_TEST_H

#include "spool/registry.h"
#include "tail/follow.h"

#include <posta/fs.h>
#include <posta/log.h>

#include <errno.h>
#include <ftw.h>
#include <limits.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h> /* wants the ones above */

#define COUNT(rows) (sizeof(rows) / sizeof((rows)[0]))

/* ---- the sink ---- */

/* One source, kept also when it is forgotten. */
struct made {
    uint32_t no, epoch;
    uint64_t from, ino;
    char *path;
    struct buf bytes; /* of its chunks */
    struct buf story; /* "0-10 10-20:cut 20-30:skipped lease@30 forgotten" */
    unsigned n_ends;
    uint64_t lost_bytes;
    enum end_proof proof;
    bool is_forgotten;
};

struct sink {
    struct registry reg;
    struct made *made;
    size_t n;
    int room; /* calls that are still taken, -1 = any number */
    int n_refused;
    bool ends_fail;      /* end() is refused, whatever the room */
    bool only_small;     /* chunks with bytes are refused */
    bool keeps_nothing;  /* for memory tests: the bytes and their story */
    bool durable_lags;   /* nothing is durable */
    bool delivered_lags; /* nothing is delivered */
};

/* Everything of one test. */
struct rig {
    char dir[PATH_MAX / 2];
    struct loop *loop;
    struct tail *tail;
    struct tail_input in;
    char *paths[4];
    char *excludes[2];
    struct sink sink;
    int log_fd, stderr_fd;
};

static inline struct made *made_of(struct sink *sink, const struct source *src)
{
    for (size_t i = 0; i < sink->n; i++)
        if (sink->made[i].no == src->no)
            return &sink->made[i];
    fail_msg("source %u was never added", src->no);
    return NULL;
}

static inline int take_room(struct sink *sink, struct err *err)
{
    if (sink->room == 0) {
        sink->n_refused++;
        return err_set(err, ERR_FULL, "spool: no room");
    }
    sink->room -= sink->room > 0;
    return 0;
}

static inline struct source *sink_sources(void *arg)
{
    return ((struct sink *)arg)->reg.first;
}

static inline int sink_add(void *arg, const struct source *proto, struct source **out,
                           struct err *err)
{
    struct sink *sink = arg;
    if (take_room(sink, err))
        return -1;
    struct source *src = source_copy(proto);
    src->no = sink->reg.next_no ? sink->reg.next_no : 1;
    src->first_seen_ns = clock_wall_ns();
    registry_put(&sink->reg, src);
    *out = src;
    if (sink->keeps_nothing)
        return 0;
    sink->made = mem_grow(sink->made, sink->n + 1, sizeof(*sink->made));
    sink->made[sink->n++] = (struct made) {.no = src->no,
                                           .epoch = src->epoch,
                                           .from = src->offset,
                                           .ino = src->id.ino,
                                           .path = mem_dup(src->path)};
    return 0;
}

static inline int sink_append(void *arg, struct source *src, const struct chunk *chunk,
                              struct err *err)
{
    struct sink *sink = arg;
    if (sink->only_small && chunk->len > 0)
        return err_set(err, ERR_FULL, "spool: no room");
    if (take_room(sink, err))
        return -1;
    if (sink->keeps_nothing)
        return source_advance(src, chunk->from, chunk->to, chunk->flags, chunk->bytes, chunk->len),
               0;
    struct made *made = made_of(sink, src);
    assert_int_equal(chunk->from, src->offset);
    assert_true(chunk->to > chunk->from);
    assert_int_equal(chunk->len,
                     chunk->flags & (CHUNK_SKIPPED | CHUNK_LOST) ? 0 : chunk->to - chunk->from);
    source_advance(src, chunk->from, chunk->to, chunk->flags, chunk->bytes, chunk->len);
    if (chunk->len)
        buf_append(&made->bytes, chunk->bytes, chunk->len);
    buf_printf(&made->story, "%s%llu-%llu%s%s%s%s", made->story.len ? " " : "",
               (unsigned long long)chunk->from, (unsigned long long)chunk->to,
               chunk->flags & CHUNK_CUT ? ":cut" : "", chunk->flags & CHUNK_SKIPPED ? ":skip" : "",
               chunk->flags & CHUNK_RESUMED ? ":resumed" : "",
               chunk->flags & CHUNK_LOST   ? ":lost"
               : chunk->flags & CHUNK_LAST ? ":last"
                                           : "");
    return 0;
}

static inline int sink_end(void *arg, struct source *src, enum end_proof proof, uint64_t lost_bytes,
                           struct err *err)
{
    struct sink *sink = arg;
    if (take_room(sink, err))
        return -1;
    if (sink->ends_fail)
        return err_set(err, ERR_FULL, "spool: no room");
    struct made *made = made_of(sink, src);
    made->n_ends++;
    made->lost_bytes += lost_bytes;
    made->proof = proof;
    src->flags |= SOURCE_ENDED;
    buf_printf(&made->story, "%s%s@%llu", made->story.len ? " " : "", end_proof_name(proof),
               (unsigned long long)src->offset);
    return 0;
}

static inline void sink_forget(void *arg, struct source *src)
{
    struct sink *sink = arg;
    made_of(sink, src)->is_forgotten = true;
    registry_drop(&sink->reg, src);
}

static inline struct source *sink_by_id(void *arg, const struct file_id *id)
{
    return registry_by_id(&((struct sink *)arg)->reg, id);
}

static inline struct source *sink_by_birth(void *arg, uint64_t ino, int64_t btime_ns)
{
    return registry_by_birth(&((struct sink *)arg)->reg, ino, btime_ns);
}

static inline uint64_t sink_mark(void *arg)
{
    (void)arg;
    return 1;
}

static inline void sink_hurry(void *arg)
{
    (void)arg;
}

static inline bool sink_is_durable(void *arg, uint64_t mark)
{
    (void)mark;
    return !((struct sink *)arg)->durable_lags;
}

static inline bool sink_is_delivered(void *arg, uint64_t mark)
{
    (void)mark;
    return !((struct sink *)arg)->delivered_lags;
}

static inline struct tail_sink sink_of(struct sink *sink)
{
    return (struct tail_sink) {.arg = sink,
                               .sources = sink_sources,
                               .add = sink_add,
                               .append = sink_append,
                               .end = sink_end,
                               .forget = sink_forget,
                               .by_id = sink_by_id,
                               .by_birth = sink_by_birth,
                               .mark = sink_mark,
                               .hurry = sink_hurry,
                               .is_durable = sink_is_durable,
                               .is_delivered = sink_is_delivered};
}

static inline size_t sources_known(const struct rig *rig)
{
    size_t n = 0;
    for (struct source *src = rig->sink.reg.first; src; src = src->next)
        n++;
    return n;
}

/* ---- time ---- */

static int64_t test_now_ns = 1000 * NS_PER_S;

static inline int64_t test_mono_ns(void)
{
    return test_now_ns;
}

static inline int64_t test_wall_ns(void)
{
    struct timespec ts;
    clock_gettime(CLOCK_REALTIME, &ts);
    return ts.tv_sec * NS_PER_S + ts.tv_nsec;
}

static inline int64_t real_mono_ns(void)
{
    struct timespec ts;
    clock_gettime(CLOCK_MONOTONIC, &ts);
    return ts.tv_sec * NS_PER_S + ts.tv_nsec;
}

static inline void turn(struct rig *rig, int64_t wait_ns)
{
    struct err err;
    test_now_ns += NS_PER_MS;
    assert_int_equal(loop_turn(rig->loop, wait_ns, &err), 0);
}

/* Long enough for whatever would happen by the clock within ms. */
static inline void turn_for(struct rig *rig, int64_t ms)
{
    for (int64_t i = 0; i < ms; i++)
        turn(rig, 0);
}

/* Everything written so far is seen: events, ticks, one probe for ends. */
static inline void settle(struct rig *rig)
{
    turn_for(rig, 40);
}

/* The slow look at all folders, and what follows from it. */
static inline void look_again(struct rig *rig)
{
    test_now_ns += rig->in.check_interval_ns;
    settle(rig);
}

static inline void fail_late(const struct rig *rig, const char *condition);

#define UNTIL(rig, condition)                                                                      \
    do {                                                                                           \
        int64_t until_ns_ = real_mono_ns() + 10 * NS_PER_S;                                        \
        while (!(condition)) {                                                                     \
            if (real_mono_ns() > until_ns_)                                                        \
                fail_late(rig, #condition);                                                        \
            turn(rig, NS_PER_MS);                                                                  \
        }                                                                                          \
    } while (0)

static inline void next_coarse_tick(void)
{
    struct timespec was, now;
    clock_gettime(CLOCK_REALTIME_COARSE, &was);
    do
        clock_gettime(CLOCK_REALTIME_COARSE, &now);
    while (was.tv_nsec == now.tv_nsec && was.tv_sec == now.tv_sec);
}

/* Birth times have the kernel's coarse clock: wait until it has moved. Twice, since what a program is told of it moves a
 * moment before what a new file gets: a file made in that moment has the birth time of the tick before. */
static inline void next_birth_time(void)
{
    next_coarse_tick();
    next_coarse_tick();
}

/* ---- files ---- */

/* Good for the next 16 calls. */
static inline const char *path_of(const struct rig *rig, const char *name)
{
    static char texts[16][PATH_MAX];
    static unsigned next;
    char *text = texts[next++ % 16];
    snprintf(text, PATH_MAX, "%s/%s", rig->dir, name);
    return text;
}

static inline int writer(const struct rig *rig, const char *name)
{
    int fd = open(path_of(rig, name), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644);
    assert_true(fd >= 0);
    return fd;
}

static inline void say_bytes(int fd, const void *bytes, size_t len)
{
    assert_int_equal(write(fd, bytes, len), (ssize_t)len);
}

static inline void say(int fd, const char *text)
{
    say_bytes(fd, text, strlen(text));
}

/* Append and close. */
static inline void put(const struct rig *rig, const char *name, const char *text)
{
    int fd = writer(rig, name);
    say(fd, text);
    close(fd);
}

static inline void rename_in(const struct rig *rig, const char *from, const char *to)
{
    assert_int_equal(rename(path_of(rig, from), path_of(rig, to)), 0);
}

static inline void unlink_in(const struct rig *rig, const char *name)
{
    assert_int_equal(unlink(path_of(rig, name)), 0);
}

static inline bool exists_in(const struct rig *rig, const char *name)
{
    return access(path_of(rig, name), F_OK) == 0;
}

/* ---- tail on it ---- */

/* The input has these paths below the rig's folder. */
static inline void set_path(struct rig *rig, const char *name)
{
    free(rig->paths[rig->in.paths.n]);
    rig->paths[rig->in.paths.n++] = mem_printf("%s/%s", rig->dir, name);
}

static inline void start_with(struct rig *rig, bool once)
{
    struct err err;
    const struct tail_sink sink = sink_of(&rig->sink);
    assert_int_equal(tail_new(&rig->tail, rig->loop, &sink, &err), 0);
    if (tail_add_input(rig->tail, &rig->in, &err))
        fail_msg("%s", err.text);
    assert_int_equal(tail_start(rig->tail, once, &err), 0);
}

static inline void start(struct rig *rig)
{
    start_with(rig, false);
}

/* As if posta went: positions stay in the sink. */
static inline void stop(struct rig *rig)
{
    tail_free(rig->tail);
    rig->tail = NULL;
    for (struct source *src = rig->sink.reg.first; src; src = src->next)
        src->scan_no = 0, src->file = NULL; /* not kept */
}

/* Follow one log, access.log, from the start. */
static inline void follow_one(struct rig *rig)
{
    set_path(rig, "access.log");
    start(rig);
}

static inline bool has_bytes(struct rig *rig, size_t i, const char *text)
{
    if (i >= rig->sink.n)
        return false;
    const struct buf *got = &rig->sink.made[i].bytes;
    return got->len == strlen(text) && (got->len == 0 || memcmp(got->data, text, got->len) == 0);
}

static inline const char *story_of(struct rig *rig, size_t i)
{
    assert_true(i < rig->sink.n);
    return buf_str(&rig->sink.made[i].story);
}

static inline void assert_bytes(struct rig *rig, size_t i, const char *text)
{
    assert_true(i < rig->sink.n);
    assert_string_equal(buf_str(&rig->sink.made[i].bytes), text);
}

static inline bool is_ended(const struct rig *rig, size_t i)
{
    return i < rig->sink.n && rig->sink.made[i].n_ends > 0;
}

/* ---- posta's own log ---- */

static inline char *log_text(const struct rig *rig)
{
    off_t len = lseek(rig->log_fd, 0, SEEK_END);
    char *text = mem_zero((size_t)len + 1, 1);
    assert_int_equal(pread(rig->log_fd, text, (size_t)len, 0), len);
    return text;
}

static inline bool log_has(const struct rig *rig, const char *words)
{
    char *text = log_text(rig);
    bool is_found = strstr(text, words) != NULL;
    free(text);
    return is_found;
}

static inline void fail_late(const struct rig *rig, const char *condition)
{
    char *text = log_text(rig);
    dprintf(rig->stderr_fd, "%sdid not come: %s\n", text, condition);
    free(text);
    fail_msg("did not come: %s", condition);
}

/* ---- a child: another user, another program ---- */

/* Runs in a child; fails the test if it does not return 0. An assertion that fails in it ends it with status 1. */
static inline void in_child(struct rig *rig, int (*run)(struct rig *))
{
    fflush(NULL);
    pid_t pid = fork();
    assert_true(pid >= 0);
    if (pid == 0) {
        for (int signo = 1; signo < 32; signo++) /* cmocka's handlers are for the parent */
            signal(signo, signo == SIGIO ? SIG_IGN : SIG_DFL);
        alarm(20);
        _exit(run(rig));
    }
    int status = 0;
    assert_int_equal(waitpid(pid, &status, 0), pid);
    if (status != 0) {
        char *text = log_text(rig);
        print_error("child: status %#x\n%s", (unsigned)status, text);
        free(text);
    }
    assert_int_equal(status, 0);
}

/* In a child: a failed check is told to the parent by line. */
#define CHILD_CHECK(condition)                                                                     \
    do {                                                                                           \
        if (!(condition)) {                                                                        \
            dprintf(STDERR_FILENO, "%s:%d: %s\n", __FILE__, __LINE__, #condition);                 \
            return 1;                                                                              \
        }                                                                                          \
    } while (0)

#define CHILD_UNTIL(rig, condition)                                                                \
    do {                                                                                           \
        for (int64_t end_ = real_mono_ns() + 10 * NS_PER_S;                                        \
             !(condition) && real_mono_ns() < end_;)                                               \
            turn(rig, NS_PER_MS);                                                                  \
        CHILD_CHECK(condition);                                                                    \
    } while (0)

/* One log, followed, its writer's descriptor; "one\n" is read. */
static inline int followed_writer(struct rig *rig)
{
    int fd = writer(rig, "access.log");
    say(fd, "one\n");
    follow_one(rig);
    UNTIL(rig, has_bytes(rig, 0, "one\n"));
    return fd;
}

enum { NOBODY = 65534 };

/* ---- fixture ---- */

static inline int remove_one(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
    (void)st, (void)type, (void)ftw;
    return remove(path);
}

static inline void catch_log(struct rig *rig)
{
    rig->log_fd = memfd_create("log", MFD_CLOEXEC);
    rig->stderr_fd = dup(STDERR_FILENO);
    fflush(stderr);
    dup2(rig->log_fd, STDERR_FILENO);
}

static inline int rig_open(void **state, const char *at)
{
    static const struct clock_ops ops = {.mono_ns = test_mono_ns, .wall_ns = test_wall_ns};
    struct rig *rig = mem_zero(1, sizeof(*rig));
    struct err err;
    signal(SIGIO, SIG_IGN);
    test_now_ns += 3600 * NS_PER_S; /* limited log lines of the test before are said again */
    clock_set(&ops);
    snprintf(rig->dir, sizeof(rig->dir), "%s/posta-tail.XXXXXX", at);
    if (!mkdtemp(rig->dir) || chmod(rig->dir, 0755) || loop_new(&rig->loop, &err))
        return -1;
    rig->in = (struct tail_input) {.id = mem_dup("in"),
                                   .paths.at = rig->paths,
                                   .exclude_files.at = rig->excludes,
                                   .enabled = true,
                                   .check_interval_ns = 10 * NS_PER_S,
                                   .message_max_bytes = 512 * 1024,
                                   .rotation_size = 50 * 1024,
                                   .rotation_keep = 1};
    rig->sink.room = -1;
    catch_log(rig);
    *state = rig;
    return 0;
}

static inline int rig_in_memory(void **state)
{
    return rig_open(state, access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp");
}

static inline int rig_on_disk(void **state)
{
    return rig_open(state, "/tmp");
}

static inline int rig_close(void **state)
{
    struct rig *rig = *state;
    fs_set_faults(NULL, 0);
    tail_free(rig->tail);
    loop_free(rig->loop);
    dup2(rig->stderr_fd, STDERR_FILENO);
    close(rig->stderr_fd);
    close(rig->log_fd);
    registry_clear(&rig->sink.reg);
    for (size_t i = 0; i < rig->sink.n; i++) {
        free(rig->sink.made[i].path);
        buf_free(&rig->sink.made[i].bytes);
        buf_free(&rig->sink.made[i].story);
    }
    free(rig->sink.made);
    for (size_t i = 0; i < COUNT(rig->paths); i++)
        free(rig->paths[i]);
    for (size_t i = 0; i < rig->in.exclude_files.n; i++)
        free(rig->excludes[i]);
    free(rig->in.id);
    free(rig->in.rotation_pid_file);
    nftw(rig->dir, remove_one, 16, FTW_DEPTH | FTW_PHYS);
    clock_set(NULL);
    free(rig);
    return 0;
}

/* The same in memory and on the disk: inodes are used again only on the second. */
#define ON_BOTH(test)                                                                              \
    {#test ", in memory", test, rig_in_memory, rig_close, NULL},                                   \
    {                                                                                              \
#test ", on disk", test, rig_on_disk, rig_close, NULL                                      \
    }
#define IN_MEMORY(test) cmocka_unit_test_setup_teardown(test, rig_in_memory, rig_close)
#define ON_DISK(test)   cmocka_unit_test_setup_teardown(test, rig_on_disk, rig_close)

#endif
