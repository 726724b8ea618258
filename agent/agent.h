/* agent.h: how the files that join the folders fit together. Only files directly in agent/ include it.
 *
 *     main ─ run ─┬─ settings   configuration → checked structs of the parts (registry: which parts there are)
 *                 ├─ pipeline   joins them; the order of starting and stopping
 *                 ├─ intake     tail → spool; what happens when it is full
 *                 ├─ saver      when the spool is made durable
 *                 └─ sender     spool → lines → events → output; verdicts → cursor
 */
#ifndef AGENT_AGENT_H
#define AGENT_AGENT_H

#include "admin/admin.h"
#include "cli/cli.h"
#include "config/config.h"
#include "event/event.h"
#include "heartbeat/heartbeat.h"
#include "ledger.h"
#include "meta/meta.h"
#include "metrics/metrics.h"
#include "output/output.h"
#include "parse/parse.h"
#include "spool/spool.h"
#include "tail/tail.h"

#include <posta/condition.h>
#include <posta/loop.h>
#include <posta/metricset.h>

/* Exit statuses; posta(8) documents them. */
enum {
    EXIT_TOLD = 0,
    EXIT_USAGE = 1,
    EXIT_DAMAGE = 1,
    EXIT_START = 2,
    EXIT_SPOOL = 3,
    EXIT_LEFT = 4,
    EXIT_BUG = 70
};

/* ---- registry.c: the only file that names parts ---- */
extern const struct output *const all_outputs[]; /* ends with NULL */
extern const struct parser
    *const all_parsers[]; /* what `parsers` of an input may name; ends with NULL */
extern const struct metricset
    *const all_metricsets[]; /* those of a module beside each other; ends with NULL */

extern const struct monitor_type *const all_monitors[]; /* ends with NULL */

/* ---- settings.c ---- */

/* The spool is full: read no more, or drop one end of it. */
enum at_full { FULL_BLOCKS, FULL_DROPS_OLDEST, FULL_DROPS_NEWEST };

/* Events that posta makes itself go in two lanes, each with its share of the spool. */
enum event_lane { EVENTS_METRICS, EVENTS_HEARTBEATS, EVENT_LANES };
struct event_lane_names {
    const char *folder; /* of its spool, in that of the lines; and input of its sources */
    const char *beat;   /* agent.type and @metadata.beat */
    const char *what;   /* in sentences */
    const char *row;    /* in the ledger, beside ids of inputs */
};
extern const struct event_lane_names event_lanes[EVENT_LANES]; /* samples.c */

struct globals {
    char *name;
    struct str_list tags;
    const struct node *fields;
    bool fields_under_root;
    char *path_data;
    char *hostfs;
    int log_level;
    bool log_json;
    struct str_list log_selectors;
    bool metrics_enabled;
    int64_t metrics_period_ns;
    bool metrics_events;
    uint64_t share[EVENT_LANES]; /* percent */
    uint64_t checks_at_once;     /* 0 = CHECKS_AT_ONCE */
    int cron_zone;               /* 1 = UTC */
    char *run_from;
    const struct node *geo;
    int64_t shutdown_ns;
    bool wait_for_writers;
    char *termination_log;
    char *spool_path;
    uint64_t spool_max_bytes, spool_segment_bytes;
    bool is_in_memory; /* queue.mem */
    uint64_t memory_bytes;
    int spool_at_limit; /* enum at_full */
    int spool_sync;     /* enum sync_mode */
    int64_t spool_sync_ns;
};
struct input_settings {
    struct tail_input tail;  /* first: one table fills both */
    const struct node *node; /* where it is in the configuration */
    int type;
    struct str_list tags;
    const struct node *fields;
    bool fields_under_root;
    struct node_list parsers, processors;
    unsigned metadata; /* META_.. that its events get */
    struct str_list include_lines, exclude_lines;
    bool is_broken;     /* read, but with an error */
    const char *module; /* ready JSON members of a module's events, or NULL; static */
    const char *module_name, *module_set; /* the same: "nginx", "access" */
    struct event_input event;             /* made from the above */
    struct chain chain;
    char *extra;
};

/* What is measured or asked, as outputs and the spools of events tell it apart: one for each metricset of each module, and one
 * for each monitor (its type, its id). */
struct sample_kind {
    enum event_lane lane;
    char *key;                           /* name of its source in the spool of its lane */
    const char *module, *set;            /* borrowed */
    const struct input_settings *labels; /* its tags and fields */
    char *extra;                         /* the same as ready members */
    unsigned metadata;                   /* META_.. that its events get */
};

/* A metricset that is looked at, here or at one server. */
struct metric_job {
    const struct metricset *set;
    void *self; /* of set->size bytes, opened */
    unsigned kind;
    char *url, *host; /* NULL = nobody is asked */
};

/* An item of metricbeat.modules. */
struct metric_item {
    char *module; /* first: what all modules have in common */
    struct str_list sets, hosts;
    bool enabled;
    int64_t period_ns, timeout_ns;
    char *hostfs;
    struct node_list processors;
    struct input_settings labels; /* tags, fields, fields_under_root */

    const struct node *node;
    const struct option *rows; /* that it was read by */
    void *block; /* into this: a struct metric_item, then the structs of the module's metricsets */
    struct condition **drops; /* events that one of them is true for go nowhere */
    size_t n_drops;
    struct metric_job *jobs;
    size_t n_jobs;
};

/* What posta is beside: decides what it does where a configuration is wrong, and how it ends. */
enum role { ROLE_HOST, ROLE_NODE, ROLE_SIDECAR };

/* Where add_host_metadata and add_kubernetes_metadata are named. */
enum { META_HOST = 1, META_KUBERNETES = 2 };
struct processor_rule {
    unsigned bit;
    const char *name;
    const struct node *place;
    struct condition *when;             /* NULL = always */
    const struct input_settings *owner; /* NULL = the top: all events */
};
struct metadata_settings {
    unsigned has; /* META_.. that are named */
    struct host_options host;
    struct kube_options kube;
    struct kube_rules kube_rules;
    enum kube_mode mode;
    const struct node *places[2], *values[2]; /* of the first that is named; host, kubernetes */
    struct processor_rule *rules;
    size_t n_rules;
};

struct settings {
    struct config *config;
    enum role role;
    bool is_read;    /* the parts have read theirs */
    size_t n_broken; /* inputs with an error, which are not read */
    struct globals globals;
    struct metadata_settings metadata;
    struct admin_settings admin;
    struct input_settings *inputs;
    size_t n_inputs;
    struct monitor *monitors;
    struct input_settings *monitor_labels; /* their tags and fields */
    size_t n_monitors;
    unsigned first_monitor_kind;
    struct metric_item **items; /* enabled ones */
    size_t n_items;
    struct sample_kind *kinds; /* none: there are no samples */
    size_t n_kinds;
    const struct output *output;
    void *output_self; /* of output->size bytes, options read */
    char *selectors;   /* for log_setup */
};

/* Read files and settings of the command line, check everything that can be checked without the network or the data
 * folder; problems are printed to stderr. Returns 0 or an exit status. */
int settings_load(struct settings *settings, const struct cli_args *args);
/* The same, quietly. -1: there is an error among the problems. */
int settings_read(struct settings *settings, const struct cli_args *args,
                  struct problems *problems) MUST_CHECK;
/* Its log from now on: borrows settings. */
void settings_set_up_log(struct settings *settings, const struct cli_args *args);
void settings_print(const struct problems *problems);
void settings_free(struct settings *settings);
/* What one input has; not the struct. */
void input_free(struct input_settings *in);
/* http.* alone, whatever else is wrong. options_free with admin_options. */
void settings_read_admin(const struct cli_args *args, struct admin_settings *admin);
/* Will there be events in this lane? */
bool settings_has_lane(const struct settings *settings, enum event_lane lane);
/* Where the output keeps marks, only what is durable is sent: a mark must name a place that is there after a power cut. */
enum sync_mode settings_sync_mode(const struct settings *settings);
/* The input that this source was found by; NULL if it is not configured any more. */
const struct input_settings *settings_input(const struct settings *settings,
                                            const struct source *src);

/* Let the parts read what was merged and expanded. */
void settings_read_parts(struct settings *settings, struct problems *problems);

/* ---- salvage.c ---- */

/* Of settings that were read with errors, keep what lines can be kept with until they are mended: the inputs without an error. */
void settings_salvage(struct settings *settings);
/* Nothing is delivered: an output that is always busy takes the place of the one that cannot be used. */
void settings_hold(struct settings *settings);

/* ---- processors.c ---- */

/* Of a list at the top (owner NULL), or of an input or module, which is known by its tags and fields. */
void processors_read(struct settings *settings, const struct node *list,
                     const struct input_settings *owner, struct problems *problems);
/* One item of it. */
void processors_add(struct settings *settings, const struct node *one,
                    const struct input_settings *owner, struct problems *problems);
/* When all inputs and kinds are there: whose events are meant. */
void processors_finish(struct settings *settings, struct problems *problems);
void processors_free(struct settings *settings);
/* For reference and manual. */
const struct config_section *processor_sections(void);

/* ---- metadata.c ---- */

struct metadata;
struct metadata_config {
    struct loop *loop;
    const struct settings *settings;
    void (*changed)(void *arg);     /* what metadata_waits waited for may be there */
    bool (*is_all_sent)(void *arg); /* no log line waits */
    void *arg;
};
/* NULL, and 0, if nothing is to be added. All functions take that NULL. */
int metadata_new(struct metadata **meta, const struct metadata_config *config,
                 struct err *err) MUST_CHECK;
void metadata_free(struct metadata *meta);
/* Members of host, "" = none. bits: of the input or kind. Borrowed until the loop goes on. */
const char *metadata_host(struct metadata *meta, unsigned bits);
/* Members of the events of a log. Borrowed until the next call. */
struct event_more metadata_of_log(struct metadata *meta, unsigned bits, const struct source *src);
/* The log is new: what is known of it is to be kept for its lines. */
void metadata_note(struct metadata *meta, unsigned bits, const struct source *src);
/* Should its lines wait a little until more is known of it? */
bool metadata_waits(struct metadata *meta, unsigned bits, const struct source *src);
/* Members of host to those of a sample. */
void metadata_add_host(struct metadata *meta, unsigned bits, struct buf *members);
/* The own pod to an event that is whole. */
void metadata_add_own(struct metadata *meta, unsigned bits, struct buf *event);
/* NULL: the API server is not asked. */
const struct api_stats *metadata_stats(struct metadata *meta);

/* ---- known.c ---- */

/* What the configuration says of all events of a route, as a JSON object. host: more members of it; NULL = none. */
void known_put(const struct settings *settings, const struct event_agent *agent, unsigned route,
               const char *host, struct buf *json);

/* ---- options.c ---- */

/* Tables: the top (read into struct globals) with Beats' other sections, and an input (struct input_settings). */
const struct option *top_rows(void);
const struct option *input_rows(void);
/* Top-level keys that other tables read; ends with NULL. */
extern const char *const taken_elsewhere[];
/* Option tables by section, for export, reference and manual. */
const struct config_section *settings_sections(void);

/* Of a fileset in filebeat.modules, without what it has from the input. */
const struct option *module_rows(void);
/* Option tables of the parsers, for reference and manual. */
const struct config_section *parser_sections(void);

/* ---- parsers.c ---- */

/* Make in->chain of the options that are read. place: where the input is. */
void parsers_read(struct input_settings *in, const struct node *place, struct problems *problems);
/* One more parser; place: where its problems are. */
void parsers_add(struct input_settings *in, const char *name, const struct node *values,
                 const struct node *place, struct problems *problems);
void parsers_free(struct input_settings *in);

/* ---- modules.c ---- */

/* At most so many inputs come of this list. */
size_t modules_count(const struct node *list);
/* Add the inputs of filebeat.modules; there is room for them in settings->inputs. */
void modules_read(struct settings *settings, struct problems *problems);

/* ---- metric_options.c ---- */

/* The options of one module: those all have, and those of its metricsets. NULL: no such module. */
const struct option *metric_rows(const char *module);
/* Where the struct of a metricset is in the block that they are read into. */
size_t metric_offset(const struct metricset *set);
size_t metric_block_size(const char *module);
/* What all modules have. */
const struct option *metric_common_rows(void);
/* For reference and manual. */
const struct config_section *metric_sections(void);
/* The n-th module there is; NULL beyond the end. */
const char *metric_module(size_t n);

/* ---- metric_docs.c ---- */

/* Metricsets and fields as mdoc(7). */
void metric_manual(FILE *out);
/* The same of monitors. */
void heartbeat_manual(FILE *out);

/* ---- metric_settings.c ---- */

/* metricbeat.modules → items, their jobs and kinds. */
void metrics_read(struct settings *settings, struct problems *problems);
void metrics_free(struct settings *settings);
/* How the server of a job is asked. */
const struct web_options *metric_server(const struct metric_job *job);

/* ---- kinds.c ---- */

/* One more kind; its number. module, set and labels are borrowed. */
unsigned kinds_add(struct settings *settings, enum event_lane lane, const char *module,
                   const char *set, const struct input_settings *labels);
/* Ready members of all; when there will be no more. */
void kinds_finish(struct settings *settings, struct problems *problems);
void kinds_free(struct settings *settings);
/* That a source in a spool of events is of; the first one if that is not configured any more. */
unsigned kinds_find(const struct settings *settings, const struct source *src);

/* ---- fields.c ---- */

/* "tags", "fields" as ready JSON members; NULL and err if a field would replace one of posta's own. Caller frees. */
char *fields_to_json(const struct globals *globals, const struct input_settings *input,
                     struct err *err);
/* No field at the root may have one of these names (ends with NULL). */
int fields_check_names(const struct node *fields, const char *const *names,
                       struct err *err) MUST_CHECK;
/* As JSON, appended. */
void fields_put_node(struct buf *out, const struct node *node);
/* The text of "fields.x.y", "tags" excluded; NULL if there is none. Borrowed. */
const char *field_text(const struct globals *globals, const struct input_settings *input,
                       const char *name);

/* ---- identity.c ---- */

/* uuid kept in <path.data>/meta.json as Beats do, and one of this process. */
struct agent_identity {
    char id[37], ephemeral_id[37];
    char host[256];
};
int identity_load(struct agent_identity *identity, const char *path_data,
                  struct err *err) MUST_CHECK;

/* The same without making one: with a uuid of zeros if there is none. */
void identity_peek(struct agent_identity *identity, const char *path_data);
/* Who events say they are from. Borrows both. */
struct event_agent identity_agent(const struct agent_identity *identity,
                                  const struct globals *globals);

/* ---- dead_letter.c ---- */

struct dead_letter {
    char *path;
    int fd; /* -1 = not open */
    uint64_t size;
};
void dead_letter_init(struct dead_letter *dead, const char *path_data);
void dead_letter_done(struct dead_letter *dead);
/* Durable when it returns 0. */
int dead_letter_append(struct dead_letter *dead, const char *why, const char *event, size_t len,
                       struct err *err) MUST_CHECK;

/* ---- sender.c ---- */

struct sender_stats {
    uint64_t lines_sent;   /* offered to the output for the first time */
    uint64_t lines_resent; /* offered again: no verdict was known */
    uint64_t lines_delivered;
    uint64_t lines_dead;     /* to the dead letters */
    uint64_t lines_filtered; /* left out by include_lines and the like */
    uint64_t lines_truncated;
    uint64_t bytes_sent; /* event bytes */
};
extern const struct stat_row sender_stat_rows[];

/* Events come from several spools, one for each kind, over one output: the sender of log lines opens it, others send
 * beside it, and before it when there is little room, so that no kind waits behind a backlog of another. */
struct sender;
struct sender_config {
    struct loop *loop;
    struct spool *spool;
    const struct settings *settings;
    const struct agent_identity *identity;
    struct sender *beside;    /* who has opened the output; NULL = it is opened here */
    struct metadata *meta;    /* NULL = none */
    bool has_events;          /* the spool's lines are ready events, not lines of logs, */
    enum event_lane lane;     /* in this lane */
    struct ledger *ledger;    /* NULL = none is kept */
    void (*moved)(void *arg); /* the cursor moved: the spool may have room */
    void *arg;
};
enum { SENDERS_MAX = 4 }; /* on one output */
int sender_new(struct sender **sender, const struct sender_config *config,
               struct err *err) MUST_CHECK;
/* The one that opened the output goes first: it closes it. */
void sender_free(struct sender *sender);
/* Offer nothing from this record on: posta is going. */
void sender_stop_at(struct sender *sender, uint64_t seq);
/* shed.c: give up what is in the oldest segment of the spool, counted and said. False if nothing can go. */
bool sender_drop_oldest(struct sender *sender);
/* There is something new in the spool. */
void sender_wake(struct sender *sender);
/* Everything in the spool has its verdict. */
bool sender_is_idle(const struct sender *sender);
const struct sender_stats *sender_stats(const struct sender *sender);
/* Everything has its verdict but what parsers hold back until more lines come. */
bool sender_is_settled(const struct sender *sender);
/* Nothing more will come: give on what is held back, when all in the spool is read. */
void sender_let_go(struct sender *sender);
/* How long events were on their way, from the log to the acknowledgement: n[i] took at most latency_step_s(i), and longer than
 * the step before; the last is of all that took longer. */
enum { LATENCY_STEPS = 13 };
struct latency {
    uint64_t n[LATENCY_STEPS + 1], sum_cs;
};
double latency_step_s(unsigned step);
const struct latency *sender_latency(const struct sender *sender);
/* Age of the oldest line without a verdict, or of what is next in the spool where none is taken from it; 0 = none. */
int64_t sender_oldest_ms(struct sender *sender);
/* What the start found in the spool is not all counted yet. */
bool sender_is_counting(const struct sender *sender);
/* Count what waits, for 2 s at most, and compare it with the ledger; for the end. What does not balance is said. Where what the
 * start found could not all be counted, sender_is_counting is true still. */
void sender_prove(struct sender *sender);
/* Lines of a chunk behind its first bytes, split as this input says; NULL = at LF. */
uint64_t chunk_lines(const struct input_settings *in, const struct chunk *chunk, size_t skip);
/* What ends lines there; its len is 0 for LF. Good until the next call. */
const struct line_end *input_line_end(const struct input_settings *in, const struct chunk *chunk);
/* Counters of the output, with their rows; NULL if it has none. */
const void *sender_output_stats(const struct sender *sender);
/* Who the events say they are from. Its texts are borrowed from settings and identity. */
struct event_agent sender_agent(const struct sender *sender);
/* What the output needs to resolve topics; for check and test too. */
struct output_env sender_env(struct sender *sender);

/* Something that is tried again and again does not work. */
struct ailment {
    int64_t since_ns, last_ns; /* 0 = it works */
};
static inline void ailment_note(struct ailment *ailment, bool works, int64_t now_ns)
{
    ailment->since_ns = works ? 0 : ailment->since_ns ? ailment->since_ns : now_ns;
    ailment->last_ns = now_ns;
}

/* ---- saver.c ---- */

/* The first part is the owner's to fill in. */
struct saver {
    struct loop *loop;
    struct spool *spool;
    int64_t interval_ns;
    void (*synced)(void *arg); /* marks have become durable; there may be room in the spool */
    void *arg;

    struct loop_timer sync, save;
    struct loop_io helper; /* the spool's helper thread has done something */
    uint64_t unsynced_bytes;
    bool is_hurried; /* somebody waits for what was appended last */
    int64_t cursor_synced_ns;
    struct ailment trouble; /* with syncing */
    int64_t begun_ns;       /* when the sync under way was begun; 0 = none is */
};
int saver_init(struct saver *saver, struct err *err) MUST_CHECK;
void saver_done(struct saver *saver);
void saver_appended(struct saver *saver, size_t bytes);
/* Do not wait for the interval. */
void saver_hurry(struct saver *saver);
void saver_cursor_moved(struct saver *saver);

/* ---- lane.c ---- */

/* The first part is the owner's to fill in. */
struct lane {
    struct loop *loop;
    void (*changed)(void *owner,
                    bool marks_moved); /* more is durable or delivered; there may be room */
    void *owner;
    struct ledger *ledger;

    struct spool *spool;
    struct saver saver;
    struct sender *sender;
    enum sync_mode sync_mode;
    struct spool_pos
        stop_at;       /* what was there when told to stop; it is delivered before posta goes */
    uint64_t told_seq; /* of the cursor, when it was last told that marks moved */
};
int lane_open_spool(struct lane *lane, const struct spool_config *config, int64_t sync_ns,
                    struct err *err) MUST_CHECK;
/* Loop, spool, moved and arg are filled in. */
int lane_open_sender(struct lane *lane, const struct sender_config *config,
                     struct err *err) MUST_CHECK;
void lane_appended(struct lane *lane, size_t bytes);
/* Everything has its verdict. */
bool lane_is_delivered(const struct lane *lane);
/* From now on only what is there is delivered. */
void lane_stop(struct lane *lane);
bool lane_is_stopped(const struct lane *lane);
/* Behind sender_free. Waits for the disk until then (monotonic). Fine for one that was not opened. */
void lane_close_spool(struct lane *lane, int64_t until_ns);

/* ---- samples.c ---- */

struct samples {
    struct lane lane;        /* the owner fills in its first part */
    enum event_lane no;      /* this too */
    struct source **sources; /* by kind; NULL = of another lane */
    struct metadata *meta;   /* for who makes the events; NULL = none */
};
/* Bytes of the spool that are this lane's. */
uint64_t samples_share(const struct globals *globals, enum event_lane lane);
/* config: with .beside set to the sender whose output is shared. */
int samples_open(struct samples *samples, const struct sender_config *config,
                 struct err *err) MUST_CHECK;
/* Take in one event, without a line end; changes the buffer. Never fails: what has no room is dropped and counted. */
void samples_put(struct samples *samples, unsigned kind, struct buf *event);
void samples_close(struct samples *samples, int64_t until_ns);

/* ---- heartbeats.c ---- */

/* Read heartbeat.monitors into settings. */
void heartbeats_read(struct settings *settings, struct problems *problems);
void heartbeats_free(struct settings *settings);
/* Option tables of the types, for reference and manual. */
const struct config_section *heartbeat_sections(void);

struct heartbeats {
    struct runner *runner;     /* NULL = none */
    struct runner_stats stats; /* of one that is stopped */
    const struct settings *settings;
    char **extra; /* ready members of the events of each monitor */
    struct samples *samples;
    const struct event_agent *agent;
    uint64_t number;
    struct buf event;
};
/* samples and agent are filled in. */
int heartbeats_start(struct heartbeats *beats, struct loop *loop, const struct settings *settings,
                     struct err *err) MUST_CHECK;
/* No more checks; those that are running are not told. */
void heartbeats_stop(struct heartbeats *beats);
/* NULL: there have been none. */
const struct runner_stats *heartbeats_stats(const struct heartbeats *beats);

/* ---- intake.c ---- */

/* Was it said just now that lines are dropped? Its numbers differ each time. If not, it is to be said now. */
bool dropping_is_said(int64_t *said_ns);

/* The first part is the owner's to fill in. */
struct intake {
    struct lane *lane;
    struct tail *tail;
    enum at_full at_full;
    const struct settings *settings;
    struct metadata *meta;

    struct loop_timer retry;
    struct loop_task heal;
    int64_t said_ns;        /* when it was last said that lines are dropped; 0 = never */
    bool is_blocked;        /* tail was refused */
    struct ailment trouble; /* with writing; that it is full is none */
};
void intake_init(struct intake *in);
/* Where tail puts what it reads. */
struct tail_sink intake_sink(struct intake *in);
/* There may be room now: if tail was refused, it is let on. */
void intake_look_for_room(struct intake *in);

/* ---- heal.c ---- */

/* Task of an intake: read once more what is missing in its spool. */
void heal_all(void *in);

/* ---- pipeline.c ---- */

struct pipeline;
struct pipeline_config {
    const struct settings *settings;
    bool once;
    bool is_old; /* there is a newer configuration, which could not be started */
    const char
        *trouble; /* why nothing can be delivered, lines are only kept; NULL = nothing is wrong */
    /* Is there another configuration, one that can be run? Asked for by a signal, or by the clock while there is trouble. */
    bool (*reload)(void *arg, bool is_asked);
    void (*started)(void *arg); /* it runs */
    void *arg;
};
struct pipeline_end {
    int status;            /* EXIT_.. */
    bool is_changing;      /* it made room for another configuration */
    int signo;             /* what told it to stop meanwhile: for the next one; 0 = nothing */
    size_t n_written;      /* files that had a writer to the end */
    struct tally left;     /* taken in and not delivered, */
    bool is_at_least;      /* and more, that could not be counted */
    uint64_t unread_bytes; /* in the files, and not taken in */
};
int pipeline_run(const struct pipeline_config *config, struct pipeline_end *end,
                 struct err *err) MUST_CHECK;

/* ---- report.c ---- */

/* The counters that changed since the last report as one log line. */
struct report_row {
    const char *part;
    const struct stat_row *rows;
    const void *stats;
};
void report_line(struct buf *line, const struct report_row *rows);
/* "tail":{..},"spool":{..}: all counters of all parts. */
void report_json(struct buf *out, const struct report_row *rows);

/* ---- own_stats.c ---- */

enum { REPORT_PARTS_MAX = 12 };
/* The owner's to fill in, but for the last part. */
struct own_stats {
    struct loop *loop;
    struct samples *samples;
    const struct event_agent *agent;
    const char *extra; /* ready members of every event */
    unsigned kind, metadata;
    int64_t period_ns;
    void (*report)(void *arg,
                   struct report_row rows[static REPORT_PARTS_MAX]); /* ends with {NULL} */
    void *arg;

    struct loop_timer timer;
    uint64_t number;
};
void own_stats_start(struct own_stats *own);
void own_stats_send(struct own_stats *own);
void own_stats_stop(struct own_stats *own);

/* ---- sampler.c ---- */

struct sampler;
struct sampler_config {
    struct loop *loop;
    const struct settings *settings;
    struct samples *samples;
    const struct event_agent *agent;
};
/* Begins to look at all there is in metricbeat.modules, at once and then each period. */
int sampler_new(struct sampler **sampler, const struct sampler_config *config,
                struct err *err) MUST_CHECK;
/* What is under way is given up. NULL is fine. */
void sampler_free(struct sampler *sampler);

/* ---- commands ---- */
/* run.c */
int command_run(const struct cli_args *args);
int command_test(const struct cli_args *args);
int command_export(const struct cli_args *args);
/* spool_command.c */
int command_spool(const struct cli_args *args);
/* probe.c */
int command_probe(const struct cli_args *args);
/* verify_command.c */
int command_verify(const struct cli_args *args);

/* What output_run uses an output for. */
typedef int output_use(const struct settings *settings, const struct output_env *env, void *arg,
                       struct err *err);
/* Let use have the output, which is not opened: no spool, no data folder. 0, or an exit status with a line on stderr. */
int output_run(struct settings *settings, output_use *use, void *arg);
/* The same, with err instead. */
int output_try(const struct settings *settings, output_use *use, void *arg,
               struct err *err) MUST_CHECK;
/* An output_use: what can be known without the network. */
int output_check(const struct settings *settings, const struct output_env *env, void *arg,
                 struct err *err) MUST_CHECK;

#endif
