/* bytes.h: little-endian fields of on-disk formats, and the checksum over them. */
#ifndef POSTA_BYTES_H
#define POSTA_BYTES_H

#include <endian.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

static inline void put_u16(void *at, uint16_t v)
{
    v = htole16(v);
    memcpy(at, &v, sizeof v);
}
static inline void put_u32(void *at, uint32_t v)
{
    v = htole32(v);
    memcpy(at, &v, sizeof v);
}
static inline void put_u64(void *at, uint64_t v)
{
    v = htole64(v);
    memcpy(at, &v, sizeof v);
}
static inline uint16_t get_u16(const void *at)
{
    uint16_t v;
    memcpy(&v, at, sizeof v);
    return le16toh(v);
}
static inline uint32_t get_u32(const void *at)
{
    uint32_t v;
    memcpy(&v, at, sizeof v);
    return le32toh(v);
}
static inline uint64_t get_u64(const void *at)
{
    uint64_t v;
    memcpy(&v, at, sizeof v);
    return le64toh(v);
}

/* CRC-32C (Castagnoli, RFC 3720 appendix B.4), reflected, initial and final inversion included, so
 * that crc32c(crc32c(0, a), b) == crc32c(0, ab). Uses the CPU's instruction where there is one. */
uint32_t crc32c(uint32_t crc, const void *bytes, size_t len);

/* 64-bit FNV-1a, for identities and sticky partitions; not for anything hostile. */
uint64_t hash64(const void *bytes, size_t len);

/* How often this byte is in them. */
uint64_t bytes_count(const void *bytes, size_t len, char byte);

#endif
