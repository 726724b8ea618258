/* admin.h: what posta tells of itself over HTTP: health, metrics, statistics. Off if not asked for; as Beats' http.*.
 *
 * Everything is answered by the loop's thread, between two pieces of work, without locks: if the loop hangs there is no
 * answer, and that is what a liveness probe wants to know. What clients can take is bounded: connections, memory, time.
 */
#ifndef ADMIN_ADMIN_H
#define ADMIN_ADMIN_H

#include <posta/buf.h>
#include <posta/err.h>
#include <posta/loop.h>
#include <posta/plugin.h>

struct admin_settings {
    bool enabled;
    char *host; /* or unix:///path */
    uint64_t port;
};
extern const struct option admin_options[]; /* options.c */
int admin_check(const struct admin_settings *settings, struct err *err) MUST_CHECK;

/* ---- exposition.c: Prometheus' text format, and OpenMetrics ---- */

enum metric_type { METRIC_COUNTER, METRIC_GAUGE, METRIC_HISTOGRAM, METRIC_INFO };
/* A family of metrics. A name is without _total and _info. */
struct metric_family {
    const char *name;
    enum metric_type type;
    const char *labels; /* for the manual: "input, reason"; NULL = none */
    const char *help;
};
struct metric_label {
    const char *name, *value;
};
struct exposition {
    struct buf *out;
    bool is_open; /* OpenMetrics */
    const struct metric_family *family;
};
/* Samples of this family come next, all of them. */
void exposition_begin(struct exposition *to, const struct metric_family *family);
/* labels: ends with a NULL name; NULL = none. Values may be any bytes. */
void exposition_u64(struct exposition *to, const struct metric_label *labels, uint64_t value);
void exposition_double(struct exposition *to, const struct metric_label *labels, double value);
/* counts[i]: of what is at most bounds[i] and above the bound before; counts[n]: of the rest. */
void exposition_histogram(struct exposition *to, const double *bounds, const uint64_t *counts,
                          size_t n, double sum);
void exposition_end(struct exposition *to);

/* ---- endpoint.c ---- */

/* Who knows. Called on the loop's thread; appends. */
struct admin_source {
    void *arg;
    /* False: why not, as one line. True: what is to be said all the same, if anything. */
    bool (*is_healthy)(void *arg, struct buf *why);
    bool (*is_ready)(void *arg, struct buf *why);
    void (*metrics)(void *arg, struct exposition *to);
    void (*about)(void *arg, struct buf *json); /* GET / */
    void (*stats)(void *arg, struct buf *json); /* GET /stats */
};
struct admin_stats {
    uint64_t requests, connections, connections_cut;
};

struct admin;
/* Listen. Borrows the source's arg. CONFIG or DENIED, with what to do, if that cannot be. */
int admin_open(struct admin **admin, struct loop *loop, const struct admin_settings *settings,
               const struct admin_source *source, struct err *err) MUST_CHECK;
void admin_close(struct admin *admin); /* NULL is fine */
const struct admin_stats *admin_stats(const struct admin *admin);
/* Where it listens, as a URL. */
const char *admin_url(const struct admin *admin);

/* ---- answer.c ---- */

/* An answer that is not sent yet. */
struct admin_answer {
    unsigned status;
    const char *type; /* Content-Type */
    struct buf body;
};
/* To a request; accept: its header, or NULL. query: has it "pretty"? */
void admin_answer(const struct admin_source *source, const char *method, const char *path,
                  bool is_pretty, const char *accept, struct admin_answer *answer);
/* Does who asks like OpenMetrics as well as the older text, or better? */
bool accepts_openmetrics(const char *accept);
/* JSON with line ends and indents. */
void json_indent(const char *text, size_t len, struct buf *out);

/* ---- ask.c: for `posta probe` ---- */

/* GET path of a running posta there; waits at most timeout_ms. 0 with status and the body's first line. AGAIN: no answer. */
int admin_ask(const struct admin_settings *where, const char *path, int timeout_ms,
              unsigned *status, struct buf *line, struct err *err) MUST_CHECK;
/* "http://host:port[/..]", "unix:///path", "/path" → where. Texts are the caller's to free (options_free with admin_options). */
int admin_read_url(const char *url, struct admin_settings *where, struct err *err) MUST_CHECK;
/* The status of an answer, and of its body the first line. -1: it is no HTTP. */
int admin_read_answer(const char *bytes, size_t len, unsigned *status, struct buf *line);

#endif
