/* test_output_kafka_route.c: which topic an event goes to: rules as they stand in a configuration, decided at the start where they
 * can be, and for each event where they cannot. */
#include "config/config.h"
#include "output/kafka.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h> /* wants the ones above */

/* ---- two inputs: the first has fields, the second is a module without ---- */

static void known_of(void *arg, unsigned route, struct buf *json)
{
    (void)arg;
    buf_puts(json, "{\"agent\":{\"name\":\"web-1\",\"type\":\"filebeat\"},\"input\":{\"type\":"
                   "\"filestream\"}");
    buf_puts(json, route == 0
                       ? ",\"tags\":[\"edge\",\"eu\"],\"fields\":{\"topic\":\"nginx\",\"n\":5,"
                         "\"empty\":\"\",\"bad\":\"a b\",\"deep\":{\"er\":\"x\"}},\"team\":\"a\"}"
                       : ",\"event\":{\"module\":\"nginx\",\"dataset\":\"nginx.access\"}}");
}

static const char *text_of(void *arg, unsigned route, const char *field)
{
    (void)arg;
    return strcmp(field, "input.id") == 0 ? (route == 0 ? "first" : "second") : NULL;
}

struct world {
    struct config *config;
    struct problems problems;
    struct kafka kafka;
    struct err err;
};

/* yaml: what stands below output.kafka. */
static int setup(struct world *w, const char *yaml, unsigned n_routes)
{
    const struct output_env env = {.n_routes = n_routes, .text = text_of, .known = known_of};
    *w = (struct world) {.config = config_new(NULL), .err = ERR_INIT};
    char *text = mem_printf("hosts: [a]\n%s", yaml);
    int rc = config_add_bytes(w->config, "t.yml", text, strlen(text), &w->problems);
    free(text);
    if (rc == 0)
        rc = config_expand(w->config, NULL, &w->problems);
    if (rc == 0)
        rc = options_read(config_root(w->config), "output.kafka", kafka_options, &w->kafka,
                          &w->problems);
    if (rc)
        return problems_err(&w->problems, &w->err);
    return kafka_read_shape(&w->kafka, &env, &w->err);
}

static void teardown(struct world *w)
{
    kafka_free_shape(&w->kafka);
    kafka_free_shape(&w->kafka); /* fine twice */
    options_free(kafka_options, &w->kafka);
    problems_free(&w->problems);
    config_free(w->config);
}

static const char *topic_of(struct world *w, unsigned route, const char *json, int64_t time_ms)
{
    struct kafka_message msg;
    const struct out_event ev = {
        .bytes = json, .len = strlen(json), .time_ms = time_ms, .route = route};
    const char *why = kafka_shape(&w->kafka, &ev, &msg);
    return why ? why : w->kafka.topics.at[msg.topic].name;
}

#define START(yaml, n)                                                                             \
    struct world w;                                                                                \
    if (setup(&w, yaml, n))                                                                        \
    fail_msg("%s", w.err.text)

/* The event must not matter: it is no JSON. */
#define NO_EVENT "not looked at"

static void assert_topic(const char *format, const char *name)
{
    char *yaml = mem_printf("topic: '%s'", format);
    START(yaml, 1);
    assert_string_equal(topic_of(&w, 0, NO_EVENT, 0), name);
    assert_false(w.kafka.rules.needs_event);
    teardown(&w);
    free(yaml);
}

static void assert_refused(const char *yaml, unsigned n_routes, const char *text)
{
    struct world w;
    assert_int_equal(setup(&w, yaml, n_routes), -1);
    assert_int_equal(w.err.kind, ERR_CONFIG);
    assert_string_equal(w.err.text, text);
    teardown(&w);
}

/* ---- output.kafka.topic ---- */

static void fields_are_filled_in(void **state)
{
    (void)state;
    assert_topic("logs", "logs");
    assert_topic("%{[fields.topic]}", "nginx");
    assert_topic("%{[fields][topic]}", "nginx");
    assert_topic("web-%{[fields.topic]}-%{[fields.topic]}.x", "web-nginx-nginx.x");
    assert_topic("%{[fields.topic]:other}", "nginx");
    assert_topic("%{[fields.none]:other}", "other");
    assert_topic("a%{[fields.none]:}b%{[fields.empty]}", "ab");
    assert_topic("%{[fields.empty]:other}", "other");
    assert_topic("%{[fields.n]}-%{[fields.deep.er]}", "5-x");
    assert_topic("%{[agent.name]}.%{[agent.type]}.%{[input.type]}.%{[team]}",
                 "web-1.filebeat.filestream.a");
}

static void each_input_has_its_own(void **state)
{
    (void)state;
    START("topic: '%{[fields.topic]:rest}'", 2);
    assert_string_equal(topic_of(&w, 0, NO_EVENT, 0), "nginx");
    assert_string_equal(topic_of(&w, 1, NO_EVENT, 0), "rest");
    assert_int_equal(w.kafka.topics.n, 2);
    teardown(&w);
}

static void a_module_names_its_dataset(void **state)
{
    (void)state;
    START("topic: 'x-%{[event.dataset]:none}'", 2);
    assert_string_equal(topic_of(&w, 0, NO_EVENT, 0), "x-none");
    assert_string_equal(topic_of(&w, 1, NO_EVENT, 0), "x-nginx.access");
    teardown(&w);
}

static void a_field_that_is_missing(void **state)
{
    (void)state;
    assert_refused("topic: '%{[fields.none]}'", 1,
                   "output.kafka.topic: an input has no 'fields.none': add it to its fields, or "
                   "give a default as %{[fields.none]:name}");
    assert_refused("topic: '%{[fields.topic]}'", 2,
                   "output.kafka.topic: an input has no 'fields.topic': add it to its fields, or "
                   "give a default as %{[fields.topic]:name}");
    assert_refused("topic: '%{[team]}'", 2,
                   "output.kafka.topic: an input has no 'team': add it to its fields, or give a "
                   "default as %{[team]:name}");
}

static void log_content_names_no_topic(void **state)
{
    (void)state;
    static const char why[] = " is in no input's configuration: a topic is never named by log "
                              "content, which others write. Name it by fields, agent, host, input, "
                              "event.module or event.dataset; or write a rule with mappings, or "
                              "with when";
    static const char *const fields[] = {"message", "url.path", "event.id", "log.file.path",
                                         "http.request.method"};
    for (size_t i = 0; i < 5; i++) {
        char *yaml = mem_printf("topic: 'x-%%{[%s]:y}'", fields[i]);
        char *text = mem_printf("output.kafka.topic: '%s'%s", fields[i], why);
        assert_refused(yaml, 2, text);
        free(text);
        text = mem_printf("t.yml:2:10: output.kafka.topics: '%s'%s", fields[i], why);
        free(yaml);
        yaml = mem_printf("topics: [{topic: 'x-%%{[%s]:y}'}]", fields[i]);
        assert_refused(yaml, 2, text);
        free(text);
        free(yaml);
    }
}

static void a_format_that_is_not_one(void **state)
{
    (void)state;
    static const char expected[] = "expected %{[field]}, %{[field]:default} or %{+yyyy.MM.dd}";
    static const char *const formats[] = {
        "%{fields.topic}", "%{[fields.topic]", "%{[fields.topic", "%{[fields.topic]x}", "%{}",
        "%{[]}",           "%{[a][]}"};
    for (size_t i = 0; i < 7; i++) {
        char *yaml = mem_printf("topic: 'a%s'", formats[i]);
        char *text = mem_printf("output.kafka.topic: '%s': %s", formats[i], expected);
        assert_refused(yaml, 1, text);
        free(text);
        free(yaml);
    }
    assert_refused(
        "topic: 'a-%{+yyyy.bb}'", 1,
        "output.kafka.topic: %{+yyyy.bb}: 'b' is not known; known are yYxwDMdeEaHkKhmsS, "
        "other letters go in quotes");
}

static void a_name_that_kafka_does_not_take(void **state)
{
    (void)state;
    static const char why[] = "is no topic name: letters, digits, '.', '_' and '-', at most 249";
    static const char *const rows[][2] = {
        {"a/b", "a/b"}, {"100%", "100%"}, {"%{[fields.bad]}", "a b"}, {"%{[fields.empty]}", ""},
        {".", "."},     {"..", ".."},     {"x-%{+HH:mm}", "x-00:00"}};
    for (size_t i = 0; i < 7; i++) {
        char *yaml = mem_printf("topic: '%s'", rows[i][0]);
        char *text = mem_printf("output.kafka.topic: '%s' %s", rows[i][1], why);
        assert_refused(yaml, 1, text);
        free(text);
        free(yaml);
    }
    char name[251] = "";
    memset(name, 'x', 250);
    char *yaml = mem_printf("topic: %s", name),
         *text = mem_printf("output.kafka.topic: '%s' %s", name, why);
    assert_refused(yaml, 1, text);
    free(text);
    free(yaml);
    assert_topic(name + 1, name + 1);
}

static void neither_topic_nor_topics(void **state)
{
    (void)state;
    assert_refused("", 1, "output.kafka: neither topic nor topics is set: where are events to go?");
}

/* ---- dates ---- */

#define DAY_MS INT64_C(86400000)

static void a_date_is_that_of_the_reading(void **state)
{
    (void)state;
    START("topic: '%{[fields.topic]}-%{+yyyy.MM.dd}'", 1);
    assert_string_equal(topic_of(&w, 0, "{\"@timestamp\":\"2001-01-01T00:00:00.000Z\"}", 0),
                        "nginx-1970.01.01");
    assert_string_equal(topic_of(&w, 0, NO_EVENT, 20000 * DAY_MS - 1), "nginx-2024.10.03");
    assert_string_equal(topic_of(&w, 0, NO_EVENT, 20000 * DAY_MS), "nginx-2024.10.04");
    assert_false(w.kafka.rules.needs_event);
    assert_null(kafka_first_topic(&w.kafka));
    teardown(&w);
}

static void dated_names_are_kept_in_bounds(void **state)
{
    (void)state;
    START("topic: 'a'\ntopics: [{topic: 'b-%{+yyyy.MM.dd}', when: {equals: {x: 1}}}]", 1);
    for (int day = 0; day < 1000; day++) {
        char name[32] = "";
        topic_of(&w, 0, "{\"x\":1}", day * DAY_MS);
        snprintf(name, sizeof name, "b-19%02d.", 70 + day / 366);
        assert_true(w.kafka.topics.n <= DATED_TOPICS_MAX + 1);
        assert_string_equal(topic_of(&w, 0, "{}", day * DAY_MS), "a");
    }
    assert_int_equal(w.kafka.topics.n_dated, DATED_TOPICS_MAX);
    assert_string_equal(topic_of(&w, 0, "{\"x\":1}", 0), "b-1970.01.01");
    teardown(&w);
}

/* Two rules whose dates are far apart take turns: no number may be used for the name it had before. */
static void a_number_that_has_another_name_by_now(void **state)
{
    (void)state;
    START("topics: [{topic: 'b-%{+yyyy.DDD}', when: {equals: {x: 1}}}, {topic: 'c-%{+yyyy}'}]", 1);
    assert_string_equal(topic_of(&w, 0, "{}", 5 * DAY_MS), "c-1970");
    for (int day = 0; day < 3 * DATED_TOPICS_MAX; day++)
        topic_of(&w, 0, "{\"x\":1}", day * DAY_MS);
    assert_string_equal(topic_of(&w, 0, "{}", 5 * DAY_MS), "c-1970");
    teardown(&w);
}

/* A year of days in one instance: handles come and go with the names, and it is known when librdkafka has seen enough. */
static void handles_of_dated_topics_come_and_go(void **state)
{
    (void)state;
    START("topic: 'b-%{+yyyy.MM.dd}'", 1);
    struct producer producer = {.rk =
                                    rd_kafka_new(RD_KAFKA_PRODUCER, rd_kafka_conf_new(), NULL, 0)};
    struct kafka_message msg;
    w.kafka.producer = &producer;
    for (int day = 0; day < TOPICS_SEEN_MAX; day++) {
        const struct out_event ev = {.bytes = "", .time_ms = day * DAY_MS};
        assert_false(kafka_has_seen_too_many(&producer));
        assert_null(kafka_shape(&w.kafka, &ev, &msg));
        rd_kafka_topic_t *handle = kafka_topic_handle(&w.kafka, &producer, msg.topic);
        assert_string_equal(rd_kafka_topic_name(handle), w.kafka.topics.at[msg.topic].name);
        assert_ptr_equal(kafka_topic_handle(&w.kafka, &producer, msg.topic), handle);
    }
    assert_true(kafka_has_seen_too_many(&producer));
    assert_true(producer.n_topics <= DATED_TOPICS_MAX);
    kafka_free_handles(&producer);
    rd_kafka_destroy(producer.rk);
    w.kafka.producer = NULL;
    teardown(&w);
}

static void exactly_once_needs_a_name_that_stays(void **state)
{
    (void)state;
    assert_refused(
        "topic: 'b-%{+yyyy}'\ndelivery: exactly_once", 1,
        "output.kafka.delivery: exactly_once keeps its mark with a topic whose name does "
        "not change, but all have a date: give one input, or a rule, a topic without "
        "%{+..}");
    START("topics: [{topic: 'b-%{+yyyy}', when: {equals: {x: 1}}}]\ntopic: a\n"
          "delivery: exactly_once",
          1);
    assert_string_equal(kafka_first_topic(&w.kafka), "a");
    teardown(&w);
}

/* ---- output.kafka.topics ---- */

static void the_first_rule_that_fits(void **state)
{
    (void)state;
    START("topic: rest\n"
          "topics:\n"
          "  - topic: errors\n"
          "    when.range.http.response.status_code.gte: 500\n"
          "  - topic: slow\n"
          "    when: {and: [{range: {event.duration: {gt: 1000}}}, {not: {has_fields: [skip]}}]}\n",
          2);
    assert_string_equal(topic_of(&w, 0, "{\"http\":{\"response\":{\"status_code\":503}}}", 0),
                        "errors");
    assert_string_equal(topic_of(&w, 0, "{\"http\":{\"response\":{\"status_code\":499}}}", 0),
                        "rest");
    assert_string_equal(topic_of(&w, 1, "{\"event\":{\"duration\":1001}}", 0), "slow");
    assert_string_equal(topic_of(&w, 1, "{\"event\":{\"duration\":1001},\"skip\":null}", 0),
                        "rest");
    assert_string_equal(topic_of(&w, 1, NO_EVENT, 0), "rest");
    teardown(&w);
}

static void what_the_configuration_says_is_decided_at_the_start(void **state)
{
    (void)state;
    START("topics:\n"
          "  - {topic: edge, when: {contains: {tags: ed}}}\n"
          "  - {topic: other, when: {equals: {agent.type: filebeat}}}\n"
          "  - {topic: never}\n",
          2);
    assert_false(w.kafka.rules.needs_event);
    assert_string_equal(topic_of(&w, 0, NO_EVENT, 0), "edge");
    assert_string_equal(topic_of(&w, 1, NO_EVENT, 0), "other");
    teardown(&w);
}

static void a_line_cannot_change_what_the_configuration_says(void **state)
{
    (void)state;
    START("topic: rest\n"
          "topics: [{topic: secret, when: {and: [{equals: {fields.topic: admin}}, {has_fields: "
          "[x]}]}},\n"
          "         {topic: mine, when: {and: [{equals: {fields.topic: nginx}}, {has_fields: "
          "[x]}]}}]\n",
          1);
    assert_string_equal(topic_of(&w, 0, "{\"x\":1,\"fields\":{\"topic\":\"admin\"}}", 0), "mine");
    teardown(&w);
}

static void a_rule_whose_field_is_missing_is_passed_over(void **state)
{
    (void)state;
    START("topic: rest\n"
          "topics: [{topic: 'x-%{[team]}'}, {topic: 'y-%{[fields.none]}', default: fallback}]",
          2);
    assert_string_equal(topic_of(&w, 0, NO_EVENT, 0), "x-a");
    assert_string_equal(topic_of(&w, 1, NO_EVENT, 0), "fallback");
    teardown(&w);
}

static void mappings_choose_by_content(void **state)
{
    (void)state;
    START("topic: rest\n"
          "topics:\n"
          "  - topic: '%{[log.level]}'\n"
          "    mappings: {error: alarms, warning: alarms, info: quiet}\n"
          "  - topic: '%{[url.domain]}'\n"
          "    when.has_fields: [url.domain]\n"
          "    mappings: {a.example: site-a}\n"
          "    default: site-other\n",
          1);
    assert_string_equal(topic_of(&w, 0, "{\"log\":{\"level\":\"error\"}}", 0), "alarms");
    assert_string_equal(topic_of(&w, 0, "{\"log\":{\"level\":\"info\"}}", 0), "quiet");
    assert_string_equal(topic_of(&w, 0, "{\"log\":{\"level\":\"evil-topic\"}}", 0), "rest");
    assert_string_equal(topic_of(&w, 0, "{\"url\":{\"domain\":\"a.example\"}}", 0), "site-a");
    assert_string_equal(topic_of(&w, 0, "{\"url\":{\"domain\":\"b\"}}", 0), "site-other");
    assert_string_equal(topic_of(&w, 0, "{}", 0), "rest");
    teardown(&w);
}

static void mappings_of_what_is_known_cost_nothing(void **state)
{
    (void)state;
    START("topic: rest\n"
          "topics: [{topic: '%{[fields.topic]}', mappings: {nginx: web}}]",
          2);
    assert_false(w.kafka.rules.needs_event);
    assert_string_equal(topic_of(&w, 0, NO_EVENT, 0), "web");
    assert_string_equal(topic_of(&w, 1, NO_EVENT, 0), "rest");
    teardown(&w);
}

static void an_event_that_no_rule_is_for_is_refused_aloud(void **state)
{
    (void)state;
    START("topics: [{topic: a, when: {equals: {x: 1}}}]", 1);
    assert_string_equal(topic_of(&w, 0, "{\"x\":1}", 0), "a");
    assert_string_equal(topic_of(&w, 0, "{\"x\":2}", 0),
                        "no rule of output.kafka.topics fits and output.kafka.topic is not set");
    teardown(&w);
}

static void an_input_that_no_rule_is_for(void **state)
{
    (void)state;
    assert_refused(
        "topics: [{topic: a, when: {equals: {fields.topic: nginx}}}]", 2,
        "output.kafka: no rule of topics fits the events of input 'second', and topic is "
        "not set: set it, or add a rule without when");
}

static void what_is_wrong_in_a_rule_is_said_with_its_place(void **state)
{
    (void)state;
    assert_refused(
        "topics:\n  - topik: a\n", 1,
        "t.yml:3:5: unknown key 'output.kafka.topics.0.topik', did you mean 'topic'? (and 1 more)");
    assert_refused("topics:\n  - topic: a\n    when: {equal: {x: 1}}\n", 1,
                   "t.yml:4:11: 'equal' is no condition: equals, contains, regexp, range, network, "
                   "has_fields, or, and, not are");
    assert_refused("topics:\n  - topic: '%{[x]}'\n    mappings: {a: 'b c'}\n", 1,
                   "t.yml:4:19: output.kafka.topics.mappings: 'b c' is no topic name: letters, "
                   "digits, '.', '_' and '-', at most 249");
}

static void dead_letters_have_a_topic_of_their_own(void **state)
{
    (void)state;
    START("topic: a\ndead_letter: {topic: dead}", 1);
    assert_string_equal(w.kafka.topics.at[w.kafka.dead.topic].name, "dead");
    assert_string_equal(kafka_first_topic(&w.kafka), "a");
    teardown(&w);
    assert_refused(
        "topic: a\ndead_letter.topic: a", 1,
        "output.kafka.dead_letter.topic: 'a' is a topic of events too: give dead letters "
        "a topic of their own");
    assert_refused("topic: a\ndead_letter.topic: a b", 1,
                   "output.kafka.dead_letter.topic: 'a b' is no topic name: letters, digits, '.', "
                   "'_' and '-', at most 249");
}

static void a_file_for_dead_letters(void **state)
{
    (void)state;
    START("topic: a\ndead_letter: file", 1);
    assert_int_equal(w.kafka.dead.topic, NO_TOPIC);
    teardown(&w);
}

/* ---- keys, codecs ---- */

static struct kafka_message shape(struct world *w, const char *json)
{
    struct kafka_message msg;
    const struct out_event ev = {.bytes = json, .len = strlen(json)};
    const char *why = kafka_shape(&w->kafka, &ev, &msg);
    if (why)
        fail_msg("%s", why);
    uint32_t spread = msg.spread;
    (void)kafka_shape(&w->kafka, &ev, &msg); /* offered again: the same place */
    if (w->kafka.partition.kind != SPREAD_BY_HASH)
        assert_int_equal(msg.spread, spread);
    kafka_spread_is_taken(&w->kafka, &msg);
    return msg;
}

static void a_key_may_be_made_of_the_event(void **state)
{
    (void)state;
    START("topic: a\nkey: '%{[user.name]}@%{[agent.name]:x}'", 1);
    struct kafka_message msg = shape(&w, "{\"user\":{\"name\":\"an\\u00fc\"}}");
    assert_string_equal(msg.key, "an\xc3\xbc@x");
    assert_int_equal(msg.key_len, 6);
    assert_null(shape(&w, "{}").key);
    teardown(&w);
}

static void assert_value(const char *codec, const char *json, const char *value)
{
    char *yaml = mem_printf("topic: a\n%s", codec);
    START(yaml, 1);
    struct kafka_message msg = shape(&w, json);
    assert_int_equal(msg.len, strlen(value));
    assert_memory_equal(msg.value, value, msg.len);
    teardown(&w);
    free(yaml);
}

static void codecs(void **state)
{
    (void)state;
    static const char json[] = "{\"a\":\"<x & \\\"y\\\">\",\"b\":[1,{\"c\":{}}],\"d\":[]}";
    assert_value("", json, json);
    assert_value("codec.json: {pretty: false}", json, json);
    assert_value("codec.json.escape_html: true", json,
                 "{\"a\":\"\\u003cx \\u0026 \\\"y\\\"\\u003e\",\"b\":[1,{\"c\":{}}],\"d\":[]}");
    assert_value(
        "codec.json.pretty: true", json,
        "{\n  \"a\": \"<x & \\\"y\\\">\",\n  \"b\": [\n    1,\n    {\n      \"c\": {}\n    "
        "}\n  ],\n  \"d\": []\n}");
    assert_value("codec.format.string: '%{+yyyy} %{[message]} %{[n]}%{[none]:-}'",
                 "{\"@timestamp\":\"2026-11-22T07:08:57.146Z\",\"message\":\"a\\tb\",\"n\":1.50}",
                 "2026 a\tb 1.50-");
}

static void a_codec_whose_field_is_missing(void **state)
{
    (void)state;
    START("topic: a\ncodec.format.string: '%{[message]}'", 1);
    assert_string_equal(
        topic_of(&w, 0, "{}", 0),
        "output.kafka.codec.format.string names a field that the event does not have");
    teardown(&w);
    assert_refused("topic: a\ncodec: {format.string: x, json.pretty: true}", 1,
                   "output.kafka.codec: format and json are both set: keep one of them");
}

static void one_line_of_anything(void **state)
{
    (void)state;
    static const char *const rows[][2] = {
        {"{\n  \"a\": \" x \",\n  \"b\": [ 1 ]\n}", "{\"a\":\" x \",\"b\":[1]}"},
        {"a \"line\"\n", "\"a \\\"line\\\"\\n\""},
        {"", "\"\""},
        {"[1]", "\"[1]\""},
    };
    struct buf out = BUF_INIT;
    for (size_t i = 0; i < 4; i++) {
        buf_clear(&out);
        kafka_one_line(rows[i][0], strlen(rows[i][0]), &out);
        assert_string_equal(buf_str(&out), rows[i][1]);
    }
    buf_free(&out);
}

/* ---- partitions ---- */

static void hashes_are_those_of_fnv(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        uint32_t hash;
    } rows[] = {{"", 0x811c9dc5}, {"a", 0xe40c292c}, {"foobar", 0xbf9cf968}, {"b", 0xe70c2de5}};
    for (size_t i = 0; i < 4; i++)
        assert_int_equal(kafka_fnv1a(KAFKA_FNV1A_BEGIN, rows[i].text, strlen(rows[i].text)),
                         rows[i].hash);
}

static void by_default_the_log_decides(void **state)
{
    (void)state;
    START("topic: a\nkey: '%{[k]}'", 1);
    struct kafka_message msg;
    struct out_event ev = {.bytes = "{\"k\":\"a\"}", .len = 9, .order_key = 0xabcd1234};
    assert_null(kafka_shape(&w.kafka, &ev, &msg));
    assert_int_equal(msg.spread, 0x1234);
    teardown(&w);
}

static void a_hash_of_the_key(void **state)
{
    (void)state;
    START("topic: a\nkey: '%{[k]}'\npartition.hash: {}", 1);
    assert_int_equal(shape(&w, "{\"k\":\"a\"}").spread, 0xe40c292c & 0x7fffffff);
    assert_int_equal(shape(&w, "{\"k\":\"foobar\"}").spread, 0xbf9cf968 & 0x7fffffff);
    uint32_t one = shape(&w, "{}").spread;
    bool differs = false;
    for (int i = 0; i < 20; i++)
        differs |= shape(&w, "{}").spread != one;
    assert_true(differs);
    teardown(&w);
}

static void a_hash_of_fields(void **state)
{
    (void)state;
    static const unsigned char bytes[] = {'f', 'o', 'o', 'b', 'a', 'r', 2, 1, 0, 0, 0, 0, 0, 0, 1};
    START("topic: a\npartition.hash: {hash: [s, t, n, b], random: false}", 1);
    assert_int_equal(shape(&w, "{\"s\":\"foo\",\"t\":\"bar\",\"n\":258,\"b\":true}").spread,
                     kafka_fnv1a(KAFKA_FNV1A_BEGIN, bytes, sizeof bytes) & 0x7fffffff);
    assert_string_equal(
        topic_of(&w, 0, "{\"s\":\"foo\"}", 0),
        "a field of output.kafka.partition.hash.hash is not there, and hash.random is off");
    teardown(&w);
}

static void in_turn_and_by_groups_for_each_topic(void **state)
{
    (void)state;
    START("topic: a\ntopics: [{topic: b, when: {has_fields: [b]}}]\n"
          "partition.round_robin.group_events: 2",
          1);
    static const uint32_t expected[] = {1, 1, 2, 2, 3, 3};
    for (int i = 0; i < 6; i++) { /* the other topic does not disturb */
        assert_int_equal(shape(&w, "{}").spread, expected[i]);
        assert_int_equal(shape(&w, "{\"b\":1}").spread, expected[i]);
    }
    teardown(&w);
}

static void at_random_by_groups(void **state)
{
    (void)state;
    START("topic: a\npartition.random.group_events: 3", 1);
    unsigned seen[4] = {0};
    for (int i = 0; i < 400; i++) {
        uint32_t spread = shape(&w, "{}").spread;
        assert_int_equal(shape(&w, "{}").spread, spread);
        assert_int_equal(shape(&w, "{}").spread, spread);
        seen[spread % 4]++;
    }
    for (int i = 0; i < 4; i++)
        assert_in_range(seen[i], 50, 150);
    teardown(&w);
}

static void a_partition_that_is_none(void **state)
{
    (void)state;
    assert_refused(
        "topic: a\npartition.sticky: {}", 1,
        "t.yml:3:19: output.kafka.partition: expected hash, random or round_robin, found "
        "'sticky'");
    assert_refused("topic: a\npartition: {random: {}, hash: {}}", 1,
                   "t.yml:3:12: output.kafka.partition: expected one of hash, random and "
                   "round_robin, found 2");
    assert_refused("topic: a\npartition.random.group_events: 0", 1,
                   "t.yml:3:32: output.kafka.partition.random.group_events: must be at least 1, "
                   "found '0'");
}

/* ---- headers ---- */

static void headers_of_the_configuration_and_of_the_place(void **state)
{
    (void)state;
    START(
        "topic: a\nposta_headers: true\nheaders: [{key: env, value: prod}, {key: env, value: eu}]",
        1);
    struct out_span span = {.end = 7};
    memset(span.id, 'a', EVENT_ID_LEN);
    rd_kafka_headers_t *headers = kafka_make_headers(&w.kafka, &span);
    assert_int_equal(rd_kafka_header_cnt(headers), 4);
    const void *value;
    size_t len;
    assert_int_equal(rd_kafka_header_get(headers, 1, "env", &value, &len), 0);
    assert_memory_equal(value, "eu", len);
    rd_kafka_headers_destroy(headers);
    headers = kafka_make_headers(&w.kafka, NULL);
    assert_int_equal(rd_kafka_header_cnt(headers), 2);
    rd_kafka_headers_destroy(headers);
    teardown(&w);
    assert_refused("topic: a\nheaders: [{key: posta.id, value: x}]", 1,
                   "t.yml:3:11: output.kafka.headers.0: names that begin with posta. are posta's "
                   "own");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(fields_are_filled_in),
        cmocka_unit_test(each_input_has_its_own),
        cmocka_unit_test(a_module_names_its_dataset),
        cmocka_unit_test(a_field_that_is_missing),
        cmocka_unit_test(log_content_names_no_topic),
        cmocka_unit_test(a_format_that_is_not_one),
        cmocka_unit_test(a_name_that_kafka_does_not_take),
        cmocka_unit_test(neither_topic_nor_topics),
        cmocka_unit_test(a_date_is_that_of_the_reading),
        cmocka_unit_test(dated_names_are_kept_in_bounds),
        cmocka_unit_test(a_number_that_has_another_name_by_now),
        cmocka_unit_test(handles_of_dated_topics_come_and_go),
        cmocka_unit_test(exactly_once_needs_a_name_that_stays),
        cmocka_unit_test(the_first_rule_that_fits),
        cmocka_unit_test(what_the_configuration_says_is_decided_at_the_start),
        cmocka_unit_test(a_line_cannot_change_what_the_configuration_says),
        cmocka_unit_test(a_rule_whose_field_is_missing_is_passed_over),
        cmocka_unit_test(mappings_choose_by_content),
        cmocka_unit_test(mappings_of_what_is_known_cost_nothing),
        cmocka_unit_test(an_event_that_no_rule_is_for_is_refused_aloud),
        cmocka_unit_test(an_input_that_no_rule_is_for),
        cmocka_unit_test(what_is_wrong_in_a_rule_is_said_with_its_place),
        cmocka_unit_test(dead_letters_have_a_topic_of_their_own),
        cmocka_unit_test(a_file_for_dead_letters),
        cmocka_unit_test(a_key_may_be_made_of_the_event),
        cmocka_unit_test(codecs),
        cmocka_unit_test(a_codec_whose_field_is_missing),
        cmocka_unit_test(one_line_of_anything),
        cmocka_unit_test(hashes_are_those_of_fnv),
        cmocka_unit_test(by_default_the_log_decides),
        cmocka_unit_test(a_hash_of_the_key),
        cmocka_unit_test(a_hash_of_fields),
        cmocka_unit_test(in_turn_and_by_groups_for_each_topic),
        cmocka_unit_test(at_random_by_groups),
        cmocka_unit_test(a_partition_that_is_none),
        cmocka_unit_test(headers_of_the_configuration_and_of_the_place),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
