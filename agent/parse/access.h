/* access.h: access logs of web servers: from a format as the server's configuration has it to fields of ECS. For the files of
 * this folder.
 *
 *     format text ── access_nginx/access_apache ──► struct access_format       once
 *     line ── access_match ──► struct access_line ── access_put ──► fields     each line, without allocation
 */
#ifndef PARSE_ACCESS_H
#define PARSE_ACCESS_H

#include "parse.h"

struct span {
    const char *at;
    size_t len;
};

/* What a field of the format is. */
enum slot {
    SLOT_ADDRESS,
    SLOT_USER,
    SLOT_REQUEST, /* "GET /path HTTP/1.1" */
    SLOT_METHOD,
    SLOT_URL, /* as the client sent it, with the query */
    SLOT_PATH,
    SLOT_QUERY,
    SLOT_PROTOCOL, /* "HTTP/1.1" */
    SLOT_STATUS,
    SLOT_BODY_BYTES,
    SLOT_BYTES, /* sent, with the head */
    SLOT_REQUEST_BYTES,
    SLOT_REQUEST_ID,
    SLOT_REFERRER,
    SLOT_AGENT,
    SLOT_FORWARDED, /* X-Forwarded-For */
    SLOT_HOST,
    SLOT_PORT,
    SLOT_SCHEME,
    SLOT_SECONDS, /* how long it took */
    SLOT_MILLIS,
    SLOT_MICROS,
    SLOT_TLS_PROTOCOL,
    SLOT_TLS_CIPHER,
    N_SLOTS,
    SLOT_CLF = N_SLOTS, /* times: these go to access_line.time_ms */
    SLOT_ISO,
    SLOT_EPOCH,
    SLOT_EPOCH_MS,
    SLOT_OTHER, /* goes below <server>.access by its own name */
    SLOT_NOTHING,
};

enum { ACCESS_OTHERS = 32 };

struct access_line {
    struct span slots[N_SLOTS]; /* len 0 = not there */
    struct access_other {
        const char *name; /* as JSON, without quotes */
        size_t name_len;
        struct span value;
    } others[ACCESS_OTHERS];
    size_t n_others;
    int64_t time_ms;   /* NO_STAMP = not there */
    const char *plain; /* end of the line, if no value in it needs an escape; else NULL */
};

/* Text, then a field. The last piece has no field, but what stands behind the last one. */
struct access_piece {
    char *text;
    size_t len;
    enum slot slot;
    char *name;     /* SLOT_OTHER: as JSON */
    bool is_quoted; /* between quotes: a backslash keeps the next quote from being its end */
    bool is_list;   /* of several servers: "a, b : c" */
};

struct access_format {
    struct access_piece *pieces;
    size_t n;
    size_t n_quotes; /* in its text */
    bool is_json;    /* values are escaped as in JSON */
};

struct access_memo { /* the last time that was read: most lines have it too */
    char text[32];
    size_t len;
    enum slot slot;
    int64_t time_ms;
};

/* ---- access_format.c ---- */

/* Text before a field, and the field. name: SLOT_OTHER's. text is copied. */
int access_add(struct access_format *format, const char *text, size_t len, enum slot slot,
               const char *name, size_t name_len, struct err *err) MUST_CHECK;
void access_format_free(struct access_format *format);
/* True if all of text is of this format. */
bool access_match(const struct access_format *format, struct access_memo *memo, const char *text,
                  size_t len, struct access_line *line);
/* Put one value, found by other means, into its slot; false if it cannot be a value of it. */
bool access_set(struct access_line *line, enum slot slot, const char *name, size_t name_len,
                struct span value, struct access_memo *memo);

/* ---- access_values.c ---- */

bool access_begins(struct span text, const char *with);
bool access_is_ip(struct span text);
/* Digits and dots. */
bool access_is_number(struct span text);
/* Take the next of a list with commas off its front; empty at the end. */
struct span access_next_address(struct span *list);

/* Who it came from. */
struct client {
    struct span address, list;
    bool is_ip, has_list;
};
/* Of a list the first of the outside world, else the first. */
struct client access_client_of(struct span list);

struct request {
    struct span method, url, version;
};
/* Of the request line, or of the fields that have its parts. */
struct request access_request_of(const struct access_line *line);

/* ---- access_fields.c ---- */

/* What a server's fields begin with. */
struct access_server {
    const char *name;  /* "nginx" */
    const char *event; /* ready members of event, but for outcome */
    size_t event_len;
    bool has_address_list; /* <server>.access.remote_ip_list */
};
void access_put(const struct access_server *server, const struct access_line *line, bool is_json,
                struct fields *fields);
/* "source":{"address":..,"ip":..[,"port":..]} */
void access_put_source(struct buf *out, struct span address, struct span port);

/* ---- access_json.c: lines that are JSON objects with keys of the server's names ---- */

/* Does the server know a field of this name? */
typedef enum slot access_lookup(const char *name, size_t len);
bool access_match_json(const char *text, size_t len, access_lookup *lookup,
                       struct access_memo *memo, struct access_line *line);

/* ---- web.c: what the parsers of nginx and Apache have in common ---- */

struct web {
    struct parser_env env;
    int dataset; /* index into web_datasets */
    struct str_list formats;
    char *timezone;
    bool original;
    struct zone zone;
    struct access_format *made;
    size_t n_made;
    bool takes_json; /* lines that begin with { are objects */
    struct access_memo memo;
    struct access_line line; /* the one at hand */
};
enum { WEB_ACCESS, WEB_ERROR };
extern const struct option web_options[];

struct web_server {
    struct access_server access;
    const char *error_event; /* ready members of event of the error log */
    access_lookup *lookup;
    /* A format by name, as the texts it stands for: NULL-terminated; NULL if there is none of this name. */
    const char *const *(*named)(const char *name);
    int (*compile)(const char *text, struct access_format *format, struct err *err);
    /* A line of the error log; false if it is none. */
    bool (*error)(const struct web *web, struct record *rec);
};
/* apache_error.c: false: the line is none of an error log, nothing was changed. */
bool apache_take_error(const struct web *web, struct record *rec);

int web_open(struct web *web, const struct web_server *server, struct err *err) MUST_CHECK;
void web_close(struct web *web);
void web_take(struct web *web, const struct web_server *server, struct record *rec,
              const struct emit *emit);
/* event.timezone, for a log whose times have none. */
void web_put_timezone(const struct web *web, struct record *rec);

#endif
