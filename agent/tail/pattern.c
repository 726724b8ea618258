/* pattern.c: paths with wildcards; see pattern.h. Wildcards are those of fnmatch(3) with FNM_PATHNAME, which for what people
 * write in `paths` agree with Beats' (Go's filepath.Match). */
#include "pattern.h"

#include <posta/buf.h>

#include <fnmatch.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { GLOBSTAR_LEVELS = 8 };

static char *make_absolute(const char *path)
{
    char cwd[PATH_MAX];
    if (*path == '/' || !getcwd(cwd, sizeof cwd))
        return mem_dup(path);
    return mem_printf("%s/%s", cwd, path);
}

/* "/a//b/./c" → "/a/b/c", in place. */
static void tidy(char *path)
{
    char *to = path;
    for (char *at = path; *at;) {
        if (at[0] == '/' && at[1] == '/')
            at++;
        else if (at[0] == '/' && at[1] == '.' && (at[2] == '/' || !at[2]))
            at += 2;
        else
            *to++ = *at++;
    }
    *to = '\0';
}

/* "/a/b/?/c" → root "/a/b", levels "?", "c". */
static void split_levels(struct pattern *pat)
{
    const char *wild = strpbrk(pat->dir, "*?[\\");
    const char *end = wild ? wild : pat->dir + strlen(pat->dir);
    while (wild && *end != '/')
        end--;
    pat->root =
        end == pat->dir ? mem_dup("/") : mem_printf("%.*s", (int)(end - pat->dir), pat->dir);
    while (wild && *end == '/') {
        const char *next = strchrnul(end + 1, '/');
        pat->levels = mem_grow(pat->levels, pat->n_levels + 1, sizeof *pat->levels);
        pat->levels[pat->n_levels++] = mem_printf("%.*s", (int)(next - end - 1), end + 1);
        end = next;
    }
}

static int add_pattern(const char *path, struct pattern ***end, struct err *err)
{
    if (!*path)
        path = "/";
    const char *slash = strrchr(path, '/');
    if (!slash[1])
        return err_set(err, ERR_CONFIG,
                       "path '%s' ends with a slash: name the files in it, as in %s*.log", path,
                       path);
    struct pattern *pat = mem_zero(1, sizeof *pat);
    pat->dir = slash == path ? mem_dup("/") : mem_printf("%.*s", (int)(slash - path), path);
    split_levels(pat);
    pat->name = mem_dup(slash + 1);
    pat->is_exact = !strpbrk(pat->name, "*?[\\");
    **end = pat;
    *end = &pat->next;
    return 0;
}

/* Put 0..8 levels of "*" in the place of the first "**". */
static int expand_levels(const char *path, struct pattern ***end, struct err *err)
{
    const char *stars = strstr(path, "/**/");
    size_t len = strlen(path);
    if (!stars && len >= 3 && strcmp(path + len - 3, "/**") == 0) {
        char *longer = mem_printf("%s/*", path);
        int rc = expand_levels(longer, end, err);
        free(longer);
        return rc;
    }
    if (!stars)
        return add_pattern(path, end, err);
    struct buf levels = BUF_INIT;
    int rc = 0;
    for (int n = 0; n <= GLOBSTAR_LEVELS && rc == 0; n++) {
        char *one = mem_printf("%.*s%s/%s", (int)(stars - path), path,
                               levels.len ? buf_str(&levels) : "", stars + 4);
        rc = add_pattern(one, end, err);
        free(one);
        buf_puts(&levels, "/*");
    }
    buf_free(&levels);
    return rc;
}

int pattern_parse(const struct str_list *paths, struct pattern **list, struct err *err)
{
    struct pattern **end = list;
    *list = NULL;
    for (size_t i = 0; i < paths->n; i++) {
        char *path = make_absolute(paths->at[i]);
        tidy(path);
        int rc = expand_levels(path, &end, err);
        free(path);
        if (rc) {
            pattern_free(*list);
            *list = NULL;
            return -1;
        }
    }
    return 0;
}

void pattern_free(struct pattern *list)
{
    while (list) {
        struct pattern *next = list->next;
        free(list->dir);
        free(list->root);
        for (size_t i = 0; i < list->n_levels; i++)
            free(list->levels[i]);
        free(list->levels);
        free(list->name);
        free(list);
        list = next;
    }
}

bool pattern_level_matches(const struct pattern *pat, size_t level, const char *name)
{
    if (strcmp(name, ".") == 0 || strcmp(name, "..") == 0)
        return false;
    return fnmatch(pat->levels[level], name, FNM_PATHNAME | FNM_PERIOD) == 0;
}

bool pattern_matches_dir(const struct pattern *pat, const char *dir)
{
    return fnmatch(pat->dir, dir, FNM_PATHNAME) == 0;
}

bool pattern_matches_name(const struct pattern *pat, const char *name)
{
    if (pat->is_exact)
        return strcmp(pat->name, name) == 0;
    return fnmatch(pat->name, name, FNM_PATHNAME) == 0;
}

/* Compressed by something that posta does not read. */
static bool is_foreign(const char *name)
{
    static const char *const endings[] = {".bz2", ".xz", ".zst", ".Z", ".lz4", ".zip", ".tmp"};
    size_t len = strlen(name);
    for (size_t i = 0; i < sizeof endings / sizeof *endings; i++) {
        size_t n = strlen(endings[i]);
        if (len > n && strcmp(name + len - n, endings[i]) == 0)
            return true;
    }
    return false;
}

static bool begins_with(const char *text, const char *begin, size_t len)
{
    return strncmp(text, begin, len) == 0;
}

/* access-20261124.log of access.log, as logrotate's `extension` makes it. */
static bool has_middle(const char *of, const char *name)
{
    const char *dot = strrchr(of, '.');
    size_t stem = dot ? (size_t)(dot - of) : 0, len = strlen(name);
    if (!dot || dot == of || !begins_with(name, of, stem) ||
        (name[stem] != '-' && name[stem] != '.'))
        return false;
    size_t ext = strlen(dot), gz = len > 3 && strcmp(name + len - 3, ".gz") == 0 ? 3 : 0;
    return len > stem + 1 + ext + gz && begins_with(name + len - gz - ext, dot, ext) &&
           strspn(name + stem + 1, "0123456789-_T") >= len - gz - ext - stem - 1;
}

/* app.log of app.log.1, for *.log: the longest beginning that matches. */
static bool is_sibling_of_match(const struct pattern *pat, const char *name,
                                char log[static PATTERN_NAME_MAX])
{
    size_t len = strlen(name);
    memcpy(log, name, len + 1);
    while (len-- > 1) {
        if (name[len] != '.' && name[len] != '-')
            continue;
        log[len] = '\0';
        if (name[len + 1] && pattern_matches_name(pat, log))
            return true;
    }
    return false;
}

bool pattern_is_sibling(const struct pattern *pat, const char *name,
                        char log[static PATTERN_NAME_MAX])
{
    size_t len = strlen(pat->name);
    if (is_foreign(name) || strlen(name) >= PATTERN_NAME_MAX || len >= PATTERN_NAME_MAX)
        return false;
    if (!pat->is_exact)
        return is_sibling_of_match(pat, name, log);
    memcpy(log, pat->name, len + 1);
    if (!begins_with(name, pat->name, len))
        return has_middle(pat->name, name);
    return (name[len] == '.' || name[len] == '-') && name[len + 1];
}
