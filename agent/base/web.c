/* web.c: libcurl's multi interface on posta's loop; see web.h.
 *
 * Happy path: libcurl says which sockets it waits for and until when; the loop tells it when that came; what has ended is given
 * to its owner.
 * Failure modes: a request that cannot be made is -1; everything later is an answer with an error. A name that is resolved
 * for too long is given up: the thread ends by itself.
 * On close: running requests end without a word.
 */
#include "web.h"

#include <posta/loop.h>

#include <stdlib.h>

struct socket {
    struct web_client *web;
    struct loop_io io;
};

/* ---- what has ended ---- */

static void unlink_call(struct web_call *call)
{
    *call->link = call->next;
    if (call->next)
        call->next->link = call->link;
}

static void free_call(struct web_call *call)
{
    const struct curl_functions *curl = call->web->curl;
    if (call->easy)
        curl->easy_cleanup(call->easy);
    curl->slist_free_all(call->headers_out);
    curl->slist_free_all(call->connect_to);
    buf_free(&call->headers);
    buf_free(&call->body);
    buf_free(&call->chain);
    buf_free(&call->redirects);
    free(call);
}

static void finish_ended(struct web_client *web)
{
    CURLMsg *msg;
    int n_left;
    while ((msg = web->curl->multi_info_read(web->multi, &n_left))) {
        struct web_call *call;
        CURL *easy = msg->easy_handle;
        CURLcode code = msg->data.result;
        if (msg->msg != CURLMSG_DONE)
            continue;
        web->curl->easy_getinfo(easy, CURLINFO_PRIVATE, &call);
        web->curl->multi_remove_handle(web->multi, easy);
        unlink_call(call);
        web_finish(call, code);
        free_call(call);
    }
}

void web_cancel(struct web_call *call)
{
    call->web->n_new -= call->begun_ns == 0;
    call->web->curl->multi_remove_handle(call->web->multi, call->easy);
    unlink_call(call);
    free_call(call);
}

/* ---- libcurl and the loop ---- */

/* Now libcurl's clock begins to run for the new ones: whatever it is told of, it looks at those that are due too. */
static void begin_new(struct web_client *web)
{
    int64_t now_ns = clock_mono_ns();
    for (struct web_call *call = web->calls; call && web->n_new > 0; call = call->next)
        if (call->begun_ns == 0) {
            call->begun_ns = now_ns;
            web->n_new--;
        }
}

static void act(struct web_client *web, curl_socket_t fd)
{
    int n_running;
    begin_new(web);
    web->curl->multi_socket_action(web->multi, fd, 0, &n_running); /* errors end requests */
    finish_ended(web);
}

static void socket_ready(void *arg)
{
    struct socket *socket = arg;
    act(socket->web, socket->io.fd); /* the socket may be gone then */
}

static void forget_socket(struct web_client *web, struct socket *socket)
{
    if (!socket)
        return;
    loop_remove(web->loop, &socket->io);
    free(socket);
}

static int socket_wanted(CURL *easy, curl_socket_t fd, int what, void *arg, void *assigned)
{
    struct web_client *web = arg;
    struct socket *socket = assigned;
    struct err err;
    (void)easy;
    if (what == CURL_POLL_REMOVE) {
        web->curl->multi_assign(web->multi, fd, NULL);
        forget_socket(web, socket);
        return 0;
    }
    if (!socket) {
        socket = mem_zero(1, sizeof *socket);
        socket->web = web;
        socket->io = (struct loop_io) {.fd = fd, .ready = socket_ready, .arg = socket};
        web->curl->multi_assign(web->multi, fd, socket);
    }
    unsigned wants =
        (what & CURL_POLL_IN ? LOOP_READ : 0) | (what & CURL_POLL_OUT ? LOOP_WRITE : 0);
    return loop_want(web->loop, &socket->io, wants, &err) ? -1 : 0;
}

static int time_wanted(CURLM *multi, long wait_ms, void *arg)
{
    struct web_client *web = arg;
    (void)multi;
    if (wait_ms < 0)
        loop_cancel_timer(web->loop, &web->timer);
    else
        loop_set_timer(web->loop, &web->timer, wait_ms * NS_PER_MS);
    return 0;
}

static void time_is_up(void *arg)
{
    struct web_client *web = arg;
    act(web, CURL_SOCKET_TIMEOUT);
}

/* ---- life ---- */

static int set_up_multi(struct web_client *web)
{
    const struct curl_functions *curl = web->curl;
    return curl->multi_setopt(web->multi, CURLMOPT_SOCKETFUNCTION, socket_wanted) ||
           curl->multi_setopt(web->multi, CURLMOPT_SOCKETDATA, web) ||
           curl->multi_setopt(web->multi, CURLMOPT_TIMERFUNCTION, time_wanted) ||
           curl->multi_setopt(web->multi, CURLMOPT_TIMERDATA, web) ||
           curl->multi_setopt(web->multi, CURLMOPT_MAXCONNECTS, 16L);
}

int web_client_open(struct web_client **out, struct loop *loop, struct err *err)
{
    const struct curl_functions *curl = curl_load(err);
    if (!curl)
        return -1;
    struct web_client *web = mem_zero(1, sizeof *web);
    *web = (struct web_client) {.loop = loop, .curl = curl, .multi = curl->multi_init()};
    web->timer = (struct loop_timer) {.fire = time_is_up, .arg = web};
    if (!web->multi || set_up_multi(web)) {
        web_client_close(web);
        return err_set(err, ERR_IO, "libcurl cannot be set up");
    }
    *out = web;
    return 0;
}

void web_client_close(struct web_client *web)
{
    if (!web)
        return;
    while (web->calls)
        web_cancel(web->calls);
    if (web->multi)
        web->curl->multi_cleanup(web->multi);
    loop_cancel_timer(web->loop, &web->timer);
    free(web);
}

int web_ask(struct web_client *web, const struct web_request *request, struct web_call **out,
            struct err *err)
{
    struct web_call *call = mem_zero(1, sizeof *call);
    *call = (struct web_call) {.web = web, .done = request->done, .arg = request->arg};
    call->easy = web->curl->easy_init();
    if (!call->easy || web_set_up(call, request, err)) {
        if (!call->easy)
            err_set(err, ERR_IO, "libcurl cannot make a request");
        free_call(call);
        return -1;
    }
    call->next = web->calls;
    call->link = &web->calls;
    if (call->next)
        call->next->link = &call->next;
    web->calls = call;
    web->n_new++;
    CURLMcode code = web->curl->multi_add_handle(web->multi, call->easy);
    if (code != CURLM_OK) {
        err_set(err, ERR_IO, "libcurl: %s", web->curl->multi_strerror(code));
        web_cancel(call);
        return -1;
    }
    *out = call;
    return 0;
}
