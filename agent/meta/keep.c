/* keep.c: what was told of logs, in a file, for lines that wait in the spool while their pod goes and posta is started again.
 *
 * A line: {"path":"..","born":1767323045,"members":{"kubernetes":{..},..}}. Appended without a sync: a kill loses nothing, a power
 * cut perhaps the last ones, whose pods are mostly there again to be asked for.
 * Failure modes: a line that is none (torn, damaged) is passed over. The file cannot be written: said, and tried again at the next
 * change; events are not held up.
 * On close: keep_free.
 */
#include "meta.h"

#include <posta/fs.h>
#include <posta/log.h>

#include <stdlib.h>
#include <string.h>

enum { LOAD_BYTES = 32 * 1024 * 1024, LONG_BYTES = 8 * 1024 * 1024 };

void keep_init(struct keep *keep, const char *path)
{
    *keep = (struct keep) {.path = path ? mem_dup(path) : NULL, .fd = -1};
}

static void close_file(struct keep *keep)
{
    if (keep->fd >= 0)
        (void)fs_close(keep->fd); /* nothing was promised */
    keep->fd = -1;
}

void keep_free(struct keep *keep)
{
    if (keep->path)
        close_file(keep);
    free(keep->path);
    keep->path = NULL;
}

static void complain(const struct err *err)
{
    log_limited(NULL, 600 * NS_PER_S, LOG_WARN, "kubernetes",
                "%s: what is known of pods is not kept over a restart; tried again", err->text);
}

/* ---- reading ---- */

/* Without the braces. */
static bool take_members(struct json_span line, struct buf *members)
{
    struct json_span value;
    buf_clear(members);
    if (!json_member(line, "members", JSON_OBJECT, &value))
        return false;
    json_copy(value, members);
    if (members->len < 3)
        return false;
    members->len--;
    memmove(members->data, members->data + 1, --members->len);
    return true;
}

static void take_line(const char *text, size_t len,
                      void (*take)(void *, const char *, int64_t, const char *), void *arg)
{
    struct json_span line, path, born;
    struct buf name = BUF_INIT, members = BUF_INIT;
    struct err ignored; /* a torn end */
    if (json_check(text, len, &line, &ignored) == 0 && line.type == JSON_OBJECT &&
        json_member(line, "path", JSON_STRING, &path) &&
        json_member(line, "born", JSON_NUMBER, &born) && take_members(line, &members)) {
        json_text(path, &name);
        take(arg, buf_str(&name), strtoll(born.at, NULL, 10), buf_str(&members));
    }
    buf_free(&name);
    buf_free(&members);
}

void keep_load(struct keep *keep, void (*take)(void *, const char *, int64_t, const char *),
               void *arg)
{
    struct buf text = BUF_INIT;
    struct err err;
    if (!keep->path)
        return;
    if (fs_read_file(keep->path, LOAD_BYTES, &text, &err) && err.kind != ERR_GONE)
        complain(&err);
    for (size_t at = 0; at < text.len;) {
        const char *end = memchr(text.data + at, '\n', text.len - at);
        size_t len = end ? (size_t)(end - text.data) - at : text.len - at;
        take_line(text.data + at, len, take, arg);
        at += len + 1;
    }
    buf_free(&text);
}

/* ---- writing ---- */

void keep_put_line(struct buf *lines, const char *path, int64_t born_s, const struct buf *members)
{
    buf_puts(lines, "{\"path\":");
    json_string(lines, path);
    buf_printf(lines, ",\"born\":%lld,\"members\":{", (long long)born_s);
    buf_append(lines, members->data, members->len);
    buf_puts(lines, "}}\n");
}

bool keep_add(struct keep *keep, const char *path, int64_t born_s, const struct buf *members)
{
    struct buf line = BUF_INIT;
    struct err err;
    if (!keep->path)
        return true;
    if (keep->fd < 0 || keep->size > LONG_BYTES)
        return false;
    keep_put_line(&line, path, born_s, members);
    bool is_added = fs_pwrite(keep->fd, line.data, line.len, keep->size, &err) == 0;
    if (is_added)
        keep->size += line.len;
    else
        complain(&err);
    buf_free(&line);
    return true;
}

void keep_rewrite(struct keep *keep, const struct buf *lines)
{
    struct err err;
    if (!keep->path)
        return;
    close_file(keep);
    keep->size = lines->len;
    if (fs_replace(keep->path, lines->data, lines->len, 0600, &err) ||
        (keep->fd = fs_open(keep->path, O_WRONLY, 0, &err)) < 0)
        complain(&err);
}
