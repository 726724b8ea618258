/* sampler.c: looks at what metricbeat.modules names, each item in its period, and puts the events among the samples.
 *
 * Happy path: an item's timer fires, its jobs have their turn one after the other, one a turn of the loop, so that log lines go
 * on in between. A job that asks a server goes on when the answer comes.
 * Failure modes: what cannot be read or asked is an event with error.message, and a line in the log; the next sample is tried in
 * its time. A job that is not through when its time comes again misses that sample, and it is said.
 * On close: answers that are waited for are given up.
 */
#include "agent.h"

#include <posta/log.h>

#include <stdlib.h>

/* A page that is larger is none of those that are read here. */
enum { PAGE_BYTES = 1024 * 1024 };
#define SAY_AGAIN_NS (300 * NS_PER_S)

struct run {
    struct sampler *sampler;
    const struct metric_item *item;
    struct metric_job *job;
    struct web_call *call; /* that is waited for */
    int64_t begun_ns, begun_wall_ns;
    bool has_failed; /* and it is said */
};

struct round {
    struct sampler *sampler;
    const struct metric_item *item;
    struct run *runs; /* one a job */
    size_t at;        /* whose turn it is; n_jobs = all had theirs */
    bool goes_on;     /* it had a turn and wants another */
    int64_t due_ns;
    struct loop_timer timer;
    struct loop_task task;
};

struct sampler {
    struct sampler_config conf;
    struct web_client *web; /* NULL: nobody is asked */
    struct round *rounds;
    struct members event, host;
    struct buf out;
    struct buf text; /* the metricsets' */
    uint64_t number;
};

/* ---- events ---- */

static bool is_dropped(const struct metric_item *item, const struct buf *event)
{
    if (item->n_drops == 0)
        return false;
    struct lookup lookup = lookup_in(LOOKUP_EVENT, event->data, event->len);
    bool is_true = false;
    for (size_t i = 0; i < item->n_drops && !is_true; i++)
        is_true = condition_check(item->drops[i], &lookup) == TRUTH_YES;
    lookup_free(&lookup);
    return is_true;
}

static void clear(struct sampler *sampler)
{
    members_clear(&sampler->event);
    members_clear(&sampler->host);
}

static void give(void *arg)
{
    const struct run *run = arg;
    struct sampler *sampler = run->sampler;
    const struct metric_job *job = run->job;
    const struct sample_kind *kind = &sampler->conf.settings->kinds[job->kind];
    const struct buf *members = members_end(&sampler->event);
    (void)members_end(&sampler->host);
    metadata_add_host(sampler->conf.samples->meta, kind->metadata, &sampler->host.json);
    const struct sample sample = {.module = job->set->module,
                                  .set = job->set->name,
                                  .period_ns = run->item->period_ns,
                                  .time_ns = run->begun_wall_ns,
                                  .number = (uint64_t)(job->kind + 1) << 40 | sampler->number++,
                                  .duration_ns = clock_mono_ns() - run->begun_ns,
                                  .address = job->url,
                                  .host = buf_str(&sampler->host.json)};
    sample_begin(sampler->conf.agent, &sample, &sampler->out);
    buf_append(&sampler->out, members->data, members->len);
    sample_end(sampler->conf.agent, &sample, kind->extra, &sampler->out);
    metadata_add_own(sampler->conf.samples->meta, kind->metadata, &sampler->out);
    if (!is_dropped(run->item, &sampler->out))
        samples_put(sampler->conf.samples, job->kind, &sampler->out);
    clear(sampler);
}

/* What was being filled in is thrown away. */
static void fail(struct run *run, const struct err *err)
{
    struct sampler *sampler = run->sampler;
    const struct metricset *set = run->job->set;
    if (!run->has_failed)
        log_limited(NULL, SAY_AGAIN_NS, LOG_WARN, "metrics", "%s %s: %s", set->module, set->name,
                    err->text);
    run->has_failed = true;
    clear(sampler);
    members_str(&sampler->event, "error.message", err->text);
    give(run);
}

static void succeed(struct run *run)
{
    if (run->has_failed)
        log_info("metrics", "%s %s%s%s: there are figures again", run->job->set->module,
                 run->job->set->name, run->job->url ? " of " : "",
                 run->job->url ? run->job->url : "");
    run->has_failed = false;
}

static struct metric_sink sink_of(struct run *run)
{
    clear(run->sampler);
    return (struct metric_sink) {
        .arg = run, .event = &run->sampler->event, .host = &run->sampler->host, .give = give};
}

static void begin(struct run *run)
{
    struct metric_env *env = run->job->self;
    run->begun_ns = env->now_ns = clock_mono_ns();
    run->begun_wall_ns = env->wall_ns = clock_wall_ns();
    env->text = &run->sampler->text;
}

/* ---- asking ---- */

static int judge(const struct run *run, const struct web_answer *answer, struct err *err)
{
    const char *url = run->job->url;
    if (answer->err)
        return err_set(err, answer->err->kind, "%s: %s", url, answer->err->text);
    if (answer->status != 200)
        return err_set(err, ERR_AGAIN, "%s: HTTP status %d instead of 200", url, answer->status);
    if (answer->is_cut)
        return err_set(err, ERR_CORRUPT, "%s: the answer is larger than %d bytes", url, PAGE_BYTES);
    return 0;
}

static void answered(void *arg, const struct web_answer *answer)
{
    struct run *run = arg;
    struct err err;
    const struct metric_sink sink = sink_of(run);
    run->call = NULL;
    int rc = judge(run, answer, &err);
    if (rc == 0) {
        rc = run->job->set->page->read(run->job->self, answer->body, answer->body_len, &sink, &err);
        if (rc)
            err_wrap(&err, "%s", run->job->url);
    }
    if (rc)
        fail(run, &err);
    else
        succeed(run);
}

static void ask(struct run *run)
{
    struct err err;
    const struct web_request request = {.url = run->job->url,
                                        .server = metric_server(run->job),
                                        .timeout_ns = run->item->timeout_ns,
                                        .max_body_bytes = PAGE_BYTES,
                                        .done = answered,
                                        .arg = run};
    begin(run);
    if (web_ask(run->sampler->web, &request, &run->call, &err))
        fail(run, &err);
}

/* ---- turns ---- */

/* True: it wants another turn. */
static bool look(struct run *run, bool is_first)
{
    struct err err;
    const struct metric_sink sink = sink_of(run);
    if (is_first)
        begin(run);
    int rc = run->job->set->sample(run->job->self, &sink, &err);
    if (rc < 0)
        fail(run, &err);
    if (rc == 0)
        succeed(run);
    return rc > 0;
}

static void say_missed(const struct run *run)
{
    log_limited(NULL, SAY_AGAIN_NS, LOG_WARN, "metrics",
                "%s %s: a sample is left out, the one before is not ready: make period longer or "
                "timeout shorter",
                run->job->set->module, run->job->set->name);
}

static void take_turn(void *arg)
{
    struct round *round = arg;
    struct run *run = &round->runs[round->at];
    bool is_first = !round->goes_on;
    round->goes_on = false;
    if (!run->job->url)
        round->goes_on = look(run, is_first);
    else if (run->call)
        say_missed(run);
    else
        ask(run);
    round->at += !round->goes_on;
    if (round->at < round->item->n_jobs)
        loop_defer(round->sampler->conf.loop, &round->task);
}

/* Due times do not drift; those that have passed meanwhile (a machine that slept) are left out. */
static void set_timer(struct round *round)
{
    struct loop *loop = round->sampler->conf.loop;
    int64_t now_ns = loop_now(loop), period_ns = round->item->period_ns;
    round->due_ns += period_ns;
    if (round->due_ns <= now_ns)
        round->due_ns += (now_ns - round->due_ns) / period_ns * period_ns + period_ns;
    loop_set_timer(loop, &round->timer, round->due_ns - now_ns);
}

static void fire(void *arg)
{
    struct round *round = arg;
    set_timer(round);
    if (round->at < round->item->n_jobs) {
        say_missed(&round->runs[round->at]);
        return;
    }
    round->at = 0;
    loop_defer(round->sampler->conf.loop, &round->task);
}

/* ---- life ---- */

static void begin_round(struct sampler *sampler, struct round *round,
                        const struct metric_item *item)
{
    *round = (struct round) {.sampler = sampler, .item = item, .at = item->n_jobs};
    round->runs = mem_zero(item->n_jobs, sizeof *round->runs);
    for (size_t i = 0; i < item->n_jobs; i++)
        round->runs[i] = (struct run) {.sampler = sampler, .item = item, .job = &item->jobs[i]};
    round->timer = (struct loop_timer) {.fire = fire, .arg = round};
    round->task = (struct loop_task) {.run = take_turn, .arg = round};
    round->due_ns = loop_now(sampler->conf.loop);
    if (item->n_jobs > 0)
        loop_set_timer(sampler->conf.loop, &round->timer, 0);
}

static bool asks_servers(const struct settings *settings)
{
    for (size_t i = 0; i < settings->n_items; i++)
        for (size_t k = 0; k < settings->items[i]->n_jobs; k++)
            if (settings->items[i]->jobs[k].url)
                return true;
    return false;
}

int sampler_new(struct sampler **out, const struct sampler_config *conf, struct err *err)
{
    struct sampler *sampler = mem_zero(1, sizeof *sampler);
    const struct settings *settings = conf->settings;
    sampler->conf = *conf;
    if (asks_servers(settings) && web_client_open(&sampler->web, conf->loop, err)) {
        free(sampler);
        return err_wrap(err, "metricbeat.modules");
    }
    sampler->rounds = mem_zero(settings->n_items, sizeof *sampler->rounds);
    for (size_t i = 0; i < settings->n_items; i++)
        begin_round(sampler, &sampler->rounds[i], settings->items[i]);
    *out = sampler;
    return 0;
}

void sampler_free(struct sampler *sampler)
{
    if (!sampler)
        return;
    web_client_close(sampler->web);
    for (size_t i = 0; i < sampler->conf.settings->n_items; i++) {
        struct round *round = &sampler->rounds[i];
        loop_cancel_timer(sampler->conf.loop, &round->timer);
        loop_drop_task(sampler->conf.loop, &round->task);
        free(round->runs);
    }
    free(sampler->rounds);
    members_free(&sampler->event);
    members_free(&sampler->host);
    buf_free(&sampler->out);
    buf_free(&sampler->text);
    free(sampler);
}
