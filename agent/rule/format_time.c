/* format_time.c: the pattern behind %{+: letters of Joda's DateTimeFormat, as Beats know them; UTC, English names. */
#include "rule.h"

#include <ctype.h>
#include <stdio.h>
#include <time.h>

static const char letters[] = "yYxwDMdeEaHkKhmsS";

/* A run of one letter, a text in quotes, or one other byte. Returns its length. */
static size_t next_part(const char *at)
{
    size_t len = 1;
    if (*at == '\'') {
        while (at[len] && at[len] != '\'')
            len++;
        return at[len] ? len + 1 : len;
    }
    while (isalpha((unsigned char)*at) && at[len] == *at)
        len++;
    return len;
}

int time_pattern_check(const char *pattern, struct err *err)
{
    if (!*pattern)
        return err_set(err, ERR_CONFIG, "%%{+} has no pattern, such as %%{+yyyy.MM.dd}");
    for (const char *at = pattern; *at; at += next_part(at)) {
        if (*at == '\'' && (next_part(at) == 1 || at[next_part(at) - 1] != '\''))
            return err_set(err, ERR_CONFIG, "%%{+%s}: a quote is not closed", pattern);
        if (isalpha((unsigned char)*at) && !strchr(letters, *at))
            return err_set(err, ERR_CONFIG,
                           "%%{+%s}: '%c' is not known; known are %s, other letters go in quotes",
                           pattern, *at, letters);
    }
    return 0;
}

static void put_number(struct buf *out, size_t width, int value)
{
    buf_printf(out, "%0*d", (int)width, value);
}

static void put_year(struct buf *out, size_t width, int year)
{
    put_number(out, width, width == 2 ? year % 100 : year);
}

static const char *const months[] = {"January",   "February", "March",    "April",
                                     "May",       "June",     "July",     "August",
                                     "September", "October",  "November", "December"};
static const char *const days[] = {"Sunday",   "Monday", "Tuesday", "Wednesday",
                                   "Thursday", "Friday", "Saturday"};

static void put_name(struct buf *out, const char *name, bool is_short)
{
    buf_append(out, name, is_short ? 3 : strlen(name));
}

/* Does the ISO year end with a Thursday, or begin with one? Then it has 53 weeks. */
static int weeks_of(int year)
{
    int ends_on = (year + year / 4 - year / 100 + year / 400) % 7, before = year - 1;
    return ends_on == 4 || (before + before / 4 - before / 100 + before / 400) % 7 == 3 ? 53 : 52;
}

/* ISO 8601: week 1 has the year's first Thursday. */
static int iso_week(const struct tm *tm, int *year)
{
    int week_day = tm->tm_wday ? tm->tm_wday : 7;
    int week = (tm->tm_yday + 11 - week_day) / 7;
    *year = tm->tm_year + 1900;
    if (week < 1)
        return weeks_of(--*year);
    if (week <= weeks_of(*year))
        return week;
    ++*year;
    return 1;
}

static void put_letter(char letter, size_t width, const struct tm *tm, int ms, struct buf *out)
{
    int year;
    switch (letter) {
    case 'y':
    case 'Y':
        put_year(out, width, tm->tm_year + 1900);
        break;
    case 'x':
        (void)iso_week(tm, &year);
        put_year(out, width, year);
        break;
    case 'w':
        put_number(out, width, iso_week(tm, &year));
        break;
    case 'D':
        put_number(out, width, tm->tm_yday + 1);
        break;
    case 'M':
        if (width >= 3)
            put_name(out, months[tm->tm_mon], width == 3);
        else
            put_number(out, width, tm->tm_mon + 1);
        break;
    case 'd':
        put_number(out, width, tm->tm_mday);
        break;
    case 'e':
        put_number(out, width, tm->tm_wday ? tm->tm_wday : 7);
        break;
    case 'E':
        put_name(out, days[tm->tm_wday], width < 4);
        break;
    case 'a':
        buf_puts(out, tm->tm_hour < 12 ? "AM" : "PM");
        break;
    case 'H':
        put_number(out, width, tm->tm_hour);
        break;
    case 'k':
        put_number(out, width, tm->tm_hour ? tm->tm_hour : 24);
        break;
    case 'K':
        put_number(out, width, tm->tm_hour % 12);
        break;
    case 'h':
        put_number(out, width, tm->tm_hour % 12 ? tm->tm_hour % 12 : 12);
        break;
    case 'm':
        put_number(out, width, tm->tm_min);
        break;
    case 's':
        put_number(out, width, tm->tm_sec);
        break;
    default: /* S: a fraction of the second, its first digits */
        for (int scale = 100; width > 0; width--, scale /= 10)
            buf_putc(out, scale ? (char)('0' + ms / scale % 10) : '0');
    }
}

void time_pattern_put(const char *pattern, int64_t ms, struct buf *out)
{
    struct tm tm = {0};
    time_t seconds = (time_t)((ms - (ms % 1000 + 1000) % 1000) / 1000);
    gmtime_r(&seconds, &tm);
    for (size_t len; *pattern; pattern += len) {
        len = next_part(pattern);
        if (isalpha((unsigned char)*pattern))
            put_letter(*pattern, len, &tm, (int)(ms - (int64_t)seconds * 1000), out);
        else if (*pattern == '\'')
            buf_append(out, len == 2 ? "'" : pattern + 1, len == 2 ? 1 : len - 2);
        else
            buf_append(out, pattern, len);
    }
}
