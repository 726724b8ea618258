/* Read a topic from its beginning and judge what arrived: lost, repeated, out of order, broken.
 *
 *   collect -b BOOTSTRAP [-X name=value ...] -t TOPIC [-n EXPECTED] [-i IDLE_SECONDS] [-T MAX_SECONDS]
 *           [-o FILE] [--dump FILE] [--raw FILE] [--delays FILE] [--live FILE] [--order seq|offset] [--allow-disorder] [--max-repeats N]
 *           [--allow-new-ids]
 *   collect --check FILE [...]     judge a file of events, one a line, instead of a topic
 *
 * Every record is a Beats event, or several, a line each. A line is known by the number in its message's seq=N, else by event.id. All partitions
 * are read, without a consumer group, committed records only. Reading ends when lines 0 .. EXPECTED-1 were all seen
 * (and then half a second was quiet, so that repeats are counted too), when nothing came for IDLE (15) seconds, or
 * after MAX (600). A topic that is not there yet and brokers that are away count as nothing coming.
 *
 *   -o FILE          the last line goes to FILE too
 *   --dump FILE      the messages, one a line, in order of arrival
 *   --raw FILE       the records as they came, one a line
 *   --delays FILE    of each record, how long it took from being read by posta until it came, in ms
 *   --live FILE      "delivered=N repeated=N lost=N", rewritten five times a second
 *   --order          what must grow within partition and log.file.path: seq (default), or log.offset within one inode,
 *                    for logs whose writers do not number in order (nginx under wrk)
 *   --allow-disorder, --max-repeats N, --allow-new-ids   what may be without failing; repeats are always allowed unless
 *                    limited, but each must carry the event.id of its first
 *
 * Last line: "lines EXPECTED, delivered D, lost L, repeated R, disordered O, bad B". D counts distinct lines. Exit 0
 * when L, O and B are 0 and the limits are kept, else 1.
 */
#include <errno.h>
#include <getopt.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "event.h"
#include "kclient.h"
#include "tally.h"

enum { BATCH = 1000, POLL_MS = 100, DELAY_POLL_MS = 2, LIVE_MS = 200, SETTLE_MS = 500 };

struct judge {
    struct tally tally;
    struct event event;
    const char *topic, *result_path, *live_path, *check_path;
    FILE *dump, *raw, *delays;
    int64_t idle_ms, max_ms, max_repeats;
    bool new_ids_allowed;

    rd_kafka_t *rk;
    rd_kafka_topic_t *rkt;
    rd_kafka_queue_t *queue;
    int n_partitions;
    int64_t began_ms, last_ms, live_ms; /* start, last arrival, last rewrite of the live file */
};

/* ---- one record ---- */

static void judge_record(struct judge *j, int32_t partition, const char *value, size_t len)
{
    if (j->raw)
        fprintf(j->raw, "%.*s\n", (int)len, value);
    if (!event_parse(&j->event, value, len)) {
        j->tally.bad++;
        return;
    }
    tally_event(&j->tally, partition, &j->event);
    if (j->dump && j->event.message.at) {
        fwrite(j->event.message.at, 1, j->event.message.len, j->dump);
        fputc('\n', j->dump);
    }
}

/* ---- the topic ---- */

static int count_partitions(struct judge *j)
{
    const struct rd_kafka_metadata *md = NULL;
    int n = 0;

    if (rd_kafka_metadata(j->rk, 0, j->rkt, &md, 2000) == RD_KAFKA_RESP_ERR_NO_ERROR) {
        if (md->topic_cnt == 1 && !md->topics[0].err)
            n = md->topics[0].partition_cnt;
        rd_kafka_metadata_destroy(md);
    }
    rd_kafka_poll(j->rk, 0);
    return n;
}

static bool is_over(struct judge *j);

static void start_partitions(struct judge *j)
{
    while ((j->n_partitions = count_partitions(j)) == 0 && !is_over(j))
        usleep(POLL_MS * 1000);
    for (int32_t p = 0; p < j->n_partitions; p++)
        if (rd_kafka_consume_start_queue(j->rkt, p, RD_KAFKA_OFFSET_BEGINNING, j->queue) < 0)
            die("partition %d: %s", p, rd_kafka_err2str(rd_kafka_last_error()));
}

static int64_t wall_ms(void)
{
    struct timespec ts;
    clock_gettime(CLOCK_REALTIME, &ts);
    return (int64_t)ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
}

/* A message may be several events, a line each. */
static void judge_message(struct judge *j, const rd_kafka_message_t *msg)
{
    const char *at = msg->payload, *end = at + msg->len, *next;
    end -= msg->len > 0 && end[-1] == '\n';
    for (; (next = memmem(at, (size_t)(end - at), "\n{", 2)); at = next + 1)
        judge_record(j, msg->partition, at, (size_t)(next - at));
    judge_record(j, msg->partition, at, (size_t)(end - at));
}

/* Errors are not ours to judge: librdkafka goes on trying, and what does not come is found missing. */
static void take_batch(struct judge *j)
{
    rd_kafka_message_t *msgs[BATCH];
    ssize_t n =
        rd_kafka_consume_batch_queue(j->queue, j->delays ? DELAY_POLL_MS : POLL_MS, msgs, BATCH);

    for (ssize_t i = 0; i < n; i++) {
        if (!msgs[i]->err) {
            if (j->delays)
                fprintf(j->delays, "%" PRId64 "\n",
                        wall_ms() - rd_kafka_message_timestamp(msgs[i], NULL));
            judge_message(j, msgs[i]);
            j->last_ms = now_ms();
        }
        rd_kafka_message_destroy(msgs[i]);
    }
    rd_kafka_poll(j->rk, 0);
}

static bool is_over(struct judge *j)
{
    int64_t now = now_ms(), quiet_ms = now - j->last_ms;
    bool all_seen = j->tally.expected >= 0 && tally_lost(&j->tally) == 0;

    return quiet_ms > j->idle_ms || now - j->began_ms > j->max_ms ||
           (all_seen && quiet_ms > SETTLE_MS);
}

/* ---- files ---- */

static void print_live(struct judge *j, bool always)
{
    char temp[4096];
    FILE *f;

    if (!j->live_path || (!always && now_ms() - j->live_ms < LIVE_MS))
        return;
    j->live_ms = now_ms();
    snprintf(temp, sizeof temp, "%s.new", j->live_path);
    f = fopen(temp, "w");
    if (!f)
        die("%s: %s", temp, strerror(errno));
    fprintf(f, "delivered=%" PRId64 " repeated=%" PRId64 " lost=%" PRId64 "\n", j->tally.delivered,
            j->tally.repeated, tally_lost(&j->tally));
    fclose(f);
    rename(temp, j->live_path);
}

static void print_result(const struct tally *t, FILE *f)
{
    fprintf(f,
            "lines %" PRId64 ", delivered %" PRId64 ", lost %" PRId64 ", repeated %" PRId64
            ", disordered %" PRId64 ", bad %" PRId64 "\n",
            t->expected < 0 ? t->delivered : t->expected, t->delivered, tally_lost(t), t->repeated,
            t->disordered, t->bad);
}

static int give_sentence(struct judge *j)
{
    const struct tally *t = &j->tally;
    FILE *f = j->result_path ? fopen(j->result_path, "w") : NULL;

    tally_print_missing(t);
    if (t->changed_ids)
        fprintf(stderr, "%" PRId64 " repeats carry another id\n", t->changed_ids);
    if (t->delivered == 0 && j->rk)
        fprintf(stderr, "nothing came; last error: %s\n", kclient_last_error());
    print_result(t, stdout);
    if (f) {
        print_result(t, f);
        fclose(f);
    }
    return tally_lost(t) || t->disordered || t->bad || (t->changed_ids && !j->new_ids_allowed) ||
           (j->max_repeats >= 0 && t->repeated > j->max_repeats);
}

/* ---- the two ways of reading ---- */

static void read_topic(struct judge *j, rd_kafka_conf_t *conf)
{
    j->rk = kclient_new(RD_KAFKA_CONSUMER, conf);
    j->rkt = rd_kafka_topic_new(j->rk, j->topic, NULL);
    j->queue = rd_kafka_queue_new(j->rk);
    j->began_ms = j->last_ms = now_ms();
    start_partitions(j);
    while (!is_over(j)) {
        take_batch(j);
        print_live(j, false);
    }
    print_live(j, true);
}

static void close_topic(struct judge *j)
{
    for (int32_t p = 0; p < j->n_partitions; p++)
        rd_kafka_consume_stop(j->rkt, p);
    rd_kafka_queue_destroy(j->queue);
    rd_kafka_topic_destroy(j->rkt);
    rd_kafka_destroy(j->rk);
}

static void read_events(struct judge *j)
{
    FILE *f = fopen(j->check_path, "r");
    char *line = NULL;
    size_t size = 0;
    ssize_t n;

    if (!f)
        die("%s: %s", j->check_path, strerror(errno));
    while ((n = getline(&line, &size, f)) > 0)
        judge_record(j, 0, line, (size_t)n);
    free(line);
    fclose(f);
}

/* ---- the command line ---- */

enum {
    OPT_DUMP = 256,
    OPT_RAW,
    OPT_DELAYS,
    OPT_LIVE,
    OPT_ORDER,
    OPT_DISORDER,
    OPT_REPEATS,
    OPT_NEW_IDS,
    OPT_CHECK
};

static const struct option long_options[] = {{"dump", required_argument, NULL, OPT_DUMP},
                                             {"raw", required_argument, NULL, OPT_RAW},
                                             {"delays", required_argument, NULL, OPT_DELAYS},
                                             {"live", required_argument, NULL, OPT_LIVE},
                                             {"order", required_argument, NULL, OPT_ORDER},
                                             {"allow-disorder", no_argument, NULL, OPT_DISORDER},
                                             {"max-repeats", required_argument, NULL, OPT_REPEATS},
                                             {"allow-new-ids", no_argument, NULL, OPT_NEW_IDS},
                                             {"check", required_argument, NULL, OPT_CHECK},
                                             {0}};

static enum order parse_order(const char *text)
{
    if (strcmp(text, "seq") == 0)
        return ORDER_SEQ;
    if (strcmp(text, "offset") == 0)
        return ORDER_OFFSET;
    die("--order: seq or offset, not '%s'", text);
}

static FILE *open_dump(const char *path)
{
    FILE *f = fopen(path, "w");

    if (!f)
        die("%s: %s", path, strerror(errno));
    return f;
}

static void parse_option(struct judge *j, rd_kafka_conf_t *conf, int c)
{
    switch (c) {
    case 'b':
        kclient_bootstrap(conf, optarg);
        break;
    case 'X':
        kclient_set(conf, optarg);
        break;
    case 't':
        j->topic = optarg;
        break;
    case 'n':
        j->tally.expected = parse_number("-n", optarg, 0);
        break;
    case 'i':
        j->idle_ms = 1000 * parse_number("-i", optarg, 0);
        break;
    case 'T':
        j->max_ms = 1000 * parse_number("-T", optarg, 0);
        break;
    case 'o':
        j->result_path = optarg;
        break;
    case OPT_DUMP:
        j->dump = open_dump(optarg);
        break;
    case OPT_RAW:
        j->raw = open_dump(optarg);
        break;
    case OPT_DELAYS:
        j->delays = open_dump(optarg);
        break;
    case OPT_LIVE:
        j->live_path = optarg;
        break;
    case OPT_ORDER:
        j->tally.order = parse_order(optarg);
        break;
    case OPT_DISORDER:
        j->tally.order = ORDER_NONE;
        break;
    case OPT_REPEATS:
        j->max_repeats = parse_number("--max-repeats", optarg, 0);
        break;
    case OPT_NEW_IDS:
        j->new_ids_allowed = true;
        break;
    case OPT_CHECK:
        j->check_path = optarg;
        break;
    default:
        die("see the head of collect.c");
    }
}

int main(int argc, char **argv)
{
    struct judge j = {.tally.expected = -1, .idle_ms = 15000, .max_ms = 600000, .max_repeats = -1};
    rd_kafka_conf_t *conf = kclient_conf();
    int c, code;

    kclient_set(conf, "isolation.level=read_committed");
    kclient_set(conf, "topic.metadata.refresh.interval.ms=2000");
    while ((c = getopt_long(argc, argv, "b:X:t:n:i:T:o:", long_options, NULL)) != -1)
        parse_option(&j, conf, c);
    if (!j.topic == !j.check_path)
        die("-t TOPIC or --check FILE is needed");
    if (j.check_path) {
        rd_kafka_conf_destroy(conf);
        read_events(&j);
    } else {
        read_topic(&j, conf);
    }
    code = give_sentence(&j);
    if (j.rk)
        close_topic(&j);
    if (j.dump)
        fclose(j.dump);
    if (j.raw)
        fclose(j.raw);
    if (j.delays)
        fclose(j.delays);
    event_done(&j.event);
    tally_done(&j.tally);
    return code;
}
