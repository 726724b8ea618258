/* report.c: counters as one log line, those that are not 0; and as JSON, all. */
#include "agent.h"

void report_line(struct buf *line, const struct report_row *rows)
{
    for (; rows->part; rows++)
        for (const struct stat_row *row = rows->rows; rows->stats && row && row->name; row++) {
            uint64_t value = stat_value(rows->stats, row->at);
            if (value)
                buf_printf(line, "%s%s.%s=%llu", line->len ? " " : "", rows->part, row->name,
                           (unsigned long long)value);
        }
}

static void put_part(struct buf *out, const struct report_row *row)
{
    const char *comma = "";
    buf_printf(out, "\"%s\":{", row->part);
    for (const struct stat_row *stat = row->rows; stat && stat->name; stat++, comma = ",")
        buf_printf(out, "%s\"%s\":%llu", comma, stat->name,
                   (unsigned long long)stat_value(row->stats, stat->at));
    buf_putc(out, '}');
}

void report_json(struct buf *out, const struct report_row *rows)
{
    for (const char *comma = ""; rows->part; rows++) {
        if (!rows->stats)
            continue;
        buf_puts(out, comma);
        put_part(out, rows);
        comma = ",";
    }
}
