/* clear.c: what stands in the way of a start, in the folder of a spool, and is no file.
 *
 * Happy path: every name that posta uses is a file, or nothing has it.
 * Failure modes: a folder, fifo, socket or link named lock, cursor or reserve goes to bad/, said; one named like a segment is
 * left alone, said once with their number: new segments get numbers that nothing stands in the way of (segment_is_free).
 * What cannot be moved stops the start with a sentence that says what to do, but for the reserve, which nobody needs.
 * On close: nothing.
 */
#include "bad.h"
#include "store.h"

#include <posta/fs.h>
#include <posta/log.h>

#include <stdlib.h>
#include <sys/stat.h>

static bool is_no_file(const char *path)
{
    struct stat st;
    return lstat(path, &st) == 0 && !S_ISREG(st.st_mode);
}

static int move_away(const char *dir, const char *name, const char *path, struct err *err)
{
    if (bad_take(dir, name, err)) {
        (void)err_wrap(err, "%s is not what posta needs there; move it away by hand", path);
        return -1;
    }
    char *bad = bad_folder(dir);
    log_error("spool", "%s was not posta's, it is moved to %s", path, bad);
    free(bad);
    return 0;
}

static int clear_name(const char *dir, const char *name, struct err *err)
{
    char *path = mem_printf("%s/%s", dir, name);
    int rc = is_no_file(path) ? move_away(dir, name, path, err) : 0;
    free(path);
    return rc;
}

/* An older posta may have a fifo or what a link leads to locked; a folder nobody can. */
static bool is_held(const char *path)
{
    struct err ignored; /* a socket cannot be opened, nor locked */
    int pid;
    return fs_is_locked(path, &pid, &ignored) == 1;
}

/* Two starts at once: the folder's own lock keeps the second one from moving the first one's new file away. */
static int clear_lock_alone(const char *dir, const char *path, struct err *err)
{
    int fd = fs_lock_folder(dir, err);
    if (fd < 0)
        return -1;
    int rc = is_no_file(path) && !is_held(path) ? move_away(dir, "lock", path, err) : 0;
    (void)fs_close(fd); /* gives up the lock */
    return rc;
}

int clear_lock(const char *dir, struct err *err)
{
    char *path = mem_printf("%s/lock", dir);
    int rc = is_no_file(path) ? clear_lock_alone(dir, path, err) : 0;
    free(path);
    return rc;
}

static void say_bad(const char *dir)
{
    char *usual = mem_printf("%s/bad", dir), *bad = bad_folder(dir);
    if (strcmp(usual, bad) != 0)
        log_warn("spool", "%s is not a folder; what is damaged is kept in %s", usual, bad);
    free(usual);
    free(bad);
}

static void say_strangers(const char *dir)
{
    char *example;
    unsigned n = segment_count_strangers(dir, &example);
    if (n > 0)
        log_warn("spool",
                 "%s is named like a segment and is no file, as %u in all: they are left alone; "
                 "delete them if nobody needs them",
                 example, n);
    free(example);
}

int clear_names(const char *dir, struct err *err)
{
    struct err reserve_err;
    say_bad(dir);
    if (clear_name(dir, "cursor", err))
        return -1;
    if (clear_name(dir, "reserve", &reserve_err))
        log_warn("spool", "%s; posta works without a reserve", reserve_err.text);
    say_strangers(dir);
    return 0;
}

int spool_clear_folder(const char *dir, const char *name, struct err *err)
{
    struct stat st;
    char *path = mem_printf("%s/%s", dir, name);
    bool is_odd = lstat(path, &st) == 0 && !(stat(path, &st) == 0 && S_ISDIR(st.st_mode));
    int rc = is_odd ? move_away(dir, name, path, err) : 0;
    free(path);
    return rc;
}
