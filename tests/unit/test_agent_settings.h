/* test_agent_settings.h: a configuration read from a file, and what is said of it. */
#ifndef TEST_AGENT_SETTINGS_H
#define TEST_AGENT_SETTINGS_H

#include "agent.h"

#include <posta/log.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h> /* wants the ones above */

#define OUTPUT "output.console: {}\n"
#define INPUT  "filebeat.inputs:\n- id: a\n  paths: [/l/a.log]\n"

struct rig {
    char dir[64], file[80];
    struct settings settings;
    struct buf said; /* on standard error */
};

static inline int rig_open(void **state)
{
    struct rig *rig = mem_zero(1, sizeof(*rig));
    strcpy(rig->dir, "/tmp/posta-settings.XXXXXX");
    assert_non_null(mkdtemp(rig->dir));
    snprintf(rig->file, sizeof(rig->file), "%s/posta.yml", rig->dir);
    *state = rig;
    return 0;
}

static inline int rig_close(void **state)
{
    struct rig *rig = *state;
    settings_free(&rig->settings);
    log_setup(&(struct log_config) {.level = LOG_INFO});
    unlink(rig->file);
    rmdir(rig->dir);
    buf_free(&rig->said);
    free(rig);
    return 0;
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, rig_open, rig_close)

/* What is printed has the file's name in front; it is left out of what is compared. */
static inline void keep_said(struct rig *rig, int fd)
{
    char text[8192];
    ssize_t n = pread(fd, text, sizeof(text) - 1, 0);
    assert_true(n >= 0);
    text[n] = '\0';
    for (const char *at = text; *at;) {
        if (strncmp(at, rig->dir, strlen(rig->dir)) == 0)
            at += strlen(rig->dir) + 1;
        else
            buf_putc(&rig->said, *at++);
    }
}

static inline int load_with(struct rig *rig, const char *yaml, struct cli_args *args)
{
    const char *files[] = {rig->file};
    FILE *file = fopen(rig->file, "we");
    fputs(yaml, file);
    fclose(file);
    chmod(rig->file, 0600);
    args->files = files;
    args->n_files = 1;
    int fd = memfd_create("said", MFD_CLOEXEC), was = dup(STDERR_FILENO);
    fflush(stderr);
    dup2(fd, STDERR_FILENO);
    int status = settings_load(&rig->settings, args);
    fflush(stderr);
    dup2(was, STDERR_FILENO);
    close(was);
    keep_said(rig, fd);
    close(fd);
    return status;
}

static inline int load(struct rig *rig, const char *yaml)
{
    struct cli_args args = {0};
    return load_with(rig, yaml, &args);
}

static inline void assert_fine(struct rig *rig, const char *yaml)
{
    int status = load(rig, yaml);
    assert_string_equal(buf_str(&rig->said), "");
    assert_int_equal(status, 0);
}

static inline void assert_refused(struct rig *rig, const char *yaml, const char *said)
{
    int status = load(rig, yaml);
    assert_string_equal(buf_str(&rig->said), said);
    assert_int_equal(status, EXIT_USAGE);
}

#endif
