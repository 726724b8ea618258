/* web.h: what the files of web.c share: a request that is under way. */
#ifndef BASE_WEB_H
#define BASE_WEB_H

#include "curl.h"

#include <posta/web.h>
#include <stdbool.h>

struct web_client {
    struct loop *loop;
    const struct curl_functions *curl;
    CURLM *multi;
    struct loop_timer timer;
    struct web_call *calls;
    size_t n_new; /* calls whose clock does not run yet */
};

struct web_call {
    struct web_client *web;
    struct web_call *next, **link;
    CURL *easy;
    struct curl_slist *headers_out, *connect_to;
    void (*done)(void *arg, const struct web_answer *answer);
    void *arg;
    char error[CURL_ERROR_SIZE];
    uint64_t max_body_bytes, max_read_bytes, n_read;
    void (*body_part)(void *arg, const char *bytes, size_t len);
    bool wants_chain, is_cut, is_tls, cannot_set;
    int64_t begun_ns, hello_ns, written_ns; /* hello: the first bytes of TLS went out */
    struct buf headers, body, chain, redirects;
    long n_redirects;
    char tls_version[16], tls_cipher[64];
};

/* web_request.c: set the handle up as the request wants it. */
int web_set_up(struct web_call *call, const struct web_request *request,
               struct err *err) MUST_CHECK;

/* web_answer.c: the callbacks that take the answer in, and what is made of it at the end. */
void web_take_answer(struct web_call *call);
void web_finish(struct web_call *call, CURLcode code);

/* web_tls.c: the server's certificate, ours, versions. */
int web_set_tls(struct web_call *call, const struct web_tls *tls, struct err *err) MUST_CHECK;
/* What was agreed, once there is a connection. */
void web_note_tls(struct web_call *call);

/* Options; what is refused is remembered in cannot_set. */
void web_set_long(struct web_call *call, CURLoption option, long value);
void web_set_text(struct web_call *call, CURLoption option, const char *text);
void web_set_pointer(struct web_call *call, CURLoption option, const void *pointer);

#endif
