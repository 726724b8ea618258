/* record.c: packs and checks record headers.
 *
 * Format, version 1. All integers little-endian. A record begins at a multiple of 8 in its segment.
 *
 *   offset size
 *        0    4  magic "rec1"
 *        4    1  type (enum record_type)
 *        5    1  flags
 *        6    2  0
 *        8    4  payload length
 *       12    4  CRC-32C of the payload
 *       16    8  seq
 *       24    4  source number
 *       28    4  0
 *       32    8  from: offset in the file
 *       40    8  to: the same; what lies between is the payload, or DATA's flags say that it is not here (skipped,
 *                lost), or, in END, it is what was written and never read
 *       48    8  time, ns since the epoch
 *       56    4  0
 *       60    4  CRC-32C of bytes 0..59, started with the segment's salt
 *       64    n  payload, then zeros up to a multiple of 8
 *
 * The header has its own checksum so that a damaged payload can be stepped over by a length that is still trusted. The
 * salt makes old bytes of another segment, and bytes of a log line that look like a record, not verify.
 *
 * To change it: new magic digit, new SEGMENT_VERSION in segment.c, the old reader stays, and a folder
 * written by the old version goes into tests/unit/spool-v<n>.
 */
#include "record.h"

#include <posta/bytes.h>

#include <string.h>

static const char magic[4] = {'r', 'e', 'c', '1'};

void record_pack(const struct record *rec, uint32_t salt, uint8_t head[static RECORD_HEADER_BYTES])
{
    memset(head, 0, RECORD_HEADER_BYTES);
    memcpy(head, magic, sizeof magic);
    head[4] = rec->type;
    head[5] = rec->flags;
    put_u32(head + 8, rec->payload_len);
    put_u32(head + 12, rec->payload_crc);
    put_u64(head + 16, rec->seq);
    put_u32(head + 24, rec->source_no);
    put_u64(head + 32, rec->from);
    put_u64(head + 40, rec->to);
    put_u64(head + 48, (uint64_t)rec->time_ns);
    put_u32(head + 60, crc32c(salt, head, 60));
}

bool record_unpack(const uint8_t head[static RECORD_HEADER_BYTES], uint32_t salt,
                   struct record *rec)
{
    if (memcmp(head, magic, sizeof magic) != 0 || get_u32(head + 60) != crc32c(salt, head, 60))
        return false;
    *rec = (struct record) {
        .type = head[4],
        .flags = head[5],
        .payload_len = get_u32(head + 8),
        .payload_crc = get_u32(head + 12),
        .seq = get_u64(head + 16),
        .source_no = get_u32(head + 24),
        .from = get_u64(head + 32),
        .to = get_u64(head + 40),
        .time_ns = (int64_t)get_u64(head + 48),
    };
    return rec->type >= REC_CHECKPOINT && rec->type <= REC_END &&
           rec->payload_len <= RECORD_PAYLOAD_MAX;
}
