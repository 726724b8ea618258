/* test_metrics.c: every metricset over trees of /proc, /sys and control groups as several kernels have them
 * (tests/metrics/fixtures), against the exact events (tests/metrics/expected); and every event against the table of fields
 * (tests/metrics/fields.txt).
 */
#include "agent.h"

#include <posta/fs.h>

#include <dirent.h>
#include <fnmatch.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h> /* wants the ones above */

#define TREES "tests/metrics/fixtures"
enum { SAMPLES = 2, FIELDS_MAX = 2048 };

/* What the metricsets are told beside their defaults. */
static const char config_text[] = "cpu.metrics: [percentages, normalized_percentages, ticks]\n"
                                  "core.metrics: [percentages, normalized_percentages, ticks]\n"
                                  "process.include_cpu_ticks: true\n"
                                  "process.env.whitelist: ['^LANG$', 'B']\n";

struct rig {
    const struct metricset *set;
    void *self;
    struct config *config;
    struct members event, host;
    struct buf out;
    struct buf text; /* of files that are read */
    int n;           /* of the sample */
};

/* ---- one metricset ---- */

static void give(void *arg)
{
    struct rig *rig = arg;
    const struct buf *event = members_end(&rig->event), *host = members_end(&rig->host);
    buf_printf(&rig->out, "%d %s.%s {", rig->n, rig->set->module, rig->set->name);
    buf_append(&rig->out, event->data, event->len);
    if (host->len)
        buf_printf(&rig->out, "%s\"host\":{%s}", event->len ? "," : "", buf_str(&rig->host.json));
    buf_puts(&rig->out, "}\n");
    members_clear(&rig->event);
    members_clear(&rig->host);
}

/* Each knows only its own options. */
static void read_options(struct rig *rig)
{
    struct problems problems = PROBLEMS_INIT;
    rig->config = config_new(NULL);
    assert_int_equal(
        config_add_bytes(rig->config, "test", config_text, strlen(config_text), &problems), 0);
    if (rig->set->options)
        (void)(options_read(config_root(rig->config), "", rig->set->options, rig->self,
                            &problems) == 0);
    problems_free(&problems);
}

static void open_set(struct rig *rig, const struct metricset *set)
{
    struct err err;
    rig->set = set;
    rig->self = mem_zero(1, set->size);
    read_options(rig);
    *(struct metric_env *)rig->self =
        (struct metric_env) {.hostfs = "", .host = "h:80", .text = &rig->text};
    if (set->open && set->open(rig->self, &err))
        fail_msg("%s: %s", set->name, err.text);
}

static void close_set(struct rig *rig)
{
    if (rig->set->close)
        rig->set->close(rig->self);
    buf_free(&rig->text);
    if (rig->set->options)
        options_free(rig->set->options, rig->self);
    free(rig->self);
    config_free(rig->config);
}

/* Sample number n, 10 s after the one before. */
static void take_sample(struct rig *rig, const char *hostfs, int n)
{
    struct err err;
    struct metric_env *env = rig->self;
    const struct metric_sink sink = {
        .arg = rig, .event = &rig->event, .host = &rig->host, .give = give};
    int rc, n_turns = 0;
    env->hostfs = hostfs;
    env->now_ns = n * 10 * NS_PER_S;
    rig->n = n;
    do {
        members_clear(&rig->event);
        members_clear(&rig->host);
        rc = rig->set->sample(rig->self, &sink, &err);
        assert_true(++n_turns < 1000);
    } while (rc > 0);
    if (rc < 0)
        buf_printf(&rig->out, "%d %s.%s error: %s\n", n, rig->set->module, rig->set->name,
                   err.text);
}

/* ---- trees ---- */

static bool has_room_figures(const struct metricset *set)
{
    return strcmp(set->name, "filesystem") == 0 || strcmp(set->name, "fsstat") == 0;
}

/* What statfs says is of the machine that the test runs on. */
static void mask_numbers(struct buf *out, size_t from)
{
    size_t to = from;
    for (size_t i = from; i < out->len; i++) {
        bool is_value = out->data[i] == ':' && i + 1 < out->len && out->data[i + 1] >= '0' &&
                        out->data[i + 1] <= '9';
        out->data[to++] = out->data[i];
        if (!is_value)
            continue;
        out->data[to++] = '0';
        while (i + 1 < out->len && strchr("0123456789.", out->data[i + 1]))
            i++;
    }
    out->len = to;
}

static void run_tree(struct rig *rig, const char *tree)
{
    char path[SAMPLES][512];
    for (size_t i = 0; all_metricsets[i]; i++) {
        size_t from = rig->out.len;
        if (all_metricsets[i]->page)
            continue;
        open_set(rig, all_metricsets[i]);
        for (int n = 1; n <= SAMPLES; n++) {
            snprintf(path[n - 1], sizeof(path[0]), TREES "/%s/%d", tree, n);
            if (access(path[n - 1], F_OK) == 0)
                take_sample(rig, path[n - 1], n);
        }
        if (has_room_figures(rig->set))
            mask_numbers(&rig->out, from);
        close_set(rig);
    }
}

static void compare_lines(const char *name, const char *found, const char *expected)
{
    for (int line = 1; *found || *expected; line++) {
        size_t n_found = strcspn(found, "\n"), n_expected = strcspn(expected, "\n");
        if (n_found != n_expected || memcmp(found, expected, n_found) != 0)
            fail_msg("%s:%d:\nfound    %.*s\nexpected %.*s", name, line, (int)n_found, found,
                     (int)n_expected, expected);
        found += n_found + (found[n_found] == '\n');
        expected += n_expected + (expected[n_expected] == '\n');
    }
}

static void free_rig(struct rig *rig)
{
    members_free(&rig->event);
    members_free(&rig->host);
    buf_free(&rig->out);
}

static void check_tree(const char *tree)
{
    struct rig rig = {.n = 0};
    struct buf expected = BUF_INIT;
    struct err err;
    char path[512];
    snprintf(path, sizeof(path), "tests/metrics/expected/%s", tree);
    run_tree(&rig, tree);
    const char *keep = getenv("KEEP"); /* where what was found is left, to look at */
    if (keep) {
        char *copy = mem_printf("%s/%s", keep, tree);
        assert_int_equal(fs_replace(copy, rig.out.data, rig.out.len, 0644, &err), 0);
        free(copy);
    }
    if (fs_read_file(path, 1 << 20, &expected, &err))
        fail_msg("%s", err.text);
    compare_lines(path, buf_str(&rig.out), buf_str(&expected));
    buf_free(&expected);
    free_rig(&rig);
}

static void kernel_3_10_version_1_with_limits(void **state)
{
    (void)state;
    check_tree("linux-3.10-v1-limits");
}

static void kernel_4_18_version_1_without_limits(void **state)
{
    (void)state;
    check_tree("linux-4.18-v1-no-limits");
}

static void kernel_5_14_version_2_with_limits(void **state)
{
    (void)state;
    check_tree("linux-5.14-v2-limits");
}

/* Counters that went back, a CPU that was switched off, pids that are others now. */
static void kernel_6_12_counters_that_begin_anew(void **state)
{
    (void)state;
    check_tree("linux-6.12-v2-wrapped");
}

static void odd_files_are_errors(void **state)
{
    (void)state;
    check_tree("odd");
}

static void missing_files_are_errors(void **state)
{
    (void)state;
    check_tree("nothing");
}

/* ---- pages ---- */

static void read_page(struct rig *rig, const char *body)
{
    struct err err;
    const struct metric_sink sink = {
        .arg = rig, .event = &rig->event, .host = &rig->host, .give = give};
    members_clear(&rig->event);
    members_clear(&rig->host);
    rig->n++;
    if (rig->set->page->read(rig->self, body, strlen(body), &sink, &err))
        buf_printf(&rig->out, "%d %s.%s error: %s\n", rig->n, rig->set->module, rig->set->name,
                   err.text);
}

static const struct metricset *find_set(const char *module)
{
    size_t i = 0;
    while (strcmp(all_metricsets[i]->module, module) != 0)
        i++;
    return all_metricsets[i];
}

static void check_pages(const char *module, const char *const *pages, const char *expected)
{
    struct rig rig = {.n = 0};
    open_set(&rig, find_set(module));
    for (; *pages; pages++)
        read_page(&rig, *pages);
    compare_lines(module, buf_str(&rig.out), expected);
    close_set(&rig);
    free_rig(&rig);
}

#define NGINX(conns, all, now)                                                                     \
    "Active connections: " conns " \nserver accepts handled requests\n " all " \n" now " \n"

static void pages_of_nginx(void **state)
{
    (void)state;
    static const char *const pages[] = {
        NGINX("2", "16 15 31", "Reading: 0 Writing: 1 Waiting: 1"),
        NGINX("1", "20 19 40", "Reading: 0 Writing: 1 Waiting: 0"),
        NGINX("1", "1 1 1", "Reading: 0 Writing: 1 Waiting: 0"), /* nginx was restarted */
        "<html><body>404</body></html>",
        "",
        "Active connections: x",
        NGINX("1", "1 1", "Reading: 0 Writing: 1 Waiting: 0"),
        NULL};
    check_pages(
        "nginx", pages,
        "1 nginx.stubstatus {\"nginx\":{\"stubstatus\":{\"hostname\":\"h:80\",\"active\":2,"
        "\"accepts\":16,\"handled\":15,\"dropped\":1,\"requests\":31,\"reading\":0,\"writing\":1,"
        "\"waiting\":1}}}\n"
        "2 nginx.stubstatus {\"nginx\":{\"stubstatus\":{\"hostname\":\"h:80\",\"active\":1,"
        "\"accepts\":20,\"handled\":19,\"dropped\":1,\"requests\":40,\"current\":9,\"reading\":0,"
        "\"writing\":1,\"waiting\":0}}}\n"
        "3 nginx.stubstatus {\"nginx\":{\"stubstatus\":{\"hostname\":\"h:80\",\"active\":1,"
        "\"accepts\":1,\"handled\":1,\"dropped\":0,\"requests\":1,\"reading\":0,\"writing\":1,"
        "\"waiting\":0}}}\n"
        "4 nginx.stubstatus error: this is no page of nginx's stub_status: it is HTML; does "
        "server_status_path name it?\n"
        "5 nginx.stubstatus error: this is no page of nginx's stub_status\n"
        "6 nginx.stubstatus error: this is no page of nginx's stub_status\n"
        "7 nginx.stubstatus error: this is no page of nginx's stub_status\n");
}

static void pages_of_apache(void **state)
{
    (void)state;
    static const char *const pages[] = {
        "h\nServerVersion: Apache/2.4.57 (Debian)\nServerUptimeSeconds: 43\nLoad1: 0.01\n"
        "Load5: 0.10\nLoad15: 0.06\nTotal Accesses: 16147\nTotal kBytes: 12988\nTotal Duration: 5\n"
        "CPUUser: 0\nCPUSystem: .01\nCPUChildrenUser: 0\nCPUChildrenSystem: 0\nCPULoad: "
        ".000408393\n"
        "Uptime: 43\nReqPerSec: .00499949\nBytesPerSec: 4.1179\nBytesPerReq: 823.665\n"
        "BusyWorkers: 1\nIdleWorkers: 8\nProcesses: 2\nConnsTotal: 4940\nConnsAsyncWriting: 527\n"
        "ConnsAsyncKeepAlive: 1321\nConnsAsyncClosing: 2785\nScoreboard: _W__SRKDCLGI...\n",
        "Total Accesses: 1\r\nTotal kBytes: -5\r\nUptime: 1e3\r\nScoreboard: _.\r\n",
        "<!DOCTYPE html><h1>Apache Server Status</h1>", "Scoreboard", NULL};
    check_pages(
        "apache", pages,
        "1 apache.status {\"apache\":{\"status\":{\"hostname\":\"h:80\",\"total_accesses\":16147,"
        "\"total_kbytes\":12988,\"requests_per_sec\":0.00499949,\"bytes_per_sec\":4.1179,"
        "\"bytes_per_request\":823.665,\"workers\":{\"busy\":1,\"idle\":8},"
        "\"uptime\":{\"server_uptime\":43,\"uptime\":43},"
        "\"cpu\":{\"load\":0.000408393,\"user\":0,\"system\":0.01,\"children_user\":0,"
        "\"children_system\":0},\"connections\":{\"total\":4940,\"async\":{\"writing\":527,"
        "\"keep_alive\":1321,\"closing\":2785}},\"load\":{\"1\":0.01,\"5\":0.1,\"15\":0.06},"
        "\"scoreboard\":{\"starting_up\":1,\"reading_request\":1,\"sending_reply\":1,"
        "\"keepalive\":1,\"dns_lookup\":1,\"closing_connection\":1,\"logging\":1,"
        "\"gracefully_finishing\":1,\"idle_cleanup\":1,\"open_slot\":3,"
        "\"waiting_for_connection\":3,\"total\":15}}}}\n"
        "2 apache.status {\"apache\":{\"status\":{\"hostname\":\"h:80\",\"total_accesses\":1,"
        "\"scoreboard\":{\"starting_up\":0,\"reading_request\":0,\"sending_reply\":0,"
        "\"keepalive\":0,\"dns_lookup\":0,\"closing_connection\":0,\"logging\":0,"
        "\"gracefully_finishing\":0,\"idle_cleanup\":0,\"open_slot\":1,"
        "\"waiting_for_connection\":1,\"total\":2}}}}\n"
        "3 apache.status error: this is no page of Apache's mod_status as text: it is HTML; add "
        "?auto to the URL in hosts\n"
        "4 apache.status error: this is no page of Apache's mod_status as text\n");
}

/* ---- fields ---- */

struct seen {
    const struct metric_field *fields;
    bool is_seen[FIELDS_MAX];
};

/* "*" stands for one name without dots. */
static bool is_name(const char *pattern, const char *name)
{
    for (;; pattern++, name++) {
        if (*pattern == '*') {
            name += strcspn(name, ".");
            name--;
            continue;
        }
        if (*pattern != *name)
            return false;
        if (!*name)
            return true;
    }
}

static bool fits(const struct metric_field *field, struct json_span value)
{
    bool is_whole = value.type == JSON_NUMBER && !memchr(value.at, '.', value.len);
    if (strcmp(field->type, "long") == 0)
        return is_whole;
    if (strcmp(field->type, "float") == 0)
        return value.type == JSON_NUMBER;
    if (strcmp(field->type, "keyword") == 0)
        return value.type == JSON_STRING || value.type == JSON_ARRAY;
    return strcmp(field->type, "date") == 0 && value.type == JSON_STRING && value.len == 26;
}

static void check_value(struct seen *seen, const char *name, struct json_span value)
{
    for (size_t i = 0; seen->fields[i].name; i++) {
        if (!is_name(seen->fields[i].name, name))
            continue;
        if (!fits(&seen->fields[i], value))
            fail_msg("%s is no %s: %.*s", name, seen->fields[i].type, (int)value.len, value.at);
        seen->is_seen[i] = true;
        return;
    }
    fail_msg("%s is in no row of the metricset's fields", name);
}

static void walk(struct seen *seen, struct json_span object, const char *prefix)
{
    struct json_walk members = json_members(object), again;
    struct json_span key, value, other;
    while (json_next(&members, &key, &value)) {
        char *name =
            mem_printf("%s%s%.*s", prefix, *prefix ? "." : "", (int)key.len - 2, key.at + 1);
        size_t n_same = 0;
        for (again = json_members(object); json_next(&again, &other, &(struct json_span) {0});)
            n_same += other.len == key.len && memcmp(other.at, key.at, key.len) == 0;
        if (n_same != 1)
            fail_msg("%s is there %zu times", name, n_same);
        if (value.type == JSON_OBJECT)
            walk(seen, value, name);
        else
            check_value(seen, name, value);
        free(name);
    }
}

static void check_events(struct seen *seen, const char *lines)
{
    struct json_span value;
    struct err err;
    for (; *lines; lines += strcspn(lines, "\n") + 1) {
        size_t len = strcspn(lines, "\n"), at = strcspn(lines, "{");
        if (at > len)
            continue; /* an error */
        if (json_check(lines + at, len - at, &value, &err))
            fail_msg("%s: %.*s", err.text, (int)len, lines);
        walk(seen, value, "");
    }
}

static void run_set(struct rig *rig, const struct metricset *set)
{
    static const char *const trees[] = {"linux-3.10-v1-limits", "linux-4.18-v1-no-limits",
                                        "linux-5.14-v2-limits", "linux-6.12-v2-wrapped"};
    char path[512];
    for (size_t i = 0; i < sizeof(trees) / sizeof(*trees); i++) {
        open_set(rig, set);
        for (int n = 1; n <= SAMPLES; n++) {
            snprintf(path, sizeof(path), TREES "/%s/%d", trees[i], n);
            take_sample(rig, path, n);
        }
        close_set(rig);
    }
}

/* Names and types as told, no member twice, and no row that is never written. */
static void events_have_the_fields_that_are_told(void **state)
{
    (void)state;
    for (size_t i = 0; all_metricsets[i]; i++) {
        struct rig rig = {.n = 0};
        struct seen seen = {.fields = all_metricsets[i]->fields};
        if (all_metricsets[i]->page)
            continue;
        run_set(&rig, all_metricsets[i]);
        check_events(&seen, buf_str(&rig.out));
        for (size_t k = 0; seen.fields[k].name; k++)
            if (!seen.is_seen[k])
                fail_msg("no tree has %s", seen.fields[k].name);
        free_rig(&rig);
    }
}

static void put_fields(struct buf *out)
{
    for (size_t i = 0; all_metricsets[i]; i++)
        for (const struct metric_field *f = all_metricsets[i]->fields; f->name; f++)
            buf_printf(out, "%s.%s %s %s %s\n", all_metricsets[i]->module, all_metricsets[i]->name,
                       f->name, f->type, f->unit ? f->unit : "-");
}

/* Names, types and units are a promise to dashboards: they change in two places or not at all. */
static void fields_are_those_of_the_table(void **state)
{
    (void)state;
    struct buf found = BUF_INIT, expected = BUF_INIT;
    struct err err;
    put_fields(&found);
    const char *keep = getenv("KEEP");
    if (keep) {
        char *copy = mem_printf("%s/fields.txt", keep);
        assert_int_equal(fs_replace(copy, found.data, found.len, 0644, &err), 0);
        free(copy);
    }
    if (fs_read_file("tests/metrics/fields.txt", 1 << 20, &expected, &err))
        fail_msg("%s", err.text);
    compare_lines("tests/metrics/fields.txt", buf_str(&found), buf_str(&expected));
    buf_free(&found);
    buf_free(&expected);
}

/* ---- this machine ---- */

static size_t count_fds(void)
{
    size_t n = 0;
    DIR *dir = opendir("/proc/self/fd");
    while (readdir(dir))
        n++;
    closedir(dir);
    return n;
}

/* The real /proc: figures or an error, and no descriptor is left open. */
static void nothing_stays_open(void **state)
{
    (void)state;
    size_t before = count_fds();
    for (size_t i = 0; all_metricsets[i]; i++) {
        struct rig rig = {.n = 0};
        if (all_metricsets[i]->page)
            continue;
        open_set(&rig, all_metricsets[i]);
        for (int n = 1; n <= 3; n++) {
            take_sample(&rig, "", n);
            assert_int_equal(count_fds(), before);
        }
        close_set(&rig);
        free_rig(&rig);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(kernel_3_10_version_1_with_limits),
        cmocka_unit_test(kernel_4_18_version_1_without_limits),
        cmocka_unit_test(kernel_5_14_version_2_with_limits),
        cmocka_unit_test(kernel_6_12_counters_that_begin_anew),
        cmocka_unit_test(odd_files_are_errors),
        cmocka_unit_test(missing_files_are_errors),
        cmocka_unit_test(pages_of_nginx),
        cmocka_unit_test(pages_of_apache),
        cmocka_unit_test(events_have_the_fields_that_are_told),
        cmocka_unit_test(fields_are_those_of_the_table),
        cmocka_unit_test(nothing_stays_open),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
