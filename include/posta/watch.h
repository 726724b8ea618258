/* watch.h: what happens in folders, and to single files. The only door to inotify. Loop thread. */
#ifndef POSTA_WATCH_H
#define POSTA_WATCH_H

#include <posta/err.h>
#include <posta/loop.h>
#include <stdbool.h>
#include <stdint.h>

enum watch_event {
    WATCH_CREATED,  /* a new file */
    WATCH_MOVED_IN, /* renamed to this name */
    WATCH_CHANGED,  /* its permissions or links changed */
    WATCH_GONE,     /* deleted or moved away */
    WATCH_GREW,     /* written to */
    WATCH_CLOSED,   /* a writer closed it */
    WATCH_FOLDER,   /* a folder in it came, went or changed */
    WATCH_DIR_GONE, /* the folder itself went; the watch is over */
    WATCH_LOST,     /* events were lost: look at everything (wd -1) */
    WATCH_MOVED, /* the folder itself, or a file that is watched itself, was renamed; its watch goes on */
};

struct watch;

/* heard: name is borrowed, NULL for a file that is watched itself; cookie pairs the two halves of a rename, 0 = none. */
int watch_new(struct watch **watch, struct loop *loop,
              void (*heard)(void *arg, int wd, enum watch_event what, const char *name,
                            uint32_t cookie),
              void *arg, struct err *err) MUST_CHECK;
void watch_free(struct watch *watch);
/* Tell now what there is to tell. NULL is fine. */
void watch_read(struct watch *watch);

/* What of a folder is told: what happens to names in it, and with growth also that files in it were written to. Again with
 * another choice changes it. Returns its number, or -1: GONE (not there), FULL (no watches left), IO. */
int watch_dir(struct watch *watch, const char *path, bool with_growth, struct err *err) MUST_CHECK;
/* That an open file is written to, closed by a writer, changed or renamed. Returns its number or -1. */
int watch_file(struct watch *watch, int fd, struct err *err) MUST_CHECK;
void watch_drop(struct watch *watch, int wd);

/* Tell, by WATCH_FOLDER with wd -1, when something is mounted or unmounted. Without /proc it never does. */
void watch_mounts(struct watch *watch);

#endif
