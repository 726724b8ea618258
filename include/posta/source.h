/* source.h: what tail and spool both call a source and a chunk.
 *
 * A source is one log file from its creation (or its last truncation) to its proven end. Its position is
 * what the spool has taken in, and nothing else: the struct lives in the spool's registry, tail reads it.
 */
#ifndef POSTA_SOURCE_H
#define POSTA_SOURCE_H

#include <posta/buf.h>
#include <posta/err.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { ANCHOR_BYTES = 64, HANDLE_BYTES = 40, TAIL_UNIT = 16, TAIL_MAX_BYTES = 255 * TAIL_UNIT };

/* Which file, whatever its name. Compared by file_id_equal. */
struct file_id {
    uint64_t dev;        /* st_dev; changes over remounts, so only a hint when there is a handle */
    uint64_t ino;        /* st_ino */
    int64_t btime_ns;    /* birth time since the epoch, 0 = the file system has none */
    int32_t handle_type; /* of name_to_handle_at(2) */
    uint8_t handle_len;  /* bytes used in handle, 0 = no handles here */
    uint8_t handle[HANDLE_BYTES];
};

enum source_flag {
    SOURCE_ENDED = 1,    /* read to its proven end; remembered as long as the file is there */
    SOURCE_SKIPPING = 2, /* inside an over-long line whose rest is being left out */
    SOURCE_HEALED = 4,   /* a range of a file that was read once more; no file by itself */
};

struct source {
    uint32_t no;    /* unique in one spool, from 1, never used again */
    uint32_t epoch; /* how often this file was truncated before */
    struct file_id id;
    int64_t first_seen_ns; /* wall clock */
    const char *path;      /* where it was first seen; interned (intern.h) but in a prototype */
    const char *input;     /* id of the input that found it; the same */
    uint64_t offset;       /* every byte before it is in the spool, or given up */
    uint64_t unnoted; /* spool's: so many bytes before it were dropped, and no record says so yet */
    uint8_t flags;    /* enum source_flag */
    uint8_t anchor_len; /* how many bytes before offset are in anchor */
    uint8_t anchor[ANCHOR_BYTES];
    uint8_t tail_units; /* TAIL_UNITs of bytes before offset that tail_crc is over; 0 = not known */
    uint32_t tail_crc;  /* crc32c */
    uint32_t scan_no;   /* tail's: the last look at the folder that found it; not kept */
    uint64_t read_to;   /* spool's: its reader has met everything before it; not kept */
    /* spool's, with queue.mem: its delivered position while that is behind; not kept itself */
    const struct source *kept;
    void *file;                 /* tail's: the open file, NULL = not open; not kept */
    struct source *prev, *next; /* in the registry's list */
};

enum chunk_flag {
    CHUNK_CUT = 1, /* its last line is only the beginning of an over-long one; no newline ends it */
    CHUNK_SKIPPED = 2, /* no bytes: [from, to) is the middle of an over-long line, left out */
    CHUNK_RESUMED = 4, /* with CHUNK_SKIPPED: the over-long line ends at `to` */
    CHUNK_LAST = 8,    /* ends at the proven end of the source without a newline */
    CHUNK_LOST =
        16, /* no bytes: [from, to) was given up or taken away before it was read; with CHUNK_CUT it ends
                            * in an over-long line */
    CHUNK_BIG_ENDIAN = 32, /* UTF-16 whose file begins with a big-endian byte order mark */
    CHUNK_OTHER_END = 64,  /* lines of this file do not end with LF alone */
};

/* A run of whole lines exactly as they stand in the file. */
struct chunk {
    uint64_t from, to; /* byte offsets in the file, to is behind the last byte */
    int64_t read_ns;   /* wall clock */
    uint8_t flags;     /* enum chunk_flag */
    const char *bytes; /* borrowed */
    size_t len;        /* to - from, or 0 with CHUNK_SKIPPED and CHUNK_LOST */
};

/* How the end of a source was known. */
enum end_proof {
    END_LEASE = 1,     /* no writer had it open: a read lease was granted */
    END_ASSUMED = 2,   /* leases are not allowed here: closed or quiet for a while */
    END_TRUNCATED = 3, /* cut to a smaller size or rewritten: bytes not read before are lost */
    END_VANISHED = 4,  /* not found any more at start: bytes not read before are lost */
    END_COPIED =
        5, /* what is behind its position, if anything, is read from a copy, as another source */
};
const char *end_proof_name(enum end_proof proof);

bool file_id_equal(const struct file_id *a, const struct file_id *b);
/* Of the inode number alone, so that a file of which only that is known can be found too. */
static inline uint64_t file_id_hash(const struct file_id *id)
{
    return id->ino;
}

/* How many of the bytes just before its position it remembers. The last line is whole in them, if it is not very long: lines
 * of one length often end alike, but not with one time. */
static inline size_t source_memory(const struct source *src)
{
    size_t tail = (size_t)src->tail_units * TAIL_UNIT;
    return tail > src->anchor_len ? tail : src->anchor_len;
}
/* Remember, of these bytes just before its position, what fits in the tail. */
void source_remember_tail(struct source *src, const void *bytes, size_t len);
/* Are these the source_memory(src) bytes before its position? */
bool source_remembers(const struct source *src, const void *bytes);

/* 20 hex digits, the same for every event of this source and at every replay: 11 of the time of birth in ms,
 * 9 of a hash over identity and epoch. With 12 hex digits of the offset behind, it names one line. */
enum { SOURCE_KEY_LEN = 20 };
void source_key(const struct source *src, char key[static SOURCE_KEY_LEN + 1]);

/* Frees a source that is in no list, and gives back its texts. */
void source_free(struct source *src);
/* In no list and without an open file; holds its texts itself. */
struct source *source_copy(const struct source *src);

#endif
