/* test_config_yaml.c: what a file may hold, where its values stand, and what is said of the others. */
#include "test_config.h"

static void values_know_their_place(void **state)
{
    struct fixture *fix = *state;
    struct buf where = BUF_INIT;
    given(fix, "output:\n  kafka:\n    hosts: [a, \"b\"]\n");
    assert_string_equal(node_where(at_path(fix, "output.kafka.hosts.1"), &where), "posta.yml:3:16");
    assert_true(node_is_quoted(at_path(fix, "output.kafka.hosts.1")));
    assert_false(node_is_quoted(at_path(fix, "output.kafka.hosts.0")));
    buf_free(&where);
}

static void walking_goes_in_the_order_of_the_file(void **state)
{
    struct fixture *fix = *state;
    struct buf keys = BUF_INIT;
    given(fix, "b: 1\na: ~\nc: {}\n");
    const struct node *root = config_root(fix->config);
    assert_string_equal(node_keys(root, &keys), "b, a, c");
    assert_int_equal(node_count(root), 3);
    assert_string_equal(node_key(root, 2), "c");
    assert_int_equal(node_kind(node_at(root, 1)), NODE_NULL);
    assert_int_equal(node_kind(node_at(root, 2)), NODE_MAP);
    assert_null(node_at(root, 3));
    assert_null(node_get(root, "b.x"));
    buf_free(&keys);
}

static void empty_files_are_empty_mappings(void **state)
{
    struct fixture *fix = *state;
    given(fix, "");
    given(fix, "# only a comment\n");
    given(fix, "---\n");
    assert_int_equal(node_count(config_root(fix->config)), 0);
}

static void aliases_are_copies(void **state)
{
    struct fixture *fix = *state;
    given(fix, "a: &tls {ca: x, key: y}\nb:\n  <<: *tls\n  key: z\nc: *tls\n");
    assert_text(fix, "b.ca", "x");
    assert_text(fix, "b.key", "z");
    assert_text(fix, "c.key", "y");
}

static void alias_bombs_are_stopped(void **state)
{
    struct fixture *fix = *state;
    struct buf yaml = BUF_INIT;
    buf_puts(&yaml, "a0: &a0 [x,x,x,x,x,x,x,x,x,x]\n");
    for (int i = 1; i < 9; i++) {
        buf_printf(&yaml, "a%d: &a%d [*a%d,*a%d,*a%d,*a%d,*a%d,*a%d,*a%d,*a%d]\n", i, i, i - 1,
                   i - 1, i - 1, i - 1, i - 1, i - 1, i - 1, i - 1);
    }
    assert_refused(fix, buf_str(&yaml),
                   "posta.yml:6:10: more than 65536 values in the configuration");
    buf_free(&yaml);
}

static void depth_is_bounded(void **state)
{
    struct fixture *fix = *state;
    char yaml[200];
    memset(yaml, '[', sizeof(yaml));
    yaml[199] = '\0';
    assert_refused(fix, yaml, "posta.yml:1:65: more than 64 mappings and lists inside each other");
}

static void size_is_bounded(void **state)
{
    struct fixture *fix = *state;
    static char yaml[CONFIG_FILE_BYTES + 2];
    memset(yaml, '#', sizeof(yaml) - 1);
    assert_refused(fix, yaml, "posta.yml: larger than 1 MiB");
}

static void nul_is_refused(void **state)
{
    struct fixture *fix = *state;
    assert_int_equal(config_add_bytes(fix->config, "posta.yml", "a: \0", 4, &fix->problems), -1);
    assert_problem(fix, "posta.yml:1:4: NUL byte: this is not a text file");
}

/* One complaint a row. */
static const struct refusal {
    const char *yaml, *text;
} refusals[] = {
    {"a: 1\nb: 2\na: 3\n", "posta.yml:3:1: key 'a' is already at posta.yml:1:1"},
    {"a:\n\tb: 1\n", "posta.yml:2:1: a tab: YAML is indented with spaces"},
    {"a: *.log\n", "posta.yml:1:5: '*' and '&' have a meaning in YAML: put the text in quotes"},
    {"a: *log\n",
     "posta.yml:1:4: no anchor '&log' above: put a text that begins with '*' in quotes"},
    {"a: &x [*x]\n",
     "posta.yml:1:8: no anchor '&x' above: put a text that begins with '*' in quotes"},
    {"a: 1\n---\nb: 2\n",
     "posta.yml:2:1: a second document begins here ('---'): one file is one document"},
    {"a: b: c\n",
     "posta.yml:1:5: ':' is not expected here: check the indentation, or put the text in quotes"},
    {"a: [1, 2\nb: 3\n", "posta.yml:2:2: ',' or ']' is missing"},
    {"a: \"\\d\"\n", "posta.yml:1:5: unknown escape after '\\' in double quotes: use single "
                     "quotes, or write '\\\\'"},
    {"a: 1\nfoo\nb: 2\n", "posta.yml:2:1: ':' is missing after a key"},
    {"\xef\xbb\xbf"
     "a: 1\na: 2\n",
     "posta.yml:2:1: key 'a' is already at posta.yml:1:1"},
    {"a: \"x\n", "posta.yml:2:1: the file ends inside a text in quotes"},
    {"a: @x\n", "posta.yml:1:4: a text cannot begin with this character: put it in quotes"},
    {"a: 1\n  b: 2\n",
     "posta.yml:2:4: ':' is not expected here: check the indentation, or put the text in quotes"},
    {"just a text\n", "posta.yml:1:1: expected a mapping, found a text"},
    {"? [a]\n: b\n", "posta.yml:1:3: a key must be a text"},
    {"\"\": b\n", "posta.yml:1:1: a key is empty"},
    {"a: !secret b\n", "posta.yml:1:4: tag '!secret' is not supported"},
    {"a: \"\\0\"\n", "posta.yml:1:4: a text cannot hold a NUL"},
    {"a: \xff\n", "posta.yml:1:4: byte 0xff is not UTF-8"},
    {"\xc3\xa4: \xc0\xaf\n", "posta.yml:1:4: byte 0xc0 is not UTF-8"},
    {"a: \x1b[0m\n", "posta.yml:1:4: control character U+001B is not allowed"},
    {"a: {<<: 5}\n", "posta.yml:1:9: '<<' expects a mapping, found a text"},
};

static void wrong_yaml_is_explained(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(refusals) / sizeof(refusals[0]); i++) {
        void *inner;
        fixture_open(&inner);
        assert_refused(inner, refusals[i].yaml, refusals[i].text);
        fixture_close(&inner);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(values_know_their_place),
        CASE(walking_goes_in_the_order_of_the_file),
        CASE(empty_files_are_empty_mappings),
        CASE(aliases_are_copies),
        CASE(alias_bombs_are_stopped),
        CASE(depth_is_bounded),
        CASE(size_is_bounded),
        CASE(nul_is_refused),
        CASE(wrong_yaml_is_explained),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
