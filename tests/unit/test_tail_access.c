/* test_tail_access.c: what cannot or must not be opened; folders that come and go; hidden names. */
#include "tail_test.h"

/* ---- permissions: the tests run as root, so a child becomes another user ---- */

static bool become_nobody(void)
{
    return setegid(NOBODY) == 0 && seteuid(NOBODY) == 0;
}

static size_t refused(const struct rig *rig)
{
    struct buf why = BUF_INIT;
    size_t n = tail_refused(rig->tail, 0, &why);
    assert_int_equal(n > 0, strstr(buf_str(&why), "access.log: Permission denied") != NULL);
    buf_free(&why);
    return n;
}

static int follow_as_nobody(struct rig *rig)
{
    CHILD_CHECK(become_nobody());
    start(rig);
    settle(rig);
    CHILD_CHECK(rig->sink.n == 0);
    CHILD_CHECK(refused(rig) == 1 && tail_refused_bytes(rig->tail) == 4);
    CHILD_CHECK(tail_unread_bytes(rig->tail) == 4);
    CHILD_CHECK(log_has(rig,
                        "access.log: Permission denied: owner 0, group 0, mode 0640, but posta "
                        "runs as user 65534, group 65534: give posta that group, or make the "
                        "file readable for it; tried again"));
    CHILD_CHECK(seteuid(0) == 0 && chmod(path_of(rig, "access.log"), 0644) == 0);
    CHILD_CHECK(become_nobody());
    CHILD_UNTIL(rig, has_bytes(rig, 0, "one\n"));
    CHILD_CHECK(refused(rig) == 0 && tail_unread_bytes(rig->tail) == 0);
    stop(rig);
    return 0;
}

static void an_unreadable_file_is_said_and_tried_again(void **state)
{
    struct rig *rig = *state;
    put(rig, "access.log", "one\n");
    assert_int_equal(chmod(path_of(rig, "access.log"), 0640), 0);
    set_path(rig, "access.log");
    in_child(rig, follow_as_nobody);
}

static int keep_as_nobody(struct rig *rig)
{
    CHILD_CHECK(become_nobody());
    start(rig);
    CHILD_UNTIL(rig, has_bytes(rig, 0, "one\n"));
    stop(rig);
    CHILD_CHECK(seteuid(0) == 0 && chmod(path_of(rig, "access.log"), 0600) == 0);
    CHILD_CHECK(become_nobody());
    start(rig);
    look_again(rig);
    CHILD_CHECK(!rig->sink.made[0].is_forgotten && rig->sink.made[0].n_ends == 0);
    CHILD_CHECK(refused(rig) == 1 && tail_refused_bytes(rig->tail) == 0);
    CHILD_CHECK(seteuid(0) == 0);
    put(rig, "access.log", "two\n");
    CHILD_CHECK(tail_refused_bytes(rig->tail) == 4);
    CHILD_CHECK(chmod(path_of(rig, "access.log"), 0644) == 0);
    CHILD_CHECK(become_nobody());
    CHILD_UNTIL(rig, has_bytes(rig, 0, "one\ntwo\n"));
    CHILD_CHECK(rig->sink.n == 1);
    stop(rig);
    return 0;
}

static int refuse_as_nobody(struct rig *rig)
{
    CHILD_CHECK(become_nobody());
    start(rig);
    settle(rig);
    CHILD_CHECK(refused(rig) == 1);
    CHILD_CHECK(seteuid(0) == 0 && unlink(path_of(rig, "access.log")) == 0);
    CHILD_CHECK(refused(rig) == 0 && tail_refused_bytes(rig->tail) == 0);
    stop(rig);
    return 0;
}

static void one_that_is_gone_is_not_refused(void **state)
{
    struct rig *rig = *state;
    put(rig, "access.log", "one\n");
    put(rig, "access.log.1", "what a rotation left before posta\n");
    assert_int_equal(chmod(path_of(rig, "access.log"), 0600), 0);
    assert_int_equal(chmod(path_of(rig, "access.log.1"), 0600), 0);
    set_path(rig, "access.log");
    in_child(rig, refuse_as_nobody);
}

static void no_descriptor_left_is_tried_again(void **state)
{
    struct rig *rig = *state;
    static const struct fs_fault fault = {.call = FS_OPEN, .nth = 1, .times = -1, .fail = EMFILE};
    struct buf why = BUF_INIT;
    put(rig, "access.log", "one\n");
    sleep(2); /* the folder is quiet */
    fs_set_faults(&fault, 1);
    follow_one(rig);
    settle(rig);
    assert_int_equal(tail_refused(rig->tail, 0, &why), 1);
    buf_free(&why);
    fs_set_faults(NULL, 0);
    look_again(rig);
    assert_true(has_bytes(rig, 0, "one\n"));
}

static void a_position_outlives_a_lost_permission(void **state)
{
    struct rig *rig = *state;
    put(rig, "access.log", "one\n");
    set_path(rig, "access.log");
    in_child(rig, keep_as_nobody);
}

/* ---- what is not a log ---- */

static void symbolic_links_are_refused_unless_allowed(void **state)
{
    struct rig *rig = *state;
    put(rig, "real", "one\n");
    assert_int_equal(symlink("real", path_of(rig, "access.log")), 0);
    follow_one(rig);
    look_again(rig);
    assert_int_equal(rig->sink.n, 0);
    assert_true(log_has(rig, "access.log is a symbolic link and is not followed: set "
                             "prospector.scanner.symlinks: true to follow it"));
    stop(rig);
    rig->in.symlinks = true;
    start(rig);
    UNTIL(rig, has_bytes(rig, 0, "one\n"));
}

static void a_switched_symbolic_link_is_a_rotation(void **state)
{
    struct rig *rig = *state;
    rig->in.symlinks = true;
    put(rig, "one", "one\n");
    put(rig, "two", "two\n");
    assert_int_equal(symlink("one", path_of(rig, "access.log")), 0);
    follow_one(rig);
    UNTIL(rig, has_bytes(rig, 0, "one\n"));
    assert_int_equal(symlink("two", path_of(rig, "link")), 0);
    rename_in(rig, "link", "access.log");
    put(rig, "one", "late\n");
    UNTIL(rig, is_ended(rig, 0) && has_bytes(rig, 1, "two\n"));
    assert_bytes(rig, 0, "one\nlate\n");
}

static void fifos_and_folders_are_refused(void **state)
{
    struct rig *rig = *state;
    assert_int_equal(mkfifo(path_of(rig, "a.log"), 0644), 0);
    assert_int_equal(mkdir(path_of(rig, "b.log"), 0755), 0);
    set_path(rig, "*.log");
    start(rig);
    look_again(rig);
    assert_int_equal(rig->sink.n, 0);
    assert_int_equal(tail_stats(rig->tail)->read_errors, 0);
    assert_true(log_has(rig, "a.log is not a regular file and is not followed"));
}

static void a_link_to_something_else_is_refused(void **state)
{
    struct rig *rig = *state;
    rig->in.symlinks = true;
    assert_int_equal(mkfifo(path_of(rig, "pipe"), 0644), 0);
    assert_int_equal(mkdir(path_of(rig, "folder"), 0755), 0);
    assert_int_equal(symlink("pipe", path_of(rig, "a.log")), 0);
    assert_int_equal(symlink("folder", path_of(rig, "b.log")), 0);
    assert_int_equal(symlink("/dev/null", path_of(rig, "c.log")), 0);
    set_path(rig, "*.log");
    start(rig);
    look_again(rig);
    assert_int_equal(rig->sink.n, 0);
    assert_int_equal(tail_stats(rig->tail)->read_errors, 0);
}

/* ---- folders ---- */

static void a_folder_may_appear_later(void **state)
{
    struct rig *rig = *state;
    set_path(rig, "pods/*/access.log");
    start(rig);
    settle(rig);
    assert_int_equal(mkdir(path_of(rig, "pods"), 0755), 0);
    assert_int_equal(mkdir(path_of(rig, "pods/x"), 0755), 0);
    put(rig, "pods/x/access.log", "one\n");
    look_again(rig);
    assert_true(has_bytes(rig, 0, "one\n"));
    put(rig, "pods/x/access.log", "two\n");
    UNTIL(rig, has_bytes(rig, 0, "one\ntwo\n"));
}

static void a_removed_folder_and_another_in_its_place(void **state)
{
    struct rig *rig = *state;
    assert_int_equal(mkdir(path_of(rig, "d"), 0755), 0);
    int fd = writer(rig, "d/access.log");
    say(fd, "one\n");
    set_path(rig, "d/access.log");
    start(rig);
    UNTIL(rig, has_bytes(rig, 0, "one\n"));
    rename_in(rig, "d", "gone");
    say(fd, "two\n");
    assert_int_equal(mkdir(path_of(rig, "d"), 0755), 0);
    put(rig, "d/access.log", "three\n");
    look_again(rig);
    look_again(rig);
    assert_true(has_bytes(rig, 0, "one\ntwo\n"));
    assert_true(has_bytes(rig, 1, "three\n"));
    put(rig, "d/access.log", "four\n");
    UNTIL(rig, has_bytes(rig, 1, "three\nfour\n"));
    say(fd, "five\n");
    close(fd);
    UNTIL(rig, is_ended(rig, 0));
    assert_bytes(rig, 0, "one\ntwo\nfive\n");
}

static void a_folder_that_is_away_keeps_its_positions(void **state)
{
    struct rig *rig = *state;
    assert_int_equal(mkdir(path_of(rig, "d"), 0755), 0);
    put(rig, "d/access.log", "one\n");
    set_path(rig, "d/access.log");
    start(rig);
    UNTIL(rig, has_bytes(rig, 0, "one\n"));
    stop(rig);
    rename_in(rig, "d", "away");
    start(rig);
    look_again(rig);
    assert_int_equal(sources_known(rig), 1);
    rename_in(rig, "away", "d");
    put(rig, "d/access.log", "two\n");
    look_again(rig);
    assert_string_equal(story_of(rig, 0), "0-4 4-8");
}

static void a_file_moves_to_another_folder_that_is_watched(void **state)
{
    struct rig *rig = *state;
    assert_int_equal(mkdir(path_of(rig, "new"), 0755), 0);
    assert_int_equal(mkdir(path_of(rig, "old"), 0755), 0);
    set_path(rig, "new/a.log");
    set_path(rig, "old/*");
    int fd = writer(rig, "new/a.log");
    say(fd, "one\n");
    start(rig);
    UNTIL(rig, has_bytes(rig, 0, "one\n"));
    rename_in(rig, "new/a.log", "old/a.log");
    put(rig, "new/a.log", "two\n");
    say(fd, "late\n");
    close(fd);
    UNTIL(rig, is_ended(rig, 0) && has_bytes(rig, 1, "two\n"));
    look_again(rig);
    assert_bytes(rig, 0, "one\nlate\n");
    assert_int_equal(rig->sink.n, 2);
}

static void a_hidden_name_that_is_named_is_followed(void **state)
{
    struct rig *rig = *state;
    put(rig, ".app.log", "one\n");
    set_path(rig, ".app.log");
    start(rig);
    look_again(rig);
    assert_true(has_bytes(rig, 0, "one\n"));
}

static void an_old_file_is_followed_from_its_end(void **state)
{
    struct rig *rig = *state;
    const struct timespec times[2] = {{.tv_sec = 1000000000}, {.tv_sec = 1000000000}};
    put(rig, "access.log", "old\n");
    assert_int_equal(utimensat(AT_FDCWD, path_of(rig, "access.log"), times, 0), 0);
    rig->in.ignore_older_ns = 3600 * NS_PER_S;
    follow_one(rig);
    settle(rig);
    put(rig, "access.log", "new\n");
    UNTIL(rig, has_bytes(rig, 0, "new\n"));
    assert_int_equal(rig->sink.made[0].from, 4);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        ON_BOTH(an_unreadable_file_is_said_and_tried_again),
        ON_BOTH(one_that_is_gone_is_not_refused),
        IN_MEMORY(no_descriptor_left_is_tried_again),
        ON_BOTH(a_position_outlives_a_lost_permission),
        ON_BOTH(symbolic_links_are_refused_unless_allowed),
        ON_BOTH(a_switched_symbolic_link_is_a_rotation),
        ON_BOTH(fifos_and_folders_are_refused),
        IN_MEMORY(a_link_to_something_else_is_refused),
        ON_BOTH(a_folder_may_appear_later),
        ON_BOTH(a_removed_folder_and_another_in_its_place),
        ON_BOTH(a_folder_that_is_away_keeps_its_positions),
        ON_BOTH(a_file_moves_to_another_folder_that_is_watched),
        IN_MEMORY(a_hidden_name_that_is_named_is_followed),
        IN_MEMORY(an_old_file_is_followed_from_its_end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
