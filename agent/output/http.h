/* http.h: one POST over HTTP/1.1 and its answer, for a thread that may wait. No redirects, no proxies, no connection kept. */
#ifndef OUTPUT_HTTP_H
#define OUTPUT_HTTP_H

#include <posta/buf.h>
#include <posta/plugin.h>

/* An answer that is larger is an error. */
enum { HTTP_ANSWER_BYTES = 256 * 1024 };

struct http_url {
    bool is_tls;
    char host[256], port[8];
    const char *path; /* in the text that was parsed, "" for "/" */
};
/* https://host[:port][/path], or http of this host only: what is posted is secret. CONFIG if it is none. */
int http_parse_url(const char *text, struct http_url *url, struct err *err) MUST_CHECK;

struct http_request {
    const char *url;
    const char *user, *password;        /* Basic */
    const char *body;                   /* a form */
    const struct str_list *authorities; /* PEM files; none: the system's */
    int64_t wait_ms;
};

struct http_answer {
    int status;
    struct buf body;
};
/* The body is appended. AGAIN: nobody answers now; DENIED: the certificate; CORRUPT: not HTTP. */
int http_post(const struct http_request *request, struct http_answer *answer,
              struct err *err) MUST_CHECK;

/* http_answer.c: the answer of these bytes; is_end: no more will come. AGAIN if it is not whole yet, CORRUPT if it is none. */
int http_parse_answer(const char *bytes, size_t len, bool is_end, struct http_answer *answer,
                      struct err *err) MUST_CHECK;

#endif
