/* test_config_load.c: files. */
#include "test_config.h"

#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

static char path[64];

static void write_file(const char *text, mode_t mode)
{
    snprintf(path, sizeof(path), "/tmp/posta-test-XXXXXX");
    int fd = mkstemp(path);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, text, strlen(text)), (ssize_t)strlen(text));
    assert_int_equal(fchmod(fd, mode), 0);
    close(fd);
}

static void a_file_is_read(void **state)
{
    struct fixture *fix = *state;
    write_file("name: x\n", 0600);
    assert_int_equal(config_add_file(fix->config, path, &fix->problems), 0);
    assert_int_equal(fix->problems.n, 0);
    assert_text(fix, "name", "x");
    unlink(path);
}

static void a_file_others_can_write_gets_a_warning(void **state)
{
    struct fixture *fix = *state;
    char text[200];
    write_file("name: x\n", 0666);
    assert_int_equal(config_add_file(fix->config, path, &fix->problems), 0);
    snprintf(text, sizeof(text), "%s: writable by everybody (mode 0666): chmod go-w %s", path,
             path);
    assert_problem(fix, text);
    assert_int_equal(fix->problems.n_errors, 0);
    unlink(path);
}

static void a_missing_file_is_an_error(void **state)
{
    struct fixture *fix = *state;
    assert_int_equal(config_add_file(fix->config, "/nowhere/posta.yml", &fix->problems), -1);
    assert_problem(fix, "/nowhere/posta.yml: No such file or directory");
}

static void a_directory_is_an_error(void **state)
{
    struct fixture *fix = *state;
    assert_int_equal(config_add_file(fix->config, "/tmp", &fix->problems), -1);
    assert_problem(fix, "/tmp: is a directory, expected a file");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(a_file_is_read),
        CASE(a_file_others_can_write_gets_a_warning),
        CASE(a_missing_file_is_an_error),
        CASE(a_directory_is_an_error),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
