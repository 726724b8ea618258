/* Send numbered Beats-like events: what posta will send, made the plain way, to try clusters and collect with.
 *
 *   produce -b BOOTSTRAP [-X name=value ...] -t TOPIC [-n LINES] [-s FIRST_SEQ] [-R RATE] [-T SECONDS] [-p PARTITION]
 *   produce ... -f FILE       the lines of FILE are the events, as they are
 *
 * LINES (default 1000) events with seq=FIRST_SEQ and up, idempotent, acks=all, each tried for SECONDS (default 30).
 * Without -p the key is the path, so that all go to one partition. RATE is lines a second, default no limit.
 * Ends with "sent N, acknowledged N, failed N" and, on failure, the reason; exit 0 only when all are acknowledged.
 */
#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "kclient.h"

enum { EVENT_BYTES = 1024, LINE_BYTES = 214 };

static const char log_path[] = "/var/log/nginx/access.log";

static struct {
    int64_t acknowledged, failed;
    rd_kafka_resp_err_t reason; /* of the last failure */
} result;

struct options {
    const char *topic, *file;
    int64_t lines, first, rate;
    int32_t partition;
};

static void note_delivery(rd_kafka_t *rk, const rd_kafka_message_t *msg, void *opaque)
{
    (void)rk;
    (void)opaque;
    if (!msg->err) {
        result.acknowledged++;
        return;
    }
    result.failed++;
    result.reason = msg->err;
}

static int format_event(char *buf, int64_t seq)
{
    return snprintf(buf, EVENT_BYTES,
                    "{\"@timestamp\":\"2026-01-01T00:00:00.000Z\",\"message\":\"127.0.0.1 - - "
                    "\\\"GET /?seq=%lld HTTP/1.1\\\" 200 3\",\"log\":{\"offset\":%lld,\"file\":"
                    "{\"path\":\"%s\",\"inode\":\"42\"}},\"event\":{\"id\":\"test-%lld\"}}",
                    (long long)seq, (long long)seq * LINE_BYTES, log_path, (long long)seq);
}

static rd_kafka_resp_err_t send_event(rd_kafka_t *rk, const struct options *opt, const char *event,
                                      size_t n)
{
    return rd_kafka_producev(rk, RD_KAFKA_V_TOPIC(opt->topic), RD_KAFKA_V_PARTITION(opt->partition),
                             RD_KAFKA_V_KEY(log_path, sizeof log_path - 1),
                             RD_KAFKA_V_VALUE((void *)(uintptr_t)event, n),
                             RD_KAFKA_V_MSGFLAGS(RD_KAFKA_MSG_F_COPY), RD_KAFKA_V_END);
}

/* Wait until line number n may go. */
static void keep_rate(rd_kafka_t *rk, int64_t rate, int64_t n, int64_t began_ms)
{
    rd_kafka_poll(rk, 0);
    while (rate > 0 && n * 1000 / rate > now_ms() - began_ms)
        rd_kafka_poll(rk, 1);
}

static void send_one(rd_kafka_t *rk, const struct options *opt, const char *event, size_t n)
{
    rd_kafka_resp_err_t err;

    while ((err = send_event(rk, opt, event, n)) == RD_KAFKA_RESP_ERR__QUEUE_FULL)
        rd_kafka_poll(rk, 100);
    if (err)
        die("%s", rd_kafka_err2str(err));
}

static void send_file(rd_kafka_t *rk, struct options *opt)
{
    FILE *file = fopen(opt->file, "r");
    char *line = NULL;
    size_t cap = 0;
    ssize_t len;

    if (!file)
        die("%s: %s", opt->file, strerror(errno));
    for (opt->lines = 0; (len = getline(&line, &cap, file)) > 0; opt->lines++)
        send_one(rk, opt, line, (size_t)(len - (line[len - 1] == '\n')));
    free(line);
    fclose(file);
}

static void send_numbered(rd_kafka_t *rk, const struct options *opt)
{
    char event[EVENT_BYTES];
    int64_t began_ms = now_ms();

    for (int64_t i = 0; i < opt->lines; i++) {
        keep_rate(rk, opt->rate, i, began_ms);
        send_one(rk, opt, event, (size_t)format_event(event, opt->first + i));
    }
}

static void send_all(rd_kafka_t *rk, struct options *opt)
{
    if (opt->file)
        send_file(rk, opt);
    else
        send_numbered(rk, opt);
    while (rd_kafka_outq_len(rk) > 0)
        rd_kafka_poll(rk, 100);
}

static int report(const struct options *opt)
{
    printf("sent %lld, acknowledged %lld, failed %lld\n", (long long)opt->lines,
           (long long)result.acknowledged, (long long)result.failed);
    if (result.failed)
        fprintf(stderr, "produce: %s (%s)\n", rd_kafka_err2str(result.reason),
                kclient_last_error());
    return result.failed ? 1 : 0;
}

static void set_timeout(rd_kafka_conf_t *conf, int64_t seconds)
{
    char text[64];

    snprintf(text, sizeof text, "message.timeout.ms=%lld", (long long)seconds * 1000);
    kclient_set(conf, text);
}

static void parse_options(int argc, char **argv, struct options *opt, rd_kafka_conf_t *conf)
{
    int c;

    while ((c = getopt(argc, argv, "b:X:t:f:n:s:R:T:p:")) != -1) {
        switch (c) {
        case 'b':
            kclient_bootstrap(conf, optarg);
            break;
        case 'X':
            kclient_set(conf, optarg);
            break;
        case 't':
            opt->topic = optarg;
            break;
        case 'f':
            opt->file = optarg;
            break;
        case 'n':
            opt->lines = parse_number("-n", optarg, 0);
            break;
        case 's':
            opt->first = parse_number("-s", optarg, 0);
            break;
        case 'R':
            opt->rate = parse_number("-R", optarg, 0);
            break;
        case 'T':
            set_timeout(conf, parse_number("-T", optarg, 1));
            break;
        case 'p':
            opt->partition = (int32_t)parse_number("-p", optarg, 0);
            break;
        default:
            die("see the head of produce.c");
        }
    }
    if (!opt->topic)
        die("-t TOPIC is missing");
}

int main(int argc, char **argv)
{
    struct options opt = {.lines = 1000, .partition = RD_KAFKA_PARTITION_UA};
    rd_kafka_conf_t *conf = kclient_conf();
    rd_kafka_t *rk;

    set_timeout(conf, 30);
    kclient_set(conf, "enable.idempotence=true");
    kclient_set(conf, "linger.ms=5");
    rd_kafka_conf_set_dr_msg_cb(conf, note_delivery);
    parse_options(argc, argv, &opt, conf);
    rk = kclient_new(RD_KAFKA_PRODUCER, conf);
    send_all(rk, &opt);
    rd_kafka_destroy(rk);
    return report(&opt);
}
