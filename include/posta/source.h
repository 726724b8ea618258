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

enum { ANCHOR_BYTES = 64, HANDLE_BYTES = 40 };

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
};

struct source {
    uint32_t no;    /* unique in one spool, from 1, never used again */
    uint32_t epoch; /* how often this file was truncated before */
    struct file_id id;
    int64_t first_seen_ns; /* wall clock */
    char *path;            /* where it was first seen */
    char *input;           /* id of the input that found it */
    uint64_t offset;       /* every byte before it is in the spool */
    uint8_t flags;         /* enum source_flag */
    uint8_t anchor_len;    /* how many bytes before offset are in anchor */
    uint8_t anchor[ANCHOR_BYTES];
    uint32_t scan_no;    /* tail's: the last look at the folder that found it; not kept */
    struct source *next; /* in the registry's list */
};

enum chunk_flag {
    CHUNK_CUT = 1, /* its last line is only the beginning of an over-long one; no newline ends it */
    CHUNK_SKIPPED = 2, /* no bytes: [from, to) is the middle of an over-long line, left out */
    CHUNK_RESUMED = 4, /* with CHUNK_SKIPPED: the over-long line ends at `to` */
    CHUNK_LAST = 8,    /* ends at the proven end of the source without a newline */
};

/* A run of whole lines exactly as they stand in the file. */
struct chunk {
    uint64_t from, to; /* byte offsets in the file, to is behind the last byte */
    int64_t read_ns;   /* wall clock */
    uint8_t flags;     /* enum chunk_flag */
    const char *bytes; /* borrowed */
    size_t len;        /* to - from, or 0 with CHUNK_SKIPPED */
};

/* How the end of a source was known. */
enum end_proof {
    END_LEASE = 1,     /* no writer had it open: a read lease was granted */
    END_ASSUMED = 2,   /* leases are not allowed here: closed or quiet for a while */
    END_TRUNCATED = 3, /* cut to a smaller size or rewritten: bytes not read before are lost */
    END_VANISHED = 4,  /* not found any more at start: bytes not read before are lost */
};
const char *end_proof_name(enum end_proof proof);

bool file_id_equal(const struct file_id *a, const struct file_id *b);

/* 22 hex digits, the same for every event of this source and at every replay: 11 of the time of birth in ms,
 * 11 of a hash over identity and epoch. With 10 hex digits of the offset behind, it names one line. */
enum { SOURCE_KEY_LEN = 22 };
void source_key(const struct source *src, char key[static SOURCE_KEY_LEN + 1]);

/* Frees a source that is in no list. */
void source_free(struct source *src);
struct source *source_copy(const struct source *src);

#endif
