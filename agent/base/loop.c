/* loop.c: the event loop; see loop.h.
 *
 * Happy path: run the deferred tasks, fire due timers, wait in epoll until the next timer, call what is ready.
 * Failure modes: epoll_wait fails only by our own mistake: reported as BUG. A handler may remove any handle,
 * also one that is ready in the same turn: removed handles are cleared from the list of this turn.
 * On close: loop_free closes epoll and signalfd; added descriptors belong to their owners.
 */
#include <posta/buf.h>
#include <posta/loop.h>

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/signalfd.h>
#include <unistd.h>

enum { EVENTS_PER_TURN = 64, MAX_SIGNALS = 8 };

struct signal_row {
    int signo;
    void (*caught)(void *arg, int signo);
    void *arg;
};

struct loop {
    int epoll_fd;
    int64_t now_ns;
    bool is_stopping, is_firing;
    struct loop_timer **heap; /* heap[0] is the next to fire; a timer's slot is its index + 1 */
    size_t n_timers, cap_timers;
    struct loop_task *tasks, **tasks_end;
    struct loop_task end_of_turn; /* queued behind the tasks of this turn while they run */
    struct epoll_event ready[EVENTS_PER_TURN];
    int n_ready;
    sigset_t signals;
    struct loop_io signal_io;
    struct signal_row signal_rows[MAX_SIGNALS];
    size_t n_signals;
};

int loop_new(struct loop **out, struct err *err)
{
    int fd = epoll_create1(EPOLL_CLOEXEC);
    if (fd < 0)
        return err_sys(err, "make an epoll instance");
    struct loop *loop = mem_zero(1, sizeof *loop);
    loop->epoll_fd = fd;
    loop->signal_io.fd = -1;
    loop->tasks_end = &loop->tasks;
    loop->now_ns = clock_mono_ns();
    sigemptyset(&loop->signals);
    *out = loop;
    return 0;
}

void loop_free(struct loop *loop)
{
    if (!loop)
        return;
    if (loop->signal_io.fd >= 0)
        close(loop->signal_io.fd);
    close(loop->epoll_fd);
    free(loop->heap);
    free(loop);
}

int64_t loop_now(const struct loop *loop)
{
    return loop->now_ns;
}

/* ---- descriptors ---- */

static int add_for(struct loop *loop, struct loop_io *io, uint32_t events, struct err *err)
{
    struct epoll_event ev = {.events = events, .data.ptr = io};
    if (epoll_ctl(loop->epoll_fd, EPOLL_CTL_ADD, io->fd, &ev) < 0)
        return err_sys(err, "watch descriptor %d", io->fd);
    return 0;
}

int loop_add(struct loop *loop, struct loop_io *io, struct err *err)
{
    return add_for(loop, io, EPOLLIN, err);
}

int loop_add_urgent(struct loop *loop, struct loop_io *io, struct err *err)
{
    return add_for(loop, io, EPOLLPRI, err);
}

int loop_want(struct loop *loop, struct loop_io *io, unsigned wants, struct err *err)
{
    uint32_t events = (wants & LOOP_READ ? EPOLLIN : 0) | (wants & LOOP_WRITE ? EPOLLOUT : 0);
    struct epoll_event ev = {.events = events, .data.ptr = io};
    if (epoll_ctl(loop->epoll_fd, EPOLL_CTL_MOD, io->fd, &ev) == 0)
        return 0;
    return errno == ENOENT ? add_for(loop, io, events, err)
                           : err_sys(err, "watch descriptor %d", io->fd);
}

void loop_remove(struct loop *loop, struct loop_io *io)
{
    epoll_ctl(loop->epoll_fd, EPOLL_CTL_DEL, io->fd, NULL);
    for (int i = 0; i < loop->n_ready; i++)
        if (loop->ready[i].data.ptr == io)
            loop->ready[i].data.ptr = NULL;
}

/* ---- timers: a binary heap ordered by at_ns ---- */

static void heap_place(struct loop *loop, size_t i, struct loop_timer *timer)
{
    loop->heap[i] = timer;
    timer->slot = i + 1;
}

static void heap_up(struct loop *loop, size_t i, struct loop_timer *timer)
{
    while (i > 0 && loop->heap[(i - 1) / 2]->at_ns > timer->at_ns) {
        heap_place(loop, i, loop->heap[(i - 1) / 2]);
        i = (i - 1) / 2;
    }
    heap_place(loop, i, timer);
}

static void heap_down(struct loop *loop, size_t i, struct loop_timer *timer)
{
    for (size_t child; (child = 2 * i + 1) < loop->n_timers; i = child) {
        if (child + 1 < loop->n_timers && loop->heap[child + 1]->at_ns < loop->heap[child]->at_ns)
            child++;
        if (loop->heap[child]->at_ns >= timer->at_ns)
            break;
        heap_place(loop, i, loop->heap[child]);
    }
    heap_place(loop, i, timer);
}

void loop_cancel_timer(struct loop *loop, struct loop_timer *timer)
{
    if (!timer->slot)
        return;
    size_t i = timer->slot - 1;
    timer->slot = 0;
    struct loop_timer *last = loop->heap[--loop->n_timers];
    if (last == timer)
        return;
    heap_down(loop, i, last);
    heap_up(loop, last->slot - 1, last);
}

void loop_set_timer(struct loop *loop, struct loop_timer *timer, int64_t after_ns)
{
    loop_cancel_timer(loop, timer);
    timer->at_ns = loop->now_ns +
                   (after_ns > 0 || !loop->is_firing ? after_ns : 1); /* not in this turn again */
    if (loop->n_timers == loop->cap_timers) {
        loop->cap_timers = loop->cap_timers ? 2 * loop->cap_timers : 16;
        loop->heap = mem_grow(loop->heap, loop->cap_timers, sizeof *loop->heap);
    }
    heap_up(loop, loop->n_timers++, timer);
}

static void fire_timers(struct loop *loop)
{
    loop->is_firing = true;
    while (loop->n_timers && loop->heap[0]->at_ns <= loop->now_ns) {
        struct loop_timer *timer = loop->heap[0];
        loop_cancel_timer(loop, timer);
        timer->fire(timer->arg);
    }
    loop->is_firing = false;
}

/* ---- deferred tasks ---- */

void loop_defer(struct loop *loop, struct loop_task *task)
{
    if (task->queued)
        return;
    task->queued = true;
    task->next = NULL;
    *loop->tasks_end = task;
    loop->tasks_end = &task->next;
}

void loop_drop_task(struct loop *loop, struct loop_task *task)
{
    if (!task->queued)
        return;
    struct loop_task **at = &loop->tasks;
    while (*at != task)
        at = &(*at)->next;
    *at = task->next;
    if (loop->tasks_end == &task->next)
        loop->tasks_end = at;
    task->queued = false;
}

/* Those queued now; what they queue themselves waits for the next turn. */
static void run_tasks(struct loop *loop)
{
    struct loop_task *end = &loop->end_of_turn;
    loop_defer(loop, end);
    while (loop->tasks != end) {
        struct loop_task *task = loop->tasks;
        loop_drop_task(loop, task);
        task->run(task->arg);
    }
    loop_drop_task(loop, end);
}

/* ---- signals ---- */

static void read_signals(void *arg)
{
    struct loop *loop = arg;
    struct signalfd_siginfo info;
    while (read(loop->signal_io.fd, &info, sizeof info) == sizeof info)
        for (size_t i = 0; i < loop->n_signals; i++)
            if (loop->signal_rows[i].signo == (int)info.ssi_signo)
                loop->signal_rows[i].caught(loop->signal_rows[i].arg, (int)info.ssi_signo);
}

static int open_signal_fd(struct loop *loop, struct err *err)
{
    bool is_new = loop->signal_io.fd < 0;
    int fd = signalfd(loop->signal_io.fd, &loop->signals, SFD_NONBLOCK | SFD_CLOEXEC);
    if (fd < 0)
        return err_sys(err, "make a signal descriptor");
    loop->signal_io = (struct loop_io) {.fd = fd, .ready = read_signals, .arg = loop};
    return is_new ? loop_add(loop, &loop->signal_io, err) : 0;
}

int loop_signal(struct loop *loop, int signo, void (*caught)(void *, int), void *arg,
                struct err *err)
{
    if (loop->n_signals == MAX_SIGNALS)
        return err_set(err, ERR_BUG, "more than %d signals", MAX_SIGNALS);
    sigaddset(&loop->signals, signo);
    if (sigprocmask(SIG_BLOCK, &loop->signals, NULL) < 0)
        return err_sys(err, "block signal %d", signo);
    loop->signal_rows[loop->n_signals++] = (struct signal_row) {signo, caught, arg};
    return open_signal_fd(loop, err);
}

/* ---- turning ---- */

static int wait_ms(const struct loop *loop, int64_t max_wait_ns)
{
    if (loop->tasks)
        return 0;
    int64_t wait_ns = max_wait_ns;
    if (loop->n_timers) {
        int64_t until = loop->heap[0]->at_ns - clock_mono_ns();
        if (until < 0)
            until = 0;
        if (wait_ns < 0 || until < wait_ns)
            wait_ns = until;
    }
    if (wait_ns < 0)
        return -1;
    int64_t ms = (wait_ns + NS_PER_MS - 1) / NS_PER_MS;
    return ms > 3600000 ? 3600000 : (int)ms;
}

int loop_turn(struct loop *loop, int64_t max_wait_ns, struct err *err)
{
    int n = epoll_wait(loop->epoll_fd, loop->ready, EVENTS_PER_TURN, wait_ms(loop, max_wait_ns));
    if (n < 0 && errno != EINTR)
        return err_sys(err, "wait for events");
    loop->n_ready = n < 0 ? 0 : n;
    loop->now_ns = clock_mono_ns();
    for (int i = 0; i < loop->n_ready; i++) {
        struct loop_io *io = loop->ready[i].data.ptr;
        if (io)
            io->ready(io->arg);
    }
    loop->n_ready = 0;
    fire_timers(loop);
    run_tasks(loop);
    return 0;
}

int loop_run(struct loop *loop, struct err *err)
{
    loop->is_stopping = false;
    while (!loop->is_stopping)
        if (loop_turn(loop, -1, err))
            return err_wrap(err, "event loop");
    return 0;
}

void loop_stop(struct loop *loop)
{
    loop->is_stopping = true;
}
