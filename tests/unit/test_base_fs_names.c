/* test_base_fs_names.c: locks that are looked at, files with two names, files that exchange theirs. */
#include "posta_test.h"

static struct err err;

static void looking_at_a_lock_tells_its_holder_and_leaves_it(void **state)
{
    char *path = path_in(*state, "lock");
    int pid = -1;
    assert_int_equal(fs_is_locked(path, &pid, &err), -1);
    assert_int_equal(err.kind, ERR_GONE);
    assert_false(file_exists(*state, "lock"));
    int fd = fs_lock(path, &err);
    assert_true(fd >= 0);
    assert_int_equal(fs_is_locked(path, &pid, &err), 1);
    assert_int_equal(pid, getpid());
    close(fd);
    assert_int_equal(fs_is_locked(path, &pid, &err), 0);
    fd = fs_lock(path, &err);
    assert_true(fd >= 0);
    close(fd);
    free(path);
}

static void a_second_name_never_takes_another_files(void **state)
{
    char *one = path_in(*state, "one"), *two = path_in(*state, "two");
    char *name = path_in(*state, "name");
    file_write(*state, "one", "1", 1);
    file_write(*state, "two", "2", 1);
    assert_int_equal(fs_link(one, name, &err), 0);
    assert_int_equal(fs_link(one, name, &err), 0);
    assert_int_equal(fs_link(two, name, &err), -1);
    assert_int_equal(err.sys_errno, EEXIST);
    free(one);
    free(two);
    free(name);
}

static void two_files_exchange_their_names(void **state)
{
    char *one = path_in(*state, "one"), *two = path_in(*state, "two");
    struct buf bytes = BUF_INIT;
    file_write(*state, "one", "1", 1);
    file_write(*state, "two", "2", 1);
    assert_int_equal(fs_exchange(one, two, &err), 0);
    file_read(*state, "one", &bytes);
    assert_int_equal(bytes.data[0], '2');
    assert_int_equal(unlink(two), 0);
    assert_int_equal(fs_exchange(one, two, &err), -1);
    assert_int_equal(err.kind, ERR_GONE);
    buf_free(&bytes);
    free(one);
    free(two);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        IN_FOLDER(looking_at_a_lock_tells_its_holder_and_leaves_it),
        IN_FOLDER(a_second_name_never_takes_another_files),
        IN_FOLDER(two_files_exchange_their_names),
    };
    return cmocka_run_group_tests(tests, log_nothing, NULL);
}
