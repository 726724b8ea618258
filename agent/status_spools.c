/* status_spools.c: the spools as metrics. */
#include "status_page.h"

static uint64_t capacity(const struct page *page, unsigned n)
{
    const struct globals *g = &page->status->settings->globals;
    uint64_t taken = 0;
    if (n > 0)
        return samples_share(g, (enum event_lane)(n - 1));
    for (unsigned other = 1; other < STATUS_LANES; other++)
        if (status_lane(page->status, other) && !g->is_in_memory)
            taken += capacity(page, other);
    return g->is_in_memory ? g->memory_bytes : g->spool_max_bytes - taken;
}

static void put_capacity(struct page *page)
{
    page_begin(page, F_SPOOL_CAPACITY);
    for (unsigned n = 0; n < STATUS_LANES; n++) {
        const struct metric_label labels[] = {{"spool", status_lane_name(n)}, {NULL, NULL}};
        if (status_lane(page->status, n))
            page_put(page, labels, capacity(page, n));
    }
}

static void put_ages(struct page *page)
{
    page_begin(page, F_SPOOL_AGE);
    for (unsigned n = 0; n < STATUS_LANES; n++) {
        struct lane *lane = status_lane(page->status, n);
        const struct metric_label labels[] = {{"spool", status_lane_name(n)}, {NULL, NULL}};
        if (lane)
            exposition_double(page->to, labels, (double)sender_oldest_ms(lane->sender) / 1e3);
    }
}

void page_spools(struct page *page)
{
    static const struct family_row rows[] = {
        {F_SPOOL_BYTES, offsetof(struct spool_stats, disk_bytes)},
        {F_SPOOL_MEMORY, offsetof(struct spool_stats, memory_bytes)},
        {F_SPOOL_SEGMENTS, offsetof(struct spool_stats, segments)},
        {F_SPOOL_SYNCS, offsetof(struct spool_stats, syncs)},
        {F_SPOOL_DAMAGED, offsetof(struct spool_stats, damaged_bytes)},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        page_begin(page, rows[i].family);
        for (unsigned n = 0; n < STATUS_LANES; n++) {
            const struct metric_label labels[] = {{"spool", status_lane_name(n)}, {NULL, NULL}};
            struct lane *lane = status_lane(page->status, n);
            if (lane)
                page_put(page, labels, stat_value(spool_stats(lane->spool), rows[i].at));
        }
    }
    put_capacity(page);
    put_ages(page);
}
