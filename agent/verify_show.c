/* verify_show.c: what `posta verify` has found, as text.
 *
 * Happy path: a table of generations, and a sentence that says that nothing is missing.
 * Failure modes: each gap is named; what cannot be proved is said with the cure.
 * On close: nothing.
 */
#include "verify_show.h"

#include "spool_show.h"

#include <stdlib.h>

typedef unsigned long long ull;

struct totals {
    uint64_t n_generations, n_logs, n_events, n_bytes, n_repeats, n_gaps, n_unproven, n_open;
    uint64_t missing_bytes, lost_bytes, left_out;
};

/* ---- live ---- */

static void say_range(const struct change_note *note, const char *then)
{
    char size[UNIT_TEXT];
    printf("%s %s: bytes %llu to %llu (%s) %s\n", note->gen->key, note->gen->path,
           (ull)note->range.from, (ull)note->range.to,
           show_bytes(note->range.to - note->range.from, size), then);
}

void verify_show_change(const struct change_note *note)
{
    if (note->n_repeats)
        printf("%s %s: %llu event%s came twice, now new ones again\n", note->gen->key,
               note->gen->path, (ull)note->n_repeats, plural(note->n_repeats));
    if (note->change == CHANGE_GAP)
        say_range(note, "are missing so far");
    if (note->change == CHANGE_FILLED)
        say_range(note, "have come: they were missing");
    if (note->change == CHANGE_REPEAT)
        say_range(note, "come again: repeats");
    if (note->change == CHANGE_BAD)
        printf("an event contradicts itself: its id, its offset and its end cannot all be true\n");
    if (note->change != CHANGE_NONE || note->n_repeats)
        fflush(stdout);
}

/* ---- generations ---- */

static const char *note_of(const struct book *book, const struct generation *gen)
{
    switch (book_begins(book, gen)) {
    case BEGINS_CUT:
        return " (what was before it may have been deleted from the topic)";
    case BEGINS_COPY:
        return " (goes on where another generation ends)";
    default:
        return "";
    }
}

static uint64_t count_gaps(const struct book *book, const struct generation *gen,
                           struct totals *totals)
{
    uint64_t n = 0;
    struct range gap;
    for (size_t i = 0; i <= gen->ranges.n; i++) {
        if (!generation_gap(book, gen, i, &gap))
            continue;
        n++;
        totals->missing_bytes += gap.to - gap.from;
    }
    totals->n_gaps += n;
    return n;
}

static void print_generation(const struct book *book, const struct generation *gen,
                             struct totals *totals)
{
    char size[UNIT_TEXT];
    uint64_t n_gaps = count_gaps(book, gen, totals);
    bool is_ended = generation_is_ended(gen);
    printf("%s %14llu %14llu %-9s %10llu %10s %6llu %8llu  %s%s\n", gen->key,
           (ull)(gen->ranges.n ? gen->ranges.at[0].from : 0),
           (ull)(is_ended ? gen->end : ranges_end(&gen->ranges)), is_ended ? gen->proof : "-",
           (ull)gen->n_events, show_bytes(gen->ranges.bytes, size), (ull)n_gaps,
           (ull)gen->n_repeats, gen->path, note_of(book, gen));
    totals->n_events += gen->n_events;
    totals->n_bytes += gen->ranges.bytes;
    totals->n_repeats += gen->n_repeats;
    totals->left_out += gen->left_out;
    totals->n_unproven += gen->n_unproven;
    totals->n_open += !is_ended;
    totals->lost_bytes += is_ended ? gen->lost : 0;
}

static void print_gaps(const struct book *book, const struct generation *gen)
{
    char size[UNIT_TEXT];
    struct range gap;
    for (size_t i = 0; i <= gen->ranges.n; i++)
        if (generation_gap(book, gen, i, &gap))
            printf("missing: %s %s: bytes %llu to %llu (%s)\n", gen->key, gen->path, (ull)gap.from,
                   (ull)gap.to, show_bytes(gap.to - gap.from, size));
}

/* ---- the verdict ---- */

static void print_counts(const struct totals *totals, const struct book *book)
{
    char size[UNIT_TEXT];
    printf("\n%llu generation%s of %llu log%s: %llu event%s for %s of log, %llu repeat%s\n",
           (ull)totals->n_generations, plural(totals->n_generations), (ull)totals->n_logs,
           plural(totals->n_logs), (ull)totals->n_events, plural(totals->n_events),
           show_bytes(totals->n_bytes, size), (ull)totals->n_repeats, plural(totals->n_repeats));
    if (totals->left_out)
        printf("%s of that have no event on purpose: filtered, or the rest of over-long lines\n",
               show_bytes(totals->left_out, size));
    if (book->n_other)
        printf("%llu other event%s, not of a line of a log: not looked at\n", (ull)book->n_other,
               plural(book->n_other));
}

static void print_doubts(const struct totals *totals, const struct book *book)
{
    if (totals->n_generations == 0)
        printf("NOT PROVEN: there is no event of a log in the topic\n");
    if (book->n_bad)
        printf("WRONG: %llu event%s whose id, offset and end cannot all be true\n",
               (ull)book->n_bad, plural(book->n_bad));
    if (totals->n_unproven)
        printf("NOT PROVEN: %llu event%s not say where the bytes end that they stand for; what is "
               "missing right behind is not seen. Set output.kafka.posta_headers: true\n",
               (ull)totals->n_unproven, totals->n_unproven == 1 ? " does" : "s do");
}

static void print_open(const struct totals *totals)
{
    if (totals->n_open)
        printf(
            "the end of %llu generation%s is not known: what may be missing behind the last event "
            "there is not seen%s\n",
            (ull)totals->n_open, plural(totals->n_open),
            totals->n_open == totals->n_generations ? " (see output.kafka.end_records)" : "");
}

static int print_verdict(const struct totals *totals, const struct book *book)
{
    char size[UNIT_TEXT];
    bool is_doubtful = book->n_bad || totals->n_unproven || totals->n_generations == 0;
    bool is_missing = totals->n_gaps || totals->lost_bytes;
    print_counts(totals, book);
    print_doubts(totals, book);
    print_open(totals);
    if (totals->lost_bytes)
        printf("LOST: %s at the ends of logs that were cut or removed before they were read\n",
               show_bytes(totals->lost_bytes, size));
    if (totals->n_gaps)
        printf("MISSING: %s in %llu place%s\n", show_bytes(totals->missing_bytes, size),
               (ull)totals->n_gaps, plural(totals->n_gaps));
    if (!is_missing && !is_doubtful)
        printf("nothing is missing\n");
    return is_missing || is_doubtful ? EXIT_DAMAGE : EXIT_TOLD;
}

int verify_show(const struct book *book)
{
    struct totals totals = {0};
    size_t n;
    const struct generation **all = book_sort(book, &n);
    printf("%-20s %14s %14s %-9s %10s %10s %6s %8s  %s\n", "GENERATION", "FROM", "TO", "END",
           "EVENTS", "SIZE", "GAPS", "REPEATS", "PATH");
    for (size_t i = 0; i < n; i++) {
        print_generation(book, all[i], &totals);
        totals.n_logs += i == 0 || strcmp(all[i]->path, all[i - 1]->path) != 0;
    }
    totals.n_generations = n;
    if (totals.n_gaps)
        printf("\n");
    for (size_t i = 0; i < n && totals.n_gaps; i++)
        print_gaps(book, all[i]);
    free(all);
    return print_verdict(&totals, book);
}
