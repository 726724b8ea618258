/* test_cli.c: the command line → a struct; what is wrong with it, in words. */
#include "cli/cli.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h> /* wants the ones above */

enum { MAX_WORDS = 16 };

static const struct cli_command commands[] = {
    {"run", NULL, NULL, "follow the logs"},
    {"test", "config|output", NULL, "check the configuration"},
    {"export", "config|reference|manual", NULL, "print the options"},
    {"version", NULL, NULL, "print the version"},
    {0},
};

/* Words separated by one space; kept until the next call, as argv is. */
static int parse(const char *line, struct cli_args *args, struct err *err)
{
    static char text[512], name[] = "posta";
    static char *argv[MAX_WORDS + 1];
    int argc = 0;
    strcpy(text, line);
    argv[argc++] = name;
    for (char *word = strtok(text, " "); word && argc < MAX_WORDS; word = strtok(NULL, " "))
        argv[argc++] = word;
    argv[argc] = NULL;
    return cli_parse(argc, argv, commands, args, err);
}

static struct cli_args parsed(const char *line)
{
    struct cli_args args;
    struct err err;
    if (parse(line, &args, &err))
        fail_msg("%s", err.text);
    return args;
}

static void assert_refused(const char *line, const char *text)
{
    struct cli_args args;
    struct err err = {0};
    assert_int_equal(parse(line, &args, &err), -1);
    assert_int_equal(err.kind, ERR_CONFIG);
    assert_string_equal(err.text, text);
    cli_free(&args);
}

/* ---- commands ---- */

static void without_a_command_it_runs(void **state)
{
    (void)state;
    struct cli_args args = parsed("");
    assert_string_equal(args.command, "run");
    assert_null(args.subcommand);
    assert_int_equal(args.n_files, 0);
    assert_false(args.once || args.is_verbose || args.wants_help);
    assert_null(args.debug);
    cli_free(&args);
}

static void a_command_may_stand_anywhere(void **state)
{
    (void)state;
    static const char *const lines[] = {"test config -c a.yml", "-c a.yml test config",
                                        "test -c a.yml config"};
    for (size_t i = 0; i < 3; i++) {
        struct cli_args args = parsed(lines[i]);
        assert_string_equal(args.command, "test");
        assert_string_equal(args.subcommand, "config");
        assert_int_equal(args.n_files, 1);
        cli_free(&args);
    }
}

static void unknown_words_are_refused(void **state)
{
    (void)state;
    assert_refused("rum", "unknown command 'rum': see posta help");
    assert_refused("-", "unknown command '-': see posta help");
    assert_refused("test", "posta test: expected posta test config|output");
    assert_refused("test conf", "posta test conf: expected posta test config|output");
    assert_refused("export man", "posta export man: expected posta export config|reference|manual");
    assert_refused("test config more", "'more' is one word too many: see posta help");
    assert_refused("test config more and more", "'more' is one word too many: see posta help");
    struct cli_args args = parsed("export reference");
    assert_string_equal(args.subcommand, "reference");
    cli_free(&args);
}

static void the_list_of_words_is_no_word(void **state)
{
    (void)state;
    assert_refused("test config|output",
                   "posta test config|output: expected posta test config|output");
}

static void a_word_behind_a_command_that_takes_none(void **state)
{
    (void)state;
    assert_refused("version now", "posta version now: expected posta version");
}

/* ---- options ---- */

static void files_in_all_forms_and_in_order(void **state)
{
    (void)state;
    struct cli_args args = parsed("-c a.yml --c b.yml -c=c.yml --c=d=e.yml -c= -c -c");
    static const char *const names[] = {"a.yml", "b.yml", "c.yml", "d=e.yml", "", "-c"};
    assert_int_equal(args.n_files, 6);
    for (size_t i = 0; i < 6; i++)
        assert_string_equal(args.files[i], names[i]);
    cli_free(&args);
}

static void settings_are_repeated(void **state)
{
    (void)state;
    struct cli_args args = parsed("-E a=b -E=c.d=e=f --E g");
    assert_int_equal(args.n_settings, 3);
    assert_string_equal(args.settings[0], "a=b");
    assert_string_equal(args.settings[1], "c.d=e=f");
    assert_string_equal(args.settings[2], "g");
    cli_free(&args);
}

static void long_names_with_one_dash_or_two(void **state)
{
    (void)state;
    static const char *const lines[] = {"--path.data=/x --path.config /y --once",
                                        "-path.data /x -path.config=/y -once",
                                        "--path.data /z --path.data /x --path.config /y -once"};
    for (size_t i = 0; i < 3; i++) {
        struct cli_args args = parsed(lines[i]);
        assert_string_equal(args.path_data, "/x");
        assert_string_equal(args.path_config, "/y");
        assert_true(args.once);
        cli_free(&args);
    }
}

static void log_options(void **state)
{
    (void)state;
    struct cli_args args = parsed("-e -v -d tail,spool");
    assert_string_equal(args.debug, "tail,spool");
    assert_true(args.is_verbose);
    cli_free(&args);
    args = parsed("-d=*");
    assert_string_equal(args.debug, "*");
    assert_false(args.is_verbose);
    cli_free(&args);
}

static void options_of_beats_that_do_nothing(void **state)
{
    (void)state;
    struct cli_args args = parsed("--strict.perms=false --environment container --path.home /x "
                                  "-path.logs=/y version");
    assert_string_equal(args.command, "version");
    assert_null(args.path_data);
    cli_free(&args);
}

static void unknown_options_are_refused(void **state)
{
    (void)state;
    assert_refused("--path.dat /x", "unknown option '--path.dat': see posta help");
    assert_refused("--path.data.x=1", "unknown option '--path.data.x=1': see posta help");
    assert_refused("-x", "unknown option '-x': see posta help");
    assert_refused("---c", "unknown option '---c': see posta help");
    assert_refused("--", "unknown option '--': see posta help");
    assert_refused("-=x", "unknown option '-=x': see posta help");
}

static void a_missing_value_is_refused(void **state)
{
    (void)state;
    assert_refused("-c", "option '-c' wants a value: -c FILE");
    assert_refused("run --path.data", "option '--path.data' wants a value: --path.data DIR");
    assert_refused("-E", "option '-E' wants a value: -E KEY=VALUE");
    assert_refused("-strict.perms", "option '-strict.perms' wants a value: -strict.perms BOOL");
}

static void a_switch_that_is_given_false_is_off(void **state)
{
    (void)state;
    struct cli_args args;
    struct err err;
    bool is_off = parse("--once=false", &args, &err) || !args.once; /* refused is fine too */
    cli_free(&args);
    assert_true(is_off);
}

/* ---- help ---- */

static void help_goes_before_other_mistakes(void **state)
{
    (void)state;
    static const char *const lines[] = {"--help", "-h", "nonsense -help", "test --help"};
    for (size_t i = 0; i < 4; i++) {
        struct cli_args args = parsed(lines[i]);
        assert_true(args.wants_help);
        cli_free(&args);
    }
}

static void help_has_a_row_for_each_command_and_option(void **state)
{
    (void)state;
    static const char *const rows[] = {
        "posta " POSTA_VERSION ": follows log files and delivers every line to Kafka\n\n"
        "usage: posta [command] [options]\n\n",
        "\n  run                              follow the logs\n",
        "\n  test config|output               check the configuration\n",
        "\n  export config|reference|manual   print the options\n",
        "\n  -c FILE                          configuration file; several are merged in order "
        "(default: "
        "posta.yml)\n",
        "\n  -E KEY=VALUE                     set one option over the files\n",
        "\n  --path.data DIR                  folder of the spool and of posta's identity\n",
        "\n  --once                           read what is there to its end, deliver all of it, "
        "exit\n",
        "\n  -d PARTS                         debug lines of these parts, comma-separated, \"*\" "
        "for all\n",
        "\n  --help                           this text\n",
    };
    char *text = NULL;
    size_t len = 0;
    FILE *to = open_memstream(&text, &len);
    cli_help(to, commands);
    fclose(to);
    for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++)
        if (!strstr(text, rows[i]))
            fail_msg("no '%s' in:\n%s", rows[i], text);
    assert_null(strstr(text, "strict.perms"));
    assert_null(strstr(text, "-h "));
    free(text);
}

static void free_is_fine_twice(void **state)
{
    (void)state;
    struct cli_args args = parsed("-c a -E b");
    cli_free(&args);
    cli_free(&args);
    assert_null(args.files);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(without_a_command_it_runs),
        cmocka_unit_test(a_command_may_stand_anywhere),
        cmocka_unit_test(unknown_words_are_refused),
        cmocka_unit_test(the_list_of_words_is_no_word),
        cmocka_unit_test(a_word_behind_a_command_that_takes_none),
        cmocka_unit_test(files_in_all_forms_and_in_order),
        cmocka_unit_test(settings_are_repeated),
        cmocka_unit_test(long_names_with_one_dash_or_two),
        cmocka_unit_test(log_options),
        cmocka_unit_test(options_of_beats_that_do_nothing),
        cmocka_unit_test(unknown_options_are_refused),
        cmocka_unit_test(a_missing_value_is_refused),
        cmocka_unit_test(a_switch_that_is_given_false_is_off),
        cmocka_unit_test(help_goes_before_other_mistakes),
        cmocka_unit_test(help_has_a_row_for_each_command_and_option),
        cmocka_unit_test(free_is_fine_twice),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
