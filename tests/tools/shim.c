/* shim.so: a library for LD_PRELOAD that makes chosen calls of a program fail, or kills it there.
 *
 *   SHIM_CALLS=pwritev,fdatasync   which calls; "memory" = calloc, reallocarray and vasprintf of the program itself
 *   SHIM_NTH=3                     from the third such call on (default 1)
 *   SHIM_TIMES=1                   so many of them; -1 = all that follow (default)
 *   SHIM_DO=28                     the errno to fail with; "kill", "short" (half is done), "half" (half is written, then 28)
 *   SHIM_THREAD=helper             only those of other threads than the first, which are counted apart ("first": the other way)
 *   SHIM_PATH=/spool/              only calls whose path, or whose descriptor's path, has this in it
 *   SHIM_SWITCH=FILE               only while FILE is there; then neither NTH nor TIMES count
 *   SHIM_EVERY=3                   with SHIM_TIMES=-1: only each third call
 *   SHIM_COUNT=FILE                at the end: how many calls there were, how many bytes pread gave, how many calls failed
 *
 * Calls that libraries make among themselves are not seen, but those of librdkafka are.
 */
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

/* What happens to a call. */
enum { PASS = 0, KILL = -1, SHORT = -2, HALF = -3 }; /* or an errno */

static struct {
    const char *calls, *path, *until, *count, *thread;
    long nth, times, every;
    int what;
    const char *begin, *end; /* the program's own code */
} conf;
static atomic_long n_calls, n_read, n_failed;
static bool is_ready;

static long number(const char *name, long otherwise)
{
    const char *text = getenv(name);
    return text ? strtol(text, NULL, 0) : otherwise;
}

static int what_to_do(const char *text)
{
    if (!text)
        return PASS;
    if (strcmp(text, "kill") == 0)
        return KILL;
    if (strcmp(text, "short") == 0)
        return SHORT;
    return strcmp(text, "half") == 0 ? HALF : atoi(text);
}

/* The first lines of /proc/self/maps are the program's. */
static void find_program(void)
{
    char line[512], exe[256];
    ssize_t len = readlink("/proc/self/exe", exe, sizeof exe - 1);
    FILE *maps = fopen("/proc/self/maps", "r");
    if (len < 0 || !maps)
        return;
    exe[len] = '\0';
    while (fgets(line, sizeof line, maps)) {
        unsigned long from, to;
        if (!strstr(line, exe) || sscanf(line, "%lx-%lx", &from, &to) != 2)
            continue;
        if (!conf.begin)
            conf.begin = (const char *)from;
        conf.end = (const char *)to;
    }
    fclose(maps);
}

__attribute__((constructor)) static void begin(void)
{
    conf.calls = getenv("SHIM_CALLS");
    conf.path = getenv("SHIM_PATH");
    conf.until = getenv("SHIM_SWITCH");
    conf.count = getenv("SHIM_COUNT");
    conf.thread = getenv("SHIM_THREAD");
    conf.nth = number("SHIM_NTH", 1);
    conf.times = number("SHIM_TIMES", -1);
    conf.every = number("SHIM_EVERY", 1);
    conf.what = what_to_do(getenv("SHIM_DO"));
    find_program();
    is_ready = true;
}

__attribute__((destructor)) static void end(void)
{
    FILE *to = conf.count ? fopen(conf.count, "w") : NULL;
    if (!to)
        return;
    fprintf(to, "calls %ld, read %ld, failed %ld\n", atomic_load(&n_calls), atomic_load(&n_read),
            atomic_load(&n_failed));
    fclose(to);
}

/* ---- which call ---- */

static bool is_named(const char *call)
{
    size_t len = strlen(call);
    for (const char *at = conf.calls; at && *at; at += strcspn(at, ","), at += *at == ',')
        if (strncmp(at, call, len) == 0 && (at[len] == ',' || !at[len]))
            return true;
    return false;
}

static bool is_in_thread(void)
{
    if (!conf.thread)
        return true;
    bool is_first = syscall(SYS_gettid) == getpid();
    return is_first == (strcmp(conf.thread, "first") == 0);
}

static bool is_at_path(const char *path, int fd)
{
    char link[64], found[PATH_MAX];
    if (!conf.path)
        return true;
    if (!path) {
        snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
        ssize_t len = readlink(link, found, sizeof found - 1);
        if (len < 0)
            return false;
        found[len] = '\0';
        path = found;
    }
    return strstr(path, conf.path) != NULL;
}

static bool is_due(void)
{
    long now = atomic_fetch_add(&n_calls, 1) + 1;
    if (conf.until)
        return access(conf.until, F_OK) == 0;
    if (now < conf.nth || (conf.times >= 0 && now >= conf.nth + conf.times))
        return false;
    return (now - conf.nth) % conf.every == 0;
}

/* PASS, or what shall happen to this call; a kill happens here. */
static int meet(const char *call, const char *path, int fd)
{
    int saved = errno;
    bool is_met = is_ready && is_named(call) && is_in_thread() && is_at_path(path, fd) && is_due();
    errno = saved;
    if (!is_met)
        return PASS;
    if (conf.what == KILL)
        kill(getpid(), SIGKILL);
    if (conf.what != PASS)
        atomic_fetch_add(&n_failed, 1);
    if (conf.what > 0)
        errno = conf.what;
    return conf.what;
}

/* ---- the calls ---- */

#define REAL(name)                                                                                 \
    static __typeof__(name) *real;                                                                 \
    if (!real)                                                                                     \
    real = (__typeof__(name) *)dlsym(RTLD_NEXT, #name)

ssize_t pwritev(int fd, const struct iovec *iov, int n_iov, off_t at)
{
    REAL(pwritev);
    int what = meet("pwritev", NULL, fd);
    if (what > 0)
        return -1;
    if (what == PASS)
        return real(fd, iov, n_iov, at);
    struct iovec first =
        iov[0]; /* half of the first part that has more than a byte, or what there is */
    for (int i = 0; i < n_iov; i++)
        if (iov[i].iov_len > first.iov_len)
            first.iov_len = iov[0].iov_len;
    first.iov_len = first.iov_len > 1 ? first.iov_len / 2 : first.iov_len;
    ssize_t n = real(fd, &first, 1, at);
    if (what == SHORT)
        return n;
    errno = ENOSPC;
    return -1;
}

ssize_t pwrite(int fd, const void *bytes, size_t len, off_t at)
{
    REAL(pwrite);
    int what = meet("pwrite", NULL, fd);
    if (what > 0)
        return -1;
    return real(fd, bytes, what == SHORT && len > 1 ? len / 2 : len, at);
}

ssize_t write(int fd, const void *bytes, size_t len)
{
    REAL(write);
    int what = meet("write", NULL, fd);
    if (what > 0)
        return -1;
    return real(fd, bytes, what == SHORT && len > 1 ? len / 2 : len);
}

ssize_t pread(int fd, void *into, size_t len, off_t at)
{
    REAL(pread);
    int what = meet("pread", NULL, fd);
    if (what > 0)
        return -1;
    ssize_t n = real(fd, into, what == SHORT && len > 1 ? len / 2 : len, at);
    if (n > 0)
        atomic_fetch_add(&n_read, n);
    return n;
}

int fdatasync(int fd)
{
    REAL(fdatasync);
    return meet("fdatasync", NULL, fd) > 0 ? -1 : real(fd);
}

int fsync(int fd)
{
    REAL(fsync);
    return meet("fsync", NULL, fd) > 0 ? -1 : real(fd);
}

int ftruncate(int fd, off_t len)
{
    REAL(ftruncate);
    return meet("ftruncate", NULL, fd) > 0 ? -1 : real(fd, len);
}

int posix_fallocate(int fd, off_t from, off_t len)
{
    REAL(posix_fallocate);
    int what = meet("fallocate", NULL, fd);
    return what > 0 ? what : real(fd, from, len);
}

int fallocate(int fd, int mode, off_t from, off_t len)
{
    REAL(fallocate);
    return meet("fallocate", NULL, fd) > 0 ? -1 : real(fd, mode, from, len);
}

int rename(const char *from, const char *to)
{
    REAL(rename);
    return meet("rename", from, -1) > 0 ? -1 : real(from, to);
}

int unlink(const char *path)
{
    REAL(unlink);
    return meet("unlink", path, -1) > 0 ? -1 : real(path);
}

int mkdir(const char *path, mode_t mode)
{
    REAL(mkdir);
    return meet("mkdir", path, -1) > 0 ? -1 : real(path, mode);
}

/* "open" is any; "create" only those that may change something. */
int open(const char *path, int flags, ...)
{
    REAL(open);
    va_list args;
    va_start(args, flags);
    mode_t mode = (mode_t)va_arg(args, int);
    va_end(args);
    if (meet("open", path, -1) > 0 ||
        ((flags & (O_WRONLY | O_RDWR | O_CREAT)) && meet("create", path, -1) > 0))
        return -1;
    return real(path, flags, mode);
}

/* ---- memory ---- */

static bool is_own(const void *from)
{
    return (const char *)from >= conf.begin && (const char *)from < conf.end;
}

#define FAILS() (is_ready && is_own(__builtin_return_address(0)) && meet("memory", "", -1) != PASS)

void *calloc(size_t n, size_t bytes)
{
    extern void *__libc_calloc(size_t, size_t); /* dlsym itself allocates */
    if (!FAILS())
        return __libc_calloc(n, bytes);
    errno = ENOMEM;
    return NULL;
}

void *reallocarray(void *old, size_t n, size_t bytes)
{
    extern void *__libc_realloc(void *, size_t);
    size_t all;
    if (!FAILS() && !__builtin_mul_overflow(n, bytes, &all))
        return __libc_realloc(old, all);
    errno = ENOMEM;
    return NULL;
}

__attribute__((format(printf, 2, 0))) static int print(char **text, const char *fmt, va_list args)
{
    va_list again;
    va_copy(again, args);
    int len = vsnprintf(NULL, 0, fmt, again);
    va_end(again);
    if (len < 0 || !(*text = malloc((size_t)len + 1)))
        return -1;
    return vsnprintf(*text, (size_t)len + 1, fmt, args);
}

int vasprintf(char **text, const char *fmt, va_list args)
{
    return FAILS() ? -1 : print(text, fmt, args);
}

__attribute__((format(printf, 3, 0))) int __vasprintf_chk(char **text, int flag, const char *fmt,
                                                          va_list args);
int __vasprintf_chk(char **text, int flag, const char *fmt, va_list args)
{
    (void)flag;
    return FAILS() ? -1 : print(text, fmt, args);
}
