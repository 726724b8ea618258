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

#include "kclient.h"

enum { MAX_WORDS = 16, TRY_MS = 4000, PAUSE_US = 100 * 1000 };

struct admin {
    rd_kafka_t *rk;
    rd_kafka_queue_t *queue; /* results of admin requests */
    int64_t deadline_ms;
    char error[512]; /* why the last try failed */
};

struct command {
    const char *name;
    int min_words; /* the name included */
    /* One try: true when done, false with the reason in adm->error. */
    bool (*attempt)(struct admin *adm, char **words, int n_words);
};

static bool failed(struct admin *adm, const char *reason)
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

/* ---- admin requests ---- */

static rd_kafka_AdminOptions_t *admin_options(struct admin *adm)
{
    char reason[256];
    rd_kafka_AdminOptions_t *opts = rd_kafka_AdminOptions_new(adm->rk, RD_KAFKA_ADMIN_OP_ANY);

    if (rd_kafka_AdminOptions_set_request_timeout(opts, TRY_MS, reason, sizeof reason))
        die("%s", reason);
    return opts;
}

/* The answer to the request just sent; NULL with the reason kept. The caller destroys it. */
static rd_kafka_event_t *wait_answer(struct admin *adm)
{
    rd_kafka_event_t *ev = rd_kafka_queue_poll(adm->queue, TRY_MS + 1000);

    if (!ev) {
        failed(adm, "no answer");
        return NULL;
    }
    if (!rd_kafka_event_error(ev))
        return ev;
    failed(adm, rd_kafka_event_error_string(ev));
    rd_kafka_event_destroy(ev);
    return NULL;
}

static bool topic_answer(struct admin *adm, const rd_kafka_topic_result_t *result,
                         rd_kafka_resp_err_t fine)
{
    rd_kafka_resp_err_t err = rd_kafka_topic_result_error(result);

    if (!err || err == fine)
        return true;
    return failed(adm, rd_kafka_topic_result_error_string(result) ?: rd_kafka_err2str(err));
}

static void set_topic_config(rd_kafka_NewTopic_t *topic, char *assignment)
{
    char *equals = strchr(assignment, '=');

    if (!equals)
        die("topic: '%s' is not name=value", assignment);
    *equals = '\0';
    rd_kafka_NewTopic_set_config(topic, assignment, equals + 1);
    *equals = '='; /* the command may be tried again */
}

static rd_kafka_NewTopic_t *describe_topic(char **words, int n_words)
{
    char reason[256];
    int partitions = (int)parse_number("topic", words[2], 1);
    int replicas = (int)parse_number("topic", words[3], 1);
    rd_kafka_NewTopic_t *topic =
        rd_kafka_NewTopic_new(words[1], partitions, replicas, reason, sizeof reason);

    if (!topic)
        die("%s", reason);
    for (int i = 4; i < n_words; i++)
        set_topic_config(topic, words[i]);
    return topic;
}

static bool create_topic(struct admin *adm, char **words, int n_words)
{
    rd_kafka_NewTopic_t *topic = describe_topic(words, n_words);
    rd_kafka_AdminOptions_t *opts = admin_options(adm);
    rd_kafka_event_t *ev;
    size_t n;
    bool done = false;

    rd_kafka_CreateTopics(adm->rk, &topic, 1, opts, adm->queue);
    ev = wait_answer(adm);
    if (ev)
        done = topic_answer(
            adm, rd_kafka_CreateTopics_result_topics(rd_kafka_event_CreateTopics_result(ev), &n)[0],
            RD_KAFKA_RESP_ERR_TOPIC_ALREADY_EXISTS);
    if (ev)
        rd_kafka_event_destroy(ev);
    rd_kafka_AdminOptions_destroy(opts);
    rd_kafka_NewTopic_destroy(topic);
    return done;
}

static bool forget_group(struct admin *adm, char **words, int n_words)
{
    rd_kafka_DeleteGroup_t *group = rd_kafka_DeleteGroup_new(words[1]);
    rd_kafka_event_t *ev;
    size_t n;
    bool done = false;

    (void)n_words;
    rd_kafka_DeleteGroups(adm->rk, &group, 1, NULL, adm->queue);
    rd_kafka_DeleteGroup_destroy(group);
    ev = wait_answer(adm);
    if (ev) {
        const rd_kafka_group_result_t **results =
            rd_kafka_DeleteGroups_result_groups(rd_kafka_event_DeleteGroups_result(ev), &n);
        const rd_kafka_error_t *error = n == 1 ? rd_kafka_group_result_error(results[0]) : NULL;
        done = n == 1 &&
               (!error || rd_kafka_error_code(error) == RD_KAFKA_RESP_ERR_GROUP_ID_NOT_FOUND);
        if (error && !done)
            failed(adm, rd_kafka_error_string(error));
        rd_kafka_event_destroy(ev);
    }
    return done;
}

static bool delete_topic(struct admin *adm, char **words, int n_words)
{
    rd_kafka_DeleteTopic_t *topic = rd_kafka_DeleteTopic_new(words[1]);
    rd_kafka_AdminOptions_t *opts = admin_options(adm);
    rd_kafka_event_t *ev;
    size_t n;
    bool done = false;

    (void)n_words;
    rd_kafka_DeleteTopics(adm->rk, &topic, 1, opts, adm->queue);
    ev = wait_answer(adm);
    if (ev)
        done = topic_answer(
            adm, rd_kafka_DeleteTopics_result_topics(rd_kafka_event_DeleteTopics_result(ev), &n)[0],
            RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART);
    if (ev)
        rd_kafka_event_destroy(ev);
    rd_kafka_AdminOptions_destroy(opts);
    rd_kafka_DeleteTopic_destroy(topic);
    return done;
}

struct word {
    const char *text;
    int value;
};

static int word_value(const struct word *table, const char *text)
{
    for (; table->text; table++)
        if (strcmp(table->text, text) == 0)
            return table->value;
    die("acl: unknown word '%s'", text);
}

/* librdkafka 2.0 has no name for transactional ids, but sends the number on as it is. */
enum { RESOURCE_TXN = 5 };

static const struct word resource_types[] = {{"topic", RD_KAFKA_RESOURCE_TOPIC},
                                             {"group", RD_KAFKA_RESOURCE_GROUP},
                                             {"cluster", RD_KAFKA_RESOURCE_BROKER},
                                             {"txn", RESOURCE_TXN},
                                             {NULL, 0}};

static const struct word pattern_types[] = {{"literal", RD_KAFKA_RESOURCE_PATTERN_LITERAL},
                                            {"prefixed", RD_KAFKA_RESOURCE_PATTERN_PREFIXED},
                                            {NULL, 0}};

static const struct word operations[] = {
    {"all", RD_KAFKA_ACL_OPERATION_ALL},
    {"read", RD_KAFKA_ACL_OPERATION_READ},
    {"write", RD_KAFKA_ACL_OPERATION_WRITE},
    {"create", RD_KAFKA_ACL_OPERATION_CREATE},
    {"describe", RD_KAFKA_ACL_OPERATION_DESCRIBE},
    {"idempotent_write", RD_KAFKA_ACL_OPERATION_IDEMPOTENT_WRITE},
    {NULL, 0}};

static bool send_binding(struct admin *adm, rd_kafka_AclBinding_t *binding)
{
    rd_kafka_AdminOptions_t *opts = admin_options(adm);
    rd_kafka_event_t *ev;
    const rd_kafka_error_t *error = NULL;
    size_t n;

    rd_kafka_CreateAcls(adm->rk, &binding, 1, opts, adm->queue);
    rd_kafka_AdminOptions_destroy(opts);
    ev = wait_answer(adm);
    if (!ev)
        return false;
    error = rd_kafka_acl_result_error(
        rd_kafka_CreateAcls_result_acls(rd_kafka_event_CreateAcls_result(ev), &n)[0]);
    if (error)
        failed(adm, rd_kafka_error_string(error));
    rd_kafka_event_destroy(ev);
    return !error;
}

static bool allow_operation(struct admin *adm, char **words, const char *operation)
{
    char reason[256];
    rd_kafka_AclBinding_t *binding = rd_kafka_AclBinding_new(
        (rd_kafka_ResourceType_t)word_value(resource_types, words[2]), words[4],
        (rd_kafka_ResourcePatternType_t)word_value(pattern_types, words[3]), words[1], "*",
        (rd_kafka_AclOperation_t)word_value(operations, operation),
        RD_KAFKA_ACL_PERMISSION_TYPE_ALLOW, reason, sizeof reason);
    bool done;

    if (!binding)
        die("acl: %s", reason);
    done = send_binding(adm, binding);
    rd_kafka_AclBinding_destroy(binding);
    return done;
}

static bool allow(struct admin *adm, char **words, int n_words)
{
    char list[256], *rest = NULL;

    (void)n_words;
    snprintf(list, sizeof list, "%s", words[5]);
    for (char *op = strtok_r(list, ",", &rest); op; op = strtok_r(NULL, ",", &rest))
        if (!allow_operation(adm, words, op))
            return false;
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
    {"brokers", 2, brokers_known}, {"topic", 4, create_topic}, {"delete", 2, delete_topic},
    {"forget", 2, forget_group},   {"acl", 6, allow},          {"settled", 2, settled},
    {"insync", 1, all_in_sync},    {"describe", 1, describe},  {NULL, 0, NULL}};

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
