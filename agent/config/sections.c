/* sections.c: the top of the configuration: which sections are there, which one is meant. */
#include "node.h"

int config_check_unknown(const struct node *root, const char *const *taken,
                         const struct option *rows, struct problems *problems)
{
    return options_read_beside(root, "", rows, taken, NULL, problems);
}

static void complain_second(const struct entry *second, const struct entry *first, const char *what,
                            struct problems *problems)
{
    struct buf where = BUF_INIT;
    place_put(&where, &first->place);
    problems_at(problems, PROBLEM_ERROR, &second->place,
                "only one %s can be enabled: '%s' is, at %s; set 'enabled: false' in the other",
                what, first->key, buf_str(&where));
    buf_free(&where);
}

const struct node *config_choose(const struct node *map, const char *what, const char **name,
                                 struct problems *problems)
{
    const struct entry *chosen = NULL;
    *name = NULL;
    for (size_t i = 0; node_kind(map) == NODE_MAP && i < map->n; i++) {
        const struct entry *entry = &map->at[i];
        if (!node_is_enabled(entry->value)) {
            continue;
        }
        if (chosen != NULL) {
            complain_second(entry, chosen, what, problems);
            return NULL;
        }
        chosen = entry;
    }
    if (chosen == NULL) {
        return NULL;
    }
    *name = chosen->key;
    return chosen->value;
}
