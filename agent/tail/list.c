/* list.c: growing lists of pointers; see struct list. */
#include "follow.h"

#include <stdlib.h>

void list_put(struct list *list, void *item)
{
    if (list->n == list->cap) {
        list->cap = list->cap ? 2 * list->cap : 16;
        list->at = mem_grow(list->at, list->cap, sizeof *list->at);
    }
    list->at[list->n++] = item;
}

/* The order of the others stays. */
void list_drop(struct list *list, const void *item)
{
    for (size_t i = 0; i < list->n; i++)
        if (list->at[i] == item) {
            memmove(list->at + i, list->at + i + 1, (list->n - i - 1) * sizeof *list->at);
            list->n--;
            return;
        }
}

void list_drop_first(struct list *list, size_t n)
{
    n = n < list->n ? n : list->n;
    if (n == 0)
        return;
    list->n -= n;
    memmove(list->at, list->at + n, list->n * sizeof *list->at);
}

void list_free(struct list *list)
{
    free(list->at);
    *list = (struct list) {0};
}
