/* cron.c: times by fields, as the library of Heartbeat reads them: second, minute, hour, day, month, weekday, year, each with
 * a star, ?, a, a-b, a/n, a-b/n, lists of those, names, and L, W and # for days.
 *
 * Sets of values are bits. The next time is looked for from the largest unit to the smallest, so a far one is found quickly;
 * each step is forward in time, whatever the clocks of the place do.
 */
#include "heartbeat.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <time.h>

enum { DAY_S = 86400, HOUR_S = 3600, FIELDS = 7, FIELD_BYTES = 128 };

/* ---- reading ---- */

struct field {
    const char *name;
    unsigned min, max;
    const char *const *names; /* of min, min + 1, ..; NULL = none */
};

static const char *const months[] = {"january",   "february", "march",    "april",
                                     "may",       "june",     "july",     "august",
                                     "september", "october",  "november", "december"};
static const char *const weekdays[] = {"sunday",   "monday", "tuesday", "wednesday",
                                       "thursday", "friday", "saturday"};

enum { SECOND, MINUTE, HOUR, DAY, MONTH, WEEKDAY, YEAR };
static const struct field fields[FIELDS] = {
    [SECOND] = {"second", 0, 59, NULL},
    [MINUTE] = {"minute", 0, 59, NULL},
    [HOUR] = {"hour", 0, 23, NULL},
    [DAY] = {"day", 1, 31, NULL},
    [MONTH] = {"month", 1, 12, months},
    [WEEKDAY] = {"weekday", 0, 7, weekdays},
    [YEAR] = {"year", CRON_FIRST_YEAR, CRON_LAST_YEAR, NULL},
};

/* A field's values: bits from base on. */
struct set {
    uint64_t *bits;
    unsigned base;
};

static void set_add(const struct set *set, unsigned value)
{
    unsigned bit = value - set->base;
    set->bits[bit / 64] |= UINT64_C(1) << bit % 64;
}

static bool set_has(const uint64_t *bits, unsigned bit)
{
    return bits[bit / 64] >> bit % 64 & 1;
}

static bool read_name(const struct field *field, const char **at, unsigned *value)
{
    size_t len = 0;
    while (isalpha((unsigned char)(*at)[len]))
        len++;
    for (unsigned i = 0; field->names && i <= field->max - field->min; i++) {
        bool is_sunday = field->names == weekdays && i == 7; /* it has a name already */
        if (is_sunday || (len != 3 && len != strlen(field->names[i])) ||
            strncasecmp(*at, field->names[i], len) != 0)
            continue;
        *value = field->min + i;
        *at += len;
        return true;
    }
    return false;
}

static bool read_digits(const char **at, unsigned *value)
{
    size_t n = strspn(*at, "0123456789");
    if (n == 0 || n > 4)
        return false;
    *value = (unsigned)strtoul(*at, NULL, 10);
    *at += n;
    return true;
}

static bool read_value(const struct field *field, const char **at, unsigned *value)
{
    if (isalpha((unsigned char)**at))
        return read_name(field, at, value);
    return read_digits(at, value) && *value >= field->min && *value <= field->max;
}

/* "*", "5", "5-20", each with "/n" behind it: what it begins and ends with. */
static bool read_range(const struct field *field, const char **at, unsigned *from, unsigned *to,
                       unsigned *step)
{
    bool is_all = **at == '*' || **at == '?';
    *step = 1;
    *from = field->min;
    *to = field->names == weekdays ? 6 : field->max;
    if (is_all)
        ++*at;
    else if (!read_value(field, at, from))
        return false;
    bool has_end = !is_all && **at == '-';
    if (has_end && (++*at, !read_value(field, at, to)))
        return false;
    if (**at == '/')
        return ++*at, read_digits(at, step) && *step > 0 && *step <= field->max;
    if (!is_all && !has_end)
        *to = *from;
    return true;
}

static bool read_plain(const struct field *field, const struct set *set, const char *item)
{
    unsigned from, to, step;
    const char *at = item;
    if (!read_range(field, &at, &from, &to, &step) || *at || from > to)
        return false;
    for (unsigned value = from; value <= to; value += step)
        set_add(set, field->names == weekdays ? value % 7 : value);
    return true;
}

/* L, LW, 15W */
static bool read_special_day(struct cron *cron, const char *item)
{
    unsigned value;
    const char *at = item;
    if (strcasecmp(item, "l") == 0)
        return cron->last_day = true;
    if (strcasecmp(item, "lw") == 0)
        return cron->last_workday = true;
    if (!read_value(&fields[DAY], &at, &value) || strcasecmp(at, "w") != 0)
        return false;
    cron->workdays |= UINT64_C(1) << value;
    return true;
}

/* 5L, 5#3 */
static bool read_special_weekday(struct cron *cron, const char *item)
{
    char name[16];
    unsigned value;
    const char *at = name;
    size_t len = strlen(item), last = len > 0 && (item[len - 1] | 0x20) == 'l';
    size_t name_len = last ? len - 1 : strcspn(item, "#");
    if (name_len == 0 || name_len >= sizeof name)
        return false;
    snprintf(name, sizeof name, "%.*s", (int)name_len, item);
    if (!read_value(&fields[WEEKDAY], &at, &value) || *at)
        return false;
    if (last) {
        cron->last_weekdays |= UINT64_C(1) << value % 7;
        return true;
    }
    if (len != name_len + 2 || item[name_len + 1] < '1' || item[name_len + 1] > '5')
        return false;
    cron->nth_weekdays[item[name_len + 1] - '1'] |= UINT64_C(1) << value % 7;
    return true;
}

static bool read_item(struct cron *cron, unsigned no, const struct set *set, const char *item)
{
    return read_plain(&fields[no], set, item) || (no == DAY && read_special_day(cron, item)) ||
           (no == WEEKDAY && read_special_weekday(cron, item));
}

static int read_field(struct cron *cron, unsigned no, char *text, struct err *err)
{
    const struct set sets[FIELDS] = {
        [SECOND] = {&cron->seconds, 0},
        [MINUTE] = {&cron->minutes, 0},
        [HOUR] = {&cron->hours, 0},
        [DAY] = {&cron->days, 0},
        [MONTH] = {&cron->months, 0},
        [WEEKDAY] = {&cron->weekdays, 0},
        [YEAR] = {cron->years, CRON_FIRST_YEAR},
    };
    char *rest = text;
    for (char *item; (item = strsep(&rest, ","));) {
        bool is_all = strcmp(item, "*") == 0 || strcmp(item, "?") == 0;
        cron->has_days &= !(no == DAY && is_all);
        cron->has_weekdays &= !(no == WEEKDAY && is_all);
        if (!read_item(cron, no, &sets[no], item))
            return err_set(err, ERR_CONFIG, "'%s' is no %s (%u to %u)", item, fields[no].name,
                           fields[no].min, fields[no].max);
    }
    return 0;
}

static const char *long_form(const char *text)
{
    static const char *const forms[][2] = {
        {"@yearly", "0 0 0 1 1 * *"},  {"@annually", "0 0 0 1 1 * *"},
        {"@monthly", "0 0 0 1 * * *"}, {"@weekly", "0 0 0 * * 0 *"},
        {"@daily", "0 0 0 * * * *"},   {"@hourly", "0 0 * * * * *"},
        {"@minutely", "0 * * * * * *"}};
    for (size_t i = 0; i < sizeof forms / sizeof *forms; i++)
        if (strcmp(text, forms[i][0]) == 0)
            return forms[i][1];
    return text;
}

/* Words of the text, at most FIELDS; more are counted. */
static size_t split(const char *text, char words[FIELDS][FIELD_BYTES], bool *is_long)
{
    size_t n = 0;
    *is_long = false;
    for (text += strspn(text, " \t"); *text; text += strspn(text, " \t"), n++) {
        size_t len = strcspn(text, " \t");
        *is_long |= len >= FIELD_BYTES;
        if (n < FIELDS)
            snprintf(words[n], FIELD_BYTES, "%.*s", (int)len, text);
        text += len;
    }
    return n;
}

int cron_parse(struct cron *out, const char *text, struct err *err)
{
    char words[FIELDS][FIELD_BYTES], second[] = "0", year[] = "*";
    struct cron cron = {.has_days = true, .has_weekdays = true};
    bool is_long;
    size_t n = split(long_form(text), words, &is_long);
    if (n < 5 || n > 7 || is_long)
        return err_set(err, ERR_CONFIG,
                       "expected 5 to 7 fields, [second] minute hour day month weekday [year], "
                       "found '%s'",
                       text);
    if (n < 7 && read_field(&cron, SECOND, second, err))
        return -1;
    for (unsigned i = 0; i < n; i++)
        if (read_field(&cron, i + (n < 7), words[i], err))
            return -1;
    if (n == 5 && read_field(&cron, YEAR, year, err))
        return -1;
    *out = cron;
    return 0;
}

/* ---- days ---- */

static unsigned month_days(const struct tm *tm)
{
    static const unsigned char days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    int year = tm->tm_year + 1900;
    bool is_leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
    return days[tm->tm_mon] + (tm->tm_mon == 1 && is_leap);
}

static unsigned weekday_of(const struct tm *tm, unsigned day)
{
    return (unsigned)((tm->tm_wday + 35 + ((int)day - tm->tm_mday) % 7) % 7);
}

/* The working day nearest to it, in the same month. */
static unsigned workday_near(const struct tm *tm, unsigned day)
{
    unsigned weekday = weekday_of(tm, day);
    if (weekday == 6)
        return day > 1 ? day - 1 : day + 2;
    if (weekday == 0)
        return day < month_days(tm) ? day + 1 : day - 2;
    return day;
}

static bool fits_day(const struct cron *cron, const struct tm *tm)
{
    unsigned day = (unsigned)tm->tm_mday, last = month_days(tm);
    if (set_has(&cron->days, day) || (cron->last_day && day == last) ||
        (cron->last_workday && day == workday_near(tm, last)))
        return true;
    for (unsigned near = 1; near <= last; near++)
        if (set_has(&cron->workdays, near) && workday_near(tm, near) == day)
            return true;
    return false;
}

static bool fits_weekday(const struct cron *cron, const struct tm *tm)
{
    unsigned day = (unsigned)tm->tm_mday, weekday = (unsigned)tm->tm_wday;
    return set_has(&cron->weekdays, weekday) ||
           set_has(&cron->nth_weekdays[(day - 1) / 7], weekday) ||
           (day + 7 > month_days(tm) && set_has(&cron->last_weekdays, weekday));
}

/* Where both are restricted, either is enough. */
static bool fits_date(const struct cron *cron, const struct tm *tm)
{
    if (cron->has_days && cron->has_weekdays)
        return fits_day(cron, tm) || fits_weekday(cron, tm);
    return (!cron->has_days || fits_day(cron, tm)) &&
           (!cron->has_weekdays || fits_weekday(cron, tm));
}

/* ---- the next one ---- */

/* To the beginning of the next day: in hours where it is near, as a day may have 23 or 25 of them. */
static int64_t next_day(int64_t at, const struct tm *tm)
{
    int64_t left = DAY_S - (tm->tm_hour * (int64_t)HOUR_S + tm->tm_min * 60 + tm->tm_sec);
    return left > 3 * HOUR_S ? at + left - 2 * HOUR_S : at + HOUR_S - tm->tm_min * 60 - tm->tm_sec;
}

static int64_t next_month(int64_t at, const struct tm *tm)
{
    int64_t days = (int64_t)month_days(tm) - tm->tm_mday;
    return days > 1 ? at + (days - 1) * DAY_S : next_day(at, tm);
}

/* A later time that may fit, or this one if it does. */
static int64_t step(const struct cron *cron, int64_t at, const struct tm *tm)
{
    if (!set_has(cron->years, (unsigned)(tm->tm_year + 1900 - CRON_FIRST_YEAR)) ||
        !set_has(&cron->months, (unsigned)tm->tm_mon + 1))
        return next_month(at, tm);
    if (!fits_date(cron, tm))
        return next_day(at, tm);
    if (!set_has(&cron->hours, (unsigned)tm->tm_hour))
        return at + HOUR_S - tm->tm_min * 60 - tm->tm_sec;
    if (!set_has(&cron->minutes, (unsigned)tm->tm_min))
        return at + 60 - tm->tm_sec;
    return at + !set_has(&cron->seconds, (unsigned)tm->tm_sec);
}

int64_t cron_next(const struct cron *cron, int64_t after_s, bool is_utc)
{
    for (int64_t at = after_s + 1;;) {
        struct tm tm;
        time_t time = (time_t)at;
        if (!(is_utc ? gmtime_r(&time, &tm) : localtime_r(&time, &tm)) ||
            tm.tm_year + 1900 > CRON_LAST_YEAR || tm.tm_year + 1900 < CRON_FIRST_YEAR)
            return 0;
        int64_t next = step(cron, at, &tm);
        if (next == at)
            return at;
        at = next;
    }
}
