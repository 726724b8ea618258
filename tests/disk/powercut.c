/* powercut.c: real power cuts, as far as a file system can have them without a plug: a child works on a spool and says what it was
 * promised, the file system is shut down under it without its log being flushed, mounted again, and the spool is judged.
 *
 *   powercut DEVICE FOLDER ext4|xfs CUTS [nosync]
 *
 * What counts as said is what was said before the shutdown began: a sync that is under way in that moment may come back without
 * an error although its part of the log is thrown away (seen with ext4 and XFS); where the power is gone nobody is told.
 *
 * DEVICE holds such a file system, not mounted; FOLDER is where it shall be mounted. nosync: fdatasync and fsync do nothing,
 * each cut begins with an empty spool: then losses must be seen. Prints one line, "cuts N lost N repeated N unequal N refused N
 * ...", and ends with status 0 if these four are 0. lost: said to be durable and not there, or a synced cursor that went back.
 * repeated: a byte given out twice or out of order, or not that of its file. unequal: a source's position is not behind its
 * last record. refused: the spool could not be opened. SEED as in the unit tests.
 */
#include "../unit/posta_test.h"

#include <signal.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/syscall.h>
#include <sys/wait.h>

/* The number and the flag are the same for ext4 and XFS: go down, and write nothing of the log any more. */
#define GO_DOWN _IOR('X', 125, uint32_t)
enum { WITHOUT_LOG = 2 };
enum { N_FILES = 4, SEGMENT = 16 * 1024, MAX_PUT = 3000, MAX_REPORTS = 150 };

enum what { APPENDED, DURABLE, DELIVERED, SAVED, N_WHAT };
struct report {
    enum what what;
    int64_t said_ns;              /* monotonic */
    uint64_t offset[N_FILES + 1]; /* by file, from 1 on */
    uint64_t seq;                 /* SAVED: of the cursor */
};

static struct {
    uint64_t durable[N_FILES + 1], delivered[N_FILES + 1], saved_seq;
} known;
static struct {
    uint64_t cuts, lost, repeated, unequal, refused, said[N_WHAT], torn, bytes;
} sum;
static bool is_lazy;      /* syncs do nothing */
static int64_t cut_at_ns; /* the shutdown began; 0 = not yet */

int fdatasync(int fd)
{
    return is_lazy ? 0 : (int)syscall(SYS_fdatasync, fd);
}

int fsync(int fd)
{
    return is_lazy ? 0 : (int)syscall(SYS_fsync, fd);
}

/* ---- the child: any error is the end, that of the disk above all ---- */

static void tell(int fd, struct report *report)
{
    report->said_ns = clock_mono_ns();
    if (write(fd, report, sizeof(*report)) != sizeof(*report))
        _exit(2);
}

struct work {
    struct spool *spool;
    int fd;
    struct report marked; /* offsets as of the mark */
    uint64_t mark;
    struct report delivered;
};

static void append_some(struct work *work)
{
    struct report report = {.what = APPENDED};
    struct err err;
    for (uint64_t n = 1 + random_below(3); n > 0; n--) {
        uint64_t ino = 1 + random_below(N_FILES);
        struct source *src = file_of(work->spool, ino);
        if ((!src && try_add(work->spool, ino, &src, &err)) ||
            try_put(work->spool, src, random_below(MAX_PUT), &err))
            _exit(3);
    }
    tell(work->fd, &report);
}

static void note_mark(struct work *work)
{
    work->mark = spool_mark(work->spool);
    for (uint64_t ino = 1; ino <= N_FILES; ino++) {
        const struct source *src = file_of(work->spool, ino);
        work->marked.offset[ino] = src ? src->offset : 0;
    }
    work->marked.what = DURABLE;
}

static void sync_some(struct work *work)
{
    struct err err;
    if (work->mark == 0)
        note_mark(work);
    if (random_below(4) == 0 ? spool_sync(work->spool, &err)
                             : spool_sync_start(work->spool, &err) < 0)
        _exit(4);
    if (spool_sync_done(work->spool, &err))
        _exit(5);
    if (!spool_is_durable(work->spool, work->mark))
        return;
    tell(work->fd, &work->marked);
    work->mark = 0;
}

static void deliver_some(struct work *work)
{
    struct spool_item item;
    struct err err;
    for (uint64_t n = random_below(6); n > 0; n--) {
        int rc = spool_next(work->spool, &item, &err);
        if (rc < 0)
            _exit(6);
        if (rc == 0)
            break;
        work->delivered.offset[item.src->id.ino] = item.chunk.to;
        tell(work->fd, &work->delivered); /* before it counts */
        delivered_up_to(work->spool, &item);
    }
}

static void save_some(struct work *work)
{
    struct report report = {.what = SAVED, .seq = spool_cursor(work->spool).seq};
    struct err err;
    bool sync = random_below(3) == 0;
    if (random_below(4) == 0)
        spool_sync_cursor(work->spool);
    else if (spool_save_cursor(work->spool, sync, &err))
        _exit(7);
    else if (sync)
        tell(work->fd, &report);
}

static void work_until_cut(const char *dir, int fd)
{
    test_sync_way = random_below(4) ? SYNC_THREAD : SYNC_INLINE;
    struct work work = {.fd = fd, .delivered = {.what = DELIVERED}};
    const struct spool_config config = {
        .path = dir, .segment_bytes = SEGMENT, .sync_way = test_sync_way};
    struct err err;
    if (spool_open(&work.spool, &config, &err))
        _exit(8);
    for (;;) {
        append_some(&work);
        if (random_below(2))
            sync_some(&work);
        if (random_below(2))
            deliver_some(&work);
        if (random_below(6) == 0)
            save_some(&work);
    }
}

/* ---- the parent ---- */

static void give_up(const char *what, const char *of)
{
    fprintf(stderr, "powercut: %s %s: %s\n", what, of, strerror(errno));
    exit(3);
}

static void hear(const struct report *report)
{
    bool is_too_late = cut_at_ns && report->said_ns >= cut_at_ns;
    if (is_too_late && report->what != DELIVERED)
        return;
    sum.said[report->what]++;
    for (int ino = 1; ino <= N_FILES; ino++) {
        if (report->what == DURABLE && report->offset[ino] > known.durable[ino])
            known.durable[ino] = report->offset[ino];
        if (report->what == DELIVERED && report->offset[ino] > known.delivered[ino])
            known.delivered[ino] = report->offset[ino];
    }
    if (report->what == SAVED && report->seq > known.saved_seq)
        known.saved_seq = report->seq;
}

static void cut_power(const char *folder)
{
    uint32_t flags = WITHOUT_LOG;
    int fd = open(folder, O_RDONLY | O_CLOEXEC);
    cut_at_ns = clock_mono_ns();
    if (fd < 0 || ioctl(fd, GO_DOWN, &flags) < 0)
        give_up("shut down", folder);
    close(fd);
}

static pid_t start_child(const char *dir, int ends[2])
{
    uint64_t seed = random_next();
    if (pipe2(ends, O_CLOEXEC) < 0)
        give_up("pipe", "");
    pid_t child = fork();
    if (child == 0) {
        close(ends[0]);
        random_state = seed;
        work_until_cut(dir, ends[1]);
    }
    close(ends[1]);
    return child;
}

/* Let it do some steps and cut; what it says until it notices is heard. */
static void run_and_cut(const char *folder, const char *dir)
{
    struct report report;
    int ends[2];
    cut_at_ns = 0;
    pid_t child = start_child(dir, ends);
    for (uint64_t left = random_below(MAX_REPORTS); left > 0; left--) {
        if (read(ends[0], &report, sizeof(report)) != sizeof(report))
            break;
        hear(&report);
    }
    usleep((useconds_t)random_below(1500));
    cut_power(folder);
    usleep(500);
    kill(child, SIGKILL);
    while (read(ends[0], &report, sizeof(report)) == sizeof(report))
        hear(&report);
    close(ends[0]);
    waitpid(child, NULL, 0);
}

static void problem(uint64_t *count, const char *what, uint64_t ino, uint64_t expected,
                    uint64_t found)
{
    ++*count;
    if (!is_lazy)
        printf("# cut %llu: %s: file %llu: expected %llu, found %llu\n",
               (unsigned long long)sum.cuts, what, (unsigned long long)ino,
               (unsigned long long)expected, (unsigned long long)found);
}

static bool is_right(const struct spool_item *item)
{
    for (size_t i = 0; i < item->chunk.len; i++)
        if (item->chunk.bytes[i] != known_byte(item->src->id.ino, item->chunk.from + i))
            return false;
    return true;
}

static void read_all(struct spool *spool, struct reach *reach)
{
    struct spool_item item;
    struct err err;
    int rc;
    *reach = (struct reach) {.from = {0}};
    while ((rc = spool_next(spool, &item, &err)) > 0) {
        uint64_t ino = item.src->id.ino;
        if (ino < 1 || ino > N_FILES || !is_right(&item)) {
            problem(&sum.repeated, "not the bytes of the file", ino, 0, item.chunk.from);
            continue;
        }
        if (reach->has_begun[ino] && item.chunk.from != reach->to[ino])
            problem(&sum.repeated, "not in order", ino, reach->to[ino], item.chunk.from);
        if (!reach->has_begun[ino])
            reach->from[ino] = item.chunk.from + item.skip;
        reach->has_begun[ino] = true;
        reach->to[ino] = item.chunk.to;
        sum.bytes += item.chunk.len;
    }
    if (rc < 0)
        problem(&sum.refused, err.text, 0, 0, 0);
}

static void judge_file(struct spool *spool, const struct reach *reach, uint64_t ino)
{
    const struct source *src = file_of(spool, ino);
    uint64_t offset = src ? src->offset : 0;
    if (offset < known.durable[ino])
        problem(&sum.lost, "was durable", ino, known.durable[ino], offset);
    if (reach->has_begun[ino] && reach->to[ino] != offset)
        problem(&sum.unequal, "position", ino, reach->to[ino], offset);
    if (reach->has_begun[ino] ? reach->from[ino] > known.delivered[ino]
                              : offset > known.delivered[ino])
        problem(&sum.lost, "neither delivered nor there", ino, known.delivered[ino], offset);
    known.durable[ino] = offset;
}

/* For good: a cut must not bring it back. */
static void begin_anew(const char *dir)
{
    folder_empty(dir);
    int fd = open(dir, O_RDONLY | O_CLOEXEC);
    if (fd < 0 || syncfs(fd) < 0)
        give_up("sync", dir);
    close(fd);
    memset(&known, 0, sizeof(known));
}

static void judge(const char *dir)
{
    const struct spool_config config = {.path = dir, .segment_bytes = SEGMENT};
    struct spool *spool;
    struct reach reach;
    struct err err;
    if (spool_open(&spool, &config, &err)) {
        problem(&sum.refused, err.text, 0, 0, 0);
        begin_anew(dir);
        return;
    }
    if (spool_cursor(spool).seq < known.saved_seq)
        problem(&sum.lost, "the cursor was synced", 0, known.saved_seq, spool_cursor(spool).seq);
    read_all(spool, &reach);
    for (uint64_t ino = 1; ino <= N_FILES; ino++)
        judge_file(spool, &reach, ino);
    if (spool_stats(spool)->damaged_regions || spool_stats(spool)->missing_records)
        problem(&sum.lost, "damage", 0, 0, spool_stats(spool)->damaged_regions);
    sum.torn += spool_stats(spool)->torn_bytes > 0;
    spool_close(spool);
}

static void mount_it(char **argv)
{
    if (mount(argv[1], argv[2], argv[3], 0, "") < 0)
        give_up("mount", argv[1]);
}

static void unmount(const char *folder)
{
    while (umount2(folder, 0) < 0) {
        if (errno != EBUSY)
            give_up("unmount", folder);
        usleep(1000);
    }
}

static void one_cut(char **argv, const char *dir)
{
    sum.cuts++;
    run_and_cut(argv[2], dir);
    unmount(argv[2]);
    mount_it(argv);
    judge(dir);
    if (is_lazy || random_below(8) == 0)
        begin_anew(dir);
}

int main(int argc, char **argv)
{
    if (argc < 5) {
        fprintf(stderr, "see the head of powercut.c\n");
        return 3;
    }
    random_begin("powercut");
    log_nothing(NULL);
    char *dir = path_in(argv[2], "spool");
    mount_it(argv);
    is_lazy = argc > 5 && strcmp(argv[5], "nosync") == 0;
    for (int left = atoi(argv[4]); left > 0; left--)
        one_cut(argv, dir);
    unmount(argv[2]);
    free(dir);
    printf("cuts %llu lost %llu repeated %llu unequal %llu refused %llu; said: appended %llu, "
           "durable %llu, "
           "delivered %llu, cursor synced %llu; %llu torn tails, %llu bytes checked\n",
           (unsigned long long)sum.cuts, (unsigned long long)sum.lost,
           (unsigned long long)sum.repeated, (unsigned long long)sum.unequal,
           (unsigned long long)sum.refused, (unsigned long long)sum.said[APPENDED],
           (unsigned long long)sum.said[DURABLE], (unsigned long long)sum.said[DELIVERED],
           (unsigned long long)sum.said[SAVED], (unsigned long long)sum.torn,
           (unsigned long long)sum.bytes);
    return sum.lost || sum.repeated || sum.unequal || sum.refused;
}
