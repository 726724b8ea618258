/* status_output.c: what is sent, and to whom, as metrics. */
#include "status_page.h"

static void put_senders(struct page *page)
{
    static const struct family_row rows[] = {
        {F_OUTPUT_SENT, offsetof(struct sender_stats, lines_sent)},
        {F_OUTPUT_ACKED, offsetof(struct sender_stats, lines_delivered)},
        {F_OUTPUT_DEAD, offsetof(struct sender_stats, lines_dead)},
        {F_OUTPUT_FILTERED, offsetof(struct sender_stats, lines_filtered)},
        {F_OUTPUT_RETRIES, offsetof(struct sender_stats, lines_resent)},
        {F_OUTPUT_BYTES, offsetof(struct sender_stats, bytes_sent)},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        page_begin(page, rows[i].family);
        for (unsigned n = 0; n < STATUS_LANES; n++) {
            const struct metric_label labels[] = {{"output", page->status->settings->output->name},
                                                  {"spool", status_lane_name(n)},
                                                  {NULL, NULL}};
            const struct lane *lane = status_lane(page->status, n);
            if (lane)
                page_put(page, labels, stat_value(sender_stats(lane->sender), rows[i].at));
        }
    }
}

static void put_errors(struct page *page)
{
    static const char *const rows[][2] = {{"connection_errors", "connection"},
                                          {"failed", "retriable"},
                                          {"refused", "refused"},
                                          {"transactions_aborted", "transaction_aborted"}};
    const char *output = page->status->settings->output->name;
    page_begin(page, F_OUTPUT_ERRORS);
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        const struct metric_label labels[] = {
            {"output", output}, {"reason", rows[i][1]}, {NULL, NULL}};
        page_put(page, labels, status_counter(page->rows, output, rows[i][0]));
    }
}

static void put_expiry(struct page *page)
{
    static const char *const rows[][2] = {{"certificate_expires", "client"},
                                          {"authority_expires", "authority"}};
    page_begin(page, F_TLS_EXPIRY);
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        const struct metric_label labels[] = {{"certificate", rows[i][1]}, {NULL, NULL}};
        uint64_t at = status_counter(page->rows, page->status->settings->output->name, rows[i][0]);
        if (at)
            page_put(page, labels, at);
    }
}

static void put_latency(struct page *page)
{
    double bounds[LATENCY_STEPS];
    const struct lane *lane = status_lane(page->status, 0);
    if (!lane)
        return;
    const struct latency *latency = sender_latency(lane->sender);
    for (unsigned i = 0; i < LATENCY_STEPS; i++)
        bounds[i] = latency_step_s(i);
    page_begin(page, F_LATENCY);
    exposition_histogram(page->to, bounds, latency->n, LATENCY_STEPS,
                         (double)latency->sum_cs / 100.0);
}

struct peers_page {
    struct page *page;
    enum family family;
};

static void put_peer(void *arg, const struct output_peer *peer)
{
    const struct peers_page *peers = arg;
    char id[24];
    snprintf(id, sizeof id, "%lld", (long long)peer->id);
    const bool has_state = peers->family == F_BROKER_UP;
    const struct metric_label labels[] = {{"broker", peer->name},
                                          {"id", id},
                                          {has_state ? "state" : NULL, peer->state},
                                          {NULL, NULL}};
    struct exposition *to = peers->page->to;
    if (has_state)
        exposition_u64(to, labels,
                       strcmp(peer->state, "UP") == 0 || strcmp(peer->state, "UPDATE") == 0);
    else if (peers->family == F_BROKER_RTT)
        exposition_double(to, labels, peer->rtt_s);
    else
        exposition_u64(to, labels,
                       peers->family == F_BROKER_ERRORS ? peer->errors : peer->disconnects);
}

static void put_peers(struct page *page)
{
    static const enum family list[] = {F_BROKER_UP, F_BROKER_RTT, F_BROKER_DISCONNECTS,
                                       F_BROKER_ERRORS};
    const struct settings *set = page->status->settings;
    if (!set->output->peers || !status_lane(page->status, 0))
        return;
    for (size_t i = 0; i < sizeof list / sizeof *list; i++) {
        struct peers_page peers = {.page = page, .family = list[i]};
        page_begin(page, list[i]);
        set->output->peers(set->output_self, put_peer, &peers);
    }
}

void page_output(struct page *page)
{
    if (!page->status->settings->output)
        return;
    put_senders(page);
    put_errors(page);
    put_latency(page);
    put_peers(page);
    put_expiry(page);
}
