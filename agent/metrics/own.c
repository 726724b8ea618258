/* own.c: what this process itself takes. */
#include "process.h"

#include <posta/err.h>
#include <posta/loop.h>

#include <stdio.h>
#include <sys/resource.h>
#include <unistd.h>

static uint64_t count_descriptors(const struct metric_env *env)
{
    struct err ignored; /* then it is not known */
    uint64_t n = 0;
    struct folder *folder = folder_open(env, "/proc/self/fd", &ignored);
    while (folder && folder_next(folder))
        n++;
    folder_close(folder);
    return n > 0 ? n - 1 : 0; /* the one that looks */
}

static void take_stat(const struct metric_env *env, struct process_own *own)
{
    struct buf text = BUF_INIT;
    struct err ignored; /* then it stays 0 */
    struct process p;
    if (kernel_read(env, "/proc/self/stat", &text, &ignored) == 0 &&
        process_read(text_of(&text), &p)) {
        own->n_threads = p.n_threads;
        own->size_bytes = p.size;
        own->rss_bytes = p.rss_pages * (uint64_t)sysconf(_SC_PAGESIZE);
    }
    buf_free(&text);
}

const struct process_begin *process_begin(void)
{
    static struct process_begin begin;
    if (begin.wall_ns == 0)
        begin = (struct process_begin) {.wall_ns = clock_wall_ns(), .mono_ns = clock_mono_ns()};
    return &begin;
}

void process_own(struct process_own *own)
{
    static const struct metric_env here = {.hostfs = ""};
    struct rusage used;
    struct rlimit limit;
    *own = (struct process_own) {0};
    take_stat(&here, own);
    own->n_descriptors = count_descriptors(&here);
    if (getrusage(RUSAGE_SELF, &used) == 0) {
        own->user_s = (double)used.ru_utime.tv_sec + (double)used.ru_utime.tv_usec / 1e6;
        own->system_s = (double)used.ru_stime.tv_sec + (double)used.ru_stime.tv_usec / 1e6;
    }
    if (getrlimit(RLIMIT_NOFILE, &limit) == 0) {
        own->descriptors_soft = limit.rlim_cur;
        own->descriptors_hard = limit.rlim_max;
    }
}
