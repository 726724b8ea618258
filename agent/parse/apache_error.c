/* apache_error.c: Apache's error log:
 *
 *   [Wed Oct 11 14:32:52.123456 2017] [core:error] [pid 3:tid 4] [client 1.2.3.4:5] text
 *   [Mon Dec 26 16:22:08 2016] [error] [client 1.2.3.4] text                         (before 2.4)
 *
 * Happy path: what is in brackets becomes fields, the message is what is left.
 * Failure modes: a line of another form is not taken: see web.c.
 * On close: nothing.
 */
#include "access.h"

#include <posta/json.h>

#include <ctype.h>
#include <string.h>

struct error_head {
    struct span module, level, pid, tid, client, port;
};

static bool take_text(const char **at, const char *end, const char *text)
{
    size_t len = strlen(text);
    if ((size_t)(end - *at) < len || memcmp(*at, text, len) != 0)
        return false;
    *at += len;
    return true;
}

static bool take_until(const char **at, const char *end, char c, struct span *text)
{
    const char *stop = memchr(*at, c, (size_t)(end - *at));
    if (!stop)
        return false;
    *text = (struct span) {.at = *at, .len = (size_t)(stop - *at)};
    *at = stop + 1;
    return true;
}

static bool is_number(struct span text)
{
    for (size_t i = 0; i < text.len; i++)
        if (!isdigit((unsigned char)text.at[i]))
            return false;
    return text.len > 0 && text.len < 19 && (text.len == 1 || *text.at != '0');
}

/* "core:error" or "error" */
static bool take_level(const char **at, const char *end, struct error_head *head)
{
    if (!take_text(at, end, " [") || !take_until(at, end, ']', &head->level))
        return false;
    const char *colon = head->level.len ? memchr(head->level.at, ':', head->level.len) : NULL;
    if (colon) {
        head->module =
            (struct span) {.at = head->level.at, .len = (size_t)(colon - head->level.at)};
        head->level.len -= head->module.len + 1;
        head->level.at = colon + 1;
    }
    return head->level.len > 0;
}

/* "pid 3:tid 4" */
static bool take_process(const char **at, const char *end, struct error_head *head)
{
    struct span all_of_it;
    if (!take_text(at, end, " [pid "))
        return true;
    if (!take_until(at, end, ']', &all_of_it))
        return false;
    const char *p = all_of_it.at, *stop = p + all_of_it.len;
    while (p < stop && isdigit((unsigned char)*p))
        p++;
    head->pid = (struct span) {.at = all_of_it.at, .len = (size_t)(p - all_of_it.at)};
    if (take_text(&p, stop, ":tid "))
        head->tid = (struct span) {.at = p, .len = (size_t)(stop - p)};
    return is_number(head->pid) && (head->tid.len == 0 || is_number(head->tid));
}

/* "client 1.2.3.4:5", "client [::1]:5" is written as "client ::1:5" */
static bool take_client(const char **at, const char *end, struct error_head *head)
{
    if (!take_text(at, end, " [client "))
        return true;
    if (!take_until(at, end, ']', &head->client))
        return false;
    const char *colon = head->client.len ? memrchr(head->client.at, ':', head->client.len) : NULL;
    if (!colon)
        return true;
    struct span port = {.at = colon + 1,
                        .len = (size_t)(head->client.at + head->client.len - colon - 1)};
    if (is_number(port)) {
        head->port = port;
        head->client.len = (size_t)(colon - head->client.at);
    }
    return true;
}

static void put_error(const struct error_head *head, struct fields *fields)
{
    struct buf text = BUF_INIT;
    buf_puts(&text, "\"level\":\"");
    json_escape(&text, head->level.at, head->level.len);
    buf_putc(&text, '"');
    members_add(&fields->log, text.data, text.len);
    buf_clear(&text);
    if (head->pid.len)
        buf_printf(&text, "\"process\":{\"pid\":%.*s%s%.*s%s}", (int)head->pid.len, head->pid.at,
                   head->tid.len ? ",\"thread\":{\"id\":" : "", (int)head->tid.len,
                   head->tid.len ? head->tid.at : "", head->tid.len ? "}" : "");
    if (head->module.len) {
        buf_puts(&text, text.len ? ",\"apache\":{\"error\":{\"module\":\""
                                 : "\"apache\":{\"error\":{\"module\":\"");
        json_escape(&text, head->module.at, head->module.len);
        buf_puts(&text, "\"}}");
    }
    members_add(&fields->root, text.data, text.len);
    if (head->client.len)
        access_put_source(&fields->root, head->client, head->port);
    buf_free(&text);
}

bool apache_take_error(const struct web *web, struct record *rec)
{
    struct error_head head = {.module = {.len = 0}};
    const char *at = rec->text, *end = at + rec->len;
    if (!take_text(&at, end, "["))
        return false;
    int64_t time_ms = stamp_asctime(&at, end, &web->zone);
    if (time_ms == NO_STAMP || !take_text(&at, end, "]") || !take_level(&at, end, &head) ||
        !take_process(&at, end, &head) || !take_client(&at, end, &head) ||
        !take_text(&at, end, " "))
        return false;
    put_error(&head, rec->fields);
    rec->time_ms = time_ms;
    rec->text = at;
    rec->len = (size_t)(end - at);
    web_put_timezone(web, rec);
    return true;
}
