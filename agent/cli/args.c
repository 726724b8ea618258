/* args.c: options as Beats' commands take them: -c FILE, -E k=v, --path.data DIR or =DIR, one dash or two. */
#include "cli.h"

#include <posta/buf.h>

#include <stdlib.h>
#include <string.h>

enum { HELP_COLUMN = 32 };

enum flag_kind { FLAG_TRUE, FLAG_TEXT, FLAG_MANY, FLAG_NOTHING };

struct flag {
    const char *name; /* without dashes */
    const char *value;
    enum flag_kind kind;
    size_t at, count_at;
    const char *doc; /* NULL = accepted, not shown */
};

#define AT(field) offsetof(struct cli_args, field)
static const struct flag flags[] = {
    {"c", "FILE", FLAG_MANY, AT(files), AT(n_files),
     "configuration file; several are merged in order (default: posta.yml)"},
    {"E", "KEY=VALUE", FLAG_MANY, AT(settings), AT(n_settings), "set one option over the files"},
    {"path.data", "DIR", FLAG_TEXT, AT(path_data), 0,
     "folder of the spool and of posta's identity"},
    {"path.config", "DIR", FLAG_TEXT, AT(path_config), 0,
     "where relative -c files are (default: /etc/posta)"},
    {"path.spool", "DIR", FLAG_TEXT, AT(path_spool), 0,
     "posta spool: the folder itself; no configuration is needed then"},
    {"source", "PATH", FLAG_TEXT, AT(source), 0, "posta spool cat, export: of this log only"},
    {"all", NULL, FLAG_TRUE, AT(wants_all), 0,
     "posta spool cat, export: what was delivered and is still there, too"},
    {"dry-run", NULL, FLAG_TRUE, AT(is_dry_run), 0,
     "posta spool repair: say what it would do, change nothing"},
    {"url", "URL", FLAG_TEXT, AT(url), 0,
     "posta probe: ask there (http://HOST:PORT, or a socket's path), whatever http.* says"},
    {"topic", "NAME", FLAG_TEXT, AT(topic), 0,
     "posta verify: this topic (default: those of the configuration)"},
    {"live", NULL, FLAG_TRUE, AT(is_live), 0,
     "posta verify: go on reading, say each change; Ctrl-C ends it"},
    {"role", "ROLE", FLAG_TEXT, AT(role), 0,
     "host, node or sidecar (default: $POSTA_ROLE, or host): a sidecar starts whatever is wrong "
     "with "
     "its configuration, keeps lines until that is mended, and ends behind its writers"},
    {"once", NULL, FLAG_TRUE, AT(once), 0,
     "read what is there to its end, deliver all of it, exit"},
    {"e", NULL, FLAG_NOTHING, 0, 0, "log to standard error (posta always does)"},
    {"d", "PARTS", FLAG_TEXT, AT(debug), 0,
     "debug lines of these parts, comma-separated, \"*\" for all"},
    {"v", NULL, FLAG_TRUE, AT(is_verbose), 0, "log at level info, whatever the file says"},
    {"h", NULL, FLAG_TRUE, AT(wants_help), 0, NULL},
    {"help", NULL, FLAG_TRUE, AT(wants_help), 0, "this text"},
    {"strict.perms", "BOOL", FLAG_TEXT, (size_t)-1, 0, NULL},
    {"environment", "NAME", FLAG_TEXT, (size_t)-1, 0, NULL},
    {"path.home", "DIR", FLAG_TEXT, (size_t)-1, 0, NULL},
    {"path.logs", "DIR", FLAG_TEXT, (size_t)-1, 0, NULL},
};

static const struct flag *find_flag(const char *name, size_t len)
{
    for (size_t i = 0; i < sizeof flags / sizeof *flags; i++)
        if (strlen(flags[i].name) == len && strncmp(flags[i].name, name, len) == 0)
            return &flags[i];
    return NULL;
}

static void store(struct cli_args *args, const struct flag *flag, const char *value)
{
    char *base = (char *)args;
    if (flag->at == (size_t)-1 || flag->kind == FLAG_NOTHING)
        return;
    if (flag->kind == FLAG_TRUE) {
        *(bool *)(base + flag->at) = true;
    } else if (flag->kind == FLAG_TEXT) {
        *(const char **)(base + flag->at) = value;
    } else {
        const char ***list = (const char ***)(base + flag->at);
        size_t *n = (size_t *)(base + flag->count_at);
        *list = mem_grow(*list, *n + 1, sizeof **list);
        (*list)[(*n)++] = value;
    }
}

/* One option at argv[*i]; moves *i over its value. */
static int take_flag(int argc, char **argv, int *i, struct cli_args *args, struct err *err)
{
    const char *name = argv[*i] + 1 + (argv[*i][1] == '-');
    const char *equals = strchr(name, '=');
    size_t len = equals ? (size_t)(equals - name) : strlen(name);
    const struct flag *flag = find_flag(name, len);
    if (!flag)
        return err_set(err, ERR_CONFIG, "unknown option '%s': see posta help", argv[*i]);
    if (!flag->value && equals)
        return err_set(err, ERR_CONFIG, "option '%.*s' takes no value", (int)(equals - argv[*i]),
                       argv[*i]);
    if (!flag->value) {
        store(args, flag, NULL);
        return 0;
    }
    if (!equals && *i + 1 >= argc)
        return err_set(err, ERR_CONFIG, "option '%s' wants a value: %s %s", argv[*i], argv[*i],
                       flag->value);
    store(args, flag, equals ? equals + 1 : argv[++*i]);
    return 0;
}

static bool has_word(const char *words, const char *word)
{
    size_t len = strcspn(word, "|");
    for (const char *at = words; at; at = strchr(at, '|')) {
        at += *at == '|';
        if (!word[len] && strncmp(at, word, len) == 0 && (!at[len] || at[len] == '|'))
            return true;
    }
    return false;
}

static const struct cli_command *find_command(const struct cli_command *commands, const char *name)
{
    for (; commands->name; commands++)
        if (strcmp(commands->name, name) == 0)
            return commands;
    return NULL;
}

static int check_words(const struct cli_command *commands, struct cli_args *args, int n_words,
                       const char *extra, struct err *err)
{
    if (n_words == 0)
        args->command = "run";
    const struct cli_command *command = find_command(commands, args->command);
    if (!command)
        return err_set(err, ERR_CONFIG, "unknown command '%s': see posta help", args->command);
    if (extra)
        return err_set(err, ERR_CONFIG, "'%s' is one word too many: see posta help", extra);
    if (!args->subcommand != !command->subcommands ||
        (args->subcommand && !has_word(command->subcommands, args->subcommand)))
        return err_set(err, ERR_CONFIG, "posta %s%s%s: expected posta %s%s%s", args->command,
                       args->subcommand ? " " : "", args->subcommand ? args->subcommand : "",
                       args->command, command->subcommands ? " " : "",
                       command->subcommands ? command->subcommands : "");
    return 0;
}

int cli_parse(int argc, char **argv, const struct cli_command *commands, struct cli_args *args,
              struct err *err)
{
    const char *words[3] = {NULL};
    int n_words = 0;
    *args = (struct cli_args) {0};
    for (int i = 1; i < argc; i++) {
        if (argv[i][0] == '-' && argv[i][1]) {
            if (take_flag(argc, argv, &i, args, err))
                return -1;
        } else if (n_words < 3) {
            words[n_words++] = argv[i];
        }
    }
    args->command = words[0];
    args->subcommand = words[1];
    return args->wants_help ? 0 : check_words(commands, args, n_words, words[2], err);
}

void cli_free(struct cli_args *args)
{
    free(args->files);
    free(args->settings);
    *args = (struct cli_args) {0};
}

/* A name that fills its column has a line of its own. */
static void put_row(FILE *to, const char *name, const char *doc)
{
    if (strlen(name) > HELP_COLUMN)
        fprintf(to, "  %s\n  %-*s %s\n", name, HELP_COLUMN, "", doc);
    else
        fprintf(to, "  %-*s %s\n", HELP_COLUMN, name, doc);
}

void cli_help(FILE *to, const struct cli_command *commands)
{
    fprintf(to, "posta " POSTA_VERSION ": follows log files and delivers every line to Kafka\n\n"
                "usage: posta [command] [options]\n\ncommands:\n");
    for (; commands->name; commands++) {
        char both[64];
        snprintf(both, sizeof both, "%s%s%s", commands->name, commands->subcommands ? " " : "",
                 commands->subcommands ? commands->subcommands : "");
        put_row(to, both, commands->doc);
    }
    fprintf(to, "\noptions:\n");
    for (size_t i = 0; i < sizeof flags / sizeof *flags; i++) {
        char both[64];
        snprintf(both, sizeof both, "%s%s%s%s", flags[i].name[1] ? "--" : "-", flags[i].name,
                 flags[i].value ? " " : "", flags[i].value ? flags[i].value : "");
        if (flags[i].doc)
            put_row(to, both, flags[i].doc);
    }
    fprintf(to, "\nSee posta(8), and posta export reference for every option with its default.\n");
}
