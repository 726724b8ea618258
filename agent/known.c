/* known.c: what the configuration says of all events of an input, as a JSON object: the same as it stands in each of them. */
#include "sender.h"

#include <posta/json.h>

#include <stdlib.h>

static void put_member(struct buf *out, const char *before, const char *text)
{
    buf_puts(out, before);
    json_string(out, text);
}

static void put_agent(struct buf *out, const struct event_agent *agent, const char *type)
{
    put_member(out, "\"host\":{\"name\":", agent->name);
    put_member(out, "},\"agent\":{\"name\":", agent->name);
    put_member(out, ",\"type\":", type);
    put_member(out, ",\"version\":", agent->version);
    put_member(out, ",\"id\":", agent->id);
    put_member(out, ",\"ephemeral_id\":", agent->ephemeral_id);
    put_member(out, "},\"ecs\":{\"version\":", ECS_VERSION);
    buf_puts(out, "}");
}

/* Beside event.module and event.dataset, which parsers write: as they do it. */
static void put_input(struct buf *out, const struct input_settings *in)
{
    put_member(out, ",\"input\":{\"type\":", in->event.type);
    buf_puts(out, "}");
    if (in->module_name)
        buf_printf(out, ",\"event\":{\"module\":\"%s\",\"dataset\":\"%s.%s\"}", in->module_name,
                   in->module_name, in->module_set);
    if (*in->event.extra)
        buf_printf(out, ",%s", in->event.extra);
}

/* Samples: posta's counters. Heartbeats differ by monitor. */
static void put_samples(struct buf *out, const struct globals *globals, enum event_kind kind)
{
    static const struct input_settings no_input;
    struct err err;
    char *extra = fields_to_json(globals, &no_input, &err);
    if (kind == EVENTS_METRICS)
        buf_puts(out, ",\"event\":{\"module\":\"posta\",\"dataset\":\"posta.stats\"}");
    if (extra && *extra)
        buf_printf(out, ",%s", extra);
    free(extra);
}

void sender_known(void *arg, unsigned route, struct buf *json)
{
    const struct sender *sender = arg;
    enum event_kind kind = kind_of_route(sender, route);
    bool is_events = kind != EVENT_KINDS;
    buf_putc(json, '{');
    put_agent(json, &sender->agent, is_events ? event_kinds[kind].beat : "filebeat");
    if (is_events)
        put_samples(json, &sender->conf.settings->globals, kind);
    else
        put_input(json, input_of(sender, route));
    buf_putc(json, '}');
}
