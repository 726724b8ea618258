/* test_meta_keep.c: what is known of logs, over a restart: files that are whole, torn, long, or cannot be written. */
#include "meta/meta.h"

#include "posta_test.h"

struct rig {
    char dir[64], path[96];
    struct loop *loop;
    struct pods pods;
    struct kube_rules rules;
    struct buf told;
};

static int set_up(void **state)
{
    struct rig *rig = mem_zero(1, sizeof *rig);
    struct err err;
    log_setup(&(struct log_config) {.level = LOG_ERROR});
    strcpy(rig->dir, "/tmp/posta-keep.XXXXXX");
    assert_non_null(mkdtemp(rig->dir));
    snprintf(rig->path, sizeof rig->path, "%s/kubernetes.json", rig->dir);
    assert_int_equal(loop_new(&rig->loop, &err), 0);
    pods_init(&rig->pods, 60);
    rig->rules = (struct kube_rules) {.logs_path = ""};
    *state = rig;
    return 0;
}

static int tear_down(void **state)
{
    struct rig *rig = *state;
    pods_free(&rig->pods);
    loop_free(rig->loop);
    buf_free(&rig->told);
    unlink(rig->path);
    rmdir(rig->dir);
    free(rig);
    return 0;
}

static void tell(void *arg, const char *path, int64_t born_s, const char *members)
{
    buf_printf(&((struct rig *)arg)->told, "<%s %lld %s>", path, (long long)born_s, members);
}

static struct buf members_of(const char *text)
{
    struct buf members = BUF_INIT;
    buf_puts(&members, text);
    return members;
}

static void write_file(const struct rig *rig, const char *text)
{
    FILE *file = fopen(rig->path, "we");
    assert_non_null(file);
    fputs(text, file);
    fclose(file);
}

static void what_is_added_is_there_again(void **state)
{
    struct rig *rig = *state;
    struct buf members = members_of("\"a\":{\"b\":\"\\\"\"}"), none = BUF_INIT;
    struct keep keep;
    keep_init(&keep, rig->path);
    keep_load(&keep, tell, rig);
    assert_false(keep_add(&keep, "/x", 7, &members)); /* there is no file yet */
    keep_rewrite(&keep, &none);
    assert_true(keep_add(&keep, "/x \"1\"", 7, &members));
    assert_true(keep_add(&keep, "/y", 8, &members));
    keep_free(&keep);
    keep_init(&keep, rig->path);
    keep_load(&keep, tell, rig);
    keep_free(&keep);
    assert_string_equal(buf_str(&rig->told),
                        "</x \"1\" 7 \"a\":{\"b\":\"\\\"\"}></y 8 \"a\":{\"b\":\"\\\"\"}>");
    buf_free(&members);
}

static void lines_that_are_none_are_passed_over(void **state)
{
    struct rig *rig = *state;
    struct keep keep;
    write_file(rig, "\n[]\n{\"path\":1,\"born\":1,\"members\":{\"a\":1}}\n{\"path\":\"/"
                    "a\",\"born\":1,\"members\":{}}\n"
                    "{\"path\":\"/b\",\"born\":2,\"members\":{\"a\":1}}\n{\"path\":\"/"
                    "c\",\"born\":2,\"members\":[1]}\n"
                    "{\"path\":\"/d\",\"born\":3,\"memb");
    keep_init(&keep, rig->path);
    keep_load(&keep, tell, rig);
    keep_free(&keep);
    assert_string_equal(buf_str(&rig->told), "</b 2 \"a\":1>");
}

static void a_file_that_has_become_long_is_written_anew(void **state)
{
    struct rig *rig = *state;
    struct buf members = BUF_INIT, none = BUF_INIT;
    struct keep keep;
    buf_puts(&members, "\"a\":\"");
    for (int i = 0; i < 1024; i++)
        buf_puts(&members, "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef0123456"
                           "789abcdef0123456789abcdef0123456789abcdef0123456789abcdef");
    buf_putc(&members, '"');
    keep_init(&keep, rig->path);
    keep_rewrite(&keep, &none);
    int n = 0;
    while (keep_add(&keep, "/x", 1, &members) && n < 1000)
        n++;
    assert_in_range(n, 60, 70); /* of 128 KB each */
    keep_rewrite(&keep, &none);
    assert_true(keep_add(&keep, "/x", 1, &members));
    keep_free(&keep);
    buf_free(&members);
}

/* Nobody is held up by it. */
static void a_file_that_cannot_be_written(void **state)
{
    struct rig *rig = *state;
    struct buf members = members_of("\"a\":1"), none = BUF_INIT;
    struct keep keep;
    const struct fs_fault full = {.call = FS_WRITE, .nth = 1, .times = -1, .fail = ENOSPC};
    keep_init(&keep, rig->path);
    keep_rewrite(&keep, &none);
    fs_set_faults(&full, 1);
    assert_true(keep_add(&keep, "/x", 1, &members));
    fs_set_faults(NULL, 0);
    assert_true(keep_add(&keep, "/y", 1, &members));
    keep_load(&keep, tell, rig);
    assert_string_equal(buf_str(&rig->told), "</y 1 \"a\":1>");
    keep_free(&keep);
    keep_init(&keep, "/nowhere/at/all");
    keep_rewrite(&keep, &none);
    assert_false(keep_add(&keep, "/x", 1, &members));
    keep_free(&keep);
    buf_free(&members);
}

static struct abouts open_abouts(struct rig *rig)
{
    struct abouts abouts = {.loop = rig->loop, .pods = &rig->pods, .rules = &rig->rules};
    keep_init(&abouts.keep, rig->path);
    abouts_load(&abouts);
    return abouts;
}

static void put_pod(struct rig *rig, const char *ip)
{
    struct pod *pod = pod_new();
    pod->name = pod_own(pod, "a", 1);
    pod->namespace = pod_own(pod, "ns", 2);
    pod->uid = pod_own(pod, "u1", 2);
    pod->ip = pod_own(pod, ip, strlen(ip));
    pods_put(&rig->pods, pod);
}

#define LOG "/var/log/pods/ns_a_u1/c/0.log"
#define OF_PATH                                                                                    \
    "\"kubernetes\":{\"namespace\":\"ns\",\"pod\":{\"name\":\"a\",\"uid\":\"u1\"},\"container\":{" \
    "\"name\":\"c\"}}"
#define OF_POD                                                                                     \
    "\"kubernetes\":{\"namespace\":\"ns\",\"pod\":{\"name\":\"a\",\"uid\":\"u1\",\"ip\":\"10.0.0." \
    "2\"},"                                                                                        \
    "\"container\":{\"name\":\"c\"}}"

static void a_log_is_told_what_is_known_now_and_then(void **state)
{
    struct rig *rig = *state;
    struct abouts abouts = open_abouts(rig);
    struct about *about = abouts_find(&abouts, LOG, 5);
    assert_string_equal(buf_str(&about->members), OF_PATH);
    assert_false(about->is_known);
    put_pod(rig, "10.0.0.1");
    put_pod(rig, "10.0.0.2");
    about = abouts_find(&abouts, LOG, 5);
    assert_true(about->is_known);
    assert_string_equal(buf_str(&about->members), OF_POD);
    pods_gone(&rig->pods, "u1", 1);
    pods_tidy(&rig->pods, 1000);
    assert_int_equal(rig->pods.n, 0);
    rig->pods.version++;
    assert_string_equal(buf_str(&abouts_find(&abouts, LOG, 5)->members), OF_POD);
    abouts_free(&abouts);
    abouts = open_abouts(rig); /* as after a restart */
    about = abouts_find(&abouts, LOG, 5);
    assert_true(about->is_known);
    assert_string_equal(buf_str(&about->members), OF_POD);
    abouts_free(&abouts);
}

static void logs_that_are_no_pods_tell_nothing(void **state)
{
    struct rig *rig = *state;
    struct abouts abouts = open_abouts(rig);
    assert_string_equal(buf_str(&abouts_find(&abouts, "/var/log/syslog", 5)->members), "");
    rig->rules.logs_path = "/var/log/containers/";
    assert_string_equal(buf_str(&abouts_find(&abouts, LOG, 5)->members), "");
    abouts_free(&abouts);
}

static void they_are_bounded(void **state)
{
    struct rig *rig = *state;
    struct abouts abouts = open_abouts(rig);
    char path[96];
    for (int i = 0; i < ABOUTS_MAX + 100; i++) {
        snprintf(path, sizeof path, "/var/log/pods/ns_p%d_u%d/c/0.log", i, i);
        (void)abouts_find(&abouts, path, 5);
    }
    assert_int_equal(abouts.n, ABOUTS_MAX);
    abouts_forget(&abouts, -1);
    assert_int_equal(abouts.n, 0);
    abouts_free(&abouts);
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(what_is_added_is_there_again),
        CASE(lines_that_are_none_are_passed_over),
        CASE(a_file_that_has_become_long_is_written_anew),
        CASE(a_file_that_cannot_be_written),
        CASE(a_log_is_told_what_is_known_now_and_then),
        CASE(logs_that_are_no_pods_tell_nothing),
        CASE(they_are_bounded),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
