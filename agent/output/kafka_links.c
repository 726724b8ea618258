/* kafka_links.c: which names in which folders decide what a path leads to: followed link by link, as the kernel does. */
#include "kafka_certs.h"

#include <sys/stat.h>
#include <unistd.h>

enum { LINKS_MAX = 40 };

struct walk {
    struct buf at;   /* the folder reached; without links in it */
    struct buf rest; /* what is still to go */
    int n_links;
};

/* Take the next name off the rest. False at the end. */
static bool next_name(struct walk *walk, struct buf *name)
{
    const char *rest = buf_str(&walk->rest);
    size_t skip = strspn(rest, "/"), len = strcspn(rest + skip, "/");
    buf_clear(name);
    buf_append(name, rest + skip, len);
    size_t used = skip + len;
    memmove(walk->rest.data, walk->rest.data + used, walk->rest.len - used);
    walk->rest.len -= used;
    return len > 0;
}

/* It is a link: go on where it leads. */
static void follow(struct walk *walk, const char *target, size_t len)
{
    struct buf rest = BUF_INIT;
    buf_append(&rest, target, len);
    buf_putc(&rest, '/');
    buf_append(&rest, walk->rest.data, walk->rest.len);
    buf_free(&walk->rest);
    walk->rest = rest;
    if (len && target[0] == '/') {
        buf_clear(&walk->at);
        buf_putc(&walk->at, '/');
    }
}

/* One name further. False where the way ends: at the file, or at what is missing. */
static bool step(struct walk *walk, const char *name,
                 void (*found)(void *arg, const char *dir, const char *name), void *arg)
{
    char target[4096];
    struct stat st;
    size_t len = walk->at.len;
    if (strcmp(name, ".") == 0)
        return true;
    buf_printf(&walk->at, "%s%s", len > 1 || walk->at.data[0] != '/' ? "/" : "", name);
    ssize_t n = readlink(buf_str(&walk->at), target, sizeof target);
    bool is_dir = n < 0 && stat(buf_str(&walk->at), &st) == 0 && S_ISDIR(st.st_mode);
    if (is_dir)
        return true;
    walk->at.len = len;
    found(arg, buf_str(&walk->at), name);
    if (n < 0 || ++walk->n_links > LINKS_MAX)
        return false;
    follow(walk, target, (size_t)n);
    return true;
}

void links_of(const char *path, void (*found)(void *arg, const char *dir, const char *name),
              void *arg)
{
    struct walk walk = {.at = BUF_INIT, .rest = BUF_INIT};
    struct buf name = BUF_INIT;
    buf_putc(&walk.at, path[0] == '/' ? '/' : '.');
    buf_puts(&walk.rest, path);
    while (next_name(&walk, &name) && step(&walk, buf_str(&name), found, arg))
        continue;
    buf_free(&walk.at);
    buf_free(&walk.rest);
    buf_free(&name);
}
