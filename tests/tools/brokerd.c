/* A Kafka cluster in one small process, by librdkafka's mock cluster: for the demo and for tests that must start fast.
 *
 *   brokerd [-n BROKERS] [-t TOPIC:PARTITIONS]... [-f READY_FILE] [-c FIFO] [-X name=value]...
 *
 * Writes the bootstrap string to READY_FILE (complete or not there), or to stdout. Plain text, no TLS, no ACLs.
 * Commands come one a line from stdin, or from FIFO, which is made if it is not there:
 *   down N | down all       broker N closes its connections and port; up N | up all brings it back
 *   rtt MS                  every answer of every broker takes MS longer; 0 ends it
 *   error API CODE COUNT    the next COUNT requests of API (produce, metadata, init_producer_id, ..., or a number) are
 *                           answered with CODE, a number or a name such as NOT_LEADER_FOR_PARTITION
 *   forget API              errors of API that nobody has asked for are taken back
 *   topic NAME CODE         the topic is answered for with CODE; 0 ends it
 *   leader NAME PART N      broker N becomes the partition's leader; -1: it has none
 *   quit                    so does SIGTERM; the end of stdin does not
 * Each is answered on stdout with "ok COMMAND" or "?  COMMAND: reason".
 *
 * Limit, measured with librdkafka 2.0.2 (no setting changes it): a partition keeps only its newest 5 MiB of batches, or
 * 100,000 batches. Of 100,000 events of 300 bytes only the last 17,287 could be read afterwards. What is older is gone
 * without a word, so who counts must read along and not be later than that.
 * Time-out and leader handling are those of the mock: a downed broker stays leader of its partitions.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "kclient.h"

#include <librdkafka/rdkafka_mock.h> /* wants rdkafka.h before it */

enum { MAX_TOPICS = 16, MAX_ERRORS = 1000 };

struct brokerd {
    rd_kafka_mock_cluster_t *cluster;
    int n_brokers;
    const char *topics[MAX_TOPICS]; /* NAME:PARTITIONS */
    int n_topics;
    const char *ready_path, *fifo_path;
    bool quit;
};

static volatile sig_atomic_t stop_wanted;

static void on_signal(int sig)
{
    (void)sig;
    stop_wanted = 1;
}

/* ---- commands: 0, or the reason why not ---- */

typedef rd_kafka_resp_err_t broker_action(rd_kafka_mock_cluster_t *cluster, int32_t id);

static const char *for_brokers(struct brokerd *d, const char *who, broker_action *action)
{
    int id = atoi(who);

    if (strcmp(who, "all") != 0)
        return id < 1 || id > d->n_brokers || action(d->cluster, id) ? "no such broker" : NULL;
    for (id = 1; id <= d->n_brokers; id++)
        (void)action(d->cluster, id);
    return NULL;
}

static const char *set_rtt(struct brokerd *d, const char *ms)
{
    for (int id = 1; id <= d->n_brokers; id++)
        (void)rd_kafka_mock_broker_set_rtt(d->cluster, id, atoi(ms));
    return NULL;
}

/* -1 when unknown. */
static int parse_api(const char *name)
{
    static const struct {
        const char *name;
        int key;
    } apis[] = {{"produce", 0},           {"fetch", 1},
                {"metadata", 3},          {"offset_fetch", 9},
                {"find_coordinator", 10}, {"api_version", 18},
                {"init_producer_id", 22}, {"add_partitions", 24},
                {"add_offsets", 25},      {"end_txn", 26},
                {"txn_offset_commit", 28}};

    for (size_t i = 0; i < sizeof apis / sizeof *apis; i++)
        if (strcmp(apis[i].name, name) == 0)
            return apis[i].key;
    return *name >= '0' && *name <= '9' ? atoi(name) : -1;
}

static bool parse_code(const char *name, rd_kafka_resp_err_t *code)
{
    const struct rd_kafka_err_desc *descs;
    size_t n;
    char *end;

    *code = (rd_kafka_resp_err_t)strtol(name, &end, 10);
    if (end != name && *end == '\0')
        return true;
    rd_kafka_get_err_descs(&descs, &n);
    for (size_t i = 0; i < n; i++)
        if (descs[i].name && strcmp(descs[i].name, name) == 0) {
            *code = descs[i].code;
            return true;
        }
    return false;
}

static const char *push_errors(struct brokerd *d, const char *api, const char *name, int count)
{
    rd_kafka_resp_err_t codes[MAX_ERRORS], code;
    int key = parse_api(api);

    if (key < 0 || !parse_code(name, &code) || count < 1 || count > MAX_ERRORS)
        return "want: error API CODE COUNT";
    for (int i = 0; i < count; i++)
        codes[i] = code;
    rd_kafka_mock_push_request_errors_array(d->cluster, (int16_t)key, (size_t)count, codes);
    return NULL;
}

static const char *forget_errors(struct brokerd *d, const char *api)
{
    int key = parse_api(api);

    if (key < 0)
        return "want: forget API";
    rd_kafka_mock_clear_request_errors(d->cluster, (int16_t)key);
    return NULL;
}

static const char *set_topic_error(struct brokerd *d, const char *topic, const char *name)
{
    rd_kafka_resp_err_t code;

    if (!parse_code(name, &code))
        return "want: topic NAME CODE";
    rd_kafka_mock_topic_set_error(d->cluster, topic, code);
    return NULL;
}

static const char *move_leader(struct brokerd *d, const char *topic, const char *part, int id)
{
    return rd_kafka_mock_partition_set_leader(d->cluster, topic, atoi(part), id)
               ? "no such topic, partition or broker"
               : NULL;
}

static const char *obey(struct brokerd *d, const char *line)
{
    char verb[16] = "", first[256] = "", second[64] = "";
    int third = 0;
    int n = sscanf(line, "%15s %255s %63s %d", verb, first, second, &third);

    if (n == 2 && strcmp(verb, "down") == 0)
        return for_brokers(d, first, rd_kafka_mock_broker_set_down);
    if (n == 2 && strcmp(verb, "up") == 0)
        return for_brokers(d, first, rd_kafka_mock_broker_set_up);
    if (n == 2 && strcmp(verb, "rtt") == 0)
        return set_rtt(d, first);
    if (n == 4 && strcmp(verb, "error") == 0)
        return push_errors(d, first, second, third);
    if (n == 2 && strcmp(verb, "forget") == 0)
        return forget_errors(d, first);
    if (n == 3 && strcmp(verb, "topic") == 0)
        return set_topic_error(d, first, second);
    if (n == 4 && strcmp(verb, "leader") == 0)
        return move_leader(d, first, second, third);
    if (n == 1 && strcmp(verb, "quit") == 0) {
        d->quit = true;
        return NULL;
    }
    return "unknown command";
}

static void read_commands(struct brokerd *d, FILE *in)
{
    char line[256];

    while (!d->quit && !stop_wanted && fgets(line, sizeof line, in)) {
        const char *reason;
        line[strcspn(line, "\n")] = '\0';
        reason = obey(d, line);
        if (reason)
            printf("?  %s: %s\n", line, reason);
        else
            printf("ok %s\n", line);
        fflush(stdout);
    }
}

/* Opened for writing too, so that it never ends when a writer goes. */
static FILE *open_commands(const char *fifo_path)
{
    int fd;

    if (!fifo_path)
        return stdin;
    if (mkfifo(fifo_path, 0600) < 0 && errno != EEXIST)
        die("%s: %s", fifo_path, strerror(errno));
    fd = open(fifo_path, O_RDWR | O_CLOEXEC);
    if (fd < 0)
        die("%s: %s", fifo_path, strerror(errno));
    return fdopen(fd, "r");
}

/* ---- start ---- */

static void create_topic(struct brokerd *d, const char *spec)
{
    char name[256] = "";
    int partitions = 1;

    if (sscanf(spec, "%255[^:]:%d", name, &partitions) < 1 || partitions < 1)
        die("-t: '%s' is not TOPIC:PARTITIONS", spec);
    if (rd_kafka_mock_topic_create(d->cluster, name, partitions, d->n_brokers))
        die("-t: cannot create %s", name);
}

static void write_ready(const struct brokerd *d)
{
    const char *servers = rd_kafka_mock_cluster_bootstraps(d->cluster);
    char temp[4096];
    FILE *f;

    if (!d->ready_path) {
        puts(servers);
        fflush(stdout);
        return;
    }
    snprintf(temp, sizeof temp, "%s.new", d->ready_path);
    f = fopen(temp, "w");
    if (!f || fprintf(f, "%s\n", servers) < 0 || fclose(f) || rename(temp, d->ready_path))
        die("%s: %s", d->ready_path, strerror(errno));
}

static void parse_options(int argc, char **argv, struct brokerd *d, rd_kafka_conf_t *conf)
{
    int c;

    while ((c = getopt(argc, argv, "n:t:f:c:X:")) != -1) {
        if (c == 'n')
            d->n_brokers = (int)parse_number("-n", optarg, 1);
        else if (c == 't' && d->n_topics < MAX_TOPICS)
            d->topics[d->n_topics++] = optarg;
        else if (c == 'f')
            d->ready_path = optarg;
        else if (c == 'c')
            d->fifo_path = optarg;
        else if (c == 'X')
            kclient_set(conf, optarg);
        else
            die("see the head of brokerd.c");
    }
}

int main(int argc, char **argv)
{
    struct brokerd d = {.n_brokers = 3};
    struct sigaction act = {.sa_handler = on_signal}; /* no SA_RESTART: a signal ends the read */
    rd_kafka_conf_t *conf = kclient_conf();
    rd_kafka_t *rk;

    parse_options(argc, argv, &d, conf);
    sigaction(SIGTERM, &act, NULL);
    sigaction(SIGINT, &act, NULL);
    rk = kclient_new(RD_KAFKA_PRODUCER, conf);
    d.cluster = rd_kafka_mock_cluster_new(rk, d.n_brokers);
    if (!d.cluster)
        die("no mock cluster");
    for (int i = 0; i < d.n_topics; i++)
        create_topic(&d, d.topics[i]);
    write_ready(&d);
    read_commands(&d, open_commands(d.fifo_path));
    while (!d.quit && !stop_wanted)
        pause();
    rd_kafka_mock_cluster_destroy(d.cluster);
    rd_kafka_destroy(rk);
    return 0;
}
