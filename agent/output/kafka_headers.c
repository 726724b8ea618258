/* kafka_headers.c: which bytes of its log an event stands for, as headers of its record: numbers in decimal digits. */
#include "kafka.h"

#include <ctype.h>
#include <stdio.h>

#define ID_HEADER       "posta.id"
#define END_HEADER      "posta.end"
#define LEFT_OUT_HEADER "posta.left_out"

/* posta.id, posta.end, and posta.left_out where bytes before it were left out on purpose. */
rd_kafka_headers_t *kafka_make_headers(const struct out_span *span)
{
    char number[24];
    rd_kafka_headers_t *headers = rd_kafka_headers_new(span->left_out ? 3 : 2);
    rd_kafka_header_add(headers, ID_HEADER, sizeof ID_HEADER - 1, span->id, EVENT_ID_LEN);
    int len = snprintf(number, sizeof number, "%llu", (unsigned long long)span->end);
    rd_kafka_header_add(headers, END_HEADER, sizeof END_HEADER - 1, number, len);
    if (!span->left_out)
        return headers;
    len = snprintf(number, sizeof number, "%llu", (unsigned long long)span->left_out);
    rd_kafka_header_add(headers, LEFT_OUT_HEADER, sizeof LEFT_OUT_HEADER - 1, number, len);
    return headers;
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
