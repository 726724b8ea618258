/* test_output_kafka_certs.c: changed certificates are noticed, waited for, judged and told of, with a clock turned by hand. */
#include "output/kafka.h"
#include "pki_test.h"
#include "posta_test.h"

#include <posta/watch.h>

#include <errno.h>
#include <sys/inotify.h>
#include <sys/mman.h>
#include <sys/syscall.h>

/* ---- a kernel without inotify, when that is wanted ---- */

static bool is_inotify_refused;

int inotify_init1(int flags)
{
    if (!is_inotify_refused)
        return (int)syscall(SYS_inotify_init1, flags);
    errno = EMFILE;
    return -1;
}

/* ---- the rig ---- */

static int64_t mono_ns, wall_ns;

static int64_t hand_mono(void)
{
    return mono_ns;
}

static int64_t hand_wall(void)
{
    return wall_ns;
}

static const struct clock_ops by_hand = {.mono_ns = hand_mono, .wall_ns = hand_wall};

/* A folder with the pairs one and two of which one is in use as tls.crt and tls.key, and what was told. */
struct rig {
    char dir[64];
    struct loop *loop;
    struct kafka_tls tls;
    char *authority[1];
    struct certs *certs;
    unsigned n_fresh, n_looked, n_refused;
    bool takes; /* fresh ones are in use from then on */
    int log_fd, stderr_fd;
};

static void fresh(void *arg, struct kafka_pems *pems)
{
    struct rig *rig = arg;
    rig->n_fresh++;
    if (rig->takes) {
        kafka_free_pems(rig->tls.pems);
        rig->tls.pems = pems;
    } else {
        certs_refuse(rig->certs, pems, "the brokers want it not");
        kafka_free_pems(pems);
    }
}

static void looked(void *arg)
{
    ((struct rig *)arg)->n_looked++;
}

static void refused(void *arg)
{
    ((struct rig *)arg)->n_refused++;
}

static char *in_dir(const struct rig *rig, const char *name)
{
    return mem_printf("%s/%s", rig->dir, name);
}

static void make_pair(const struct rig *rig, const char *name, long from_s, long to_s)
{
    char file[64];
    EVP_PKEY *key = EVP_EC_gen("P-256");
    snprintf(file, sizeof(file), "%s.key", name);
    pki_key(rig->dir, file, key, NULL);
    snprintf(file, sizeof(file), "%s.crt", name);
    pki_dated(rig->dir, file, key, from_s, to_s);
    EVP_PKEY_free(key);
}

static void shell(const struct rig *rig, const char *command)
{
    char *line = mem_printf("cd %s && { %s; }", rig->dir, command);
    assert_int_equal(system(line), 0);
    free(line);
}

static int rig_open(void **state)
{
    struct rig *rig = mem_zero(1, sizeof(*rig));
    strcpy(rig->dir, "/tmp/posta-certs.XXXXXX");
    assert_non_null(mkdtemp(rig->dir));
    wall_ns = (int64_t)time(NULL) * NS_PER_S;
    mono_ns = 1000 * NS_PER_S;
    is_inotify_refused = false;
    clock_set(&by_hand);
    make_pair(rig, "one", -1000, 100 * 86400);
    make_pair(rig, "two", -1000, 100 * 86400);
    shell(rig, "mkdir live; cp -p one.crt live/tls.crt; cp -p one.key live/tls.key; cp one.crt "
               "live/ca.crt");
    rig->takes = true;
    rig->tls = (struct kafka_tls) {.enabled = -1, .authorities = {.at = rig->authority, .n = 1}};
    rig->authority[0] = in_dir(rig, "live/ca.crt");
    rig->tls.certificate = in_dir(rig, "live/tls.crt");
    rig->tls.key = in_dir(rig, "live/tls.key");
    log_setup(&(struct log_config) {.level = LOG_INFO});
    rig->log_fd = memfd_create("log", MFD_CLOEXEC);
    rig->stderr_fd = dup(STDERR_FILENO);
    dup2(rig->log_fd, STDERR_FILENO);
    struct err err;
    assert_int_equal(loop_new(&rig->loop, &err), 0);
    *state = rig;
    return 0;
}

static int rig_close(void **state)
{
    struct rig *rig = *state;
    certs_free(rig->certs);
    loop_free(rig->loop);
    dup2(rig->stderr_fd, STDERR_FILENO);
    close(rig->stderr_fd);
    close(rig->log_fd);
    kafka_forget_tls(&rig->tls);
    folder_empty(rig->dir);
    rmdir(rig->dir);
    free(rig->tls.certificate);
    free(rig->tls.key);
    free(rig->authority[0]);
    free(rig);
    clock_set(NULL);
    return 0;
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, rig_open, rig_close)

/* So much time goes by, seen in steps of half a second. */
static void pass_ms(struct rig *rig, int64_t ms)
{
    struct err err;
    for (int64_t i = 0; i <= ms; i += 500) {
        assert_int_equal(loop_turn(rig->loop, 0, &err), 0);
        mono_ns += 500 * NS_PER_MS;
        wall_ns += 500 * NS_PER_MS;
    }
}

static void start(struct rig *rig)
{
    struct err err = ERR_INIT;
    if (kafka_check_tls(&rig->tls, &err))
        fail_msg("%s", err.text);
    rig->certs = certs_new(&(struct certs_config) {.loop = rig->loop,
                                                   .tls = &rig->tls,
                                                   .arg = rig,
                                                   .fresh = fresh,
                                                   .looked = looked,
                                                   .refused = refused});
    pass_ms(rig, 0);
    assert_int_equal(rig->n_looked, 1);
}

static unsigned n_said(struct rig *rig, const char *words)
{
    static char text[65536];
    unsigned n = 0;
    ssize_t len = pread(rig->log_fd, text, sizeof(text) - 1, 0);
    assert_true(len >= 0);
    text[len] = '\0';
    for (const char *at = text; (at = strstr(at, words)); at++)
        n++;
    return n;
}

static void is_in_use(struct rig *rig, const char *name)
{
    struct buf text = BUF_INIT;
    char file[64];
    snprintf(file, sizeof(file), "%s.crt", name);
    file_read(rig->dir, file, &text);
    assert_int_equal(text.len, rig->tls.pems->certificate.len);
    assert_memory_equal(text.data, rig->tls.pems->certificate.data, text.len);
    buf_free(&text);
}

static void told(struct rig *rig, unsigned n_fresh, unsigned n_refused)
{
    assert_int_equal(rig->n_fresh, n_fresh);
    assert_int_equal(rig->n_refused, n_refused);
    assert_int_equal(n_said(rig, "certificate files are not used"), n_refused);
}

#define PUT(name)                                                                                  \
    "cp -p " name ".key n.key && mv n.key live/tls.key && cp -p " name                             \
    ".crt n.crt && mv n.crt live/tls.crt"

/* ---- noticed ---- */

static void without_a_change_nothing_is_told(void **state)
{
    struct rig *rig = *state;
    start(rig);
    shell(rig, "cp one.crt live/other; touch live/x; mv live/x live/y; rm live/y");
    pass_ms(rig, 20000);
    assert_int_equal(rig->n_looked, 1);
    pass_ms(rig, 300000);
    assert_int_equal(rig->n_looked, 2);
    told(rig, 0, 0);
}

static void a_pair_renamed_over(void **state)
{
    struct rig *rig = *state;
    start(rig);
    shell(rig, PUT("two"));
    pass_ms(rig, 0);
    told(rig, 0, 0);
    pass_ms(rig, 2000);
    told(rig, 1, 0);
    is_in_use(rig, "two");
    pass_ms(rig, 700000);
    told(rig, 1, 0);
}

static void the_same_bytes_again(void **state)
{
    struct rig *rig = *state;
    start(rig);
    shell(rig, PUT("one"));
    pass_ms(rig, 20000);
    told(rig, 0, 0);
    assert_int_equal(rig->n_looked, 2);
}

static void the_key_some_seconds_before_the_certificate(void **state)
{
    struct rig *rig = *state;
    start(rig);
    shell(rig, "cp two.key live/tls.key");
    pass_ms(rig, 7000);
    told(rig, 0, 0);
    shell(rig, "cp two.crt live/tls.crt");
    pass_ms(rig, 2000);
    told(rig, 1, 0);
    is_in_use(rig, "two");
}

static void a_file_being_written(void **state)
{
    struct rig *rig = *state;
    start(rig);
    shell(rig, "head -c 300 two.crt >live/tls.crt; cp two.key live/tls.key");
    pass_ms(rig, 4000);
    told(rig, 0, 0);
    shell(rig, "tail -c +301 two.crt >>live/tls.crt");
    pass_ms(rig, 2000);
    told(rig, 1, 0);
    is_in_use(rig, "two");
}

static void only_the_authority(void **state)
{
    struct rig *rig = *state;
    start(rig);
    shell(rig, "cat one.crt two.crt >live/ca.crt");
    pass_ms(rig, 2000);
    told(rig, 1, 0);
}

static void the_whole_folder_replaced(void **state)
{
    struct rig *rig = *state;
    start(rig);
    shell(rig, "mkdir next; cp -p two.crt next/tls.crt; cp -p two.key next/tls.key; cp one.crt "
               "next/ca.crt; mv live old; mv next live");
    pass_ms(rig, 2000);
    told(rig, 1, 0);
    shell(rig, PUT("one"));
    pass_ms(rig, 2000);
    told(rig, 2, 0);
    is_in_use(rig, "one");
}

static void a_folder_that_is_away_for_a_while(void **state)
{
    struct rig *rig = *state;
    start(rig);
    shell(rig, "mv live old");
    pass_ms(rig, 3000);
    told(rig, 0, 0);
    shell(rig, "mkdir next; cp -p two.crt next/tls.crt; cp -p two.key next/tls.key; cp one.crt "
               "next/ca.crt; mv next live");
    pass_ms(rig, 2000);
    told(rig, 1, 0);
    is_in_use(rig, "two");
}

/* live/tls.crt leads to ..data/tls.crt, and ..data is a link that is swapped. */
static void secret_put(const struct rig *rig, const char *name, const char *version)
{
    char *line = mem_printf("mkdir live/..%s; cp -p %s.crt live/..%s/tls.crt; cp -p %s.key "
                            "live/..%s/tls.key; cp one.crt live/..%s/ca.crt; "
                            "ln -s ..%s live/..data_tmp; mv -T live/..data_tmp live/..data",
                            version, name, version, name, version, version, version);
    shell(rig, line);
    free(line);
}

static void a_mounted_secret_swapped(void **state)
{
    struct rig *rig = *state;
    secret_put(rig, "one", "v1");
    shell(rig, "cd live; for f in tls.crt tls.key ca.crt; do ln -sf ..data/$f $f; done");
    start(rig);
    secret_put(rig, "two", "v2");
    shell(rig, "rm -r live/..v1");
    pass_ms(rig, 2000);
    told(rig, 1, 0);
    is_in_use(rig, "two");
    secret_put(rig, "one", "v3");
    pass_ms(rig, 2000);
    told(rig, 2, 0);
    is_in_use(rig, "one");
}

/* As certificate robots do: live/tls.crt is a link to a numbered file elsewhere, given with its whole path. */
static void a_link_turned_to_another_file(void **state)
{
    struct rig *rig = *state;
    shell(rig, "mkdir archive; mv one.* two.* archive; ln -sf $PWD/archive/one.crt live/tls.crt; "
               "ln -sf ../archive/one.key live/tls.key; "
               "cp archive/one.crt archive/two.crt .");
    start(rig);
    shell(rig, "ln -sf $PWD/archive/two.crt n; mv -T n live/tls.crt; ln -sf ../archive/two.key n; "
               "mv -T n live/tls.key");
    pass_ms(rig, 2000);
    told(rig, 1, 0);
    is_in_use(rig, "two");
    shell(rig, "cp archive/one.key archive/two.key; cp archive/one.crt archive/two.crt");
    pass_ms(rig, 2000);
    told(rig, 2, 0);
    is_in_use(rig, "one");
}

static void without_inotify_by_the_clock(void **state)
{
    struct rig *rig = *state;
    is_inotify_refused = true;
    start(rig);
    shell(rig, PUT("two"));
    pass_ms(rig, 290000);
    told(rig, 0, 0);
    pass_ms(rig, 15000);
    told(rig, 1, 0);
    is_in_use(rig, "two");
}

static void at_once_when_a_connection_fails(void **state)
{
    struct rig *rig = *state;
    is_inotify_refused = true;
    start(rig);
    shell(rig, PUT("two"));
    certs_look_within(rig->certs, 10 * NS_PER_S);
    pass_ms(rig, 5000);
    certs_look_within(rig->certs, 10 * NS_PER_S); /* does not put it off */
    pass_ms(rig, 6000);
    told(rig, 1, 0);
}

/* ---- judged ---- */

static void a_bad_pair_is_said_once(void **state)
{
    struct rig *rig = *state;
    start(rig);
    shell(rig, "cp two.key live/tls.key");
    pass_ms(rig, 5000);
    told(rig, 0, 0);
    pass_ms(rig, 8000);
    told(rig, 0, 1);
    assert_int_equal(n_said(rig, "is not the key of certificate"), 1);
    pass_ms(rig, 1000000);
    told(rig, 0, 1);
    is_in_use(rig, "one");
    shell(rig, "rm live/tls.key");
    pass_ms(rig, 13000);
    told(rig, 0, 2);
    assert_int_equal(n_said(rig, "live/tls.key: No such file"), 1);
    shell(rig, PUT("two"));
    pass_ms(rig, 2000);
    told(rig, 1, 2);
    is_in_use(rig, "two");
}

/* It was wrong, is taken back, and is wrong again: each time it is news. */
static void a_bad_pair_again_is_said_again(void **state)
{
    struct rig *rig = *state;
    start(rig);
    for (unsigned i = 1; i <= 2; i++) {
        shell(rig, "cp two.key live/tls.key");
        pass_ms(rig, 13000);
        told(rig, 0, i);
        shell(rig, "cp one.key live/tls.key");
        pass_ms(rig, 13000);
    }
}

static void an_expired_one_is_not_taken(void **state)
{
    struct rig *rig = *state;
    make_pair(rig, "old", -2000, -1000);
    start(rig);
    shell(rig, PUT("old"));
    pass_ms(rig, 13000);
    told(rig, 0, 1);
    assert_int_equal(n_said(rig, "expired on"), 1);
}

static void one_of_tomorrow_is_taken_then(void **state)
{
    struct rig *rig = *state;
    make_pair(rig, "early", 3600, 86400);
    start(rig);
    shell(rig, PUT("early"));
    pass_ms(rig, 13000);
    told(rig, 0, 1);
    assert_int_equal(n_said(rig, "is not valid before"), 1);
    wall_ns += 3600 * NS_PER_S;
    pass_ms(rig, 300000);
    told(rig, 1, 1);
    is_in_use(rig, "early");
}

static void what_brokers_refuse_is_tried_again(void **state)
{
    struct rig *rig = *state;
    rig->takes = false;
    start(rig);
    shell(rig, PUT("two"));
    pass_ms(rig, 2000);
    told(rig, 1, 1);
    pass_ms(rig, 301000);
    told(rig, 2, 1);
    rig->takes = true;
    pass_ms(rig, 301000);
    told(rig, 3, 1);
    is_in_use(rig, "two");
}

/* ---- the end ---- */

static void the_end_is_said_in_time(void **state)
{
    struct rig *rig = *state;
    make_pair(rig, "short", -1000, 20 * 86400);
    shell(rig, "cp -p short.crt live/tls.crt; cp -p short.key live/tls.key");
    start(rig);
    assert_int_equal(n_said(rig, "tls.crt expires on"), 0);
    static const struct {
        int days;
        unsigned n_said;
    } rows[] = {{5, 0}, {7, 1}, {8, 1}, {12, 1}, {14, 2}, {18, 2}, {19, 3}};
    int day = 0;
    for (size_t i = 0; i < COUNT(rows); i++) {
        wall_ns += (int64_t)(rows[i].days - day) * 86400 * NS_PER_S;
        day = rows[i].days;
        pass_ms(rig, 301000);
        assert_int_equal(n_said(rig, "tls.crt expires on"), rows[i].n_said);
    }
    wall_ns += 86400 * NS_PER_S;
    pass_ms(rig, 301000);
    assert_int_equal(n_said(rig, "tls.crt expired on"), 1);
    pass_ms(rig, 600000);
    assert_int_equal(n_said(rig, "tls.crt expired on"), 1);
    wall_ns += 86400 * NS_PER_S;
    pass_ms(rig, 301000);
    assert_int_equal(n_said(rig, "tls.crt expired on"), 2);
}

static void the_end_of_an_authority_too(void **state)
{
    struct rig *rig = *state;
    make_pair(rig, "short", -1000, 5 * 86400 - 100);
    shell(rig, "cat one.crt short.crt two.crt >live/ca.crt");
    start(rig);
    assert_int_equal(n_said(rig, "authority /CN=posta expires on"), 1);
    assert_int_equal(n_said(rig, "in 4 days"), 1);
}

/* ---- links ---- */

static void note_link(void *arg, const char *dir, const char *name)
{
    buf_printf(arg, "%s:%s ", dir, name);
}

static void assert_links(const char *path, const char *expected)
{
    struct buf found = BUF_INIT;
    links_of(path, note_link, &found);
    assert_string_equal(buf_str(&found), expected);
    buf_free(&found);
}

static void what_decides_about_a_path(void **state)
{
    struct rig *rig = *state;
    char here[256];
    assert_non_null(getcwd(here, sizeof(here)));
    assert_int_equal(chdir(rig->dir), 0);
    shell(rig, "mkdir -p a/b/c; touch a/f a/b/g; ln -s b/g a/l; ln -s ../f a/b/up; ln -s b a/dir; "
               "ln -s x a/y; ln -s y a/x; "
               "ln -s $PWD/a/b abs");
    assert_links("a/f", "./a:f ");
    assert_links("a//./f", "./a:f ");
    assert_links("a/b/../f", "./a/b/..:f ");
    assert_links("a/l", "./a:l ./a/b:g ");
    assert_links("a/dir/g", "./a:dir ./a/b:g ");
    assert_links("a/dir/up", "./a:dir ./a/b:up ./a/b/..:f ");
    assert_links("a/none/g", "./a:none ");
    assert_links("a/f/g", "./a:f ");
    char *expected = mem_printf(".:abs %s/a/b:g ", rig->dir);
    assert_links("abs/g", expected);
    free(expected);
    struct buf found = BUF_INIT;
    links_of("a/x", note_link, &found);
    assert_true(found.len < 1000); /* it comes to an end */
    buf_free(&found);
    assert_int_equal(chdir(here), 0);
}

/* ---- versions ---- */

static void faults_of_versions(void **state)
{
    (void)state;
    assert_non_null(strstr(kafka_fault_of(0x02000200, 0), "older than 2.8"));
    assert_null(kafka_fault_of(0x02000200, 1));
    assert_non_null(strstr(kafka_fault_of(0x02030000, 1), "MessageSet"));
    assert_null(kafka_fault_of(0x02050000, 1));
    assert_non_null(kafka_fault_of(0x02060100, 0));
    assert_null(kafka_fault_of(0x02080000, 0));
    assert_null(kafka_fault_of(0x020c0000, 0));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(without_a_change_nothing_is_told),
        CASE(a_pair_renamed_over),
        CASE(the_same_bytes_again),
        CASE(the_key_some_seconds_before_the_certificate),
        CASE(a_file_being_written),
        CASE(only_the_authority),
        CASE(the_whole_folder_replaced),
        CASE(a_folder_that_is_away_for_a_while),
        CASE(a_mounted_secret_swapped),
        CASE(a_link_turned_to_another_file),
        CASE(without_inotify_by_the_clock),
        CASE(at_once_when_a_connection_fails),
        CASE(a_bad_pair_is_said_once),
        CASE(a_bad_pair_again_is_said_again),
        CASE(an_expired_one_is_not_taken),
        CASE(one_of_tomorrow_is_taken_then),
        CASE(what_brokers_refuse_is_tried_again),
        CASE(the_end_is_said_in_time),
        CASE(the_end_of_an_authority_too),
        CASE(what_decides_about_a_path),
        cmocka_unit_test(faults_of_versions),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
