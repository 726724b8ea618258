/* scan.c: from bytes of a segment to verified records.
 *
 * Happy path: a window of the file is read ahead; header and payload verify; the next record follows.
 * Failure modes: (1) a header or a payload does not verify: the next multiple of 8 with a valid header is
 * searched; the salt makes a false find practically impossible. (2) nothing valid follows: in a segment named .open
 * this is the torn tail of a write that a crash interrupted, in a closed one it is damage. A power cut may keep what
 * was written later and take what was written before: at a start, what is not known to have been durable ends with
 * the first record that does not verify. (3) a read error is returned, nothing is skipped.
 * On close: the descriptor and the window are given back.
 */
#include "scan.h"

#include <posta/bytes.h>
#include <posta/fs.h>

enum { READ_AHEAD_BYTES = 128 * 1024 };

int scan_open(struct scan *scan, const char *dir, struct segment *seg,
              const struct scan_watch *watch, struct err *err)
{
    struct segment on_disk = *seg;
    int fd = segment_open(dir, &on_disk, err);
    if (fd < 0)
        return -1;
    struct buf window = scan->window; /* the memory is kept from segment to segment */
    scan->window = (struct buf)BUF_INIT;
    scan_close(scan);
    buf_clear(&window);
    *scan = (struct scan) {.fd = fd,
                           .seg = seg,
                           .at = SEGMENT_HEADER_BYTES,
                           .window = window,
                           .watch = watch,
                           .next_seq = on_disk.base_seq,
                           .sure_seq = UINT64_MAX};
    return 0;
}

void scan_close(struct scan *scan)
{
    (void)fs_close(scan->fd); /* read-only, nothing to lose */
    buf_free(&scan->window);
    *scan = (struct scan)SCAN_INIT;
}

/* A checkpoint of many sources has made it large; it is not kept so. */
static void shrink_window(struct scan *scan)
{
    if (scan->window.cap > 2 * READ_AHEAD_BYTES)
        buf_free(&scan->window);
}

/* Have len bytes from `at` in the window. Returns them, or NULL if the segment ends before (err untouched)
 * or cannot be read (err set). */
static const uint8_t *look(struct scan *scan, uint64_t at, size_t len, struct err *err)
{
    if (at + len > scan->seg->size)
        return NULL;
    struct buf *win = &scan->window;
    if (at < scan->window_at || at + len > scan->window_at + win->len) {
        size_t want = len > READ_AHEAD_BYTES ? len : READ_AHEAD_BYTES;
        if (want > scan->seg->size - at)
            want = (size_t)(scan->seg->size - at);
        buf_clear(win);
        shrink_window(scan);
        buf_reserve(win, want);
        ssize_t n = fs_pread(scan->fd, win->data, want, at, err);
        win->len = n < 0 ? 0 : (size_t)n;
        scan->window_at = at;
        if (win->len < len)
            return NULL;
    }
    return (const uint8_t *)win->data + (at - scan->window_at);
}

static bool has_header(struct scan *scan, uint64_t at, struct record *rec, struct err *err)
{
    const uint8_t *head = look(scan, at, RECORD_HEADER_BYTES, err);
    return head && record_unpack(head, scan->seg->salt, rec);
}

static void tell_damage(const struct scan *scan, uint64_t from, uint64_t to, const char *what)
{
    if (scan->watch)
        scan->watch->damaged(scan->watch->arg, scan->seg, from, to, what);
}

/* The next valid header behind `at`; the segment's size if there is none. */
static uint64_t find_header(struct scan *scan, uint64_t at, struct err *err)
{
    struct record rec;
    for (at += RECORD_ALIGN; at + RECORD_HEADER_BYTES <= scan->seg->size; at += RECORD_ALIGN) {
        if (has_header(scan, at, &rec, err))
            return at;
        if (err->kind)
            break;
    }
    return scan->seg->size;
}

/* Nothing valid begins at scan->at. 1 = moved to the next valid header, 0 = this is the end. */
static int skip_damage(struct scan *scan, const char *what, struct err *err)
{
    bool is_torn = scan->seg->is_open && scan->next_seq >= scan->sure_seq;
    uint64_t next = is_torn ? scan->seg->size : find_header(scan, scan->at, err);
    if (err->kind)
        return -1;
    bool is_end = next == scan->seg->size;
    if (is_end)
        scan->torn_at = scan->at;
    if (!is_end || !scan->seg->is_open)
        tell_damage(scan, scan->at, next, what);
    scan->at = next;
    return !is_end;
}

/* The record at scan->at whole and verified: 1; else 0 with a reason, or -1. */
static int check_record(struct scan *scan, struct record *rec, const uint8_t **payload,
                        const char **why, struct err *err)
{
    *why = "record header";
    if (!has_header(scan, scan->at, rec, err))
        return err->kind ? -1 : 0;
    *why = "record runs over the end";
    const uint8_t *bytes =
        look(scan, scan->at, RECORD_HEADER_BYTES + (size_t)rec->payload_len, err);
    if (!bytes)
        return err->kind ? -1 : 0;
    *why = "payload checksum differs";
    *payload = bytes + RECORD_HEADER_BYTES;
    return crc32c(0, *payload, rec->payload_len) == rec->payload_crc;
}

int scan_next(struct scan *scan, struct record *rec, const uint8_t **payload, struct err *err)
{
    err->kind = ERR_NONE;
    while (scan->at + RECORD_HEADER_BYTES <= scan->seg->size) {
        const char *why;
        int ok = check_record(scan, rec, payload, &why, err);
        if (ok > 0) {
            scan->at += record_size(rec);
            scan->next_seq = rec->type == REC_CHECKPOINT ? rec->seq : rec->seq + 1;
            return 1;
        }
        int moved = ok < 0 ? -1 : skip_damage(scan, why, err);
        if (moved < 0)
            return err_wrap(err, "segment %016llx", (unsigned long long)scan->seg->no);
        if (moved == 0)
            return 0;
    }
    if (scan->at < scan->seg->size && !scan->seg->is_open)
        tell_damage(scan, scan->at, scan->seg->size, "cut short");
    shrink_window(scan);
    if (!scan->torn_at)
        scan->torn_at = scan->at < scan->seg->size ? scan->at : scan->seg->size;
    return 0;
}
