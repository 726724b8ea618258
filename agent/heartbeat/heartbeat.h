/* heartbeat.h: is it up? Hosts that are asked by a schedule, and what is told of each answer, as Heartbeat tells it.
 *
 *     schedule.c, cron.c   when          options.c, target.c   configuration → monitors → targets (one URL each)
 *     runner.c             ticks → checks, so many at once     check.c   one run: resolve, a probe for each address, retry
 *     http*.c tcp.c icmp.c one file a monitor type             event.c, state.c, tls_meta.c   what is told
 *     resolve.c            names → addresses, in threads       conn.c, tls_context.c   TCP and TLS without waiting
 *
 * Everything runs on the loop and waits for nothing; only names are resolved in threads. A target has one check at a time: a
 * tick that comes while it runs is skipped.
 */
#ifndef HEARTBEAT_HEARTBEAT_H
#define HEARTBEAT_HEARTBEAT_H

#include <posta/buf.h>
#include <posta/config_node.h>
#include <posta/loop.h>
#include <posta/members.h>
#include <posta/metricset.h>
#include <posta/plugin.h>
#include <posta/regex.h>
#include <posta/web.h>
#include <stdint.h>
#include <sys/socket.h>

/* ---- schedule.c: when ---- */

enum { CRON_FIRST_YEAR = 1970, CRON_LAST_YEAR = 2099 };

/* Bit n of a set is the value n; a year is counted from CRON_FIRST_YEAR. */
struct cron {
    uint64_t seconds, minutes, hours, days, months, weekdays;
    uint64_t years[3];
    uint64_t workdays;           /* 15W: the working day nearest to it */
    uint64_t last_weekdays;      /* 5L: the last Friday */
    uint64_t nth_weekdays[5];    /* 5#3: the third Friday is in [2] */
    bool last_day, last_workday; /* L, LW */
    bool has_days, has_weekdays; /* restricted: where both are, either is enough */
};
/* 5 to 7 fields: [second] minute hour day month weekday [year], or @hourly and the like. CONFIG with what is wrong. */
int cron_parse(struct cron *cron, const char *text, struct err *err) MUST_CHECK;
/* The first time behind this one (seconds since the epoch) that fits, in the local time zone or in UTC; 0 = there is none. What
 * a change of the clock leaves out does not come; what it repeats comes twice. */
int64_t cron_next(const struct cron *cron, int64_t after_s, bool is_utc);

struct schedule {
    int64_t every_ns; /* 0 = by cron */
    struct cron cron;
    bool is_utc;
};
int schedule_parse(struct schedule *schedule, const char *text, struct err *err) MUST_CHECK;
/* How long it is from then (wall clock) to the next tick. */
int64_t schedule_wait_ns(const struct schedule *schedule, int64_t wall_ns);

/* ---- url.c ---- */

struct url {
    char *full; /* a password in it is <hidden> */
    char *scheme, *host, *path, *query,
        *user; /* path with its slash, query without question mark; NULL = not there */
    bool has_password;
    unsigned port; /* 0 = none */
};
/* scheme://[user[:password]@]host[:port][/path][?query]. Ports of http and https are known. CONFIG if it is none. */
int url_parse(struct url *url, const char *text, struct err *err) MUST_CHECK;
void url_free(struct url *url);

/* ---- monitors ---- */

enum monitor_mode { MODE_ANY, MODE_ALL };

/* The beginning of each type's own settings. */
struct monitor_settings {
    char *id, *name, *service_name, *old_service_name;
    char *schedule;
    bool enabled, ipv4, ipv6;
    int mode; /* enum monitor_mode */
    int64_t timeout_ns;
    uint64_t max_attempts;
    struct str_list hosts;
    struct str_list tags;
    const struct node *fields;
    bool fields_under_root;
    char *run_from; /* observer.name */
    const struct node *geo;
    char *type;
};
/* fields.c: what all types tell, and what those with TLS do. */
extern const struct metric_field heartbeat_fields[], tls_fields[];
/* What all types can be told; the types' tables begin with these. */
extern const struct option monitor_options[];

struct probe;
struct target;

/* One kind of check: const, at the end of its file, named in registry.c. */
struct monitor_type {
    const char *name; /* as in `type` */
    const char *doc;
    const struct option *options; /* beside monitor_options */
    bool has_tls;                 /* and the ssl.* of web_client_options, */
    size_t web_at;                /* for the struct web_options at this place of its settings */
    const struct metric_field *fields; /* beside heartbeat_fields; ends with name NULL */
    size_t size; /* of its settings, which begin with a struct monitor_settings */
    /* The options are set: look whether they can be, and make of hosts what url_parse takes. Problems are at the node. */
    void (*read)(void *self, const struct node *node, struct str_list *urls,
                 struct problems *problems);
    void (*free)(void *self); /* what read made; NULL = nothing */
    bool (*resolves_itself)(
        const void
            *self); /* names are its own matter: there is one probe without address; NULL = no */
    /* Ask probe->address, and call probe_end when it is known, or too late. */
    void (*start)(struct probe *probe);
    void (*cancel)(
        struct probe *probe); /* free probe->own, if there is one: it is over, or is given up */
};
/* One that is configured. */
struct monitor {
    const struct monitor_type *type;
    const struct option *rows;
    struct monitor_settings *settings; /* of type->size bytes */
    const struct node *node;
    char *id; /* of the configuration, or made of it */
    struct schedule schedule;
    struct str_list urls; /* one for each target */
};

/* Appends; takes the text. */
void urls_take(struct str_list *urls, char *text);

/* The monitor's table, with what it shares; made once for each type. */
const struct option *monitor_rows(const struct monitor_type *type);
/* Read one of heartbeat.monitors. False: it is not enabled, or there are problems. types ends with NULL. section: its place. */
bool monitor_read(struct monitor *monitor, const struct monitor_type *const *types,
                  const struct node *node, const char *section, bool is_utc,
                  struct problems *problems);
void monitor_free(struct monitor *monitor);

/* ---- state.c: up, down, or now this, now that ---- */

enum status { STATUS_UP, STATUS_DOWN, STATUS_FLAP };

/* So many checks with the same result make a state; fewer, and it is flapping. */
enum { FLAP_THRESHOLD = 3 };

struct state {
    char id[160];
    int64_t started_ns; /* wall clock; 0 = nothing is known yet */
    int64_t duration_ns;
    enum status status;
    uint64_t checks, up, down;
    enum status history[FLAP_THRESHOLD]; /* while flapping, the newest last */
    unsigned n_history;
    uint64_t counter; /* of states, for the id */
};
/* One more result. ended is set to the state that it ended, if it did: then it returns true. */
bool state_record(struct state *state, const char *monitor_id, enum status status, bool is_final,
                  int64_t wall_ns, struct state *ended);
/* "state.*"; ended may be NULL. */
void state_put(struct members *event, const struct state *state, const struct state *ended);
const char *status_name(enum status status);

/* ---- resolve.c: names → addresses ---- */

enum { ADDRESSES_MAX = 32 };

struct address {
    struct sockaddr_storage at;
    socklen_t len;
    char text[48];
};

struct resolver;
struct resolve_call;
struct resolved {
    const char *error;        /* NULL = there is at least one */
    const struct address *at; /* IPv4 first */
    size_t n;
};
typedef void resolve_done(void *arg, const struct resolved *resolved);

int resolver_open(struct resolver **resolver, struct loop *loop, struct err *err) MUST_CHECK;
/* Ends what is asked, without a callback. NULL is fine. */
void resolver_close(struct resolver *resolver);
/* done is called once, from the loop. AGAIN: too many names are being resolved already. */
int resolve_ask(struct resolver *resolver, const char *host, bool ipv4, bool ipv6,
                resolve_done *done, void *arg, struct resolve_call **call,
                struct err *err) MUST_CHECK;
/* done will not come. The thread ends by itself. */
void resolve_cancel(struct resolve_call *call);

/* ---- address.c ---- */

/* Is it an address already? */
bool address_read(struct address *address, const char *text);
void address_set_port(struct address *address, unsigned port);

/* ---- check.c: one run ---- */

struct runner;

/* Of one address. */
struct probe {
    struct check *check;
    const struct address *address; /* NULL: resolves_itself */
    struct members event;          /* what the type tells: tcp.*, tls.*, http.*, icmp.* */
    int64_t begun_ns, wall_ns;
    int64_t until_ns; /* monotonic; the type keeps it itself */
    bool is_over;
    void *own; /* the type's */
};
struct probe_result {
    const char *type;    /* error.type: "io", "validate"; NULL = up */
    const char *code;    /* error.code; NULL = none */
    const char *message; /* borrowed */
};
/* For the types. */
const void *probe_settings(const struct probe *probe);
const struct url *probe_url(const struct probe *probe);
/* As the configuration writes it, with the password. */
const char *probe_url_text(const struct probe *probe);
struct loop *probe_loop(const struct probe *probe);
struct web_client *probe_web(const struct probe *probe, struct err *err);
/* It is over: up, or down for this reason. */
void probe_end(struct probe *probe, const struct probe_result *result);
/* The same with a sentence of one's own: printf-like. */
void probe_fail(struct probe *probe, const char *type, const char *code, const char *fmt, ...)
    PRINTF_LIKE(4, 5);

struct check {
    struct target *target;
    char group[37];
    unsigned attempt;
    int64_t begun_ns, wall_ns, until_ns;
    struct resolve_call *resolving;
    int64_t resolve_ns; /* how long it took; 0 = nothing to resolve */
    struct address *addresses;
    struct probe *probes;
    size_t n_probes, n_open;
    unsigned n_up, n_down;
    struct loop_timer timer; /* of the resolving, and of the pause before the next attempt */
    struct loop_task finish; /* it is freed when nobody is in it any more */
};
void check_begin(struct target *target);
/* It is given up, nothing is told. NULL is fine. */
void check_cancel(struct check *check);

/* ---- event.c ---- */

/* All that is told of the end of a probe, into probe->event; is_last: with summary and state. */
void event_put(struct probe *probe, const struct probe_result *result, bool is_last, bool is_final);
/* ---- http_check.c: is the answer as expected? ---- */

/* What is wrong with an answer. */
struct finding {
    const char *type, *code; /* as error.* */
    struct buf message;
};
struct json_rule {
    char *description;
    struct condition *when;
};
struct http_checks {
    unsigned *status; /* any of them; none: below 400 */
    size_t n_status;
    const struct node *headers; /* each must have this value; borrowed from the configuration */
    struct regex_list positive,
        negative; /* one of these, none of those must be found in the body */
    struct json_rule *rules;
    size_t n_rules;
};
/* check.response of an http monitor, as its options have it. */
struct http_expected {
    struct str_list status;
    const struct node *headers;
    struct str_list body, positive, negative;
    struct node_list json;
};
void http_checks_read(struct http_checks *checks, const struct http_expected *expected,
                      const struct node *node, struct problems *problems);
void http_checks_free(struct http_checks *checks);
bool http_checks_want_body(const struct http_checks *checks);
/* False: finding says what is wrong; its message is appended to. len: so much of the body is looked at. */
bool http_check(const struct http_checks *checks, const struct web_answer *answer, size_t len,
                struct finding *finding);
extern const struct option json_rule_options[];

/* ---- http_options.c: what an http monitor can be told ---- */

enum include_body { BODY_NEVER, BODY_ON_ERROR, BODY_ALWAYS };

struct http {
    struct monitor_settings common;
    struct web_options web;
    struct str_list urls;
    uint64_t max_redirects;
    char *method;
    const struct node *headers;
    char *body;
    int compression;
    uint64_t compression_level;
    int include_body; /* enum include_body */
    bool include_headers;
    uint64_t include_body_max_bytes, check_body_max_bytes;
    struct http_expected expected;
    /* Made of them: */
    struct http_checks checks;
    char **header_lines; /* ends with NULL */
    struct buf sent_body;
};
extern const struct option http_options[];
void http_read(void *self, const struct node *node, struct str_list *urls,
               struct problems *problems);
void http_free(void *self);

/* ---- http_answer.c ---- */

struct http_digest; /* of the body, as it comes in */
struct http_digest *http_digest_new(void);
void http_digest_add(struct http_digest *digest, const char *bytes, size_t len);
void http_digest_free(struct http_digest *digest); /* NULL is fine */
/* "http.response.*" of the last answer. Bytes of the body that are told: content_len, 0 = none. */
void http_put_response(struct members *event, const struct web_answer *answer, bool has_headers,
                       size_t content_len, struct http_digest *digest);
/* "http.rtt.*", "tcp.rtt.*", "tls.*"; is_whole: with all phases. */
void http_put_times(struct members *event, const struct web_answer *answer, bool is_whole);

/* ---- tls_meta.c ---- */

struct stack_st_X509;
struct tls_facts {
    const char *version; /* "TLSv1.3"; NULL or "" = no handshake was done */
    const char *cipher;
    const char *protocol;              /* agreed by ALPN; NULL or "" = none */
    int64_t handshake_ns;              /* 0 = not known */
    const struct stack_st_X509 *chain; /* the peer's first; NULL = not known */
};
/* "tls.*" */
void tls_put(struct members *event, const struct tls_facts *facts);
/* Certificates of PEM text; NULL if there are none. Caller frees. */
struct stack_st_X509 *tls_chain_of_pem(const char *pem);
void tls_chain_free(struct stack_st_X509 *chain); /* NULL is fine */

/* ---- conn.c, tls_context.c: a connection that is not waited for ---- */

struct ssl_ctx_st;
struct tls_context {
    struct ssl_ctx_st *ssl; /* NULL = not made yet */
    uint64_t stamp;         /* of the files it was made of */
};
/* Make it, or make it anew if its files have changed. CONFIG with what is wrong; one that was made before stays then. */
int tls_context_renew(struct tls_context *context, const struct web_tls *tls,
                      struct err *err) MUST_CHECK;
void tls_context_free(struct tls_context *context); /* fine twice */

enum conn_step { CONN_CONNECTING, CONN_SHAKING, CONN_OPEN };

struct conn {
    struct loop *loop;
    struct loop_io io; /* fd -1 = closed */
    struct loop_timer timer;
    enum conn_step step;
    struct ssl_st *ssl;          /* NULL without TLS */
    struct stack_st_X509 *chain; /* what the peer has shown, also if it is not believed */
    int64_t begun_ns, connected_ns, shaken_ns; /* monotonic */
    /* Connected, and TLS is agreed; then each time something can be read or written. */
    void (*ready)(void *arg);
    /* It failed, or until_ns has passed: err says how. It is not closed yet. */
    void (*failed)(void *arg, const struct err *err);
    void *arg;
};
/* context: NULL = without TLS. host: who is meant, and whose the certificate must be if checks_name. loop, ready, failed, arg are
 * filled in. The callbacks do not come from within, and may close it. */
struct conn_peer {
    const struct address *address;
    struct ssl_ctx_st *context;
    const char *host;
    bool checks_name;
    int64_t until_ns; /* monotonic */
};
int conn_open(struct conn *conn, const struct conn_peer *peer, struct err *err) MUST_CHECK;
void conn_close(struct conn *conn); /* fine twice */
/* Bytes moved; 0 = the other side has ended; -1 AGAIN = ready comes again when it can go on; other kinds: it failed. Read until
 * it says AGAIN. */
ssize_t conn_read(struct conn *conn, void *into, size_t len, struct err *err) MUST_CHECK;
ssize_t conn_write(struct conn *conn, const void *bytes, size_t len, struct err *err) MUST_CHECK;

/* ---- runner.c: all of it ---- */

enum { CHECKS_AT_ONCE = 512 };

struct runner_stats {
    uint64_t checks;   /* begun, attempts counted */
    uint64_t up, down; /* results of probes */
    uint64_t skipped;  /* ticks while the check before was still running */
    uint64_t waited;   /* ticks that waited for others: limit was reached */
};
extern const struct stat_row runner_stat_rows[];

/* What is told. All borrowed. */
struct heartbeat {
    const struct monitor *monitor;
    int64_t wall_ns; /* when it was asked */
    bool is_last;    /* event.type is heartbeat/summary */
    const struct buf *members;
};
struct runner_config {
    struct loop *loop;
    const struct monitor *monitors;
    size_t n_monitors;
    unsigned limit; /* checks at once */
    void (*give)(void *arg, const struct heartbeat *beat);
    void *arg;
};

/* One URL of a monitor. */
struct target {
    struct runner *runner;
    const struct monitor *monitor;
    const char *url_text;
    struct url url;
    char *id; /* monitor.id of its events */
    struct state state;
    struct check *check; /* NULL = none is running */
    struct loop_timer timer;
    int64_t due_ns;      /* @every: the next tick, monotonic */
    struct target *next; /* in the line of those that wait */
    bool is_waiting;
};

struct runner {
    struct runner_config conf;
    struct target *targets;
    size_t n_targets;
    struct resolver *resolver;
    struct web_client *web;      /* opened at the first need */
    struct target *first, *last; /* waiting to begin */
    size_t n_waiting, n_running;
    struct loop_task begin;
    struct loop_timer pace; /* until more may begin */
    struct runner_stats stats;
};
int runner_start(struct runner **runner, const struct runner_config *config,
                 struct err *err) MUST_CHECK;
/* No more ticks; what is running is given up. NULL is fine. */
void runner_stop(struct runner *runner);
const struct runner_stats *runner_stats(const struct runner *runner);
/* A check of it has ended. */
void runner_ended(struct target *target);

/* ---- the types ---- */
extern const struct monitor_type http_monitor, tcp_monitor, icmp_monitor;

#endif
