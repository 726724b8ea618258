/* spool_command.c: `posta spool`: looks into a spool, takes lines out of it, repairs it.
 *
 * Happy path: the folder is given or found in the configuration; it is looked at read-only, beside a running posta or not;
 * repair locks it first.
 * Failure modes: no such folder, not a spool, no permission, in use: said with what to do; status 2. A reader that has gone
 * (a closed pipe) ends cat and export without a word.
 * On close: nothing is left locked or open.
 */
#include "spool_show.h"

#include <posta/fs.h>
#include <posta/json.h>
#include <posta/log.h>

#include <errno.h>
#include <stdlib.h>

struct place {
    char *dir;
    bool has_settings;
    struct settings settings; /* if the configuration was read */
};

static int fail(const struct err *err)
{
    fprintf(stderr, "posta: %s\n", err->text);
    return EXIT_START;
}

/* ---- which folder ---- */

static int load_settings(struct place *place, const struct cli_args *args)
{
    place->has_settings = true;
    int status = settings_load(&place->settings, args);
    if (status && !args->n_files)
        fprintf(stderr, "posta: name the configuration (-c FILE), or the folder itself "
                        "(--path.spool DIR)\n");
    return status;
}

static int find_place(struct place *place, const struct cli_args *args)
{
    bool needs_none = args->path_spool || args->path_data;
    int status = args->n_files || !needs_none ? load_settings(place, args) : 0;
    if (status == 0)
        place->dir = args->path_spool      ? mem_dup(args->path_spool)
                     : place->has_settings ? mem_dup(place->settings.globals.spool_path)
                                           : mem_printf("%s/spool", args->path_data);
    return status;
}

static void leave_place(struct place *place)
{
    free(place->dir);
    if (place->has_settings)
        settings_free(&place->settings);
}

/* ---- cat, export ---- */

struct taking {
    const struct cli_args *args;
    const struct look *look;
    const struct settings *settings; /* NULL = events in a plain form */
    struct agent_identity identity;
    struct event_agent agent;
    struct encoder encoder;
    struct buf event;
};

static int write_out(const char *bytes, size_t len, struct err *err)
{
    if (fwrite(bytes, 1, len, stdout) == len)
        return 0;
    return err_sys(err, "write to standard output");
}

/* What of this record is asked for: bytes from *skip on. */
static bool is_wanted(const struct taking *taking, const struct look_record *rec, size_t *skip)
{
    struct spool_pos cursor = taking->look->cursor;
    *skip = 0;
    if (rec->type != LOOK_DATA || rec->chunk.len == 0 ||
        (taking->args->source && strcmp(taking->args->source, rec->src->path) != 0))
        return false;
    if (taking->args->wants_all || rec->seq > cursor.seq)
        return true;
    *skip = cursor.done < rec->chunk.len ? (size_t)cursor.done : rec->chunk.len;
    return rec->seq == cursor.seq;
}

static int cat_record(void *arg, const struct look_record *rec, struct err *err)
{
    size_t skip;
    if (!is_wanted(arg, rec, &skip))
        return 0;
    return write_out(rec->chunk.bytes + skip, rec->chunk.len - skip, err);
}

/* Lines of an input that is not configured any more: the first one's fields are better than none. */
static const struct input_settings *input_of(const struct taking *taking, const struct source *src)
{
    const struct settings *set = taking->settings;
    const struct input_settings *in = set ? settings_input(set, src) : NULL;
    return in || !set || !set->n_inputs ? in : &set->inputs[0];
}

/* Without a configuration: what the spool knows. */
static void plain_event(struct buf *out, const struct line *line, const struct look_record *rec)
{
    char time[TIME_TEXT_BYTES];
    time_text(rec->chunk.read_ns / NS_PER_MS, time);
    buf_clear(out);
    buf_printf(out, "{\"@timestamp\":\"%s\",\"message\":\"", time);
    json_escape(out, line->text, line->len);
    buf_printf(out, "\",\"log\":{\"offset\":%llu,\"file\":{\"path\":",
               (unsigned long long)(rec->chunk.from + line->start));
    json_string(out, rec->src->path);
    buf_puts(out, "}},\"input\":{\"id\":");
    json_string(out, rec->src->input);
    buf_puts(out, "}}");
}

static int export_line(struct taking *taking, const struct input_settings *in,
                       const struct line *line, const struct look_record *rec, struct err *err)
{
    bool is_cut = !line->has_end && (rec->chunk.flags & CHUNK_CUT);
    if (in)
        (void)encoder_line(&taking->encoder, line->text, line->len, rec->chunk.from + line->start,
                           is_cut, &taking->event);
    else
        plain_event(&taking->event, line, rec);
    buf_putc(&taking->event, '\n');
    return write_out(taking->event.data, taking->event.len, err);
}

static int export_record(void *arg, const struct look_record *rec, struct err *err)
{
    struct taking *taking = arg;
    struct line line;
    size_t skip;
    if (!is_wanted(taking, rec, &skip))
        return 0;
    const struct input_settings *in = input_of(taking, rec->src);
    struct lines lines = {.bytes = rec->chunk.bytes, .len = rec->chunk.len, .at = skip};
    if (in)
        encoder_begin(&taking->encoder, &taking->agent, &in->event, rec->src, rec->chunk.read_ns);
    while (line_next(&lines, &line))
        if (export_line(taking, in, &line, rec, err))
            return -1;
    return 0;
}

static int take_out(struct look *look, const struct place *place, const struct cli_args *args)
{
    struct taking taking = {.args = args,
                            .look = look,
                            .settings = place->has_settings ? &place->settings : NULL,
                            .encoder = ENCODER_INIT};
    const struct look_sink sink = {.arg = &taking,
                                   .record = strcmp(args->subcommand, "cat") == 0 ? cat_record
                                                                                  : export_record};
    struct err err;
    if (taking.settings) {
        identity_peek(&taking.identity, taking.settings->globals.path_data);
        taking.agent = identity_agent(&taking.identity, &taking.settings->globals);
    }
    struct segment *from = args->wants_all ? look->first : look_segment(look, look->cursor.seq);
    int rc = look_walk(look, from, &sink, &err);
    if (rc == 0 && fflush(stdout) == EOF)
        rc = err_sys(&err, "write to standard output");
    encoder_free(&taking.encoder);
    buf_free(&taking.event);
    return rc == 0 || err.sys_errno == EPIPE ? EXIT_TOLD : fail(&err);
}

/* ---- repair ---- */

static void say_step(void *arg, const char *text)
{
    (void)arg;
    printf("%s\n", text);
}

static void print_repaired(const struct repair_report *report, bool is_dry)
{
    char kept[UNIT_TEXT], out[UNIT_TEXT];
    if (!report->rewritten) {
        printf("no segment is damaged\n");
        return;
    }
    printf("%u segment%s %s rewritten: ", report->rewritten, plural(report->rewritten),
           is_dry                   ? "would be"
           : report->rewritten == 1 ? "is"
                                    : "are");
    if (!is_dry)
        printf("%llu records with %s of log kept, ", (unsigned long long)report->records,
               show_bytes(report->bytes, kept));
    printf("%s left out\n", show_bytes(report->damaged_bytes, out));
}

/* What every start does with what it finds: cut a torn end, close segments, move what is no segment to bad/. */
static int start_once(const char *dir, struct err *err)
{
    const struct spool_config config = {
        .path = dir, .segment_bytes = UINT64_MAX, .sync_way = SYNC_INLINE};
    struct spool *spool;
    if (spool_open(&spool, &config, err))
        return -1;
    spool_close(spool);
    return 0;
}

static void note_tail(void *arg, const struct segment *seg, enum look_harm harm, uint64_t from,
                      uint64_t to, const char *what)
{
    (void)seg, (void)from, (void)to, (void)what;
    *(bool *)arg |= harm != LOOK_DAMAGED;
}

/* Is there something left that a start would put right? 1 = yes, 0 = no, -1. Not asked while it is locked: then ends are not
 * looked at. */
static int needs_start(const char *dir, struct err *err)
{
    bool is_needed = false;
    const struct look_sink sink = {.arg = &is_needed, .harm = note_tail};
    struct look look;
    if (look_open(&look, dir, err))
        return -1;
    int rc = look_walk(&look, NULL, &sink, err);
    is_needed |= look.rejects != NULL;
    look_close(&look);
    return rc ? -1 : is_needed;
}

/* What is there now, and what is lost. */
static int check_again(const char *dir)
{
    struct look look;
    struct err err;
    if (look_open(&look, dir, &err))
        return fail(&err);
    int status = spool_check(&look);
    look_close(&look);
    return status == EXIT_START ? status : EXIT_TOLD;
}

static int repair_locked(const char *dir, bool is_dry)
{
    struct repair_report report = {.say = say_step};
    struct err err;
    if (repair_segments(dir, is_dry, &report, &err))
        return fail(&err);
    print_repaired(&report, is_dry);
    return EXIT_TOLD;
}

static int repair(const char *dir)
{
    struct err err;
    char *path = mem_printf("%s/lock", dir);
    int lock = fs_lock(path, &err);
    free(path);
    if (lock < 0) {
        (void)err_wrap(&err, "stop posta before its spool is repaired");
        return fail(&err);
    }
    int status = repair_locked(dir, false);
    (void)fs_close(lock); /* gives it up: a start takes it itself */
    int rc = status == EXIT_TOLD ? needs_start(dir, &err) : 0;
    if (rc > 0)
        rc = start_once(dir, &err);
    if (rc < 0)
        status = fail(&err);
    return status == EXIT_TOLD ? check_again(dir) : status;
}

static int repair_or_try(const char *dir, bool is_dry)
{
    int status = is_dry ? repair_locked(dir, true) : repair(dir);
    return is_dry && status == EXIT_TOLD ? check_again(dir) : status;
}

/* ---- all together ---- */

static int run(const struct place *place, const struct cli_args *args)
{
    struct look look;
    struct err err;
    int status;
    if (look_open(&look, place->dir, &err))
        return fail(&err);
    if (strcmp(args->subcommand, "repair") == 0) {
        look_close(&look);
        return repair_or_try(place->dir, args->is_dry_run);
    }
    show_live(&look);
    status = strcmp(args->subcommand, "ls") == 0      ? spool_ls(&look)
             : strcmp(args->subcommand, "check") == 0 ? spool_check(&look)
                                                      : take_out(&look, place, args);
    look_close(&look);
    return status;
}

int command_spool(const struct cli_args *args)
{
    struct place place = {.dir = NULL};
    int status = find_place(&place, args);
    if (status == 0)
        status = run(&place, args);
    leave_place(&place);
    return status;
}
