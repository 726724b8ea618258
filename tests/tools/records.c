/* Print the records of a topic as they are: one a line, "partition TAB key TAB name=value,.. TAB value".
 *
 *   records -b BOOTSTRAP [-X name=value ...] -t TOPIC [-n COUNT] [-T SECONDS]
 *
 * Ends at the end of all partitions; with -n not before COUNT records have come, or SECONDS (20) are over: then exit 1. A record
 * without a key has "-". Line ends within become \n.
 */
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "kclient.h"

enum { PARTITIONS_MAX = 64, POLL_MS = 100 };

struct reading {
    rd_kafka_t *rk;
    rd_kafka_topic_t *topic;
    rd_kafka_queue_t *queue;
    int n_partitions;
    bool is_at_end[PARTITIONS_MAX];
    int64_t wanted, count, deadline_ms;
};

static void print_bytes(const char *bytes, size_t len)
{
    for (size_t i = 0; i < len; i++)
        if (bytes[i] == '\n')
            fputs("\\n", stdout);
        else
            putchar(bytes[i]);
}

static void print_headers(const rd_kafka_message_t *msg)
{
    rd_kafka_headers_t *headers;
    const char *name;
    const void *value;
    size_t len;

    if (rd_kafka_message_headers(msg, &headers))
        return;
    for (size_t i = 0; !rd_kafka_header_get_all(headers, i, &name, &value, &len); i++) {
        printf("%s%s=", i ? "," : "", name);
        print_bytes(value, len);
    }
}

static void print_record(const rd_kafka_message_t *msg)
{
    printf("%d\t", msg->partition);
    print_bytes(msg->key ? msg->key : "-", msg->key ? msg->key_len : 1);
    putchar('\t');
    print_headers(msg);
    putchar('\t');
    print_bytes(msg->payload, msg->len);
    putchar('\n');
}

static void take(struct reading *r, rd_kafka_message_t *msg)
{
    if (msg->err == RD_KAFKA_RESP_ERR__PARTITION_EOF) {
        r->is_at_end[msg->partition] = true;
    } else if (!msg->err) {
        r->is_at_end[msg->partition] = false;
        r->count++;
        print_record(msg);
    }
    rd_kafka_message_destroy(msg);
}

static bool is_over(const struct reading *r)
{
    for (int i = 0; i < r->n_partitions; i++)
        if (!r->is_at_end[i])
            return false;
    return r->count >= r->wanted;
}

static int count_partitions(struct reading *r)
{
    const struct rd_kafka_metadata *md = NULL;
    int n = 0;

    if (rd_kafka_metadata(r->rk, 0, r->topic, &md, 2000) == RD_KAFKA_RESP_ERR_NO_ERROR) {
        if (md->topic_cnt == 1 && !md->topics[0].err)
            n = md->topics[0].partition_cnt;
        rd_kafka_metadata_destroy(md);
    }
    rd_kafka_poll(r->rk, 0);
    return n < PARTITIONS_MAX ? n : PARTITIONS_MAX;
}

static void start(struct reading *r)
{
    while ((r->n_partitions = count_partitions(r)) == 0) {
        if (now_ms() > r->deadline_ms)
            die("the topic is not there: %s", kclient_last_error());
        usleep(POLL_MS * 1000);
    }
    for (int i = 0; i < r->n_partitions; i++)
        if (rd_kafka_consume_start_queue(r->topic, i, RD_KAFKA_OFFSET_BEGINNING, r->queue) < 0)
            die("partition %d: %s", i, rd_kafka_err2str(rd_kafka_last_error()));
}

static void finish(struct reading *r)
{
    for (int i = 0; i < r->n_partitions; i++)
        rd_kafka_consume_stop(r->topic, i);
    rd_kafka_queue_destroy(r->queue);
    rd_kafka_topic_destroy(r->topic);
    rd_kafka_destroy(r->rk);
}

int main(int argc, char **argv)
{
    rd_kafka_conf_t *conf = kclient_conf();
    struct reading r = {.deadline_ms = now_ms() + 20000};
    const char *topic = NULL;
    int opt;

    kclient_set(conf, "isolation.level=read_committed");
    kclient_set(conf, "enable.partition.eof=true");
    while ((opt = getopt(argc, argv, "b:X:t:n:T:")) != -1) {
        switch (opt) {
        case 'b':
            kclient_bootstrap(conf, optarg);
            break;
        case 'X':
            kclient_set(conf, optarg);
            break;
        case 't':
            topic = optarg;
            break;
        case 'n':
            r.wanted = parse_number("-n", optarg, 0);
            break;
        case 'T':
            r.deadline_ms = now_ms() + 1000 * parse_number("-T", optarg, 1);
            break;
        default:
            die("see the head of records.c");
        }
    }
    if (!topic)
        die("-t TOPIC is needed");
    r.rk = kclient_new(RD_KAFKA_CONSUMER, conf);
    r.topic = rd_kafka_topic_new(r.rk, topic, NULL);
    r.queue = rd_kafka_queue_new(r.rk);
    start(&r);
    while (!is_over(&r) && now_ms() < r.deadline_ms) {
        rd_kafka_message_t *msg = rd_kafka_consume_queue(r.queue, POLL_MS);
        if (msg)
            take(&r, msg);
        rd_kafka_poll(r.rk, 0);
    }
    int code = !is_over(&r);
    finish(&r);
    return code;
}
