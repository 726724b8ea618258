/* pattern.h: a path of an input, split into folders and a name. */
#ifndef TAIL_PATTERN_H
#define TAIL_PATTERN_H

#include <posta/err.h>
#include <posta/plugin.h>
#include <stdbool.h>
#include <stddef.h>

struct pattern {
    char *dir;     /* may hold wildcards */
    char *root;    /* the folders of dir before the first wildcard */
    char **levels; /* those behind, one a level */
    size_t n_levels;
    char *name;    /* may hold wildcards */
    bool is_exact; /* name holds none: it is one log, whatever it is rotated to */
    struct pattern *next;
};

/* Split paths; a `**` folder is expanded to 0..8 levels as Beats does. Relative paths are taken from the
 * working directory. Caller frees. */
int pattern_parse(const struct str_list *paths, struct pattern **list, struct err *err) MUST_CHECK;
void pattern_free(struct pattern *list);

/* May a folder of this name be at this level behind the root? Hidden ones only where the pattern says so. */
bool pattern_level_matches(const struct pattern *pat, size_t level, const char *name);
bool pattern_matches_dir(const struct pattern *pat, const char *dir);
bool pattern_matches_name(const struct pattern *pat, const char *name);

/* Is this a rotated generation of a name that matches, of whose it then is in log: NAME.<something> or NAME-<something>; of an
 * exact one also NAME's stem, '-' or '.', something and its extension (access-20261124.log); compressed perhaps, but only
 * by gzip. */
enum { PATTERN_NAME_MAX = 256 };
bool pattern_is_sibling(const struct pattern *pat, const char *name,
                        char log[static PATTERN_NAME_MAX]);

#endif
