/* watch.h: what happens in folders. The only door to inotify. */
#ifndef TAIL_WATCH_H
#define TAIL_WATCH_H

#include <posta/err.h>
#include <posta/loop.h>
#include <stdbool.h>
#include <stdint.h>

enum watch_event {
    WATCH_APPEARED, /* created, moved in, or its permissions changed */
    WATCH_GONE,     /* deleted or moved away */
    WATCH_GREW,     /* written to */
    WATCH_CLOSED,   /* a writer closed it */
    WATCH_DIR_GONE, /* the folder itself went; the watch is over */
    WATCH_LOST,     /* events were lost: look at everything (wd -1) */
};

struct watch;

/* heard: name is borrowed; cookie pairs the two halves of a rename, 0 = none. */
int watch_new(struct watch **watch, struct loop *loop,
              void (*heard)(void *arg, int wd, enum watch_event what, const char *name,
                            uint32_t cookie),
              void *arg, struct err *err) MUST_CHECK;
void watch_free(struct watch *watch);

/* Watch a folder. Returns its number, or -1: GONE (not there), FULL (no watches left), IO. Again with another
 * with_growth changes what is told: without it, writes to files are not. */
int watch_dir(struct watch *watch, const char *path, bool with_growth, struct err *err) MUST_CHECK;

#endif
