/* pipeline.h: what pipeline.c, which starts it and joins the parts, and stopping.c, which brings it to its end, share. */
#ifndef AGENT_PIPELINE_H
#define AGENT_PIPELINE_H

#include "status.h"

struct pipeline {
    const struct pipeline_config *conf;
    struct loop *loop;
    struct tail *tail;
    struct metadata *meta; /* NULL = none */
    struct agent_identity identity;
    struct lane logs;
    struct intake intake;
    struct samples samples[EVENT_LANES]; /* the sender is NULL where there are none */
    struct event_agent agent;
    struct ledger ledger;
    struct agent_status status;
    struct own_stats own;
    struct heartbeats beats;
    struct sampler *sampler;
    struct pipeline_end *end;
    struct loop_timer report, deadline;
    struct loop_task check_end;
    struct loop_timer look;      /* at the writers, while it ends */
    struct loop_timer recheck;   /* of the configuration, while delivery is held up by it */
    struct loop_timer watchdog;  /* the supervisor's */
    bool is_stopping;            /* what comes now is kept for the next start */
    bool is_read;                /* once: all that was there */
    bool writers_gone;           /* what is there is all there will be */
    int64_t quiet_since_ns;      /* no writer since then, and nothing new was read; while it ends */
    uint64_t quiet_bytes;        /* that were read until then */
    struct loop_timer postponed; /* another configuration waits for what only this tail can read */
    int64_t change_at_ns;        /* it does not wait longer; 0 = there is none */
    int n_signals;
    int64_t end_ns; /* when it must be over; 0 = not told to stop */
    struct buf last_report;
};

/* Of this kind, or NULL. */
struct lane *pipeline_lane(struct pipeline *pipe, enum event_lane no);

/* All counters, as a line. */
void pipeline_report(struct pipeline *pipe, struct buf *line);

/* ---- stopping.c ---- */

/* Signals are caught from now on. */
int stopping_init(struct pipeline *pipe, struct err *err) MUST_CHECK;
/* Verdicts came, or it has just begun: is it over? */
void stopping_look(struct pipeline *pipe);
/* The loop is left: take what is still there, prove the ledger, say how it ended. */
void stopping_finish(struct pipeline *pipe);
/* Another configuration waits to begin. */
void stopping_for_another(struct pipeline *pipe, int64_t wait_ns);
/* How long the spools may wait for a disk at the very end (monotonic). */
int64_t stopping_last_sync_ns(const struct pipeline *pipe);

/* ---- changing.c ---- */

int changing_init(struct pipeline *pipe, struct err *err) MUST_CHECK;
/* It ends: no other configuration any more. */
void changing_stop(struct pipeline *pipe);

#endif
