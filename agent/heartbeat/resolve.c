/* resolve.c: names to addresses, in threads: getaddrinfo(3) waits for servers, and there is no telling how long.
 *
 * Happy path: a name is put in line; a thread, made when none is free, resolves it and wakes the loop, which tells who asked.
 * Who asks for a name while it is being resolved gets the same answer. It is not kept: later checks ask anew.
 * Failure modes: a thread hangs: others go on, up to THREADS_MAX; who asked gives up when its time is over, the thread ends by
 * itself. All of them hang and the line is full: new names fail at once, said so.
 * On close: threads are left to themselves; what they share goes when the last one has ended.
 */
#include "heartbeat.h"

#include <posta/log.h>

#include <arpa/inet.h>
#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>

enum { THREADS_MAX = 16, LINE_MAX_NAMES = 4096, IDLE_S = 10, STACK_BYTES = 256 * 1024 };

struct resolve_call {
    struct pool *pool;
    struct resolve_call *next;
    struct resolve_call *next_busy;
    char *host;
    int family;
    /* Under the lock: */
    bool is_given_up;
    /* Of the thread, then of the loop: */
    int code, sys_errno;
    struct address *at;
    size_t n;
    /* Of the loop: */
    resolve_done *done;
    void *arg;
};

/* Shared with the threads. */
struct pool {
    pthread_mutex_t lock;
    pthread_cond_t wakes;
    struct resolve_call *first, *last; /* in line */
    struct resolve_call *busy;         /* in threads */
    struct resolve_call *ready;        /* resolved, the newest first */
    size_t n_waiting;
    unsigned n_threads, n_idle;
    bool is_closed;
    int event_fd;
};

struct resolver {
    struct loop *loop;
    struct loop_io io;
    struct pool *pool;
};

static void free_call(struct resolve_call *call)
{
    free(call->host);
    free(call->at);
    free(call);
}

/* ---- in a thread ---- */

static void take_family(struct resolve_call *call, const struct addrinfo *list, int family)
{
    for (; list && call->n < ADDRESSES_MAX; list = list->ai_next) {
        struct address *address = &call->at[call->n];
        if (list->ai_family != family)
            continue;
        memcpy(&address->at, list->ai_addr, list->ai_addrlen);
        address->len = list->ai_addrlen;
        if (getnameinfo(list->ai_addr, list->ai_addrlen, address->text, sizeof address->text, NULL,
                        0, NI_NUMERICHOST) == 0)
            call->n++;
    }
}

static void resolve(struct resolve_call *call)
{
    struct addrinfo hints = {.ai_family = call->family, .ai_socktype = SOCK_STREAM}, *list = NULL;
    call->code = getaddrinfo(call->host, NULL, &hints, &list);
    call->sys_errno = errno;
    if (call->code)
        return;
    call->at = mem_zero(ADDRESSES_MAX, sizeof *call->at);
    take_family(call, list, AF_INET);
    take_family(call, list, AF_INET6);
    freeaddrinfo(list);
}

static void free_pool(struct pool *pool)
{
    close(pool->event_fd);
    pthread_cond_destroy(&pool->wakes);
    pthread_mutex_destroy(&pool->lock);
    free(pool);
}

static bool is_same(const struct resolve_call *a, const struct resolve_call *b)
{
    return a->family == b->family && strcmp(a->host, b->host) == 0;
}

static bool is_busy(const struct pool *pool, const struct resolve_call *call)
{
    for (const struct resolve_call *busy = pool->busy; busy; busy = busy->next_busy)
        if (is_same(busy, call))
            return true;
    return false;
}

/* The first in line whose name no thread has at hand. */
static struct resolve_call *first_free(const struct pool *pool)
{
    struct resolve_call *call = pool->first;
    while (call && is_busy(pool, call))
        call = call->next;
    return call;
}

static bool take_out(struct pool *pool, struct resolve_call *call)
{
    struct resolve_call *before = NULL, *at = pool->first;
    for (; at && at != call; at = at->next)
        before = at;
    if (!at)
        return false;
    if (before)
        before->next = call->next;
    else
        pool->first = call->next;
    if (pool->last == call)
        pool->last = before;
    pool->n_waiting--;
    return true;
}

/* The lock is held. NULL: nothing came for a while, or it is over. */
static struct resolve_call *take_next(struct pool *pool)
{
    struct timespec until;
    clock_gettime(CLOCK_MONOTONIC, &until);
    until.tv_sec += IDLE_S;
    int rc = 0;
    pool->n_idle++;
    while (!first_free(pool) && !pool->is_closed && rc == 0)
        rc = pthread_cond_timedwait(&pool->wakes, &pool->lock, &until);
    pool->n_idle--;
    struct resolve_call *call = pool->is_closed ? NULL : first_free(pool);
    if (call) {
        (void)take_out(pool, call); /* it is in line */
        call->next_busy = pool->busy;
        pool->busy = call;
    }
    return call;
}

static void share_answer(struct pool *pool, const struct resolve_call *call)
{
    for (struct resolve_call *at = pool->first, *next; at; at = next) {
        next = at->next;
        if (!is_same(at, call))
            continue;
        (void)take_out(pool, at); /* it is in line */
        at->code = call->code;
        at->sys_errno = call->sys_errno;
        at->n = call->n;
        at->at = call->at ? mem_zero(ADDRESSES_MAX, sizeof *at->at) : NULL;
        if (call->at)
            memcpy(at->at, call->at, call->n * sizeof *at->at);
        at->next = pool->ready;
        pool->ready = at;
    }
}

/* The lock is held. */
static void hand_back(struct pool *pool, struct resolve_call *call)
{
    struct resolve_call **link = &pool->busy;
    while (*link != call)
        link = &(*link)->next_busy;
    *link = call->next_busy;
    share_answer(pool, call);
    if (call->is_given_up || pool->is_closed) {
        free_call(call);
    } else {
        call->next = pool->ready;
        pool->ready = call;
    }
    const uint64_t one = 1;
    while (write(pool->event_fd, &one, sizeof one) < 0 && errno == EINTR)
        ;
}

static void *run(void *arg)
{
    struct pool *pool = arg;
    struct resolve_call *call;
    pthread_mutex_lock(&pool->lock);
    while ((call = take_next(pool))) {
        pthread_mutex_unlock(&pool->lock);
        resolve(call);
        pthread_mutex_lock(&pool->lock);
        hand_back(pool, call);
    }
    bool is_last = --pool->n_threads == 0 && pool->is_closed;
    pthread_mutex_unlock(&pool->lock);
    if (is_last)
        free_pool(pool);
    return NULL;
}

/* ---- on the loop ---- */

/* The lock is held. Signals are the loop's: it has them blocked, which threads inherit. */
static void start_thread(struct pool *pool)
{
    pthread_attr_t attr;
    pthread_t thread;
    pthread_attr_init(&attr);
    pthread_attr_setdetachstate(&attr, PTHREAD_CREATE_DETACHED);
    pthread_attr_setstacksize(&attr, STACK_BYTES);
    int rc = pthread_create(&thread, &attr, run, pool);
    pthread_attr_destroy(&attr);
    if (rc == 0)
        pool->n_threads++;
    else
        log_limited(NULL, 60 * NS_PER_S, LOG_ERROR, "heartbeat",
                    "no thread can be started to resolve names: %s", strerror(rc));
}

static void tell(struct resolve_call *call)
{
    struct resolved resolved = {.at = call->at, .n = call->n};
    if (call->code)
        resolved.error =
            call->code == EAI_SYSTEM ? strerror(call->sys_errno) : gai_strerror(call->code);
    else if (call->n == 0)
        resolved.error = "it has no address of this kind";
    call->done(call->arg, &resolved);
}

static void woken(void *arg)
{
    struct pool *pool = ((struct resolver *)arg)->pool;
    uint64_t n;
    (void)!read(pool->event_fd, &n, sizeof n); /* what is ready says the rest */
    for (;;) { /* one at a time: a callback may give up others, or close all */
        pthread_mutex_lock(&pool->lock);
        struct resolve_call *call = pool->ready;
        if (call)
            pool->ready = call->next;
        pthread_mutex_unlock(&pool->lock);
        if (!call)
            return;
        if (!call->is_given_up)
            tell(call);
        free_call(call);
    }
}

static int make_pool(struct resolver *resolver, struct err *err)
{
    struct pool *pool = mem_zero(1, sizeof *pool);
    pthread_condattr_t attr;
    pool->event_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    pthread_mutex_init(&pool->lock, NULL);
    pthread_condattr_init(&attr);
    pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
    pthread_cond_init(&pool->wakes, &attr);
    pthread_condattr_destroy(&attr);
    resolver->pool = pool;
    resolver->io = (struct loop_io) {.fd = pool->event_fd, .ready = woken, .arg = resolver};
    return pool->event_fd < 0 ? err_sys(err, "make an event descriptor")
                              : loop_add(resolver->loop, &resolver->io, err);
}

int resolver_open(struct resolver **out, struct loop *loop, struct err *err)
{
    struct resolver *resolver = mem_zero(1, sizeof *resolver);
    resolver->loop = loop;
    if (make_pool(resolver, err)) {
        resolver_close(resolver);
        return -1;
    }
    *out = resolver;
    return 0;
}

static void free_list(struct resolve_call *call)
{
    for (struct resolve_call *next; call; call = next) {
        next = call->next;
        free_call(call);
    }
}

void resolver_close(struct resolver *resolver)
{
    if (!resolver)
        return;
    struct pool *pool = resolver->pool;
    loop_remove(resolver->loop, &resolver->io);
    pthread_mutex_lock(&pool->lock);
    pool->is_closed = true;
    free_list(pool->first);
    free_list(pool->ready);
    pool->first = pool->ready = NULL;
    bool is_last = pool->n_threads == 0;
    pthread_cond_broadcast(&pool->wakes);
    pthread_mutex_unlock(&pool->lock);
    if (is_last)
        free_pool(pool);
    free(resolver);
}

static struct resolve_call *new_call(struct pool *pool, const char *host, bool ipv4, bool ipv6,
                                     resolve_done *done, void *arg)
{
    struct resolve_call *call = mem_zero(1, sizeof *call);
    *call = (struct resolve_call) {.pool = pool,
                                   .host = mem_dup(host),
                                   .family = ipv4 && ipv6 ? AF_UNSPEC
                                             : ipv4       ? AF_INET
                                                          : AF_INET6,
                                   .done = done,
                                   .arg = arg};
    return call;
}

/* The lock is held. */
static void put_in_line(struct pool *pool, struct resolve_call *call)
{
    if (pool->first)
        pool->last->next = call;
    else
        pool->first = call;
    pool->last = call;
    pool->n_waiting++;
    if (pool->n_waiting > pool->n_idle && pool->n_threads < THREADS_MAX)
        start_thread(pool);
    pthread_cond_signal(&pool->wakes);
}

int resolve_ask(struct resolver *resolver, const char *host, bool ipv4, bool ipv6,
                resolve_done *done, void *arg, struct resolve_call **out, struct err *err)
{
    struct pool *pool = resolver->pool;
    struct resolve_call *call = new_call(pool, host, ipv4, ipv6, done, arg);
    pthread_mutex_lock(&pool->lock);
    bool is_full = pool->n_waiting >= LINE_MAX_NAMES;
    if (!is_full)
        put_in_line(pool, call);
    pthread_mutex_unlock(&pool->lock);
    if (is_full) {
        free_call(call);
        return err_set(err, ERR_AGAIN, "too many names are being resolved already");
    }
    *out = call;
    return 0;
}

void resolve_cancel(struct resolve_call *call)
{
    struct pool *pool = call->pool;
    pthread_mutex_lock(&pool->lock);
    bool is_out = take_out(pool, call);
    call->is_given_up = true;
    pthread_mutex_unlock(&pool->lock);
    if (is_out)
        free_call(call);
}
