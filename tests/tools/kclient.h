/* What the test clients share: librdkafka's configuration from -b and -X, quiet logs, a way to give up.
 *
 * The tools are programs of one file and this one; any thread but the main one is librdkafka's.
 */
#ifndef TESTS_TOOLS_KCLIENT_H
#define TESTS_TOOLS_KCLIENT_H

#include <librdkafka/rdkafka.h>
#include <stdint.h>

/* Print "name: text" to stderr and exit 1. */
void die(const char *fmt, ...) __attribute__((format(printf, 1, 2), noreturn));

/* A fresh configuration: no log lines, errors of the client remembered for kclient_last_error. */
rd_kafka_conf_t *kclient_conf(void);

/* Set one property, given as "name=value"; dies when librdkafka does not take it. */
void kclient_set(rd_kafka_conf_t *conf, const char *assignment);

/* Set bootstrap.servers. */
void kclient_bootstrap(rd_kafka_conf_t *conf, const char *servers);

/* Make the client; takes conf. Dies with the reason. */
rd_kafka_t *kclient_new(rd_kafka_type_t type, rd_kafka_conf_t *conf);

/* The last thing that went wrong with a broker, or "no error seen". Valid until the next poll. */
const char *kclient_last_error(void);

/* Monotonic milliseconds. */
int64_t now_ms(void);

/* A number of the command line, at least min; dies with "-n: not a number" and the like. */
int64_t parse_number(const char *what, const char *text, int64_t min);

#endif
