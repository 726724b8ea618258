/* log.h: posta's own log, one line a decision, to standard error.
 *
 * Text form: "2026-01-02T03:04:05.678Z INFO  tail: /var/log/nginx/access.log: rotated". JSON form (logging.json):
 * one object a line with @timestamp, log.level, log.logger, message, service.name, as Beats write it.
 * Never log event contents or secrets. Any thread may log: one write(2) a line.
 */
#ifndef POSTA_LOG_H
#define POSTA_LOG_H

#include <posta/err.h>
#include <stdbool.h>
#include <stdint.h>

enum log_level { LOG_DEBUG, LOG_INFO, LOG_WARN, LOG_ERROR };

struct log_config {
    enum log_level level;
    bool json;
    const char
        *selectors; /* comma-separated part names whose debug lines are shown, "*" all; borrowed */
};

/* Takes effect at once. Call before other threads start. */
void log_setup(const struct log_config *config);

/* part: the folder or module that speaks ("tail", "spool", "kafka"). */
void log_write(enum log_level level, const char *part, const char *fmt, ...) PRINTF_LIKE(3, 4);

#define log_debug(...) log_write(LOG_DEBUG, __VA_ARGS__)
#define log_info(...)  log_write(LOG_INFO, __VA_ARGS__)
#define log_warn(...)  log_write(LOG_WARN, __VA_ARGS__)
#define log_error(...) log_write(LOG_ERROR, __VA_ARGS__)

/* A message that may come again and again: said when its text changes, but for numbers that stand alone in it, else at most once an
 * interval, then with the count of those left out. Zero-initialise; one a place; NULL = one slot for each text, for places that
 * speak of many things. Loop thread. */
struct log_limit {
    int64_t last_ns;
    uint64_t suppressed;
    uint32_t text_hash;
};
void log_limited(struct log_limit *limit, int64_t interval_ns, enum log_level level,
                 const char *part, const char *fmt, ...) PRINTF_LIKE(5, 6);

#endif
