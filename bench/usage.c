/* usage.c: run a command and append to FILE, tab by tab: NAME, user s, system s, wall s, peak RSS KB, peak RssAnon KB, most
 * threads, voluntary switches, involuntary switches. Of the command's process alone.
 *
 *   usage [-u DONE_FILE | -w BYTES] [-s SIGNAL] [-a SECONDS] [-b SECONDS] [-i] FILE NAME COMMAND ARGS...
 *
 * It runs until it ends by itself; -u: until DONE_FILE is there; -w: until it has written so many bytes. Then it gets SIGNAL (TERM),
 * and 10 s later KILL. -a: it is stopped after so many seconds in any case (600), which is a failure and wall s -1; but with -i only
 * what it uses in the last half of that time counts, and peaks are how it is at the end. -b: what it used in its first seconds,
 * to start, is taken off user s.
 */
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { SAMPLE_US = 10000, KILL_S = 10 };

struct memory {
    long rss_kb, anon_kb, threads, voluntary, involuntary;
};

static struct {
    const char *done, *out, *name;
    long long written;
    int signo, at_most_s, begin_s;
    double begin_cpu_s;
    bool is_idle;
    pid_t pid;
    struct memory peak;
} u = {.signo = SIGTERM, .at_most_s = 600};

static double now_s(void)
{
    struct timespec ts;
    clock_gettime(CLOCK_MONOTONIC, &ts);
    return (double)ts.tv_sec + (double)ts.tv_nsec / 1e9;
}

static double seconds_of(struct timeval tv)
{
    return (double)tv.tv_sec + (double)tv.tv_usec / 1e6;
}

static FILE *open_proc(const char *file)
{
    char path[128];
    snprintf(path, sizeof path, "/proc/%d/%s", (int)u.pid, file);
    return fopen(path, "r");
}

/* All rows "Name: number" of a file of the process, to a function. */
static void each_row(const char *file, void (*take)(void *arg, const char *name, long long value),
                     void *arg)
{
    char row[256], name[64];
    long long value;
    FILE *proc = open_proc(file);
    while (proc && fgets(row, sizeof row, proc))
        if (sscanf(row, "%63[^:]: %lld", name, &value) == 2)
            take(arg, name, value);
    if (proc)
        fclose(proc);
}

static void take_memory(void *arg, const char *name, long long value)
{
    struct memory *now = arg;
    if (strcmp(name, "VmRSS") == 0)
        now->rss_kb = value;
    else if (strcmp(name, "RssAnon") == 0)
        now->anon_kb = value;
    else if (strcmp(name, "Threads") == 0)
        now->threads = value;
}

static long most(long a, long b)
{
    return a > b ? a : b;
}

static void sample(void)
{
    struct memory now = {.rss_kb = 0};
    each_row("status", take_memory, &now);
    u.peak.rss_kb = most(u.peak.rss_kb, now.rss_kb);
    u.peak.anon_kb = most(u.peak.anon_kb, now.anon_kb);
    u.peak.threads = most(u.peak.threads, now.threads);
}

static void take_switches(void *arg, const char *name, long long value)
{
    struct memory *sum = arg;
    if (strcmp(name, "voluntary_ctxt_switches") == 0)
        sum->voluntary += value;
    else if (strcmp(name, "nonvoluntary_ctxt_switches") == 0)
        sum->involuntary += value;
}

/* Of all threads; CPU time in ns by schedstat, which is finer than stat's ticks. */
static double threads_now(struct memory *sum)
{
    char path[128], file[64];
    double ns = 0, one;
    *sum = (struct memory) {.rss_kb = 0};
    snprintf(path, sizeof path, "ls /proc/%d/task", (int)u.pid);
    FILE *list = popen(path, "r");
    for (int tid; list && fscanf(list, "%d", &tid) == 1;) {
        snprintf(file, sizeof file, "task/%d/status", tid);
        each_row(file, take_switches, sum);
        snprintf(file, sizeof file, "task/%d/schedstat", tid);
        FILE *stat = open_proc(file);
        if (stat && fscanf(stat, "%lf", &one) == 1)
            ns += one;
        if (stat)
            fclose(stat);
    }
    if (list)
        pclose(list);
    return ns / 1e9;
}

static void take_written(void *arg, const char *name, long long value)
{
    if (strcmp(name, "wchar") == 0)
        *(long long *)arg = value;
}

static bool is_done(void)
{
    long long written = 0;
    if (u.done)
        return access(u.done, F_OK) == 0;
    if (u.written)
        each_row("io", take_written, &written);
    return u.written && written >= u.written;
}

/* Until it has ended, by itself or because it is done or late. The time it took; -1: it was late. */
static double wait_for_end(int *status, struct rusage *used)
{
    double start = now_s(), took = 0;
    while (wait4(u.pid, status, WNOHANG, used) == 0) {
        double at = now_s() - start;
        bool is_late = took == 0 && at > u.at_most_s;
        sample();
        if (u.begin_s && u.begin_cpu_s == 0 && at > u.begin_s)
            u.begin_cpu_s = threads_now(&(struct memory) {.rss_kb = 0});
        if (took == 0 && (is_late || is_done())) {
            took = is_late ? -1 : at;
            kill(u.pid, u.signo);
        }
        if (took != 0 && at > (took < 0 ? u.at_most_s : took) + KILL_S)
            kill(u.pid, SIGKILL);
        usleep(SAMPLE_US);
    }
    return took != 0 ? took : now_s() - start;
}

static void put(double user_s, double sys_s, double wall_s)
{
    FILE *out = fopen(u.out, "a");
    if (!out)
        exit(1);
    fprintf(out, "%s\t%.3f\t%.3f\t%.3f\t%ld\t%ld\t%ld\t%ld\t%ld\n", u.name, user_s, sys_s, wall_s,
            u.peak.rss_kb, u.peak.anon_kb, u.peak.threads, u.peak.voluntary, u.peak.involuntary);
    fclose(out);
}

static int run_to_end(void)
{
    struct rusage used;
    int status = 0;
    double wall_s = wait_for_end(&status, &used);
    u.peak.rss_kb = most(u.peak.rss_kb, used.ru_maxrss);
    u.peak.voluntary = used.ru_nvcsw;
    u.peak.involuntary = used.ru_nivcsw;
    put(seconds_of(used.ru_utime) - u.begin_cpu_s, seconds_of(used.ru_stime), wall_s);
    bool was_told = u.done || u.written;
    if (wall_s < 0)
        return 1;
    return was_told || (WIFEXITED(status) && WEXITSTATUS(status) == 0) ? 0 : 1;
}

/* ---- idle ---- */

static int watch_idle(void)
{
    struct memory before, after;
    int half_s = u.at_most_s / 2, status;
    sleep((unsigned)(u.at_most_s - half_s));
    double cpu_before = threads_now(&before);
    sleep((unsigned)half_s);
    double cpu_after = threads_now(&after);
    sample();
    u.peak.voluntary = after.voluntary - before.voluntary;
    u.peak.involuntary = after.involuntary - before.involuntary;
    put(cpu_after - cpu_before, 0, half_s);
    kill(u.pid, u.signo);
    for (int i = 0; waitpid(u.pid, &status, WNOHANG) == 0; i++) {
        if (i == KILL_S * 100)
            kill(u.pid, SIGKILL);
        usleep(SAMPLE_US);
    }
    return 0;
}

int main(int argc, char **argv)
{
    for (int c; (c = getopt(argc, argv, "+u:w:s:a:b:i")) != -1;) {
        if (c == 'u')
            u.done = optarg;
        else if (c == 'w')
            u.written = atoll(optarg);
        else if (c == 's')
            u.signo = strcmp(optarg, "KILL") == 0 ? SIGKILL : atoi(optarg);
        else if (c == 'a')
            u.at_most_s = atoi(optarg);
        else if (c == 'b')
            u.begin_s = atoi(optarg);
        else if (c == 'i')
            u.is_idle = true;
        else
            return 1;
    }
    if (argc - optind < 3)
        return 1;
    u.out = argv[optind];
    u.name = argv[optind + 1];
    u.pid = fork();
    if (u.pid == 0) {
        execvp(argv[optind + 2], argv + optind + 2);
        _exit(127);
    }
    if (u.pid < 0)
        return 1;
    return u.is_idle ? watch_idle() : run_to_end();
}
