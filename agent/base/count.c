/* count.c: how often a byte is in others, many of them at once: lines are counted in every byte that is read. */
#include <posta/bytes.h>

enum { LANES = 16, BLOCK = 4 * LANES, ROUNDS = 255 }; /* a lane counts to 255 */

typedef uint8_t lanes __attribute__((vector_size(LANES)));

static lanes load(const uint8_t *at)
{
    lanes value;
    memcpy(&value, at, sizeof value);
    return value;
}

/* Of whole blocks; at most ROUNDS of them. Equal is 255 in a lane, which is -1. */
static uint64_t count_blocks(const uint8_t *at, size_t n, uint8_t byte)
{
    lanes a = {0}, b = a, c = a, d = a, wanted = a + byte;
    uint64_t sum = 0;
    for (const uint8_t *end = at + n * BLOCK; at < end; at += BLOCK) {
        a -= (lanes)(load(at) == wanted);
        b -= (lanes)(load(at + LANES) == wanted);
        c -= (lanes)(load(at + 2 * LANES) == wanted);
        d -= (lanes)(load(at + 3 * LANES) == wanted);
    }
    for (int i = 0; i < LANES; i++)
        sum += (uint64_t)a[i] + b[i] + c[i] + d[i];
    return sum;
}

uint64_t bytes_count(const void *bytes, size_t len, char byte)
{
    const uint8_t *at = bytes, *end = at + len;
    uint64_t sum = 0;
    while ((size_t)(end - at) >= BLOCK) {
        size_t n = (size_t)(end - at) / BLOCK;
        n = n < ROUNDS ? n : ROUNDS;
        sum += count_blocks(at, n, (uint8_t)byte);
        at += n * BLOCK;
    }
    for (; at < end; at++)
        sum += *at == (uint8_t)byte;
    return sum;
}
