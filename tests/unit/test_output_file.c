/* test_output_file.c: the outputs that write lines: a file that is rotated by size, and standard output. */
#include "config/config.h"
#include "output/output.h"

#include <posta/buf.h>
#include <posta/fs.h>
#include <posta/log.h>

#include <errno.h>
#include <ftw.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h> /* wants the ones above */

struct rig {
    char dir[64];
    struct loop *loop;
    struct config *config;
    const struct output *output;
    void *self;
    int n_verdicts, n_room;
    uint64_t last_token;
};

static int64_t now_ns = 1000 * NS_PER_S;

static int64_t mono_ns(void)
{
    return now_ns;
}

static int64_t wall_ns(void)
{
    return 0;
}

static int rig_open(void **state)
{
    static const struct clock_ops ops = {.mono_ns = mono_ns, .wall_ns = wall_ns};
    const struct log_config quiet = {.level = (enum log_level)(LOG_ERROR + 1)};
    struct rig *rig = mem_zero(1, sizeof(*rig));
    struct err err;
    log_setup(&quiet);
    clock_set(&ops);
    strcpy(rig->dir, "/tmp/posta-output.XXXXXX");
    rig->config = config_new(NULL);
    *state = rig;
    return mkdtemp(rig->dir) && loop_new(&rig->loop, &err) == 0 ? 0 : -1;
}

static int remove_one(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
    (void)st, (void)type, (void)ftw;
    return remove(path);
}

static void close_output(struct rig *rig)
{
    if (!rig->self)
        return;
    rig->output->close(rig->self);
    options_free(rig->output->options, rig->self);
    free(rig->self);
    rig->self = NULL;
}

static int rig_close(void **state)
{
    struct rig *rig = *state;
    fs_set_faults(NULL, 0);
    close_output(rig);
    config_free(rig->config);
    loop_free(rig->loop);
    nftw(rig->dir, remove_one, 16, FTW_DEPTH | FTW_PHYS);
    clock_set(NULL);
    free(rig);
    return 0;
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, rig_open, rig_close)

static void take_verdict(void *arg, uint64_t token, enum verdict what, const char *why,
                         const char *bytes, size_t len)
{
    struct rig *rig = arg;
    assert_int_equal(what, VERDICT_DELIVERED);
    assert_null(why);
    assert_null(bytes);
    assert_int_equal(len, 0);
    rig->n_verdicts++;
    rig->last_token = token;
}

static void take_room(void *arg)
{
    ((struct rig *)arg)->n_room++;
}

static int try_open(struct rig *rig, const struct output *output, const char *yaml, struct err *err)
{
    struct problems problems = PROBLEMS_INIT;
    const struct output_env env = {
        .loop = rig->loop, .arg = rig, .n_routes = 1, .verdict = take_verdict, .room = take_room};
    rig->output = output;
    rig->self = mem_zero(1, output->size);
    if (config_add_bytes(rig->config, "posta.yml", yaml, strlen(yaml), &problems) ||
        options_read(config_root(rig->config), "output", output->options, rig->self, &problems))
        fail_msg("%s", problems.at[0].text);
    problems_free(&problems);
    return output->open(rig->self, &env, err);
}

/* Three files of at most about so many KiB, in a folder of their own below the rig's. */
static void open_sized(struct rig *rig, int kb, const char *more)
{
    char *yaml =
        mem_printf("path: %s/a/b\nrotate_every_kb: %d\nnumber_of_files: 3\n%s", rig->dir, kb, more);
    struct err err;
    if (try_open(rig, &file_output, yaml, &err))
        fail_msg("%s", err.text);
    free(yaml);
}

static void open_file(struct rig *rig, const char *more)
{
    open_sized(rig, 1, more);
}

static int send_text(struct rig *rig, const char *text, uint64_t token, struct err *err)
{
    const struct out_event ev = {.bytes = text, .len = strlen(text)};
    return rig->output->send(rig->self, &ev, token, err);
}

static void send_ok(struct rig *rig, const char *text)
{
    struct err err;
    if (send_text(rig, text, 1, &err))
        fail_msg("%s", err.text);
}

static void turn(struct rig *rig, int n)
{
    struct err err;
    for (int i = 0; i < n; i++, now_ns += NS_PER_MS)
        assert_int_equal(loop_turn(rig->loop, 0, &err), 0);
}

static void assert_file(struct rig *rig, const char *name, const char *text)
{
    char *path = mem_printf("%s/%s", rig->dir, name);
    struct buf bytes = BUF_INIT;
    struct err err;
    if (fs_read_file(path, 1 << 20, &bytes, &err))
        fail_msg("%s", err.text);
    assert_string_equal(buf_str(&bytes), text);
    buf_free(&bytes);
    free(path);
}

static mode_t mode_of(struct rig *rig, const char *name, off_t *size)
{
    char *path = mem_printf("%s/%s", rig->dir, name);
    struct stat st;
    int rc = stat(path, &st);
    free(path);
    *size = rc ? -1 : st.st_size;
    return rc ? 0 : st.st_mode & 07777;
}

/* ---- file ---- */

static void a_line_each_and_a_verdict_each(void **state)
{
    struct rig *rig = *state;
    struct err err;
    open_file(rig, "");
    assert_int_equal(send_text(rig, "{\"a\":1}", 41, &err), 0);
    assert_int_equal(rig->n_verdicts, 1);
    assert_int_equal(rig->last_token, 41);
    send_ok(rig, "{}");
    assert_file(rig, "a/b/posta", "{\"a\":1}\n{}\n");
    close_output(rig);
    open_file(rig, "filename: posta\n");
    send_ok(rig, "again");
    assert_file(rig, "a/b/posta", "{\"a\":1}\n{}\nagain\n");
}

static void modes_of_files(void **state)
{
    struct rig *rig = *state;
    off_t size;
    umask(0);
    open_file(rig, "");
    assert_int_equal(mode_of(rig, "a/b/posta", &size), 0600);
    assert_int_equal(mode_of(rig, "a/b", &size), 0750);
    close_output(rig);
    open_file(rig, "filename: other\npermissions: 0640\n");
    assert_int_equal(mode_of(rig, "a/b/other", &size), 0640);
    umask(022);
}

static void it_is_rotated_by_size(void **state)
{
    struct rig *rig = *state;
    static char line[600];
    off_t size;
    open_file(rig, "");
    for (int i = 0; i < 9; i++) {
        memset(line, 'a' + i, sizeof(line) - 1);
        send_ok(rig, line);
    }
    mode_of(rig, "a/b/posta", &size);
    assert_int_equal(size, 600);
    mode_of(rig, "a/b/posta-1", &size);
    assert_int_equal(size, 1200);
    mode_of(rig, "a/b/posta-2", &size);
    assert_int_equal(size, 1200);
    mode_of(rig, "a/b/posta-3", &size);
    assert_int_equal(size, -1);
    assert_int_equal(rig->n_verdicts, 9);
}

static void what_is_half_written_is_cut_off_and_tried_again(void **state)
{
    struct rig *rig = *state;
    static const struct fs_fault fault = {
        .call = FS_WRITE, .nth = 1, .times = 1, .fail = ENOSPC, .short_len = 3};
    struct err err;
    open_file(rig, "");
    send_ok(rig, "one");
    fs_set_faults(&fault, 1);
    assert_int_equal(send_text(rig, "two and more", 2, &err), -1);
    assert_int_equal(err.kind, ERR_AGAIN);
    assert_int_equal(rig->n_verdicts, 1);
    assert_file(rig, "a/b/posta", "one\n");
    turn(rig, 500);
    assert_int_equal(rig->n_room, 0);
    turn(rig, 600);
    assert_int_equal(rig->n_room, 1);
    send_ok(rig, "two and more");
    assert_file(rig, "a/b/posta", "one\ntwo and more\n");
}

static void a_rotation_that_fails_loses_nothing(void **state)
{
    struct rig *rig = *state;
    static const struct fs_fault faults[] = {
        {.call = FS_RENAME, .nth = 2, .times = 1, .fail = EACCES},
        {.call = FS_SYNC, .nth = 2, .times = 1, .fail = EIO}};
    static char line[1100];
    struct err err;
    off_t size;
    memset(line, 'x', sizeof(line) - 1);
    open_file(rig, "");
    send_ok(rig, line);
    fs_set_faults(faults, 2);
    assert_int_equal(send_text(rig, "next", 2, &err), -1);
    assert_int_equal(send_text(rig, "next", 2, &err), -1);
    assert_int_equal(rig->n_verdicts, 1);
    send_ok(rig, "next");
    assert_file(rig, "a/b/posta", "next\n");
    mode_of(rig, "a/b/posta-1", &size);
    assert_int_equal(size, 1100);
}

static void a_real_full_disk(void **state)
{
    struct rig *rig = *state;
    struct err err;
    char *at = mem_printf("%s/a", rig->dir);
    static char line[5000];
    memset(line, 'x', sizeof(line) - 1);
    assert_int_equal(mkdir(at, 0755), 0);
    if (mount("none", at, "tmpfs", 0, "size=64k") < 0) {
        free(at);
        skip();
    }
    open_sized(rig, 1000, "");
    int n = 0;
    while (n < 100 && send_text(rig, line, 1, &err) == 0)
        n++;
    off_t size;
    mode_of(rig, "a/b/posta", &size);
    bool is_cut = n < 100 && size == n * 5000 && err.kind == ERR_AGAIN;
    assert_int_equal(mount("none", at, NULL, MS_REMOUNT, "size=128k"), 0);
    bool is_on = send_text(rig, line, 1, &err) == 0;
    close_output(rig);
    umount(at);
    free(at);
    assert_true(is_cut && is_on);
}

static void a_folder_that_cannot_be_made(void **state)
{
    struct rig *rig = *state;
    struct err err;
    assert_int_equal(try_open(rig, &file_output, "path: /proc/posta\n", &err), -1);
    assert_string_equal(err.text,
                        "output.file: make folder /proc/posta: No such file or directory");
}

static void test_says_what_it_finds(void **state)
{
    struct rig *rig = *state;
    char *text = NULL;
    size_t len;
    struct err err;
    open_file(rig, "");
    close_output(rig);
    char *want = mem_printf("file: %s/a/b/posta\n  open for writing... OK\n", rig->dir);
    rig->self = mem_zero(1, file_output.size);
    struct problems problems = PROBLEMS_INIT;
    assert_int_equal(
        options_read(config_root(rig->config), "output", file_output.options, rig->self, &problems),
        0);
    problems_free(&problems);
    FILE *to = open_memstream(&text, &len);
    const struct output_env env = {.loop = rig->loop, .arg = rig};
    assert_int_equal(file_output.test(rig->self, &env, to, &err), 0);
    fclose(to);
    assert_string_equal(text, want);
    free(text);
    free(want);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(a_line_each_and_a_verdict_each),
        CASE(modes_of_files),
        CASE(it_is_rotated_by_size),
        CASE(what_is_half_written_is_cut_off_and_tried_again),
        CASE(a_rotation_that_fails_loses_nothing),
        CASE(a_real_full_disk),
        CASE(a_folder_that_cannot_be_made),
        CASE(test_says_what_it_finds),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
