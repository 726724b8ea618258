/* test_tail_walk.c: folders that come, go and change, told at once and not by the slow look; what is written through other
 * names; many files that are quiet. */
#include "tail_test.h"

#include <malloc.h>
#include <sched.h>
#include <sys/mount.h>

static void make_dir(const struct rig *rig, const char *name)
{
    assert_int_equal(mkdir(path_of(rig, name), 0755), 0);
}

/* ---- at once: no look_again here, the slow look is 10 s away ---- */

static void a_folder_that_comes_is_followed_at_once(void **state)
{
    struct rig *rig = *state;
    set_path(rig, "pods/*/*/app.log");
    start(rig);
    settle(rig);
    make_dir(rig, "pods");
    settle(rig);
    make_dir(rig, "pods/a");
    make_dir(rig, "pods/a/web");
    put(rig, "pods/a/web/app.log", "one\n");
    UNTIL(rig, has_bytes(rig, 0, "one\n"));
    make_dir(rig, "tmp");
    make_dir(rig, "tmp/web");
    put(rig, "tmp/web/app.log", "two\n");
    rename_in(rig, "tmp", "pods/b");
    UNTIL(rig, has_bytes(rig, 1, "two\n"));
    put(rig, "pods/b/web/app.log", "three\n");
    UNTIL(rig, has_bytes(rig, 1, "two\nthree\n"));
}

static void two_stars_follow_folders_of_any_depth_at_once(void **state)
{
    struct rig *rig = *state;
    set_path(rig, "**/*.log");
    start(rig);
    settle(rig);
    put(rig, "top.log", "0\n");
    make_dir(rig, "a");
    make_dir(rig, "a/b");
    make_dir(rig, "a/b/c");
    put(rig, "a/b/c/deep.log", "3\n");
    UNTIL(rig, rig->sink.n == 2 && rig->sink.made[0].bytes.len + rig->sink.made[1].bytes.len == 4);
    make_dir(rig, "a/b/c/d");
    put(rig, "a/b/c/d/deeper.log", "4\n");
    UNTIL(rig, has_bytes(rig, 2, "4\n"));
}

static void hidden_folders_are_not_matched_by_a_star(void **state)
{
    struct rig *rig = *state;
    make_dir(rig, ".hidden");
    put(rig, ".hidden/a.log", "one\n");
    set_path(rig, "*/a.log");
    start(rig);
    look_again(rig);
    assert_int_equal(rig->sink.n, 0);
}

static void links_to_folders_are_followed_only_if_allowed(void **state)
{
    struct rig *rig = *state;
    make_dir(rig, "real");
    make_dir(rig, "all");
    put(rig, "real/a.log", "one\n");
    assert_int_equal(symlink("../real", path_of(rig, "all/link")), 0);
    set_path(rig, "all/*/a.log");
    start(rig);
    look_again(rig);
    assert_int_equal(rig->sink.n, 0);
    stop(rig);
    rig->in.symlinks = true;
    start(rig);
    UNTIL(rig, has_bytes(rig, 0, "one\n"));
}

static void a_folder_that_goes_for_good_is_let_go(void **state)
{
    struct rig *rig = *state;
    make_dir(rig, "pods");
    set_path(rig, "pods/*/app.log");
    start(rig);
    for (int i = 0; i < 20; i++) {
        make_dir(rig, "pods/x");
        put(rig, "pods/x/app.log", "one\n");
        UNTIL(rig, has_bytes(rig, (size_t)i, "one\n"));
        unlink_in(rig, "pods/x/app.log");
        UNTIL(rig, is_ended(rig, (size_t)i));
        assert_int_equal(rmdir(path_of(rig, "pods/x")), 0);
        settle(rig);
    }
    size_t n = 0;
    for (struct dir *dir = rig->tail->dirs; dir; dir = dir->next)
        n++;
    assert_true(n <= 2);
    assert_int_equal(tail_stats(rig->tail)->files_open, 0);
    for (int hour = 0; hour < 30; hour++) { /* their folders are away: a day of patience */
        test_now_ns += 3600 * NS_PER_S;
        put(rig, "pods/y", "");
        look_again(rig);
    }
    assert_int_equal(sources_known(rig), 0);
}

static int mount_over(struct rig *rig)
{
    CHILD_CHECK(unshare(CLONE_NEWNS) == 0);
    CHILD_CHECK(mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) == 0);
    start(rig);
    settle(rig);
    CHILD_CHECK(mount("tmpfs", path_of(rig, "log"), "tmpfs", 0, "size=1m") == 0);
    put(rig, "log/app.log", "one\n");
    CHILD_UNTIL(rig, has_bytes(rig, 0, "one\n"));
    put(rig, "log/app.log", "two\n");
    CHILD_UNTIL(rig, has_bytes(rig, 0, "one\ntwo\n"));
    stop(rig);
    return 0;
}

static void a_mount_that_comes_later_is_noticed(void **state)
{
    struct rig *rig = *state;
    if (geteuid() != 0)
        skip();
    make_dir(rig, "log");
    set_path(rig, "log/app.log");
    in_child(rig, mount_over);
}

/* tmpfs gives the same device and inode numbers again; only handle and birth differ. */
static int mount_twice(struct rig *rig)
{
    CHILD_CHECK(unshare(CLONE_NEWNS) == 0);
    CHILD_CHECK(mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) == 0);
    for (size_t i = 0; i < 3; i++) {
        CHILD_CHECK(mount("tmpfs", path_of(rig, "log"), "tmpfs", 0, "size=1m") == 0);
        put(rig, "log/app.log", "same\n");
        start(rig);
        CHILD_UNTIL(rig, has_bytes(rig, i, "same\n"));
        stop(rig);
        CHILD_CHECK(umount2(path_of(rig, "log"), MNT_DETACH) == 0);
    }
    return 0;
}

static void a_tmpfs_mounted_again_has_new_files(void **state)
{
    struct rig *rig = *state;
    if (geteuid() != 0)
        skip();
    make_dir(rig, "log");
    set_path(rig, "log/app.log");
    in_child(rig, mount_twice);
}

/* ---- written through another name ---- */

static void what_is_written_through_another_hard_link_is_told(void **state)
{
    struct rig *rig = *state;
    make_dir(rig, "elsewhere");
    put(rig, "elsewhere/real", "one\n");
    assert_int_equal(link(path_of(rig, "elsewhere/real"), path_of(rig, "a.log")), 0);
    set_path(rig, "*.log");
    start(rig);
    UNTIL(rig, has_bytes(rig, 0, "one\n"));
    turn_for(rig, 50);
    put(rig, "elsewhere/real", "two\n");
    UNTIL(rig, has_bytes(rig, 0, "one\ntwo\n"));
}

static void a_link_made_later_is_noticed(void **state)
{
    struct rig *rig = *state;
    make_dir(rig, "elsewhere");
    put(rig, "a.log", "one\n");
    set_path(rig, "*.log");
    start(rig);
    UNTIL(rig, has_bytes(rig, 0, "one\n"));
    assert_int_equal(link(path_of(rig, "a.log"), path_of(rig, "elsewhere/real")), 0);
    put(rig, "elsewhere/real", "two\n");
    look_again(rig); /* the kernel tells nobody of the new link */
    assert_true(has_bytes(rig, 0, "one\ntwo\n"));
    turn_for(rig, 50);
    put(rig, "elsewhere/real", "three\n");
    UNTIL(rig, has_bytes(rig, 0, "one\ntwo\nthree\n"));
}

static void what_is_written_behind_a_symbolic_link_is_told(void **state)
{
    struct rig *rig = *state;
    rig->in.symlinks = true;
    make_dir(rig, "pods");
    put(rig, "pods/0.log", "one\n");
    assert_int_equal(symlink("pods/0.log", path_of(rig, "a.log")), 0);
    set_path(rig, "*.log");
    start(rig);
    UNTIL(rig, has_bytes(rig, 0, "one\n"));
    turn_for(rig, 50);
    put(rig, "pods/0.log", "two\n");
    UNTIL(rig, has_bytes(rig, 0, "one\ntwo\n"));
}

/* As kubelet rotates what /var/log/containers leads to: nothing changes in the folder of the links. */
static void a_file_exchanged_behind_its_link_is_a_rotation(void **state)
{
    struct rig *rig = *state;
    rig->in.symlinks = true;
    make_dir(rig, "pods");
    make_dir(rig, "links");
    put(rig, "pods/0.log", "one\n");
    assert_int_equal(symlink("../pods/0.log", path_of(rig, "links/a.log")), 0);
    set_path(rig, "links/*.log");
    start(rig);
    UNTIL(rig, has_bytes(rig, 0, "one\n"));
    turn_for(rig, 50);
    for (unsigned i = 1; i <= 3; i++) {
        char rotated[32], line[16];
        snprintf(rotated, sizeof(rotated), "pods/0.log.%u", i);
        snprintf(line, sizeof(line), "new %u\n", i);
        rename_in(rig, "pods/0.log", rotated);
        put(rig, rotated, "late\n");
        turn_for(rig, 10); /* there is nothing behind the link */
        put(rig, "pods/0.log", line);
        UNTIL(rig, is_ended(rig, i - 1) && has_bytes(rig, i, line));
    }
    assert_bytes(rig, 0, "one\nlate\n");
    assert_bytes(rig, 2, "new 2\nlate\n");
    assert_int_equal(tail_stats(rig->tail)->rotations, 3);
}

/* Opening a fifo for reading wakes a writer that waits for a reader: posta does not even do that. */
static void a_fifo_is_not_opened(void **state)
{
    struct rig *rig = *state;
    assert_int_equal(mkfifo(path_of(rig, "a.log"), 0644), 0);
    set_path(rig, "*.log");
    start(rig);
    look_again(rig);
    assert_int_equal(open(path_of(rig, "a.log"), O_WRONLY | O_NONBLOCK | O_CLOEXEC), -1);
    assert_int_equal(errno, ENXIO);
}

/* ---- without the kernel's events ---- */

static void without_inotify_the_clock_finds_everything(void **state)
{
    struct rig *rig = *state;
    put(rig, "access.log", "one\n");
    set_path(rig, "*.log*");
    struct err err;
    const struct tail_sink sink = sink_of(&rig->sink);
    assert_int_equal(tail_new(&rig->tail, rig->loop, &sink, &err), 0);
    assert_int_equal(tail_add_input(rig->tail, &rig->in, &err), 0);
    watch_free(rig->tail->watch);
    rig->tail->watch = NULL;
    assert_int_equal(tail_start(rig->tail, false, &err), 0);
    UNTIL(rig, has_bytes(rig, 0, "one\n"));
    turn_for(rig, 300);
    put(rig, "access.log", "two\n");
    UNTIL(rig, has_bytes(rig, 0, "one\ntwo\n"));
    put(rig, "access.log", "late\n");
    rename_in(rig, "access.log", "access.log.1");
    put(rig, "access.log", "three\n");
    UNTIL(rig, is_ended(rig, 0) && has_bytes(rig, 1, "three\n"));
    assert_bytes(rig, 0, "one\ntwo\nlate\n");
}

/* ---- several inputs, many files ---- */

static void the_first_of_two_inputs_has_the_file(void **state)
{
    struct rig *rig = *state;
    struct tail_input second = rig->in;
    struct err err;
    char *paths[1] = {mem_printf("%s/a*", rig->dir)};
    second.id = mem_dup("second");
    second.paths = (struct str_list) {.at = paths, .n = 1};
    put(rig, "a.log", "one\n");
    set_path(rig, "*.log");
    const struct tail_sink sink = sink_of(&rig->sink);
    assert_int_equal(tail_new(&rig->tail, rig->loop, &sink, &err), 0);
    assert_int_equal(tail_add_input(rig->tail, &rig->in, &err), 0);
    assert_int_equal(tail_add_input(rig->tail, &second, &err), 0);
    assert_int_equal(tail_start(rig->tail, false, &err), 0);
    UNTIL(rig, has_bytes(rig, 0, "one\n"));
    look_again(rig);
    assert_int_equal(rig->sink.n, 1);
    assert_string_equal(rig->sink.reg.first->input, "in");
    assert_true(log_has(rig, "a.log is claimed by input 'in' and by 'second'; the first"));
    stop(rig);
    free(second.id);
    free(paths[0]);
}

static void a_file_that_changes_its_input_goes_on(void **state)
{
    struct rig *rig = *state;
    put(rig, "a.log", "one\n");
    set_path(rig, "*.log");
    start(rig);
    UNTIL(rig, has_bytes(rig, 0, "one\n"));
    stop(rig);
    free(rig->in.id);
    rig->in.id = mem_dup("another");
    put(rig, "a.log", "two\n");
    start(rig);
    UNTIL(rig, has_bytes(rig, 1, "two\n"));
    assert_string_equal(rig->sink.reg.first->input, "another");
    assert_int_equal(sources_known(rig), 1);
}

enum { MANY = 10000 };

static void ten_thousand_quiet_files_are_small_and_cost_nothing(void **state)
{
    struct rig *rig = *state;
    char name[64];
    size_t path_bytes = 0;
    for (int i = 0; i < MANY; i++) {
        snprintf(name, sizeof name, "app-%d.log", i);
        put(rig, name, "one\n");
        path_bytes += strlen(path_of(rig, name)) + 1;
    }
    set_path(rig, "*.log");
    rig->sink.keeps_nothing = true;
    size_t before = mallinfo2().uordblks;
    start(rig);
    UNTIL(rig, tail_stats(rig->tail)->chunks == MANY);
    turn_for(rig, 1200);
    size_t each = (mallinfo2().uordblks - before - path_bytes - rig->tail->block.cap) / MANY;
    print_message("%zu bytes a file beyond its path\n", each);
#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
    assert_true(each < 600);
#endif
    uint64_t chunks = tail_stats(rig->tail)->chunks;
    fs_set_faults(NULL, 0);
    for (int i = 0; i < 3; i++)
        look_again(rig);
    assert_int_equal(tail_stats(rig->tail)->chunks, chunks);
    put(rig, "app-5000.log", "two\n");
    UNTIL(rig, tail_stats(rig->tail)->chunks == chunks + 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        ON_BOTH(a_folder_that_comes_is_followed_at_once),
        ON_BOTH(two_stars_follow_folders_of_any_depth_at_once),
        IN_MEMORY(hidden_folders_are_not_matched_by_a_star),
        IN_MEMORY(links_to_folders_are_followed_only_if_allowed),
        ON_BOTH(a_folder_that_goes_for_good_is_let_go),
        IN_MEMORY(a_mount_that_comes_later_is_noticed),
        IN_MEMORY(a_tmpfs_mounted_again_has_new_files),
        ON_BOTH(what_is_written_through_another_hard_link_is_told),
        ON_BOTH(a_link_made_later_is_noticed),
        ON_BOTH(what_is_written_behind_a_symbolic_link_is_told),
        ON_BOTH(a_file_exchanged_behind_its_link_is_a_rotation),
        IN_MEMORY(a_fifo_is_not_opened),
        ON_BOTH(without_inotify_the_clock_finds_everything),
        IN_MEMORY(the_first_of_two_inputs_has_the_file),
        IN_MEMORY(a_file_that_changes_its_input_goes_on),
        IN_MEMORY(ten_thousand_quiet_files_are_small_and_cost_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
