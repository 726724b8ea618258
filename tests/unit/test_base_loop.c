/* test_base_loop.c: descriptors, timers, tasks and signals, with a clock that is turned by hand. */
#include "posta_test.h"

#include <signal.h>

static int64_t now_ns;

static int64_t hand_clock(void)
{
    return now_ns;
}

static struct err err;
static char order[64]; /* who was called, a letter each */

struct thing {
    struct loop *loop;
    char letter;
    void (*then)(struct thing *self); /* done when called, after noting the letter */
    struct thing *other;
    struct loop_timer timer;
    struct loop_task task;
    struct loop_io io;
    int peer; /* write here to make io ready */
};

static void note(void *arg)
{
    struct thing *thing = arg;
    size_t len = strlen(order);
    assert_true(len + 1 < sizeof(order));
    order[len] = thing->letter;
    order[len + 1] = '\0';
    if (thing->then)
        thing->then(thing);
}

static struct thing *thing_new(struct loop *loop, char letter)
{
    struct thing *thing = mem_zero(1, sizeof(*thing));
    *thing = (struct thing) {.loop = loop, .letter = letter};
    thing->timer = (struct loop_timer) {.fire = note, .arg = thing};
    thing->task = (struct loop_task) {.run = note, .arg = thing};
    return thing;
}

static void thing_open(struct thing *thing)
{
    int ends[2];
    assert_int_equal(pipe(ends), 0);
    thing->io = (struct loop_io) {.fd = ends[0], .ready = note, .arg = thing};
    thing->peer = ends[1];
    assert_int_equal(write(thing->peer, "x", 1), 1);
    assert_int_equal(loop_add(thing->loop, &thing->io, &err), 0);
}

static void thing_close(struct thing *thing)
{
    close(thing->io.fd);
    close(thing->peer);
    free(thing);
}

static int loop_setup(void **state)
{
    static const struct clock_ops ops = {.mono_ns = hand_clock, .wall_ns = hand_clock};
    clock_set(&ops);
    now_ns = 1000 * NS_PER_S;
    order[0] = '\0';
    struct loop *loop;
    int rc = loop_new(&loop, &err);
    *state = loop;
    return rc;
}

static int loop_teardown(void **state)
{
    loop_free(*state);
    loop_free(NULL);
    clock_set(NULL);
    return 0;
}

#define CASE(test) cmocka_unit_test_setup_teardown(test, loop_setup, loop_teardown)

/* Let time pass and turn once, without waiting. */
static void pass(struct loop *loop, int64_t ns)
{
    now_ns += ns;
    assert_int_equal(loop_turn(loop, 0, &err), 0);
    assert_int_equal(loop_now(loop), now_ns);
}

/* ---- timers ---- */

static void timers_fire_in_the_order_of_their_time(void **state)
{
    struct loop *loop = *state;
    static const int64_t at[] = {5, 1, 4, 1, 3, 9, 2};
    struct thing *things[COUNT(at)];
    for (size_t i = 0; i < COUNT(at); i++) {
        things[i] = thing_new(loop, (char)('0' + at[i]));
        loop_set_timer(loop, &things[i]->timer, at[i]);
    }
    pass(loop, 4);
    assert_string_equal(order, "11234");
    assert_false(timer_is_set(&things[1]->timer));
    assert_true(timer_is_set(&things[0]->timer));
    pass(loop, 100);
    assert_string_equal(order, "1123459");
    for (size_t i = 0; i < COUNT(at); i++)
        free(things[i]);
}

static int64_t fired_at_ns;
static size_t n_fired;

static void note_time(void *arg)
{
    const struct loop_timer *timer = arg;
    assert_true(timer->at_ns >= fired_at_ns && timer->at_ns <= now_ns);
    fired_at_ns = timer->at_ns;
    n_fired++;
}

static void many_timers_set_moved_and_cancelled_fire_in_order(void **state)
{
    enum { N = 300 };
    struct loop *loop = *state;
    static struct loop_timer timers[N];
    random_begin("timers");
    for (int i = 0; i < 20 * N; i++) {
        struct loop_timer *timer = &timers[random_below(N)];
        timer->fire = note_time;
        timer->arg = timer;
        if (random_below(3))
            loop_set_timer(loop, timer, 1 + (int64_t)random_below(1000));
        else
            loop_cancel_timer(loop, timer);
    }
    size_t n_set = 0;
    for (size_t i = 0; i < N; i++)
        n_set += timer_is_set(&timers[i]);
    for (int i = 0; i < 10; i++)
        pass(loop, 100);
    assert_int_equal(n_fired, n_set);
}

static void a_timer_set_again_is_moved(void **state)
{
    struct thing *a = thing_new(*state, 'a');
    loop_set_timer(*state, &a->timer, 5);
    loop_set_timer(*state, &a->timer, 50);
    pass(*state, 10);
    assert_string_equal(order, "");
    pass(*state, 40);
    assert_string_equal(order, "a");
    pass(*state, 1000);
    assert_string_equal(order, "a");
    free(a);
}

static void cancel_other(struct thing *self)
{
    loop_cancel_timer(self->loop, &self->other->timer);
}

static void a_timer_may_cancel_one_that_is_due_too(void **state)
{
    struct thing *a = thing_new(*state, 'a'), *b = thing_new(*state, 'b');
    a->then = cancel_other;
    a->other = b;
    loop_set_timer(*state, &a->timer, 1);
    loop_set_timer(*state, &b->timer, 2);
    pass(*state, 5);
    assert_string_equal(order, "a");
    loop_cancel_timer(*state, &a->timer); /* not set: nothing happens */
    free(a);
    free(b);
}

static void set_again_at_once(struct thing *self)
{
    if (strlen(order) < 5) /* or the test would never end */
        loop_set_timer(self->loop, &self->timer, 0);
}

static void a_timer_of_no_time_fires_at_the_next_turn(void **state)
{
    struct thing *a = thing_new(*state, 'a');
    a->then = set_again_at_once;
    loop_set_timer(*state, &a->timer, 0);
    pass(*state, 0);
    assert_string_equal(order, "a");
    pass(*state, 1);
    assert_string_equal(order, "aa");
    loop_cancel_timer(*state, &a->timer);
    free(a);
}

/* ---- tasks ---- */

static void tasks_run_once_in_order_behind_timers_and_descriptors(void **state)
{
    struct thing *a = thing_new(*state, 'a'), *b = thing_new(*state, 'b'),
                 *t = thing_new(*state, 't'), *d = thing_new(*state, 'd');
    thing_open(d);
    loop_defer(*state, &a->task);
    loop_defer(*state, &b->task);
    loop_defer(*state, &a->task);
    loop_set_timer(*state, &t->timer, 0);
    pass(*state, 0);
    assert_string_equal(order, "dtab");
    loop_remove(*state, &d->io);
    pass(*state, 0);
    assert_string_equal(order, "dtab");
    thing_close(d);
    free(a);
    free(b);
    free(t);
}

static void defer_self(struct thing *self)
{
    loop_defer(self->loop, &self->task);
}

static void a_task_that_queues_itself_runs_once_a_turn(void **state)
{
    struct thing *a = thing_new(*state, 'a'), *b = thing_new(*state, 'b');
    a->then = defer_self;
    loop_defer(*state, &a->task);
    loop_defer(*state, &b->task);
    pass(*state, 0);
    assert_string_equal(order, "ab");
    pass(*state, 0);
    assert_string_equal(order, "aba");
    loop_drop_task(*state, &a->task);
    pass(*state, 0);
    assert_string_equal(order, "aba");
    free(a);
    free(b);
}

static void drop_other_and_defer_self(struct thing *self)
{
    loop_drop_task(self->loop, &self->other->task);
    if (strlen(order) < 5) /* or the test would never end */
        loop_defer(self->loop, &self->task);
}

static void a_task_may_drop_the_last_one(void **state)
{
    struct thing *a = thing_new(*state, 'a'), *b = thing_new(*state, 'b');
    a->then = drop_other_and_defer_self;
    a->other = b;
    loop_defer(*state, &a->task);
    loop_defer(*state, &b->task);
    pass(*state, 0);
    assert_string_equal(order, "a");
    loop_drop_task(*state, &a->task);
    loop_drop_task(*state, &a->task);
    free(a);
    free(b);
}

/* ---- descriptors ---- */

static void remove_other(struct thing *self)
{
    loop_remove(self->loop, &self->other->io);
}

static void a_descriptor_removed_in_the_same_turn_is_not_called(void **state)
{
    struct thing *a = thing_new(*state, 'a'), *b = thing_new(*state, 'b');
    thing_open(a);
    thing_open(b);
    a->then = b->then = remove_other;
    a->other = b;
    b->other = a;
    pass(*state, 0);
    assert_int_equal(strlen(order), 1);
    pass(*state, 0);
    assert_int_equal(strlen(order), 2); /* level-triggered: the other one stays ready */
    loop_remove(*state, &a->io);
    loop_remove(*state, &b->io);
    thing_close(a);
    thing_close(b);
}

static void a_closed_descriptor_cannot_be_added(void **state)
{
    struct loop_io io = {.fd = 1000000};
    assert_int_equal(loop_add(*state, &io, &err), -1);
    assert_string_equal(err.text, "watch descriptor 1000000: Bad file descriptor");
}

static void a_hang_up_is_ready_too(void **state)
{
    struct thing *a = thing_new(*state, 'a');
    char byte;
    thing_open(a);
    assert_int_equal(read(a->io.fd, &byte, 1), 1);
    pass(*state, 0);
    assert_string_equal(order, "");
    close(a->peer);
    a->peer = -1;
    pass(*state, 0);
    assert_string_equal(order, "a");
    loop_remove(*state, &a->io);
    thing_close(a);
}

/* ---- signals and the run ---- */

static void caught(void *arg, int signo)
{
    struct thing *thing = arg;
    thing->letter = signo == SIGUSR1 ? '1' : '2';
    note(thing);
    loop_stop(thing->loop);
}

static void signals_come_through_the_loop(void **state)
{
    struct thing *a = thing_new(*state, 'a');
    assert_int_equal(loop_signal(*state, SIGUSR1, caught, a, &err), 0);
    assert_int_equal(loop_signal(*state, SIGUSR2, caught, a, &err), 0);
    raise(SIGUSR2);
    assert_int_equal(loop_run(*state, &err), 0);
    raise(SIGUSR1);
    assert_int_equal(loop_run(*state, &err), 0);
    assert_string_equal(order, "21");
    free(a);
}

static void too_many_signals_are_our_bug(void **state)
{
    for (int i = 0; i < 8; i++)
        assert_int_equal(loop_signal(*state, SIGRTMIN + i, caught, NULL, &err), 0);
    assert_int_equal(loop_signal(*state, SIGRTMIN + 8, caught, NULL, &err), -1);
    assert_int_equal(err.kind, ERR_BUG);
    assert_string_equal(err.text, "more than 8 signals");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(timers_fire_in_the_order_of_their_time),
        CASE(many_timers_set_moved_and_cancelled_fire_in_order),
        CASE(a_timer_set_again_is_moved),
        CASE(a_timer_may_cancel_one_that_is_due_too),
        CASE(a_timer_of_no_time_fires_at_the_next_turn),
        CASE(tasks_run_once_in_order_behind_timers_and_descriptors),
        CASE(a_task_that_queues_itself_runs_once_a_turn),
        CASE(a_task_may_drop_the_last_one),
        CASE(a_descriptor_removed_in_the_same_turn_is_not_called),
        CASE(a_closed_descriptor_cannot_be_added),
        CASE(a_hang_up_is_ready_too),
        CASE(signals_come_through_the_loop),
        CASE(too_many_signals_are_our_bug),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
