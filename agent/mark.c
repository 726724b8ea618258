/* mark.c: where delivery stands, as text that the output stores together with the events: what makes exactly-once.
 *
 * Happy path: the output asks for a mark, stores it with all events it has accepted, in one transaction, and says so; the
 * cursors move there. At the next start the output gives the mark back, and every spool goes on from its place.
 * Failure modes: (1) no mark is stored where one should be, (2) another posta has stored the one that is there, (3) it
 * names a place that the spool does not have: it is said, nothing is guessed, and the spool's own cursor, which is at most
 * one transaction older, says where to go on: that transaction may come twice. Nothing is ever left out for a mark's sake.
 * (4) The spool was full and gave up its oldest lines (shed.c), and no mark was stored since: what was done behind held lines
 * before a kill may come twice, as the places of that mark count from lines that are gone.
 * On close: nothing; the last mark is in the output.
 *
 * A mark: words with one space between them; numbers are decimal:
 *
 *     1          version of this form
 *     uuid       of the process that made it (agent.ephemeral_id)
 *     number     of the mark, so that no two are the same
 *     then for each spool:  uuid:seq:done[:places]
 *                all before byte `done` of record `seq` is done; of the places behind that, the bits are set for those that are
 *                done too; hexadecimal, four places a digit, the first in the lowest bit of the first digit
 *
 * <path.data>/marks_by holds the uuids of the processes that may have stored the mark that is there: one line each, the
 * latest last. A mark of anybody else is not this posta's.
 */
#include "sender.h"

#include <posta/fs.h>
#include <posta/log.h>

#include <inttypes.h>
#include <stdlib.h>

enum { OWNERS_BYTES_MAX = 1024, UUID_LEN = 36 };

/* ---- making one ---- */

static const char digits[] = "0123456789abcdef";

static void append_places(const struct window_mark *mark, struct buf *into)
{
    for (uint64_t i = 0; i < mark->n_bits; i += 4)
        buf_putc(into, digits[mark->bits[i / 8] >> (i % 8) & 15]);
}

static void append_spool(struct sender *sender, struct buf *into)
{
    struct window_mark *mark = &sender->mark;
    window_mark(&sender->win, mark);
    struct spool_pos pos = mark->pos.seq ? mark->pos : spool_cursor(sender->conf.spool);
    buf_putc(into, ' ');
    spool_append_uuid(sender->conf.spool, into);
    buf_printf(into, ":%" PRIu64 ":%" PRIu64, pos.seq, pos.done);
    if (mark->n_bits == 0)
        return;
    if (into->len + 1 + mark->n_bits / 4 + 1 >
        OUTPUT_MARK_MAX) { /* not with one lane that holds lines */
        log_limited(NULL, 60 * NS_PER_S, LOG_WARN, "sender",
                    "not all that is delivered behind held lines can be noted; some may come "
                    "twice after a kill");
        return;
    }
    buf_putc(into, ':');
    append_places(mark, into);
}

void sender_mark(void *arg, struct buf *into)
{
    struct sender *first = arg;
    buf_clear(into);
    buf_printf(into, "1 %s %" PRIu64, first->conf.identity->ephemeral_id, ++first->n_marks);
    for (int i = 0; i < SENDERS_MAX; i++)
        if (first->all[i])
            append_spool(first->all[i], into);
}

void sender_stored(void *arg)
{
    struct sender *first = arg;
    for (int i = 0; i < SENDERS_MAX; i++) {
        struct sender *sender = first->all[i];
        if (!sender)
            continue;
        bool is_beyond = window_stored(&sender->win, &sender->mark);
        if (sender->mark.pos.seq)
            sender_go_to(sender, sender->mark.pos);
        if (!is_beyond)
            sender_read_again(sender);
        loop_defer(sender->conf.loop, &sender->pump);
    }
}

/* ---- who made it ---- */

static char *owners_path(const struct sender *sender)
{
    return mem_printf("%s/marks_by", sender->conf.settings->globals.path_data);
}

static int read_owners(const struct sender *sender, struct buf *owners, struct err *err)
{
    char *path = owners_path(sender);
    int rc = fs_read_file(path, OWNERS_BYTES_MAX, owners, err);
    free(path);
    return rc && err->kind != ERR_GONE ? -1 : 0;
}

/* From now on it may be this process too. */
static int write_owners(const struct sender *sender, const char *before, struct err *err)
{
    char *path = owners_path(sender);
    char *text = mem_printf("%.*s%s%s\n", UUID_LEN, before, *before ? "\n" : "",
                            sender->conf.identity->ephemeral_id);
    int rc = fs_replace(path, text, strlen(text), 0600, err);
    free(text);
    free(path);
    return rc;
}

/* ---- going on from one ---- */

static bool read_number(const char **at, char end, uint64_t *number)
{
    char *stop;
    if (**at < '0' || **at > '9')
        return false;
    *number = strtoull(*at, &stop, 10);
    *at = stop;
    return *stop == end || *stop == ' ' || *stop == '\0';
}

/* Digits up to the end of the word. */
static bool read_places(const char *at, struct window_mark *mark)
{
    for (uint64_t i = 0; *at && *at != ' '; at++, i += 4) {
        const char *digit = strchr(digits, *at);
        if (!digit || i >= WINDOW_PLACES)
            return false;
        mark->bits[i / 8] |= (uint8_t)((digit - digits) << i % 8);
        mark->n_bits = i + 4;
    }
    return true;
}

int mark_read(const char *text, const char *uuid, struct window_mark *mark)
{
    const char *at = strstr(text, uuid);
    *mark = (struct window_mark) {.n_bits = 0};
    if (!at)
        return 0;
    at += strlen(uuid);
    if (*at++ != ':' || !read_number(&at, ':', &mark->pos.seq) || *at++ != ':' ||
        !read_number(&at, ':', &mark->pos.done))
        return -1;
    return *at == ':' && !read_places(at + 1, mark) ? -1 : 1;
}

static void say_unknown(const struct sender *sender, const char *why)
{
    bool has_events = sender->conf.has_events;
    log_error(
        "sender",
        "%s: %s; the spool%s%s goes on from its own cursor, at most one transaction comes twice",
        "the place stored in Kafka", why, has_events ? " of " : "",
        has_events ? event_lanes[sender->conf.lane].what : "");
}

static bool is_behind_end(const struct sender *sender, const struct window_mark *mark)
{
    return spool_pos_less(spool_end(sender->conf.spool), mark->pos);
}

static void go_on(struct sender *sender, const struct window_mark *mark)
{
    struct spool *spool = sender->conf.spool;
    struct spool_pos own = spool_cursor(spool);
    if (is_behind_end(sender, mark)) {
        say_unknown(
            sender,
            "it is behind the end of the spool, which has lost something or is an older copy");
        return;
    }
    bool is_same = mark->pos.seq == own.seq && mark->pos.done == own.done;
    bool is_ahead = spool_pos_less(own, mark->pos);
    if (is_ahead)
        spool_delivered(spool, mark->pos);
    if (mark->n_bits && (is_same || is_ahead))
        window_restore(&sender->win, mark->bits);
    if (is_ahead)
        log_info("sender",
                 "going on from the place stored in Kafka, which is ahead of the spool's cursor");
    spool_rewind(spool);
}

static int read_own(const struct sender *sender, const char *text, struct window_mark *mark)
{
    struct buf uuid = BUF_INIT;
    spool_append_uuid(sender->conf.spool, &uuid);
    int rc = text ? mark_read(text, buf_str(&uuid), mark) : 0;
    buf_free(&uuid);
    return rc;
}

static void resume_one(struct sender *sender, const char *text)
{
    struct window_mark mark;
    int rc = read_own(sender, text, &mark);
    if (rc > 0)
        go_on(sender, &mark);
    else if (rc < 0)
        say_unknown(sender, "it cannot be read");
    sender->awaits_mark = false;
    stock_restart(sender);
    sender_wake(sender);
}

/* A mark that a spool does not reach now is never to be believed: the spool will grow to there, by other lines. */
static bool may_return(struct sender *const *senders, const char *text)
{
    struct window_mark mark;
    for (int i = 0; i < SENDERS_MAX; i++)
        if (senders[i] && read_own(senders[i], text, &mark) > 0 && is_behind_end(senders[i], &mark))
            return false;
    return text != NULL;
}

/* The mark, if it is this posta's. */
static const char *accept_mark(const char *mark, const char *owners)
{
    char owner[UUID_LEN + 1] = "";
    if (!mark) {
        if (*owners)
            log_error("sender",
                      "no place is stored in Kafka any more, though this posta has stored "
                      "one (expired, or removed?): the spool's own cursor counts, at most "
                      "one transaction comes twice");
        return NULL;
    }
    if (strncmp(mark, "1 ", 2) == 0)
        snprintf(owner, sizeof owner, "%s", mark + 2);
    if (strlen(owner) == UUID_LEN && strstr(owners, owner))
        return mark;
    log_error("sender", "the place stored in Kafka is not of this posta: does another one run with "
                        "its agent id, or a copy of its data folder? That one is stopped by Kafka "
                        "now. The spool's own cursor counts");
    return NULL;
}

int sender_resume(void *arg, const char *mark, struct err *err)
{
    struct sender *first = arg;
    struct buf owners = BUF_INIT;
    int rc = read_owners(first, &owners, err);
    if (rc == 0) {
        mark = accept_mark(mark, buf_str(&owners));
        rc = write_owners(first, may_return(first->all, mark) ? mark + 2 : "", err);
    }
    buf_free(&owners);
    if (rc)
        return err_wrap(err, "before anything is delivered");
    for (int i = 0; i < SENDERS_MAX; i++)
        if (first->all[i])
            resume_one(first->all[i], mark);
    return 0;
}
