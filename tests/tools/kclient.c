/* What the test clients share; see kclient.h. */
#include "kclient.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

static char last_error[512] = "no error seen";

void die(const char *fmt, ...)
{
    va_list args;

    va_start(args, fmt);
    fprintf(stderr, "%s: ", program_invocation_short_name);
    vfprintf(stderr, fmt, args);
    fputc('\n', stderr);
    va_end(args);
    exit(1);
}

static void remember_error(rd_kafka_t *rk, int err, const char *reason, void *opaque)
{
    (void)rk;
    (void)opaque;
    snprintf(last_error, sizeof last_error, "%s: %s", rd_kafka_err2name((rd_kafka_resp_err_t)err),
             reason);
}

static void swallow_log(const rd_kafka_t *rk, int level, const char *fac, const char *buf)
{
    (void)rk;
    (void)level;
    (void)fac;
    (void)buf;
}

rd_kafka_conf_t *kclient_conf(void)
{
    rd_kafka_conf_t *conf = rd_kafka_conf_new();

    rd_kafka_conf_set_error_cb(conf, remember_error);
    if (!getenv("KCLIENT_VERBOSE"))
        rd_kafka_conf_set_log_cb(conf, swallow_log);
    /* A broker that comes back is found in a second, not in ten. */
    kclient_set(conf, "reconnect.backoff.max.ms=1000");
    return conf;
}

static void set_property(rd_kafka_conf_t *conf, const char *name, const char *value)
{
    char reason[512];

    if (rd_kafka_conf_set(conf, name, value, reason, sizeof reason) != RD_KAFKA_CONF_OK)
        die("%s", reason);
}

void kclient_set(rd_kafka_conf_t *conf, const char *assignment)
{
    const char *equals = strchr(assignment, '=');
    char name[128];

    if (!equals || (size_t)(equals - assignment) >= sizeof name)
        die("-X wants name=value, not '%s'", assignment);
    memcpy(name, assignment, (size_t)(equals - assignment));
    name[equals - assignment] = '\0';
    set_property(conf, name, equals + 1);
}

void kclient_bootstrap(rd_kafka_conf_t *conf, const char *servers)
{
    set_property(conf, "bootstrap.servers", servers);
}

rd_kafka_t *kclient_new(rd_kafka_type_t type, rd_kafka_conf_t *conf)
{
    char reason[512];
    rd_kafka_t *rk = rd_kafka_new(type, conf, reason, sizeof reason);

    if (!rk)
        die("%s", reason);
    return rk;
}

const char *kclient_last_error(void)
{
    return last_error;
}

int64_t now_ms(void)
{
    struct timespec ts;

    clock_gettime(CLOCK_MONOTONIC, &ts);
    return (int64_t)ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
}

int64_t parse_number(const char *what, const char *text, int64_t min)
{
    char *end;
    long long number;

    errno = 0;
    number = strtoll(text, &end, 10);
    if (errno || end == text || *end)
        die("%s: '%s' is not a number", what, text);
    if (number < min)
        die("%s: %s is less than %lld", what, text, (long long)min);
    return number;
}
