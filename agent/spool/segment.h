/* segment.h: one file of the spool: its name, its header, its place in the list. */
#ifndef SPOOL_SEGMENT_H
#define SPOOL_SEGMENT_H

#include <posta/err.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { SEGMENT_HEADER_BYTES = 64, SEGMENT_VERSION = 1, UUID_BYTES = 16 };

struct segment {
    uint64_t no;
    uint64_t base_seq;    /* seq of its first record that takes one */
    uint64_t size;        /* bytes that count: what is behind is not ours */
    uint64_t synced_size; /* bytes before it are durable */
    uint64_t end_seq;     /* records from this one on do not count: a newer segment has them */
    uint32_t salt;
    uint64_t counted_to; /* damage before it was counted */
    bool is_open;        /* named .open: may end in a torn record */
    uint8_t uuid[UUID_BYTES];
    struct segment *next; /* newer */
};

/* "<dir>/<no as 16 hex digits>.open" or ".seg". Caller frees. */
char *segment_path(const char *dir, const struct segment *seg);

void segment_pack_header(const struct segment *seg, uint8_t head[static SEGMENT_HEADER_BYTES]);

/* Open the file, which may be getting its closed name now, and check its header. Returns the descriptor (read-only), or -1: CORRUPT if it is not a segment of
 * this version. Fills salt, base_seq, uuid, size. */
int segment_open(const char *dir, struct segment *seg, struct err *err) MUST_CHECK;

/* Find the segments of a folder in order; anything else is left alone. Caller frees the list. */
int segment_list(const char *dir, struct segment **first, struct err *err) MUST_CHECK;
/* A file of the folder that did not get as far as its name before a crash: "<dir>/<no>.open.new"; NULL = there is none. Caller
 * frees. */
int segment_find_unfinished(const char *dir, char **path, struct err *err) MUST_CHECK;
/* Folders, links, fifos and so on that are named like a segment, or one that is being made; they are none. *example is the path
 * of one, NULL if there is none. Caller frees. */
unsigned segment_count_strangers(const char *dir, char **example);
/* Nothing that is no file has a name that a segment of this number may get. */
bool segment_is_free(const char *dir, uint64_t no);
void segment_free_list(struct segment *first);
/* Set end_seq of each: its records count up to the first one of any newer segment. */
void segment_find_ends(struct segment *first);

/* Its name once it is closed. Caller frees. */
char *segment_closed_path(const char *dir, const struct segment *seg);
/* Rename .open to .seg and make that durable. */
int segment_seal(const char *dir, struct segment *seg, struct err *err) MUST_CHECK;

/* Move it out of the way to <dir>/bad/, never delete it. */
int segment_quarantine(const char *dir, const struct segment *seg, struct err *err) MUST_CHECK;

#endif
