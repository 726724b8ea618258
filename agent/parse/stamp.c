/* stamp.c: times as logs write them → ms since the epoch; see parse.h.
 *
 * Happy path: fixed places are read as numbers, checked for range, and counted from the civil date; no library call but for the
 * offset of this machine's zone, which is asked once an hour of the log's time.
 * Failure modes: what is not the form is NO_STAMP; a second of 60 is taken as the next minute; a local time that a change of
 * clocks makes twice is taken as the first, one that it leaves out as the moment after.
 */
#include "parse.h"

#include <ctype.h>
#include <string.h>
#include <time.h>

struct civil {
    int year, month, day, hour, minute, second, ms;
};

/* ---- reading ---- */

static bool take_digits(const char **at, const char *end, size_t n, int *value)
{
    if ((size_t)(end - *at) < n)
        return false;
    int v = 0;
    for (size_t i = 0; i < n; i++) {
        unsigned digit = (unsigned)((*at)[i] - '0');
        if (digit > 9)
            return false;
        v = v * 10 + (int)digit;
    }
    *at += n;
    *value = v;
    return true;
}

static bool take_char(const char **at, const char *end, char c)
{
    if (*at == end || **at != c)
        return false;
    ++*at;
    return true;
}

static bool take_month(const char **at, const char *end, int *month)
{
    static const char names[] = "JanFebMarAprMayJunJulAugSepOctNovDec";
    if (end - *at < 3)
        return false;
    for (int i = 0; i < 12; i++)
        if (memcmp(*at, names + (size_t)i * 3, 3) == 0) {
            *at += 3;
            *month = i + 1;
            return true;
        }
    return false;
}

/* "12:34:56" */
static bool take_clock(const char **at, const char *end, struct civil *c)
{
    return take_digits(at, end, 2, &c->hour) && take_char(at, end, ':') &&
           take_digits(at, end, 2, &c->minute) && take_char(at, end, ':') &&
           take_digits(at, end, 2, &c->second);
}

/* ".123456" or nothing; at most nine digits count. */
static bool take_fraction(const char **at, const char *end, struct civil *c)
{
    if (!take_char(at, end, '.') && !take_char(at, end, ','))
        return true;
    int n = 0;
    for (; *at < end && isdigit((unsigned char)**at) && n < 9; n++, ++*at)
        if (n < 3)
            c->ms = c->ms * 10 + (**at - '0');
    for (int i = n; i < 3; i++)
        c->ms *= 10;
    return n > 0;
}

/* "+02:00", "-0330", "Z" */
static bool take_offset(const char **at, const char *end, int *offset_s)
{
    int sign, hours, minutes;
    *offset_s = 0;
    if (take_char(at, end, 'Z') || take_char(at, end, 'z'))
        return true;
    if (take_char(at, end, '+'))
        sign = 1;
    else if (take_char(at, end, '-'))
        sign = -1;
    else
        return false;
    if (!take_digits(at, end, 2, &hours))
        return false;
    (void)take_char(at, end, ':');
    if (!take_digits(at, end, 2, &minutes) || hours > 23 || minutes > 59)
        return false;
    *offset_s = sign * (hours * 3600 + minutes * 60);
    return true;
}

/* ---- counting ---- */

static int days_in_month(int year, int month)
{
    static const int days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    bool is_leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
    return month == 2 && is_leap ? 29 : days[month - 1];
}

static bool is_valid(const struct civil *c)
{
    return c->month >= 1 && c->month <= 12 && c->day >= 1 &&
           c->day <= days_in_month(c->year, c->month) && c->hour <= 23 && c->minute <= 59 &&
           c->second <= 60;
}

/* Days since 1970-01-01: years begin in March, so that a leap day is the last of its year. */
static int64_t days_of(int year, int month, int day)
{
    int64_t y = month <= 2 ? year - 1 : year;
    int64_t era = (y >= 0 ? y : y - 399) / 400, year_of_era = y - era * 400;
    int64_t day_of_year = (153 * (month + (month > 2 ? -3 : 9)) + 2) / 5 + day - 1;
    return era * 146097 + year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year -
           719468;
}

static int64_t as_if_utc_s(const struct civil *c)
{
    return days_of(c->year, c->month, c->day) * 86400 + c->hour * 3600 + c->minute * 60 + c->second;
}

static int64_t with_offset(const struct civil *c, int offset_s)
{
    return is_valid(c) ? (as_if_utc_s(c) - offset_s) * 1000 + c->ms : NO_STAMP;
}

static int local_offset_s(const struct civil *c)
{
    struct tm tm = {.tm_year = c->year - 1900,
                    .tm_mon = c->month - 1,
                    .tm_mday = c->day,
                    .tm_hour = c->hour,
                    .tm_min = c->minute,
                    .tm_isdst = -1};
    mktime(&tm);
    return (int)tm.tm_gmtoff;
}

/* Asking costs a microsecond; clocks change at quarters of an hour. */
static int64_t in_zone(const struct civil *c, const struct zone *zone)
{
    static int64_t quarter = INT64_MIN;
    static int offset_s;
    if (!is_valid(c))
        return NO_STAMP;
    if (!zone->is_local)
        return with_offset(c, zone->offset_s);
    int64_t now = as_if_utc_s(c) / 900;
    if (now != quarter) {
        offset_s = local_offset_s(c);
        quarter = now;
    }
    return with_offset(c, offset_s);
}

/* ---- zones ---- */

int zone_parse(const char *text, struct zone *zone, struct err *err)
{
    const char *at = text, *end = text + strlen(text);
    int offset_s;
    if (strcmp(text, "Local") == 0 || strcmp(text, "local") == 0) {
        *zone = (struct zone) {.is_local = true};
    } else if (strcmp(text, "UTC") == 0) {
        *zone = (struct zone) {.is_local = false};
    } else if (take_offset(&at, end, &offset_s) && at == end) {
        *zone = (struct zone) {.offset_s = offset_s};
    } else {
        return err_set(err, ERR_CONFIG,
                       "timezone: expected Local, UTC or an offset such as +02:00, found '%s' (for "
                       "a zone by name give posta the variable TZ and use Local)",
                       text);
    }
    return 0;
}

void zone_text(const struct zone *zone, int64_t time_ms, char text[static 8])
{
    int offset_s = zone->offset_s;
    if (zone->is_local) {
        time_t seconds = (time_t)(time_ms / 1000);
        struct tm tm;
        localtime_r(&seconds, &tm);
        offset_s = (int)tm.tm_gmtoff;
    }
    int minutes = (offset_s < 0 ? -offset_s : offset_s) / 60;
    const int digits[] = {minutes / 60 / 10 % 10, minutes / 60 % 10, minutes % 60 / 10,
                          minutes % 10};
    text[0] = offset_s < 0 ? '-' : '+';
    for (int i = 0; i < 4; i++)
        text[1 + i + (i > 1)] = (char)('0' + digits[i]);
    text[3] = ':';
    text[6] = '\0';
}

/* ---- the forms ---- */

int64_t stamp_clf(const char **at, const char *end)
{
    struct civil c = {.ms = 0};
    int offset_s;
    const char *p = *at;
    if (!take_digits(&p, end, 2, &c.day) || !take_char(&p, end, '/') ||
        !take_month(&p, end, &c.month) || !take_char(&p, end, '/') ||
        !take_digits(&p, end, 4, &c.year) || !take_char(&p, end, ':') || !take_clock(&p, end, &c) ||
        !take_char(&p, end, ' ') || !take_offset(&p, end, &offset_s))
        return NO_STAMP;
    *at = p;
    return with_offset(&c, offset_s);
}

int64_t stamp_rfc3339(const char **at, const char *end)
{
    struct civil c = {.ms = 0};
    int offset_s;
    const char *p = *at;
    if (!take_digits(&p, end, 4, &c.year) || !take_char(&p, end, '-') ||
        !take_digits(&p, end, 2, &c.month) || !take_char(&p, end, '-') ||
        !take_digits(&p, end, 2, &c.day))
        return NO_STAMP;
    if (!take_char(&p, end, 'T') && !take_char(&p, end, 't') && !take_char(&p, end, ' '))
        return NO_STAMP;
    if (!take_clock(&p, end, &c) || !take_fraction(&p, end, &c) || !take_offset(&p, end, &offset_s))
        return NO_STAMP;
    *at = p;
    return with_offset(&c, offset_s);
}

int64_t stamp_slashes(const char **at, const char *end, const struct zone *zone)
{
    struct civil c = {.ms = 0};
    const char *p = *at;
    if (!take_digits(&p, end, 4, &c.year) || !take_char(&p, end, '/') ||
        !take_digits(&p, end, 2, &c.month) || !take_char(&p, end, '/') ||
        !take_digits(&p, end, 2, &c.day) || !take_char(&p, end, ' ') || !take_clock(&p, end, &c))
        return NO_STAMP;
    *at = p;
    return in_zone(&c, zone);
}

/* "11" or " 1" */
static bool take_padded_day(const char **at, const char *end, int *day)
{
    return take_char(at, end, ' ') ? take_digits(at, end, 1, day) : take_digits(at, end, 2, day);
}

int64_t stamp_asctime(const char **at, const char *end, const struct zone *zone)
{
    struct civil c = {.ms = 0};
    const char *p = *at + 3; /* the day of the week */
    if (end - *at < 20 || !take_char(&p, end, ' ') || !take_month(&p, end, &c.month) ||
        !take_char(&p, end, ' ') || !take_padded_day(&p, end, &c.day) || !take_char(&p, end, ' ') ||
        !take_clock(&p, end, &c) || !take_fraction(&p, end, &c) || !take_char(&p, end, ' ') ||
        !take_digits(&p, end, 4, &c.year))
        return NO_STAMP;
    *at = p;
    return in_zone(&c, zone);
}

static int year_of(int64_t time_ms)
{
    time_t seconds = (time_t)(time_ms / 1000);
    struct tm tm;
    return gmtime_r(&seconds, &tm) ? tm.tm_year + 1900 : 1970;
}

static int64_t distance(int64_t a, int64_t b)
{
    return a > b ? a - b : b - a;
}

/* A line of December that is read in January is of the year before. */
static int64_t in_nearest_year(struct civil *c, const struct zone *zone, int64_t now_ms)
{
    int64_t best = NO_STAMP;
    int year = year_of(now_ms);
    for (int k = -1; k <= 1; k++) {
        c->year = year + k;
        int64_t one = in_zone(c, zone);
        if (one != NO_STAMP && (best == NO_STAMP || distance(one, now_ms) < distance(best, now_ms)))
            best = one;
    }
    return best;
}

int64_t stamp_bsd(const char **at, const char *end, const struct zone *zone, int64_t now_ms)
{
    struct civil c = {.ms = 0};
    const char *p = *at;
    if (!take_month(&p, end, &c.month) || !take_char(&p, end, ' ') ||
        !take_padded_day(&p, end, &c.day) || !take_char(&p, end, ' ') || !take_clock(&p, end, &c) ||
        !take_fraction(&p, end, &c))
        return NO_STAMP;
    *at = p;
    return in_nearest_year(&c, zone, now_ms);
}

int64_t stamp_epoch(const char *at, size_t len)
{
    const char *end = at + len;
    int64_t seconds = 0;
    struct civil c = {.ms = 0};
    size_t n = 0;
    for (; at < end && isdigit((unsigned char)*at) && n < 12; n++)
        seconds = seconds * 10 + (*at++ - '0');
    if (n == 0 || !take_fraction(&at, end, &c) || at != end)
        return NO_STAMP;
    return seconds * 1000 + c.ms;
}
