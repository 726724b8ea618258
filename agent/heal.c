/* heal.c: what damage took from the spool is read once more from the logs, where they still have it.
 *
 * Happy path: the spool's reader finds a range missing; on the next turn of the loop it is read from the log's file and appended,
 * behind what is in the spool now: these lines come late, with the ids they would have had.
 * Failure modes: the file is gone, was cut, or the range was given back: it stays lost, and it is said. No room: the same.
 * queue.mem (what a spool on disk has left is damaged): they are in memory only, until they are delivered; it is said.
 * On close: nothing.
 */
#include "agent.h"

#include <posta/log.h>

#include <stdlib.h>

enum { PIECE_BYTES = 1024 * 1024 };

/* Truncated since, it has other bytes there. */
static bool is_same_epoch(const struct intake *in, const struct spool_missing *missing)
{
    const struct source *now = spool_source_by_id(in->lane->spool, &missing->src->id);
    return now && now->epoch == missing->src->epoch && now->offset >= missing->to;
}

/* NULL = it is not configured any more. */
static const struct tail_input *input_of(const struct intake *in, const struct source *src)
{
    const struct input_settings *found = settings_input(in->settings, src);
    return found ? &found->tail : NULL;
}

/* Lines end with LF in it, so that a piece can be cut there. */
static bool is_simple(const struct tail_input *conf)
{
    return conf && conf->encoding <= CHARSET_PLAIN && conf->line_terminator <= TERMINATOR_AUTO;
}

/* Up to the last line end, if there is one. */
static size_t whole_lines(const char *bytes, size_t len)
{
    const char *nl = memrchr(bytes, '\n', len);
    return nl ? (size_t)(nl + 1 - bytes) : len;
}

static void book(struct intake *in, const struct spool_missing *piece, const char *bytes,
                 size_t len)
{
    struct ledger *ledger = in->lane->ledger;
    if (ledger)
        ledger_add(ledger, ledger_row_of(ledger, piece->src), LEDGER_HEALED, len,
                   lines_count(bytes, len));
}

/* The first piece of the range. Returns how long it was, or -1. */
static int64_t heal_piece(struct intake *in, const struct spool_missing *missing, char *room,
                          struct err *err)
{
    struct spool_missing piece = *missing;
    bool is_last = missing->to - missing->from <= PIECE_BYTES;
    size_t len = is_last ? (size_t)(missing->to - missing->from) : PIECE_BYTES;
    if (tail_read_again(input_of(in, missing->src), missing->src, missing->from, room, len, err))
        return -1;
    if (!is_last)
        len = whole_lines(room, len);
    piece.to = piece.from + len;
    uint64_t before = spool_stats(in->lane->spool)->healed_bytes;
    int rc = spool_heal(in->lane->spool, &piece, room, err);
    if (spool_stats(in->lane->spool)->healed_bytes > before)
        book(in, &piece, room, len);
    return rc ? -1 : (int64_t)len;
}

/* In memory they are nobody's position: a start does not know of them. */
static const char *kept_how(const struct intake *in)
{
    return in->settings->globals.is_in_memory
               ? "they wait in memory (queue.mem), and are lost if posta ends before they are "
                 "delivered"
               : "nothing of them is lost";
}

static void heal_range(struct intake *in, const struct spool_missing *missing)
{
    struct spool_missing left = *missing;
    struct err err;
    char *room = mem_alloc(PIECE_BYTES);
    int rc = !is_simple(input_of(in, missing->src))
                 ? err_set(&err, ERR_CONFIG, "its encoding or line end is not the usual one")
             : !is_same_epoch(in, missing) ? err_set(&err, ERR_GONE, "the file was cut or is gone")
                                           : 0;
    for (int64_t n; rc == 0 && left.from < left.to; left.from += (uint64_t)n)
        if ((n = heal_piece(in, &left, room, &err)) < 0)
            rc = -1, n = 0;
    if (left.from > missing->from)
        log_warn("heal", "%s: bytes %llu to %llu were read once more from the file: %s",
                 missing->src->path, (unsigned long long)missing->from,
                 (unsigned long long)left.from, kept_how(in));
    if (rc)
        log_error("heal", "%s: bytes %llu to %llu are lost: %s", missing->src->path,
                  (unsigned long long)left.from, (unsigned long long)left.to, err.text);
    free(room);
}

void heal_all(void *arg)
{
    struct intake *in = arg;
    struct spool_missing missing;
    bool has_any = false;
    for (; spool_take_missing(in->lane->spool, &missing); has_any = true) {
        heal_range(in, &missing);
        source_free(missing.src);
    }
    if (has_any) /* else nothing has come, and who is idle stays so */
        lane_appended(in->lane, 0);
}
