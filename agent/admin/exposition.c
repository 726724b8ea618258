/* exposition.c: Prometheus' text format 0.0.4, and OpenMetrics 1.0 for who asks for it. */
#include "admin.h"

#include <posta/json.h>

#include <math.h>
#include <stdio.h>

static const char *suffix(const struct metric_family *family)
{
    return family->type == METRIC_COUNTER ? "_total" : family->type == METRIC_INFO ? "_info" : "";
}

/* In help: backslash and line end; in labels the quote too. */
static void put_escaped(struct buf *out, const char *text, bool is_label)
{
    for (; *text; text++) {
        if (*text == '\\' || (*text == '"' && is_label))
            buf_putc(out, '\\');
        if (*text == '\n')
            buf_puts(out, "\\n");
        else
            buf_putc(out, *text);
    }
}

/* Labels are UTF-8: what is not becomes U+FFFD. */
static void put_label_value(struct buf *out, const char *text)
{
    struct buf clean = BUF_INIT;
    for (size_t left = strlen(text); left > 0;) {
        unsigned char first = (unsigned char)*text;
        size_t n = first < 0x80 ? 1 : json_utf8_len((const unsigned char *)text, left);
        if (n == 0)
            buf_puts(&clean, "\xef\xbf\xbd");
        else
            buf_append(&clean, text, n);
        n = n ? n : 1;
        text += n;
        left -= n;
    }
    put_escaped(out, buf_str(&clean), true);
    buf_free(&clean);
}

void exposition_begin(struct exposition *to, const struct metric_family *family)
{
    static const char *const types[] = {"counter", "gauge", "histogram", "info"};
    const char *after = to->is_open ? "" : suffix(family);
    const char *type = family->type == METRIC_INFO && !to->is_open ? "gauge" : types[family->type];
    to->family = family;
    buf_printf(to->out, "# HELP %s%s ", family->name, after);
    put_escaped(to->out, family->help, to->is_open);
    buf_printf(to->out, "\n# TYPE %s%s %s\n", family->name, after, type);
}

static void put_labels(struct exposition *to, const struct metric_label *labels)
{
    if (!labels || !labels->name)
        return;
    for (const char *before = "{"; labels->name; labels++, before = ",") {
        buf_printf(to->out, "%s%s=\"", before, labels->name);
        put_label_value(to->out, labels->value ? labels->value : "");
        buf_putc(to->out, '"');
    }
    buf_putc(to->out, '}');
}

static void put_name(struct exposition *to, const struct metric_label *labels)
{
    buf_printf(to->out, "%s%s", to->family->name, suffix(to->family));
    put_labels(to, labels);
}

void exposition_u64(struct exposition *to, const struct metric_label *labels, uint64_t value)
{
    put_name(to, labels);
    buf_printf(to->out, " %llu\n", (unsigned long long)value);
}

static void put_double(struct buf *out, double value)
{
    char text[40];
    if (isnan(value) || isinf(value)) {
        buf_puts(out, isnan(value) ? "NaN" : value > 0 ? "+Inf" : "-Inf");
        return;
    }
    snprintf(text, sizeof text, "%.15g", value);
    buf_puts(out, text);
    if (!strpbrk(text, ".e"))
        buf_puts(out, ".0");
}

void exposition_double(struct exposition *to, const struct metric_label *labels, double value)
{
    put_name(to, labels);
    buf_putc(to->out, ' ');
    put_double(to->out, value);
    buf_putc(to->out, '\n');
}

void exposition_histogram(struct exposition *to, const double *bounds, const uint64_t *counts,
                          size_t n, double sum)
{
    const char *name = to->family->name;
    unsigned long long count = 0;
    for (size_t i = 0; i <= n; i++) {
        count += counts[i];
        buf_printf(to->out, "%s_bucket{le=\"", name);
        put_double(to->out, i < n ? bounds[i] : INFINITY);
        buf_printf(to->out, "\"} %llu\n", count);
    }
    buf_printf(to->out, "%s_sum ", name);
    put_double(to->out, sum);
    buf_printf(to->out, "\n%s_count %llu\n", name, count);
}

void exposition_end(struct exposition *to)
{
    if (to->is_open)
        buf_puts(to->out, "# EOF\n");
}
