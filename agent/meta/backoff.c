/* backoff.c: how long to wait before the next try. */
#include "meta.h"

#include <stdlib.h>
#include <sys/random.h>

#define FIRST_NS (NS_PER_S / 2)
enum { DOUBLINGS_MAX = 6 }; /* 32 s */

int64_t backoff_next_ns(struct backoff *backoff)
{
    uint32_t random = 0;
    int64_t wait_ns = FIRST_NS << backoff->n;
    if (getrandom(&random, sizeof random, GRND_NONBLOCK) < 0)
        random = (uint32_t)clock_mono_ns();
    if (backoff->n < DOUBLINGS_MAX)
        backoff->n++;
    return wait_ns * 3 / 4 + wait_ns / 2 * (random % 1024) / 1024; /* ± 25 % */
}
