/* known.c: what the configuration says of all events of an input, as a JSON object: the same as it stands in each of them. */
#include "sender.h"

#include <posta/json.h>

#include <stdlib.h>

/* Beside event.module and event.dataset, which parsers write: as they do it. */
static void put_input(struct buf *out, const struct input_settings *in)
{
    buf_puts(out, ",\"input\":{\"type\":");
    json_string(out, in->event.type);
    buf_putc(out, '}');
    if (in->module_name)
        buf_printf(out, ",\"event\":{\"module\":\"%s\",\"dataset\":\"%s.%s\"}", in->module_name,
                   in->module_name, in->module_set);
    if (*in->event.extra)
        buf_printf(out, ",%s", in->event.extra);
}

/* Of heartbeats the module is the type, and the dataset too. */
static void put_kind(struct buf *out, const struct sample_kind *kind)
{
    if (kind->lane == EVENTS_HEARTBEATS)
        buf_printf(out, ",\"event\":{\"dataset\":\"%s\"}", kind->module);
    else
        buf_printf(out, ",\"event\":{\"module\":\"%s\",\"dataset\":\"%s.%s\"}", kind->module,
                   kind->module, kind->set);
    if (*kind->extra)
        buf_printf(out, ",%s", kind->extra);
}

void known_put(const struct settings *set, const struct event_agent *agent, unsigned route,
               const char *host, struct buf *json)
{
    const struct sample_kind *kind =
        route >= set->n_inputs ? &set->kinds[route - set->n_inputs] : NULL;
    buf_putc(json, '{');
    event_put_agent(agent, kind ? event_lanes[kind->lane].beat : agent->beat, host, json);
    if (kind)
        put_kind(json, kind);
    else
        put_input(json, &set->inputs[route]);
    buf_putc(json, '}');
}

void sender_known(void *arg, unsigned route, struct buf *json)
{
    const struct sender *sender = arg;
    unsigned bits = route >= events_route(sender) ? kind_of(sender, route)->metadata
                                                  : input_of(sender, route)->metadata;
    known_put(sender->conf.settings, &sender->agent, route, metadata_host(sender->conf.meta, bits),
              json);
}
