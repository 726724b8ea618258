/* schedule.c: `@every 10s`, or a cron line. */
#include "heartbeat.h"

#include <string.h>

#define SHORTEST_NS (100 * NS_PER_MS)
#define LONGEST_NS  (366 * 86400 * NS_PER_S)

static int parse_every(struct schedule *schedule, const char *text, struct err *err)
{
    int64_t every_ns;
    text += strspn(text, " \t");
    if (parse_duration(text, &every_ns, err))
        return err_wrap(err, "@every");
    if (every_ns < SHORTEST_NS || every_ns > LONGEST_NS)
        return err_set(err, ERR_CONFIG, "@every: must be 100ms to a year, found '%s'", text);
    schedule->every_ns = every_ns;
    return 0;
}

int schedule_parse(struct schedule *schedule, const char *text, struct err *err)
{
    text += strspn(text, " \t");
    if (strncmp(text, "@every", 6) == 0)
        return parse_every(schedule, text + 6, err);
    schedule->every_ns = 0;
    if (cron_parse(&schedule->cron, text, err))
        return -1;
    if (cron_next(&schedule->cron, clock_wall_ns() / NS_PER_S, schedule->is_utc) == 0)
        return err_set(err, ERR_CONFIG, "'%s' is never", text);
    return 0;
}

int64_t schedule_wait_ns(const struct schedule *schedule, int64_t wall_ns)
{
    if (schedule->every_ns)
        return schedule->every_ns;
    int64_t next_s = cron_next(&schedule->cron, wall_ns / NS_PER_S, schedule->is_utc);
    return next_s ? next_s * NS_PER_S - wall_ns : LONGEST_NS;
}
