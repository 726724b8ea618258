/* kafka_expiry.c: when certificates end: judged before they are used, said in good time while they are. */
#include "kafka_certs.h"

#include <posta/log.h>

#include <stdio.h>
#include <time.h>

enum { DAY_S = 86400 };

/* What a certificate enters as its end comes near; the last one is behind it. */
static const int64_t stages[] = {14 * DAY_S, 7 * DAY_S, DAY_S, 0};
enum { N_STAGES = sizeof stages / sizeof *stages, DAILY_FROM = 3 };

void cert_dates_add(struct cert_dates *dates, int64_t starts, int64_t ends, const char *name)
{
    if (dates->ends == 0 || starts > dates->starts)
        dates->starts = starts;
    if (dates->ends && ends >= dates->ends)
        return;
    dates->ends = ends;
    snprintf(dates->name, sizeof dates->name, "%s", name);
}

uint64_t cert_days_left(const struct cert_dates *dates, int64_t now_s)
{
    return dates->ends > now_s ? (uint64_t)(dates->ends - now_s) / DAY_S : 0;
}

void cert_time_text(int64_t time_s, char text[static 32])
{
    struct tm tm;
    time_t at = time_s;
    if (!gmtime_r(&at, &tm) || strftime(text, 32, "%Y-%m-%d %H:%M:%SZ", &tm) == 0)
        snprintf(text, 32, "%lld", (long long)time_s);
}

static int check_one(const char *what, const char *name, const struct cert_dates *dates,
                     int64_t now_s, struct err *err)
{
    char text[32];
    if (dates->ends && dates->ends <= now_s) {
        cert_time_text(dates->ends, text);
        return err_set(err, ERR_CONFIG, "output.kafka.ssl.%s: %s expired on %s (%s)", what, name,
                       text, dates->name);
    }
    if (dates->ends && dates->starts > now_s) {
        cert_time_text(dates->starts, text);
        return err_set(err, ERR_CONFIG, "output.kafka.ssl.%s: %s is not valid before %s", what,
                       name, text);
    }
    return 0;
}

/* Of authorities one may have ended: another may have signed the brokers. The brokers show it. */
int kafka_check_dates(const struct kafka_tls *tls, const struct kafka_pems *pems, int64_t now_s,
                      struct err *err)
{
    return tls->certificate
               ? check_one("certificate", kafka_pem_name(tls->certificate), &pems->own, now_s, err)
               : 0;
}

static int stage_of(const struct cert_dates *dates, int64_t now_s)
{
    int stage = 0;
    while (dates->ends && stage < N_STAGES && dates->ends - now_s <= stages[stage])
        stage++;
    return stage;
}

static bool is_to_be_said(struct expiry *said, int stage, int64_t now_s)
{
    bool is_daily = stage >= DAILY_FROM && now_s - said->said_s >= DAY_S;
    if (stage <= said->stage && !is_daily) {
        said->stage = stage < said->stage ? stage : said->stage;
        return false;
    }
    *said = (struct expiry) {.stage = stage, .said_s = now_s};
    return true;
}

static void say(struct expiry *said, const char *what, const char *name,
                const struct cert_dates *dates, int64_t now_s, const char *then)
{
    char text[32];
    int stage = stage_of(dates, now_s);
    if (!is_to_be_said(said, stage, now_s))
        return;
    cert_time_text(dates->ends, text);
    if (stage == N_STAGES)
        log_error("kafka", "%s %s expired on %s: %s", what, name, text, then);
    else
        log_write(stage >= DAILY_FROM ? LOG_ERROR : LOG_WARN, "kafka",
                  "%s %s expires on %s, in %llu days: then %s", what, name, text,
                  (unsigned long long)cert_days_left(dates, now_s), then);
}

void kafka_say_expiry(struct kafka_tls *tls, int64_t now_s)
{
    if (!tls->pems)
        return;
    if (tls->certificate)
        say(&tls->own_said, "certificate", kafka_pem_name(tls->certificate), &tls->pems->own, now_s,
            "brokers will refuse it; events wait in the spool until it is renewed");
    say(&tls->authority_said, "authority", tls->pems->authority.name, &tls->pems->authority, now_s,
        "posta refuses the brokers whose certificates it signed; renew "
        "output.kafka.ssl.certificate_authorities");
}
