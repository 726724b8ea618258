/* test_config_suggest.c: what was meant. */
#include "../../agent/config/node.h"
#include "test_config.h"

static const char *const candidates[] = {"hosts", "topic", "timeout", "required_acks", "id"};

static const struct guess {
    const char *word, *meant;
} guesses[] = {
    {"hots", "hosts"},
    {"host", "hosts"},
    {"ohsts", "hosts"},
    {"HOSTS", "hosts"},
    {"timout", "timeout"},
    {"tpic", "topic"},
    {"ie", "id"},
    {"required-acks", "required_acks"},
    {"requred_ack", "required_acks"},
    {"xyz", NULL},
    {"timestamp", NULL},
    {"a", NULL},
    {"", NULL},
};

static void near_names_are_suggested(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(guesses) / sizeof(guesses[0]); i++) {
        const char *meant = suggest(guesses[i].word, candidates, 5);
        if (guesses[i].meant == NULL) {
            assert_null(meant);
        } else {
            assert_non_null(meant);
            assert_string_equal(meant, guesses[i].meant);
        }
    }
}

static void long_words_are_let_alone(void **state)
{
    char word[200];
    (void)state;
    memset(word, 'a', sizeof(word));
    word[199] = '\0';
    assert_null(suggest(word, candidates, 5));
    assert_null(suggest("hosts", (const char *const[]) {word}, 1));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(near_names_are_suggested),
        cmocka_unit_test(long_words_are_let_alone),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
