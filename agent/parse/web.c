/* web.c: what the parsers of nginx and Apache have in common: options, formats to try, what becomes of a line.
 *
 * Happy path: the first format that the line is wholly of gives its fields; the line itself is kept as event.original if asked
 * for, and is no message any more.
 * Failure modes: a line of no format is given on whole, as its message, with error.message.
 * On close: web_close.
 */
#include "access.h"

#include <posta/json.h>

#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>

static const char *const datasets[] = {"access", "error", NULL};

#define AT(field) .at = offsetof(struct web, field)
const struct option web_options[] = {
    {.name = "dataset",
     .type = OPT_WORD,
     .words = datasets,
     .def = "access",
     .own = true,
     AT(dataset),
     .doc = "Which log it is."},
    {.name = "format",
     .type = OPT_LIST,
     .def = "auto",
     .own = true,
     AT(formats),
     .doc =
         "Formats of the access log, tried in this order, each as the server's configuration has "
         "it (log_format, LogFormat) or by name: combined, common (Apache), main (nginx), vhost, "
         "time (combined and how long it took), json; auto = all of them."},
    {.name = "timezone",
     .type = OPT_TEXT,
     .def = "Local",
     .own = true,
     AT(timezone),
     .doc =
         "Zone of the times in error logs, which name none: Local (of this machine, or TZ), UTC, "
         "or an offset such as +02:00."},
    {.name = "original",
     .type = OPT_BOOL,
     .def = "false",
     .own = true,
     AT(original),
     .doc = "Keep the line in event.original."},
    {0},
};

/* ---- formats ---- */

static int add_format(struct web *web, const struct web_server *server, const char *text,
                      struct err *err)
{
    web->made = mem_grow(web->made, web->n_made + 1, sizeof *web->made);
    web->made[web->n_made] = (struct access_format) {.n = 0};
    return server->compile(text, &web->made[web->n_made++], err);
}

static int add_named(struct web *web, const struct web_server *server, const char *text,
                     struct err *err)
{
    const char *const *texts = server->named(text);
    bool is_auto = strcmp(text, "auto") == 0;
    if (is_auto || strcmp(text, "json") == 0)
        web->takes_json = true;
    if (!texts && strcmp(text, "json") == 0)
        return 0;
    if (!texts)
        return add_format(web, server, text, err);
    for (; *texts; texts++)
        if (add_format(web, server, *texts, err))
            return -1;
    return 0;
}

int web_open(struct web *web, const struct web_server *server, struct err *err)
{
    if (zone_parse(web->timezone, &web->zone, err))
        return -1;
    for (size_t i = 0; i < web->formats.n; i++)
        if (add_named(web, server, web->formats.at[i], err))
            return -1;
    return 0;
}

void web_close(struct web *web)
{
    while (web->n_made > 0)
        access_format_free(&web->made[--web->n_made]);
    free(web->made);
    web->made = NULL;
}

/* ---- lines ---- */

static void put_original(struct record *rec)
{
    struct buf *event = &rec->fields->event;
    members_add(event, "\"original\":\"", 12);
    json_escape(event, rec->text, rec->len);
    buf_putc(event, '"');
}

void web_put_timezone(const struct web *web, struct record *rec)
{
    char text[8];
    zone_text(&web->zone, rec->time_ms, text);
    members_add(&rec->fields->event, "\"timezone\":\"", 12);
    buf_puts(&rec->fields->event, text);
    buf_putc(&rec->fields->event, '"');
}

/* Returns the format, or NULL; *is_json says that the line is an object. */
static bool match(struct web *web, const struct web_server *server, const struct record *rec,
                  bool *is_json)
{
    *is_json = false;
    for (size_t i = 0; i < web->n_made; i++)
        if (access_match(&web->made[i], &web->memo, rec->text, rec->len, &web->line)) {
            *is_json = web->made[i].is_json;
            return true;
        }
    *is_json = web->takes_json && rec->len > 0 && *rec->text == '{';
    return *is_json &&
           access_match_json(rec->text, rec->len, server->lookup, &web->memo, &web->line);
}

static bool take_access(struct web *web, const struct web_server *server, struct record *rec)
{
    bool is_json;
    if (!match(web, server, rec, &is_json))
        return false;
    access_put(&server->access, &web->line, is_json, rec->fields);
    if (web->line.time_ms != NO_STAMP)
        rec->time_ms = web->line.time_ms;
    if (web->original)
        put_original(rec);
    rec->flags |= RECORD_NO_MESSAGE;
    return true;
}

static bool take_error(const struct web *web, const struct web_server *server, struct record *rec)
{
    struct record line = *rec;
    if (!server->error(web, rec))
        return false;
    members_add(&rec->fields->event, server->error_event, strlen(server->error_event));
    if (web->original) {
        line.fields = rec->fields;
        put_original(&line);
    }
    return true;
}

static void complain(const struct web *web, const struct web_server *server, struct record *rec)
{
    char text[160], event[96];
    const char *name = server->access.name, *dataset = datasets[web->dataset];
    if (web->dataset == WEB_ACCESS)
        snprintf(text, sizeof text, "%s.access: the line is of no format that is set", name);
    else
        snprintf(text, sizeof text, "%s.error: the line is not as in an error log", name);
    snprintf(event, sizeof event, "\"module\":\"%s\",\"dataset\":\"%s.%s\"", name, name, dataset);
    fields_error(rec->fields, NULL, text);
    members_add(&rec->fields->event, event, strlen(event));
}

void web_take(struct web *web, const struct web_server *server, struct record *rec,
              const struct emit *emit)
{
    bool is_known =
        web->dataset == WEB_ACCESS ? take_access(web, server, rec) : take_error(web, server, rec);
    if (!is_known)
        complain(web, server, rec);
    emit->give(emit->arg, rec);
}
