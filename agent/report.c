/* report.c: counters as one log line, only those that changed. */
#include "agent.h"

void report_line(struct buf *line, const struct report_row *rows)
{
    for (; rows->part; rows++)
        for (const struct stat_row *row = rows->rows; rows->stats && row && row->name; row++) {
            uint64_t value;
            memcpy(&value, (const char *)rows->stats + row->at, sizeof value);
            if (value)
                buf_printf(line, "%s%s.%s=%llu", line->len ? " " : "", rows->part, row->name,
                           (unsigned long long)value);
        }
}
