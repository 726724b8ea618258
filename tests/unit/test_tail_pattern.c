/* test_tail_pattern.c: paths of an input → folder and name; what a name matches. */
#include "tail_test.h"

static struct pattern *parse(const char *path)
{
    char *texts[] = {mem_dup(path)};
    const struct str_list paths = {.at = texts, .n = 1};
    struct pattern *list = NULL;
    struct err err;
    if (pattern_parse(&paths, &list, &err))
        fail_msg("%s", err.text);
    free(texts[0]);
    return list;
}

static bool matches(const struct pattern *list, const char *dir, const char *name)
{
    for (; list; list = list->next)
        if (pattern_matches_dir(list, dir) && pattern_matches_name(list, name))
            return true;
    return false;
}

static bool path_matches(const char *path, const char *dir, const char *name)
{
    struct pattern *list = parse(path);
    bool is_match = matches(list, dir, name);
    pattern_free(list);
    return is_match;
}

static void assert_split(const char *path, const char *dir, const char *name, bool is_exact)
{
    struct pattern *list = parse(path);
    assert_string_equal(list->dir, dir);
    assert_string_equal(list->name, name);
    assert_int_equal(list->is_exact, is_exact);
    assert_null(list->next);
    pattern_free(list);
}

static void assert_refused(const char *path, const char *text)
{
    char *texts[] = {mem_dup("/var/log/fine.log"), mem_dup(path)};
    const struct str_list paths = {.at = texts, .n = 2};
    struct pattern *list = NULL;
    struct err err = ERR_INIT;
    assert_int_equal(pattern_parse(&paths, &list, &err), -1);
    assert_null(list);
    assert_int_equal(err.kind, ERR_CONFIG);
    assert_string_equal(err.text, text);
    free(texts[0]);
    free(texts[1]);
}

static void a_path_is_a_folder_and_a_name(void **state)
{
    (void)state;
    assert_split("/var/log/nginx/access.log", "/var/log/nginx", "access.log", true);
    assert_split("/access.log", "/", "access.log", true);
    assert_split("/var/log/*.log", "/var/log", "*.log", false);
    assert_split("/var/log/a?.log", "/var/log", "a?.log", false);
    assert_split("/var/log/a[0-9].log", "/var/log", "a[0-9].log", false);
    assert_split("/var/*/access.log", "/var/*", "access.log", true);
}

static void a_path_is_tidied(void **state)
{
    (void)state;
    assert_split("/var//log/./nginx/././access.log", "/var/log/nginx", "access.log", true);
    assert_split("/var/log/.hidden", "/var/log", ".hidden", true);
    assert_split("/var/log/..data/x.log", "/var/log/..data", "x.log", true);
}

static void a_relative_path_begins_at_the_working_folder(void **state)
{
    struct rig *rig = *state;
    char was[PATH_MAX];
    assert_non_null(getcwd(was, sizeof(was)));
    assert_int_equal(chdir(rig->dir), 0);
    assert_split("access.log", rig->dir, "access.log", true);
    assert_split("./access.log", rig->dir, "access.log", true);
    assert_int_equal(chdir(was), 0);
}

static void a_slash_at_the_end_is_refused(void **state)
{
    (void)state;
    assert_refused("/var/log/nginx/", "path '/var/log/nginx/' ends with a slash: name the files in "
                                      "it, as in /var/log/nginx/*.log");
    assert_refused("/", "path '/' ends with a slash: name the files in it, as in /*.log");
    assert_refused("/var/**/", "path '/var/' ends with a slash: name the files in it, as in "
                               "/var/*.log");
}

static int parse_root_dot(struct rig *rig)
{
    (void)rig;
    char text[] = "/.";
    char *texts[] = {text};
    const struct str_list paths = {.at = texts, .n = 1};
    struct pattern *list = NULL;
    struct err err = ERR_INIT;
    CHILD_CHECK(pattern_parse(&paths, &list, &err) == -1);
    CHILD_CHECK(err.kind == ERR_CONFIG);
    return 0;
}

static void the_root_as_dot_is_refused(void **state)
{
    in_child(*state, parse_root_dot);
}

static void two_stars_are_up_to_eight_folders(void **state)
{
    (void)state;
    struct pattern *list = parse("/logs/**/access.log");
    assert_true(matches(list, "/logs", "access.log"));
    assert_true(matches(list, "/logs/a", "access.log"));
    assert_true(matches(list, "/logs/a/b/c/d/e/f/g/h", "access.log"));
    assert_false(matches(list, "/logs/a/b/c/d/e/f/g/h/i", "access.log"));
    assert_false(matches(list, "/log", "access.log"));
    assert_false(matches(list, "/logs/a", "error.log"));
    pattern_free(list);
}

static void two_stars_at_the_end_are_folders_too(void **state)
{
    (void)state;
    assert_true(path_matches("/logs/**", "/logs", "access.log"));
    assert_true(path_matches("/logs/**", "/logs/a/b", "access.log"));
}

static void a_star_stays_in_its_folder(void **state)
{
    (void)state;
    assert_true(path_matches("/logs/*/x-*.log", "/logs/pod", "x-1.log"));
    assert_false(path_matches("/logs/*/x-*.log", "/logs/pod/more", "x-1.log"));
    assert_false(path_matches("/logs/*/x-*.log", "/logs", "x-1.log"));
    assert_false(path_matches("/logs/x.log", "/logs", "x.log.1"));
    assert_false(path_matches("/logs/x.log", "/logs", "xylog"));
}

static void siblings_are_generations_of_a_name(void **state)
{
    (void)state;
    static const char *const ours[] = {"access.log.1",          "access.log-20261122",
                                       "access.log.old",        "access.log.2026-11-22-06",
                                       "access.log.1.backup",   "access.log..1",
                                       "access.log.1.gz",       "access-20261122.log",
                                       "access.2026-11-22.log", "access-20261122.log.gz"};
    static const char *const others[] = {
        "access.log",     "access.log.",      "access.log-",    "access.log1",
        "access.logs",    "error.log.1",      "access-.log",    "access.log-2.bz2",
        "access.log.xz",  "access-error.log", "access-1.txt",   "access.log.1.zst",
        "access.log.1.Z", "access.log.1.lz4", "access.log.zip", "access.lo"};
    struct pattern *exact = parse("/l/access.log");
    char log[PATTERN_NAME_MAX];
    for (size_t i = 0; i < COUNT(ours); i++) {
        if (!pattern_is_sibling(exact, ours[i], log))
            fail_msg("%s is one", ours[i]);
        assert_string_equal(log, "access.log");
    }
    for (size_t i = 0; i < COUNT(others); i++)
        if (pattern_is_sibling(exact, others[i], log))
            fail_msg("%s is none", others[i]);
    pattern_free(exact);
}

static void a_wildcards_sibling_is_of_the_longest_name_that_matches(void **state)
{
    (void)state;
    static const char *const ours[][2] = {{"a.log.1", "a.log"},
                                          {"a.log-20261122", "a.log"},
                                          {"a.log.1.gz", "a.log"},
                                          {"a.log.b.log.1", "a.log.b.log"},
                                          {"a-b.log.old", "a-b.log"}};
    static const char *const others[] = {"a.log.", "a.log1", "a.txt.1", "a.log.1.xz", "a", ""};
    struct pattern *wild = parse("/l/*.log");
    char log[PATTERN_NAME_MAX], lengthy[400];
    for (size_t i = 0; i < COUNT(ours); i++) {
        if (!pattern_is_sibling(wild, ours[i][0], log))
            fail_msg("%s is one", ours[i][0]);
        assert_string_equal(log, ours[i][1]);
    }
    for (size_t i = 0; i < COUNT(others); i++)
        if (pattern_is_sibling(wild, others[i], log))
            fail_msg("%s is none", others[i]);
    memset(lengthy, 'x', sizeof lengthy);
    strcpy(lengthy + sizeof lengthy - 7, ".log.1");
    assert_false(pattern_is_sibling(wild, lengthy, log));
    pattern_free(wild);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_path_is_a_folder_and_a_name),
        cmocka_unit_test(a_path_is_tidied),
        IN_MEMORY(a_relative_path_begins_at_the_working_folder),
        cmocka_unit_test(a_slash_at_the_end_is_refused),
        IN_MEMORY(the_root_as_dot_is_refused),
        cmocka_unit_test(two_stars_are_up_to_eight_folders),
        cmocka_unit_test(two_stars_at_the_end_are_folders_too),
        cmocka_unit_test(a_star_stays_in_its_folder),
        cmocka_unit_test(siblings_are_generations_of_a_name),
        cmocka_unit_test(a_wildcards_sibling_is_of_the_longest_name_that_matches),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
