/* crc32c.c: CRC-32C by the CPU's instruction (SSE 4.2, ARMv8 CRC), else by a table; see bytes.h. */
#include <posta/bytes.h>

#include <stdbool.h>

enum { POLY_REFLECTED = 0x82f63b78 };

static uint32_t table[256];

static void fill_table(void)
{
    for (uint32_t i = 0; i < 256; i++) {
        uint32_t crc = i;
        for (int bit = 0; bit < 8; bit++)
            crc = crc & 1 ? crc >> 1 ^ POLY_REFLECTED : crc >> 1;
        table[i] = crc;
    }
}

static uint32_t crc_by_table(uint32_t crc, const unsigned char *at, size_t len)
{
    while (len--)
        crc = table[(crc ^ *at++) & 0xff] ^ crc >> 8;
    return crc;
}

#if defined(__x86_64__)
#define HAVE_CRC_INSTRUCTION
__attribute__((target("sse4.2"))) static uint32_t crc_by_cpu(uint32_t crc, const unsigned char *at,
                                                             size_t len)
{
    uint64_t wide = crc;
    for (; len >= 8; at += 8, len -= 8)
        wide = __builtin_ia32_crc32di(wide, get_u64(at));
    crc = (uint32_t)wide;
    while (len--)
        crc = __builtin_ia32_crc32qi(crc, *at++);
    return crc;
}
static bool cpu_has_crc(void)
{
    __builtin_cpu_init();
    return __builtin_cpu_supports("sse4.2");
}
#elif defined(__aarch64__)
#define HAVE_CRC_INSTRUCTION
#include <arm_acle.h>
#include <sys/auxv.h>
enum { HWCAP_BIT_CRC32 = 1 << 7 };
__attribute__((target("+crc"))) static uint32_t crc_by_cpu(uint32_t crc, const unsigned char *at,
                                                           size_t len)
{
    for (; len >= 8; at += 8, len -= 8)
        crc = __crc32cd(crc, get_u64(at));
    while (len--)
        crc = __crc32cb(crc, *at++);
    return crc;
}
static bool cpu_has_crc(void)
{
    return getauxval(AT_HWCAP) & HWCAP_BIT_CRC32;
}
#endif

static bool use_cpu;

/* Before main: no locking, no test on the hot path. */
__attribute__((constructor)) static void choose(void)
{
    fill_table();
#ifdef HAVE_CRC_INSTRUCTION
    use_cpu = cpu_has_crc();
#endif
}

uint32_t crc32c(uint32_t crc, const void *bytes, size_t len)
{
    crc = ~crc;
#ifdef HAVE_CRC_INSTRUCTION
    if (use_cpu)
        return ~crc_by_cpu(crc, bytes, len);
#endif
    return ~crc_by_table(crc, bytes, len);
}

uint64_t hash64(const void *bytes, size_t len)
{
    const unsigned char *at = bytes;
    uint64_t hash = 0xcbf29ce484222325u;
    for (size_t i = 0; i < len; i++)
        hash = (hash ^ at[i]) * 0x100000001b3u;
    return hash;
}
