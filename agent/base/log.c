/* log.c: posta's own log; see log.h. One buffer on the stack and one write(2) a line, so that lines of
 * several threads never mix. */
#include <posta/json.h>
#include <posta/log.h>
#include <posta/loop.h>
#include <posta/time_text.h>

#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static struct log_config log_conf = {.level = LOG_INFO};

static const char *const level_names[] = {"debug", "info", "warn", "error"};
static const char *const level_tags[] = {"DEBUG", "INFO ", "WARN ", "ERROR"};

void log_setup(const struct log_config *config)
{
    log_conf = *config;
}

static bool is_selected(const char *part)
{
    const char *list = log_conf.selectors;
    if (!list || !*list || strcmp(list, "*") == 0)
        return true;
    size_t len = strlen(part);
    for (const char *at = list; at; at = strchr(at, ',')) {
        at += *at == ',';
        if (strncmp(at, part, len) == 0 && (at[len] == ',' || !at[len]))
            return true;
    }
    return false;
}

static void write_line(struct buf *line)
{
    buf_putc(line, '\n');
    ssize_t ignored = write(STDERR_FILENO, line->data, line->len);
    (void)ignored; /* there is no second place to complain to */
    buf_free(line);
}

static void write_json(enum log_level level, const char *part, const char *text)
{
    char stamp[TIME_TEXT_BYTES];
    time_text(clock_wall_ns() / NS_PER_MS, stamp);
    struct buf line = BUF_INIT;
    buf_printf(&line,
               "{\"log.level\":\"%s\",\"@timestamp\":\"%s\",\"log.logger\":\"%s\",\"message\":",
               level_names[level], stamp, part);
    json_string(&line, text);
    buf_puts(&line, ",\"service.name\":\"posta\",\"ecs.version\":\"1.6.0\"}");
    write_line(&line);
}

static void write_text(enum log_level level, const char *part, const char *text)
{
    char stamp[TIME_TEXT_BYTES];
    time_text(clock_wall_ns() / NS_PER_MS, stamp);
    struct buf line = BUF_INIT;
    buf_printf(&line, "%s %s %s: ", stamp, level_tags[level], part);
    for (const char *c = text; *c; c++) /* a name from outside must not forge a line */
        buf_putc(&line, (unsigned char)*c < 0x20 || *c == 0x7f ? '?' : *c);
    write_line(&line);
}

static void emit(enum log_level level, const char *part, const char *text)
{
    if (log_conf.json)
        write_json(level, part, text);
    else
        write_text(level, part, text);
}

static bool is_shown(enum log_level level, const char *part)
{
    if (level < log_conf.level)
        return false;
    return level != LOG_DEBUG || is_selected(part);
}

void log_write(enum log_level level, const char *part, const char *fmt, ...)
{
    if (!is_shown(level, part))
        return;
    char text[2048];
    va_list args;
    va_start(args, fmt);
    vsnprintf(text, sizeof text, fmt, args);
    va_end(args);
    emit(level, part, text);
}

static bool is_border(char c)
{
    return c == '\0' || strchr(" ,;:()", c);
}

/* Of a text without the numbers that stand alone in it: sizes, counts. Names with digits are others. */
static uint32_t hash_of(const char *text)
{
    uint32_t hash = 2166136261u; /* FNV-1a */
    for (const char *at = text; *at; at++) {
        size_t n = at == text || is_border(at[-1]) ? strspn(at, "0123456789") : 0;
        if (n > 0 && is_border(at[n]))
            at += n - 1;
        else
            hash = (hash ^ (unsigned char)*at) * 16777619u;
    }
    return hash | 1;
}

/* For callers without a place of their own: that of the text, or of the one that was said longest ago. */
static struct log_limit *slot_of(uint32_t hash)
{
    static struct log_limit slots[64];
    struct log_limit *oldest = slots;
    for (struct log_limit *slot = slots; slot < slots + sizeof slots / sizeof *slots; slot++) {
        if (slot->text_hash == hash)
            return slot;
        oldest = slot->last_ns < oldest->last_ns ? slot : oldest;
    }
    return oldest;
}

void log_limited(struct log_limit *limit, int64_t interval_ns, enum log_level level,
                 const char *part, const char *fmt, ...)
{
    char text[2048];
    va_list args;
    va_start(args, fmt);
    int len = vsnprintf(text, sizeof text - 64, fmt, args);
    va_end(args);
    uint32_t hash = hash_of(text);
    int64_t now = clock_mono_ns();
    if (!limit)
        limit = slot_of(hash);
    if (hash == limit->text_hash && now - limit->last_ns < interval_ns) {
        limit->suppressed++;
        return;
    }
    if (limit->suppressed && hash == limit->text_hash && len > 0)
        snprintf(text + strlen(text), 64, " (said %llu times more)",
                 (unsigned long long)limit->suppressed);
    *limit = (struct log_limit) {.last_ns = now, .text_hash = hash};
    if (is_shown(level, part))
        emit(level, part, text);
}
