/* sim_cut.h: what a kill or a power cut leaves of a simulated disk, on another one.
 *
 * A kill leaves all that was written. A power cut leaves what was synced; of what was written since, each 512-byte sector is as
 * it was after any of its writes, independent of all others, the size of a file is any of those it had, or one in between,
 * and of the changes of names there are none, all, the first few, or any of them.
 * Failure modes: none. On close: nothing.
 */
#ifndef SIM_CUT_H
#define SIM_CUT_H

#include "sim_names.h"

enum cut_bytes {
    BYTES_OLD,         /* only what was synced */
    BYTES_NEW,         /* all */
    BYTES_BUT_ONE,     /* all but the dirty sector number `nth` */
    BYTES_ONE,         /* only the dirty sector number `nth` */
    BYTES_BEFORE,      /* what was written up to `time`, in order */
    BYTES_FILE_BEFORE, /* the same, with a time for each file */
    BYTES_ANY,         /* each sector on its own */
};

/* FIRST: the first n_changes. ANY: any creations and renames, independent of each other, and the deletions among the first. */
enum cut_names { NAMES_OLD, NAMES_NEW, NAMES_FIRST, NAMES_ANY };

struct cut {
    bool is_kill;
    enum cut_bytes bytes;
    enum cut_names names;
    uint32_t nth; /* dirty sectors are counted over all files */
    uint32_t time;
    int n_changes; /* NAMES_FIRST */
};

/* ---- bytes ---- */

struct sector_times {
    uint32_t first, last;            /* sectors; first > last = none is dirty */
    uint32_t until[SIM_MAX_SECTORS]; /* writes up to this time are there */
    bool is_dirty[SIM_MAX_SECTORS];
};

static inline void times_find(const struct sim_inode *inode, struct sector_times *times)
{
    times->first = 1, times->last = 0;
    for (size_t i = 0; i < n_pieces(inode); i++) {
        uint32_t sector = piece_at(inode, i)->at / SECTOR;
        if (times->first > times->last)
            times->first = times->last = sector, times->is_dirty[sector] = false;
        for (; sector < times->first; times->first--)
            times->is_dirty[times->first - 1] = false;
        for (; sector > times->last; times->last++)
            times->is_dirty[times->last + 1] = false;
        times->is_dirty[sector] = true;
    }
}

static inline uint32_t cut_n_dirty(const struct sim_disk *disk)
{
    struct sector_times times;
    uint32_t n = 0;
    for (int i = 0; i < SIM_INODES; i++) {
        if (!disk->inode[i].is_used || n_pieces(&disk->inode[i]) == 0)
            continue;
        times_find(&disk->inode[i], &times);
        for (uint32_t s = times.first; s <= times.last; s++)
            n += times.is_dirty[s];
    }
    return n;
}

static inline uint32_t any_time(const struct sim_inode *inode)
{
    return n_pieces(inode) == 0 ? 0 : piece_at(inode, random_below(n_pieces(inode)))->time;
}

static inline uint32_t sector_until(const struct cut *cut, const struct sim_inode *inode,
                                    uint32_t file_time, uint32_t nth)
{
    switch (cut->bytes) {
    case BYTES_OLD:
        return 0;
    case BYTES_NEW:
        return UINT32_MAX;
    case BYTES_BUT_ONE:
        return nth == cut->nth ? 0 : UINT32_MAX;
    case BYTES_ONE:
        return nth == cut->nth ? UINT32_MAX : 0;
    case BYTES_BEFORE:
        return cut->time;
    case BYTES_FILE_BEFORE:
        return file_time;
    case BYTES_ANY:
        break;
    }
    uint64_t dice = random_below(3);
    return dice == 0 ? 0 : dice == 1 ? UINT32_MAX : any_time(inode);
}

/* The size that it has after the cut, and since when it had it. */
static inline struct sim_size cut_size(const struct cut *cut, const struct sim_inode *inode,
                                       uint32_t file_time)
{
    const struct sim_size *rows = (const struct sim_size *)(const void *)inode->sizes.data;
    size_t n = inode->sizes.len / sizeof(*rows);
    struct sim_size old = {.time = 0, .size = inode->size_for_good};
    if (n == 0 || cut->bytes == BYTES_OLD)
        return old;
    if (cut->bytes == BYTES_NEW || cut->bytes == BYTES_BUT_ONE || cut->bytes == BYTES_ONE)
        return rows[n - 1];
    if (cut->bytes == BYTES_ANY) {
        n = random_below(n + 1);
    } else {
        uint32_t time = cut->bytes == BYTES_BEFORE ? cut->time : file_time;
        while (n > 0 && rows[n - 1].time > time)
            n--;
    }
    struct sim_size size = n == 0 ? old : rows[n - 1];
    if (cut->bytes == BYTES_ANY && size.size > old.size && random_below(4) == 0)
        size.size = old.size + (uint32_t)random_below(size.size - old.size);
    return size;
}

static inline void times_choose(const struct cut *cut, const struct sim_inode *inode,
                                struct sim_size size, uint32_t file_time, uint32_t *nth,
                                struct sector_times *times)
{
    times_find(inode, times);
    for (uint32_t s = times->first; s <= times->last; s++)
        if (times->is_dirty[s])
            times->until[s] = sector_until(cut, inode, file_time, (*nth)++);
    for (size_t i = 0; i < n_pieces(inode); i++) {
        const struct sim_piece *piece = piece_at(inode, i);
        if (piece->is_cut_off && piece->time <= size.time &&
            times->until[piece->at / SECTOR] < piece->time)
            times->until[piece->at / SECTOR] = piece->time;
    }
}

static inline void apply_pieces(const struct sim_inode *inode, const struct sector_times *times,
                                struct buf *bytes)
{
    for (size_t i = 0; i < n_pieces(inode); i++) {
        const struct sim_piece *piece = piece_at(inode, i);
        if (piece->time > times->until[piece->at / SECTOR])
            continue;
        bytes_grow(bytes, piece->at + piece->len);
        if (piece->is_cut_off)
            memset(bytes->data + piece->at, 0, piece->len);
        else
            memcpy(bytes->data + piece->at, inode->data.data + piece->data, piece->len);
    }
}

static inline void cut_inode(const struct cut *cut, const struct sim_inode *from, uint32_t *nth,
                             struct sim_inode *to)
{
    struct sector_times times;
    uint32_t file_time = any_time(from);
    struct sim_size size = cut_size(cut, from, file_time);
    inode_clear(to);
    bytes_copy(&to->now, &from->for_good);
    times_choose(cut, from, size, file_time, nth, &times);
    apply_pieces(from, &times, &to->now);
    if (to->now.len > size.size)
        to->now.len = size.size;
    to->size = to->size_for_good = size.size;
    to->is_folder = from->is_folder;
    to->allocated = from->allocated;
    bytes_copy(&to->for_good, &to->now);
}

/* ---- names ---- */

static inline void cut_names(const struct cut *cut, const struct sim_disk *from,
                             struct sim_names *to)
{
    names_copy(to, &from->for_good);
    for (int i = 0; i < from->n_changes; i++) {
        bool is_deletion = !from->change[i].to[0];
        if (cut->names == NAMES_NEW || (cut->names == NAMES_FIRST && i < cut->n_changes) ||
            (cut->names == NAMES_ANY && (is_deletion ? i < cut->n_changes : random_below(2))))
            names_apply(to, &from->change[i]);
    }
}

/* What lies in a folder that is not there is not there either. */
static inline bool is_homeless(const struct sim_names *names, const struct sim_name *name)
{
    char folder[SIM_PATH];
    snprintf(folder, sizeof(folder), "%s", name->path);
    char *slash = strrchr(folder, '/');
    if (!slash)
        return false;
    *slash = '\0';
    return names_find(names, folder) < 0;
}

static inline void drop_homeless(struct sim_names *names)
{
    for (int i = 0; i < names->n; i++)
        if (is_homeless(names, &names->at[i])) {
            names->at[i] = names->at[--names->n];
            i = -1;
        }
}

/* ---- the whole ---- */

static inline void copy_inode(const struct sim_inode *from, struct sim_inode *to)
{
    bytes_copy(&to->now, &from->now);
    bytes_copy(&to->for_good, &from->for_good);
    bytes_copy(&to->pieces, &from->pieces);
    bytes_copy(&to->data, &from->data);
    bytes_copy(&to->sizes, &from->sizes);
    to->is_folder = from->is_folder;
    to->size = from->size;
    to->size_for_good = from->size_for_good;
    to->allocated = from->allocated;
}

static inline void make_kill(const struct sim_disk *from, struct sim_disk *to)
{
    names_copy(&to->now, &from->now);
    names_copy(&to->for_good, &from->for_good);
    memcpy(to->change, from->change, sizeof(from->change[0]) * (size_t)from->n_changes);
    to->n_changes = from->n_changes;
    to->time = from->time;
    for (int i = 0; i < SIM_INODES; i++)
        if (from->inode[i].is_used && is_referred_to(from, i)) {
            copy_inode(&from->inode[i], &to->inode[i]);
            to->inode[i].is_used = true;
        }
    sim_forget_failed_syncs(to);
}

static inline void make_power_cut(const struct cut *cut, const struct sim_disk *from,
                                  struct sim_disk *to)
{
    uint32_t nth = 0;
    cut_names(cut, from, &to->now);
    drop_homeless(&to->now);
    names_copy(&to->for_good, &to->now);
    for (int i = 0; i < to->now.n; i++) {
        int inode = to->now.at[i].inode;
        if (to->inode[inode].is_used)
            continue;
        to->inode[inode].is_used = true;
        cut_inode(cut, &from->inode[inode], &nth, &to->inode[inode]);
    }
}

static inline void make_cut(const struct cut *cut, const struct sim_disk *from, struct sim_disk *to)
{
    sim_disk_clear(to);
    to->is_shaky = from->is_shaky;
    to->is_liar = from->is_liar;
    to->splits_anywhere = from->splits_anywhere;
    to->seed = from->seed, to->n_drawn = from->n_drawn, to->n_asked = from->n_asked;
    if (cut->is_kill)
        make_kill(from, to);
    else
        make_power_cut(cut, from, to);
}

/* ---- telling states apart ---- */

/* The same for the same names and bytes. */
static inline uint64_t disk_hash(const struct sim_disk *disk)
{
    uint64_t sum = 0;
    for (int i = 0; i < disk->now.n; i++) {
        const struct sim_name *name = &disk->now.at[i];
        const struct sim_inode *inode = &disk->inode[name->inode];
        uint64_t hash = mix_bytes(inode->size, name->path, strlen(name->path));
        sum += inode->now.len ? mix_bytes(hash, inode->now.data, inode->now.len) : hash;
    }
    return sum;
}

#endif
