/* Print the newest event of a topic as it was sent.
 *
 *   peek -b BOOTSTRAP [-X name=value ...] -t TOPIC
 *
 * All partitions are asked for their last record; the first that comes is printed. Exit 1 when none comes in 10 s.
 */
#include <stdio.h>
#include <unistd.h>

#include "kclient.h"

enum { WAIT_MS = 10000, POLL_MS = 100 };

static int count_partitions(rd_kafka_t *rk, rd_kafka_topic_t *rkt)
{
    const struct rd_kafka_metadata *md = NULL;
    int n;

    if (rd_kafka_metadata(rk, 0, rkt, &md, WAIT_MS))
        die("no broker answers: %s", kclient_last_error());
    n = md->topic_cnt == 1 ? md->topics[0].partition_cnt : 0;
    rd_kafka_metadata_destroy(md);
    return n;
}

static void start(rd_kafka_t *rk, rd_kafka_topic_t *rkt, rd_kafka_queue_t *queue)
{
    int n = count_partitions(rk, rkt);

    for (int32_t p = 0; p < n; p++)
        if (rd_kafka_consume_start_queue(rkt, p, RD_KAFKA_OFFSET_TAIL(1), queue) < 0)
            die("partition %d: %s", p, rd_kafka_err2str(rd_kafka_last_error()));
}

static rd_kafka_message_t *wait_record(rd_kafka_queue_t *queue)
{
    for (int waited = 0; waited < WAIT_MS; waited += POLL_MS) {
        rd_kafka_message_t *msg = rd_kafka_consume_queue(queue, POLL_MS);
        if (msg && !msg->err)
            return msg;
        if (msg)
            rd_kafka_message_destroy(msg);
    }
    die("no event came: %s", kclient_last_error());
}

static void parse_options(int argc, char **argv, rd_kafka_conf_t *conf, const char **topic)
{
    int c;

    while ((c = getopt(argc, argv, "b:X:t:")) != -1) {
        if (c == 'b')
            kclient_bootstrap(conf, optarg);
        else if (c == 'X')
            kclient_set(conf, optarg);
        else if (c == 't')
            *topic = optarg;
        else
            die("see the head of peek.c");
    }
    if (!*topic)
        die("-t TOPIC is needed");
}

/* The process ends here: nothing is taken down, so that nothing is waited for. */
int main(int argc, char **argv)
{
    const char *topic = NULL;
    rd_kafka_conf_t *conf = kclient_conf();
    rd_kafka_message_t *msg;
    rd_kafka_queue_t *queue;
    rd_kafka_topic_t *rkt;
    rd_kafka_t *rk;

    parse_options(argc, argv, conf, &topic);
    rk = kclient_new(RD_KAFKA_CONSUMER, conf);
    rkt = rd_kafka_topic_new(rk, topic, NULL);
    queue = rd_kafka_queue_new(rk);
    start(rk, rkt, queue);
    msg = wait_record(queue);
    fwrite(msg->payload, 1, msg->len, stdout);
    putchar('\n');
    fflush(stdout);
    _exit(0);
}
