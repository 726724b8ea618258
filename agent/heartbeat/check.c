/* check.c: one run of a target: its name is resolved, each address is asked, each answer is told; once more if it is down.
 *
 * Happy path: addresses are asked at once, an event is told as each has answered; the last one has the summary.
 * Failure modes: the name does not resolve, or not in time: one event that says so. Down, and there are attempts left: again
 * after RETRY_NS. What a type finds out is told through probe_end, once.
 * On close: everything is given up, nothing is told.
 */
#include "heartbeat.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#define RETRY_NS (1 * NS_PER_S)

static void attempt(struct check *check);

static struct loop *loop_of(const struct check *check)
{
    return check->target->runner->conf.loop;
}

static const struct monitor *monitor_of(const struct check *check)
{
    return check->target->monitor;
}

/* ---- the end ---- */

static void free_probes(struct check *check)
{
    for (size_t i = 0; i < check->n_probes; i++) {
        monitor_of(check)->type->cancel(&check->probes[i]);
        members_free(&check->probes[i].event);
    }
    free(check->probes);
    free(check->addresses);
    check->probes = NULL;
    check->addresses = NULL;
    check->n_probes = check->n_open = 0;
}

void check_cancel(struct check *check)
{
    if (!check)
        return;
    if (check->resolving)
        resolve_cancel(check->resolving);
    loop_cancel_timer(loop_of(check), &check->timer);
    loop_drop_task(loop_of(check), &check->finish);
    free_probes(check);
    free(check);
}

/* Down in any address is down. */
static bool is_final(const struct check *check, bool is_down)
{
    return !is_down || check->attempt >= monitor_of(check)->settings->max_attempts;
}

static void again(void *arg)
{
    attempt(arg);
}

/* Nobody is in the probes any more. */
static void finish(void *arg)
{
    struct check *check = arg;
    struct target *target = check->target;
    free_probes(check);
    if (is_final(check, check->n_down > 0)) {
        check_cancel(check);
        runner_ended(target);
        return;
    }
    check->attempt++;
    check->timer = (struct loop_timer) {.fire = again, .arg = check};
    loop_set_timer(loop_of(check), &check->timer, RETRY_NS);
}

void probe_end(struct probe *probe, const struct probe_result *result)
{
    struct check *check = probe->check;
    struct runner *runner = check->target->runner;
    if (probe->is_over)
        return;
    probe->is_over = true;
    bool is_up = !result->type, is_last = --check->n_open == 0;
    check->n_up += is_up;
    check->n_down += !is_up;
    runner->stats.up += is_up;
    runner->stats.down += !is_up;
    event_put(probe, result, is_last, is_final(check, check->n_down > 0));
    const struct heartbeat beat = {.monitor = monitor_of(check),
                                   .wall_ns = probe->wall_ns,
                                   .is_last = is_last,
                                   .members = members_end(&probe->event)};
    runner->conf.give(runner->conf.arg, &beat);
    if (is_last)
        loop_defer(loop_of(check), &check->finish);
}

void probe_fail(struct probe *probe, const char *type, const char *code, const char *fmt, ...)
{
    char message[ERR_TEXT_BYTES];
    va_list args;
    va_start(args, fmt);
    vsnprintf(message, sizeof message, fmt, args);
    va_end(args);
    probe_end(probe, &(struct probe_result) {.type = type, .code = code, .message = message});
}

/* ---- probes ---- */

static void make_probes(struct check *check, size_t n)
{
    check->probes = mem_zero(n, sizeof *check->probes);
    check->n_probes = check->n_open = n;
    for (size_t i = 0; i < n; i++)
        check->probes[i] =
            (struct probe) {.check = check,
                            .address = check->addresses ? &check->addresses[i] : NULL,
                            .begun_ns = check->begun_ns,
                            .wall_ns = check->wall_ns,
                            .until_ns = check->until_ns};
}

static void start_probes(struct check *check)
{
    size_t n = check->n_probes;
    for (size_t i = 0; i < n; i++)
        monitor_of(check)->type->start(&check->probes[i]);
}

static void take_addresses(struct check *check, const struct address *at, size_t n)
{
    n = monitor_of(check)->settings->mode == MODE_ALL ? n : 1;
    check->addresses = mem_zero(n, sizeof *check->addresses);
    memcpy(check->addresses, at, n * sizeof *check->addresses);
    for (size_t i = 0; i < n; i++)
        address_set_port(&check->addresses[i], check->target->url.port);
    make_probes(check, n);
    start_probes(check);
}

/* ---- the name ---- */

static void not_resolved(struct check *check, const char *why)
{
    loop_cancel_timer(loop_of(check), &check->timer);
    make_probes(check, 1);
    probe_fail(&check->probes[0], "io", "DNS_LOOKUP_FAILED", "DNS lookup failure \"%s\": %s",
               check->target->url.host, why);
}

static void resolved(void *arg, const struct resolved *answer)
{
    struct check *check = arg;
    check->resolving = NULL;
    check->resolve_ns = clock_mono_ns() - check->begun_ns;
    if (answer->error) {
        not_resolved(check, answer->error);
        return;
    }
    loop_cancel_timer(loop_of(check), &check->timer);
    take_addresses(check, answer->at, answer->n);
}

static void too_late(void *arg)
{
    struct check *check = arg;
    resolve_cancel(check->resolving);
    check->resolving = NULL;
    not_resolved(check, "no answer in time");
}

static void ask_name(struct check *check)
{
    const struct monitor_settings *own = monitor_of(check)->settings;
    struct err err;
    check->timer = (struct loop_timer) {.fire = too_late, .arg = check};
    if (resolve_ask(check->target->runner->resolver, check->target->url.host, own->ipv4, own->ipv6,
                    resolved, check, &check->resolving, &err))
        not_resolved(check, err.text);
    else
        loop_set_timer(loop_of(check), &check->timer, own->timeout_ns);
}

/* ---- begin ---- */

static void make_group(char text[static 37])
{
    unsigned char b[16];
    if (getrandom(b, sizeof b, GRND_NONBLOCK) != sizeof b)
        memset(b, 0, sizeof b); /* it is a label */
    b[6] = (unsigned char)((b[6] & 0x0f) | 0x40);
    b[8] = (unsigned char)((b[8] & 0x3f) | 0x80);
    for (int i = 0; i < 16; i++)
        text += sprintf(text, i == 4 || i == 6 || i == 8 || i == 10 ? "-%02x" : "%02x", b[i]);
}

static void attempt(struct check *check)
{
    const struct monitor *monitor = monitor_of(check);
    struct address address;
    check->begun_ns = clock_mono_ns();
    check->wall_ns = clock_wall_ns();
    check->until_ns = check->begun_ns + monitor->settings->timeout_ns;
    check->resolve_ns = 0;
    check->n_up = check->n_down = 0;
    check->target->runner->stats.checks++;
    if (monitor->type->resolves_itself && monitor->type->resolves_itself(monitor->settings)) {
        make_probes(check, 1);
        start_probes(check);
    } else if (address_read(&address, check->target->url.host)) {
        take_addresses(check, &address, 1);
    } else {
        ask_name(check);
    }
}

void check_begin(struct target *target)
{
    struct check *check = mem_zero(1, sizeof *check);
    target->check = check;
    check->target = target;
    check->attempt = 1;
    check->finish = (struct loop_task) {.run = finish, .arg = check};
    make_group(check->group);
    attempt(check);
}

/* ---- for the types ---- */

const void *probe_settings(const struct probe *probe)
{
    return monitor_of(probe->check)->settings;
}

const struct url *probe_url(const struct probe *probe)
{
    return &probe->check->target->url;
}

const char *probe_url_text(const struct probe *probe)
{
    return probe->check->target->url_text;
}

struct loop *probe_loop(const struct probe *probe)
{
    return loop_of(probe->check);
}

struct web_client *probe_web(const struct probe *probe, struct err *err)
{
    struct runner *runner = probe->check->target->runner;
    if (!runner->web && web_client_open(&runner->web, runner->conf.loop, err))
        return NULL;
    return runner->web;
}
