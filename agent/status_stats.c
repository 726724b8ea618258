/* status_stats.c: / and /stats, in the shape that Beats give them, and posta's own counters beside. */
#include "status.h"

#include <stdlib.h>
#include <unistd.h>

static void put_member(struct buf *out, const char *name, const char *value)
{
    if (out->len > 0 && out->data[out->len - 1] != '{')
        buf_putc(out, ',');
    buf_printf(out, "\"%s\":", name);
    json_string(out, value);
}

void status_about(void *arg, struct buf *json)
{
    const struct agent_status *status = arg;
    const char *name = status->settings->globals.name;
    buf_putc(json, '{');
    put_member(json, "beat", "filebeat");
    put_member(json, "hostname", status->identity->host);
    put_member(json, "name", name && *name ? name : status->identity->host);
    put_member(json, "uuid", status->identity->id);
    put_member(json, "version", POSTA_VERSION);
    buf_putc(json, '}');
}

/* ---- beat ---- */

static unsigned long long as_ms(double seconds)
{
    return (unsigned long long)(seconds * 1000);
}

static void put_cpu(struct buf *out, const struct process_own *own)
{
    unsigned long long user = as_ms(own->user_s), system = as_ms(own->system_s),
                       tick_ms = 1000ULL / (unsigned long long)sysconf(_SC_CLK_TCK);
    buf_printf(out,
               "\"cpu\":{\"system\":{\"ticks\":%llu,\"time\":{\"ms\":%llu}},"
               "\"total\":{\"ticks\":%llu,\"time\":{\"ms\":%llu},\"value\":%llu},"
               "\"user\":{\"ticks\":%llu,\"time\":{\"ms\":%llu}}}",
               system / tick_ms, system, (user + system) / tick_ms, user + system, user + system,
               user / tick_ms, user);
}

static void put_beat(struct buf *out, const struct agent_status *status)
{
    struct process_own own;
    process_own(&own);
    buf_puts(out, "\"beat\":{");
    put_cpu(out, &own);
    buf_printf(out,
               ",\"handles\":{\"limit\":{\"hard\":%llu,\"soft\":%llu},\"open\":%llu},\"info\":{",
               (unsigned long long)own.descriptors_hard, (unsigned long long)own.descriptors_soft,
               (unsigned long long)own.n_descriptors);
    put_member(out, "ephemeral_id", status->identity->ephemeral_id);
    put_member(out, "name", "filebeat");
    put_member(out, "version", POSTA_VERSION);
    buf_printf(out, ",\"uptime\":{\"ms\":%lld}},\"memstats\":{\"rss\":%llu}}",
               (long long)((clock_mono_ns() - process_begin()->mono_ns) / NS_PER_MS),
               (unsigned long long)own.rss_bytes);
}

/* ---- filebeat, libbeat ---- */

struct totals {
    uint64_t sent, acked, dead, filtered, resent, bytes, waiting, dropped;
};

static struct totals sum(const struct agent_status *status)
{
    struct totals all = {0};
    for (unsigned n = 0; n < STATUS_LANES; n++) {
        const struct lane *lane = status_lane(status, n);
        const struct sender_stats *stats = lane ? sender_stats(lane->sender) : NULL;
        if (!stats)
            continue;
        all.sent += stats->lines_sent;
        all.acked += stats->lines_delivered;
        all.dead += stats->lines_dead;
        all.filtered += stats->lines_filtered;
        all.resent += stats->lines_resent;
        all.bytes += stats->bytes_sent;
        all.dropped += spool_stats(lane->spool)->dropped_lines;
    }
    for (unsigned row = 0; status->ledger && row < status->ledger->n_rows; row++)
        all.waiting += ledger_waiting(&status->ledger->rows[row]).lines;
    return all;
}

#define U(value) ((unsigned long long)(value))

static void put_filebeat(struct buf *out, const struct agent_status *status,
                         const struct totals *all)
{
    static const struct tail_stats none;
    const struct tail_stats *tail = status->tail ? tail_stats(status->tail) : &none;
    uint64_t done = all->acked + all->dead + all->filtered;
    buf_printf(
        out,
        "\"filebeat\":{\"events\":{\"active\":%llu,\"added\":%llu,\"done\":%llu},"
        "\"harvester\":{\"closed\":%llu,\"open_files\":%llu,\"running\":%llu,\"started\":%llu}}",
        U(all->waiting), U(done + all->waiting), U(done), U(tail->files_found - tail->files_open),
        U(tail->files_open), U(tail->files_open), U(tail->files_found));
}

static void put_output(struct buf *out, const struct agent_status *status,
                       const struct report_row *rows, const struct totals *all)
{
    const char *name = status->settings->output ? status->settings->output->name : "none";
    uint64_t active = all->sent - all->acked - all->dead;
    buf_printf(
        out,
        "\"output\":{\"events\":{\"acked\":%llu,\"active\":%llu,\"dropped\":%llu,\"failed\":%llu,"
        "\"total\":%llu},\"write\":{\"bytes\":%llu,\"errors\":%llu},\"type\":",
        U(all->acked), U(active), U(all->dead), U(all->resent), U(all->sent + all->resent),
        U(all->bytes), U(status_counter(rows, name, "connection_errors")));
    json_string(out, name);
    buf_putc(out, '}');
}

static void put_libbeat(struct buf *out, const struct agent_status *status,
                        const struct report_row *rows, const struct totals *all)
{
    size_t n = status->settings->n_inputs;
    buf_puts(out, "\"libbeat\":{\"config\":{\"module\":{\"running\":0,\"starts\":0,\"stops\":0},"
                  "\"reloads\":0,\"scans\":0},");
    put_output(out, status, rows, all);
    buf_printf(out,
               ",\"pipeline\":{\"clients\":%zu,\"events\":{\"active\":%llu,\"dropped\":%llu,"
               "\"failed\":0,\"filtered\":%llu,\"published\":%llu,\"retry\":%llu,\"total\":%llu},"
               "\"queue\":{\"acked\":%llu}}}",
               n, U(all->waiting), U(all->dropped), U(all->filtered), U(all->sent), U(all->resent),
               U(all->sent + all->filtered), U(all->acked));
}

/* ---- posta ---- */

static void put_terms(struct buf *out, const struct ledger_row *row, bool is_lines)
{
    struct tally waiting = ledger_waiting(row);
    for (unsigned term = 0; term < LEDGER_TERMS; term++)
        buf_printf(out, "\"%s\":%llu,", ledger_term_name((enum ledger_term)term),
                   U(is_lines ? row->at[term].lines : row->at[term].bytes));
    buf_printf(out, "\"waiting\":%llu", U(is_lines ? waiting.lines : waiting.bytes));
}

static void put_ledger(struct buf *out, const struct ledger *ledger)
{
    buf_puts(out, "\"ledger\":{");
    for (unsigned row = 0; ledger && row < ledger->n_rows; row++) {
        buf_puts(out, row ? "," : "");
        json_string(out, ledger->rows[row].input);
        buf_puts(out, ":{\"bytes\":{");
        put_terms(out, &ledger->rows[row], false);
        buf_puts(out, "},\"lines\":{");
        put_terms(out, &ledger->rows[row], true);
        buf_puts(out, "}}");
    }
    buf_putc(out, '}');
}

static void put_system(struct buf *out)
{
    double load[3] = {0};
    long cores = sysconf(_SC_NPROCESSORS_ONLN);
    (void)(getloadavg(load, 3) == 3); /* else it stays 0 */
    buf_printf(out,
               "\"system\":{\"cpu\":{\"cores\":%ld},\"load\":{\"1\":%.2f,\"5\":%.2f,\"15\":%.2f}}",
               cores > 0 ? cores : 1, load[0], load[1], load[2]);
}

void status_stats(void *arg, struct buf *json)
{
    const struct agent_status *status = arg;
    struct report_row rows[REPORT_PARTS_MAX] = {{0}};
    struct totals all = sum(status);
    if (status->report)
        status->report(status->arg, rows);
    buf_putc(json, '{');
    put_beat(json, status);
    buf_putc(json, ',');
    put_filebeat(json, status, &all);
    buf_putc(json, ',');
    put_libbeat(json, status, rows, &all);
    buf_puts(json, ",\"posta\":{");
    put_ledger(json, status->ledger);
    buf_puts(json, ",\"stats\":{");
    report_json(json, rows);
    buf_puts(json, "}},");
    put_system(json);
    buf_putc(json, '}');
}
