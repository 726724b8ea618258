/* test_agent_identity.c: the uuid in meta.json, and the line of counters. */
#include "agent.h"

#include <posta/fs.h>

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h> /* wants the ones above */

struct rig {
    char dir[64], meta[80];
};

static int rig_open(void **state)
{
    struct rig *rig = mem_zero(1, sizeof(*rig));
    strcpy(rig->dir, "/tmp/posta-identity.XXXXXX");
    assert_non_null(mkdtemp(rig->dir));
    snprintf(rig->meta, sizeof(rig->meta), "%s/meta.json", rig->dir);
    *state = rig;
    return 0;
}

static int rig_close(void **state)
{
    struct rig *rig = *state;
    fs_set_faults(NULL, 0);
    unlink(rig->meta);
    assert_int_equal(rmdir(rig->dir), 0);
    free(rig);
    return 0;
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, rig_open, rig_close)

static struct agent_identity loaded(struct rig *rig)
{
    struct agent_identity identity = {.id = ""};
    struct err err;
    if (identity_load(&identity, rig->dir, &err))
        fail_msg("%s", err.text);
    return identity;
}

static void write_meta(struct rig *rig, const char *text)
{
    struct err err;
    assert_int_equal(fs_replace(rig->meta, text, strlen(text), 0600, &err), 0);
}

/* A random uuid of version 4. */
static void assert_uuid(const char *id)
{
    assert_int_equal(strlen(id), 36);
    assert_int_equal(strspn(id, "0123456789abcdef-"), 36);
    assert_int_equal(id[14], '4');
    assert_non_null(strchr("89ab", id[19]));
    assert_true(id[8] == '-' && id[13] == '-' && id[18] == '-' && id[23] == '-');
}

static void the_uuid_is_made_once_and_kept(void **state)
{
    struct rig *rig = *state;
    struct stat st;
    struct agent_identity one = loaded(rig), two = loaded(rig);
    assert_uuid(one.id);
    assert_uuid(one.ephemeral_id);
    assert_string_equal(one.id, two.id);
    assert_string_not_equal(one.ephemeral_id, two.ephemeral_id);
    assert_true(*one.host != '\0');
    assert_int_equal(stat(rig->meta, &st), 0);
    assert_int_equal(st.st_mode & 07777, 0600);
}

static void meta_of_beats_is_read(void **state)
{
    struct rig *rig = *state;
    write_meta(
        rig,
        "{\"uuid\": "
        "\"0f2a9c3e-1111-4222-8333-944445555666\",\"first_start\":\"2026-01-01T00:00:00Z\"}\n");
    assert_string_equal(loaded(rig).id, "0f2a9c3e-1111-4222-8333-944445555666");
}

static void damaged_meta_is_made_anew(void **state)
{
    struct rig *rig = *state;
    static const char *const texts[] = {"",
                                        "{",
                                        "{\"uuid\":",
                                        "{\"uuid\":\"",
                                        "{\"uuid\":\"0f2a9c3e\"}",
                                        "{\"uuid\":\"0f2a9c3e-1111-4222-8333-944445555666",
                                        "{\"uuid\":\"ZZZZZZZZ-1111-4222-8333-944445555666\"}"};
    for (size_t i = 0; i < sizeof(texts) / sizeof(*texts); i++) {
        write_meta(rig, texts[i]);
        struct agent_identity one = loaded(rig);
        assert_uuid(one.id);
        assert_string_equal(loaded(rig).id, one.id);
    }
}

static void meta_that_cannot_be_read_or_written_stops_the_start(void **state)
{
    struct rig *rig = *state;
    static const struct fs_fault denied = {.call = FS_OPEN, .nth = 1, .fail = EACCES},
                                 full = {.call = FS_WRITE, .nth = 1, .fail = ENOSPC};
    struct agent_identity identity;
    struct err err = ERR_INIT;
    fs_set_faults(&denied, 1);
    assert_int_equal(identity_load(&identity, rig->dir, &err), -1);
    assert_int_equal(err.kind, ERR_DENIED);
    assert_int_equal(strncmp(err.text, "identity: open /tmp/", 20), 0);
    fs_set_faults(&full, 1);
    assert_int_equal(identity_load(&identity, rig->dir, &err), -1);
    assert_int_equal(err.kind, ERR_FULL);
    fs_set_faults(NULL, 0);
    char path[96];
    snprintf(path, sizeof(path), "%s.new", rig->meta);
    unlink(path);
}

static void only_counters_that_are_not_zero_are_reported(void **state)
{
    (void)state;
    const struct tail_stats tail = {.files_open = 2, .bytes_read = UINT64_MAX};
    const struct sender_stats sender = {.lines_sent = 7};
    const struct report_row rows[] = {{"tail", tail_stat_rows, &tail},
                                      {"sender", sender_stat_rows, &sender},
                                      {"kafka", NULL, &tail},
                                      {"file", tail_stat_rows, NULL},
                                      {NULL, NULL, NULL}};
    struct buf line = BUF_INIT;
    report_line(&line, rows);
    assert_string_equal(
        buf_str(&line),
        "tail.files_open=2 tail.bytes_read=18446744073709551615 sender.lines_sent=7");
    buf_free(&line);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(the_uuid_is_made_once_and_kept),
        CASE(meta_of_beats_is_read),
        CASE(damaged_meta_is_made_anew),
        CASE(meta_that_cannot_be_read_or_written_stops_the_start),
        cmocka_unit_test(only_counters_that_are_not_zero_are_reported),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
