/* test_tail_identity.c: a file is the same after a rename, and another one when its inode number is used again. */
#include "tail_test.h"

static struct file_id id_of(const struct rig *rig, const char *name)
{
    struct file_id id;
    struct err err;
    int fd = open(path_of(rig, name), O_RDONLY | O_CLOEXEC);
    assert_true(fd >= 0);
    if (file_id_of(fd, &id, &err))
        fail_msg("%s", err.text);
    close(fd);
    return id;
}

static void the_kernel_gives_handle_and_birth(void **state)
{
    struct rig *rig = *state;
    int64_t before_ns = clock_wall_ns() - 20 * NS_PER_MS;
    put(rig, "a.log", "x\n");
    struct file_id id = id_of(rig, "a.log");
    struct stat st;
    assert_int_equal(stat(path_of(rig, "a.log"), &st), 0);
    assert_int_equal(id.ino, st.st_ino);
    assert_int_equal(id.dev, st.st_dev);
    assert_true(id.handle_len > 0 && id.handle_len <= HANDLE_BYTES);
    assert_true(id.btime_ns >= before_ns && id.btime_ns <= clock_wall_ns());
}

static void a_renamed_and_grown_file_is_the_same(void **state)
{
    struct rig *rig = *state;
    put(rig, "a.log", "x\n");
    struct file_id before = id_of(rig, "a.log");
    rename_in(rig, "a.log", "a.log.1");
    put(rig, "a.log.1", "y\n");
    struct file_id after = id_of(rig, "a.log.1");
    assert_true(file_id_equal(&before, &after));
    assert_int_equal(link(path_of(rig, "a.log.1"), path_of(rig, "b.log")), 0);
    after = id_of(rig, "b.log");
    assert_true(file_id_equal(&before, &after));
    assert_int_equal(truncate(path_of(rig, "b.log"), 0), 0);
    after = id_of(rig, "b.log");
    assert_true(file_id_equal(&before, &after));
}

/* ext4 gives the number of a deleted file to the very next one. */
static void a_used_again_inode_is_another_file(void **state)
{
    struct rig *rig = *state;
    unsigned n_again = 0;
    for (int i = 0; i < 200; i++) {
        put(rig, "a.log", "x\n");
        struct file_id before = id_of(rig, "a.log");
        unlink_in(rig, "a.log");
        put(rig, "a.log", "x\n");
        struct file_id after = id_of(rig, "a.log");
        unlink_in(rig, "a.log");
        n_again += before.ino == after.ino;
        assert_false(file_id_equal(&before, &after));
    }
    print_message("%s: %u of 200 files had the inode number of the one before\n", rig->dir,
                  n_again);
}

static void without_handles_device_and_birth_decide(void **state)
{
    (void)state;
    const struct file_id one = {.dev = 1, .ino = 5, .btime_ns = 9};
    struct file_id other = one;
    assert_true(file_id_equal(&one, &other));
    other.dev = 2;
    assert_false(file_id_equal(&one, &other));
    other = one;
    other.btime_ns = 10;
    assert_false(file_id_equal(&one, &other));
}

/* The device number of a mount may change over a remount; the handle does not. */
static void with_handles_the_device_is_only_a_hint(void **state)
{
    (void)state;
    const struct file_id one = {.dev = 1, .ino = 5, .btime_ns = 9, .handle_len = 2, .handle = "ab"};
    struct file_id other = one;
    other.dev = 2;
    assert_true(file_id_equal(&one, &other));
    other.handle[1] = 'c';
    assert_false(file_id_equal(&one, &other));
    other = one;
    other.handle_len = 0;
    assert_false(file_id_equal(&one, &other));
}

static void birth_of_a_name(void **state)
{
    struct rig *rig = *state;
    put(rig, "a.log", "x\n");
    struct file_id id = id_of(rig, "a.log");
    assert_int_equal(birth_of(path_of(rig, "a.log")), id.btime_ns);
    assert_int_equal(birth_of(path_of(rig, "none.log")), -1);
}

static void a_closed_descriptor_is_an_error(void **state)
{
    (void)state;
    struct file_id id;
    struct err err = ERR_INIT;
    assert_int_equal(file_id_of(-1, &id, &err), -1);
    assert_string_equal(err.text, "statx: Bad file descriptor");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        ON_BOTH(the_kernel_gives_handle_and_birth),
        ON_BOTH(a_renamed_and_grown_file_is_the_same),
        ON_BOTH(a_used_again_inode_is_another_file),
        cmocka_unit_test(without_handles_device_and_birth_decide),
        cmocka_unit_test(with_handles_the_device_is_only_a_hint),
        ON_BOTH(birth_of_a_name),
        cmocka_unit_test(a_closed_descriptor_is_an_error),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
