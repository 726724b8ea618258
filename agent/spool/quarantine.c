/* quarantine.c: bytes that do not verify are kept for a human: <spool>/bad/<segment>-<from>-<to>.
 *
 * Happy path: the reader steps over a damaged place, its bytes are copied once, durably, and then the segment may go.
 * Failure modes: bad/ holds BAD_FILES_MAX such files or BAD_BYTES_MAX bytes, or it cannot be written (a full disk): it is
 * said and counted, and delivery goes on without a copy.
 * On close: nothing.
 */
#include "bad.h"
#include "store.h"

#include <posta/fs.h>
#include <posta/log.h>

#include <dirent.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

enum { BAD_FILES_MAX = 1000, COPY_BYTES = 64 * 1024 };
#define BAD_BYTES_MAX (64 * 1024 * 1024ull)

/* "<16 digits>-<from>-<to>": what was copied here, not whole segments that were moved. */
static bool is_region(const char *name)
{
    return strspn(name, "0123456789abcdef") == 16 && name[16] == '-';
}

/* bad/ may be missing: then it is empty. */
static bool has_room(const char *bad, uint64_t more)
{
    unsigned n_files = 0;
    uint64_t bytes = more;
    DIR *stream = opendir(bad);
    for (struct dirent *entry; stream && (entry = readdir(stream));) {
        struct stat st;
        if (!is_region(entry->d_name))
            continue;
        n_files++;
        if (fstatat(dirfd(stream), entry->d_name, &st, 0) == 0)
            bytes += (uint64_t)st.st_size;
    }
    if (stream)
        closedir(stream);
    return n_files < BAD_FILES_MAX && bytes <= BAD_BYTES_MAX;
}

static int copy_bytes(int in, int out, uint64_t from, uint64_t to, struct err *err)
{
    char piece[COPY_BYTES];
    for (uint64_t at = from; at < to;) {
        size_t want = to - at < sizeof piece ? (size_t)(to - at) : sizeof piece;
        ssize_t n = fs_pread(in, piece, want, at, err);
        if (n < 0 || fs_pwrite(out, piece, (size_t)n, at - from, err))
            return -1;
        if (n == 0)
            break; /* it was cut meanwhile */
        at += (uint64_t)n;
    }
    return fs_sync(out, err);
}

/* Whole under its name, or not there. */
static int copy_to(const char *path, int in, uint64_t from, uint64_t to, struct err *err)
{
    char *temp = mem_printf("%s.new", path);
    int out = fs_open(temp, O_WRONLY | O_CREAT | O_TRUNC, 0600, err);
    int rc = out < 0 || copy_bytes(in, out, from, to, err) || fs_rename(temp, path, err) ? -1 : 0;
    struct err ignored; /* a half copy is of no use, and takes room that is short */
    if (rc && out >= 0)
        (void)(fs_unlink(temp, &ignored) == 0);
    (void)fs_close(out); /* synced */
    free(temp);
    return rc;
}

int quarantine_region(const char *dir, const struct segment *seg, uint64_t from, uint64_t to,
                      struct err *err)
{
    char *bad = bad_folder(dir);
    char *path = mem_printf("%s/%016llx-%llu-%llu", bad, (unsigned long long)seg->no,
                            (unsigned long long)from, (unsigned long long)to);
    struct segment on_disk = *seg;
    int in = -1, rc = 0;
    if (access(path, F_OK) == 0)
        goto out; /* kept before */
    rc = -1;
    if (!has_room(bad, to - from))
        err_set(err, ERR_FULL, "%s holds %d files or %llu MB: look at it, then empty it", bad,
                BAD_FILES_MAX, BAD_BYTES_MAX >> 20);
    else if ((in = segment_open(dir, &on_disk, err)) >= 0 && fs_make_dirs(bad, 0700, err) == 0)
        rc = copy_to(path, in, from, to, err) || fs_sync_dir(bad, err) ? -1 : 0;
out:
    (void)fs_close(in); /* read-only */
    free(bad);
    free(path);
    return rc;
}

void store_damaged(void *arg, struct segment *seg, uint64_t from, uint64_t to, const char *what)
{
    struct spool *spool = arg;
    struct err err;
    if (to <= seg->counted_to)
        return;
    seg->counted_to = to;
    spool->stats.damaged_regions++;
    spool->stats.damaged_bytes += to - from;
    bool is_kept = quarantine_region(spool->dir, seg, from, to, &err) == 0;
    log_error("spool",
              "segment %016llx: bytes %llu to %llu are damaged (%s) and are left out; what follows "
              "is delivered%s%s%s",
              (unsigned long long)seg->no, (unsigned long long)from, (unsigned long long)to, what,
              is_kept ? "" : "; they could not be kept in bad/: ", is_kept ? "" : err.text,
              is_kept ? ", they are kept in bad/" : "");
    spool->stats.damaged_unkept += !is_kept;
}

void store_left_out(struct spool *spool, struct segment *seg, const struct err *err)
{
    if (seg->counted_to == UINT64_MAX)
        return;
    seg->counted_to = UINT64_MAX;
    log_error("spool", "%s; what follows is delivered", err->text);
    spool->stats.damaged_regions++;
}
