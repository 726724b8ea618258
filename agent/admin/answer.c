/* answer.c: which answer a request gets. Knows nothing of connections. */
#include "admin.h"

#include <stdlib.h>
#include <strings.h>

#define TYPE_TEXT "text/plain; charset=utf-8"
#define TYPE_JSON "application/json; charset=utf-8"
#define TYPE_PROM "text/plain; version=0.0.4; charset=utf-8"
#define TYPE_OPEN "application/openmetrics-text; version=1.0.0; charset=utf-8"

/* ---- what is liked ---- */

/* q of one item of an Accept header, in thousandths: its type is before the first ';'. */
static int quality_of(const char *item, size_t len)
{
    for (size_t i = 0; i + 2 < len; i++) {
        bool is_q = (item[i] == ';' || item[i] == ' ') &&
                    (item[i + 1] == 'q' || item[i + 1] == 'Q') && item[i + 2] == '=';
        if (!is_q)
            continue;
        int q = 0, digits = 0;
        for (i += 3;
             i < len && digits < 4 && ((item[i] >= '0' && item[i] <= '9') || item[i] == '.'); i++)
            if (item[i] != '.')
                q = q * 10 + (item[i] - '0'), digits++;
        for (; digits < 4; digits++)
            q *= 10;
        return q > 1000 ? 1000 : q;
    }
    return 1000;
}

/* The best of the items of this type; -1 = there is none. */
static int quality(const char *accept, const char *type)
{
    int best = -1;
    for (const char *at = accept; *at;) {
        at += strspn(at, " \t,");
        size_t len = strcspn(at, ","), name = strcspn(at, ";, \t");
        if (name == strlen(type) && strncasecmp(at, type, name) == 0) {
            int q = quality_of(at, len);
            best = q > best ? q : best;
        }
        at += len;
    }
    return best;
}

bool accepts_openmetrics(const char *accept)
{
    int open = accept ? quality(accept, "application/openmetrics-text") : -1;
    return open > 0 && open >= quality(accept, "text/plain");
}

/* ---- pages ---- */

static void put_pretty(struct admin_answer *answer)
{
    struct buf out = BUF_INIT;
    json_indent(answer->body.data, answer->body.len, &out);
    buf_free(&answer->body);
    answer->body = out;
}

static void answer_json(void (*put)(void *arg, struct buf *json), void *arg, bool is_pretty,
                        struct admin_answer *answer)
{
    answer->type = TYPE_JSON;
    put(arg, &answer->body);
    if (is_pretty)
        put_pretty(answer);
    buf_putc(&answer->body, '\n');
}

static void answer_state(bool (*is_so)(void *arg, struct buf *why), void *arg,
                         struct admin_answer *answer)
{
    struct buf why = BUF_INIT;
    bool is = is_so(arg, &why);
    answer->status = is ? 200 : 503;
    if (is || why.len == 0)
        buf_puts(&answer->body, is ? "ok" : "not ok");
    if (why.len > 0)
        buf_printf(&answer->body, "%s%s", is ? ": " : "", buf_str(&why));
    buf_putc(&answer->body, '\n');
    buf_free(&why);
}

static void answer_metrics(const struct admin_source *source, const char *accept,
                           struct admin_answer *answer)
{
    struct exposition to = {.out = &answer->body, .is_open = accepts_openmetrics(accept)};
    answer->type = to.is_open ? TYPE_OPEN : TYPE_PROM;
    source->metrics(source->arg, &to);
    exposition_end(&to);
}

static void answer_unknown(const char *path, struct admin_answer *answer)
{
    (void)path; /* not to be given back: it may hold anything */
    answer->status = 404;
    buf_puts(&answer->body, "not found; there are: / /stats /metrics /healthz /readyz\n");
}

void admin_answer(const struct admin_source *source, const char *method, const char *path,
                  bool is_pretty, const char *accept, struct admin_answer *answer)
{
    *answer = (struct admin_answer) {.status = 200, .type = TYPE_TEXT};
    if (strcmp(method, "GET") != 0 && strcmp(method, "HEAD") != 0) {
        answer->status = 405;
        buf_puts(&answer->body, "only GET and HEAD\n");
    } else if (strcmp(path, "/") == 0) {
        answer_json(source->about, source->arg, is_pretty, answer);
    } else if (strcmp(path, "/stats") == 0) {
        answer_json(source->stats, source->arg, is_pretty, answer);
    } else if (strcmp(path, "/metrics") == 0) {
        answer_metrics(source, accept, answer);
    } else if (strcmp(path, "/healthz") == 0) {
        answer_state(source->is_healthy, source->arg, answer);
    } else if (strcmp(path, "/readyz") == 0) {
        answer_state(source->is_ready, source->arg, answer);
    } else {
        answer_unknown(path, answer);
    }
}

/* ---- JSON for people ---- */

static void new_line(struct buf *out, unsigned depth)
{
    buf_putc(out, '\n');
    for (unsigned i = 0; i < depth; i++)
        buf_puts(out, "  ");
}

/* Behind the string that begins at text. */
static size_t string_len(const char *text, size_t len)
{
    size_t i = 1;
    while (i < len && text[i] != '"')
        i += text[i] == '\\' ? 2 : 1;
    return i < len ? i + 1 : len;
}

void json_indent(const char *text, size_t len, struct buf *out)
{
    unsigned depth = 0;
    for (size_t i = 0, n; i < len; i += n) {
        char c = text[i];
        bool opens = c == '{' || c == '[', closes = c == '}' || c == ']';
        bool is_empty = opens && i + 1 < len && (text[i + 1] == '}' || text[i + 1] == ']');
        n = c == '"' ? string_len(text + i, len - i) : is_empty ? 2 : 1;
        if (closes && depth > 0)
            new_line(out, --depth);
        buf_append(out, text + i, n);
        if (opens && !is_empty)
            new_line(out, ++depth);
        else if (c == ',')
            new_line(out, depth);
        else if (c == ':')
            buf_putc(out, ' ');
    }
}
