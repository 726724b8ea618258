/* cpu_times.c: what a line of /proc/stat says of a CPU, and the shares that two of them make.
 *
 * Failure modes: old kernels tell fewer kinds of time: those are left out. idle, iowait and steal can go back a little: no share
 * is below 0. A CPU that was off counts from its return on.
 */
#include "metrics.h"

#include <stdio.h>
#include <strings.h>

enum { IDLE = 3, IOWAIT = 4 };
static const char *const kind_names[CPU_KINDS] = {"user",   "nice", "system",  "idle",
                                                  "iowait", "irq",  "softirq", "steal"};

int cpu_wants_read(const struct str_list *words, const char *option, struct cpu_wants *wants,
                   struct err *err)
{
    *wants = (struct cpu_wants) {.pct = false};
    for (size_t i = 0; i < words->n; i++) {
        const char *word = words->at[i];
        if (strcasecmp(word, "percentages") == 0)
            wants->pct = true;
        else if (strcasecmp(word, "normalized_percentages") == 0)
            wants->norm = true;
        else if (strcasecmp(word, "ticks") == 0)
            wants->ticks = true;
        else
            return err_set(err, ERR_CONFIG,
                           "%s: '%s' is not known; known: percentages, normalized_percentages, "
                           "ticks",
                           option, word);
    }
    return 0;
}

bool cpu_times_read(struct text line, struct cpu_times *times)
{
    struct text word;
    uint64_t id;
    if (!text_word(&line, &word) || text_len(word) < 3 || memcmp(word.at, "cpu", 3) != 0)
        return false;
    word.at += 3;
    times->id = -1;
    if (text_len(word) > 0 && (!text_to_u64(word, &id) || id > INT16_MAX))
        return false;
    if (text_len(word) > 0)
        times->id = (int)id;
    for (int i = 0; i < CPU_KINDS; i++)
        (void)text_u64(&line, &times->ticks[i]); /* NO_VALUE */
    return times->ticks[IDLE] != NO_VALUE;
}

static uint64_t delta(const struct cpu_times *before, const struct cpu_times *now, int kind)
{
    uint64_t more = grown(before->ticks[kind], now->ticks[kind]);
    return more == NO_VALUE ? 0 : more;
}

static uint64_t delta_of_all(const struct cpu_times *before, const struct cpu_times *now)
{
    uint64_t sum = 0;
    for (int i = 0; i < CPU_KINDS; i++)
        sum += delta(before, now, i);
    return sum;
}

static void put_kind(struct members *event, const struct cpu_wants *wants, int kind, double part,
                     const struct cpu_times *now, unsigned n_cores)
{
    char name[32];
    if (now->ticks[kind] == NO_VALUE)
        return;
    if (wants->pct && part >= 0) {
        snprintf(name, sizeof name, "%s.pct", kind_names[kind]);
        members_float(event, name, part * n_cores);
    }
    if (wants->norm && part >= 0) {
        snprintf(name, sizeof name, "%s.norm.pct", kind_names[kind]);
        members_float(event, name, part);
    }
    if (wants->ticks) {
        snprintf(name, sizeof name, "%s.ticks", kind_names[kind]);
        members_u64(event, name, now->ticks[kind]);
    }
}

void cpu_times_put(struct members *event, const struct cpu_wants *wants,
                   const struct cpu_times *before, const struct cpu_times *now, unsigned n_cores,
                   double *total)
{
    uint64_t all = before ? delta_of_all(before, now) : 0;
    for (int i = 0; i < CPU_KINDS; i++)
        put_kind(event, wants, i, all ? share(delta(before, now, i), all) : -1, now, n_cores);
    *total = -1;
    if (!all)
        return;
    *total = 1 - share(delta(before, now, IDLE) + delta(before, now, IOWAIT), all);
    if (wants->pct)
        members_float(event, "total.pct", *total * n_cores);
    if (wants->norm)
        members_float(event, "total.norm.pct", *total);
}
