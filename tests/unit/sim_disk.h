/* sim_disk.h: a disk in memory that knows what of it would outlive a power cut.
 *
 * Each file has its bytes as programs see them (the page cache) and as they are for good; what was written since its last sync is
 * kept in pieces, one for each 512-byte sector of each write, in order. The same for names: those seen, those for good, and
 * the changes in between. sim_cut.h makes crash states from this, sim_calls.h puts it in the place of libc's calls.
 * Failure modes: a call that is told to fail (sim->fault) does so; beyond `room` it is full. After a failed sync no later sync
 * makes those pieces durable, as on Linux, where they count as clean.
 * On close: nothing; the memory is used again.
 */
#ifndef SIM_DISK_H
#define SIM_DISK_H

#include "posta_test.h"

/* ---- what must be so ---- */

enum { BROKEN = 99 };

/* Says where it is, and ends the process with BROKEN. */
static void broken(const char *fmt, ...) PRINTF_LIKE(1, 2) __attribute__((noreturn));

#define MUST(is_so, ...)                                                                           \
    do {                                                                                           \
        if (!(is_so))                                                                              \
            broken(__VA_ARGS__);                                                                   \
    } while (0)

/* ---- hashes ---- */

static inline uint64_t mix64(uint64_t hash, uint64_t word)
{
    hash = (hash ^ word) * 0x9e3779b97f4a7c15u;
    return hash ^ hash >> 29;
}

static inline uint64_t mix_bytes(uint64_t hash, const void *bytes, size_t len)
{
    uint64_t word;
    size_t at = 0;
    for (; at + sizeof(word) <= len; at += sizeof(word)) {
        memcpy(&word, (const char *)bytes + at, sizeof(word));
        hash = mix64(hash, word);
    }
    word = 0;
    if (at < len)
        memcpy(&word, (const char *)bytes + at, len - at);
    return mix64(hash, word ^ len);
}

/* ---- the disk ---- */

enum { SECTOR = 512, SIM_INODES = 192, SIM_NAMES = 128, SIM_CHANGES = 160, SIM_FDS = 48 };
enum { SIM_PATH = 48, SIM_MAX_SECTORS = 512 };

enum sim_call {
    SIM_CREATE,
    SIM_WRITE,
    SIM_SYNC,
    SIM_SYNC_DIR,
    SIM_RENAME,
    SIM_UNLINK,
    SIM_TRUNCATE,
    SIM_ALLOCATE,
    SIM_OPEN, /* from here on: nothing changes on the disk */
    SIM_READ,
    SIM_N_CALLS
};

/* A part of one write inside one sector. */
struct sim_piece {
    uint32_t time, at, len;
    uint32_t data;   /* where its bytes are in inode->data */
    bool is_cut_off; /* by a truncation: zeros, and nothing of the sector before it comes back */
};

struct sim_size {
    uint32_t time, size;
};

struct sim_inode {
    bool is_used, is_folder;
    uint32_t size, allocated; /* bytes */
    uint32_t size_for_good;
    uint32_t failed_at;       /* the last failed sync; 0 = none */
    struct buf now, for_good; /* behind their ends: zeros up to the size */
    struct buf pieces, data,
        sizes; /* since the last sync: struct sim_piece, their bytes, struct sim_size */
};

struct sim_name {
    char path[SIM_PATH]; /* behind "/sim/" */
    int inode;
};

struct sim_names {
    struct sim_name at[SIM_NAMES];
    int n;
};

/* `to` gets inode, and `from` goes; either may be empty. */
struct sim_change {
    char from[SIM_PATH], to[SIM_PATH];
    int inode;
};

struct sim_fault {
    enum sim_call call;
    int nth, times; /* counted from 1; -1 = for ever */
    int fail;       /* errno; 0 = no fault */
};

struct sim_disk {
    uint32_t time;
    struct sim_inode inode[SIM_INODES];
    struct sim_names now, for_good;
    struct sim_change change[SIM_CHANGES]; /* not for good yet */
    int n_changes;
    struct {
        int inode; /* -1 = free */
    } fd[SIM_FDS];
    uint64_t room; /* bytes; 0 = no limit */
    struct sim_fault fault;
    int calls[SIM_N_CALLS];
    bool is_shaky;                   /* EINTR, and short reads and writes, now and then */
    bool is_liar;                    /* its syncs do nothing */
    bool splits_anywhere;            /* writes are, not only between sectors */
    uint64_t seed, n_drawn, n_asked; /* what getrandom and the clocks give comes from here */
};

static struct sim_disk *sim; /* in use now */

/* Called before, in the middle of (writes) and behind each call that changes the disk. NULL = nobody looks. */
enum sim_when { SIM_BEFORE, SIM_AMID, SIM_AFTER };
static void (*sim_hook)(enum sim_call call, enum sim_when when);

static inline void sim_tell(enum sim_call call, enum sim_when when)
{
    if (sim_hook)
        sim_hook(call, when);
}

/* ---- files ---- */

static inline void inode_clear(struct sim_inode *inode)
{
    inode->size = inode->size_for_good = inode->allocated = inode->failed_at = 0;
    inode->is_folder = false;
    buf_clear(&inode->now);
    buf_clear(&inode->for_good);
    buf_clear(&inode->pieces);
    buf_clear(&inode->data);
    buf_clear(&inode->sizes);
}

static inline void bytes_grow(struct buf *bytes, size_t len)
{
    if (bytes->len >= len)
        return;
    buf_reserve(bytes, len - bytes->len);
    memset(bytes->data + bytes->len, 0, len - bytes->len);
    bytes->len = len;
}

static inline void bytes_copy(struct buf *to, const struct buf *from)
{
    buf_clear(to);
    if (from->len)
        buf_append(to, from->data, from->len);
}

static inline size_t n_pieces(const struct sim_inode *inode)
{
    return inode->pieces.len / sizeof(struct sim_piece);
}

static inline struct sim_piece *piece_at(const struct sim_inode *inode, size_t i)
{
    return &((struct sim_piece *)(void *)inode->pieces.data)[i];
}

static inline void inode_set_size(struct sim_inode *inode, uint32_t size)
{
    if (size == inode->size)
        return;
    const struct sim_size row = {.time = sim->time, .size = size};
    buf_append(&inode->sizes, &row, sizeof(row));
    inode->size = size;
}

/* Bytes of one sector each. */
static inline void add_pieces(struct sim_inode *inode, uint32_t at, const void *bytes, uint32_t len,
                              bool is_cut_off)
{
    MUST(at + len <= SIM_MAX_SECTORS * SECTOR, "a file grows without end");
    for (uint32_t done = 0, n; done < len; done += n) {
        n = SECTOR - (at + done) % SECTOR;
        if (n > len - done)
            n = len - done;
        const struct sim_piece piece = {.time = sim->time,
                                        .at = at + done,
                                        .len = n,
                                        .data = (uint32_t)inode->data.len,
                                        .is_cut_off = is_cut_off};
        buf_append(&inode->pieces, &piece, sizeof(piece));
        if (!is_cut_off)
            buf_append(&inode->data, (const char *)bytes + done, n);
    }
}

static inline void inode_write(struct sim_inode *inode, uint32_t at, const void *bytes,
                               uint32_t len)
{
    if (len == 0)
        return;
    sim->time++;
    bytes_grow(&inode->now, at + len);
    memcpy(inode->now.data + at, bytes, len);
    add_pieces(inode, at, bytes, len, false);
    if (at + len > inode->size)
        inode_set_size(inode, at + len);
}

static inline void inode_truncate(struct sim_inode *inode, uint32_t size)
{
    sim->time++;
    if (size < inode->now.len) {
        add_pieces(inode, size, NULL, (uint32_t)inode->now.len - size, true);
        inode->now.len = size;
    }
    if (size < inode->allocated)
        inode->allocated = size;
    inode_set_size(inode, size);
}

/* Sectors that were written since the failed sync are written whole; the others are clean, and stay as they are. */
static inline void sync_behind_failed(struct sim_inode *inode)
{
    bool is_fresh[SIM_MAX_SECTORS] = {false};
    size_t n = 0;
    for (size_t i = 0; i < n_pieces(inode); i++)
        if (piece_at(inode, i)->time > inode->failed_at)
            is_fresh[piece_at(inode, i)->at / SECTOR] = true;
    for (size_t i = 0; i < n_pieces(inode); i++) {
        uint32_t from = piece_at(inode, i)->at / SECTOR * SECTOR, to = from + SECTOR;
        if (!is_fresh[from / SECTOR]) {
            *piece_at(inode, n++) = *piece_at(inode, i);
            continue;
        }
        bytes_grow(&inode->for_good, to);
        bytes_grow(&inode->now, to);
        memcpy(inode->for_good.data + from, inode->now.data + from, SECTOR);
    }
    inode->pieces.len = n * sizeof(struct sim_piece);
}

static inline void inode_sync(struct sim_inode *inode)
{
    if (inode->failed_at) {
        sync_behind_failed(inode);
    } else {
        bytes_copy(&inode->for_good, &inode->now);
        buf_clear(&inode->pieces);
        buf_clear(&inode->data);
    }
    buf_clear(&inode->sizes);
    inode->size_for_good = inode->size;
}

#endif
