/* status_metrics.c: /metrics: everything that is counted, as Prometheus and OpenMetrics have it. Labels are few: an input's id, a
 * spool, a reason. */
#include "status_page.h"

#include <openssl/crypto.h>

/* ---- putting ---- */

void page_begin(struct page *page, enum family family)
{
    exposition_begin(page->to, &families[family]);
}

void page_put(struct page *page, const struct metric_label *labels, uint64_t value)
{
    exposition_u64(page->to, labels, value);
}

void page_one(struct page *page, enum family family, uint64_t value)
{
    page_begin(page, family);
    page_put(page, NULL, value);
}

void page_one_double(struct page *page, enum family family, double value)
{
    page_begin(page, family);
    exposition_double(page->to, NULL, value);
}

/* ---- posta ---- */

static void put_info(struct page *page)
{
    const struct metric_label labels[] = {{"version", POSTA_VERSION},
                                          {"librdkafka", output_library_version()},
                                          {"openssl", OpenSSL_version(OPENSSL_VERSION)},
                                          {NULL, NULL}};
    struct buf why = BUF_INIT;
    page_begin(page, F_INFO);
    page_put(page, labels, 1);
    page_one(page, F_CONFIG_OK, page->status->config_ok);
    page_one(page, F_CONFIG_TIME, (uint64_t)page->status->config_ok_s);
    page_one(page, F_READY, status_is_ready(page->status, &why));
    buf_free(&why);
}

/* ---- the rest ---- */

static void put_checks(struct page *page)
{
    static const char *const results[] = {"up", "down", "skipped"};
    page_begin(page, F_CHECKS);
    for (size_t i = 0; i < sizeof results / sizeof *results; i++) {
        const struct metric_label labels[] = {{"result", results[i]}, {NULL, NULL}};
        page_put(page, labels, status_counter(page->rows, "heartbeat", results[i]));
    }
}

static void put_process(struct page *page)
{
    struct process_own own;
    process_own(&own);
    page_one_double(page, F_PROCESS_CPU, own.user_s + own.system_s);
    page_one_double(page, F_PROCESS_START, (double)process_begin()->wall_ns / 1e9);
    page_one(page, F_PROCESS_RSS, own.rss_bytes);
    page_one(page, F_PROCESS_SIZE, own.size_bytes);
    page_one(page, F_PROCESS_FDS, own.n_descriptors);
    page_one(page, F_PROCESS_FDS_MAX, own.descriptors_soft);
    page_one(page, F_PROCESS_THREADS, own.n_threads);
}

void status_metrics(void *arg, struct exposition *to)
{
    struct page page = {.status = arg, .to = to};
    if (page.status->report)
        page.status->report(page.status->arg, page.rows);
    put_info(&page);
    page_ledger(&page);
    page_inputs(&page);
    page_spools(&page);
    page_output(&page);
    if (page.status->settings->n_monitors > 0)
        put_checks(&page);
    page_one(&page, F_HTTP_REQUESTS, admin_stats(page.status->admin)->requests);
    page_one(&page, F_HTTP_CUT, admin_stats(page.status->admin)->connections_cut);
    put_process(&page);
}
