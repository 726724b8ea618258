/* test_output_console.c: events to standard output. */
#include "output/output.h"

#include <posta/buf.h>
#include <posta/log.h>

#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h> /* wants the ones above */

struct rig {
    struct loop *loop;
    void *self;
    int stdout_fd;
    int n_verdicts, n_room;
};

static int64_t now_ns = 1000 * NS_PER_S;

static int64_t mono_ns(void)
{
    return now_ns;
}

static void take_verdict(void *arg, uint64_t token, enum verdict what, const char *why,
                         const char *bytes, size_t len)
{
    (void)token, (void)what, (void)why, (void)bytes, (void)len;
    ((struct rig *)arg)->n_verdicts++;
}

static void take_room(void *arg)
{
    ((struct rig *)arg)->n_room++;
}

static int rig_open(void **state)
{
    static const struct clock_ops ops = {.mono_ns = mono_ns, .wall_ns = mono_ns};
    const struct log_config quiet = {.level = (enum log_level)(LOG_ERROR + 1)};
    struct rig *rig = mem_zero(1, sizeof(*rig));
    struct err err;
    log_setup(&quiet);
    signal(SIGPIPE, SIG_IGN);
    clock_set(&ops);
    fflush(stdout);
    rig->stdout_fd = dup(STDOUT_FILENO);
    rig->self = mem_zero(1, console_output.size);
    assert_int_equal(loop_new(&rig->loop, &err), 0);
    const struct output_env env = {
        .loop = rig->loop, .arg = rig, .verdict = take_verdict, .room = take_room};
    assert_int_equal(console_output.open(rig->self, &env, &err), 0);
    *state = rig;
    return 0;
}

static int rig_close(void **state)
{
    struct rig *rig = *state;
    dup2(rig->stdout_fd, STDOUT_FILENO);
    close(rig->stdout_fd);
    console_output.close(rig->self);
    loop_free(rig->loop);
    free(rig->self);
    clock_set(NULL);
    free(rig);
    return 0;
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, rig_open, rig_close)

/* cmocka prints to standard output too: it is another one only during the send. */
static int send_to(struct rig *rig, int fd, const char *text, struct err *err)
{
    const struct out_event ev = {.bytes = text, .len = strlen(text)};
    fflush(stdout);
    dup2(fd, STDOUT_FILENO);
    int rc = console_output.send(rig->self, &ev, 1, err);
    dup2(rig->stdout_fd, STDOUT_FILENO);
    return rc;
}

static void one_line_each(void **state)
{
    struct rig *rig = *state;
    struct err err;
    int fds[2];
    char got[64] = "";
    assert_int_equal(pipe2(fds, O_CLOEXEC), 0);
    assert_int_equal(send_to(rig, fds[1], "{\"a\":1}", &err), 0);
    assert_int_equal(send_to(rig, fds[1], "{}", &err), 0);
    assert_int_equal(read(fds[0], got, sizeof(got)), 11);
    assert_string_equal(got, "{\"a\":1}\n{}\n");
    assert_int_equal(rig->n_verdicts, 2);
    close(fds[0]);
    close(fds[1]);
}

static void a_reader_that_is_gone_makes_events_wait(void **state)
{
    struct rig *rig = *state;
    struct err err;
    int fds[2];
    assert_int_equal(pipe2(fds, O_CLOEXEC), 0);
    close(fds[0]);
    assert_int_equal(send_to(rig, fds[1], "{}", &err), -1);
    assert_int_equal(err.kind, ERR_AGAIN);
    assert_string_equal(err.text, "write to standard output: Broken pipe");
    assert_int_equal(rig->n_verdicts, 0);
    close(fds[1]);
}

static void after_a_failed_write_there_is_room_again(void **state)
{
    struct rig *rig = *state;
    struct err err;
    int fd = open("/dev/full", O_WRONLY | O_CLOEXEC);
    assert_int_equal(send_to(rig, fd, "{}", &err), -1);
    close(fd);
    for (int i = 0; i < 5000 && !rig->n_room; i++, now_ns += NS_PER_MS)
        assert_int_equal(loop_turn(rig->loop, 0, &err), 0);
    assert_int_equal(rig->n_room, 1);
}

static void test_says_ok(void **state)
{
    struct rig *rig = *state;
    char *text = NULL;
    size_t len;
    FILE *to = open_memstream(&text, &len);
    assert_int_equal(console_output.test(rig->self, NULL, to, NULL), 0);
    fclose(to);
    assert_string_equal(text, "console: standard output... OK\n");
    free(text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(one_line_each),
        CASE(a_reader_that_is_gone_makes_events_wait),
        CASE(after_a_failed_write_there_is_room_again),
        CASE(test_says_ok),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
