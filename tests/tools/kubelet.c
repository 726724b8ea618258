/* A node's kubelet and container runtime, as far as logs go: pods come, write, have their logs rotated, and go.
 *
 *   kubelet -r ROOT -a FIFO -o TOTALS -s SEED [-n CONTAINERS] [-l LINES] [-z BYTES] [-m FILES] [-e SHORT] [-t MS] [-d DELAY_MS]
 *
 * Below ROOT: var/log/pods/<ns>_<pod>_<uid>/<container>/0.log, lines of CRI, and the links var/log/containers/<pod>_<ns>_<container>-
 * <id>.log to them. CONTAINERS (200) write LINES (600) lines each over at least MS (10000) ms; then as many as SHORT (40) short-lived ones come one
 * after the other meanwhile, of which the folder and the link go DELAY_MS (300) after the last line. A log of BYTES (16384)
 * is rotated by kubelet's rules: older ones are compressed (.tmp, then renamed to .gz), the log is renamed to 0.log.<time> and
 * made anew, the writer has the old one open for a few lines more; at most FILES (5) stay. The FIFO is podsd's: it is told
 * of every pod. TOTALS gets "ID LINES" for each container when it ends. A line says what is true of it:
 *
 *   seq=N ns=NS pod=NAME uid=UID c=CONTAINER id=ID app=APP
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>
#include <zlib.h>

enum { PATH = 1024, AFTER_RENAME = 3, OLD_MAX = 16 };

struct container {
    char ns[32], pod[96], uid[40], name[32], id[72], app[32];
    char folder[PATH], link[PATH], log[PATH + 16];
    int fd, old_fd, n_old_lines;
    long written, lines, bytes;
    int n_rotated;
    bool has_begun, has_ended, is_short, is_gone, is_running;
    long gone_ms, runs_ms;
};

static struct {
    const char *root;
    FILE *api, *totals;
    long n, lines, size, files, n_short, spread_ms, delay_ms;
    struct container *all;
} node = {.n = 200,
          .lines = 600,
          .size = 16384,
          .files = 5,
          .n_short = 40,
          .spread_ms = 10000,
          .delay_ms = 300};

static void die(const char *what)
{
    fprintf(stderr, "kubelet: %s: %s\n", what, strerror(errno));
    exit(1);
}

static long now_ms(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static void hex(char *into, size_t n)
{
    for (size_t i = 0; i < n; i++)
        into[i] = "0123456789abcdef"[rand() % 16];
    into[n] = '\0';
}

static void make_dir(const char *path)
{
    if (mkdir(path, 0755) && errno != EEXIST)
        die(path);
}

/* ---- pods ---- */

static void tell(const struct container *c, bool runs)
{
    fprintf(node.api, "put %s %s %s %s %s %s %s\n", c->ns, c->pod, c->uid, c->name,
            runs ? c->id : "-", c->app, runs ? "10.1.2.3" : "-");
    fflush(node.api);
}

static void open_log(struct container *c)
{
    c->fd = open(c->log, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0640);
    if (c->fd < 0)
        die(c->log);
    c->bytes = 0;
}

static void name_it(struct container *c, long i)
{
    char h[12];
    snprintf(c->app, sizeof c->app, "app%ld", i % 17);
    snprintf(c->ns, sizeof c->ns, "ns-%ld", i % 5);
    hex(h, 9);
    snprintf(c->pod, sizeof c->pod, "%s-%s-", c->app, h);
    hex(c->pod + strlen(c->pod), 5);
    for (int k = 0; k < 5; k++) {
        hex(h, k == 0 ? 8 : k == 4 ? 11 : 4);
        snprintf(c->uid + strlen(c->uid), sizeof c->uid - strlen(c->uid), "%s%s%s", k ? "-" : "", h,
                 k == 4 ? "0" : "");
    }
    snprintf(c->name, sizeof c->name, "main%ld", i % 3);
    hex(c->id, 64);
}

/* The API server knows the pod before its container runs; its status comes later. */
static void begin(struct container *c)
{
    tell(c, false);
    snprintf(c->folder, sizeof c->folder, "%s/var/log/pods/%s_%s_%s", node.root, c->ns, c->pod,
             c->uid);
    make_dir(c->folder);
    char sub[PATH + 64];
    snprintf(sub, sizeof sub, "%s/%s", c->folder, c->name);
    make_dir(sub);
    snprintf(c->log, sizeof c->log, "%.*s/0.log", PATH, sub);
    snprintf(c->link, sizeof c->link, "%s/var/log/containers/%s_%s_%s-%s.log", node.root, c->pod,
             c->ns, c->name, c->id);
    open_log(c);
    if (symlink(c->log, c->link))
        die(c->link);
    c->old_fd = -1;
    c->has_begun = true;
    c->runs_ms = now_ms() + 50;
}

static void remove_all(struct container *c)
{
    char path[PATH + 512], sub[PATH + 64];
    snprintf(sub, sizeof sub, "%s/%s", c->folder, c->name);
    DIR *dir = opendir(sub);
    for (struct dirent *e; dir && (e = readdir(dir));) {
        snprintf(path, sizeof path, "%s/%s", sub, e->d_name);
        if (e->d_name[0] != '.' && unlink(path))
            die(path);
    }
    closedir(dir);
    if (rmdir(sub) || rmdir(c->folder) || unlink(c->link))
        die(c->folder);
    fprintf(node.api, "del %s %s %s\n", c->ns, c->pod, c->uid);
    fflush(node.api);
    c->is_gone = true;
}

/* ---- rotation ---- */

static void compress_file(const char *path)
{
    char tmp[PATH + 600], gz[PATH + 600], block[65536];
    snprintf(tmp, sizeof tmp, "%s.tmp", path);
    snprintf(gz, sizeof gz, "%s.gz", path);
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    gzFile out = gzopen(tmp, "wb1");
    ssize_t n;
    if (fd < 0 || !out)
        die(path);
    while ((n = read(fd, block, sizeof block)) > 0)
        gzwrite(out, block, (unsigned)n);
    close(fd);
    gzclose(out);
    if (rename(tmp, gz) || unlink(path))
        die(path);
}

static int by_name(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

/* Older generations, oldest first. */
static size_t older(const struct container *c, char *names[static OLD_MAX])
{
    char sub[PATH + 64];
    size_t n = 0;
    snprintf(sub, sizeof sub, "%s/%s", c->folder, c->name);
    DIR *dir = opendir(sub);
    for (struct dirent *e; dir && (e = readdir(dir));)
        if (strncmp(e->d_name, "0.log.", 6) == 0 && n < OLD_MAX &&
            asprintf(&names[n], "%s/%s", sub, e->d_name) > 0)
            n++;
    closedir(dir);
    qsort(names, n, sizeof *names, by_name);
    return n;
}

static void rotate(struct container *c)
{
    char *names[OLD_MAX], rotated[PATH + 64];
    size_t n = older(c, names),
           first = n > (size_t)node.files - 2 ? n - ((size_t)node.files - 2) : 0;
    for (size_t i = 0; i < n; i++) {
        const char *dot = strrchr(names[i], '.');
        if (i < first && unlink(names[i]))
            die(names[i]);
        if (i >= first && strcmp(dot, ".gz") != 0)
            compress_file(names[i]);
        free(names[i]);
    }
    time_t now = time(NULL);
    char stamp[32];
    strftime(stamp, sizeof stamp, "%Y%m%d-%H%M%S", gmtime(&now));
    snprintf(rotated, sizeof rotated, "%s.%s-%04d", c->log, stamp, c->n_rotated++);
    if (rename(c->log, rotated))
        die(rotated);
    if (c->old_fd >= 0)
        close(c->old_fd);
    c->old_fd = c->fd;
    c->n_old_lines = AFTER_RENAME; /* before the runtime is told to open it anew */
    c->fd = -1;
}

/* ---- writing ---- */

static void write_line(struct container *c)
{
    char line[512], stamp[40];
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    strftime(stamp, sizeof stamp, "%Y-%m-%dT%H:%M:%S", gmtime(&now.tv_sec));
    int len = snprintf(line, sizeof line,
                       "%s.%09ldZ std%s F seq=%ld ns=%s pod=%s uid=%s c=%s id=%s app=%s\n", stamp,
                       now.tv_nsec, rand() % 4 ? "out" : "err", c->written, c->ns, c->pod, c->uid,
                       c->name, c->id, c->app);
    if (c->fd < 0 && c->n_old_lines-- == 0) {
        close(c->old_fd);
        c->old_fd = -1;
        open_log(c);
    }
    if (write(c->fd < 0 ? c->old_fd : c->fd, line, (size_t)len) != len)
        die("write");
    c->written++;
    c->bytes += len;
    if (c->fd >= 0 && c->bytes >= node.size)
        rotate(c);
}

static void end(struct container *c)
{
    if (c->fd >= 0)
        close(c->fd);
    if (c->old_fd >= 0)
        close(c->old_fd);
    c->has_ended = true;
    c->gone_ms = now_ms() + node.delay_ms;
    fprintf(node.totals, "%s %ld\n", c->id, c->written);
    fflush(node.totals);
}

/* Its due share of lines by now. False when it has nothing more to do. */
static bool step(struct container *c, long at_ms, long from_ms, long spread_ms)
{
    if (c->is_gone || (c->has_ended && !c->is_short))
        return false;
    if (c->has_ended) {
        if (now_ms() >= c->gone_ms)
            remove_all(c);
        return true;
    }
    if (at_ms < from_ms)
        return true;
    if (!c->has_begun)
        begin(c);
    if (!c->is_running && now_ms() >= c->runs_ms) {
        tell(c, true);
        c->is_running = true;
    }
    long due = spread_ms > 0 ? c->lines * (at_ms - from_ms) / spread_ms : c->lines;
    for (int i = 0; i < 40 && c->written < c->lines && c->written < due; i++)
        write_line(c);
    if (c->written == c->lines && c->is_running)
        end(c);
    return true;
}

int main(int argc, char **argv)
{
    const char *api = NULL, *totals = NULL;
    char path[PATH];
    int o;
    while ((o = getopt(argc, argv, "r:a:o:s:n:l:z:m:e:t:d:")) != -1) {
        long value = strtol(optarg, NULL, 10);
        switch (o) {
        case 'r':
            node.root = optarg;
            break;
        case 'a':
            api = optarg;
            break;
        case 'o':
            totals = optarg;
            break;
        case 's':
            srand((unsigned)value);
            break;
        case 'n':
            node.n = value;
            break;
        case 'l':
            node.lines = value;
            break;
        case 'z':
            node.size = value;
            break;
        case 'm':
            node.files = value;
            break;
        case 'e':
            node.n_short = value;
            break;
        case 't':
            node.spread_ms = value;
            break;
        case 'd':
            node.delay_ms = value;
            break;
        default:
            return 1;
        }
    }
    if (!node.root || !api || !totals || !(node.api = fopen(api, "w")) ||
        !(node.totals = fopen(totals, "a")))
        die("arguments");
    for (const char *const *dir = (const char *[]) {"", "/var", "/var/log", "/var/log/pods",
                                                    "/var/log/containers", NULL};
         *dir; dir++) {
        snprintf(path, sizeof path, "%s%s", node.root, *dir);
        make_dir(path);
    }
    long n_all = node.n + node.n_short, begun_ms = now_ms();
    node.all = calloc((size_t)n_all, sizeof *node.all);
    for (long i = 0; i < n_all; i++) {
        node.all[i].is_short = i >= node.n;
        node.all[i].lines = i >= node.n ? node.lines / 10 : node.lines;
        name_it(&node.all[i], i);
    }
    for (bool goes_on = true; goes_on;) {
        long at_ms = now_ms() - begun_ms;
        goes_on = false;
        for (long i = 0; i < n_all; i++) {
            bool is_short = i >= node.n;
            long from_ms = is_short ? node.spread_ms * (i - node.n) / (node.n_short + 1) : 0;
            goes_on |= step(&node.all[i], at_ms, from_ms, is_short ? 200 : node.spread_ms);
        }
        usleep(2000);
    }
    return 0;
}
