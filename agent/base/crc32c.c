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
#define WITH_CRC          __attribute__((target("sse4.2")))
#define CRC_8(crc, value) (uint32_t) __builtin_ia32_crc32di(crc, value)
#define CRC_1(crc, value) __builtin_ia32_crc32qi(crc, value)
static bool cpu_has_crc(void)
{
    __builtin_cpu_init();
    return __builtin_cpu_supports("sse4.2");
}
#elif defined(__aarch64__)
#define HAVE_CRC_INSTRUCTION
#include <arm_acle.h>
#include <sys/auxv.h>
#define WITH_CRC          __attribute__((target("+crc")))
#define CRC_8(crc, value) __crc32cd(crc, value)
#define CRC_1(crc, value) __crc32cb(crc, value)
enum { HWCAP_BIT_CRC32 = 1 << 7 };
static bool cpu_has_crc(void)
{
    return getauxval(AT_HWCAP) & HWCAP_BIT_CRC32;
}
#endif

#ifdef HAVE_CRC_INSTRUCTION
/* The instruction's result comes after three cycles, and one can begin in each: three lanes side by side. A register and what it
 * becomes over a lane of zeros are linear, so lanes are put together by what each byte of it becomes. */
enum { LANE_BYTES = 512, LANES_BYTES = 3 * LANE_BYTES };
static uint32_t over_lane[4][256];

static uint32_t pass_lane(uint32_t crc)
{
    return over_lane[0][crc & 0xff] ^ over_lane[1][crc >> 8 & 0xff] ^
           over_lane[2][crc >> 16 & 0xff] ^ over_lane[3][crc >> 24];
}

WITH_CRC static uint32_t crc_of_lanes(uint32_t crc, const unsigned char *at)
{
    uint32_t second = 0, third = 0;
    for (const unsigned char *end = at + LANE_BYTES; at < end; at += 8) {
        crc = CRC_8(crc, get_u64(at));
        second = CRC_8(second, get_u64(at + LANE_BYTES));
        third = CRC_8(third, get_u64(at + 2 * (size_t)LANE_BYTES));
    }
    return pass_lane(pass_lane(crc) ^ second) ^ third;
}

WITH_CRC static uint32_t crc_by_cpu(uint32_t crc, const unsigned char *at, size_t len)
{
    for (; len >= LANES_BYTES; at += LANES_BYTES, len -= LANES_BYTES)
        crc = crc_of_lanes(crc, at);
    for (; len >= 8; at += 8, len -= 8)
        crc = CRC_8(crc, get_u64(at));
    while (len--)
        crc = CRC_1(crc, *at++);
    return crc;
}

/* Of each bit; the others are sums of those. */
static void fill_lanes(void)
{
    static const unsigned char zeros[LANE_BYTES];
    for (unsigned k = 0; k < 4; k++)
        for (uint32_t i = 1; i < 256; i++) {
            uint32_t lowest = i & -i;
            over_lane[k][i] = i == lowest ? crc_by_cpu(i << 8 * k, zeros, sizeof zeros)
                                          : over_lane[k][lowest] ^ over_lane[k][i ^ lowest];
        }
}
#endif

static bool use_cpu;

/* Before main: no locking, no test on the hot path. */
__attribute__((constructor)) static void choose(void)
{
    fill_table();
#ifdef HAVE_CRC_INSTRUCTION
    use_cpu = cpu_has_crc();
    if (use_cpu)
        fill_lanes();
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
