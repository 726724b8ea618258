/* dead_letter.c: events that no broker will ever take, kept for a human.
 *
 * Happy path: one line {"reason":"..","event":{..}} each, synced before the cursor may pass the event.
 * Failure modes: it cannot be written: the caller stops delivering and tries again. A half-written line is written over.
 * On close: nothing; each line is synced.
 */
#include "agent.h"

#include <posta/fs.h>
#include <posta/json.h>

#include <stdlib.h>
#include <unistd.h>

void dead_letter_init(struct dead_letter *dead, const char *path_data)
{
    *dead = (struct dead_letter) {.path = mem_printf("%s/dead_letter.ndjson", path_data), .fd = -1};
}

void dead_letter_done(struct dead_letter *dead)
{
    (void)fs_close(dead->fd); /* synced at each line */
    free(dead->path);
    *dead = (struct dead_letter) {.fd = -1};
}

static int open_file(struct dead_letter *dead, struct err *err)
{
    int fd = fs_open(dead->path, O_WRONLY | O_CREAT, 0600, err);
    if (fd < 0)
        return -1;
    off_t end = lseek(fd, 0, SEEK_END);
    dead->fd = fd;
    dead->size = end > 0 ? (uint64_t)end : 0;
    return 0;
}

int dead_letter_append(struct dead_letter *dead, const char *why, const char *event, size_t len,
                       struct err *err)
{
    if (dead->fd < 0 && open_file(dead, err))
        return -1;
    struct buf line = BUF_INIT;
    buf_puts(&line, "{\"reason\":");
    json_string(&line, why);
    buf_puts(&line, ",\"event\":");
    buf_append(&line, event, len);
    buf_puts(&line, "}\n");
    int rc = fs_pwrite(dead->fd, line.data, line.len, dead->size, err) || fs_sync(dead->fd, err)
                 ? -1
                 : 0;
    if (rc == 0)
        dead->size += line.len;
    buf_free(&line);
    return rc ? err_wrap(err, "%s", dead->path) : 0;
}
