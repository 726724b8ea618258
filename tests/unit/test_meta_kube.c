/* test_meta_kube.c: what paths, the API server and the downward API say of a pod, and the members that come of it. */
#include "meta/meta.h"

#include <posta/log.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h> /* wants the ones above */

#define ID  "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
#define ID2 "ffffffffffffffff0123456789abcdef0123456789abcdef0123456789abcdef"
#define UID "7a1ec5f0-0c1c-4c5e-9d51-0f6c7a3f0001"

static const struct kube_rules plain = {.deployment = true, .cronjob = true, .logs_path = ""};

/* ---- paths ---- */

static void assert_piece(struct piece piece, const char *text)
{
    if (text ? !piece_is(piece, text) : piece.at != NULL)
        fail_msg("'%.*s' instead of '%s'", (int)piece.len, piece.at ? piece.at : "",
                 text ? text : "(none)");
}

static void paths_of_logs(void **state)
{
    static const struct {
        const char *path, *name, *namespace, *uid, *container, *id;
    } rows[] = {
        {"/var/log/containers/shop-1-x_web_nginx-" ID ".log", "shop-1-x", "web", NULL, "nginx", ID},
        {"/host/var/log/containers/a_b_c-d-e-" ID ".log", "a", "b", NULL, "c-d-e", ID},
        {"/var/log/pods/web_shop-1-x_" UID "/nginx/0.log", "shop-1-x", "web", UID, "nginx", NULL},
        {"/var/log/pods/web_shop_" UID "/nginx/12.log.20260102-030405", "shop", "web", UID, "nginx",
         NULL},
        {"/var/log/pods/web_shop_" UID "/nginx/3.log.20260102-030405.gz", "shop", "web", UID,
         "nginx", NULL},
        {"/var/log/pods/kube-system_etcd_0a1b2c/etcd/0.log", "etcd", "kube-system", "0a1b2c",
         "etcd", NULL},
        {"/var/lib/docker/containers/" ID "/" ID "-json.log", NULL, NULL, NULL, NULL, ID},
    };
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct pod_path path;
        if (!pod_path_read(rows[i].path, &path))
            fail_msg("%s: not taken", rows[i].path);
        assert_piece(path.name, rows[i].name);
        assert_piece(path.namespace, rows[i].namespace);
        assert_piece(path.uid, rows[i].uid);
        assert_piece(path.container, rows[i].container);
        assert_piece(path.container_id, rows[i].id);
    }
}

static void paths_of_others(void **state)
{
    static const char *const paths[] = {"",
                                        "/",
                                        "a",
                                        "/var/log/nginx/access.log",
                                        "/var/log/containers/a_b_c-xyz.log",
                                        "/var/log/containers/a_b-" ID ".log",
                                        "/var/log/containers/a_b_c_d-" ID ".log",
                                        "/var/log/containers/a__c-" ID ".log",
                                        "/var/log/containers/_b_c-" ID ".log",
                                        "/var/log/containers/a_b_-" ID ".log",
                                        "/var/log/containers/a_b_c-" ID ".txt",
                                        "/var/log/containers/x/a_b_c-" ID ".log",
                                        "/var/log/pods/web_shop/nginx/0.log",
                                        "/var/log/pods/web_shop_/nginx/0.log",
                                        "/var/log/pods/a_b_c_d/nginx/0.log",
                                        "/var/log/pods/web_shop_" UID "/nginx/x.log",
                                        "/var/log/pods/web_shop_" UID "/nginx/0.logs",
                                        "/var/log/pods/web_shop_" UID "/0.log",
                                        "/pods/web_shop_" UID "//0.log",
                                        "/var/lib/docker/containers/" ID "/other.log",
                                        "/var/lib/docker/containers/abc/abc-json.log"};
    (void)state;
    for (size_t i = 0; i < sizeof paths / sizeof *paths; i++) {
        struct pod_path path;
        if (pod_path_read(paths[i], &path))
            fail_msg("%s: taken", paths[i]);
    }
    assert_true(pod_path_is_meant("/var/log/containers/*.log"));
    assert_true(pod_path_is_meant("/hostfs/var/log/pods/*/*/*.log"));
    assert_false(pod_path_is_meant("/var/log/nginx/*.log"));
}

/* ---- pods → members ---- */

static struct pod *pod_of(const char *json, const struct kube_rules *rules)
{
    struct json_span object;
    struct err err;
    if (json_check(json, strlen(json), &object, &err))
        fail_msg("%s", err.text);
    return pod_read(object, rules);
}

static void assert_members(const char *json, const char *path, const struct kube_rules *rules,
                           const char *members)
{
    struct pod *pod = json ? pod_of(json, rules) : NULL;
    struct pod_path by;
    struct buf out = BUF_INIT;
    if (path)
        assert_true(pod_path_read(path, &by));
    pod_members(pod, path ? &by : NULL, NULL, rules, &out);
    assert_string_equal(buf_str(&out), members);
    buf_free(&out);
    pod_free(pod);
}

static const char whole[] =
    "{\"kind\":\"Pod\",\"metadata\":{\"name\":\"shop-5d4f-x2x4z\",\"namespace\":\"web\",\"uid\":"
    "\"" UID "\","
    "\"creationTimestamp\":\"2026-01-02T03:04:05Z\","
    "\"labels\":{\"app\":\"shop\",\"app.kubernetes.io/name\":\"S "
    "\\\"1\\\"\",\"pod-template-hash\":\"5d4f\"},"
    "\"annotations\":{\"example.com/team\":\"t\",\"secret\":\"s\"},"
    "\"ownerReferences\":[{\"kind\":\"Other\",\"name\":\"o\"},{\"kind\":\"ReplicaSet\",\"name\":"
    "\"shop-5d4f\",\"controller\":true}],"
    "\"managedFields\":[{\"fieldsV1\":{\"f:metadata\":{}}}]},"
    "\"spec\":{\"nodeName\":\"n1\",\"initContainers\":[{\"name\":\"init\",\"image\":\"i:0\"}],"
    "\"containers\":[{\"name\":\"nginx\",\"image\":\"nginx:1.27\"},{\"name\":\"posta\",\"image\":"
    "\"posta:1\"}]},"
    "\"status\":{\"podIP\":\"10.0.0.1\",\"containerStatuses\":[{\"name\":\"nginx\",\"image\":"
    "\"docker.io/nginx:1.27\","
    "\"containerID\":\"containerd://" ID
    "\",\"lastState\":{\"terminated\":{\"containerID\":\"containerd://" ID2 "\"}}}]}}";

#define KUBERNETES                                                                                 \
    "\"kubernetes\":{\"namespace\":\"web\",\"pod\":{\"name\":\"shop-5d4f-x2x4z\",\"uid\":\"" UID   \
    "\",\"ip\":\"10.0.0.1\"},\"node\":{\"name\":\"n1\"},\"labels\":{\"app\":\"shop\",\"app_"       \
    "kubernetes_io/name\":\"S "                                                                    \
    "\\\"1\\\"\",\"pod-template-hash\":\"5d4f\"},\"replicaset\":{\"name\":\"shop-5d4f\"},"         \
    "\"deployment\":{\"name\":\"shop\"}"

static void a_container_of_a_pod(void **state)
{
    (void)state;
    assert_members(whole, "/var/log/containers/shop-5d4f-x2x4z_web_nginx-" ID ".log", &plain,
                   KUBERNETES ",\"container\":{\"name\":\"nginx\"}},\"container\":{\"id\":\"" ID
                              "\",\"runtime\":\"containerd\",\"image\":{\"name\":\"nginx:1.27\"}}");
    assert_members(whole, "/var/lib/docker/containers/" ID2 "/" ID2 "-json.log", &plain,
                   KUBERNETES ",\"container\":{\"name\":\"nginx\"}},\"container\":{\"id\":\"" ID2
                              "\",\"runtime\":\"containerd\",\"image\":{\"name\":\"nginx:1.27\"}}");
    assert_members(
        whole, "/var/log/pods/web_shop-5d4f-x2x4z_" UID "/posta/0.log", &plain,
        KUBERNETES
        ",\"container\":{\"name\":\"posta\"}},\"container\":{\"image\":{\"name\":\"posta:1\"}}");
}

/* A folder of /var/log/pods does not say which of the two containers it was. */
static void an_id_that_is_not_sure_is_not_told(void **state)
{
    (void)state;
    assert_members(whole, "/var/log/pods/web_shop-5d4f-x2x4z_" UID "/nginx/0.log", &plain,
                   KUBERNETES
                   ",\"container\":{\"name\":\"nginx\"}},\"container\":{\"runtime\":\"containerd\","
                   "\"image\":{\"name\":\"nginx:1.27\"}}");
}

static void what_a_path_says_alone(void **state)
{
    (void)state;
    assert_members(NULL, "/var/log/containers/a_b_c-" ID ".log", &plain,
                   "\"kubernetes\":{\"namespace\":\"b\",\"pod\":{\"name\":\"a\"},\"container\":{"
                   "\"name\":\"c\"}},"
                   "\"container\":{\"id\":\"" ID "\"}");
    assert_members(NULL, "/var/log/pods/b_a_" UID "/c/0.log", &plain,
                   "\"kubernetes\":{\"namespace\":\"b\",\"pod\":{\"name\":\"a\",\"uid\":\"" UID
                   "\"},\"container\":{\"name\":\"c\"}}");
    assert_members(NULL, NULL, &plain, "");
}

#define POD(more) "{\"metadata\":{\"name\":\"a\",\"namespace\":\"b\",\"uid\":\"c\"" more "}}"
#define OWNER(kind, name)                                                                          \
    POD(",\"ownerReferences\":[{\"kind\":\"" kind "\",\"name\":\"" name "\",\"controller\":true}"  \
        "]")
#define BARE "\"kubernetes\":{\"namespace\":\"b\",\"pod\":{\"name\":\"a\",\"uid\":\"c\"}"

static void owners(void **state)
{
    static const struct kube_rules none = {.logs_path = ""};
    (void)state;
    assert_members(OWNER("StatefulSet", "db"), NULL, &plain,
                   BARE ",\"statefulset\":{\"name\":\"db\"}}");
    assert_members(OWNER("DaemonSet", "ds"), NULL, &plain,
                   BARE ",\"daemonset\":{\"name\":\"ds\"}}");
    assert_members(OWNER("Node", "n"), NULL, &plain, BARE "}");
    assert_members(OWNER("ReplicaSet", "rs-1"), NULL, &plain,
                   BARE ",\"replicaset\":{\"name\":\"rs-1\"}}");
    assert_members(OWNER("Job", "nightly-29012345"), NULL, &plain,
                   BARE
                   ",\"job\":{\"name\":\"nightly-29012345\"},\"cronjob\":{\"name\":\"nightly\"}}");
    assert_members(OWNER("Job", "nightly-29012345"), NULL, &none,
                   BARE ",\"job\":{\"name\":\"nightly-29012345\"}}");
    assert_members(OWNER("Job", "import-20260131"), NULL, &plain,
                   BARE ",\"job\":{\"name\":\"import-20260131\"}}");
    assert_members(POD(",\"ownerReferences\":[{\"kind\":\"Job\",\"name\":\"x\"}]"), NULL, &plain,
                   BARE "}");
}

static void labels_are_chosen_and_dedotted(void **state)
{
    static char *include[] = {"^app", "team$"}, *exclude[] = {"app.x"},
                *annotations[] = {"^a[.]b/"};
    const struct str_list labels = {include, 2}, left_out = {exclude, 1}, chosen = {annotations, 1};
    struct kube_rules rules = {.exclude_labels = &left_out, .logs_path = ""};
    struct err err;
    (void)state;
    assert_int_equal(regex_list_new(&rules.include_labels, &labels, &err), 0);
    assert_int_equal(regex_list_new(&rules.include_annotations, &chosen, &err), 0);
    assert_members(POD(",\"labels\":{\"app\":\"1\",\"app.x\":\"2\",\"app.y\":\"3\",\"app_y\":\"4\","
                       "\"a.team\":\"5\",\"other\":\"6\"},"
                       "\"annotations\":{\"a.b/c\":\"7\",\"ab/c\":\"8\"}"),
                   NULL, &rules,
                   BARE ",\"labels\":{\"app\":\"1\",\"app_y\":\"3\",\"a_team\":\"5\"},"
                        "\"annotations\":{\"a_b/c\":\"7\"}}");
    kube_rules_free(&rules);
}

static void what_is_no_pod(void **state)
{
    static const char *const texts[] = {
        "1",
        "[]",
        "{}",
        "{\"metadata\":1}",
        "{\"metadata\":{\"name\":\"a\",\"namespace\":\"b\"}}",
        "{\"metadata\":{\"name\":1,\"namespace\":\"b\",\"uid\":\"c\"}}",
        "{\"metadata\":{\"name\":\"\",\"namespace\":\"b\",\"uid\":\"c\"}}",
        "{\"metadata\":{\"name\":\"a\\u0000\",\"namespace\":\"b\",\"uid\":\"c\"}}"};
    (void)state;
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
        assert_null(pod_of(texts[i], &plain));
    assert_members(POD(",\"labels\":[1],\"annotations\":{\"a\":1},\"ownerReferences\":{}"), NULL,
                   &plain, BARE "}");
}

static void times(void **state)
{
    (void)state;
    assert_int_equal(pod_time("1970-01-02T00:00:01Z"), 86401);
    assert_int_equal(pod_time("today"), 0);
    assert_int_equal(pod_time(NULL), 0);
}

/* ---- the cache ---- */

static struct pod *named(const char *name, const char *uid, int64_t created_s)
{
    struct pod *pod = pod_new();
    pod->name = pod_own(pod, name, strlen(name));
    pod->namespace = pod_own(pod, "ns", 2);
    pod->uid = pod_own(pod, uid, strlen(uid));
    pod->created_s = created_s;
    return pod;
}

static const char *found(struct pods *pods, const char *path, int64_t born_s)
{
    struct pod_path by;
    assert_true(pod_path_read(path, &by));
    const struct pod *pod = pods_find(pods, &by, born_s, 0);
    return pod ? pod->uid : "";
}

#define LINK "/var/log/containers/db-0_ns_c-" ID ".log"

/* A StatefulSet's pod is made anew under its name. */
static void a_log_is_not_of_a_younger_pod(void **state)
{
    struct pods pods;
    (void)state;
    pods_init(&pods, 60);
    pods_put(&pods, named("db-0", "one", 1000));
    assert_string_equal(found(&pods, LINK, 1005), "one");
    pods_gone(&pods, "one", 1);
    pods_put(&pods, named("db-0", "two", 2000));
    assert_string_equal(found(&pods, LINK, 1005), "one");
    assert_string_equal(found(&pods, LINK, 2005), "two");
    assert_string_equal(found(&pods, LINK, 1995), "two"); /* clocks differ */
    assert_string_equal(found(&pods, "/var/log/pods/ns_db-0_one/c/0.log", 2005), "one");
    assert_string_equal(found(&pods, "/var/log/pods/ns_db-0_three/c/0.log", 2005), "");
    assert_string_equal(found(&pods, "/var/log/containers/db-1_ns_c-" ID ".log", 2005), "");
    pods_free(&pods);
}

static void a_static_pod_is_known_by_its_mirror(void **state)
{
    struct pods pods;
    struct pod *pod = named("etcd", "api-uid", 0);
    (void)state;
    pods_init(&pods, 60);
    pod_add_annotation(pod, &plain, "kubernetes.io/config.mirror", "0a1b");
    pods_put(&pods, pod);
    assert_string_equal(found(&pods, "/var/log/pods/ns_etcd_0a1b/etcd/0.log", 5), "api-uid");
    pods_free(&pods);
}

static void the_deleted_are_kept_for_a_while(void **state)
{
    struct pods pods;
    (void)state;
    pods_init(&pods, 60);
    pods_put(&pods, named("a", "one", 0));
    pods_put(&pods, named("b", "two", 0));
    pods_begin_list(&pods);
    pods_put(&pods, named("b", "two", 0));
    pods_end_list(&pods, 100);
    pods_tidy(&pods, 160);
    assert_int_equal(pods.n, 2);
    struct pod_path by;
    assert_true(pod_path_read("/var/log/pods/ns_a_one/c/0.log", &by));
    assert_non_null(pods_find(&pods, &by, 0, 150));
    pods_tidy(&pods, 210);
    assert_int_equal(pods.n, 2);
    pods_tidy(&pods, 211);
    assert_int_equal(pods.n, 1);
    assert_null(pods_find(&pods, &by, 0, 211));
    pods_free(&pods);
}

static void a_full_cache_forgets_the_deleted_first(void **state)
{
    struct pods pods;
    char uid[16];
    (void)state;
    log_setup(&(struct log_config) {.level = LOG_ERROR});
    pods_init(&pods, 60);
    for (int i = 0; i < PODS_MAX; i++) {
        snprintf(uid, sizeof uid, "u%d", i);
        pods_put(&pods, named("p", uid, 0));
    }
    pods_gone(&pods, "u7", 1);
    pods_put(&pods, named("new", "new", 0));
    assert_string_equal(found(&pods, "/var/log/pods/ns_new_new/c/0.log", 0), "new");
    assert_string_equal(found(&pods, "/var/log/pods/ns_p_u7/c/0.log", 0), "");
    pods_put(&pods, named("more", "more", 0));
    assert_string_equal(found(&pods, "/var/log/pods/ns_more_more/c/0.log", 0), "");
    assert_int_equal(pods.n, PODS_MAX);
    pods_free(&pods);
}

/* ---- what the API server sends ---- */

#define EVENT(type, uid, version)                                                                  \
    "{\"type\":\"" type                                                                            \
    "\",\"object\":{\"metadata\":{\"name\":\"a\",\"namespace\":\"ns\",\"uid\":\"" uid              \
    "\",\"resourceVersion\":\"" version "\"}}}\n"

struct watching {
    struct pods pods;
    struct stream stream;
};

static int set_up(void **state)
{
    struct watching *w = mem_zero(1, sizeof *w);
    pods_init(&w->pods, 60);
    w->stream = (struct stream) {.pods = &w->pods, .rules = &plain};
    stream_begin(&w->stream);
    *state = w;
    return 0;
}

static int tear_down(void **state)
{
    struct watching *w = *state;
    stream_free(&w->stream);
    pods_free(&w->pods);
    free(w);
    return 0;
}

static void take(struct watching *w, const char *text)
{
    stream_take(&w->stream, text, strlen(text), 1000);
}

static void events_come_in_any_pieces(void **state)
{
    static const char text[] = EVENT("ADDED", "one", "5") EVENT("ADDED", "two", "6")
        EVENT("DELETED", "one", "7") "{\"type\":\"BOOKMARK\",\"object\":{\"kind\":\"Pod\","
                                     "\"metadata\":{\"resourceVersion\":\"99\"}}}\n";
    struct watching *w = *state;
    for (size_t i = 0; i < sizeof text - 1; i++)
        stream_take(&w->stream, text + i, 1, 1000);
    assert_int_equal(w->pods.n, 2);
    assert_string_equal(w->stream.version, "99");
    assert_false(w->stream.has_failed);
    assert_int_equal(w->stream.n_events, 4);
    struct pod_path by;
    assert_true(pod_path_read("/var/log/pods/ns_a_one/c/0.log", &by));
    assert_int_equal(pods_find(&w->pods, &by, 0, 1)->gone_ns, 1000);
}

static void what_is_forgotten_there_ends_the_stream(void **state)
{
    struct watching *w = *state;
    take(w, EVENT("ADDED", "one", "5"));
    take(w, "{\"type\":\"ERROR\",\"object\":{\"kind\":\"Status\",\"message\":\"too old resource "
            "version\",\"code\":410}}\n");
    take(w, EVENT("ADDED", "two", "6"));
    assert_true(w->stream.is_gone);
    assert_string_equal(w->stream.said, "too old resource version");
    assert_int_equal(w->pods.n, 1);
}

static void nonsense_is_not_believed(void **state)
{
    static const char *const lines[] = {"no JSON\n", "[]\n", "{\"type\":1,\"object\":{}}\n",
                                        "{\"type\":\"ADDED\"}\n"};
    struct watching *w = *state;
    for (size_t i = 0; i < sizeof lines / sizeof *lines; i++) {
        stream_begin(&w->stream);
        take(w, lines[i]);
        assert_true(w->stream.has_failed);
        assert_false(w->stream.is_gone);
    }
    stream_begin(&w->stream);
    take(w, "\n{\"type\":\"NEWS\",\"object\":{}}\n");
    assert_false(w->stream.has_failed);
}

static void a_line_that_is_too_long_is_passed_over(void **state)
{
    struct watching *w = *state;
    char *block = mem_alloc(1024 * 1024);
    memset(block, 'x', 1024 * 1024);
    for (int i = 0; i < 8; i++)
        stream_take(&w->stream, block, 1024 * 1024, 0);
    assert_true(w->stream.line.cap <= STREAM_LINE_MAX);
    take(w, "\n" EVENT("ADDED", "one", "5"));
    assert_int_equal(w->stream.n_skipped, 1);
    assert_int_equal(w->pods.n, 1);
    free(block);
}

static void pages_of_a_list(void **state)
{
    struct watching *w = *state;
    struct list_page page = {.next = BUF_INIT};
    struct err err;
    static const char first[] =
        "{\"metadata\":{\"resourceVersion\":\"7\",\"continue\":\"t/+=\"},\"items\":[" POD(
            "") ",1,{}]}";
    static const char last[] = "{\"metadata\":{\"resourceVersion\":\"7\"},\"items\":[]}";
    assert_int_equal(list_read(first, sizeof first - 1, &w->pods, &plain, &page, &err), 0);
    assert_string_equal(buf_str(&page.next), "t/+=");
    assert_string_equal(page.version, "7");
    assert_int_equal(w->pods.n, 1);
    assert_int_equal(list_read(last, sizeof last - 1, &w->pods, &plain, &page, &err), 0);
    assert_int_equal(page.next.len, 0);
    assert_int_equal(list_read("{", 1, &w->pods, &plain, &page, &err), -1);
    assert_int_equal(list_read("{\"items\":[]}", 12, &w->pods, &plain, &page, &err), -1);
    assert_string_equal(err.text, "the list of pods: it has no resourceVersion");
    assert_int_equal(list_read("[]", 2, &w->pods, &plain, &page, &err), -1);
    assert_string_equal(err.text, "the list of pods: it has no items");
    buf_free(&page.next);
}

static void pauses_grow_to_half_a_minute(void **state)
{
    struct backoff backoff = {0};
    int64_t expected_ns = NS_PER_S / 2;
    (void)state;
    for (int i = 0; i < 12; i++) {
        int64_t wait_ns = backoff_next_ns(&backoff);
        assert_true(wait_ns >= expected_ns * 3 / 4 && wait_ns <= expected_ns * 5 / 4);
        expected_ns = expected_ns < 32 * NS_PER_S ? expected_ns * 2 : expected_ns;
    }
}

/* ---- the downward API ---- */

struct told {
    struct buf text;
};

static void tell(void *arg, const char *name, const char *value)
{
    struct told *told = arg;
    buf_printf(&told->text, "<%s|%s>", name, value);
}

static void lines_of_a_downward_file(void **state)
{
    static const struct {
        const char *text, *told;
        bool is_fine;
    } rows[] = {
        {"", "", true},
        {"a=\"1\"", "<a|1>", true},
        {"a=\"1\"\nb.c/d=\"\"\n", "<a|1><b.c/d|>", true},
        {"a=\"x\\\"y\\\\z\\n\\t\\u00e9\\x41\\101\\U0001f600\"",
         "<a|x\"y\\z\n\té"
         "AA\xf0\x9f\x98\x80>",
         true},
        {"a=\"=b=\"", "<a|=b=>", true},
        {"a=1\nb=\"2\"", "<b|2>", false},
        {"a\nb=\"2\"", "<b|2>", false},
        {"=\"x\"", "", false},
        {"a=\"x", "", false},
        {"a=\"x\"y", "", false},
        {"a=\"\\", "", false},
        {"a=\"\\q\"", "", false},
        {"a=\"\\u12\"", "", false},
        {"a=\"\\777\"", "", false},
        {"a=\"\\ud800\"", "<a|\xef\xbf\xbd>", true},
    };
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct told told = {BUF_INIT};
        bool is_fine = downward_each(rows[i].text, strlen(rows[i].text), tell, &told);
        if (strcmp(buf_str(&told.text), rows[i].told) != 0 || is_fine != rows[i].is_fine)
            fail_msg("%s: %d %s", rows[i].text, is_fine, buf_str(&told.text));
        buf_free(&told.text);
    }
}

static void a_pod_that_knows_its_name_knows_its_deployment(void **state)
{
    struct pod *pod = named("shop-5d4f-x2x4z", "u", 0);
    struct buf out = BUF_INIT;
    (void)state;
    pod_add_label(pod, &plain, "pod-template-hash", "5d4f");
    pod_members(pod, NULL, "nginx", &plain, &out);
    assert_string_equal(
        buf_str(&out),
        "\"kubernetes\":{\"namespace\":\"ns\",\"pod\":{\"name\":\"shop-5d4f-x2x4z\",\"uid\":\"u\"},"
        "\"labels\":{\"pod-template-hash\":\"5d4f\"},\"replicaset\":{\"name\":\"shop-5d4f\"},"
        "\"deployment\":{\"name\":\"shop\"},\"container\":{\"name\":\"nginx\"}}");
    buf_free(&out);
    pod_free(pod);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(paths_of_logs),
        cmocka_unit_test(paths_of_others),
        cmocka_unit_test(a_container_of_a_pod),
        cmocka_unit_test(an_id_that_is_not_sure_is_not_told),
        cmocka_unit_test(what_a_path_says_alone),
        cmocka_unit_test(owners),
        cmocka_unit_test(labels_are_chosen_and_dedotted),
        cmocka_unit_test(what_is_no_pod),
        cmocka_unit_test(times),
        cmocka_unit_test(a_log_is_not_of_a_younger_pod),
        cmocka_unit_test(a_static_pod_is_known_by_its_mirror),
        cmocka_unit_test(the_deleted_are_kept_for_a_while),
        cmocka_unit_test(a_full_cache_forgets_the_deleted_first),
        cmocka_unit_test_setup_teardown(events_come_in_any_pieces, set_up, tear_down),
        cmocka_unit_test_setup_teardown(what_is_forgotten_there_ends_the_stream, set_up, tear_down),
        cmocka_unit_test_setup_teardown(nonsense_is_not_believed, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_line_that_is_too_long_is_passed_over, set_up, tear_down),
        cmocka_unit_test_setup_teardown(pages_of_a_list, set_up, tear_down),
        cmocka_unit_test(pauses_grow_to_half_a_minute),
        cmocka_unit_test(lines_of_a_downward_file),
        cmocka_unit_test(a_pod_that_knows_its_name_knows_its_deployment),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
