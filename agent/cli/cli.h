/* cli.h: the command line → a struct. */
#ifndef CLI_CLI_H
#define CLI_CLI_H

#include <posta/err.h>
#include <posta/version.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

struct cli_args {
    const char *command;    /* "run", ...; "run" if none was given */
    const char *subcommand; /* "config" of `test config`; NULL if none */
    const char **files;     /* -c, in order */
    size_t n_files;
    const char **settings; /* -E, in order */
    size_t n_settings;
    const char *path_data, *path_config;
    const char *path_spool; /* for the spool commands; the rest of them too */
    const char *source;
    bool wants_all, is_dry_run;
    const char *url;   /* for probe */
    const char *topic; /* for verify */
    bool is_live;
    const char *role;  /* "sidecar"; NULL if not given */
    const char *debug; /* selectors of -d; NULL if not given */
    bool is_verbose;
    bool once;
    bool wants_help;
};

/* One row a command. */
struct cli_command {
    const char *name;
    const char *subcommands; /* "config|output", NULL = none */
    int (*run)(const struct cli_args *args);
    const char *doc;
};

/* Borrows argv. CONFIG with what is wrong and where to look. Free with cli_free. */
int cli_parse(int argc, char **argv, const struct cli_command *commands, struct cli_args *args,
              struct err *err) MUST_CHECK;
void cli_free(struct cli_args *args);
void cli_help(FILE *to, const struct cli_command *commands);

#endif
