/* runner.c: ticks → checks.
 *
 * Happy path: each target has a timer; at a tick it stands in line and its check begins as soon as there is a place, one each
 * PACE_NS, more of a long line: nothing else waits for hundreds of handshakes, and they do not need their memory all at once.
 * Failure modes: a tick comes while the target's check is running or in line: it is skipped and counted. The wall clock is set:
 * cron looks at it once a minute.
 * On close: what is running is given up and not told.
 */
#include "heartbeat.h"

#include <posta/bytes.h>
#include <posta/log.h>

#include <stdlib.h>
#include <string.h>

#define PACE_NS (2 * NS_PER_MS)
enum { IN_LINE_PER_BEGIN = 256 }; /* for so many in line one more begins */
#define LOOK_AT_CLOCK_NS (60 * NS_PER_S)

/* ---- checks ---- */

static bool has_place(const struct runner *runner)
{
    return runner->first && runner->n_running < runner->conf.limit;
}

static void begin_first(struct runner *runner)
{
    struct target *target = runner->first;
    runner->first = target->next;
    target->is_waiting = false;
    runner->n_waiting--;
    runner->n_running++;
    check_begin(target);
}

static void begin_some(void *arg)
{
    struct runner *runner = arg;
    for (size_t n = 1 + runner->n_waiting / IN_LINE_PER_BEGIN; n > 0 && has_place(runner); n--)
        begin_first(runner);
    if (has_place(runner))
        loop_set_timer(runner->conf.loop, &runner->pace, PACE_NS);
}

static void look_at_line(struct runner *runner)
{
    if (has_place(runner) && !timer_is_set(&runner->pace))
        loop_defer(runner->conf.loop, &runner->begin);
}

static void stand_in_line(struct target *target)
{
    struct runner *runner = target->runner;
    if (target->check || target->is_waiting) {
        runner->stats.skipped++;
        return;
    }
    runner->stats.waited += runner->n_running >= runner->conf.limit;
    target->is_waiting = true;
    target->next = NULL;
    if (runner->first)
        runner->last->next = target;
    else
        runner->first = target;
    runner->last = target;
    runner->n_waiting++;
    look_at_line(runner);
}

void runner_ended(struct target *target)
{
    struct runner *runner = target->runner;
    target->check = NULL;
    runner->n_running--;
    look_at_line(runner);
}

/* ---- ticks ---- */

static void wait_for_cron(struct target *target)
{
    int64_t now_ns = clock_wall_ns();
    int64_t wait_ns = target->due_ns - now_ns;
    if (wait_ns > LOOK_AT_CLOCK_NS)
        wait_ns = LOOK_AT_CLOCK_NS;
    loop_set_timer(target->runner->conf.loop, &target->timer, wait_ns > 0 ? wait_ns : 0);
}

/* due_ns is of the wall clock. One that was set back must not make the target wait for what is long past. */
static void cron_fired(struct target *target)
{
    const struct schedule *schedule = &target->monitor->schedule;
    int64_t now_ns = clock_wall_ns();
    int64_t next_ns = now_ns + schedule_wait_ns(schedule, now_ns);
    if (now_ns >= target->due_ns) {
        stand_in_line(target);
        target->due_ns = next_ns;
    } else if (next_ns < target->due_ns) {
        target->due_ns = next_ns;
    }
    wait_for_cron(target);
}

/* Ticks that are over already are not made up for. */
static void every_fired(struct target *target)
{
    struct loop *loop = target->runner->conf.loop;
    int64_t every_ns = target->monitor->schedule.every_ns, now_ns = clock_mono_ns();
    stand_in_line(target);
    target->due_ns += every_ns;
    if (target->due_ns <= now_ns) {
        int64_t n = (now_ns - target->due_ns) / every_ns + 1;
        target->runner->stats.skipped += (uint64_t)n;
        target->due_ns += n * every_ns;
    }
    loop_set_timer(loop, &target->timer, target->due_ns - now_ns);
}

static void fire(void *arg)
{
    struct target *target = arg;
    if (target->monitor->schedule.every_ns)
        every_fired(target);
    else
        cron_fired(target);
}

static void start_target(struct target *target)
{
    const struct schedule *schedule = &target->monitor->schedule;
    target->timer = (struct loop_timer) {.fire = fire, .arg = target};
    if (schedule->every_ns) {
        target->due_ns = clock_mono_ns();
        loop_set_timer(target->runner->conf.loop, &target->timer, 0);
        return;
    }
    int64_t now_ns = clock_wall_ns();
    target->due_ns = now_ns + schedule_wait_ns(schedule, now_ns);
    wait_for_cron(target);
}

/* ---- life ---- */

static char *make_id(const struct monitor *monitor, const struct url *url)
{
    if (monitor->urls.n == 1)
        return mem_dup(monitor->id);
    return mem_printf("%s-%llx", monitor->id,
                      (unsigned long long)hash64(url->full, strlen(url->full)));
}

static int add_targets(struct runner *runner, const struct monitor *monitor, struct err *err)
{
    for (size_t i = 0; i < monitor->urls.n; i++) {
        struct target *target = &runner->targets[runner->n_targets];
        *target =
            (struct target) {.runner = runner, .monitor = monitor, .url_text = monitor->urls.at[i]};
        if (url_parse(&target->url, target->url_text, err))
            return -1;
        target->id = make_id(monitor, &target->url);
        runner->n_targets++;
    }
    return 0;
}

static int make_targets(struct runner *runner, struct err *err)
{
    size_t n = 0;
    for (size_t i = 0; i < runner->conf.n_monitors; i++)
        n += runner->conf.monitors[i].urls.n;
    runner->targets = mem_zero(n, sizeof *runner->targets);
    for (size_t i = 0; i < runner->conf.n_monitors; i++)
        if (add_targets(runner, &runner->conf.monitors[i], err))
            return -1;
    return 0;
}

int runner_start(struct runner **out, const struct runner_config *config, struct err *err)
{
    struct runner *runner = mem_zero(1, sizeof *runner);
    runner->conf = *config;
    runner->begin = (struct loop_task) {.run = begin_some, .arg = runner};
    runner->pace = (struct loop_timer) {.fire = begin_some, .arg = runner};
    if (make_targets(runner, err) || resolver_open(&runner->resolver, config->loop, err)) {
        runner_stop(runner);
        return -1;
    }
    for (size_t i = 0; i < runner->n_targets; i++)
        start_target(&runner->targets[i]);
    log_info("heartbeat", "%zu monitors, %zu hosts", config->n_monitors, runner->n_targets);
    *out = runner;
    return 0;
}

void runner_stop(struct runner *runner)
{
    if (!runner)
        return;
    loop_drop_task(runner->conf.loop, &runner->begin);
    loop_cancel_timer(runner->conf.loop, &runner->pace);
    for (size_t i = 0; i < runner->n_targets; i++) {
        struct target *target = &runner->targets[i];
        loop_cancel_timer(runner->conf.loop, &target->timer);
        check_cancel(target->check);
        url_free(&target->url);
        free(target->id);
    }
    resolver_close(runner->resolver);
    web_client_close(runner->web);
    free(runner->targets);
    free(runner);
}

const struct runner_stats *runner_stats(const struct runner *runner)
{
    return &runner->stats;
}

#define ROW(field, unit_text, text)                                                                \
    {                                                                                              \
#field, unit_text, offsetof(struct runner_stats, field), text                              \
    }
const struct stat_row runner_stat_rows[] = {
    ROW(checks, "checks", "checks begun, attempts counted"),
    ROW(up, "results", "addresses that were up"),
    ROW(down, "results", "addresses that were down"),
    ROW(skipped, "ticks", "ticks while the check before was still running"),
    ROW(waited, "ticks", "ticks that waited for others, as heartbeat.scheduler.limit says"),
    {0},
};
