/* Prepare and ask a test cluster, all in one run, because every run of Kafka's own tools costs a JVM start.
 *
 *   kadmin -b BOOTSTRAP [-X name=value ...] [-T SECONDS] 'COMMAND ARG ...' ...
 *
 * Commands, done in the order given, each tried until SECONDS (default 60) are over:
 *   brokers N                              wait until N brokers are known
 *   topic NAME PARTITIONS REPLICAS [k=v..] create; that it exists already is fine
 *   delete NAME                            delete a topic
 *   forget GROUP                           delete a consumer group and its offsets; that there is none is fine
 *   acl PRINCIPAL TYPE PATTERN NAME OPS    allow; TYPE topic|group|cluster|txn, PATTERN literal|prefixed, OPS a,b,c
 *   revoke PRINCIPAL TYPE PATTERN NAME OPS take back what acl allowed
 *   partitions NAME N                      make a topic N partitions wide
 *   config TOPIC [k=v..]                   the topic's own settings: these, and no others
 *   settled TOPIC                          write one record that all replicas must confirm: proof that every broker has
 *                                          read the cluster's metadata up to this topic, the ACLs before it included
 *   insync [ID]                            wait until every partition has all its replicas in sync (or has broker ID)
 *   describe                               print brokers, partitions, leaders and replicas in sync
 *
 * Exit 0 when all is done; else 1 with the command and the last error.
 */
#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "kadmin.h"

enum { MAX_WORDS = 16, PAUSE_US = 100 * 1000 };

struct command {
    const char *name;
    int min_words; /* the name included */
    /* One try: true when done, false with the reason in adm->error. */
    bool (*attempt)(struct admin *adm, char **words, int n_words);
};

bool failed(struct admin *adm, const char *reason)
{
    snprintf(adm->error, sizeof adm->error, "%s", reason);
    return false;
}

/* ---- waiting and looking ---- */

static const struct rd_kafka_metadata *fetch_metadata(struct admin *adm)
{
    const struct rd_kafka_metadata *md = NULL;
    rd_kafka_resp_err_t err = rd_kafka_metadata(adm->rk, 1 /* all topics */, NULL, &md, TRY_MS);

    rd_kafka_poll(adm->rk, 0);
    if (!err)
        return md;
    snprintf(adm->error, sizeof adm->error, "%s (%s)", rd_kafka_err2str(err), kclient_last_error());
    return NULL;
}

static bool brokers_known(struct admin *adm, char **words, int n_words)
{
    const struct rd_kafka_metadata *md = fetch_metadata(adm);
    int found;

    (void)n_words;
    if (!md)
        return false;
    found = md->broker_cnt;
    rd_kafka_metadata_destroy(md);
    snprintf(adm->error, sizeof adm->error, "%d brokers known", found);
    return found >= parse_number("brokers", words[1], 1);
}

static bool has_in_sync(const struct rd_kafka_metadata_partition *part, int id)
{
    bool is_replica = false, is_in_sync = false;

    for (int i = 0; i < part->replica_cnt; i++)
        is_replica |= part->replicas[i] == id;
    for (int i = 0; i < part->isr_cnt; i++)
        is_in_sync |= part->isrs[i] == id;
    return is_in_sync || !is_replica;
}

/* Does the partition have a leader and all replicas (id < 0) or this one in sync? */
static bool partition_in_sync(const struct rd_kafka_metadata_partition *part, int id)
{
    if (part->leader < 0)
        return false;
    return id < 0 ? part->isr_cnt == part->replica_cnt : has_in_sync(part, id);
}

static int count_lagging(const struct rd_kafka_metadata *md, int id)
{
    int lagging = 0;

    for (int t = 0; t < md->topic_cnt; t++)
        for (int p = 0; p < md->topics[t].partition_cnt; p++)
            lagging += !partition_in_sync(&md->topics[t].partitions[p], id);
    return lagging;
}

static bool all_in_sync(struct admin *adm, char **words, int n_words)
{
    int id = n_words > 1 ? (int)parse_number("insync", words[1], 0) : -1;
    const struct rd_kafka_metadata *md = fetch_metadata(adm);
    int lagging;

    if (!md)
        return false;
    lagging = count_lagging(md, id);
    rd_kafka_metadata_destroy(md);
    snprintf(adm->error, sizeof adm->error, "%d partitions are not in sync", lagging);
    return lagging == 0;
}

static void print_partition(const char *topic, const struct rd_kafka_metadata_partition *part)
{
    printf("%s/%d leader %d in sync", topic, part->id, part->leader);
    for (int i = 0; i < part->isr_cnt; i++)
        printf(" %d", part->isrs[i]);
    printf(" of %d\n", part->replica_cnt);
}

static bool describe(struct admin *adm, char **words, int n_words)
{
    const struct rd_kafka_metadata *md = fetch_metadata(adm);

    (void)words;
    (void)n_words;
    if (!md)
        return false;
    for (int i = 0; i < md->broker_cnt; i++)
        printf("broker %d %s:%d\n", md->brokers[i].id, md->brokers[i].host, md->brokers[i].port);
    for (int t = 0; t < md->topic_cnt; t++)
        for (int p = 0; p < md->topics[t].partition_cnt; p++)
            print_partition(md->topics[t].topic, &md->topics[t].partitions[p]);
    rd_kafka_metadata_destroy(md);
    return true;
}

/* ---- the record that all replicas confirm ---- */

static void note_delivery(rd_kafka_t *rk, const rd_kafka_message_t *msg, void *opaque)
{
    (void)rk;
    (void)opaque;
    *(rd_kafka_resp_err_t *)msg->_private = msg->err;
}

static bool settled(struct admin *adm, char **words, int n_words)
{
    rd_kafka_resp_err_t result = RD_KAFKA_RESP_ERR__IN_PROGRESS;
    rd_kafka_resp_err_t err =
        rd_kafka_producev(adm->rk, RD_KAFKA_V_TOPIC(words[1]), RD_KAFKA_V_PARTITION(0),
                          RD_KAFKA_V_VALUE((void *)(uintptr_t) "settled", 7),
                          RD_KAFKA_V_OPAQUE(&result), RD_KAFKA_V_END);

    (void)n_words;
    if (err)
        return failed(adm, rd_kafka_err2str(err));
    /* message.timeout.ms bounds this: the opaque lives on our stack */
    while (result == RD_KAFKA_RESP_ERR__IN_PROGRESS)
        rd_kafka_poll(adm->rk, 1000);
    return result ? failed(adm, rd_kafka_err2str(result)) : true;
}

/* ---- the command line ---- */

static const struct command commands[] = {
    {"brokers", 2, brokers_known},     {"topic", 4, create_topic}, {"delete", 2, delete_topic},
    {"forget", 2, forget_group},       {"acl", 6, allow},          {"revoke", 6, disallow},
    {"partitions", 3, add_partitions}, {"config", 2, configure},   {"settled", 2, settled},
    {"insync", 1, all_in_sync},        {"describe", 1, describe},  {NULL, 0, NULL}};

static const struct command *find_command(const char *name, int n_words)
{
    for (const struct command *cmd = commands; cmd->name; cmd++)
        if (strcmp(cmd->name, name) == 0 && n_words >= cmd->min_words)
            return cmd;
    die("unknown command or too few words: %s", name);
}

static int split_words(char *text, char **words)
{
    int n = 0;
    char *rest = NULL;

    for (char *w = strtok_r(text, " ", &rest); w && n < MAX_WORDS; w = strtok_r(NULL, " ", &rest))
        words[n++] = w;
    if (n == 0)
        die("empty command");
    return n;
}

static void run_command(struct admin *adm, const char *text)
{
    char *words[MAX_WORDS], *copy = strdup(text);
    int n_words = split_words(copy, words);
    const struct command *cmd = find_command(words[0], n_words);

    while (!cmd->attempt(adm, words, n_words)) {
        if (now_ms() >= adm->deadline_ms)
            die("%s: %s", text, adm->error);
        usleep(PAUSE_US);
    }
    free(copy);
}

int main(int argc, char **argv)
{
    rd_kafka_conf_t *conf = kclient_conf();
    struct admin adm = {.deadline_ms = now_ms() + 60 * 1000};
    int opt;

    kclient_set(conf, "message.timeout.ms=5000");
    kclient_set(conf, "topic.metadata.refresh.interval.ms=1000");
    rd_kafka_conf_set_dr_msg_cb(conf, note_delivery);
    while ((opt = getopt(argc, argv, "b:X:T:")) != -1) {
        if (opt == 'b')
            kclient_bootstrap(conf, optarg);
        else if (opt == 'X')
            kclient_set(conf, optarg);
        else if (opt == 'T')
            adm.deadline_ms = now_ms() + 1000 * parse_number("-T", optarg, 1);
        else
            die("usage: kadmin -b BOOTSTRAP [-X name=value ...] [-T SECONDS] 'COMMAND ARG ...' "
                "...");
    }
    adm.rk = kclient_new(RD_KAFKA_PRODUCER, conf);
    adm.queue = rd_kafka_queue_new(adm.rk);
    for (; optind < argc; optind++)
        run_command(&adm, argv[optind]);
    rd_kafka_queue_destroy(adm.queue);
    rd_kafka_destroy(adm.rk);
    return 0;
}
