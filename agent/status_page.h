/* status_page.h: what the files that write /metrics share. Only they include it. */
#ifndef AGENT_STATUS_PAGE_H
#define AGENT_STATUS_PAGE_H

#include "status.h"

/* In the order of the manual; their texts are in status_families.c. */
enum family {
    F_INFO,
    F_CONFIG_OK,
    F_CONFIG_TIME,
    F_READY,
    F_INPUT_BYTES,
    F_INPUT_LINES,
    F_INPUT_FILES,
    F_INPUT_REFUSED,
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

extern const struct metric_family families[FAMILIES];

/* A family whose values are counters of a struct of statistics. */
struct family_row {
    enum family family;
    size_t at;
};

struct page {
    struct agent_status *status;
    struct exposition *to;
    struct report_row rows[REPORT_PARTS_MAX];
};
void page_begin(struct page *page, enum family family);
void page_put(struct page *page, const struct metric_label *labels, uint64_t value);
/* Of a family of one. */
void page_one(struct page *page, enum family family, uint64_t value);
void page_one_double(struct page *page, enum family family, double value);

void page_inputs(struct page *page); /* status_inputs.c */
void page_ledger(struct page *page); /* status_ledger.c */
void page_spools(struct page *page); /* status_spools.c */
void page_output(struct page *page); /* status_output.c */

#endif
