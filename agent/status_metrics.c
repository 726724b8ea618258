/* status_metrics.c: everything that is counted, as Prometheus and OpenMetrics have it. Labels are few: an input's id, the
 * spool, a reason; logs by path only the LAG_TOP that are most behind. */
#include "status.h"

#include <openssl/crypto.h>
#include <stdlib.h>

enum { LAG_TOP = 10 };

enum family {
    F_INFO,
    F_CONFIG_OK,
    F_CONFIG_TIME,
    F_READY,
    F_INPUT_BYTES,
    F_INPUT_LINES,
    F_INPUT_FILES,
    F_INPUT_LAG,
    F_SOURCE_LAG,
    F_INPUT_ATTACHED,
    F_INPUT_ROTATIONS,
    F_INPUT_TRUNCATIONS,
    F_INPUT_LOST_BYTES,
    F_INPUT_LOST_GENERATIONS,
    F_INPUT_LOST_UNKNOWN,
    F_INPUT_GIVEN_UP,
    F_INPUT_CUT,
    F_INPUT_OVERFLOWS,
    F_INPUT_READ_ERRORS,
    F_LEDGER_BYTES,
    F_LEDGER_LINES,
    F_WAITING_BYTES,
    F_WAITING_LINES,
    F_COUNTING,
    F_DROPPED,
    F_SPOOL_BYTES,
    F_SPOOL_CAPACITY,
    F_SPOOL_MEMORY,
    F_SPOOL_SEGMENTS,
    F_SPOOL_AGE,
    F_SPOOL_SYNCS,
    F_SPOOL_DAMAGED,
    F_OUTPUT_SENT,
    F_OUTPUT_ACKED,
    F_OUTPUT_DEAD,
    F_OUTPUT_FILTERED,
    F_OUTPUT_RETRIES,
    F_OUTPUT_BYTES,
    F_OUTPUT_ERRORS,
    F_LATENCY,
    F_BROKER_UP,
    F_BROKER_RTT,
    F_BROKER_DISCONNECTS,
    F_BROKER_ERRORS,
    F_TLS_EXPIRY,
    F_CHECKS,
    F_HTTP_REQUESTS,
    F_HTTP_CUT,
    F_PROCESS_CPU,
    F_PROCESS_START,
    F_PROCESS_RSS,
    F_PROCESS_SIZE,
    F_PROCESS_FDS,
    F_PROCESS_FDS_MAX,
    F_PROCESS_THREADS,
    FAMILIES
};

static const struct metric_family families[FAMILIES] = {
    [F_INFO] = {"posta", METRIC_INFO, "version, librdkafka, openssl", "Versions."},
    [F_CONFIG_OK] =
        {"posta_config_last_reload_successful", METRIC_GAUGE, NULL,
         "1: the configuration in use is the one that was given; 0: it could not be used."},
    [F_CONFIG_TIME] = {"posta_config_last_reload_success_timestamp_seconds", METRIC_GAUGE, NULL,
                       "When the configuration in use was read."},
    [F_READY] = {"posta_ready", METRIC_GAUGE, NULL, "What /readyz says: 1 or 0."},
    [F_INPUT_BYTES] = {"posta_input_bytes", METRIC_COUNTER, "input", "Bytes read from logs."},
    [F_INPUT_LINES] = {"posta_input_lines", METRIC_COUNTER, "input", "Lines read from logs."},
    [F_INPUT_FILES] = {"posta_input_files_open", METRIC_GAUGE, "input", "Files open now."},
    [F_INPUT_LAG] = {"posta_input_lag_bytes", METRIC_GAUGE, "input",
                     "Bytes in open files that are not read yet, unfinished lines too."},
    [F_SOURCE_LAG] =
        {"posta_source_lag_bytes", METRIC_GAUGE, "input, source",
         "The same by log: the ten that are most behind by path, of others the sum as \"other\"."},
    [F_INPUT_ATTACHED] = {"posta_input_attached", METRIC_GAUGE, "input",
                          "1: all folders of the input can be looked into, or are waited for."},
    [F_INPUT_ROTATIONS] = {"posta_input_rotations", METRIC_COUNTER, "input",
                           "Followed files that got another name, were replaced or deleted."},
    [F_INPUT_TRUNCATIONS] = {"posta_input_truncations", METRIC_COUNTER, "input",
                             "Followed files that were cut or rewritten."},
    [F_INPUT_LOST_BYTES] =
        {"posta_input_lost_bytes", METRIC_COUNTER, "input",
         "Bytes that were written and that somebody else took away before they could be read."},
    [F_INPUT_LOST_GENERATIONS] = {"posta_input_lost_generations", METRIC_COUNTER, "input",
                                  "Files that were rotated away before they could be opened."},
    [F_INPUT_LOST_UNKNOWN] = {"posta_input_lost_unknown", METRIC_COUNTER, "input",
                              "Times that something may have been lost and nobody knows how much."},
    [F_INPUT_GIVEN_UP] = {"posta_input_given_up_bytes", METRIC_COUNTER, "input",
                          "Bytes given up unread, as rotation.at_limit: drop says."},
    [F_INPUT_CUT] = {"posta_input_cut_bytes", METRIC_COUNTER, "input",
                     "Bytes of lines beyond message_max_bytes, left out."},
    [F_INPUT_OVERFLOWS] = {"posta_input_overflows", METRIC_COUNTER, NULL,
                           "Times the kernel dropped file events; everything is looked at then."},
    [F_INPUT_READ_ERRORS] = {"posta_input_read_errors", METRIC_COUNTER, NULL,
                             "Reads that failed; tried again."},
    [F_LEDGER_BYTES] = {"posta_ledger_bytes", METRIC_COUNTER, "input, term",
                        "What became of every byte, see above."},
    [F_LEDGER_LINES] = {"posta_ledger_lines", METRIC_COUNTER, "input, term", "The same in lines."},
    [F_WAITING_BYTES] = {"posta_ledger_waiting_bytes", METRIC_GAUGE, "input",
                         "Bytes in the spool without a verdict."},
    [F_WAITING_LINES] = {"posta_ledger_waiting_lines", METRIC_GAUGE, "input", "The same in lines."},
    [F_COUNTING] = {"posta_ledger_counting", METRIC_GAUGE, NULL,
                    "1: what the start found in the spool is still being counted: recovered and "
                    "waiting are too small."},
    [F_DROPPED] = {"posta_events_dropped", METRIC_COUNTER, "input, reason",
                   "Lines that will never arrive: the spool was full (drop_oldest, drop_newest) or "
                   "damaged. Must stay 0."},
    [F_SPOOL_BYTES] = {"posta_spool_bytes", METRIC_GAUGE, "spool", "Size of the spool on disk."},
    [F_SPOOL_CAPACITY] = {"posta_spool_capacity_bytes", METRIC_GAUGE, "spool",
                          "What it may grow to."},
    [F_SPOOL_MEMORY] = {"posta_spool_memory_bytes", METRIC_GAUGE, "spool",
                        "Bytes waiting in memory (queue.mem)."},
    [F_SPOOL_SEGMENTS] = {"posta_spool_segments", METRIC_GAUGE, "spool", "Files of the spool."},
    [F_SPOOL_AGE] = {"posta_spool_oldest_event_age_seconds", METRIC_GAUGE, "spool",
                     "How long ago the oldest line that is taken from the spool and has no verdict "
                     "was read; 0: none."},
    [F_SPOOL_SYNCS] = {"posta_spool_syncs", METRIC_COUNTER, "spool",
                       "Times data was made durable."},
    [F_SPOOL_DAMAGED] = {"posta_spool_damaged_bytes", METRIC_COUNTER, "spool",
                         "Bytes of damaged places on disk."},
    [F_OUTPUT_SENT] = {"posta_output_sent_events", METRIC_COUNTER, "output, spool",
                       "Events offered to the output, each once."},
    [F_OUTPUT_ACKED] = {"posta_output_acked_events", METRIC_COUNTER, "output, spool",
                        "Events that the output has acknowledged."},
    [F_OUTPUT_DEAD] = {"posta_output_dead_events", METRIC_COUNTER, "output, spool",
                       "Events among the dead letters."},
    [F_OUTPUT_FILTERED] = {"posta_output_filtered_events", METRIC_COUNTER, "output, spool",
                           "Events left out as the configuration says."},
    [F_OUTPUT_RETRIES] = {"posta_output_retries", METRIC_COUNTER, "output, spool",
                          "Events offered again because no verdict was known."},
    [F_OUTPUT_BYTES] = {"posta_output_sent_bytes", METRIC_COUNTER, "output, spool",
                        "Bytes of events offered."},
    [F_OUTPUT_ERRORS] = {"posta_output_errors", METRIC_COUNTER, "output, reason",
                         "Connections that failed, refusals that may pass, refusals for good, "
                         "transactions aborted."},
    [F_LATENCY] = {"posta_delivery_latency_seconds", METRIC_HISTOGRAM, NULL,
                   "From reading a log line to the acknowledgement of its event."},
    [F_BROKER_UP] = {"posta_broker_up", METRIC_GAUGE, "broker, id, state",
                     "1: posta has a connection to this broker."},
    [F_BROKER_RTT] = {"posta_broker_rtt_seconds", METRIC_GAUGE, "broker, id",
                      "Mean time of an answer, of the last seconds."},
    [F_BROKER_DISCONNECTS] = {"posta_broker_disconnects", METRIC_COUNTER, "broker, id",
                              "Connections that ended."},
    [F_BROKER_ERRORS] = {"posta_broker_errors", METRIC_COUNTER, "broker, id",
                         "Requests that failed."},
    [F_TLS_EXPIRY] = {"posta_tls_certificate_expiry_timestamp_seconds", METRIC_GAUGE, "certificate",
                      "When posta's own certificate ends (client), and the first of the "
                      "authorities (authority)."},
    [F_CHECKS] = {"posta_heartbeat_checks", METRIC_COUNTER, "result",
                  "Results of heartbeat checks."},
    [F_HTTP_REQUESTS] = {"posta_http_requests", METRIC_COUNTER, NULL, "Requests to this endpoint."},
    [F_HTTP_CUT] = {"posta_http_connections_cut", METRIC_COUNTER, NULL,
                    "Connections to it that were cut because there were too many."},
    [F_PROCESS_CPU] = {"process_cpu_seconds", METRIC_COUNTER, NULL, "CPU time used."},
    [F_PROCESS_START] = {"process_start_time_seconds", METRIC_GAUGE, NULL,
                         "When the process began."},
    [F_PROCESS_RSS] = {"process_resident_memory_bytes", METRIC_GAUGE, NULL, "Memory in use."},
    [F_PROCESS_SIZE] = {"process_virtual_memory_bytes", METRIC_GAUGE, NULL,
                        "Address space in use."},
    [F_PROCESS_FDS] = {"process_open_fds", METRIC_GAUGE, NULL, "Open descriptors."},
    [F_PROCESS_FDS_MAX] = {"process_max_fds", METRIC_GAUGE, NULL, "How many there may be."},
    [F_PROCESS_THREADS] = {"process_threads", METRIC_GAUGE, NULL, "Threads."},
};

/* ---- putting ---- */

struct page {
    struct agent_status *status;
    struct exposition *to;
    struct report_row rows[REPORT_PARTS_MAX];
};

static void begin(struct page *page, enum family family)
{
    exposition_begin(page->to, &families[family]);
}

static void put(struct page *page, const struct metric_label *labels, uint64_t value)
{
    exposition_u64(page->to, labels, value);
}

static void put_one(struct page *page, enum family family, uint64_t value)
{
    begin(page, family);
    put(page, NULL, value);
}

static void put_one_double(struct page *page, enum family family, double value)
{
    begin(page, family);
    exposition_double(page->to, NULL, value);
}

/* ---- posta ---- */

static void put_info(struct page *page)
{
    const struct metric_label labels[] = {{"version", POSTA_VERSION},
                                          {"librdkafka", output_library_version()},
                                          {"openssl", OpenSSL_version(OPENSSL_VERSION)},
                                          {NULL, NULL}};
    struct buf why = BUF_INIT;
    begin(page, F_INFO);
    put(page, labels, 1);
    put_one(page, F_CONFIG_OK, page->status->config_ok);
    put_one(page, F_CONFIG_TIME, (uint64_t)page->status->config_ok_s);
    put_one(page, F_READY, status_is_ready(page->status, &why));
    buf_free(&why);
}

/* ---- inputs ---- */

static const char *input_id(const struct page *page, size_t i)
{
    return page->status->settings->inputs[i].tail.id;
}

static void put_inputs(struct page *page, enum family family, size_t at)
{
    begin(page, family);
    for (size_t i = 0; i < page->status->settings->n_inputs; i++) {
        const struct metric_label labels[] = {{"input", input_id(page, i)}, {NULL, NULL}};
        uint64_t value;
        memcpy(&value, (const char *)tail_input_stats(page->status->tail, i) + at, sizeof value);
        put(page, labels, value);
    }
}

/* Not what posta gave up itself. */
static void put_lost_bytes(struct page *page)
{
    begin(page, F_INPUT_LOST_BYTES);
    for (size_t i = 0; i < page->status->settings->n_inputs; i++) {
        const struct metric_label labels[] = {{"input", input_id(page, i)}, {NULL, NULL}};
        const struct tail_input_stats *stats = tail_input_stats(page->status->tail, i);
        put(page, labels, stats->bytes_lost - stats->bytes_given_up);
    }
}

static void put_attached(struct page *page)
{
    begin(page, F_INPUT_ATTACHED);
    for (size_t i = 0; i < page->status->settings->n_inputs; i++) {
        const struct metric_label labels[] = {{"input", input_id(page, i)}, {NULL, NULL}};
        struct buf why = BUF_INIT;
        put(page, labels, tail_is_attached(page->status->tail, i, &why));
        buf_free(&why);
    }
}

/* ---- how far behind ---- */

struct lag {
    uint64_t *by_input, *others;     /* by input; others: what is not among the top */
    struct tail_behind top[LAG_TOP]; /* most first */
    size_t n_top;
};

static void take_lag(void *arg, const struct tail_behind *behind)
{
    struct lag *lag = arg;
    size_t at = lag->n_top;
    lag->by_input[behind->input] += behind->bytes;
    lag->others[behind->input] += behind->bytes;
    for (size_t i = 0; i < lag->n_top; i++) /* generations of one log are one */
        if (lag->top[i].input == behind->input && strcmp(lag->top[i].path, behind->path) == 0) {
            lag->top[i].bytes += behind->bytes;
            return;
        }
    while (at > 0 && lag->top[at - 1].bytes < behind->bytes)
        at--;
    if (at == LAG_TOP)
        return;
    lag->n_top += lag->n_top < LAG_TOP;
    memmove(&lag->top[at + 1], &lag->top[at], (lag->n_top - at - 1) * sizeof lag->top[0]);
    lag->top[at] = *behind;
}

static void put_source_lag(struct page *page, struct lag *lag)
{
    begin(page, F_SOURCE_LAG);
    for (size_t i = 0; i < lag->n_top; i++) {
        const struct metric_label labels[] = {{"input", input_id(page, lag->top[i].input)},
                                              {"source", lag->top[i].path},
                                              {NULL, NULL}};
        put(page, labels, lag->top[i].bytes);
        lag->others[lag->top[i].input] -= lag->top[i].bytes;
    }
    for (size_t i = 0; i < page->status->settings->n_inputs; i++) {
        const struct metric_label labels[] = {
            {"input", input_id(page, i)}, {"source", "other"}, {NULL, NULL}};
        put(page, labels, lag->others[i]);
    }
}

static void put_lag(struct page *page)
{
    size_t n = page->status->settings->n_inputs;
    struct lag lag = {.by_input = mem_zero(n, sizeof(uint64_t)),
                      .others = mem_zero(n, sizeof(uint64_t))};
    tail_behind(page->status->tail, take_lag, &lag);
    begin(page, F_INPUT_LAG);
    for (size_t i = 0; i < n; i++) {
        const struct metric_label labels[] = {{"input", input_id(page, i)}, {NULL, NULL}};
        put(page, labels, lag.by_input[i]);
    }
    put_source_lag(page, &lag);
    free(lag.by_input);
    free(lag.others);
}

static void put_tail(struct page *page)
{
    static const struct {
        enum family family;
        size_t at;
    } rows[] = {
        {F_INPUT_FILES, offsetof(struct tail_input_stats, files_open)},
        {F_INPUT_ROTATIONS, offsetof(struct tail_input_stats, rotations)},
        {F_INPUT_TRUNCATIONS, offsetof(struct tail_input_stats, truncations)},
        {F_INPUT_LOST_GENERATIONS, offsetof(struct tail_input_stats, generations_lost)},
        {F_INPUT_LOST_UNKNOWN, offsetof(struct tail_input_stats, lost_unknown)},
        {F_INPUT_GIVEN_UP, offsetof(struct tail_input_stats, bytes_given_up)},
        {F_INPUT_CUT, offsetof(struct tail_input_stats, bytes_cut)},
    };
    if (!page->status->tail)
        return;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        put_inputs(page, rows[i].family, rows[i].at);
    put_lost_bytes(page);
    put_attached(page);
    put_lag(page);
    put_one(page, F_INPUT_OVERFLOWS, tail_stats(page->status->tail)->overflows);
    put_one(page, F_INPUT_READ_ERRORS, tail_stats(page->status->tail)->read_errors);
}

/* ---- the ledger ---- */

/* Rows of events and of what is not configured any more: only if there are any. */
static bool is_shown(const struct page *page, unsigned row)
{
    const struct ledger_row *at = &page->status->ledger->rows[row];
    bool is_used = row < page->status->settings->n_inputs;
    for (unsigned term = 0; term < LEDGER_TERMS; term++)
        is_used = is_used || at->at[term].lines > 0;
    return is_used;
}

static uint64_t one_of(struct tally tally, bool is_lines)
{
    return is_lines ? tally.lines : tally.bytes;
}

static void put_term(struct page *page, enum family family, enum ledger_term term, bool is_lines)
{
    begin(page, family);
    for (unsigned row = 0; row < page->status->ledger->n_rows; row++) {
        const struct ledger_row *at = &page->status->ledger->rows[row];
        const struct metric_label labels[] = {{"input", at->input}, {NULL, NULL}};
        if (is_shown(page, row))
            put(page, labels, one_of(at->at[term], is_lines));
    }
}

static void put_terms(struct page *page, enum family family, bool is_lines)
{
    begin(page, family);
    for (unsigned row = 0; row < page->status->ledger->n_rows; row++)
        for (unsigned term = 0; is_shown(page, row) && term < LEDGER_TERMS; term++) {
            const struct ledger_row *at = &page->status->ledger->rows[row];
            const struct metric_label labels[] = {
                {"input", at->input},
                {"term", ledger_term_name((enum ledger_term)term)},
                {NULL, NULL}};
            put(page, labels, one_of(at->at[term], is_lines));
        }
}

static void put_waiting(struct page *page, enum family family, bool is_lines)
{
    begin(page, family);
    for (unsigned row = 0; row < page->status->ledger->n_rows; row++) {
        const struct ledger_row *at = &page->status->ledger->rows[row];
        const struct metric_label labels[] = {{"input", at->input}, {NULL, NULL}};
        if (is_shown(page, row))
            put(page, labels, one_of(ledger_waiting(at), is_lines));
    }
}

static void put_dropped(struct page *page)
{
    static const enum ledger_term terms[] = {LEDGER_DROPPED_NEWEST, LEDGER_DROPPED_OLDEST,
                                             LEDGER_DAMAGED};
    begin(page, F_DROPPED);
    for (unsigned row = 0; row < page->status->ledger->n_rows; row++)
        for (size_t i = 0; is_shown(page, row) && i < sizeof terms / sizeof *terms; i++) {
            const struct ledger_row *at = &page->status->ledger->rows[row];
            const struct metric_label labels[] = {
                {"input", at->input}, {"reason", ledger_term_name(terms[i])}, {NULL, NULL}};
            put(page, labels, at->at[terms[i]].lines);
        }
}

static void put_ledger(struct page *page)
{
    bool is_counting = false;
    if (!page->status->ledger)
        return;
    put_term(page, F_INPUT_BYTES, LEDGER_READ, false);
    put_term(page, F_INPUT_LINES, LEDGER_READ, true);
    put_terms(page, F_LEDGER_BYTES, false);
    put_terms(page, F_LEDGER_LINES, true);
    put_waiting(page, F_WAITING_BYTES, false);
    put_waiting(page, F_WAITING_LINES, true);
    for (unsigned n = 0; n < STATUS_LANES; n++)
        is_counting |= status_lane(page->status, n) &&
                       sender_is_counting(status_lane(page->status, n)->sender);
    put_one(page, F_COUNTING, is_counting);
    put_dropped(page);
}

/* ---- spools and senders ---- */

struct lane_row {
    enum family family;
    size_t at;
};

static uint64_t field(const void *stats, size_t at)
{
    uint64_t value;
    memcpy(&value, (const char *)stats + at, sizeof value);
    return value;
}

static uint64_t capacity(const struct page *page, unsigned n)
{
    const struct globals *g = &page->status->settings->globals;
    uint64_t taken = 0;
    if (n > 0)
        return samples_share(g, (enum event_lane)(n - 1));
    for (unsigned other = 1; other < STATUS_LANES; other++)
        if (status_lane(page->status, other) && !g->is_in_memory)
            taken += capacity(page, other);
    return g->is_in_memory ? g->memory_bytes : g->spool_max_bytes - taken;
}

static void put_capacity(struct page *page)
{
    begin(page, F_SPOOL_CAPACITY);
    for (unsigned n = 0; n < STATUS_LANES; n++) {
        const struct metric_label labels[] = {{"spool", status_lane_name(n)}, {NULL, NULL}};
        if (status_lane(page->status, n))
            put(page, labels, capacity(page, n));
    }
}

static void put_ages(struct page *page)
{
    begin(page, F_SPOOL_AGE);
    for (unsigned n = 0; n < STATUS_LANES; n++) {
        struct lane *lane = status_lane(page->status, n);
        const struct metric_label labels[] = {{"spool", status_lane_name(n)}, {NULL, NULL}};
        if (lane)
            exposition_double(page->to, labels, (double)sender_oldest_ms(lane->sender) / 1e3);
    }
}

static void put_spools(struct page *page)
{
    static const struct lane_row rows[] = {
        {F_SPOOL_BYTES, offsetof(struct spool_stats, disk_bytes)},
        {F_SPOOL_MEMORY, offsetof(struct spool_stats, memory_bytes)},
        {F_SPOOL_SEGMENTS, offsetof(struct spool_stats, segments)},
        {F_SPOOL_SYNCS, offsetof(struct spool_stats, syncs)},
        {F_SPOOL_DAMAGED, offsetof(struct spool_stats, damaged_bytes)},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        begin(page, rows[i].family);
        for (unsigned n = 0; n < STATUS_LANES; n++) {
            const struct metric_label labels[] = {{"spool", status_lane_name(n)}, {NULL, NULL}};
            struct lane *lane = status_lane(page->status, n);
            if (lane)
                put(page, labels, field(spool_stats(lane->spool), rows[i].at));
        }
    }
    put_capacity(page);
    put_ages(page);
}

static void put_senders(struct page *page)
{
    static const struct lane_row rows[] = {
        {F_OUTPUT_SENT, offsetof(struct sender_stats, lines_sent)},
        {F_OUTPUT_ACKED, offsetof(struct sender_stats, lines_delivered)},
        {F_OUTPUT_DEAD, offsetof(struct sender_stats, lines_dead)},
        {F_OUTPUT_FILTERED, offsetof(struct sender_stats, lines_filtered)},
        {F_OUTPUT_RETRIES, offsetof(struct sender_stats, lines_resent)},
        {F_OUTPUT_BYTES, offsetof(struct sender_stats, bytes_sent)},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        begin(page, rows[i].family);
        for (unsigned n = 0; n < STATUS_LANES; n++) {
            const struct metric_label labels[] = {{"output", page->status->settings->output->name},
                                                  {"spool", status_lane_name(n)},
                                                  {NULL, NULL}};
            const struct lane *lane = status_lane(page->status, n);
            if (lane)
                put(page, labels, field(sender_stats(lane->sender), rows[i].at));
        }
    }
}

/* ---- the output ---- */

static void put_errors(struct page *page)
{
    static const char *const rows[][2] = {{"connection_errors", "connection"},
                                          {"failed", "retriable"},
                                          {"refused", "refused"},
                                          {"transactions_aborted", "transaction_aborted"}};
    const char *output = page->status->settings->output->name;
    begin(page, F_OUTPUT_ERRORS);
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        const struct metric_label labels[] = {
            {"output", output}, {"reason", rows[i][1]}, {NULL, NULL}};
        put(page, labels, status_counter(page->rows, output, rows[i][0]));
    }
}

static void put_expiry(struct page *page)
{
    static const char *const rows[][2] = {{"certificate_expires", "client"},
                                          {"authority_expires", "authority"}};
    begin(page, F_TLS_EXPIRY);
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        const struct metric_label labels[] = {{"certificate", rows[i][1]}, {NULL, NULL}};
        uint64_t at = status_counter(page->rows, page->status->settings->output->name, rows[i][0]);
        if (at)
            put(page, labels, at);
    }
}

static void put_latency(struct page *page)
{
    double bounds[LATENCY_STEPS];
    const struct lane *lane = status_lane(page->status, 0);
    if (!lane)
        return;
    const struct latency *latency = sender_latency(lane->sender);
    for (unsigned i = 0; i < LATENCY_STEPS; i++)
        bounds[i] = latency_step_s(i);
    begin(page, F_LATENCY);
    exposition_histogram(page->to, bounds, latency->n, LATENCY_STEPS,
                         (double)latency->sum_cs / 100.0);
}

struct peers_page {
    struct page *page;
    enum family family;
};

static void put_peer(void *arg, const struct output_peer *peer)
{
    const struct peers_page *peers = arg;
    char id[24];
    snprintf(id, sizeof id, "%lld", (long long)peer->id);
    const bool has_state = peers->family == F_BROKER_UP;
    const struct metric_label labels[] = {{"broker", peer->name},
                                          {"id", id},
                                          {has_state ? "state" : NULL, peer->state},
                                          {NULL, NULL}};
    struct exposition *to = peers->page->to;
    if (has_state)
        exposition_u64(to, labels,
                       strcmp(peer->state, "UP") == 0 || strcmp(peer->state, "UPDATE") == 0);
    else if (peers->family == F_BROKER_RTT)
        exposition_double(to, labels, peer->rtt_s);
    else
        exposition_u64(to, labels,
                       peers->family == F_BROKER_ERRORS ? peer->errors : peer->disconnects);
}

static void put_peers(struct page *page)
{
    static const enum family list[] = {F_BROKER_UP, F_BROKER_RTT, F_BROKER_DISCONNECTS,
                                       F_BROKER_ERRORS};
    const struct settings *set = page->status->settings;
    if (!set->output->peers || !status_lane(page->status, 0))
        return;
    for (size_t i = 0; i < sizeof list / sizeof *list; i++) {
        struct peers_page peers = {.page = page, .family = list[i]};
        begin(page, list[i]);
        set->output->peers(set->output_self, put_peer, &peers);
    }
}

static void put_output(struct page *page)
{
    if (!page->status->settings->output)
        return;
    put_senders(page);
    put_errors(page);
    put_latency(page);
    put_peers(page);
    put_expiry(page);
}

/* ---- the rest ---- */

static void put_checks(struct page *page)
{
    static const char *const results[] = {"up", "down", "skipped"};
    begin(page, F_CHECKS);
    for (size_t i = 0; i < sizeof results / sizeof *results; i++) {
        const struct metric_label labels[] = {{"result", results[i]}, {NULL, NULL}};
        put(page, labels, status_counter(page->rows, "heartbeat", results[i]));
    }
}

static void put_process(struct page *page)
{
    struct process_own own;
    process_own(&own);
    int64_t up_ns = loop_now(page->status->loop) - page->status->start_ns;
    put_one_double(page, F_PROCESS_CPU, own.user_s + own.system_s);
    put_one_double(page, F_PROCESS_START, (double)(clock_wall_ns() - up_ns) / 1e9);
    put_one(page, F_PROCESS_RSS, own.rss_bytes);
    put_one(page, F_PROCESS_SIZE, own.size_bytes);
    put_one(page, F_PROCESS_FDS, own.n_descriptors);
    put_one(page, F_PROCESS_FDS_MAX, own.descriptors_soft);
    put_one(page, F_PROCESS_THREADS, own.n_threads);
}

void status_metrics(void *arg, struct exposition *to)
{
    struct page page = {.status = arg, .to = to};
    if (page.status->report)
        page.status->report(page.status->arg, page.rows);
    put_info(&page);
    put_ledger(&page);
    put_tail(&page);
    put_spools(&page);
    put_output(&page);
    if (page.status->settings->n_monitors > 0)
        put_checks(&page);
    put_one(&page, F_HTTP_REQUESTS, admin_stats(page.status->admin)->requests);
    put_one(&page, F_HTTP_CUT, admin_stats(page.status->admin)->connections_cut);
    put_process(&page);
}

/* ---- the manual ---- */

void status_manual(FILE *out)
{
    static const char *const suffixes[] = {[METRIC_COUNTER] = "_total",
                                           [METRIC_GAUGE] = "",
                                           [METRIC_HISTOGRAM] = "",
                                           [METRIC_INFO] = "_info"};
    static const char *const types[] = {[METRIC_COUNTER] = "counter",
                                        [METRIC_GAUGE] = "gauge",
                                        [METRIC_HISTOGRAM] = "histogram",
                                        [METRIC_INFO] = "info"};
    fputs(".Bl -tag -width Ds\n", out);
    for (size_t i = 0; i < FAMILIES; i++) {
        const struct metric_family *family = &families[i];
        fprintf(out, ".It Ic %s%s\n%s", family->name, suffixes[family->type], types[family->type]);
        if (family->labels)
            fprintf(out, ", by %s", family->labels);
        fprintf(out, ".\n%s\n", family->help);
    }
    fputs(".El\n", out);
}
