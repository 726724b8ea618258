/* changing.c: another configuration takes over, in this process.
 *
 * Happy path: SIGHUP, or while delivery is held up by the configuration every 10 s: if the files can be run now, this pipeline
 * ends, within 5 s, and the next one begins where it was: the spool has what was not delivered, the files what was not read.
 * Failure modes: they cannot be run: said, and this one goes on. A log that was deleted, and is not read to its end as the spool is
 * full (with queue.mem: not delivered), is only to be had through this pipeline's descriptor: the change waits for it, a minute at
 * most. Told to stop meanwhile: the next pipeline is, as this one has stopped reading.
 * On close: the loop is left as for any end (stopping.c).
 */
#include "pipeline.h"

#include <posta/log.h>
#include <posta/supervisor.h>

#include <signal.h>

/* The change does not wait longer for brokers that are away; what has no verdict then is sent again. */
#define CHANGE_NS   (5 * NS_PER_S)
#define RECHECK_NS  (10 * NS_PER_S)
#define SAY_NS      (60 * NS_PER_S)
#define POSTPONE_NS (500 * NS_PER_MS)
#define PATIENCE_NS (60 * NS_PER_S)

/* Would the next pipeline not find what this one has still to read, or to read again? */
static bool has_only_copy(struct pipeline *pipe)
{
    bool is_needed = pipe->conf->settings->globals.is_in_memory && !lane_is_delivered(&pipe->logs);
    return tail_has_nameless(pipe->tail, is_needed);
}

static void change(void *arg)
{
    struct pipeline *pipe = arg;
    int64_t wait_ns = pipe->conf->settings->globals.shutdown_ns, now = clock_mono_ns();
    if (!pipe->change_at_ns)
        pipe->change_at_ns = now + PATIENCE_NS;
    if (now < pipe->change_at_ns && has_only_copy(pipe)) {
        log_limited(NULL, SAY_NS, LOG_WARN, "pipeline",
                    "a log that has no name any more is not read to its end: the new "
                    "configuration waits for that, a minute at most");
        loop_set_timer(pipe->loop, &pipe->postponed, POSTPONE_NS);
        return;
    }
    supervisor_tell_reloading();
    stopping_for_another(pipe, wait_ns < CHANGE_NS ? wait_ns : CHANGE_NS);
}

static void told_to_reload(void *arg, int signo)
{
    struct pipeline *pipe = arg;
    (void)signo;
    if (pipe->end_ns) {
        log_info("pipeline", "SIGHUP: it is ending already");
        return;
    }
    pipe->status.config_ok = pipe->conf->reload(pipe->conf->arg, true);
    if (pipe->status.config_ok)
        change(pipe);
}

/* What becomes of the lines meanwhile. */
static const char *kept_how(const struct settings *settings)
{
    if (settings->n_inputs == 0)
        return "AND NOTHING IS READ";
    return settings->n_broken ? "lines are kept, but not those of inputs with an error"
                              : "lines are kept";
}

/* Is what is wrong with the configuration mended? */
static void recheck(void *arg)
{
    struct pipeline *pipe = arg;
    static struct log_limit limit;
    log_limited(&limit, SAY_NS, LOG_ERROR, "pipeline", "NOTHING IS DELIVERED, %s: %s",
                kept_how(pipe->conf->settings), pipe->conf->trouble);
    if (pipe->conf->reload(pipe->conf->arg, false))
        change(pipe);
    else
        loop_set_timer(pipe->loop, &pipe->recheck, RECHECK_NS);
}

int changing_init(struct pipeline *pipe, struct err *err)
{
    pipe->recheck = (struct loop_timer) {.fire = recheck, .arg = pipe};
    pipe->postponed = (struct loop_timer) {.fire = change, .arg = pipe};
    if (pipe->conf->trouble)
        loop_set_timer(pipe->loop, &pipe->recheck, 0);
    return loop_signal(pipe->loop, SIGHUP, told_to_reload, pipe, err);
}

void changing_stop(struct pipeline *pipe)
{
    loop_cancel_timer(pipe->loop, &pipe->recheck);
    loop_cancel_timer(pipe->loop, &pipe->postponed);
}
