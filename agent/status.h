/* status.h: what posta tells of itself: health, metrics, statistics. Filled in by the pipeline, asked by the endpoint. */
#ifndef AGENT_STATUS_H
#define AGENT_STATUS_H

#include "agent.h"

#include <posta/json.h>

/* Borrows everything; NULL where there is none, or not yet, or not any more. */
struct agent_status {
    const struct settings *settings;
    const struct agent_identity *identity;
    struct loop *loop;
    struct ledger *ledger;
    struct tail *tail;
    struct lane *logs;
    struct samples *samples; /* EVENT_LANES of them */
    const struct intake *intake;
    struct admin *admin;
    void (*report)(void *arg, struct report_row rows[static REPORT_PARTS_MAX]);
    void *arg; /* of report */
    bool is_stopping;
    bool config_ok;      /* the configuration in use is the one that was given last */
    const char *trouble; /* why lines are only kept and nothing is delivered; NULL = none */
    int64_t config_ok_s; /* when it was read, since the epoch; 0 = it is not */
};

/* status.c */
bool status_is_healthy(void *status, struct buf *why);
bool status_is_ready(void *status, struct buf *why);
/* The lane that is there; NULL if n is beyond the last, or it is not open. */
struct lane *status_lane(const struct agent_status *status, unsigned n);
enum { STATUS_LANES = 1 + EVENT_LANES };
const char *status_lane_name(unsigned n);
/* A counter of a part by name; 0 if there is none of it. */
uint64_t status_counter(const struct report_row *rows, const char *part, const char *name);
struct admin_source status_source(struct agent_status *status);

/* status_metrics.c */
void status_metrics(void *status, struct exposition *to);
/* The families as mdoc(7) items. */
void status_manual(FILE *out);

/* status_stats.c */
void status_about(void *status, struct buf *json);
void status_stats(void *status, struct buf *json);

#endif
