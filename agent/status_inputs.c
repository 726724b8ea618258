/* status_inputs.c: what is read: metrics by input, and how far behind. Logs by path are only the LAG_TOP that are most behind. */
#include "status_page.h"

#include <stdlib.h>

enum { LAG_TOP = 10 };

static const char *input_id(const struct page *page, size_t i)
{
    return page->status->settings->inputs[i].tail.id;
}

static void put_inputs(struct page *page, enum family family, size_t at)
{
    page_begin(page, family);
    for (size_t i = 0; i < page->status->settings->n_inputs; i++) {
        const struct metric_label labels[] = {{"input", input_id(page, i)}, {NULL, NULL}};
        page_put(page, labels, stat_value(tail_input_stats(page->status->tail, i), at));
    }
}

/* Not what posta gave up itself. */
static void put_lost_bytes(struct page *page)
{
    page_begin(page, F_INPUT_LOST_BYTES);
    for (size_t i = 0; i < page->status->settings->n_inputs; i++) {
        const struct metric_label labels[] = {{"input", input_id(page, i)}, {NULL, NULL}};
        const struct tail_input_stats *stats = tail_input_stats(page->status->tail, i);
        page_put(page, labels, stats->bytes_lost - stats->bytes_given_up);
    }
}

static void put_attached(struct page *page)
{
    page_begin(page, F_INPUT_ATTACHED);
    for (size_t i = 0; i < page->status->settings->n_inputs; i++) {
        const struct metric_label labels[] = {{"input", input_id(page, i)}, {NULL, NULL}};
        struct buf why = BUF_INIT;
        page_put(page, labels, tail_is_attached(page->status->tail, i, &why));
        buf_free(&why);
    }
}

static void put_refused(struct page *page)
{
    page_begin(page, F_INPUT_REFUSED);
    for (size_t i = 0; i < page->status->settings->n_inputs; i++) {
        const struct metric_label labels[] = {{"input", input_id(page, i)}, {NULL, NULL}};
        struct buf why = BUF_INIT;
        page_put(page, labels, tail_refused(page->status->tail, i, &why));
        buf_free(&why);
    }
}

/* ---- how far behind ---- */

struct lag {
    uint64_t *by_input, *others;     /* by input; others: what is not among the top */
    struct tail_behind top[LAG_TOP]; /* most first */
    size_t n_top;
};

static void take_lag(void *arg, const struct tail_behind *behind)
{
    struct lag *lag = arg;
    size_t at = lag->n_top;
    lag->by_input[behind->input] += behind->bytes;
    lag->others[behind->input] += behind->bytes;
    for (size_t i = 0; i < lag->n_top; i++) /* generations of one log are one */
        if (lag->top[i].input == behind->input && strcmp(lag->top[i].path, behind->path) == 0) {
            lag->top[i].bytes += behind->bytes;
            return;
        }
    while (at > 0 && lag->top[at - 1].bytes < behind->bytes)
        at--;
    if (at == LAG_TOP)
        return;
    lag->n_top += lag->n_top < LAG_TOP;
    memmove(&lag->top[at + 1], &lag->top[at], (lag->n_top - at - 1) * sizeof lag->top[0]);
    lag->top[at] = *behind;
}

static void put_source_lag(struct page *page, struct lag *lag)
{
    page_begin(page, F_SOURCE_LAG);
    for (size_t i = 0; i < lag->n_top; i++) {
        const struct metric_label labels[] = {{"input", input_id(page, lag->top[i].input)},
                                              {"source", lag->top[i].path},
                                              {NULL, NULL}};
        page_put(page, labels, lag->top[i].bytes);
        lag->others[lag->top[i].input] -= lag->top[i].bytes;
    }
    for (size_t i = 0; i < page->status->settings->n_inputs; i++) {
        const struct metric_label labels[] = {
            {"input", input_id(page, i)}, {"source", "other"}, {NULL, NULL}};
        page_put(page, labels, lag->others[i]);
    }
}

static void put_lag(struct page *page)
{
    size_t n = page->status->settings->n_inputs;
    struct lag lag = {.by_input = mem_zero(n, sizeof(uint64_t)),
                      .others = mem_zero(n, sizeof(uint64_t))};
    tail_behind(page->status->tail, take_lag, &lag);
    page_begin(page, F_INPUT_LAG);
    for (size_t i = 0; i < n; i++) {
        const struct metric_label labels[] = {{"input", input_id(page, i)}, {NULL, NULL}};
        page_put(page, labels, lag.by_input[i]);
    }
    put_source_lag(page, &lag);
    free(lag.by_input);
    free(lag.others);
}

void page_inputs(struct page *page)
{
    static const struct family_row rows[] = {
        {F_INPUT_FILES, offsetof(struct tail_input_stats, files_open)},
        {F_INPUT_ROTATIONS, offsetof(struct tail_input_stats, rotations)},
        {F_INPUT_TRUNCATIONS, offsetof(struct tail_input_stats, truncations)},
        {F_INPUT_LOST_GENERATIONS, offsetof(struct tail_input_stats, generations_lost)},
        {F_INPUT_LOST_UNKNOWN, offsetof(struct tail_input_stats, lost_unknown)},
        {F_INPUT_GIVEN_UP, offsetof(struct tail_input_stats, bytes_given_up)},
        {F_INPUT_CUT, offsetof(struct tail_input_stats, bytes_cut)},
    };
    if (!page->status->tail)
        return;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        put_inputs(page, rows[i].family, rows[i].at);
    put_refused(page);
    put_lost_bytes(page);
    put_attached(page);
    put_lag(page);
    page_one(page, F_INPUT_OVERFLOWS, tail_stats(page->status->tail)->overflows);
    page_one(page, F_INPUT_READ_ERRORS, tail_stats(page->status->tail)->read_errors);
}
