/* pulse.c: an event of a check that was made, as Heartbeat makes them.
 *
 * {"@timestamp":T,"@metadata":{"beat":"heartbeat","type":"_doc","version","_id":ID},
 *  "event":{"id":ID,"dataset":TYPE[,"type":"heartbeat/summary"]},
 *  <what was found>,"ecs":{"version"},"host":{"name"},"agent":{..}[,"tags":[..]][,"fields":{..}]}
 */
#include "event.h"

#include <posta/loop.h>

#include <stdlib.h>

void pulse_begin(const struct event_agent *agent, const struct pulse *pulse, struct buf *out)
{
    char id[SAMPLE_ID_LEN + 1], time[TIME_TEXT_BYTES];
    char *who = mem_printf("%s/heartbeat", agent->id); /* samples count for themselves */
    sample_id(who, pulse->time_ns, pulse->number, id);
    time_text(pulse->time_ns / NS_PER_MS, time);
    buf_clear(out);
    buf_printf(out,
               "{\"@timestamp\":\"%s\",\"@metadata\":{\"beat\":\"heartbeat\",\"type\":\"_doc\",",
               time);
    buf_printf(out, "\"version\":\"%s\",\"_id\":\"%s\"},", agent->version, id);
    buf_printf(out, "\"event\":{\"id\":\"%s\",\"dataset\":\"%s\"%s},", id, pulse->dataset,
               pulse->is_summary ? ",\"type\":\"heartbeat/summary\"" : "");
    free(who);
}

void pulse_end(const struct event_agent *agent, const char *host, const char *extra,
               struct buf *out)
{
    sample_end_of(agent, "heartbeat", host, extra, out);
}
