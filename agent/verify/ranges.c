/* ranges.c: a set of bytes as ranges in order, merged where they touch: few as long as little is missing.
 *
 * Happy path: a range goes on where the last one ends, or within its slack.
 * Failure modes: none; what comes late or twice finds its place by bisection.
 * On close: ranges_free.
 */
#include "verify.h"

#include <stdlib.h>

bool range_reaches(const struct range *range, uint64_t byte)
{
    return byte <= range->to || byte - range->to <= range->slack;
}

/* The first range that ends at this byte or behind it. */
static size_t find(const struct ranges *ranges, uint64_t byte)
{
    size_t low = 0, high = ranges->n;
    if (high > 0 && ranges->at[high - 1].to < byte)
        return high;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (ranges->at[middle].to < byte)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

static uint64_t common(const struct range *a, const struct range *b)
{
    uint64_t from = a->from > b->from ? a->from : b->from, to = a->to < b->to ? a->to : b->to;
    return to > from ? to - from : 0;
}

static void swallow(struct range *whole, const struct range *part)
{
    if (part->from < whole->from)
        whole->from = part->from;
    if (part->to > whole->to || (part->to == whole->to && part->slack < whole->slack)) {
        whole->to = part->to;
        whole->slack = part->slack;
    }
}

static void replace(struct ranges *ranges, size_t first, size_t behind, const struct range *by)
{
    size_t n = ranges->n - (behind - first) + 1;
    if (n > ranges->cap) {
        ranges->cap = ranges->cap ? ranges->cap * 2 : 2;
        ranges->at = mem_grow(ranges->at, ranges->cap, sizeof *ranges->at);
    }
    memmove(ranges->at + first + 1, ranges->at + behind, (ranges->n - behind) * sizeof *ranges->at);
    ranges->at[first] = *by;
    ranges->n = n;
}

uint64_t ranges_add(struct ranges *ranges, struct range range)
{
    struct range whole = range;
    uint64_t n_known = 0;
    size_t first = find(ranges, range.from), behind;
    if (first > 0 && range_reaches(&ranges->at[first - 1], range.from))
        first--;
    for (behind = first; behind < ranges->n; behind++) {
        const struct range *other = &ranges->at[behind];
        if (!range_reaches(&whole, other->from))
            break;
        n_known += common(&range, other);
        ranges->bytes -= other->to - other->from;
        swallow(&whole, other);
    }
    ranges->bytes += whole.to - whole.from;
    replace(ranges, first, behind, &whole);
    return n_known;
}

bool ranges_gap_before(const struct ranges *ranges, uint64_t byte, struct range *gap)
{
    size_t i = find(ranges, byte + 1);
    if (i == ranges->n || ranges->at[i].from > byte || ranges->at[i].from == 0)
        return false;
    *gap = (struct range) {.from = i > 0 ? ranges->at[i - 1].to : 0, .to = ranges->at[i].from};
    return true;
}

uint64_t ranges_end(const struct ranges *ranges)
{
    return ranges->n ? ranges->at[ranges->n - 1].to : 0;
}

void ranges_free(struct ranges *ranges)
{
    free(ranges->at);
    *ranges = (struct ranges) {.at = NULL};
}
