/* test_meta_host.c: facts of hosts: files of distributions as they are shipped, and what Beats make of them; this machine. */
#include "meta/meta.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/utsname.h>
#include <unistd.h>

#include <cmocka.h> /* wants the ones above */

static void assert_os(const char *text, const char *members)
{
    struct buf out = BUF_INIT;
    os_release_put(text, "6.1.0", &out);
    assert_string_equal(buf_str(&out), members);
    buf_free(&out);
}

static void distributions(void **state)
{
    (void)state;
    assert_os("PRETTY_NAME=\"Debian GNU/Linux 12 (bookworm)\"\nNAME=\"Debian "
              "GNU/Linux\"\nVERSION_ID=\"12\"\n"
              "VERSION=\"12 "
              "(bookworm)\"\nVERSION_CODENAME=bookworm\nID=debian\nHOME_URL=\"https://"
              "www.debian.org/\"\n",
              "\"type\":\"linux\",\"platform\":\"debian\",\"family\":\"debian\",\"name\":\"Debian "
              "GNU/Linux\","
              "\"version\":\"12 (bookworm)\",\"codename\":\"bookworm\",\"kernel\":\"6.1.0\"");
    assert_os(
        "NAME=\"CentOS Linux\"\nVERSION=\"7 (Core)\"\nID=\"centos\"\nID_LIKE=\"rhel fedora\"\n",
        "\"type\":\"linux\",\"platform\":\"centos\",\"family\":\"redhat\",\"name\":\"CentOS "
        "Linux\","
        "\"version\":\"7 (Core)\",\"codename\":\"Core\",\"kernel\":\"6.1.0\"");
    assert_os("NAME=\"Alpine Linux\"\nID=alpine\nVERSION_ID=3.20.3\n",
              "\"type\":\"linux\",\"platform\":\"alpine\",\"name\":\"Alpine "
              "Linux\",\"version\":\"3.20.3\",\"kernel\":\"6.1.0\"");
    assert_os("ID='opensuse-leap'\r\nNAME='open\"SUSE'\r\nVERSION=\"15 ()\"\r\n",
              "\"type\":\"linux\",\"platform\":\"opensuse-leap\",\"family\":\"suse\",\"name\":"
              "\"open\\\"SUSE\","
              "\"version\":\"15 ()\",\"kernel\":\"6.1.0\"");
    assert_os("NAME=\"a \\\"b\\\" \\$c\"",
              "\"type\":\"linux\",\"name\":\"a \\\"b\\\" $c\",\"kernel\":\"6.1.0\"");
    assert_os("", "\"type\":\"linux\",\"kernel\":\"6.1.0\"");
}

static void write_file(const char *root, const char *path, const char *text)
{
    char *full = mem_printf("%s%s", root, path);
    FILE *file = fopen(full, "we");
    assert_non_null(file);
    fputs(text, file);
    fclose(file);
    free(full);
}

static void the_host_behind_a_container(void **state)
{
    char root[] = "/tmp/posta-host.XXXXXX", path[64];
    const struct host_options options = {.geo_name = "here", .geo_location = "40.7, -74"};
    struct utsname machine;
    struct buf out = BUF_INIT;
    (void)state;
    assert_non_null(mkdtemp(root));
    snprintf(path, sizeof path, "%s/etc", root);
    assert_int_equal(mkdir(path, 0755), 0);
    write_file(
        root, "/etc/os-release",
        "ID=ubuntu\nNAME=Ubuntu\nVERSION=\"24.04 LTS (Noble Numbat)\"\nVERSION_CODENAME=noble\n");
    write_file(root, "/etc/machine-id", "0123456789abcdef0123456789abcdef\n");
    assert_int_equal(uname(&machine), 0);
    assert_int_equal(setenv("container", "test", 1), 0);
    host_meta_put(&options, root, &out);
    char *expected = mem_printf(
        "\"hostname\":\"%s\",\"architecture\":\"%s\",\"id\":\"0123456789abcdef0123456789abcdef\","
        "\"containerized\":true,"
        "\"os\":{\"type\":\"linux\",\"platform\":\"ubuntu\",\"family\":\"debian\",\"name\":"
        "\"Ubuntu\","
        "\"version\":\"24.04 LTS (Noble Numbat)\",\"codename\":\"noble\",\"kernel\":\"%s\"},"
        "\"geo\":{\"name\":\"here\",\"location\":\"40.7, -74\"}",
        machine.nodename, machine.machine, machine.release);
    assert_string_equal(buf_str(&out), expected);
    free(expected);
    buf_free(&out);
    char *remove = mem_printf("rm -r %s", root);
    assert_int_equal(system(remove), 0);
    free(remove);
}

/* As /sys has them; loopback is left out. */
static void addresses_of_this_machine(void **state)
{
    const struct host_options options = {.netinfo = true};
    struct buf out = BUF_INIT;
    struct json_span object, value;
    struct err err;
    (void)state;
    buf_putc(&out, '{');
    host_meta_put(&options, "", &out);
    buf_putc(&out, '}');
    assert_int_equal(json_check(out.data, out.len, &object, &err), 0);
    assert_null(strstr(buf_str(&out), "127.0.0.1"));
    assert_null(strstr(buf_str(&out), "00-00-00-00-00-00"));
    if (json_member(object, "mac", JSON_ARRAY, &value))
        assert_true(strspn(value.at, "[]\",-0123456789ABCDEF") >= value.len);
    buf_free(&out);
}

static void options_that_cannot_be(void **state)
{
    struct host_options options = {.replaces = true, .geo_location = "40.7, -74.0"};
    struct err err;
    (void)state;
    assert_int_equal(host_meta_check(&options, &err), 0);
    options.geo_location = "Madrid";
    assert_int_equal(host_meta_check(&options, &err), -1);
    assert_string_equal(
        err.text,
        "geo.location: expected latitude and longitude, such as \"40.7, -74.0\", found 'Madrid'");
    options = (struct host_options) {.replaces = false};
    assert_int_equal(host_meta_check(&options, &err), -1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(distributions),
        cmocka_unit_test(the_host_behind_a_container),
        cmocka_unit_test(addresses_of_this_machine),
        cmocka_unit_test(options_that_cannot_be),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
