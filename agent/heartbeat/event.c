/* event.c: what is told of the end of a probe, beside what its type tells: monitor.*, url.*, resolve.*, error.*, and with the
 * last one of a check summary.* and state.*.
 */
#include "heartbeat.h"

#include <posta/time_text.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void put_us(struct members *event, const char *name, int64_t ns)
{
    members_u64(event, name, ns > 0 ? (uint64_t)ns / 1000 : 0);
}

static void put_time(struct members *event, const char *name, int64_t wall_ns)
{
    char text[TIME_TEXT_BYTES];
    time_text(wall_ns / NS_PER_MS, text);
    members_str(event, name, text);
}

/* From now until the next event of this target is due. */
static void put_timespan(struct members *event, const struct monitor *monitor)
{
    int64_t now_ns = clock_wall_ns(), wait_ns = schedule_wait_ns(&monitor->schedule, now_ns);
    if (wait_ns < monitor->settings->timeout_ns)
        wait_ns = monitor->settings->timeout_ns;
    put_time(event, "monitor.timespan.gte", now_ns);
    put_time(event, "monitor.timespan.lt", now_ns + wait_ns);
}

static void put_monitor(struct probe *probe, const struct probe_result *result)
{
    const struct check *check = probe->check;
    const struct monitor *monitor = check->target->monitor;
    struct members *event = &probe->event;
    char group[64];
    snprintf(group, sizeof group, "%s-%u", check->group, check->attempt);
    members_str(event, "monitor.id", check->target->id);
    members_str(event, "monitor.name", monitor->settings->name ? monitor->settings->name : "");
    members_str(event, "monitor.type", monitor->type->name);
    members_str(event, "monitor.status", status_name(result->type ? STATUS_DOWN : STATUS_UP));
    put_us(event, "monitor.duration.us", clock_mono_ns() - probe->begun_ns);
    members_str(event, "monitor.check_group", group);
    if (probe->address)
        members_str(event, "monitor.ip", probe->address->text);
    put_timespan(event, monitor);
}

static void put_url(struct members *event, const struct url *url)
{
    members_str(event, "url.full", url->full);
    members_str(event, "url.scheme", url->scheme);
    members_str(event, "url.domain", url->host);
    if (url->port)
        members_u64(event, "url.port", url->port);
    members_str(event, "url.path", url->path);
    members_str(event, "url.query", url->query);
    members_str(event, "url.username", url->user);
    if (url->has_password)
        members_str(event, "url.password", "<hidden>");
}

static void put_resolve(struct probe *probe)
{
    if (!probe->check->resolve_ns || !probe->address)
        return;
    members_str(&probe->event, "resolve.ip", probe->address->text);
    put_us(&probe->event, "resolve.rtt.us", probe->check->resolve_ns);
}

static void put_summary(struct probe *probe, bool is_final)
{
    const struct check *check = probe->check;
    struct members *event = &probe->event;
    members_str(event, "summary.status", status_name(check->n_down ? STATUS_DOWN : STATUS_UP));
    members_u64(event, "summary.up", check->n_up);
    members_u64(event, "summary.down", check->n_down);
    members_u64(event, "summary.attempt", check->attempt);
    members_u64(event, "summary.max_attempts", check->target->monitor->settings->max_attempts);
    members_bool(event, "summary.final_attempt", is_final);
    members_str(event, "summary.retry_group", check->group);
}

static void put_state(struct probe *probe, bool is_final)
{
    struct target *target = probe->check->target;
    struct state ended;
    enum status status = probe->check->n_down ? STATUS_DOWN : STATUS_UP;
    bool has_ended =
        state_record(&target->state, target->id, status, is_final, clock_wall_ns(), &ended);
    state_put(&probe->event, &target->state, has_ended ? &ended : NULL);
}

void event_put(struct probe *probe, const struct probe_result *result, bool is_last, bool is_final)
{
    const struct monitor *monitor = probe->check->target->monitor;
    put_monitor(probe, result);
    put_url(&probe->event, &probe->check->target->url);
    put_resolve(probe);
    members_str(&probe->event, "service.name", monitor->settings->service_name);
    if (result->type) {
        members_str(&probe->event, "error.type", result->type);
        members_str(&probe->event, "error.code", result->code);
        members_str(&probe->event, "error.message", result->message);
    }
    if (!is_last)
        return;
    put_summary(probe, is_final);
    put_state(probe, is_final);
}
