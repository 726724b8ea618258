/* instructions.c: the hot path on a fixed input, for callgrind (bench/instructions.sh): nothing of it depends on clock, network
 * or disk. The parts are those of posta, joined as pipeline.c does; the output takes everything and says so at once.
 *
 *   instructions intake|encode|parse CONFIG LOG
 *
 * intake: LOG, from the file to the spool. encode: from the spool to events that the output has. parse: the same through the
 * parsers of CONFIG. What is counted is in measured(). LOG is written anew, LINES_N lines; CONFIG names it.
 */
#include "agent.h"

#include <posta/log.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { LINES_N = 10000 };
#define LINE                                                                                       \
    "203.0.113.%d - - [22/Nov/2026:07:%02d:%02d +0000] \"GET /cart/item/%d?session=1f00a3c9 "      \
    "HTTP/1.1\" 200 512 \"https://shop.example.com/catalog/page/17\" \"Mozilla/5.0 (X11; Linux "   \
    "x86_64) AppleWebKit/537.36 Chrome/120.0 Safari/537.36\"\n"
#define START_NS (1795330800 * NS_PER_S)

static void die(const char *what, const struct err *err)
{
    fprintf(stderr, "instructions: %s%s%s\n", what, err ? ": " : "", err ? err->text : "");
    exit(1);
}

static void check(int rc, const struct err *err)
{
    if (rc)
        die("cannot start", err);
}

static int64_t still_ns(void)
{
    return START_NS;
}

/* ---- the output ---- */

static struct output_env sink_env;
static uint64_t n_events, n_event_bytes;

static int sink_open(void *self, const struct output_env *env, struct err *err)
{
    (void)self, (void)err;
    sink_env = *env;
    return 0;
}

static int sink_send(void *self, const struct out_event *ev, uint64_t token, struct err *err)
{
    (void)self, (void)err;
    n_events++;
    n_event_bytes += ev->len;
    sink_env.verdict(sink_env.arg, token, VERDICT_DELIVERED, NULL, NULL, 0);
    return 0;
}

static void sink_close(void *self)
{
    (void)self;
}

static const struct option no_options[] = {{0}};
static const struct output sink = {.name = "sink",
                                   .doc = "",
                                   .options = no_options,
                                   .size = 1,
                                   .open = sink_open,
                                   .send = sink_send,
                                   .close = sink_close};

/* ---- the parts ---- */

struct rig {
    struct settings settings;
    struct agent_identity identity;
    struct ledger ledger;
    struct loop *loop;
    struct lane lane;
    struct intake intake;
};

static void nothing_changed(void *owner, bool marks_moved)
{
    (void)owner, (void)marks_moved;
}

static void read_settings(struct rig *rig, const char *config)
{
    const struct cli_args args = {.files = &config, .n_files = 1};
    struct problems problems = PROBLEMS_INIT;
    if (settings_read(&rig->settings, &args, &problems))
        die(problems.at[0].text, NULL);
    problems_free(&problems);
    free(rig->settings.output_self);
    rig->settings.output = &sink;
    rig->settings.output_self = mem_zero(1, sink.size);
}

static void open_rig(struct rig *rig)
{
    struct err err;
    const struct globals *g = &rig->settings.globals;
    const struct spool_config spool = {.path = g->spool_path,
                                       .sync_way = SYNC_INLINE,
                                       .max_bytes = g->spool_max_bytes,
                                       .segment_bytes = g->spool_segment_bytes};
    const struct sender_config sending = {.settings = &rig->settings, .identity = &rig->identity};
    rig->identity = (struct agent_identity) {.id = "a32cd22e-11d9-4830-92d3-ad428d7d5977",
                                             .ephemeral_id = "43c5798c-cccb-47dd-a9e1-e2b40fb4a636",
                                             .host = "web-1"};
    ledger_init(&rig->ledger, &rig->settings);
    check(loop_new(&rig->loop, &err), &err);
    rig->lane =
        (struct lane) {.loop = rig->loop, .changed = nothing_changed, .ledger = &rig->ledger};
    check(lane_open_spool(&rig->lane, &spool, g->spool_sync_ns, &err), &err);
    check(lane_open_sender(&rig->lane, &sending, &err), &err);
    rig->intake = (struct intake) {.lane = &rig->lane, .settings = &rig->settings};
    intake_init(&rig->intake);
    const struct tail_sink to = intake_sink(&rig->intake);
    check(tail_new(&rig->intake.tail, rig->loop, &to, &err), &err);
    check(tail_add_input(rig->intake.tail, &rig->settings.inputs[0].tail, &err), &err);
}

static void close_rig(struct rig *rig)
{
    tail_free(rig->intake.tail);
    sender_free(rig->lane.sender);
    lane_close_spool(&rig->lane, START_NS);
    ledger_free(&rig->ledger);
    loop_free(rig->loop);
    settings_free(&rig->settings);
}

/* ---- the work ---- */

static void take_in(struct rig *rig)
{
    struct err err;
    check(tail_start(rig->intake.tail, true, &err), &err);
    if (!tail_read_to_end(rig->intake.tail, INT64_MAX))
        die("the log is not read to its end", NULL);
}

static void deliver(struct rig *rig)
{
    struct err err;
    while (!lane_is_delivered(&rig->lane))
        check(loop_turn(rig->loop, 0, &err), &err);
}

typedef void work(struct rig *rig);
__attribute__((noinline)) void measured(work *does, struct rig *rig);
void measured(work *does, struct rig *rig)
{
    does(rig);
}

static void write_log(const char *path)
{
    FILE *log = fopen(path, "w");
    if (!log)
        die(path, NULL);
    for (int i = 0; i < LINES_N; i++)
        fprintf(log, LINE, i % 255, i / 6000 % 60, i / 100 % 60, i);
    fclose(log);
}

int main(int argc, char **argv)
{
    static const struct clock_ops still = {.mono_ns = still_ns, .wall_ns = still_ns};
    struct rig rig = {.loop = NULL};
    if (argc != 4)
        die("see the head of instructions.c", NULL);
    bool is_intake = strcmp(argv[1], "intake") == 0;
    clock_set(&still);
    write_log(argv[3]);
    read_settings(&rig, argv[2]);
    open_rig(&rig);
    is_intake ? measured(take_in, &rig) : take_in(&rig);
    is_intake ? deliver(&rig) : measured(deliver, &rig);
    if (n_events != LINES_N)
        die("not every line became an event", NULL);
    printf("%s: %d lines, %.0f bytes an event\n", argv[1], LINES_N,
           (double)n_event_bytes / LINES_N);
    close_rig(&rig);
    return 0;
}
