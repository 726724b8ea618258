/* kafka_switch.c: renewed certificates: a second instance is tried, the first one drained, then they change places.
 *
 * Happy path: fresh certificates come (kafka_certs.c); an instance is made with them and asks for the topics' metadata. When a
 * broker has answered, the sender is told busy, what the old instance has in flight gets its reports, and the new one takes its
 * place with nothing in flight: no event is lost, repeated or out of order. The old one ends in a thread of its own.
 * Failure modes: (1) librdkafka or the brokers refuse the new certificates: told once, the old ones stay; they are tried again
 * by and by. (2) no broker answers: the same, tried again soon. (3) the old instance does not drain within DRAIN_NS, or breaks
 * meanwhile: the new one takes over and what has no report is sent again. (4) other files come during all that: begun anew.
 * On close: an instance that is being tried is freed.
 *
 * With transactions it is drained when its last one is committed, which is done at once. Both instances have the same
 * transactional.id: only init_transactions, which the second calls when it has taken over, fences the first; metadata needs no
 * transaction.
 */
#include "kafka.h"

#include <posta/log.h>

#include <stdio.h>
#include <unistd.h>

#define TRIAL_NS    (20 * NS_PER_S)
#define TRY_SOON_NS (60 * NS_PER_S)
#define DRAIN_NS    (10 * NS_PER_S)

bool kafka_is_draining(const struct kafka *kafka)
{
    return kafka->renewal.is_proven;
}

bool kafka_is_drained(const struct kafka *kafka)
{
    return kafka->stats.in_flight == 0 && !kafka->parcels.is_open && kafka_txn_is_empty(kafka);
}

/* ---- the end of a trial ---- */

static void end_trial(struct kafka *kafka)
{
    struct renewal *renewal = &kafka->renewal;
    loop_cancel_timer(kafka->env.loop, &renewal->deadline);
    producer_free(renewal->next, kafka->env.loop, 0);
    kafka_free_pems(renewal->pems);
    *renewal = (struct renewal) {0};
}

static void give_up(struct kafka *kafka, const char *why)
{
    certs_refuse(kafka->certs, kafka->renewal.pems, why);
    end_trial(kafka);
}

/* ---- changing places ---- */

void kafka_take_over(struct kafka *kafka, struct producer *next)
{
    bool is_owing = !kafka_is_drained(kafka) || kafka->must_replace;
    kafka_txn_stop(kafka);
    kafka_drop_producer(kafka);
    kafka->must_replace = false;
    kafka_adopt(kafka, next);
    if (is_owing && !kafka_txn_decides(kafka))
        kafka_again(kafka);
    kafka_release(kafka);
}

static void say_renewed(const struct kafka *kafka, const struct kafka_pems *old, int64_t waited_ns)
{
    const struct kafka_tls *tls = &kafka->set.tls;
    bool is_own = tls->certificate && (old->certificate.len != tls->pems->certificate.len ||
                                       memcmp(old->certificate.data, tls->pems->certificate.data,
                                              old->certificate.len) != 0);
    const struct cert_dates *dates = is_own ? &tls->pems->own : &tls->pems->authority;
    char until[32];
    cert_time_text(dates->ends, until);
    log_info("kafka", "%s %s renewed, valid until %s; changed over in %lld ms",
             is_own ? "certificate" : "key or authorities of certificate",
             tls->certificate ? kafka_pem_name(tls->certificate) : "(none)", until,
             (long long)(waited_ns / NS_PER_MS));
}

bool kafka_finish_switch(struct kafka *kafka)
{
    struct renewal *renewal = &kafka->renewal;
    struct kafka_pems *old = kafka->set.tls.pems;
    struct producer *next = renewal->next;
    if (!renewal->is_proven)
        return false;
    kafka->set.tls.pems = renewal->pems;
    kafka->set.tls.own_said = kafka->set.tls.authority_said = (struct expiry) {0};
    say_renewed(kafka, old, loop_now(kafka->env.loop) - renewal->drain_began_ns);
    kafka_free_pems(old);
    renewal->pems = NULL;
    renewal->next = NULL;
    end_trial(kafka);
    kafka->stats.certificates_renewed++;
    kafka_take_over(kafka, next);
    certs_look_within(kafka->certs, 0); /* for the dates, and what changed meanwhile */
    return true;
}

void kafka_switch_if_drained(struct kafka *kafka)
{
    if (kafka->renewal.is_proven && kafka_try_parcel(kafka) && kafka_is_drained(kafka))
        kafka_finish_switch(kafka);
}

static void drain_is_over(void *arg)
{
    struct kafka *kafka = arg;
    log_warn("kafka",
             "%llu events are not acknowledged %lld s after certificates were renewed; they are "
             "sent again with the new ones",
             (unsigned long long)kafka->stats.in_flight, (long long)(DRAIN_NS / NS_PER_S));
    kafka_finish_switch(kafka);
}

/* ---- the trial ---- */

/* What the instance on trial has to say: errors are kept for the verdict. One refusal for each host is enough. */
static void trial_serve(void *arg)
{
    struct kafka *kafka = arg;
    struct renewal *renewal = &kafka->renewal;
    rd_kafka_event_t *event;
    uint64_t n;
    ssize_t ignored = read(renewal->next->io.fd, &n, sizeof n);
    (void)ignored; /* only a bell */
    while ((event = rd_kafka_queue_poll(renewal->next->queue, 0))) {
        rd_kafka_resp_err_t code = rd_kafka_event_error(event);
        const char *text = rd_kafka_event_error_string(event);
        if (rd_kafka_event_type(event) == RD_KAFKA_EVENT_ERROR &&
            code != RD_KAFKA_RESP_ERR__ALL_BROKERS_DOWN) {
            renewal->n_refusals += code == RD_KAFKA_RESP_ERR__SSL;
            snprintf(renewal->trouble, sizeof renewal->trouble, "%s: %s", text,
                     kafka_advice(code, text));
        }
        rd_kafka_event_destroy(event);
    }
    if (renewal->n_refusals >= kafka->set.hosts.n)
        probe_hurry(renewal->next->probe); /* may be NULL by now */
}

static void is_tried(void *arg, rd_kafka_resp_err_t code, const char *weak)
{
    struct kafka *kafka = arg;
    struct renewal *renewal = &kafka->renewal;
    (void)weak;
    producer_end_probe(renewal->next);
    trial_serve(kafka);
    bool is_unreachable = !renewal->n_refusals && (code == RD_KAFKA_RESP_ERR__TRANSPORT ||
                                                   code == RD_KAFKA_RESP_ERR__TIMED_OUT);
    if (code == RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED || !renewal->trouble[0])
        snprintf(renewal->trouble, sizeof renewal->trouble, "%s: %s", rd_kafka_err2str(code),
                 kafka_advice(code, NULL));
    if (code) {
        give_up(kafka, renewal->trouble);
        if (is_unreachable)
            certs_look_within(kafka->certs, TRY_SOON_NS);
        return;
    }
    renewal->is_proven = true;
    renewal->drain_began_ns = loop_now(kafka->env.loop);
    loop_set_timer(kafka->env.loop, &renewal->deadline, DRAIN_NS);
    kafka_txn_settle(kafka, true);
    kafka_switch_if_drained(kafka);
}

static int begin_trial(struct kafka *kafka, struct err *err)
{
    struct renewal *renewal = &kafka->renewal;
    struct kafka_pems *in_use = kafka->set.tls.pems;
    kafka->set.tls.pems = renewal->pems;
    int rc = producer_new(kafka, &renewal->next, err);
    kafka->set.tls.pems = in_use;
    if (rc) {
        renewal->next = NULL;
        return -1;
    }
    renewal->next->io.ready = trial_serve;
    renewal->next->io.arg = kafka;
    return producer_probe(
        renewal->next,
        &(struct probe_config) {
            .timeout_ns = TRIAL_NS, .loop = kafka->env.loop, .arg = kafka, .done = is_tried},
        err);
}

static void fresh(void *arg, struct kafka_pems *pems)
{
    struct kafka *kafka = arg;
    struct err err;
    if (kafka_same_pems(pems, kafka->renewal.pems)) { /* on trial already */
        kafka_free_pems(pems);
        return;
    }
    end_trial(kafka);
    kafka->renewal.pems = pems;
    kafka->renewal.deadline = (struct loop_timer) {.fire = drain_is_over, .arg = kafka};
    if (begin_trial(kafka, &err))
        give_up(kafka, err.text);
    else
        trial_serve(kafka); /* what came before the bell was hung up rings it not */
    kafka_release(kafka);   /* a switch that was begun before keeps nobody from sending */
}

/* ---- */

static void looked(void *arg)
{
    struct kafka *kafka = arg;
    const struct kafka_pems *pems = kafka->set.tls.pems;
    int64_t now_s = clock_wall_ns() / NS_PER_S;
    kafka->stats.certificate_expires = (uint64_t)pems->own.ends;
    kafka->stats.certificate_days_left = cert_days_left(&pems->own, now_s);
    kafka->stats.authority_expires = (uint64_t)pems->authority.ends;
    kafka->stats.authority_days_left = cert_days_left(&pems->authority, now_s);
}

static void refused(void *arg)
{
    ((struct kafka *)arg)->stats.certificates_refused++;
}

void kafka_watch_certs(struct kafka *kafka)
{
    if (!kafka->set.tls.pems)
        return;
    looked(kafka);
    kafka->certs = certs_new(&(struct certs_config) {.loop = kafka->env.loop,
                                                     .tls = &kafka->set.tls,
                                                     .arg = kafka,
                                                     .fresh = fresh,
                                                     .looked = looked,
                                                     .refused = refused});
}

void kafka_leave_certs(struct kafka *kafka)
{
    if (kafka->env.loop)
        end_trial(kafka);
    certs_free(kafka->certs);
    kafka->certs = NULL;
}
