/* test_base_intern.c: one copy of each text, for as long as somebody holds it. */
#include "posta_test.h"

#include <posta/intern.h>

enum { N_STEPS = 20000, N_TEXTS = 200, MAX_HOLDS = 5 };

static void the_same_text_is_the_same_pointer(void **state)
{
    (void)state;
    char one[] = "/var/log/a", two[] = "/var/log/a";
    const char *a = intern(one), *b = intern(two), *other = intern("/var/log/b");
    one[0] = two[0] = 'X'; /* it is a copy */
    assert_ptr_equal(a, b);
    assert_ptr_not_equal(a, other);
    assert_string_equal(a, "/var/log/a");
    assert_int_equal(intern_count(), 2);
    intern_free(a);
    assert_string_equal(b, "/var/log/a");
    intern_free(b);
    intern_free(other);
    intern_free(NULL);
    assert_int_equal(intern_count(), 0);
}

static void a_part_of_a_text_is_terminated(void **state)
{
    (void)state;
    const char *part = intern_n("abcdef", 3), *whole = intern("abc"), *none = intern_n("xyz", 0);
    assert_ptr_equal(part, whole);
    assert_string_equal(part, "abc");
    assert_string_equal(none, "");
    assert_ptr_equal(none, intern(""));
    assert_int_equal(intern_count(), 2);
    intern_free(part);
    intern_free(whole);
    intern_free(none);
    intern_free(none);
    assert_int_equal(intern_count(), 0);
}

static void an_interned_text_can_be_interned_again(void **state)
{
    (void)state;
    const char *text = intern("posta");
    assert_ptr_equal(intern(text), text);
    intern_free(text);
    intern_free(text);
    assert_int_equal(intern_count(), 0);
}

static struct held {
    const char *at[MAX_HOLDS];
    size_t n;
} held[N_TEXTS];

static void take_or_give_back(size_t i)
{
    char text[32];
    struct held *mine = &held[i];
    snprintf(text, sizeof(text), "/var/log/%zu", i);
    if (random_below(2) && mine->n < MAX_HOLDS) {
        mine->at[mine->n] = intern(text);
        assert_string_equal(mine->at[mine->n], text);
        assert_ptr_equal(mine->at[mine->n], mine->at[0]);
        mine->n++;
    } else if (mine->n) {
        intern_free(mine->at[--mine->n]);
    }
}

static void random_holds_agree_with_an_array(void **state)
{
    (void)state;
    random_begin("intern");
    for (int step = 0; step < N_STEPS; step++) {
        take_or_give_back(random_below(N_TEXTS));
        size_t n = 0;
        for (size_t i = 0; i < N_TEXTS && step % 50 == 0; i++)
            n += held[i].n > 0;
        assert_true(step % 50 || intern_count() == n);
    }
    for (size_t i = 0; i < N_TEXTS; i++)
        while (held[i].n)
            intern_free(held[i].at[--held[i].n]);
    assert_int_equal(intern_count(), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_same_text_is_the_same_pointer),
        cmocka_unit_test(a_part_of_a_text_is_terminated),
        cmocka_unit_test(an_interned_text_can_be_interned_again),
        cmocka_unit_test(random_holds_agree_with_an_array),
    };
    return cmocka_run_group_tests(tests, log_nothing, NULL);
}
