/* ledger.c: what became of every byte and line, by input; see ledger.h. */
#include "agent.h"

#include <posta/log.h>

#include <stdlib.h>

void ledger_init(struct ledger *ledger, const struct settings *settings)
{
    size_t n = settings->n_inputs;
    *ledger = (struct ledger) {.settings = settings, .n_rows = (unsigned)n + EVENT_LANES + 1};
    ledger->rows = mem_zero(ledger->n_rows, sizeof *ledger->rows);
    for (size_t i = 0; i < n; i++)
        ledger->rows[i].input = settings->inputs[i].tail.id;
    for (unsigned lane = 0; lane < EVENT_LANES; lane++)
        ledger->rows[n + lane].input = event_lanes[lane].row;
    ledger->rows[ledger->n_rows - 1].input = "_not_configured";
}

void ledger_free(struct ledger *ledger)
{
    free(ledger->rows);
    ledger->rows = NULL;
    ledger->n_rows = 0;
}

unsigned ledger_row_of(const struct ledger *ledger, const struct source *src)
{
    const struct input_settings *in = settings_input(ledger->settings, src);
    return in ? (unsigned)(in - ledger->settings->inputs) : ledger->n_rows - 1;
}

unsigned ledger_row_of_lane(const struct ledger *ledger, unsigned lane)
{
    return (unsigned)ledger->settings->n_inputs + lane;
}

struct tally ledger_waiting(const struct ledger_row *row)
{
    struct tally left = {0};
    for (unsigned term = LEDGER_FIRST_IN; term < LEDGER_TERMS; term++) {
        const struct tally *at = &row->at[term];
        bool is_in = term < LEDGER_FIRST_OUT;
        left.bytes += is_in ? at->bytes : -at->bytes;
        left.lines += is_in ? at->lines : -at->lines;
    }
    return left;
}

static void say_wrong(struct ledger *ledger, const struct ledger_row *row, struct tally waiting,
                      struct tally there)
{
    if (!ledger->is_wrong)
        log_error("ledger",
                  "ledger does not balance: of input %s, %lld bytes (%lld lines) should wait, and "
                  "%llu bytes (%llu lines) do: a bug in posta; please report it with the lines "
                  "before this one",
                  row->input, (long long)waiting.bytes, (long long)waiting.lines,
                  (unsigned long long)there.bytes, (unsigned long long)there.lines);
    ledger->is_wrong = true;
}

void ledger_check(struct ledger *ledger, unsigned n, struct tally there, bool was_damaged)
{
    struct ledger_row *row = &ledger->rows[n];
    struct tally waiting = ledger_waiting(row), *damaged = &row->at[LEDGER_DAMAGED];
    bool is_same = waiting.bytes == there.bytes && waiting.lines == there.lines;
    bool is_less = waiting.bytes >= there.bytes && waiting.lines >= there.lines;
    const struct tally *read = &row->at[LEDGER_READ], *spooled = &row->at[LEDGER_SPOOLED],
                       *dropped = &row->at[LEDGER_DROPPED_NEWEST];
    if (read->bytes != spooled->bytes + dropped->bytes ||
        read->lines != spooled->lines + dropped->lines || (!is_same && !(is_less && was_damaged))) {
        say_wrong(ledger, row, waiting, there);
        return;
    }
    damaged->bytes += waiting.bytes - there.bytes;
    damaged->lines += waiting.lines - there.lines;
}

static const char *const term_names[LEDGER_TERMS] = {
    [LEDGER_READ] = "read",           [LEDGER_DROPPED_NEWEST] = "dropped_newest",
    [LEDGER_RECOVERED] = "recovered", [LEDGER_SPOOLED] = "spooled",
    [LEDGER_HEALED] = "healed",       [LEDGER_DELIVERED] = "delivered",
    [LEDGER_KNOWN] = "known",         [LEDGER_FILTERED] = "filtered",
    [LEDGER_DEAD] = "dead",           [LEDGER_DROPPED_OLDEST] = "dropped_oldest",
    [LEDGER_DAMAGED] = "damaged",
};

const char *ledger_term_name(enum ledger_term term)
{
    return term_names[term];
}

void ledger_say(const struct ledger *ledger)
{
    struct buf text = BUF_INIT;
    for (unsigned term = 0; term <= LEDGER_TERMS; term++) {
        uint64_t n = 0;
        for (unsigned row = 0; row < ledger->n_rows; row++)
            n += term < LEDGER_TERMS ? ledger->rows[row].at[term].lines
                                     : ledger_waiting(&ledger->rows[row]).lines;
        if (n > 0)
            buf_printf(&text, "%s %llu %s", text.len ? "," : "", (unsigned long long)n,
                       term < LEDGER_TERMS ? term_names[term] : "waiting");
    }
    log_info("ledger", "balances, in lines:%s", text.len ? buf_str(&text) : " none");
    buf_free(&text);
}
