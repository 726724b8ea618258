/* cursor.c: two slots written in turn, so that one of them is always whole.
 *
 * Happy path: each save goes to the slot that does not hold the newest generation.
 * Failure modes: a torn or damaged slot is ignored, the other one is at most one save older: some events come
 * twice, none is lost. Both bad: everything in the spool comes again.
 * On close: nothing; the owner saves first.
 *
 * A slot, 64 bytes at offset 0 and 512 (different sectors), little-endian:
 *
 *   offset size
 *        0    4  magic "cur1"
 *        4    4  0
 *        8   16  uuid of the spool
 *       24    8  generation; the higher valid one counts
 *       32    8  seq: all records before it are delivered
 *       40    8  done: and so many bytes of its payload
 *       48    8  seq: all records before it are durable, at least (before 0.2.0 always 0)
 *       56    4  0
 *       60    4  CRC-32C of bytes 0..59
 */
#include "cursor.h"

#include <posta/bytes.h>
#include <posta/fs.h>

#include <stdlib.h>

enum { SLOT_BYTES = 64, SLOT_STRIDE = 512 };

static const char magic[4] = {'c', 'u', 'r', '1'};

static void pack_slot(const struct cursor *cur, const uint8_t *uuid,
                      uint8_t slot[static SLOT_BYTES])
{
    memset(slot, 0, SLOT_BYTES);
    memcpy(slot, magic, sizeof magic);
    memcpy(slot + 8, uuid, UUID_BYTES);
    put_u64(slot + 24, cur->generation);
    put_u64(slot + 32, cur->pos.seq);
    put_u64(slot + 40, cur->pos.done);
    put_u64(slot + 48, cur->synced_seq);
    put_u32(slot + 60, crc32c(0, slot, 60));
}

static bool is_whole(const uint8_t *slot)
{
    return memcmp(slot, magic, sizeof magic) == 0 && get_u32(slot + 60) == crc32c(0, slot, 60);
}

static bool is_valid(const uint8_t *slot, const uint8_t *uuid)
{
    return is_whole(slot) && memcmp(slot + 8, uuid, UUID_BYTES) == 0;
}

bool cursor_uuid(const char *dir, uint8_t uuid[static UUID_BYTES])
{
    struct buf bytes = BUF_INIT;
    struct err ignored; /* without a cursor the segments decide */
    char *path = mem_printf("%s/cursor", dir);
    uint64_t newest = 0;
    bool found = false;
    if (fs_read_file(path, 4096, &bytes, &ignored) == 0)
        for (size_t at = 0; at + SLOT_BYTES <= bytes.len; at += SLOT_STRIDE) {
            const uint8_t *slot = (const uint8_t *)bytes.data + at;
            if (!is_whole(slot) || (found && get_u64(slot + 24) < newest))
                continue;
            found = true;
            newest = get_u64(slot + 24);
            memcpy(uuid, slot + 8, UUID_BYTES);
        }
    buf_free(&bytes);
    free(path);
    return found;
}

static bool is_unused(const uint8_t *slot)
{
    static const uint8_t zeros[SLOT_BYTES];
    return memcmp(slot, zeros, sizeof zeros) == 0;
}

/* Returns how many are whole, or -1. */
static int read_slots(struct cursor *cur, const uint8_t *uuid, int *n_bad, struct err *err)
{
    uint8_t both[SLOT_STRIDE + SLOT_BYTES] = {0};
    int n = 0;
    if (fs_pread(cur->fd, both, sizeof both, 0, err) < 0)
        return -1;
    for (const uint8_t *slot = both; slot <= both + SLOT_STRIDE; slot += SLOT_STRIDE) {
        *n_bad += !is_valid(slot, uuid) && !is_unused(slot);
        if (!is_valid(slot, uuid) || (n++ && get_u64(slot + 24) < cur->generation))
            continue;
        cur->generation = get_u64(slot + 24);
        cur->pos = (struct spool_pos) {.seq = get_u64(slot + 32), .done = get_u64(slot + 40)};
        cur->synced_seq = get_u64(slot + 48);
    }
    return n;
}

int cursor_open(struct cursor *cur, const char *dir, const uint8_t uuid[static UUID_BYTES],
                bool *found, struct err *err)
{
    *cur = (struct cursor)CURSOR_INIT;
    char *path = mem_printf("%s/cursor", dir);
    cur->fd = fs_open(path, O_RDWR | O_CREAT, 0600, err);
    int n_bad = 0; /* the other one counts */
    int n = cur->fd < 0 ? -1 : read_slots(cur, uuid, &n_bad, err);
    if (n < 0)
        err_wrap(err, "%s", path);
    else
        *found = n > 0;
    free(path);
    return n < 0 ? -1 : 0;
}

int cursor_look(const char *dir, const uint8_t uuid[static UUID_BYTES], struct spool_pos *pos,
                int *n_bad, struct err *err)
{
    struct cursor cur = CURSOR_INIT;
    char *path = mem_printf("%s/cursor", dir);
    cur.fd = fs_open(path, O_RDONLY | O_NONBLOCK /* a fifo */, 0, err);
    int n = cur.fd >= 0 ? read_slots(&cur, uuid, n_bad, err) : err->kind == ERR_GONE ? 0 : -1;
    if (n > 0)
        *pos = cur.pos;
    if (n < 0)
        err_wrap(err, "%s", path);
    cursor_close(&cur);
    free(path);
    return n;
}

int cursor_save(struct cursor *cur, const uint8_t uuid[static UUID_BYTES], bool sync,
                struct err *err)
{
    if (cur->is_dirty) {
        uint8_t slot[SLOT_BYTES];
        cur->generation++;
        pack_slot(cur, uuid, slot);
        if (fs_pwrite(cur->fd, slot, sizeof slot, (cur->generation & 1) * SLOT_STRIDE, err)) {
            cur->generation--; /* the other slot is the good one: try this one again */
            return err_wrap(err, "save the cursor");
        }
        cur->is_dirty = false;
        cur->is_unsynced = true;
    }
    if (sync && cur->is_unsynced) {
        cur->is_unsynced =
            false; /* a failed sync is not repeated: the next save writes the other slot */
        if (fs_sync(cur->fd, err))
            return err_wrap(err, "save the cursor");
    }
    return 0;
}

void cursor_close(struct cursor *cur)
{
    (void)fs_close(cur->fd); /* saved before, or not to be saved */
    cur->fd = -1;
}
