/* test_base_supervisor.c: what systemd and Kubernetes are told, over a real socket and in a real file. */
#include "posta_test.h"

#include <posta/loop.h>
#include <posta/supervisor.h>

#include <fcntl.h>
#include <stddef.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

/* Bound to this name, as systemd's end: '@' stands for the first byte of an abstract one. */
static int listen_at(const char *name)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    size_t len = strlen(name);
    memcpy(address.sun_path, name, len);
    if (*name == '@')
        address.sun_path[0] = '\0';
    int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    assert_int_equal(bind(fd, (struct sockaddr *)&address,
                          (socklen_t)(offsetof(struct sockaddr_un, sun_path) + len)),
                     0);
    assert_int_equal(setenv("NOTIFY_SOCKET", name, 1), 0);
    return fd;
}

static void assert_told(int fd, const char *expected)
{
    char text[256];
    ssize_t n = recv(fd, text, sizeof text - 1, 0);
    assert_true(n >= 0);
    text[n] = '\0';
    assert_string_equal(text, expected);
}

static void a_path_is_told(void **state)
{
    (void)state;
    char dir[] = "/tmp/posta-supervisor-XXXXXX", path[64];
    assert_non_null(mkdtemp(dir));
    snprintf(path, sizeof path, "%s/notify", dir);
    int fd = listen_at(path);
    supervisor_tell("READY=1");
    assert_told(fd, "READY=1");
    close(fd);
    unlink(path);
    supervisor_tell("STOPPING=1"); /* nobody listens any more: posta goes on */
    rmdir(dir);
}

static void an_abstract_name_is_told(void **state)
{
    (void)state;
    char name[64];
    snprintf(name, sizeof name, "@posta-test-%d", (int)getpid());
    int fd = listen_at(name);
    supervisor_tell("WATCHDOG=1");
    assert_told(fd, "WATCHDOG=1");
    close(fd);
}

static void a_reload_has_its_time(void **state)
{
    (void)state;
    char name[64], text[256];
    snprintf(name, sizeof name, "@posta-reload-%d", (int)getpid());
    int fd = listen_at(name);
    int64_t before_us = clock_mono_ns() / 1000;
    supervisor_tell_reloading();
    ssize_t n = recv(fd, text, sizeof text - 1, 0);
    assert_true(n > 0);
    text[n] = '\0';
    long long us;
    assert_int_equal(sscanf(text, "RELOADING=1\nMONOTONIC_USEC=%lld", &us), 1);
    assert_true(us >= before_us && us <= clock_mono_ns() / 1000);
    close(fd);
}

static void what_is_no_socket_does_no_harm(void **state)
{
    (void)state;
    char longer[200];
    memset(longer, 'a', sizeof longer);
    longer[0] = '/';
    longer[sizeof longer - 1] = '\0';
    static const char *const names[] = {"", "vsock:2:1234", "relative", "/"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        setenv("NOTIFY_SOCKET", names[i], 1);
        supervisor_tell("READY=1");
    }
    setenv("NOTIFY_SOCKET", longer, 1);
    supervisor_tell("READY=1");
    unsetenv("NOTIFY_SOCKET");
    supervisor_tell("READY=1");
}

static void the_watchdog_is_that_of_this_process(void **state)
{
    (void)state;
    char pid[16];
    unsetenv("WATCHDOG_USEC");
    unsetenv("WATCHDOG_PID");
    assert_int_equal(supervisor_watchdog_ns(), 0);
    setenv("WATCHDOG_USEC", "30000000", 1);
    assert_int_equal(supervisor_watchdog_ns(), 30 * NS_PER_S);
    setenv("WATCHDOG_PID", "1", 1);
    assert_int_equal(supervisor_watchdog_ns(), 0);
    snprintf(pid, sizeof pid, "%d", (int)getpid());
    setenv("WATCHDOG_PID", pid, 1);
    assert_int_equal(supervisor_watchdog_ns(), 30 * NS_PER_S);
    static const char *const bad[] = {"-1", "", "soon", "9223372036854775807"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        setenv("WATCHDOG_USEC", bad[i], 1);
        assert_int_equal(supervisor_watchdog_ns(), 0);
    }
}

static void last_words_replace_what_is_there(void **state)
{
    (void)state;
    char path[] = "/tmp/posta-words-XXXXXX", text[8000] = "", longer[6000];
    close(mkstemp(path));
    supervisor_last_words(path, "something longer before");
    supervisor_last_words(path, "12 lines are left");
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    assert_int_equal(read(fd, text, sizeof text), 17);
    assert_string_equal(text, "12 lines are left");
    close(fd);
    memset(longer, 'x', sizeof longer);
    longer[sizeof longer - 1] = '\0';
    supervisor_last_words(path, longer);
    struct stat st;
    assert_int_equal(stat(path, &st), 0);
    assert_int_equal(st.st_size, 4096);
    unlink(path);
    supervisor_last_words(path, "no file is made");
    assert_int_equal(stat(path, &st), -1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_path_is_told),
        cmocka_unit_test(an_abstract_name_is_told),
        cmocka_unit_test(a_reload_has_its_time),
        cmocka_unit_test(what_is_no_socket_does_no_harm),
        cmocka_unit_test(the_watchdog_is_that_of_this_process),
        cmocka_unit_test(last_words_replace_what_is_there),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
