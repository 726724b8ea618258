/* loop.h: posta's one event loop: descriptors, timers, signals. The only door to epoll.
 *
 * Everything runs on the loop thread. Handles are embedded in their owner and must stay where they are
 * while they are added. Time is CLOCK_MONOTONIC in nanoseconds, read once a wake-up; an idle loop has no
 * timer and does not wake.
 */
#ifndef POSTA_LOOP_H
#define POSTA_LOOP_H

#include <posta/err.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define NS_PER_MS INT64_C(1000000)
#define NS_PER_S  INT64_C(1000000000)

struct loop;

struct loop_io {
    int fd;
    void (*ready)(void *arg);
    void *arg;
};

struct loop_timer {
    void (*fire)(void *arg);
    void *arg;
    int64_t at_ns;
    size_t slot; /* place in the heap + 1; 0 = not set */
};

/* A piece of work to go on with once the ready descriptors have had their turn. */
struct loop_task {
    void (*run)(void *arg);
    void *arg;
    struct loop_task *next;
    bool queued;
};

int loop_new(struct loop **loop, struct err *err) MUST_CHECK;
void loop_free(
    struct loop *loop); /* NULL is fine; does not close the descriptors that were added */

/* Call io->ready whenever fd is readable (level-triggered) or in error. */
int loop_add(struct loop *loop, struct loop_io *io, struct err *err) MUST_CHECK;
/* The same for descriptors that are always readable and say by priority or error that something changed (proc(5)'s
 * mountinfo). */
int loop_add_urgent(struct loop *loop, struct loop_io *io, struct err *err) MUST_CHECK;
/* Whenever it can be read, or written, as wants says. One that is added already is waited for as wants says now. */
enum { LOOP_READ = 1, LOOP_WRITE = 2 };
int loop_want(struct loop *loop, struct loop_io *io, unsigned wants, struct err *err) MUST_CHECK;
void loop_remove(struct loop *loop, struct loop_io *io);

/* Fire once, after_ns from now (0 = at the next turn); set again moves it. */
void loop_set_timer(struct loop *loop, struct loop_timer *timer, int64_t after_ns);
void loop_cancel_timer(struct loop *loop, struct loop_timer *timer);
static inline bool timer_is_set(const struct loop_timer *timer)
{
    return timer->slot != 0;
}

/* Queue a task for the end of this turn; queued twice is queued once. */
void loop_defer(struct loop *loop, struct loop_task *task);
void loop_drop_task(struct loop *loop, struct loop_task *task);

/* Deliver this signal to the loop instead of a handler. Blocks it in the calling thread (and in the
 * threads made later), so call before any library starts threads. */
int loop_signal(struct loop *loop, int signo, void (*caught)(void *arg, int signo), void *arg,
                struct err *err) MUST_CHECK;

/* Monotonic time of this wake-up. */
int64_t loop_now(const struct loop *loop);

/* Run until loop_stop. */
int loop_run(struct loop *loop, struct err *err) MUST_CHECK;
/* One turn: wait at most max_wait_ns (-1 = until something happens). */
int loop_turn(struct loop *loop, int64_t max_wait_ns, struct err *err) MUST_CHECK;
void loop_stop(struct loop *loop);

/* The clock. Tests replace it (clock_set); everybody else only reads it. */
struct clock_ops {
    int64_t (*mono_ns)(void);
    int64_t (*wall_ns)(void); /* since the epoch */
};
void clock_set(const struct clock_ops *ops); /* NULL = the real one */
int64_t clock_mono_ns(void);
int64_t clock_wall_ns(void);

#endif
