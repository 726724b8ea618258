/* The requests of kadmin that change something; see kadmin.h. */
#include "kadmin.h"

#include <stdio.h>
#include <string.h>

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

bool create_topic(struct admin *adm, char **words, int n_words)
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

bool forget_group(struct admin *adm, char **words, int n_words)
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

bool delete_topic(struct admin *adm, char **words, int n_words)
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
    {"describe_configs", RD_KAFKA_ACL_OPERATION_DESCRIBE_CONFIGS},
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

bool allow(struct admin *adm, char **words, int n_words)
{
    char list[256], *rest = NULL;

    (void)n_words;
    snprintf(list, sizeof list, "%s", words[5]);
    for (char *op = strtok_r(list, ",", &rest); op; op = strtok_r(NULL, ",", &rest))
        if (!allow_operation(adm, words, op))
            return false;
    return true;
}

static bool delete_bindings(struct admin *adm, rd_kafka_AclBindingFilter_t *filter)
{
    rd_kafka_AdminOptions_t *opts = admin_options(adm);
    rd_kafka_event_t *ev;
    const rd_kafka_error_t *error;
    size_t n;

    rd_kafka_DeleteAcls(adm->rk, &filter, 1, opts, adm->queue);
    rd_kafka_AdminOptions_destroy(opts);
    ev = wait_answer(adm);
    if (!ev)
        return false;
    error = rd_kafka_DeleteAcls_result_response_error(
        rd_kafka_DeleteAcls_result_responses(rd_kafka_event_DeleteAcls_result(ev), &n)[0]);
    if (error)
        failed(adm, rd_kafka_error_string(error));
    rd_kafka_event_destroy(ev);
    return !error;
}

static bool revoke_operation(struct admin *adm, char **words, const char *operation)
{
    char reason[256];
    rd_kafka_AclBindingFilter_t *filter = rd_kafka_AclBindingFilter_new(
        (rd_kafka_ResourceType_t)word_value(resource_types, words[2]), words[4],
        (rd_kafka_ResourcePatternType_t)word_value(pattern_types, words[3]), words[1], "*",
        (rd_kafka_AclOperation_t)word_value(operations, operation),
        RD_KAFKA_ACL_PERMISSION_TYPE_ALLOW, reason, sizeof reason);
    bool done;

    if (!filter)
        die("revoke: %s", reason);
    done = delete_bindings(adm, filter);
    rd_kafka_AclBinding_destroy(filter);
    return done;
}

bool disallow(struct admin *adm, char **words, int n_words)
{
    char list[256], *rest = NULL;

    (void)n_words;
    snprintf(list, sizeof list, "%s", words[5]);
    for (char *op = strtok_r(list, ",", &rest); op; op = strtok_r(NULL, ",", &rest))
        if (!revoke_operation(adm, words, op))
            return false;
    return true;
}

/* ---- topics that change ---- */

bool add_partitions(struct admin *adm, char **words, int n_words)
{
    char reason[256];
    size_t n, total = (size_t)parse_number("partitions", words[2], 1);
    rd_kafka_NewPartitions_t *more =
        rd_kafka_NewPartitions_new(words[1], total, reason, sizeof reason);
    rd_kafka_AdminOptions_t *opts = admin_options(adm);
    rd_kafka_event_t *ev;
    bool done = false;

    (void)n_words;
    if (!more)
        die("%s", reason);
    rd_kafka_CreatePartitions(adm->rk, &more, 1, opts, adm->queue);
    ev = wait_answer(adm);
    if (ev)
        done = topic_answer(adm,
                            rd_kafka_CreatePartitions_result_topics(
                                rd_kafka_event_CreatePartitions_result(ev), &n)[0],
                            RD_KAFKA_RESP_ERR_INVALID_PARTITIONS); /* it has them */
    if (ev)
        rd_kafka_event_destroy(ev);
    rd_kafka_AdminOptions_destroy(opts);
    rd_kafka_NewPartitions_destroy(more);
    return done;
}

static void set_resource(rd_kafka_ConfigResource_t *resource, char *assignment)
{
    char *equals = strchr(assignment, '=');

    if (!equals)
        die("config: '%s' is not name=value", assignment);
    *equals = '\0';
    rd_kafka_ConfigResource_set_config(resource, assignment, equals + 1);
    *equals = '='; /* the command may be tried again */
}

static bool config_answer(struct admin *adm, rd_kafka_event_t *ev)
{
    size_t n;
    const rd_kafka_ConfigResource_t *result =
        rd_kafka_AlterConfigs_result_resources(rd_kafka_event_AlterConfigs_result(ev), &n)[0];
    bool done = !rd_kafka_ConfigResource_error(result);

    if (!done)
        failed(adm, rd_kafka_ConfigResource_error_string(result) ?: "refused");
    rd_kafka_event_destroy(ev);
    return done;
}

bool configure(struct admin *adm, char **words, int n_words)
{
    rd_kafka_ConfigResource_t *topic =
        rd_kafka_ConfigResource_new(RD_KAFKA_RESOURCE_TOPIC, words[1]);
    rd_kafka_AdminOptions_t *opts = admin_options(adm);
    rd_kafka_event_t *ev;

    for (int i = 2; i < n_words; i++)
        set_resource(topic, words[i]);
    rd_kafka_AlterConfigs(adm->rk, &topic, 1, opts, adm->queue);
    ev = wait_answer(adm);
    rd_kafka_AdminOptions_destroy(opts);
    rd_kafka_ConfigResource_destroy(topic);
    return ev && config_answer(adm, ev);
}
