/* sample.c: an event of something measured, as Metricbeat makes them.
 *
 * {"@timestamp":T,"@metadata":{"beat":"metricbeat","type":"_doc","version","_id":ID},
 *  "event":{"id":ID,"dataset":"module.set","module"[,"duration"]},"metricset":{"name","period"},"service":{"type"[,"address"]},
 *  <what was measured>,"ecs":{"version"},"host":{"name",..},"agent":{..}[,"tags":[..]][,"fields":{..}]}
 *
 * The id is made once, with the event: 11 hex digits of its time in ms, 9 of the agent's id, 12 of a number that grows.
 */
#include "event.h"

#include <posta/bytes.h>
#include <posta/json.h>
#include <posta/loop.h>

#include <stdio.h>
#include <string.h>

#define MASK(bits) ((UINT64_C(1) << (bits)) - 1)

void sample_id(const char *who, int64_t time_ns, uint64_t number, char id[static SAMPLE_ID_LEN + 1])
{
    snprintf(id, SAMPLE_ID_LEN + 1, "%011llx%09llx%012llx",
             (unsigned long long)((uint64_t)(time_ns / NS_PER_MS) & MASK(44)),
             (unsigned long long)(hash64(who, strlen(who)) & MASK(36)),
             (unsigned long long)(number & MASK(48)));
}

void sample_begin(const struct event_agent *agent, const struct sample *sample, struct buf *out)
{
    char id[SAMPLE_ID_LEN + 1], time[TIME_TEXT_BYTES];
    sample_id(agent->id, sample->time_ns, sample->number, id);
    time_text(sample->time_ns / NS_PER_MS, time);
    buf_clear(out);
    buf_printf(out,
               "{\"@timestamp\":\"%s\",\"@metadata\":{\"beat\":\"metricbeat\",\"type\":\"_doc\",",
               time);
    buf_printf(out, "\"version\":\"%s\",\"_id\":\"%s\"},", agent->version, id);
    buf_printf(out, "\"event\":{\"id\":\"%s\",\"dataset\":\"%s.%s\",\"module\":\"%s\"", id,
               sample->module, sample->set, sample->module);
    if (sample->duration_ns > 0)
        buf_printf(out, ",\"duration\":%lld", (long long)sample->duration_ns);
    buf_printf(out,
               "},\"metricset\":{\"name\":\"%s\",\"period\":%lld},\"service\":{\"type\":\"%s\"",
               sample->set, (long long)(sample->period_ns / NS_PER_MS), sample->module);
    if (sample->address) {
        buf_puts(out, ",\"address\":");
        json_string(out, sample->address);
    }
    buf_puts(out, "},");
}

void sample_end(const struct event_agent *agent, const struct sample *sample, const char *extra,
                struct buf *out)
{
    out->len -= out->data[out->len - 1] == ','; /* there are members of the host only */
    sample_end_of(agent, "metricbeat", sample->host, extra, out);
}

void sample_end_of(const struct event_agent *agent, const char *beat, const char *host,
                   const char *extra, struct buf *out)
{
    buf_putc(out, ',');
    event_put_agent(agent, beat, host, out);
    buf_printf(out, "%s%s}", *extra ? "," : "", extra);
}
