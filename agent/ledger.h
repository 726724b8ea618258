/* ledger.h: what became of every byte and line that was read, by input, since the start of this pipeline: it begins
 * anew when SIGHUP brings another configuration, which finds in the spool what waited.
 *
 *     read = spooled + dropped_newest
 *     recovered + spooled + healed = delivered + known + filtered + dead + dropped_oldest + damaged + waiting
 *
 * Bytes are those of lines with their ends, as they stand in the log. recovered is what this start found waiting in the spool;
 * after a start with a long backlog it grows until all of that is counted (census.c). waiting is what the others leave;
 * ledger_check compares it with what is really there. Loop thread.
 */
#ifndef AGENT_LEDGER_H
#define AGENT_LEDGER_H

#include <posta/source.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum ledger_term {
    LEDGER_READ,           /* handed on by tail */
    LEDGER_DROPPED_NEWEST, /* the spool was full; at_limit: drop_newest */

    LEDGER_RECOVERED, /* found in the spool */
    LEDGER_SPOOLED,   /* taken into the spool */
    LEDGER_HEALED,    /* damage took it from the spool, and it was read once more from the log */

    LEDGER_DELIVERED,
    LEDGER_KNOWN,          /* found in the spool, and the output had it already (exactly_once) */
    LEDGER_FILTERED,       /* left out as the configuration says */
    LEDGER_DEAD,           /* among the dead letters */
    LEDGER_DROPPED_OLDEST, /* the spool was full; at_limit: drop_oldest */
    LEDGER_DAMAGED,        /* taken by damage to the spool */
    LEDGER_TERMS
};
enum { LEDGER_FIRST_IN = LEDGER_RECOVERED, LEDGER_FIRST_OUT = LEDGER_DELIVERED };

struct tally {
    uint64_t bytes, lines;
};

struct ledger_row {
    const char *input; /* its id; borrowed */
    struct tally at[LEDGER_TERMS];
};

/* A row for each input, for each lane of events, and for sources whose input is not configured any more. */
struct ledger {
    const struct settings *settings;
    struct ledger_row *rows;
    unsigned n_rows;
    bool is_wrong; /* it did not balance; said once */
};

void ledger_init(struct ledger *ledger, const struct settings *settings);
void ledger_free(struct ledger *ledger);

/* Of a log's source. */
unsigned ledger_row_of(const struct ledger *ledger, const struct source *src);
unsigned ledger_row_of_lane(const struct ledger *ledger, unsigned lane);
/* ledger NULL: nobody keeps one. */
static inline void ledger_add(struct ledger *ledger, unsigned row, enum ledger_term term,
                              uint64_t bytes, uint64_t lines)
{
    if (!ledger)
        return;
    ledger->rows[row].at[term].bytes += bytes;
    ledger->rows[row].at[term].lines += lines;
}

/* Taken in, and nothing became of it yet. Wraps around where more became of it than was taken in: a bug. */
struct tally ledger_waiting(const struct ledger_row *row);
/* So much is there, really. What is too much was taken by damage if that was seen, else it is a bug and is said. */
void ledger_check(struct ledger *ledger, unsigned row, struct tally there, bool was_damaged);

/* "dropped_newest", .. */
const char *ledger_term_name(enum ledger_term term);
/* It was proven: say it, with the lines of all logs. */
void ledger_say(const struct ledger *ledger);

#endif
