/* test_tail_rotate.c: rotation.mode managed: when posta renames, whom it tells, and how it finishes what a kill left. */
#include "tail_test.h"

/* ---- the writer is this process: the signal's handler looks at the folder ---- */

static const struct rig *told_rig;
static volatile sig_atomic_t n_told, had_log_when_told, had_older_when_told;

static void told(int signo)
{
    int saved = errno;
    (void)signo;
    n_told++;
    had_log_when_told = exists_in(told_rig, "access.log");
    had_older_when_told = exists_in(told_rig, "access.log.1");
    errno = saved;
}

static void set_pid_file(struct rig *rig, const char *text)
{
    free(rig->in.rotation_pid_file);
    rig->in.rotation_pid_file = mem_dup(path_of(rig, "nginx.pid"));
    if (!text)
        return;
    int fd = open(rig->in.rotation_pid_file, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
    say(fd, text);
    close(fd);
}

static void set_own_pid(struct rig *rig)
{
    char text[32];
    snprintf(text, sizeof(text), "%d\n", (int)getpid());
    set_pid_file(rig, text);
}

static void manage(struct rig *rig)
{
    told_rig = rig;
    n_told = 0;
    signal(SIGUSR1, told);
    signal(SIGUSR2, told);
    rig->in.rotation_mode = ROTATION_MANAGED;
    rig->in.rotation_size = 4096;
    set_path(rig, "access.log");
}

/* 4200 bytes, more than rotation.size. */
static void fill(int fd)
{
    for (int i = 0; i < 100; i++)
        say(fd, "123456789 123456789 123456789 123456789 1\n");
}

static size_t n_bytes(const struct rig *rig, size_t i)
{
    return i < rig->sink.n ? rig->sink.made[i].bytes.len : 0;
}

static void rename_then_signal_then_the_end(void **state)
{
    struct rig *rig = *state;
    manage(rig);
    set_own_pid(rig);
    int fd = writer(rig, "access.log");
    start(rig);
    say(fd, "small\n");
    settle(rig);
    assert_int_equal(n_told, 0);
    fill(fd);
    UNTIL(rig, n_told == 1);
    assert_false(had_log_when_told);
    assert_true(had_older_when_told);
    say(fd, "late\n");
    int next = writer(rig, "access.log");
    say(next, "next\n");
    UNTIL(rig, has_bytes(rig, 1, "next\n"));
    assert_false(is_ended(rig, 0));
    close(fd);
    UNTIL(rig, is_ended(rig, 0));
    assert_int_equal(n_bytes(rig, 0), 6 + 4200 + 5);
    assert_int_equal(rig->sink.made[0].proof, END_LEASE);
    assert_int_equal(tail_stats(rig->tail)->rotations_made, 1);
    assert_int_equal(tail_stats(rig->tail)->rotations, 1);
    assert_int_equal(n_told, 1);
    close(next);
}

static void none_while_the_older_generation_is_open(void **state)
{
    struct rig *rig = *state;
    manage(rig);
    set_own_pid(rig);
    int fd = writer(rig, "access.log");
    start(rig);
    fill(fd);
    UNTIL(rig, n_told == 1);
    int next = writer(rig, "access.log");
    for (int i = 0; i < 10; i++)
        fill(next);
    turn_for(rig, 5000);
    assert_int_equal(n_told, 1);
    assert_int_equal(n_bytes(rig, 1), 10 * 4200);
    close(fd);
    UNTIL(rig, n_told == 2);
    assert_true(is_ended(rig, 0));
    close(next);
    UNTIL(rig, is_ended(rig, 1));
    assert_int_equal(n_bytes(rig, 1), 10 * 4200);
}

static void none_while_the_spool_is_full(void **state)
{
    struct rig *rig = *state;
    manage(rig);
    set_own_pid(rig);
    int fd = writer(rig, "access.log");
    say(fd, "one\n");
    start(rig);
    UNTIL(rig, has_bytes(rig, 0, "one\n"));
    rig->sink.room = 0;
    fill(fd);
    turn_for(rig, 3000);
    assert_int_equal(n_told, 0);
    assert_true(exists_in(rig, "access.log"));
    rig->sink.room = -1;
    tail_resume(rig->tail);
    UNTIL(rig, n_told == 1);
    close(fd);
}

static void told_again_until_the_log_comes_back(void **state)
{
    struct rig *rig = *state;
    manage(rig);
    set_own_pid(rig);
    int fd = writer(rig, "access.log");
    start(rig);
    fill(fd);
    UNTIL(rig, n_told == 1);
    turn_for(rig, 500);
    assert_int_equal(n_told, 1);
    turn_for(rig, 3000);
    assert_true(n_told >= 3 && n_told <= 5);
    int before = n_told;
    int next = writer(rig, "access.log");
    turn_for(rig, 3000);
    assert_int_equal(n_told, before);
    close(fd);
    close(next);
    UNTIL(rig, is_ended(rig, 0));
}

static void another_signal(void **state)
{
    struct rig *rig = *state;
    manage(rig);
    set_own_pid(rig);
    rig->in.rotation_signal = 2; /* USR2 */
    signal(SIGUSR1, SIG_IGN);
    int fd = writer(rig, "access.log");
    start(rig);
    fill(fd);
    UNTIL(rig, n_told == 1);
    close(fd);
}

/* Killed between the rename and the signal. */
static void the_next_start_tells_the_writer(void **state)
{
    struct rig *rig = *state;
    manage(rig);
    set_own_pid(rig);
    int fd = writer(rig, "access.log");
    rig->in.rotation_size = 1024 * 1024;
    start(rig);
    fill(fd);
    UNTIL(rig, n_bytes(rig, 0) == 4200);
    stop(rig);
    rename_in(rig, "access.log", "access.log.1");
    say(fd, "late\n");
    start(rig);
    UNTIL(rig, n_told == 1);
    put(rig, "access.log", "next\n");
    close(fd);
    UNTIL(rig, is_ended(rig, 0) && has_bytes(rig, 1, "next\n"));
    assert_int_equal(n_bytes(rig, 0), 4205);
    assert_int_equal(n_told, 1);
}

/* Killed behind the signal, before the end was known. */
static void the_next_start_finds_the_end(void **state)
{
    struct rig *rig = *state;
    manage(rig);
    set_own_pid(rig);
    int fd = writer(rig, "access.log");
    start(rig);
    fill(fd);
    UNTIL(rig, n_told == 1);
    stop(rig);
    put(rig, "access.log", "next\n");
    say(fd, "late\n");
    close(fd);
    start(rig);
    UNTIL(rig, is_ended(rig, 0) && has_bytes(rig, 1, "next\n"));
    assert_int_equal(n_bytes(rig, 0), 4205);
    assert_int_equal(n_told, 1);
}

/* ---- what can be wrong with the pid file ---- */

static void assert_cannot_tell(struct rig *rig, const char *pid_text, const char *words)
{
    manage(rig);
    set_pid_file(rig, pid_text);
    int fd = writer(rig, "access.log");
    start(rig);
    fill(fd);
    UNTIL(rig, log_has(rig, "rotation: cannot tell"));
    settle(rig);
    if (!log_has(rig, words)) {
        char *text = log_text(rig);
        fail_msg("%s", text);
    }
    assert_int_equal(n_told, 0);
    assert_false(exists_in(rig, "access.log.1")); /* nothing was touched */
    set_own_pid(rig);
    UNTIL(rig, n_told == 1);
    assert_true(exists_in(rig, "access.log.1"));
    close(fd);
}

static void a_missing_pid_file(void **state)
{
    assert_cannot_tell(*state, NULL,
                       "access.log: rotation: cannot tell the writer to open its log again: pid "
                       "file: open ");
}

static void a_pid_file_with_garbage(void **state)
{
    assert_cannot_tell(*state, "nginx\n",
                       "nginx.pid holds no process number; the log grows; tried each second");
}

static void an_empty_pid_file(void **state)
{
    assert_cannot_tell(*state, "",
                       "nginx.pid holds no process number; the log grows; tried each second");
}

static void a_negative_pid(void **state)
{
    assert_cannot_tell(*state, "-1\n",
                       "nginx.pid holds no process number; the log grows; tried each second");
}

static void a_process_that_is_gone(void **state)
{
    char text[32];
    pid_t pid = fork();
    if (pid == 0)
        _exit(0);
    waitpid(pid, NULL, 0);
    snprintf(text, sizeof(text), "%d\n", (int)pid);
    assert_cannot_tell(*state, text,
                       "nginx.pid: No such process; the log grows; tried each second");
}

static void a_rename_that_fails_is_said_and_tried_again(void **state)
{
    struct rig *rig = *state;
    static const struct fs_fault fault = {.call = FS_RENAME, .nth = 1, .times = 2, .fail = EROFS};
    manage(rig);
    set_own_pid(rig);
    int fd = writer(rig, "access.log");
    start(rig);
    fs_set_faults(&fault, 1);
    fill(fd);
    UNTIL(rig, n_told == 1);
    assert_true(log_has(rig, "Read-only file system; the log grows; tried again"));
    assert_int_equal(tail_stats(rig->tail)->rotations_made, 1);
    close(fd);
}

/* ---- a writer of its own, as nginx does it ---- */

static volatile sig_atomic_t must_reopen;

static void note_reopen(int signo)
{
    (void)signo;
    must_reopen = 1;
}

/* Lines "1\n" to "n\n"; opens its log again when told, a few lines late. */
static void play_nginx(const struct rig *rig, int n)
{
    signal(SIGUSR1, note_reopen);
    int fd = writer(rig, "access.log");
    for (int i = 1, late = 0; i <= n; i++) {
        char line[80];
        int len = snprintf(line, sizeof(line), "%d %s\n", i, "...................................");
        if (write(fd, line, (size_t)len) != len)
            _exit(1);
        late += must_reopen != 0;
        if (late > i % 20) {
            int next = writer(rig, "access.log");
            close(fd);
            fd = next;
            must_reopen = late = 0;
        }
        if (i % 50 == 0)
            usleep(100);
    }
    _exit(0);
}

static int next_number(const struct buf *bytes, size_t *at)
{
    const char *nl = memchr(bytes->data + *at, '\n', bytes->len - *at);
    assert_non_null(nl);
    int number = atoi(bytes->data + *at);
    *at = (size_t)(nl - bytes->data) + 1;
    return number;
}

/* Generations in the order in which they were found hold 1..n. */
static int count_in_order(const struct rig *rig)
{
    int last = 0;
    for (size_t i = 0; i < rig->sink.n; i++) {
        const struct buf *bytes = &rig->sink.made[i].bytes;
        for (size_t at = 0; at < bytes->len;)
            if (next_number(bytes, &at) != ++last)
                fail_msg("generation %zu of %zu: line %d is not there", i, rig->sink.n, last);
    }
    return last;
}

static size_t n_read(const struct rig *rig)
{
    return rig->tail ? tail_stats(rig->tail)->bytes_read : 0;
}

static void a_writer_at_full_speed_loses_nothing(void **state)
{
    struct rig *rig = *state;
    enum { N_LINES = 40000 };
    manage(rig);
    pid_t pid = fork();
    if (pid == 0)
        play_nginx(rig, N_LINES);
    char text[32];
    snprintf(text, sizeof(text), "%d\n", (int)pid);
    set_pid_file(rig, text);
    start(rig);
    UNTIL(rig, waitpid(pid, NULL, WNOHANG) == pid);
    size_t before;
    do {
        before = n_read(rig);
        settle(rig);
    } while (n_read(rig) != before);
    assert_int_equal(count_in_order(rig), N_LINES);
    print_message("%s: %llu rotations\n", rig->dir,
                  (unsigned long long)tail_stats(rig->tail)->rotations_made);
    assert_true(tail_stats(rig->tail)->rotations_made > 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        ON_BOTH(rename_then_signal_then_the_end),
        ON_BOTH(none_while_the_older_generation_is_open),
        IN_MEMORY(none_while_the_spool_is_full),
        IN_MEMORY(told_again_until_the_log_comes_back),
        IN_MEMORY(another_signal),
        ON_BOTH(the_next_start_tells_the_writer),
        ON_BOTH(the_next_start_finds_the_end),
        IN_MEMORY(a_missing_pid_file),
        IN_MEMORY(a_pid_file_with_garbage),
        IN_MEMORY(an_empty_pid_file),
        IN_MEMORY(a_negative_pid),
        IN_MEMORY(a_process_that_is_gone),
        IN_MEMORY(a_rename_that_fails_is_said_and_tried_again),
        ON_BOTH(a_writer_at_full_speed_loses_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
