/* agent.h: how the files that join the folders fit together. Only files directly in agent/ include it.
 *
 *     main ─ run ─┬─ settings   configuration → checked structs of the parts (registry: which parts there are)
 *                 ├─ pipeline   tail → spool; stops inputs when it is full, drains on exit
 *                 ├─ saver      when the spool is made durable
 *                 └─ sender     spool → lines → events → output; verdicts → cursor
 */
#ifndef AGENT_AGENT_H
#define AGENT_AGENT_H

#include "cli/cli.h"
#include "config/config.h"
#include "event/event.h"
#include "output/output.h"
#include "parse/parse.h"
#include "spool/spool.h"
#include "tail/tail.h"

#include <posta/loop.h>

/* Exit statuses; posta(8) documents them. */
enum {
    EXIT_TOLD = 0,
    EXIT_USAGE = 1,
    EXIT_DAMAGE = 1,
    EXIT_START = 2,
    EXIT_SPOOL = 3,
    EXIT_BUG = 70
};

/* ---- registry.c: the only file that names parts ---- */
extern const struct output *const all_outputs[]; /* ends with NULL */
extern const struct parser
    *const all_parsers[]; /* what `parsers` of an input may name; ends with NULL */

/* ---- settings.c ---- */

struct globals {
    char *name;
    struct str_list tags;
    const struct node *fields;
    bool fields_under_root;
    char *path_data;
    int log_level;
    bool log_json;
    struct str_list log_selectors;
    bool metrics_enabled;
    int64_t metrics_period_ns;
    int64_t shutdown_ns;
    char *spool_path;
    uint64_t spool_max_bytes, spool_segment_bytes;
    int64_t spool_sync_ns;
};
struct input_settings {
    struct tail_input tail;  /* first: one table fills both */
    const struct node *node; /* where it is in the configuration */
    int type;
    struct str_list tags;
    const struct node *fields;
    bool fields_under_root;
    struct node_list parsers;
    struct str_list include_lines, exclude_lines;
    const char *module;       /* ready JSON members of a module's events, or NULL; static */
    struct event_input event; /* made from the above */
    struct chain chain;
    char *extra;
};

struct settings {
    struct config *config;
    struct globals globals;
    struct input_settings *inputs;
    size_t n_inputs;
    const struct output *output;
    void *output_self; /* of output->size bytes, options read */
    char *selectors;   /* for log_setup */
};

/* Read files and settings of the command line, check everything that can be checked without the network or the data
 * folder; problems are printed to stderr. Returns 0 or an exit status. */
int settings_load(struct settings *settings, const struct cli_args *args);
void settings_free(struct settings *settings);

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

/* ---- fields.c ---- */

/* "tags", "fields" as ready JSON members; NULL and err if a field would replace one of posta's own. Caller frees. */
char *fields_to_json(const struct globals *globals, const struct input_settings *input,
                     struct err *err);
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
    uint64_t lines_dead;     /* to the dead letter file */
    uint64_t lines_filtered; /* left out by include_lines and the like */
    uint64_t lines_truncated;
    uint64_t bytes_sent; /* event bytes */
};
extern const struct stat_row sender_stat_rows[];

struct sender;
struct sender_config {
    struct loop *loop;
    struct spool *spool;
    const struct settings *settings;
    const struct agent_identity *identity;
    void (*moved)(void *arg); /* the cursor moved: the spool may have room */
    void *arg;
};
/* Opens the output. */
int sender_new(struct sender **sender, const struct sender_config *config,
               struct err *err) MUST_CHECK;
void sender_free(struct sender *sender);
/* Offer nothing from this record on: posta is going. */
void sender_stop_at(struct sender *sender, uint64_t seq);
/* There is something new in the spool. */
void sender_wake(struct sender *sender);
/* Everything in the spool has its verdict. */
bool sender_is_idle(const struct sender *sender);
const struct sender_stats *sender_stats(const struct sender *sender);
/* Everything has its verdict but what parsers hold back until more lines come. */
bool sender_is_settled(const struct sender *sender);
/* Nothing more will come: give on what is held back, when all in the spool is read. */
void sender_let_go(struct sender *sender);
/* Counters of the output, with their rows; NULL if it has none. */
const void *sender_output_stats(const struct sender *sender);
/* What the output needs to resolve topics; for check and test too. */
struct output_env sender_env(struct sender *sender);

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
};
int saver_init(struct saver *saver, struct err *err) MUST_CHECK;
void saver_done(struct saver *saver);
void saver_appended(struct saver *saver, size_t bytes);
/* Do not wait for the interval. */
void saver_hurry(struct saver *saver);
void saver_cursor_moved(struct saver *saver);

/* ---- pipeline.c ---- */

struct pipeline;
struct pipeline_config {
    const struct settings *settings;
    bool once;
};
int pipeline_run(const struct pipeline_config *config, int *status, struct err *err) MUST_CHECK;

/* ---- report.c ---- */

/* The counters that changed since the last report as one log line. */
struct report_row {
    const char *part;
    const struct stat_row *rows;
    const void *stats;
};
void report_line(struct buf *line, const struct report_row *rows);

/* ---- commands ---- */
int command_run(const struct cli_args *args);
int command_test(const struct cli_args *args);
int command_export(const struct cli_args *args);
/* spool_command.c */
int command_spool(const struct cli_args *args);

#endif
