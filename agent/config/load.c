/* load.c: what is added to a configuration: files, -E settings, defaults of the program.
 *
 * Happy path: read the whole file, parse, merge. Failure: the problem names the file; what was merged
 * before stays. Nothing is kept open.
 */
#include "node.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

struct config_file {
    const char *path;
    int fd;
    struct buf bytes;
};

static int complain(struct problems *problems, const char *path, const char *what)
{
    return problems_at(problems, PROBLEM_ERROR, &(struct place) {.source = path}, "%s", what);
}

/* Whoever can write the file can make posta read any log and send it anywhere. */
static void check_permissions(const struct config_file *file, const struct stat *st,
                              struct problems *problems)
{
    if ((st->st_mode & (S_IWGRP | S_IWOTH)) != 0) {
        problems_at(problems, PROBLEM_WARNING, &(struct place) {.source = file->path},
                    "writable by %s (mode %04o): chmod go-w %s",
                    st->st_mode & S_IWOTH ? "everybody" : "its group", st->st_mode & 07777u,
                    file->path);
    }
}

static int file_open(struct config_file *file, struct problems *problems)
{
    struct stat st;
    file->fd = open(file->path, O_RDONLY | O_CLOEXEC);
    if (file->fd < 0 || fstat(file->fd, &st) != 0) {
        return complain(problems, file->path, strerror(errno));
    }
    if (S_ISDIR(st.st_mode)) {
        return complain(problems, file->path, "is a directory, expected a file");
    }
    check_permissions(file, &st, problems);
    return 0;
}

static int file_read(struct config_file *file, struct problems *problems)
{
    ssize_t got;
    do {
        buf_reserve(&file->bytes, 64 * 1024);
        got = read(file->fd, file->bytes.data + file->bytes.len, 64 * 1024);
        if (got < 0 && errno != EINTR) {
            return complain(problems, file->path, strerror(errno));
        }
        file->bytes.len += got > 0 ? (size_t)got : 0;
    } while (got != 0 && file->bytes.len <= CONFIG_FILE_BYTES);
    return 0;
}

static void file_close(struct config_file *file)
{
    if (file->fd >= 0) {
        (void)close(file->fd); /* read-only, nothing to lose */
    }
    if (file->bytes.len > 0) {
        explicit_bzero(file->bytes.data, file->bytes.len);
    }
    buf_free(&file->bytes);
}

int config_add_file(struct config *config, const char *path, struct problems *problems)
{
    struct config_file file = {.path = path, .fd = -1};
    int failed = file_open(&file, problems);
    if (failed == 0) {
        failed = file_read(&file, problems);
    }
    if (failed == 0) {
        failed = config_add_bytes(config, path, file.bytes.data, file.bytes.len, problems);
    }
    file_close(&file);
    return failed;
}

int config_add_bytes(struct config *config, const char *source, const void *bytes, size_t len,
                     struct problems *problems)
{
    if (len > CONFIG_FILE_BYTES) {
        return complain(problems, source, "larger than 1 MiB");
    }
    const char *name = config_text(config, source, strlen(source));
    struct node *tree = yaml_parse(config, name, len == 0 ? "" : bytes, len, problems);
    return tree == NULL ? -1 : config_merge(config, tree, problems);
}

/* Merge {key: value}. */
static int add_pair(struct config *config, const char *key, struct node *value,
                    struct problems *problems)
{
    struct node top = {.kind = NODE_MAP, .place = value->place};
    node_add(config, &top, config_text(config, key, strlen(key)), &value->place, value);
    return config_merge(config, &top, problems);
}

static struct place named_place(struct config *config, const char *what, const char *key)
{
    char *name = mem_printf("%s%s", what, key);
    struct place place = {.source = config_text(config, name, strlen(name))};
    free(name);
    return place;
}

static int add_setting(struct config *config, const char *key, const char *text,
                       struct problems *problems)
{
    struct err err = ERR_INIT;
    struct place place = named_place(config, "-E ", key);
    if (utf8_check(place.source, key, strlen(key), problems) != 0 ||
        utf8_check(place.source, text, strlen(text), problems) != 0) {
        return -1;
    }
    if (key[0] == '\0') {
        return problems_at(problems, PROBLEM_ERROR, &place, "expected key=value");
    }
    struct node *value = setting_parse(config, text, true /* mappings */, &place, &err);
    if (value == NULL) {
        return problems_at(problems, PROBLEM_ERROR, &place, "%s", err.text);
    }
    return add_pair(config, key, value, problems);
}

int config_add_setting(struct config *config, const char *setting, struct problems *problems)
{
    const char *equals = strchrnul(setting, '=');
    char *key = mem_printf("%.*s", (int)(equals - setting), setting);
    int failed = add_setting(config, key, *equals == '\0' ? "true" : equals + 1, problems);
    free(key);
    return failed;
}

void config_add_default(struct config *config, const char *key, const char *text)
{
    struct err err = ERR_INIT;
    struct problems ignored = PROBLEMS_INIT;
    if (node_kind(node_get(config->root, key)) != NODE_NULL || config->is_list_file) {
        return;
    }
    struct place place = named_place(config, "default of ", key);
    struct node *value = setting_parse(config, text, false, &place, &err);
    if (value == NULL) {
        value = node_scalar(config, text, strlen(text), &place);
    }
    if (value != NULL) {
        /* `path: x` where a mapping belongs stops the default; options_read complains about it. */
        (void)add_pair(config, key, value, &ignored);
    }
    problems_free(&ignored);
}
