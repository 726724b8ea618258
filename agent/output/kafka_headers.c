/* kafka_headers.c: the headers of a record: those of the configuration, and which bytes of its log the event stands for, as
 * decimal digits. */
#include "kafka.h"

#include <ctype.h>
#include <stddef.h>
#include <stdio.h>

#define ID_HEADER       "posta.id"
#define END_HEADER      "posta.end"
#define LEFT_OUT_HEADER "posta.left_out"

/* ---- output.kafka.headers ---- */

struct header_settings {
    char *key, *value;
};

#define AT(field) .at = offsetof(struct header_settings, field)
const struct option kafka_header_options[] = {
    {.name = "key", .type = OPT_TEXT, .required = true, AT(key), .doc = "Name of the header."},
    {.name = "value", .type = OPT_TEXT, .def = "", AT(value), .doc = "Its value."},
    {0},
};

static void read_header(struct kafka *kafka, const struct node *node, size_t i,
                        struct problems *problems)
{
    char section[48];
    struct header_settings set = {.key = NULL};
    snprintf(section, sizeof section, "output.kafka.headers.%zu", i);
    if (options_read(node, section, kafka_header_options, &set, problems) == 0) {
        if (strncmp(set.key, "posta.", 6) == 0)
            problems_error(problems, node, "%s: names that begin with posta. are posta's own",
                           section);
        rd_kafka_header_add(kafka->shape.headers, set.key, -1, set.value, -1);
    }
    options_free(kafka_header_options, &set);
}

int kafka_read_header_settings(struct kafka *kafka, struct err *err)
{
    const struct node_list *list = &kafka->set.headers;
    struct problems problems = PROBLEMS_INIT;
    if (list->n)
        kafka->shape.headers = rd_kafka_headers_new(list->n);
    for (size_t i = 0; i < list->n; i++)
        read_header(kafka, list->at[i], i, &problems);
    int rc = problems_err(&problems, err);
    problems_free(&problems);
    return rc;
}

/* ---- of an event ---- */

static void add_number(rd_kafka_headers_t *headers, const char *name, uint64_t number)
{
    char text[24];
    int len = snprintf(text, sizeof text, "%llu", (unsigned long long)number);
    rd_kafka_header_add(headers, name, -1, text, len);
}

/* posta.id, posta.end, and posta.left_out where bytes before it were left out on purpose. */
static void add_span(rd_kafka_headers_t *headers, const struct out_span *span)
{
    rd_kafka_header_add(headers, ID_HEADER, sizeof ID_HEADER - 1, span->id, EVENT_ID_LEN);
    add_number(headers, END_HEADER, span->end);
    if (span->left_out)
        add_number(headers, LEFT_OUT_HEADER, span->left_out);
}

rd_kafka_headers_t *kafka_make_headers(const struct kafka *kafka, const struct out_span *span)
{
    const rd_kafka_headers_t *fixed = kafka->shape.headers;
    bool has_span = span && kafka->set.posta_headers;
    if (!fixed && !has_span)
        return NULL;
    rd_kafka_headers_t *headers = fixed ? rd_kafka_headers_copy(fixed) : rd_kafka_headers_new(3);
    if (has_span)
        add_span(headers, span);
    return headers;
}

size_t kafka_header_bytes(const struct kafka *kafka)
{
    enum { LENGTHS = 2 * 5, NUMBER_MAX = 20 };
    size_t sum = 0, len;
    const char *name;
    const void *value;
    for (size_t i = 0; kafka->shape.headers &&
                       !rd_kafka_header_get_all(kafka->shape.headers, i, &name, &value, &len);
         i++)
        sum += strlen(name) + len + LENGTHS;
    if (kafka->set.posta_headers)
        sum += sizeof ID_HEADER + EVENT_ID_LEN + sizeof END_HEADER + sizeof LEFT_OUT_HEADER +
               2 * NUMBER_MAX + 3 * LENGTHS;
    return sum;
}

/* 0 if it is no number: no event ends there. */
static uint64_t number_of(const char *digits, size_t len)
{
    uint64_t number = 0;
    if (len == 0 || len > 19)
        return 0;
    for (size_t i = 0; i < len; i++) {
        if (!isdigit((unsigned char)digits[i]))
            return 0;
        number = number * 10 + (uint64_t)(digits[i] - '0');
    }
    return number;
}

static const char *header(const rd_kafka_headers_t *headers, const char *name, size_t *len)
{
    const void *value;
    return rd_kafka_header_get_last(headers, name, &value, len) ? NULL : value;
}

void kafka_read_headers(const rd_kafka_message_t *msg, struct out_span *span)
{
    rd_kafka_headers_t *headers;
    const char *text;
    size_t len;
    if (rd_kafka_message_headers(msg, &headers))
        return;
    if (!(text = header(headers, ID_HEADER, &len)))
        return;
    memset(span->id, '?', EVENT_ID_LEN);
    if (len == EVENT_ID_LEN)
        memcpy(span->id, text, len);
    if ((text = header(headers, END_HEADER, &len)))
        span->end = number_of(text, len);
    if ((text = header(headers, LEFT_OUT_HEADER, &len)))
        span->left_out = number_of(text, len);
}
