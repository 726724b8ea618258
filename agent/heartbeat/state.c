/* state.c: what the results of a target's checks are together: up, down, or flapping between them.
 *
 * Happy path: a result as the one before belongs to the same state; another one begins a new state.
 * Failure modes: another result before a state has had FLAP_THRESHOLD checks: it is flapping, from its beginning on, until as
 * many checks in a row say the same.
 * On close: a state ends with the process; the next one begins anew.
 */
#include "heartbeat.h"

#include <posta/time_text.h>

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

const char *status_name(enum status status)
{
    static const char *const names[] = {
        [STATUS_UP] = "up", [STATUS_DOWN] = "down", [STATUS_FLAP] = "flap"};
    return names[status];
}

static void count(struct state *state, enum status status, int64_t wall_ns)
{
    state->duration_ns = wall_ns - state->started_ns;
    state->checks++;
    state->up += status == STATUS_UP;
    state->down += status == STATUS_DOWN;
}

static void begin(struct state *state, const char *monitor_id, enum status status, int64_t wall_ns)
{
    uint64_t counter = state->counter;
    *state = (struct state) {.started_ns = wall_ns, .status = status, .counter = counter + 1};
    snprintf(state->id, sizeof state->id, "%.100s-default-%" PRIx64 "-%" PRIx64, monitor_id,
             (uint64_t)(wall_ns / NS_PER_MS), counter);
    count(state, status, wall_ns);
}

static bool transit(struct state *state, const char *monitor_id, enum status status,
                    int64_t wall_ns, struct state *ended)
{
    *ended = *state;
    ended->n_history = 0;
    begin(state, monitor_id, status, wall_ns);
    return true;
}

/* All of them say the same, with this one. */
static bool is_stable(const struct state *state, enum status status)
{
    for (unsigned i = 0; i < state->n_history; i++)
        if (state->history[i] != status)
            return false;
    return true;
}

/* FLAP_THRESHOLD - 1 are kept: one more could make them stable. */
static void forget_old(struct state *state)
{
    unsigned extra = state->n_history >= FLAP_THRESHOLD ? state->n_history - FLAP_THRESHOLD + 1 : 0;
    state->n_history -= extra;
    memmove(state->history, state->history + extra, state->n_history * sizeof *state->history);
}

static void flap(struct state *state, enum status status, int64_t wall_ns)
{
    state->status = STATUS_FLAP;
    state->history[state->n_history++] = status;
    count(state, status, wall_ns);
}

bool state_record(struct state *state, const char *monitor_id, enum status status, bool is_final,
                  int64_t wall_ns, struct state *ended)
{
    if (state->started_ns == 0) {
        begin(state, monitor_id, status, wall_ns);
    } else if (state->status == status || !is_final) {
        count(state, status, wall_ns);
    } else if (state->status == STATUS_FLAP) {
        forget_old(state);
        if (is_stable(state, status))
            return transit(state, monitor_id, status, wall_ns, ended);
        flap(state, status, wall_ns);
    } else if (state->checks < FLAP_THRESHOLD) {
        flap(state, status, wall_ns);
    } else {
        return transit(state, monitor_id, status, wall_ns, ended);
    }
    return false;
}

/* ---- telling ---- */

static void put_history(struct buf *out, const struct state *state)
{
    buf_putc(out, '[');
    for (unsigned i = 0; i < state->n_history; i++)
        buf_printf(out, "%s\"%s\"", i ? "," : "", status_name(state->history[i]));
    buf_putc(out, ']');
}

static void put_one(struct members *event, const char *prefix, const struct state *state)
{
    const char *before = event->prefix;
    char started[TIME_TEXT_BYTES];
    time_text(state->started_ns / NS_PER_MS, started);
    event->prefix = prefix;
    members_str(event, "id", state->id);
    members_text(event, "started_at", started, TIME_TEXT_BYTES - 1);
    members_u64(event, "duration_ms", (uint64_t)(state->duration_ns / NS_PER_MS));
    members_str(event, "status", status_name(state->status));
    members_u64(event, "checks", state->checks);
    members_u64(event, "up", state->up);
    members_u64(event, "down", state->down);
    members_name(event, "flap_history");
    put_history(&event->json, state);
    event->prefix = before;
}

void state_put(struct members *event, const struct state *state, const struct state *ended)
{
    put_one(event, "state", state);
    if (ended)
        put_one(event, "state.ends", ended);
}
