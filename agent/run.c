/* run.c: `posta run`: from the configuration to a running pipeline, and from one configuration to the next.
 *
 * Happy path: the configuration is read, the pipeline runs until it is told to stop. SIGHUP: the files are read again; if
 * nothing is wrong with them, this pipeline ends and one with the new settings begins, in the same process (changing.c).
 * Failure modes: a configuration that is wrong stops the start, with all that is wrong about it; so does an output that cannot be
 * opened. With --role sidecar it does not: what can be kept is kept, it is said again and again, and looked every 10 s whether
 * it is mended. A wrong one at SIGHUP leaves the old one at work; so does one that cannot be
 * started after all.
 * On close: what could not be delivered is said, in the exit status of a sidecar too, whose spool goes with its pod.
 */
#include "agent.h"

#include <posta/log.h>
#include <posta/supervisor.h>

#include <signal.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

enum { RETRY_S = 10 };

struct run {
    const struct cli_args *args;
    struct settings *now;
    struct settings *next;   /* good to go; NULL = none */
    struct settings *before; /* until `now` has started; NULL = none */
    bool is_old;             /* now is `before` again: what came after it could not be started */
    char trouble[ERR_TEXT_BYTES]; /* why lines are only kept; "" = they are delivered */
};

static struct settings *read_settings(const struct run *run, struct problems *problems)
{
    struct settings *settings = mem_zero(1, sizeof *settings);
    (void)(settings_read(settings, run->args, problems) == 0); /* counted in problems */
    return settings;
}

static void drop_settings(struct settings *settings)
{
    if (settings)
        settings_free(settings);
    free(settings);
}

static bool is_fail_open(const struct run *run)
{
    return run->now->role == ROLE_SIDECAR && !run->args->once;
}

static void set_trouble(struct run *run, const char *text)
{
    snprintf(run->trouble, sizeof run->trouble, "%s", text);
}

/* ---- the first configuration ---- */

static const char *first_error(const struct problems *problems)
{
    for (size_t i = 0; i < problems->n; i++)
        if (problems->at[i].kind == PROBLEM_ERROR)
            return problems->at[i].text;
    return "the configuration cannot be read";
}

static int begin(struct run *run)
{
    struct problems problems = PROBLEMS_INIT;
    run->now = read_settings(run, &problems);
    settings_set_up_log(run->now, run->args);
    settings_print(&problems);
    int status = problems.n_errors ? EXIT_USAGE : 0;
    if (status && is_fail_open(run)) {
        set_trouble(run, first_error(&problems));
        settings_salvage(run->now);
        status = 0;
    }
    if (status)
        supervisor_last_words(run->now->globals.termination_log, first_error(&problems));
    problems_free(&problems);
    return status;
}

/* ---- another one ---- */

static int check_next(const struct settings *next, const struct problems *problems, struct err *err)
{
    if (problems->n_errors)
        return err_set(err, ERR_CONFIG, "%s%s", first_error(problems),
                       problems->n_errors > 1 ? " (and more: posta test config)" : "");
    return output_try(next, output_check, NULL, err);
}

static bool reload(void *arg, bool is_asked)
{
    struct run *run = arg;
    struct problems problems = PROBLEMS_INIT;
    struct settings *next = read_settings(run, &problems);
    struct err err;
    int rc = check_next(next, &problems, &err);
    problems_free(&problems);
    if (rc == 0) {
        log_info("posta", "the configuration is read again, and taken");
        drop_settings(run->next);
        run->next = next;
        return true;
    }
    if (is_asked)
        log_error("posta", "the configuration is read again and wrong, the old one stays: %s",
                  err.text);
    else
        set_trouble(run, err.text);
    drop_settings(next);
    return false;
}

static void switch_to(struct run *run, struct settings *settings, bool is_old)
{
    run->now = settings;
    run->is_old = is_old;
    settings_set_up_log(settings, run->args);
    set_trouble(run, "");
}

/* Those that worked are kept until it is known that these do. */
static void take_next(struct run *run)
{
    if (*run->trouble)
        drop_settings(run->now);
    else
        run->before = run->now;
    switch_to(run, run->next, false);
    run->next = NULL;
}

static void started(void *arg)
{
    struct run *run = arg;
    drop_settings(run->before);
    run->before = NULL;
}

/* What passed every check could not be started: a port in use, a folder that cannot be made. */
static void go_back(struct run *run, const struct err *err)
{
    log_error("posta", "the new configuration cannot be started, the old one goes on: %s",
              err->text);
    drop_settings(run->now);
    switch_to(run, run->before, true);
    run->before = NULL;
}

/* ---- how it ended ---- */

static void put_left(struct buf *text, const struct pipeline_end *end)
{
    buf_printf(text, "%s%llu lines (%llu bytes) that were read are not delivered",
               end->is_at_least ? "at least " : "", (unsigned long long)end->left.lines,
               (unsigned long long)end->left.bytes);
    if (end->unread_bytes)
        buf_printf(text, ", %llu bytes of the logs are not read",
                   (unsigned long long)end->unread_bytes);
}

/* A spool on a machine waits for the next start, and its writers go on; what is in a pod goes with it. */
static int tell_end(const struct run *run, const struct pipeline_end *end)
{
    struct buf text = BUF_INIT;
    bool is_sidecar = run->now->role == ROLE_SIDECAR;
    bool is_left = end->left.lines || end->is_at_least ||
                   (is_sidecar && (end->unread_bytes || end->n_written || *run->trouble));
    int status = end->status;
    if (end->status != EXIT_TOLD || !is_left || end->is_changing)
        return status;
    put_left(&text, end);
    if (end->n_written)
        buf_printf(&text, ", %zu files were still written to", end->n_written);
    if (*run->trouble)
        buf_printf(&text, ": %s", run->trouble);
    log_warn("posta", "%s", buf_str(&text));
    supervisor_last_words(run->now->globals.termination_log, buf_str(&text));
    if (is_sidecar)
        status = EXIT_LEFT;
    buf_free(&text);
    return status;
}

/* ---- running ---- */

/* From the beginning on, and between two pipelines: they wait for a loop. The first process of a container would not even be ended
 * by one that comes before. */
static sigset_t block_signals(void)
{
    sigset_t signals;
    sigemptyset(&signals);
    sigaddset(&signals, SIGTERM);
    sigaddset(&signals, SIGINT);
    sigaddset(&signals, SIGHUP);
    sigprocmask(SIG_BLOCK, &signals, NULL);
    return signals;
}

/* False: told to stop meanwhile. */
static bool wait_for_retry(void)
{
    const sigset_t signals = block_signals();
    const struct timespec wait = {.tv_sec = RETRY_S};
    int signo = sigtimedwait(&signals, NULL, &wait);
    return signo < 0 || signo == SIGHUP;
}

/* It could not start. True: try again, with less. */
static bool start_again(struct run *run, const struct err *err)
{
    if (run->before) {
        go_back(run, err);
        return true;
    }
    log_error("posta", "cannot start: %s", err->text);
    if (!is_fail_open(run)) {
        supervisor_last_words(run->now->globals.termination_log, err->text);
        return false;
    }
    bool was_held = *run->trouble;
    set_trouble(run, err->text);
    if (!was_held) {
        settings_hold(run->now);
        return true;
    }
    log_error("posta", "NOTHING IS READ OR DELIVERED; the next try is in %d s", RETRY_S);
    if (!wait_for_retry()) {
        supervisor_last_words(run->now->globals.termination_log, err->text);
        return false;
    }
    if (reload(run, false))
        take_next(run);
    return true;
}

/* One pipeline from its start to its end. True: there is another one to come. */
static bool run_once(struct run *run, int *status)
{
    const struct pipeline_config config = {.settings = run->now,
                                           .once = run->args->once,
                                           .is_old = run->is_old,
                                           .trouble = *run->trouble ? run->trouble : NULL,
                                           .reload = reload,
                                           .started = started,
                                           .arg = run};
    struct pipeline_end end;
    struct err err;
    log_info("posta", "version " POSTA_VERSION ", data in %s, output %s",
             run->now->globals.path_data, run->now->output->name);
    int rc = pipeline_run(&config, &end, &err);
    *status = end.status;
    if (rc && end.status == EXIT_START)
        return start_again(run, &err);
    if (rc)
        log_error("posta", "cannot go on: %s", err.text);
    *status = tell_end(run, &end);
    if (end.is_changing)
        take_next(run);
    if (end.signo)
        kill(getpid(), end.signo); /* blocked: the next pipeline hears it */
    return end.is_changing;
}

int command_run(const struct cli_args *args)
{
    struct run run = {.args = args};
    (void)block_signals();
    int status = begin(&run);
    if (status == 0)
        while (run_once(&run, &status))
            continue;
    drop_settings(run.now);
    drop_settings(run.next);
    drop_settings(run.before);
    return status;
}
