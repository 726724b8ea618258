/* event.h: the event that both floor programs make of a line: the members of posta's, and nearly as many bytes. What differs from
 * line to line differs here too: both ids end with the offset in hex digits. */
#ifndef BENCH_EVENT_H
#define BENCH_EVENT_H

#include <stdint.h>
#include <string.h>

enum { READ_BYTES = 256 * 1024, LINE_MAX = 64 * 1024, EVENT_MAX = 4 * LINE_MAX };
enum { ID_DIGITS = 12 };

#define ID_BEGIN "1a201f51545a5d5e53a7"
static const char event_head[] =
    "{\"@timestamp\":\"2026-01-02T03:04:05.678Z\",\"@metadata\":{\"beat\":"
    "\"filebeat\",\"type\":\"_doc\",\"version\":\"0.1.0\",\"_id\":\"" ID_BEGIN;
static const char event_id[] = "\"},\"event\":{\"id\":\"" ID_BEGIN;
static const char event_message[] = "\"},\"message\":\"";
static const char event_offset[] = "\",\"log\":{\"offset\":";
static const char event_tail[] =
    ",\"file\":{\"path\":\"/var/log/nginx/access.log\",\"device_id\":\"27\",\"inode\":\"1563\"}},"
    "\"input\":{\"type\":\"filestream\"},\"ecs\":{\"version\":\"8.0.0\"},\"host\":{\"name\":\"pod-"
    "1\"},\"agent\":{\"name\":\"pod-1\","
    "\"type\":\"filebeat\",\"version\":\"0.1.0\",\"id\":\"7d6cb438-0fa9-4e4b-a97b-a4dca39fb2ad\","
    "\"ephemeral_id\":\"f8278cdb-fd56-4a11-ba55-9539bcb37ed3\"}}";

static inline char *event_put(char *at, const char *text, size_t len)
{
    memcpy(at, text, len);
    return at + len;
}
#define EVENT_PUT(at, text) event_put(at, text, sizeof(text) - 1)

static inline char *event_put_number(char *at, uint64_t number)
{
    char digits[20];
    size_t n = 0;
    do
        digits[sizeof digits - ++n] = (char)('0' + number % 10);
    while (number /= 10);
    return event_put(at, digits + sizeof digits - n, n);
}

static inline void event_hex(char digits[static ID_DIGITS], uint64_t number)
{
    for (int i = ID_DIGITS; i-- > 0; number >>= 4)
        digits[i] = "0123456789abcdef"[number & 15];
}

/* The message goes in as it is but for quotes and backslashes, byte by byte: what a plain program does. */
static inline size_t event_wrap(char *event, const char *line, size_t len, uint64_t offset)
{
    char id[ID_DIGITS];
    event_hex(id, offset);
    char *at = event_put(EVENT_PUT(event, event_head), id, ID_DIGITS);
    at = event_put(EVENT_PUT(at, event_id), id, ID_DIGITS);
    at = EVENT_PUT(at, event_message);
    for (size_t i = 0; i < len; i++) {
        if (line[i] == '"' || line[i] == '\\')
            *at++ = '\\';
        *at++ = line[i];
    }
    at = event_put_number(EVENT_PUT(at, event_offset), offset);
    return (size_t)(EVENT_PUT(at, event_tail) - event);
}

#endif
