/* fuzz_metrics.c: any bytes as files of /proc, /sys and control groups: whatever is in them, every metricset ends, with an error or
 * with events that are JSON.
 *
 * The input is pieces with 0xff between them; the first byte of a piece says which file it is, the rest is the file. They are
 * written to a folder in memory, so the real readers run. The same is looked at twice, so that rates are made too.
 */
#include "agent.h"

#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

static const char *const files[] = {
    "proc/stat",
    "proc/meminfo",
    "proc/vmstat",
    "proc/loadavg",
    "proc/uptime",
    "proc/diskstats",
    "proc/filesystems",
    "proc/1/net/dev",
    "proc/1/net/tcp",
    "proc/1/net/udp",
    "proc/1/net/sockstat",
    "proc/1/mounts",
    "proc/1/mountinfo",
    "proc/1/stat",
    "proc/1/statm",
    "proc/1/status",
    "proc/1/cmdline",
    "proc/1/limits",
    "proc/1/io",
    "proc/1/environ",
    "proc/1/cgroup",
    "proc/self/mountinfo",
    "proc/self/cgroup",
    "etc/passwd",
    "sys/fs/cgroup/g/cpu.stat",
    "sys/fs/cgroup/g/cpu.max",
    "sys/fs/cgroup/g/cpu.pressure",
    "sys/fs/cgroup/g/memory.stat",
    "sys/fs/cgroup/g/memory.max",
    "sys/fs/cgroup/g/memory.events",
    "sys/fs/cgroup/g/io.stat",
    "sys/fs/cgroup/g/pids.max",
    "sys/fs/cgroup/g/cpu.cfs_quota_us",
    "sys/fs/cgroup/g/cpuacct.usage_percpu",
    "sys/fs/cgroup/g/cpuacct.stat",
    "sys/fs/cgroup/g/memory.limit_in_bytes",
    "sys/fs/cgroup/g/memory.oom_control",
    "sys/fs/cgroup/g/blkio.throttle.io_service_bytes",
};
enum { FILES = sizeof(files) / sizeof(*files), SLICES_MAX = 10000 };

static char root[64];

static void remove_root(void)
{
    char command[128];
    snprintf(command, sizeof(command), "rm -rf '%s'", root);
    if (system(command) != 0)
        fprintf(stderr, "%s stays\n", root);
}

static void make_root(void)
{
    snprintf(root, sizeof(root), "%s/posta-fuzz.XXXXXX",
             access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp");
    if (!mkdtemp(root))
        abort();
    atexit(remove_root);
    for (size_t i = 0; i < FILES; i++) {
        char *dir = mem_printf("%s/%.*s", root, (int)(strrchr(files[i], '/') - files[i]), files[i]);
        char *path = dir;
        for (char *slash = path + strlen(root) + 1; (slash = strchr(slash, '/')); *slash++ = '/') {
            *slash = '\0';
            (void)mkdir(path, 0700);
        }
        (void)mkdir(path, 0700);
        free(dir);
    }
}

static void write_files(const uint8_t *data, size_t size)
{
    char path[256];
    for (size_t i = 0; i < FILES; i++) {
        snprintf(path, sizeof(path), "%s/%s", root, files[i]);
        unlink(path);
    }
    while (size > 0) {
        const uint8_t *end = memchr(data, 0xff, size);
        size_t len = end ? (size_t)(end - data) : size;
        if (len > 0) {
            snprintf(path, sizeof(path), "%s/%s", root, files[data[0] % FILES]);
            int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
            if (fd < 0 || write(fd, data + 1, len - 1) != (ssize_t)len - 1)
                abort();
            close(fd);
        }
        data += len + (end != NULL);
        size -= len + (end != NULL);
    }
}

struct run {
    struct members event, host;
};

static void give(void *arg)
{
    struct run *run = arg;
    struct buf out = BUF_INIT;
    struct json_span value;
    struct err err;
    const struct buf *event = members_end(&run->event), *host = members_end(&run->host);
    buf_putc(&out, '{');
    buf_append(&out, event->data, event->len);
    buf_puts(&out, event->len ? ",\"host\":{" : "\"host\":{");
    buf_append(&out, host->data, host->len);
    buf_puts(&out, "}}");
    if (json_check(out.data, out.len, &value, &err)) {
        fprintf(stderr, "%s: %s\n", err.text, buf_str(&out));
        abort();
    }
    buf_free(&out);
    members_clear(&run->event);
    members_clear(&run->host);
}

static void look(const struct metricset *set, void *self, struct run *run)
{
    const struct metric_sink sink = {
        .arg = run, .event = &run->event, .host = &run->host, .give = give};
    struct err err;
    int n = 0;
    do {
        members_clear(&run->event);
        members_clear(&run->host);
        if (++n > SLICES_MAX)
            abort();
    } while (set->sample(self, &sink, &err) > 0);
}

static void run_set(const struct metricset *set)
{
    struct problems problems = PROBLEMS_INIT;
    struct run run = {.host.has_one = false};
    struct buf text = BUF_INIT;
    struct err err;
    void *self = mem_zero(1, set->size);
    if (set->options && options_read(NULL, "", set->options, self, &problems))
        abort();
    struct metric_env *env = self;
    *env = (struct metric_env) {.hostfs = root, .host = "", .text = &text};
    if (set->open && set->open(self, &err))
        abort();
    for (int i = 1; i <= 2; i++) {
        env->now_ns = i * NS_PER_S;
        look(set, self, &run);
    }
    if (set->close)
        set->close(self);
    if (set->options)
        options_free(set->options, self);
    free(self);
    members_free(&run.event);
    members_free(&run.host);
    buf_free(&text);
    problems_free(&problems);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (!*root)
        make_root();
    write_files(data, size);
    for (size_t i = 0; all_metricsets[i]; i++)
        if (!all_metricsets[i]->page)
            run_set(all_metricsets[i]);
    return 0;
}
