/* main.c: the table of commands. */
#include "agent.h"

#include <openssl/opensslv.h>
#include <signal.h>
#include <stdlib.h>
#include <unistd.h>

#include <librdkafka/rdkafka.h>

static const struct cli_command commands[];

static int command_version(const struct cli_args *args)
{
    (void)args;
    printf("posta version " POSTA_VERSION " (librdkafka %s, " OPENSSL_VERSION_TEXT ")\n",
           rd_kafka_version_str());
    return EXIT_TOLD;
}

static int command_help(const struct cli_args *args)
{
    (void)args;
    cli_help(stdout, commands);
    return EXIT_TOLD;
}

static const struct cli_command commands[] = {
    {"run", NULL, command_run,
     "follow the logs and deliver them (what posta does without a command)"},
    {"test", "config|output", command_test,
     "check the configuration; connect to the output for real"},
    {"export", "config|reference|manual|fields|metrics", command_export,
     "print the configuration in force, every option there is, every field that is measured, or "
     "every "
     "metric of /metrics"},
    {"spool", "ls|check|cat|export|repair", command_spool,
     "look into the spool, beside a running posta or without; repair it"},
    {"probe", "live|ready", command_probe,
     "ask a running posta over http.host whether it is well, or has begun its work: for exec "
     "probes"},
    {"verify", NULL, command_verify,
     "read the topic back and prove that nothing of the logs is missing in it"},
    {"version", NULL, command_version, "print the versions of posta and its libraries"},
    {"help", NULL, command_help, "print this"},
    {0},
};

static int (*find_run(const char *name))(const struct cli_args *)
{
    for (const struct cli_command *command = commands; command->name; command++)
        if (strcmp(command->name, name) == 0)
            return command->run;
    return command_help;
}

static void end_without_memory(void)
{
    _exit(EXIT_BUG); /* at once: nothing is to be saved that is not in the spool */
}

int main(int argc, char **argv)
{
    struct cli_args args;
    struct err err;
    /* A lease that is broken sends SIGIO, whose default is death: see eof.c. A closed pipe is an error to be read. */
    signal(SIGIO, SIG_IGN);
    signal(SIGPIPE, SIG_IGN);
    mem_set_end(end_without_memory);
    (void)process_begin(); /* now */
    if (cli_parse(argc, argv, commands, &args, &err)) {
        fprintf(stderr, "posta: %s\n", err.text);
        cli_free(&args);
        return EXIT_USAGE;
    }
    int status = args.wants_help ? command_help(&args) : find_run(args.command)(&args);
    cli_free(&args);
    return status;
}
