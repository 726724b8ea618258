/* clock.c: the one place that asks what time it is; see loop.h. */
#include <posta/loop.h>

#include <time.h>

static int64_t read_clock(clockid_t id)
{
    struct timespec ts;
    clock_gettime(id, &ts);
    return (int64_t)ts.tv_sec * NS_PER_S + ts.tv_nsec;
}

static int64_t real_mono_ns(void)
{
    return read_clock(CLOCK_MONOTONIC);
}

static int64_t real_wall_ns(void)
{
    return read_clock(CLOCK_REALTIME);
}

static const struct clock_ops real_clock = {.mono_ns = real_mono_ns, .wall_ns = real_wall_ns};
static const struct clock_ops *clock_in_use = &real_clock;

void clock_set(const struct clock_ops *ops)
{
    clock_in_use = ops ? ops : &real_clock;
}

int64_t clock_mono_ns(void)
{
    return clock_in_use->mono_ns();
}

int64_t clock_wall_ns(void)
{
    return clock_in_use->wall_ns();
}
