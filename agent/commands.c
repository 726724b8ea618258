/* commands.c: what posta's commands do, by joining the parts. */
#include "status.h"

#include <posta/log.h>

#include <stdlib.h>

/* ---- test ---- */

/* With the parts of a sender that check, test and verify need. */
int output_try(const struct settings *settings, output_use *use, void *arg, struct err *err)
{
    struct agent_identity identity;
    struct loop *loop = NULL;
    struct sender *sender = NULL;
    const struct sender_config config = {.settings = settings, .identity = &identity};
    int rc = loop_new(&loop, err);
    identity_peek(&identity, settings->globals.path_data);
    if (rc == 0)
        rc = sender_new(&sender, &config, err);
    if (rc == 0) {
        struct output_env env = sender_env(sender);
        env.loop = loop;
        rc = use(settings, &env, arg, err);
    }
    sender_free(sender);
    loop_free(loop);
    return rc;
}

int output_run(struct settings *settings, output_use *use, void *arg)
{
    struct err err;
    if (output_try(settings, use, arg, &err) == 0)
        return EXIT_TOLD;
    fprintf(stderr, "posta: %s\n", err.text);
    return EXIT_START;
}

int output_check(const struct settings *settings, const struct output_env *env, void *arg,
                 struct err *err)
{
    (void)arg;
    return settings->output->check ? settings->output->check(settings->output_self, env, err) : 0;
}

static int check_output(const struct settings *settings, const struct output_env *env, void *arg,
                        struct err *err)
{
    if (output_check(settings, env, arg, err))
        return -1;
    printf("Config OK\n");
    return 0;
}

static int test_output(const struct settings *settings, const struct output_env *env, void *arg,
                       struct err *err)
{
    (void)arg;
    return settings->output->test(settings->output_self, env, stdout, err);
}

int command_test(const struct cli_args *args)
{
    struct settings settings;
    int status = settings_load(&settings, args);
    if (status == 0)
        status = output_run(
            &settings, strcmp(args->subcommand, "config") == 0 ? check_output : test_output, NULL);
    settings_free(&settings);
    return status;
}

/* ---- export ---- */

static void export_sections(const struct config_section *section, bool as_manual)
{
    for (; section->rows; section++) {
        if (as_manual)
            options_manual(stdout, section->name, section->rows);
        else
            options_reference(stdout, section->name, section->rows), putchar('\n');
    }
}

static int export_fields(void)
{
    metric_manual(stdout);
    heartbeat_manual(stdout);
    return EXIT_TOLD;
}

static int export_reference(bool as_manual)
{
    export_sections(settings_sections(), as_manual);
    export_sections(processor_sections(), as_manual);
    export_sections(parser_sections(), as_manual);
    export_sections(heartbeat_sections(), as_manual);
    export_sections(metric_sections(), as_manual);
    return EXIT_TOLD;
}

int command_export(const struct cli_args *args)
{
    if (strcmp(args->subcommand, "fields") == 0)
        return export_fields();
    if (strcmp(args->subcommand, "metrics") == 0)
        return status_manual(stdout), EXIT_TOLD;
    if (strcmp(args->subcommand, "config") != 0)
        return export_reference(strcmp(args->subcommand, "manual") == 0);
    struct settings settings;
    int status = settings_load(&settings, args);
    if (status == 0)
        config_export(stdout, config_root(settings.config), settings_sections(), true);
    settings_free(&settings);
    return status;
}
