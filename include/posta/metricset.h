/* metricset.h: what a metricset is to the rest: something that is looked at each period and told as events.
 *
 * A metricset is one file in agent/metrics/, one line in registry.c and a case in tests/unit/test_metrics.c. It runs on the
 * loop: what it reads is local and quick, or a page of a server that the sampler asks for it. It keeps what it needs of the
 * last sample to tell rates; the first sample has none.
 */
#ifndef POSTA_METRICSET_H
#define POSTA_METRICSET_H

#include <posta/members.h>
#include <posta/plugin.h>
#include <posta/web.h>

/* What is told of a field: the manual's list is made of these rows, and events are checked against them. */
struct metric_field {
    const char *name; /* in the event, dotted; "*" stands for a name that is not known beforehand */
    const char *type; /* long, float, keyword, date, boolean: as Elasticsearch keeps it */
    const char *unit; /* "bytes", "ms", "percent" (1 is 100 %), ..; NULL = none */
    const char *doc;
};

/* The beginning of each metricset's own struct, filled in before open. */
struct metric_env {
    const char *hostfs; /* put before /proc, /sys and /etc; "" = none */
    int64_t now_ns;     /* monotonic, of this sample: for rates */
    int64_t wall_ns;    /* since the epoch */
    const char *host;   /* the server that is asked, as the configuration names it; "" */
    struct buf *
        text; /* for a file that is read: one for all, as they sample one after another; others change it in between */
};

/* Where events go. */
struct metric_sink {
    void *arg;
    struct members *event; /* to be filled in, with whole names; empty at first */
    struct members *host;  /* more members of the event's `host`, named from there: "cpu.usage" */
    /* The event is ready: it is taken, and both are empty again. */
    void (*give)(void *arg);
};

/* A page that is asked for over HTTP. */
struct metric_page {
    const char *default_host; /* "http://127.0.0.1" */
    const char *query;        /* added to each URL that has none; NULL = none */
    size_t path_at;           /* offset of a char * option: added to a host that names no path */
    size_t server_at; /* offset of a struct web_options: its options are read beside the others */
    int (*read)(void *self, const char *body, size_t len, const struct metric_sink *sink,
                struct err *err);
};

struct metricset {
    const char *module, *name;    /* as in metricbeat.modules */
    const char *doc;              /* one sentence */
    bool is_default;              /* taken where a module names no metricsets */
    bool is_own;                  /* of this container: system.hostfs does not count */
    const struct option *options; /* beside those of all modules; NULL = none */
    size_t size;                  /* of its own struct, which begins with a struct metric_env */
    const struct metric_field *fields; /* ends with name NULL */
    /* Options are set: make what is needed, look at no figures yet. NULL = nothing to do. */
    int (*open)(void *self, struct err *err);
    void (*close)(void *self); /* what open and samples made; NULL = nothing */
    /* Read and give. 1 = there is more to do: called again when others have had their turn; 0 = done. -1: the error becomes an
     * event; what was given stays. */
    int (*sample)(void *self, const struct metric_sink *sink, struct err *err);
    const struct metric_page *page; /* then there is no sample */
};

#endif
