/* record.h: the unit of the spool: a 64-byte header and its payload. The format's table is in record.c. */
#ifndef SPOOL_RECORD_H
#define SPOOL_RECORD_H

#include <posta/err.h>
#include <stdbool.h>
#include <stdint.h>

enum { RECORD_HEADER_BYTES = 64, RECORD_ALIGN = 8 };
enum { RECORD_PAYLOAD_MAX = 256 * 1024 * 1024 }; /* a header that says more is not one of ours */

enum record_type {
    REC_CHECKPOINT =
        1, /* all sources of the registry; first in a segment; its seq is the segment's base */
    REC_SOURCE = 2, /* a new source */
    REC_DATA = 3,   /* a chunk; without payload if it is CHUNK_SKIPPED or CHUNK_LOST */
    REC_END =
        4, /* a source's end: from = read so far, to - from = bytes lost behind it, flags = enum end_proof */
};

struct record {
    uint8_t type;  /* enum record_type */
    uint8_t flags; /* DATA: enum chunk_flag; END: enum end_proof */
    uint32_t payload_len;
    uint32_t payload_crc;
    uint32_t source_no; /* 0 for a checkpoint */
    uint64_t seq;       /* consecutive over all segments; a checkpoint takes none */
    uint64_t from, to;  /* bytes of the source */
    int64_t time_ns;    /* wall clock: read time */
};

/* Bytes a record takes in the file. */
static inline uint64_t record_size(const struct record *rec)
{
    return (RECORD_HEADER_BYTES + (uint64_t)rec->payload_len + RECORD_ALIGN - 1) &
           ~(uint64_t)(RECORD_ALIGN - 1);
}

void record_pack(const struct record *rec, uint32_t salt, uint8_t head[static RECORD_HEADER_BYTES]);

/* True if head is a header written with this salt: magic, type, length and checksum are right. */
bool record_unpack(const uint8_t head[static RECORD_HEADER_BYTES], uint32_t salt,
                   struct record *rec);

#endif
