/* suggest.c: what was probably meant by a name that nobody knows.
 *
 * Distance: how many letters must be put in, left out, changed, or swapped with their neighbour. A name may
 * be wrong in a third of its letters, and in three at most.
 */
#include "node.h"

#include <ctype.h>
#include <string.h>

enum { WORD_LETTERS = 64, FARTHEST = 3 };

static size_t least(size_t a, size_t b)
{
    return a < b ? a : b;
}

static bool is_same(char a, char b)
{
    return tolower((unsigned char)a) == tolower((unsigned char)b);
}

/* Rows of the table: the distances of b's beginnings from a's first i, i-1 and i-2 letters. */
static size_t distance(const char *a, size_t a_len, const char *b, size_t b_len)
{
    size_t rows[3][WORD_LETTERS + 1];
    size_t *now = rows[0], *before = rows[1], *earlier = rows[2];
    for (size_t j = 0; j <= b_len; j++) {
        now[j] = j;
    }
    for (size_t i = 1; i <= a_len; i++) {
        size_t *free_row = earlier;
        earlier = before;
        before = now;
        now = free_row;
        now[0] = i;
        for (size_t j = 1; j <= b_len; j++) {
            size_t change = before[j - 1] + !is_same(a[i - 1], b[j - 1]);
            now[j] = least(change, least(before[j], now[j - 1]) + 1);
            if (i > 1 && j > 1 && is_same(a[i - 1], b[j - 2]) && is_same(a[i - 2], b[j - 1])) {
                now[j] = least(now[j], earlier[j - 2] + 1);
            }
        }
    }
    return now[b_len];
}

const char *suggest(const char *word, const char *const *candidates, size_t n)
{
    const char *best = NULL;
    size_t len = strlen(word);
    size_t limit = least(len / 3 + (len < 3), FARTHEST) + 1;
    if (len > WORD_LETTERS) {
        return NULL;
    }
    for (size_t i = 0; i < n; i++) {
        size_t candidate_len = strlen(candidates[i]);
        if (candidate_len > WORD_LETTERS) {
            continue;
        }
        size_t found = distance(word, len, candidates[i], candidate_len);
        if (found < limit) {
            limit = found;
            best = candidates[i];
        }
    }
    return best;
}
