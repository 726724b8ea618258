/* process_detail.c: one process as an event, with the field names of Beats.
 *
 * Failure modes: every file may be missing or closed to us (another user's, a process of the kernel, one that is gone): its figures
 * are left out. If the process is gone altogether there is no event.
 */
#include "process.h"

#include <posta/json.h>
#include <posta/time_text.h>

#include <stdio.h>

enum { ARGS_BYTES = 4096, LINK_BYTES = 4096, FDS_MAX = 100000 };

static bool read_file(struct process_detail *d, const struct process *p, const char *name)
{
    char path[64];
    struct err err;
    snprintf(path, sizeof path, "/proc/%llu/%s", (unsigned long long)p->pid, name);
    return kernel_read(d->env, path, &d->text, &err) == 0;
}

static void link_name(const struct process *p, const char *name, char path[static 64])
{
    snprintf(path, 64, "/proc/%llu/%s", (unsigned long long)p->pid, name);
}

/* ---- who and what ---- */

/* "name:x:1000:..." */
static bool find_user(struct process_detail *d, struct text uid, struct text *name)
{
    struct text passwd = text_of(&d->passwd), line, word;
    while (text_line(&passwd, &line))
        if (text_until(&line, ':', name) && text_until(&line, ':', &word) &&
            text_until(&line, ':', &word) && text_len(word) == text_len(uid) &&
            memcmp(word.at, uid.at, text_len(uid)) == 0)
            return true;
    return false;
}

/* status counts memory exactly, stat only nearly so; processes of the kernel have none there. */
static void read_status(struct process_detail *d, const struct process *p)
{
    struct text line, word;
    uint64_t kb;
    d->rss_bytes = p->rss_pages * d->host->page_bytes;
    d->uid[0] = '\0';
    if (!read_file(d, p, "status"))
        return;
    for (struct text text = text_of(&d->text); text_line(&text, &line);) {
        if (!text_word(&line, &word))
            continue;
        if (text_is(word, "VmRSS:") && text_u64(&line, &kb))
            d->rss_bytes = kb * 1024;
        if (text_is(word, "Uid:") && text_word(&line, &word))
            snprintf(d->uid, sizeof d->uid, "%.*s", (int)text_len(word), word.at);
    }
}

static void put_user(struct process_detail *d, struct members *event)
{
    struct text uid = {d->uid, d->uid + strlen(d->uid)}, name;
    if (text_len(uid) == 0)
        return;
    if (!find_user(d, uid, &name))
        name = uid;
    members_text(event, "user.name", name.at, text_len(name));
}

/* Arguments with NULs between; kept in d->args with blanks between. Too long: cut. */
static void put_args(struct process_detail *d, const struct process *p, struct members *event)
{
    struct text arg;
    buf_clear(&d->args);
    if (!read_file(d, p, "cmdline") || d->text.len == 0)
        return;
    if (d->text.len > ARGS_BYTES)
        d->text.len = ARGS_BYTES;
    members_name(event, "process.args");
    buf_putc(&event->json, '[');
    for (struct text text = text_of(&d->text); text_until(&text, '\0', &arg);) {
        buf_puts(&event->json, d->args.len ? ",\"" : "\"");
        json_escape(&event->json, arg.at, text_len(arg));
        buf_putc(&event->json, '"');
        buf_append(&d->args, arg.at, text_len(arg));
        buf_putc(&d->args, ' ');
    }
    buf_putc(&event->json, ']');
    d->args.len -= d->args.len > 0;
    members_text(event, "process.command_line", d->args.data, d->args.len);
}

static void put_link(struct process_detail *d, const struct process *p, const char *name,
                     const char *field, struct members *event)
{
    char path[64], target[LINK_BYTES];
    link_name(p, name, path);
    if (kernel_link(d->env, path, target, sizeof target))
        members_str(event, field, target);
}

static void put_text(struct members *event, const char *name, const char *text)
{
    if (*text)
        members_str(event, name, text);
}

static void put_start(const struct process_detail *d, const struct process *p, const char *name,
                      struct members *event)
{
    char text[TIME_TEXT_BYTES];
    uint64_t seconds = d->host->boot_s + p->start_ticks / 100;
    if (seconds > TIME_TEXT_LAST_MS / 1000)
        return;
    time_text((int64_t)seconds * 1000, text);
    put_text(event, name, text);
}

static void put_root(struct process_detail *d, const struct process *p, struct members *event)
{
    put_text(event, "process.name", p->name);
    members_u64(event, "process.pid", p->pid);
    members_u64(event, "process.parent.pid", p->ppid);
    members_u64(event, "process.pgid", p->pgid);
    put_text(event, "process.state", process_state_name(p->state));
    put_args(d, p, event);
    put_link(d, p, "exe", "process.executable", event);
    put_link(d, p, "cwd", "process.working_directory", event);
    put_start(d, p, "process.cpu.start_time", event);
    if (p->pct >= 0)
        members_float(event, "process.cpu.pct", p->pct / d->host->n_cores);
    if (d->host->total_bytes != NO_VALUE)
        members_float(event, "process.memory.pct", share(d->rss_bytes, d->host->total_bytes));
}

/* ---- what it uses ---- */

static void put_cpu(struct process_detail *d, const struct process *p, struct members *event)
{
    uint64_t ms = (p->user_ticks + p->system_ticks) * 10;
    put_start(d, p, "cpu.start_time", event);
    members_u64(event, "cpu.total.value", ms);
    if (p->pct >= 0) {
        members_float(event, "cpu.total.pct", p->pct);
        members_float(event, "cpu.total.norm.pct", p->pct / d->host->n_cores);
    }
    if (!d->wants->has_ticks)
        return;
    members_u64(event, "cpu.total.ticks", ms);
    members_u64(event, "cpu.user.ticks", p->user_ticks * 10);
    members_u64(event, "cpu.system.ticks", p->system_ticks * 10);
}

static void put_memory(struct process_detail *d, const struct process *p, struct members *event)
{
    uint64_t pages, shared = NO_VALUE;
    members_u64(event, "memory.size", p->size);
    if (read_file(d, p, "statm")) {
        struct text text = text_of(&d->text);
        if (text_u64(&text, &pages) && text_u64(&text, &pages) && text_u64(&text, &pages))
            shared = pages * d->host->page_bytes;
    }
    members_u64(event, "memory.share", shared);
    members_u64(event, "memory.rss.bytes", d->rss_bytes);
    if (d->host->total_bytes != NO_VALUE)
        members_float(event, "memory.rss.pct", share(d->rss_bytes, d->host->total_bytes));
}

static void put_open_files(struct process_detail *d, const struct process *p, struct members *event)
{
    char path[64];
    struct err err;
    uint64_t n = 0;
    link_name(p, "fd", path);
    struct folder *folder = folder_open(d->env, path, &err);
    if (!folder)
        return;
    while (n < FDS_MAX && folder_next(folder))
        n++;
    folder_close(folder);
    members_u64(event, "fd.open", n);
}

/* "Max open files            1024                 1048576              files" */
static void put_file_limits(struct process_detail *d, const struct process *p,
                            struct members *event)
{
    static const char head[] = "Max open files";
    struct text line;
    uint64_t soft, hard;
    if (!read_file(d, p, "limits"))
        return;
    for (struct text text = text_of(&d->text); text_line(&text, &line);) {
        if (text_len(line) < sizeof head || memcmp(line.at, head, sizeof head - 1) != 0)
            continue;
        line.at += sizeof head - 1;
        (void)text_u64(&line, &soft); /* "unlimited": NO_VALUE */
        (void)text_u64(&line, &hard);
        members_u64(event, "fd.limit.soft", soft);
        members_u64(event, "fd.limit.hard", hard);
    }
}

struct io {
    uint64_t read_char, write_char, read_ops, write_ops, read_bytes, write_bytes, cancelled;
};

static void put_io(struct process_detail *d, const struct process *p, struct members *event)
{
    static const struct text_key keys[] = {
        {"rchar", offsetof(struct io, read_char)},
        {"wchar", offsetof(struct io, write_char)},
        {"syscr", offsetof(struct io, read_ops)},
        {"syscw", offsetof(struct io, write_ops)},
        {"read_bytes", offsetof(struct io, read_bytes)},
        {"write_bytes", offsetof(struct io, write_bytes)},
        {"cancelled_write_bytes", offsetof(struct io, cancelled)},
    };
    struct io io;
    if (!read_file(d, p, "io"))
        return;
    text_read_keys(text_of(&d->text), keys, sizeof keys / sizeof *keys, &io);
    members_u64(event, "io.read_char", io.read_char);
    members_u64(event, "io.write_char", io.write_char);
    members_u64(event, "io.read_ops", io.read_ops);
    members_u64(event, "io.write_ops", io.write_ops);
    members_u64(event, "io.read_bytes", io.read_bytes);
    members_u64(event, "io.write_bytes", io.write_bytes);
    members_u64(event, "io.cancelled_write_bytes", io.cancelled);
}

/* The process may have changed its environment to hold a name twice. */
static bool is_first(const struct process_detail *d, struct text name)
{
    struct text pair, other;
    for (struct text text = text_of(&d->text); text_until(&text, '\0', &pair);)
        if (text_until(&pair, '=', &other) && text_len(other) == text_len(name) &&
            memcmp(other.at, name.at, text_len(name)) == 0)
            return other.at == name.at;
    return false;
}

/* A name with a dot would be taken for an object. */
static bool is_wanted_env(const struct process_detail *d, struct text name)
{
    size_t len = text_len(name);
    return len > 0 && len <= 100 && !memchr(name.at, '.', len) &&
           regex_list_try(&d->wants->env_patterns, name.at, len) == 1 && is_first(d, name);
}

static void put_env(struct process_detail *d, const struct process *p, struct members *event)
{
    struct text pair, name;
    char field[128];
    if (d->wants->env_patterns.n == 0 || !read_file(d, p, "environ"))
        return;
    for (struct text text = text_of(&d->text); text_until(&text, '\0', &pair);) {
        if (!text_until(&pair, '=', &name) || !is_wanted_env(d, name))
            continue;
        snprintf(field, sizeof field, "env.%.*s", (int)text_len(name), name.at);
        members_text(event, field, pair.at, text_len(pair));
    }
}

static void put_cgroup(struct process_detail *d, const struct process *p, struct members *event)
{
    struct cgroup group;
    char path[64];
    if (!d->wants->has_cgroups)
        return;
    link_name(p, "cgroup", path);
    if (cgroup_find(&group, d->mounts, d->env, path) && !cgroup_is_root(&group)) {
        event->prefix = "system.process.cgroup";
        cgroup_put(&group, event);
    }
    cgroup_free(&group);
}

void process_give(struct process_detail *d, const struct process *p, const struct metric_sink *sink)
{
    struct members *event = sink->event;
    if (!read_file(d, p, "stat"))
        return;
    read_status(d, p);
    put_root(d, p, event);
    put_user(d, event);
    event->prefix = "system.process";
    put_text(event, "state", process_state_name(p->state));
    if (d->args.len > 0)
        members_text(event, "cmdline", d->args.data, d->args.len);
    members_u64(event, "num_threads", p->n_threads);
    put_cpu(d, p, event);
    put_memory(d, p, event);
    put_open_files(d, p, event);
    put_file_limits(d, p, event);
    put_io(d, p, event);
    put_env(d, p, event);
    put_cgroup(d, p, event);
    sink->give(sink->arg);
}
