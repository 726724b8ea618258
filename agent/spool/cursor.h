/* cursor.h: the place up to which everything is delivered, in its file. */
#ifndef SPOOL_CURSOR_H
#define SPOOL_CURSOR_H

#include "segment.h"
#include "spool.h"

struct cursor {
    int fd;
    uint64_t generation; /* of the newest slot */
    struct spool_pos pos;
    uint64_t synced_seq; /* all records before it were durable when it was saved */
    bool is_dirty;       /* pos is not written yet */
    bool is_unsynced;
};

#define CURSOR_INIT                                                                                \
    {                                                                                              \
        .fd = -1                                                                                   \
    }

/* Open or make <dir>/cursor and read the newest valid slot of this uuid. No valid slot: pos is {0, 0}, which means the
 * oldest record there is; *found says which. */
int cursor_open(struct cursor *cur, const char *dir, const uint8_t uuid[static UUID_BYTES],
                bool *found, struct err *err) MUST_CHECK;

/* The uuid in the newest valid slot of <dir>/cursor, whatever spool it is of. False if there is none. */
bool cursor_uuid(const char *dir, uint8_t uuid[static UUID_BYTES]);

/* Read <dir>/cursor without opening it for writing: how many slots of this uuid are whole (0 to 2), or -1; *pos is the newest
 * one's, *n_bad how many were written and are not whole. A file that is not there has none. */
int cursor_look(const char *dir, const uint8_t uuid[static UUID_BYTES], struct spool_pos *pos,
                int *n_bad, struct err *err) MUST_CHECK;

/* Write pos into the older slot; sync the file if asked. */
int cursor_save(struct cursor *cur, const uint8_t uuid[static UUID_BYTES], bool sync,
                struct err *err) MUST_CHECK;
void cursor_close(struct cursor *cur);

#endif
