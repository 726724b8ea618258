/* time_text.c: times as text, by hand: each line has one, and little of it changes from one line to the next. */
#include <posta/time_text.h>

#include <string.h>

static void put_digits(char *at, int value, int n)
{
    for (; n > 0; n--, value /= 10)
        at[n - 1] = (char)('0' + value % 10);
}

/* "2026-11-22": days are counted in years that begin in March, whose last day is the leap day. */
static void put_date(char *at, int64_t days)
{
    int64_t since_march_0 = days + 719468;
    int64_t era = (since_march_0 >= 0 ? since_march_0 : since_march_0 - 146096) / 146097;
    int day_of_era = (int)(since_march_0 - era * 146097);
    int year_of_era =
        (day_of_era - day_of_era / 1460 + day_of_era / 36524 - day_of_era / 146096) / 365;
    int day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    int month = (5 * day_of_year + 2) / 153; /* from March */
    put_digits(at, (int)(era * 400) + year_of_era + (month >= 10), 4);
    put_digits(at + 5, month < 10 ? month + 3 : month - 9, 2);
    put_digits(at + 8, day_of_year - (153 * month + 2) / 5 + 1, 2);
}

static void put_clock(char *at, int second_of_day)
{
    put_digits(at, second_of_day / 3600, 2);
    put_digits(at + 3, second_of_day / 60 % 60, 2);
    put_digits(at + 6, second_of_day % 60, 2);
}

/* What did not change is left. */
void time_stamp_set(struct time_stamp *stamp, int64_t ms)
{
    if (ms == stamp->ms)
        return;
    int64_t seconds = ms >= 0 ? ms / 1000 : (ms - 999) / 1000;
    int64_t days = seconds >= 0 ? seconds / 86400 : (seconds - 86399) / 86400;
    if (stamp->ms < 0 || ms < 0 || days != stamp->ms / 86400000) {
        memcpy(stamp->text, "0000-00-00T00:00:00.000Z", TIME_TEXT_BYTES);
        put_date(stamp->text, days);
    }
    put_clock(stamp->text + 11, (int)(seconds - days * 86400));
    put_digits(stamp->text + TIME_TEXT_BYTES - 5, (int)(ms - seconds * 1000), 3);
    stamp->ms = ms;
}

void time_text(int64_t ms, char text[static TIME_TEXT_BYTES])
{
    struct time_stamp stamp = {.ms = INT64_MIN};
    time_stamp_set(&stamp, ms);
    memcpy(text, stamp.text, TIME_TEXT_BYTES);
}
