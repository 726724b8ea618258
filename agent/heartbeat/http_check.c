/* http_check.c: check.response of an http monitor: status, headers, body, JSON; the first thing that is wrong is told. */
#include "heartbeat.h"

#include <posta/condition.h>
#include <posta/json.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { TOLD_JSON_BYTES = 2048 };

/* ---- reading ---- */

struct json_rule_settings {
    char *description;
    const struct node *condition;
};

#define AT(field) .at = offsetof(struct json_rule_settings, field)
const struct option json_rule_options[] = {
    {.name = "description", .type = OPT_TEXT, AT(description), .doc = "What the rule is about."},
    {.name = "condition",
     .type = OPT_MAP,
     AT(condition),
     .doc = "equals, contains, regexp, range, has_fields, and, or, not over fields of the answer."},
    {.name = "expression",
     .type = OPT_REFUSED,
     .doc = "posta has no gval: write it as a condition, {equals: {status: ok}}, or as a regular "
            "expression in check.response.body"},
    {0},
};

static void read_rule(struct http_checks *checks, const struct node *node,
                      struct problems *problems)
{
    struct json_rule_settings own = {.description = NULL};
    bool is_read =
        options_read(node, "check.response.json", json_rule_options, &own, problems) == 0;
    struct condition *when =
        is_read && own.condition ? condition_read(own.condition, problems) : NULL;
    if (is_read && !own.condition)
        problems_error(problems, node, "check.response.json: condition is missing");
    if (when) {
        checks->rules = mem_grow(checks->rules, checks->n_rules + 1, sizeof *checks->rules);
        checks->rules[checks->n_rules++] = (struct json_rule) {
            .description = mem_dup(own.description ? own.description : ""), .when = when};
    }
    options_free(json_rule_options, &own);
}

static void read_status(struct http_checks *checks, const struct str_list *list,
                        const struct node *node, struct problems *problems)
{
    checks->status = mem_zero(list->n + 1, sizeof *checks->status);
    for (size_t i = 0; i < list->n; i++) {
        const char *text = list->at[i];
        unsigned status = (unsigned)strtoul(text, NULL, 10);
        if (strlen(text) != 3 || strspn(text, "0123456789") != 3 || status < 100 || status > 699)
            problems_error(problems, node_get(node, "check.response.status"),
                           "check.response.status: '%s' is no status code", text);
        checks->status[checks->n_status++] = status;
    }
}

static void add_patterns(struct regex_list *into, const struct str_list *patterns,
                         const struct node *node, struct problems *problems)
{
    struct regex_list more = {.at = NULL};
    struct err err;
    if (regex_list_new(&more, patterns, &err)) {
        problems_error(problems, node_get(node, "check.response.body"), "check.response.body: %s",
                       err.text);
        return;
    }
    into->at = mem_grow(into->at, into->n + more.n + 1, sizeof *into->at);
    for (size_t i = 0; i < more.n; i++)
        into->at[into->n++] = more.at[i];
    free(more.at);
}

static void check_headers(const struct node *headers, struct problems *problems)
{
    for (size_t i = 0; i < node_count(headers); i++)
        if (!node_text(node_at(headers, i)))
            problems_error(problems, node_at(headers, i),
                           "check.response.headers: '%s' must have one text as its value",
                           node_key(headers, i));
}

void http_checks_read(struct http_checks *checks, const struct http_expected *expected,
                      const struct node *node, struct problems *problems)
{
    read_status(checks, &expected->status, node, problems);
    checks->headers = expected->headers;
    check_headers(expected->headers, problems);
    add_patterns(&checks->positive, &expected->body, node, problems);
    add_patterns(&checks->positive, &expected->positive, node, problems);
    add_patterns(&checks->negative, &expected->negative, node, problems);
    for (size_t i = 0; i < expected->json.n; i++)
        read_rule(checks, expected->json.at[i], problems);
}

void http_checks_free(struct http_checks *checks)
{
    free(checks->status);
    regex_list_free(&checks->positive);
    regex_list_free(&checks->negative);
    for (size_t i = 0; i < checks->n_rules; i++) {
        free(checks->rules[i].description);
        condition_free(checks->rules[i].when);
    }
    free(checks->rules);
    *checks = (struct http_checks) {.status = NULL};
}

bool http_checks_want_body(const struct http_checks *checks)
{
    return checks->positive.n || checks->negative.n || checks->n_rules;
}

/* ---- checking ---- */

static const char *status_text(int status)
{
    static const struct {
        int status;
        const char *text;
    } known[] = {{400, "Bad Request"},
                 {401, "Unauthorized"},
                 {402, "Payment Required"},
                 {403, "Forbidden"},
                 {404, "Not Found"},
                 {405, "Method Not Allowed"},
                 {406, "Not Acceptable"},
                 {407, "Proxy Authentication Required"},
                 {408, "Request Timeout"},
                 {409, "Conflict"},
                 {410, "Gone"},
                 {411, "Length Required"},
                 {412, "Precondition Failed"},
                 {413, "Request Entity Too Large"},
                 {414, "Request URI Too Long"},
                 {415, "Unsupported Media Type"},
                 {421, "Misdirected Request"},
                 {422, "Unprocessable Entity"},
                 {425, "Too Early"},
                 {426, "Upgrade Required"},
                 {429, "Too Many Requests"},
                 {500, "Internal Server Error"},
                 {501, "Not Implemented"},
                 {502, "Bad Gateway"},
                 {503, "Service Unavailable"},
                 {504, "Gateway Timeout"},
                 {505, "HTTP Version Not Supported"},
                 {511, "Network Authentication Required"}};
    for (size_t i = 0; i < sizeof known / sizeof *known; i++)
        if (known[i].status == status)
            return known[i].text;
    return "";
}

static bool check_status(const struct http_checks *checks, int status, struct finding *finding)
{
    for (size_t i = 0; i < checks->n_status; i++)
        if ((int)checks->status[i] == status)
            return true;
    if (checks->n_status == 0 && status < 400)
        return true;
    if (checks->n_status == 0) {
        const char *text = status_text(status);
        finding->type = "io"; /* as Heartbeat has it */
        finding->code = "BAD_HTTP_STATUS";
        buf_printf(&finding->message, "Bad HTTP status %d%s%s encountered", status,
                   *text ? " " : "", text);
        return false;
    }
    buf_printf(&finding->message, "received status code %d expecting [", status);
    for (size_t i = 0; i < checks->n_status; i++)
        buf_printf(&finding->message, "%s%u", i ? " " : "", checks->status[i]);
    buf_putc(&finding->message, ']');
    return false;
}

static bool has_headers(const struct http_checks *checks, const struct web_answer *answer,
                        struct finding *finding)
{
    for (size_t i = 0; i < node_count(checks->headers); i++) {
        const char *name = node_key(checks->headers, i), *wanted;
        const char *value = "";
        size_t len = 0;
        wanted = node_text(node_at(checks->headers, i));
        (void)web_header(answer, name, &value, &len); /* not there is empty, as in Heartbeat */
        if (strlen(wanted) == len && memcmp(wanted, value, len) == 0)
            continue;
        buf_printf(&finding->message, "header %s is '%.*s' expecting '%s' ", name, (int)len, value,
                   wanted);
        return false;
    }
    return true;
}

static bool check_body(const struct http_checks *checks, const char *body, size_t len,
                       struct finding *finding)
{
    if (checks->positive.n && regex_list_try(&checks->positive, body, len) != 1) {
        buf_puts(&finding->message, "only positive pattern mismatch");
        return false;
    }
    if (checks->negative.n && regex_list_try(&checks->negative, body, len) != 0) {
        buf_puts(&finding->message, "only negative pattern mismatch");
        return false;
    }
    return true;
}

/* How many are not met; their names go to names. */
static size_t failed_rules(const struct http_checks *checks, struct lookup *lookup,
                           struct buf *names)
{
    size_t n = 0;
    for (size_t i = 0; i < checks->n_rules; i++) {
        if (condition_check(checks->rules[i].when, lookup) == TRUTH_YES)
            continue;
        buf_printf(names, "%srule '%s' not matched.", n ? "," : "", checks->rules[i].description);
        n++;
    }
    return n;
}

static bool check_json(const struct http_checks *checks, const char *body, size_t len,
                       struct finding *finding)
{
    struct json_span object;
    struct err err;
    struct buf names = BUF_INIT;
    if (json_check(body, len, &object, &err)) {
        buf_printf(&finding->message, "could not parse JSON: %s", err.text);
        return false;
    }
    if (object.type != JSON_OBJECT) {
        buf_puts(&finding->message, "received non-object JSON for condition");
        return false;
    }
    struct lookup lookup = lookup_in(LOOKUP_EVENT, body, len);
    size_t n = failed_rules(checks, &lookup, &names);
    lookup_free(&lookup);
    size_t told = len < TOLD_JSON_BYTES ? len : TOLD_JSON_BYTES;
    if (n)
        buf_printf(
            &finding->message,
            "JSON body did not match %zu expressions or conditions '%s'. Received JSON (first "
            "2048 chars): %.*s",
            n, buf_str(&names), (int)told, body);
    buf_free(&names);
    return n == 0;
}

bool http_check(const struct http_checks *checks, const struct web_answer *answer, size_t len,
                struct finding *finding)
{
    finding->type = "validate";
    finding->code = NULL;
    return check_status(checks, answer->status, finding) && has_headers(checks, answer, finding) &&
           check_body(checks, answer->body, len, finding) &&
           (checks->n_rules == 0 || check_json(checks, answer->body, len, finding));
}
