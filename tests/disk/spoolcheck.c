/* spoolcheck.c: does what is in a spool folder tile its log files?
 *
 *   spoolcheck DIR
 *
 * Opens the folder as posta does (give it a copy; without the file "cursor" nothing counts as delivered) and reads all of it.
 * Prints one line, "sources N records N bytes N overlaps N gaps N short N damaged N missing N from N", and ends with status 0
 * if no byte of a file is there twice, none is left out between two records, each source's position is behind its last
 * record, and nothing is damaged. from: where the first record of all begins. Status 2: the folder cannot be opened.
 */
#include "spool/spool.h"

#include <posta/buf.h>
#include <posta/log.h>

#include <stdio.h>
#include <stdlib.h>

struct book {
    uint64_t *to; /* by source number: where its last record ended, + 1; 0 = none yet */
    size_t n_to;
    uint64_t records, bytes, overlaps, gaps, sources, behind, from;
};

static uint64_t *end_of(struct book *book, uint32_t no)
{
    if (no >= book->n_to) {
        book->to = mem_grow(book->to, no + 1, sizeof *book->to);
        memset(book->to + book->n_to, 0, (no + 1 - book->n_to) * sizeof *book->to);
        book->n_to = no + 1;
    }
    return &book->to[no];
}

static void note(struct book *book, const struct spool_item *item)
{
    bool is_end = item->type == SPOOL_END;
    uint64_t from = is_end ? item->end_offset : item->chunk.from;
    uint64_t *to = end_of(book, item->src->no);
    if (book->records++ == 0)
        book->from = from;
    if (*to && from < *to - 1)
        book->overlaps++;
    if (*to && from > *to - 1)
        book->gaps++;
    *to = (is_end ? from : item->chunk.to) + 1;
    book->bytes += is_end ? 0 : item->chunk.to - item->chunk.from;
}

static int read_all(struct spool *spool, struct book *book)
{
    struct spool_item item;
    struct err err;
    int rc;
    while ((rc = spool_next(spool, &item, &err)) > 0)
        note(book, &item);
    if (rc < 0)
        fprintf(stderr, "spoolcheck: %s\n", err.text);
    for (const struct source *src = spool_sources(spool); src; src = src->next) {
        uint64_t to = *end_of(book, src->no);
        book->sources++;
        book->behind += to && to - 1 != src->offset;
    }
    return rc;
}

static int judge(struct spool *spool)
{
    struct book book = {.to = NULL};
    if (read_all(spool, &book))
        return 1;
    const struct spool_stats *stats = spool_stats(spool);
    printf("sources %llu records %llu bytes %llu overlaps %llu gaps %llu short %llu damaged %llu "
           "missing %llu "
           "from %llu\n",
           (unsigned long long)book.sources, (unsigned long long)book.records,
           (unsigned long long)book.bytes, (unsigned long long)book.overlaps,
           (unsigned long long)book.gaps, (unsigned long long)book.behind,
           (unsigned long long)stats->damaged_regions, (unsigned long long)stats->missing_records,
           (unsigned long long)book.from);
    free(book.to);
    return book.overlaps || book.gaps || book.behind || stats->damaged_regions ||
           stats->missing_records;
}

int main(int argc, char **argv)
{
    const struct log_config quiet = {.level = LOG_ERROR};
    struct spool_config config = {
        .path = argc > 1 ? argv[1] : ".", .segment_bytes = 1 << 20, .sync_way = SYNC_INLINE};
    struct spool *spool;
    struct err err;
    log_setup(&quiet);
    if (spool_open(&spool, &config, &err)) {
        fprintf(stderr, "spoolcheck: %s\n", err.text);
        return 2;
    }
    int status = judge(spool);
    spool_close(spool);
    return status;
}
