/* test_config.h: a configuration in one call, and checks on its whole problem texts. */
#ifndef POSTA_TEST_CONFIG_H
#define POSTA_TEST_CONFIG_H

#include "../../agent/config/config.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h> /* wants the ones above */

struct fixture {
    struct config *config;
    struct problems problems;
};

static inline int fixture_open(void **state)
{
    struct fixture *fix = calloc(1, sizeof(*fix));
    fix->config = config_new(NULL);
    *state = fix;
    return 0;
}

static inline int fixture_close(void **state)
{
    struct fixture *fix = *state;
    config_free(fix->config);
    problems_free(&fix->problems);
    free(fix);
    return 0;
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, fixture_open, fixture_close)

static inline int add(struct fixture *fix, const char *source, const char *yaml)
{
    return config_add_bytes(fix->config, source, yaml, strlen(yaml), &fix->problems);
}

/* posta.yml, added without a problem. */
static inline void given(struct fixture *fix, const char *yaml)
{
    int failed = add(fix, "posta.yml", yaml);
    if (fix->problems.n > 0) {
        print_error("%s\n", fix->problems.at[0].text);
    }
    assert_int_equal(failed, 0);
    assert_int_equal(fix->problems.n, 0);
}

static inline const struct node *at_path(struct fixture *fix, const char *path)
{
    return node_get(config_root(fix->config), path);
}

static inline void assert_text(struct fixture *fix, const char *path, const char *text)
{
    const char *found = node_text(at_path(fix, path));
    assert_non_null(found);
    assert_string_equal(found, text);
}

/* There is exactly one problem, and this is its whole text. */
static inline void assert_problem(struct fixture *fix, const char *text)
{
    for (size_t i = 1; i < fix->problems.n; i++) {
        print_error("%s\n", fix->problems.at[i].text);
    }
    assert_true(fix->problems.n > 0);
    assert_string_equal(fix->problems.at[0].text, text);
    assert_int_equal(fix->problems.n, 1);
}

/* Parsing this as posta.yml fails with this text. */
static inline void assert_refused(struct fixture *fix, const char *yaml, const char *text)
{
    assert_int_equal(add(fix, "posta.yml", yaml), -1);
    assert_problem(fix, text);
}

#endif
