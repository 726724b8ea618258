/* status_families.c: the metrics there are, with what they mean: for /metrics and the manual. */
#include "status_page.h"

const struct metric_family families[FAMILIES] = {
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
    [F_INPUT_REFUSED] = {"posta_input_files_refused", METRIC_GAUGE, "input",
                         "Files that match and cannot be opened: no permission and the like; the "
                         "log says why. Must stay 0."},
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
                     "How long ago the oldest line without a verdict was read; 0: none."},
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
    [F_BROKER_UP] =
        {"posta_broker_up", METRIC_GAUGE, "broker, id, state",
         "1: posta has a connection to this broker; with state INIT it needed none yet."},
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
