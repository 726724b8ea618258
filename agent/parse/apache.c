/* apache.c: Apache's access logs, and the parser for them and the error logs (apache_error.c).
 *
 * Happy path: the format is written as in httpd.conf, `LogFormat` and all or only its text; each directive is a field of ECS or,
 * if there is none, of apache.access. Values stay as Apache escaped them (\", \x22).
 * Failure modes: see web.c.
 * On close: web_close.
 */
#include "access.h"

#include <posta/json.h>

#include <ctype.h>
#include <string.h>
#include <strings.h>

/* ---- directives: %h, %>s, %{Referer}i ---- */

static const struct {
    char letter;
    const char *argument; /* NULL: any, or none */
    enum slot slot;
} directives[] = {
    {'h', NULL, SLOT_ADDRESS},
    {'a', NULL, SLOT_ADDRESS},
    {'l', NULL, SLOT_NOTHING},
    {'u', NULL, SLOT_USER},
    {'r', NULL, SLOT_REQUEST},
    {'s', NULL, SLOT_STATUS},
    {'b', NULL, SLOT_BODY_BYTES},
    {'B', NULL, SLOT_BODY_BYTES},
    {'O', NULL,
     SLOT_BODY_BYTES}, /* as Elastic's pipeline: Debian's combined has it in the place of %b */
    {'I', NULL, SLOT_REQUEST_BYTES},
    {'D', NULL, SLOT_MICROS},
    {'T', "ms", SLOT_MILLIS},
    {'T', "us", SLOT_MICROS},
    {'T', NULL, SLOT_SECONDS},
    {'v', NULL, SLOT_HOST},
    {'V', NULL, SLOT_HOST},
    {'p', NULL, SLOT_PORT},
    {'m', NULL, SLOT_METHOD},
    {'U', NULL, SLOT_PATH},
    {'q', NULL, SLOT_QUERY},
    {'H', NULL, SLOT_PROTOCOL},
    {'L', NULL, SLOT_REQUEST_ID},
    {'i', "Referer", SLOT_REFERRER},
    {'i', "Referrer", SLOT_REFERRER},
    {'i', "User-Agent", SLOT_AGENT},
    {'i', "X-Forwarded-For", SLOT_FORWARDED},
    {'i', "Host", SLOT_HOST},
    {'i', "X-Request-Id", SLOT_REQUEST_ID},
    {'e', "UNIQUE_ID", SLOT_REQUEST_ID},
    {'x', "SSL_PROTOCOL", SLOT_TLS_PROTOCOL},
    {'x', "SSL_CIPHER", SLOT_TLS_CIPHER},
    {'t', "sec", SLOT_EPOCH},
    {'t', "msec", SLOT_EPOCH_MS},
};

struct directive {
    char letter;
    char argument[64];
};

static enum slot slot_of(const struct directive *dir)
{
    for (size_t i = 0; i < sizeof directives / sizeof *directives; i++)
        if (directives[i].letter == dir->letter &&
            (!directives[i].argument || strcasecmp(directives[i].argument, dir->argument) == 0))
            return directives[i].slot;
    return SLOT_OTHER;
}

/* The name below apache.access of what has no field: its argument in lower case, or its letter. */
static size_t name_of(const struct directive *dir, char name[static 72])
{
    size_t n = 0;
    for (const char *at = dir->argument; *at; at++)
        name[n++] = isalnum((unsigned char)*at) ? (char)tolower((unsigned char)*at) : '_';
    if (n == 0)
        name[n++] = dir->letter;
    return n;
}

/* Behind the %: conditions, < or >, {argument}, letter. Returns what is behind, NULL if it is none. */
static const char *read_directive(const char *at, struct directive *dir)
{
    *dir = (struct directive) {.letter = '\0'};
    at += strspn(at, "!,0123456789<>");
    if (*at == '{') {
        size_t len = strcspn(at, "}");
        if (at[len] != '}' || len > sizeof dir->argument)
            return NULL;
        memcpy(dir->argument, at + 1, len - 1);
        at += len + 1;
    }
    if (*at == '^') /* %^FU, %{x}^ti */
        at += strlen(at) >= 3 ? 2 : 0;
    dir->letter = *at;
    return isalpha((unsigned char)*at) ? at + 1 : NULL;
}

/* Which fields the server knows by a name in JSON: as people name them, which is as nginx does. */
static enum slot lookup(const char *name, size_t len)
{
    static const struct {
        const char *name;
        enum slot slot;
    } rows[] = {
        {"remote_addr", SLOT_ADDRESS},
        {"clientip", SLOT_ADDRESS},
        {"client", SLOT_ADDRESS},
        {"remoteIP", SLOT_ADDRESS},
        {"host", SLOT_HOST},
        {"vhost", SLOT_HOST},
        {"remote_user", SLOT_USER},
        {"user", SLOT_USER},
        {"time", SLOT_ISO},
        {"timestamp", SLOT_ISO},
        {"request", SLOT_REQUEST},
        {"method", SLOT_METHOD},
        {"request_method", SLOT_METHOD},
        {"path", SLOT_PATH},
        {"uri", SLOT_PATH},
        {"query", SLOT_QUERY},
        {"protocol", SLOT_PROTOCOL},
        {"status", SLOT_STATUS},
        {"bytes", SLOT_BODY_BYTES},
        {"body_bytes_sent", SLOT_BODY_BYTES},
        {"referer", SLOT_REFERRER},
        {"referrer", SLOT_REFERRER},
        {"http_referer", SLOT_REFERRER},
        {"user_agent", SLOT_AGENT},
        {"userAgent", SLOT_AGENT},
        {"http_user_agent", SLOT_AGENT},
        {"duration_us", SLOT_MICROS},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        if (strlen(rows[i].name) == len && memcmp(rows[i].name, name, len) == 0)
            return rows[i].slot;
    return SLOT_OTHER;
}

/* ---- formats ---- */

#define COMMON   "%h %l %u %t \"%r\" %>s %b"
#define AGENT    " \"%{Referer}i\" \"%{User-Agent}i\""
#define COMBINED COMMON AGENT
#define COMMON_NO_ID                                                                               \
    "%h - %u %t \"%r\" %>s %b" /* as it nearly always is: with it a line is not taken for another */

static const char *const common[] = {COMMON, NULL};
static const char *const combined[] = {COMBINED, NULL};
static const char *const with_host[] = {"%v:%p " COMBINED, "%v " COMBINED, "%v:%p " COMMON,
                                        "%v " COMMON, NULL};
static const char *const with_time[] = {COMBINED " %D", COMMON " %D", NULL};
static const char *const all[] = {
    COMMON_NO_ID AGENT,
    COMMON_NO_ID,
    COMMON_NO_ID AGENT " %D",
    COMMON_NO_ID " %D",
    "%v:%p " COMMON_NO_ID AGENT,
    "%v " COMMON_NO_ID AGENT,
    "%v:%p " COMMON_NO_ID,
    "%v " COMMON_NO_ID,
    "%v:%p " COMMON_NO_ID AGENT " %D",
    "%t %h %{SSL_PROTOCOL}x %{SSL_CIPHER}x \"%r\" %b",
    COMBINED,
    COMMON,
    NULL,
};

static const char *const *named(const char *name)
{
    static const struct {
        const char *name;
        const char *const *texts;
    } rows[] = {
        {"auto", all},        {"combined", combined},        {"common", common},
        {"vhost", with_host}, {"vhost_combined", with_host}, {"time", with_time},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        if (strcmp(rows[i].name, name) == 0)
            return rows[i].texts;
    return NULL;
}

/* LogFormat "text" name, or only the text; then without the backslashes of httpd.conf. */
static void text_of(const char *format, struct buf *out)
{
    const char *at = format + strspn(format, " \t");
    bool is_directive = strncasecmp(at, "LogFormat", 9) == 0;
    if (is_directive) {
        at += 9;
        at += strspn(at, " \t");
        at += *at == '"';
    }
    for (; *at && !(is_directive && *at == '"'); at++) {
        bool is_escape = *at == '\\' && at[1] && strchr("\"\\tn", at[1]);
        char c = is_escape ? *++at : *at;
        buf_putc(out, is_escape && c == 't' ? '\t' : is_escape && c == 'n' ? '\n' : c);
    }
}

static int add_field(struct access_format *format, const struct directive *dir, struct buf *text,
                     struct err *err)
{
    char name[72];
    enum slot slot = slot_of(dir);
    bool is_clf = dir->letter == 't' && !*dir->argument;
    if (is_clf) {
        slot = SLOT_CLF;
        buf_putc(text, '[');
    }
    if (access_add(format, text->data ? text->data : "", text->len, slot, name, name_of(dir, name),
                   err))
        return -1;
    buf_clear(text);
    if (is_clf)
        buf_putc(text, ']');
    return 0;
}

static int compile_text(const char *at, struct access_format *format, struct buf *text,
                        struct err *err)
{
    while (*at) {
        struct directive dir;
        if (*at != '%' || at[1] == '%') {
            buf_putc(text, *at);
            at += *at == '%' ? 2 : 1;
            continue;
        }
        const char *behind = read_directive(at + 1, &dir);
        if (!behind)
            return err_set(err, ERR_CONFIG, "format: no directive of Apache at '%.20s'", at);
        if (add_field(format, &dir, text, err))
            return -1;
        at = behind;
    }
    return access_add(format, text->data ? text->data : "", text->len, SLOT_NOTHING, NULL, 0, err);
}

static int compile(const char *format_text, struct access_format *format, struct err *err)
{
    struct buf plain = BUF_INIT, text = BUF_INIT;
    text_of(format_text, &plain);
    format->is_json = plain.len > 0 && *plain.data == '{';
    int rc = compile_text(buf_str(&plain), format, &text, err);
    if (rc == 0 && format->n < 2)
        rc = err_set(err, ERR_CONFIG,
                     "format: '%s' is no name of a format and has no directive in it: write it as "
                     "in httpd.conf",
                     format_text);
    buf_free(&plain);
    buf_free(&text);
    return rc;
}

/* ---- the parser ---- */

#define ACCESS_EVENT                                                                               \
    "\"module\":\"apache\",\"dataset\":\"apache.access\",\"kind\":\"event\",\"category\":["        \
    "\"web\"],\"type\":["                                                                          \
    "\"access\"]"

static const struct web_server server = {
    .access = {.name = "apache",
               .event = ACCESS_EVENT,
               .event_len = sizeof ACCESS_EVENT - 1,
               .has_address_list = false},
    .error_event = "\"module\":\"apache\",\"dataset\":\"apache.error\",\"kind\":\"event\","
                   "\"category\":[\"web\"],\"type\":[\"error\"]",
    .lookup = lookup,
    .named = named,
    .compile = compile,
    .error = apache_take_error,
};

static int open_apache(void *self, struct err *err)
{
    return web_open(self, &server, err);
}

static void close_apache(void *self)
{
    web_close(self);
}

static void take(void *self, void *state, void *older, struct record *rec, const struct emit *emit)
{
    (void)state, (void)older;
    web_take(self, &server, rec, emit);
}

const struct parser apache_parser = {
    .name = "apache",
    .doc = "access and error logs of Apache",
    .options = web_options,
    .size = sizeof(struct web),
    .open = open_apache,
    .close = close_apache,
    .take = take,
};
