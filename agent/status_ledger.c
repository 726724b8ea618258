/* status_ledger.c: the ledger as metrics. */
#include "status_page.h"

/* Rows of events and of what is not configured any more: only if there are any. */
static bool is_shown(const struct page *page, unsigned row)
{
    const struct ledger_row *at = &page->status->ledger->rows[row];
    bool is_used = row < page->status->settings->n_inputs;
    for (unsigned term = 0; term < LEDGER_TERMS; term++)
        is_used = is_used || at->at[term].lines > 0;
    return is_used;
}

static uint64_t one_of(struct tally tally, bool is_lines)
{
    return is_lines ? tally.lines : tally.bytes;
}

static void put_term(struct page *page, enum family family, enum ledger_term term, bool is_lines)
{
    page_begin(page, family);
    for (unsigned row = 0; row < page->status->ledger->n_rows; row++) {
        const struct ledger_row *at = &page->status->ledger->rows[row];
        const struct metric_label labels[] = {{"input", at->input}, {NULL, NULL}};
        if (is_shown(page, row))
            page_put(page, labels, one_of(at->at[term], is_lines));
    }
}

static void put_terms(struct page *page, enum family family, bool is_lines)
{
    page_begin(page, family);
    for (unsigned row = 0; row < page->status->ledger->n_rows; row++)
        for (unsigned term = 0; is_shown(page, row) && term < LEDGER_TERMS; term++) {
            const struct ledger_row *at = &page->status->ledger->rows[row];
            const struct metric_label labels[] = {
                {"input", at->input},
                {"term", ledger_term_name((enum ledger_term)term)},
                {NULL, NULL}};
            page_put(page, labels, one_of(at->at[term], is_lines));
        }
}

static void put_waiting(struct page *page, enum family family, bool is_lines)
{
    page_begin(page, family);
    for (unsigned row = 0; row < page->status->ledger->n_rows; row++) {
        const struct ledger_row *at = &page->status->ledger->rows[row];
        const struct metric_label labels[] = {{"input", at->input}, {NULL, NULL}};
        if (is_shown(page, row))
            page_put(page, labels, one_of(ledger_waiting(at), is_lines));
    }
}

static void put_dropped(struct page *page)
{
    static const enum ledger_term terms[] = {LEDGER_DROPPED_NEWEST, LEDGER_DROPPED_OLDEST,
                                             LEDGER_DAMAGED};
    page_begin(page, F_DROPPED);
    for (unsigned row = 0; row < page->status->ledger->n_rows; row++)
        for (size_t i = 0; is_shown(page, row) && i < sizeof terms / sizeof *terms; i++) {
            const struct ledger_row *at = &page->status->ledger->rows[row];
            const struct metric_label labels[] = {
                {"input", at->input}, {"reason", ledger_term_name(terms[i])}, {NULL, NULL}};
            page_put(page, labels, at->at[terms[i]].lines);
        }
}

void page_ledger(struct page *page)
{
    bool is_counting = false;
    if (!page->status->ledger)
        return;
    put_term(page, F_INPUT_BYTES, LEDGER_READ, false);
    put_term(page, F_INPUT_LINES, LEDGER_READ, true);
    put_terms(page, F_LEDGER_BYTES, false);
    put_terms(page, F_LEDGER_LINES, true);
    put_waiting(page, F_WAITING_BYTES, false);
    put_waiting(page, F_WAITING_LINES, true);
    for (unsigned n = 0; n < STATUS_LANES; n++)
        is_counting |= status_lane(page->status, n) &&
                       sender_is_counting(status_lane(page->status, n)->sender);
    page_one(page, F_COUNTING, is_counting);
    put_dropped(page);
}
