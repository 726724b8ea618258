/* memory.c: queue.mem: what is read waits in memory, and only positions go to the disk.
 *
 * Happy path: a chunk is a node in a list until it is delivered. A source whose nodes wait has a second copy of itself, the
 * position up to which all is delivered: that is what a kill leaves. It moves with the cursor and is written, as a SOURCE
 * record that replaces the one before, when the cursor is saved. Nothing else is durable, so durable means delivered, with the
 * position on the disk: until then the log files keep the lines.
 * Nodes have places behind MEMORY_SEQ, behind all records on the disk: what a spool on disk has left is delivered first.
 * Failure modes: (1) max_bytes are waiting: AGAIN, and the files keep the rest. (2) positions cannot be written: said by the
 * owner, tried again; after a kill some lines come twice. (3) a kill: what waits is read again from the files, if they are
 * still there.
 * On close: positions are written.
 */
#include "store.h"

#include <posta/loop.h>

#include <stdlib.h>

/* For a second of so many bytes of positions: ten thousand busy files must not fill a disk with them. */
enum { SAVE_BYTES_PER_S = 1024 * 1024 };

/* The source as it was delivered. */
struct kept {
    struct source
        *at; /* what a kill leaves; src->kept of the one in the registry, if that is not gone */
    struct source *live; /* NULL = forgotten */
    size_t n_waiting;
    bool is_dirty;
    struct kept *next; /* in the list of dirty ones */
};

struct node {
    struct record rec;
    struct kept *kept;
    uint64_t done; /* bytes at its beginning that are delivered */
    struct node *next;
    char bytes[];
};

struct memory {
    uint64_t max_bytes, bytes;
    uint64_t next_seq;
    struct node *first, *last;
    struct node *ahead;      /* the next one to give out; NULL = all are */
    struct node *given;      /* given out last, delivered since, and still borrowed */
    struct table kept_by_no; /* by number of the source */
    struct kept *dirty;
    bool is_reading;       /* the disk has nothing left */
    bool has_refused;      /* the last record */
    int64_t save_again_ns; /* positions are not written before */
    uint64_t written_seq;  /* the positions over everything before it are written */
    uint64_t synced_seq;   /* and durable */
};

/* ---- sources ---- */

static bool is_of(const void *item, const void *no)
{
    return ((const struct kept *)item)->at->no == *(const uint32_t *)no;
}

static struct kept *find_kept(const struct memory *memory, uint32_t no)
{
    return table_find(&memory->kept_by_no, no, is_of, &no);
}

static struct kept *need_kept(struct memory *memory, struct source *src)
{
    struct kept *kept = find_kept(memory, src->no);
    if (kept)
        return kept;
    kept = mem_zero(1, sizeof *kept);
    kept->at = source_copy(src);
    kept->live = src;
    src->kept = kept->at;
    table_put(&memory->kept_by_no, src->no, kept);
    return kept;
}

static void free_kept(struct memory *memory, struct kept *kept)
{
    table_drop(&memory->kept_by_no, kept->at->no, kept);
    if (kept->live)
        kept->live->kept = NULL;
    source_free(kept->at);
    free(kept);
}

static void free_if_unneeded(struct memory *memory, struct kept *kept)
{
    bool is_borrowed = memory->given && memory->given->kept == kept;
    if (kept->n_waiting == 0 && !kept->is_dirty && !is_borrowed)
        free_kept(memory, kept);
}

static void make_dirty(struct memory *memory, struct kept *kept)
{
    if (kept->is_dirty)
        return;
    kept->is_dirty = true;
    kept->next = memory->dirty;
    memory->dirty = kept;
}

void memory_forget(struct memory *memory, struct source *src)
{
    struct kept *kept = find_kept(memory, src->no);
    if (kept)
        kept->live = NULL;
    src->kept = NULL;
}

/* ---- in ---- */

static void add_node(struct memory *memory, struct source *src, const struct record *rec,
                     const char *bytes)
{
    struct node *node = mem_alloc(sizeof *node + rec->payload_len);
    *node = (struct node) {.rec = *rec, .kept = need_kept(memory, src)};
    node->rec.seq = memory->next_seq++;
    if (rec->payload_len > 0)
        memcpy(node->bytes, bytes, rec->payload_len);
    node->kept->n_waiting++;
    memory->bytes += rec->payload_len;
    if (memory->last)
        memory->last->next = node;
    else
        memory->first = node;
    memory->last = node;
    if (!memory->ahead)
        memory->ahead = node;
}

int memory_append(struct spool *spool, struct source *src, const struct record *rec,
                  const void *payload, struct err *err)
{
    struct memory *memory = spool->memory;
    memory->has_refused = memory->bytes > 0 && memory->bytes + rec->payload_len > memory->max_bytes;
    if (memory->has_refused)
        return err_set(err, ERR_AGAIN, "queue.mem is full: %llu of %llu bytes",
                       (unsigned long long)memory->bytes, (unsigned long long)memory->max_bytes);
    add_node(memory, src, rec, payload);
    spool->stats.memory_bytes = memory->bytes;
    return 0;
}

bool memory_has_room(const struct memory *memory)
{
    return memory->bytes <= memory->max_bytes / 2;
}

bool memory_is_waited_for(const struct memory *memory)
{
    return memory->has_refused && !memory_has_room(memory);
}

/* ---- out ---- */

static void free_given(struct memory *memory)
{
    struct kept *kept = memory->given ? memory->given->kept : NULL;
    free(memory->given);
    memory->given = NULL;
    if (kept)
        free_if_unneeded(memory, kept);
}

bool memory_is_reading(const struct memory *memory)
{
    return memory->is_reading;
}

void memory_begin_reading(struct memory *memory)
{
    memory->is_reading = true;
}

void memory_rewind(struct spool *spool)
{
    struct memory *memory = spool->memory;
    free_given(memory);
    memory->ahead = memory->first;
    memory->is_reading &= spool->cursor.pos.seq >= MEMORY_SEQ;
}

int memory_next(struct memory *memory, struct spool_item *item)
{
    struct node *node = memory->ahead;
    free_given(memory);
    if (!node)
        return 0;
    memory->ahead = node->next;
    store_fill_item(&node->rec, node->bytes, node->kept->at, item);
    item->skip = node->done;
    return 1;
}

void memory_visit(const struct memory *memory, spool_visit *visit, void *arg)
{
    struct spool_item item;
    for (const struct node *node = memory->first; node; node = node->next) {
        store_fill_item(&node->rec, node->bytes, node->kept->at, &item);
        item.skip = node->done;
        if (item.type == SPOOL_DATA)
            visit(arg, &item);
    }
}

uint64_t memory_reading(const struct memory *memory)
{
    return memory->ahead ? memory->ahead->rec.seq : memory->next_seq;
}

uint64_t memory_end(const struct memory *memory)
{
    return memory->next_seq;
}

/* ---- delivered ---- */

/* The position moves over the node's bytes up to `done`. */
static void advance(struct node *node, uint64_t done)
{
    struct source *at = node->kept->at;
    const struct record *rec = &node->rec;
    if (done > node->done)
        source_advance(at, rec->from + node->done, rec->from + done, 0, node->bytes + node->done,
                       done - node->done);
    node->done = done;
}

static void conclude(struct node *node)
{
    struct source *at = node->kept->at;
    const struct record *rec = &node->rec;
    if (rec->type == REC_END)
        at->flags |= SOURCE_ENDED;
    else
        source_advance(at, rec->from + node->done, rec->to, rec->flags, node->bytes + node->done,
                       rec->payload_len - node->done);
}

static void drop_first(struct memory *memory)
{
    struct node *node = memory->first;
    bool is_borrowed = memory->ahead == node->next;
    memory->first = node->next;
    if (!memory->first)
        memory->last = NULL;
    if (memory->ahead == node) /* never given out: stepped over */
        memory->ahead = node->next;
    memory->bytes -= node->rec.payload_len;
    node->kept->n_waiting--;
    if (!is_borrowed) {
        free(node);
        return;
    }
    free_given(memory);
    memory->given = node;
}

void memory_delivered(struct spool *spool, struct spool_pos pos)
{
    struct memory *memory = spool->memory;
    struct node *node;
    while ((node = memory->first) && node->rec.seq < pos.seq) {
        conclude(node);
        make_dirty(memory, node->kept);
        drop_first(memory);
    }
    if (node && node->rec.seq == pos.seq && pos.done > node->done) {
        advance(node, pos.done < node->rec.payload_len ? pos.done : node->rec.payload_len);
        make_dirty(memory, node->kept);
    }
    spool->stats.memory_bytes = memory->bytes;
}

/* ---- positions to the disk ---- */

bool memory_is_dirty(const struct memory *memory)
{
    return memory->dirty != NULL;
}

static int save_dirty(struct spool *spool, struct err *err)
{
    struct memory *memory = spool->memory;
    for (struct kept *kept; (kept = memory->dirty);) {
        if (store_append_source(spool, kept->at,
                                err)) /* a forgotten one too: a start is to know its end */
            return -1;
        memory->dirty = kept->next;
        kept->is_dirty = false;
        free_if_unneeded(memory, kept);
    }
    return 0;
}

int memory_save(struct spool *spool, bool is_last, struct err *err)
{
    struct memory *memory = spool->memory;
    int64_t now = clock_mono_ns();
    uint64_t before = spool->stats.disk_bytes;
    if (!memory->dirty || (now < memory->save_again_ns && !is_last))
        return 0;
    if (save_dirty(spool, err))
        return err_wrap(err, "save positions");
    memory->written_seq = spool->cursor.pos.seq;
    uint64_t written = spool->stats.disk_bytes > before ? spool->stats.disk_bytes - before : 0;
    memory->save_again_ns = now + (int64_t)written * (NS_PER_S / SAVE_BYTES_PER_S);
    return 0;
}

uint64_t memory_written(const struct memory *memory)
{
    return memory->written_seq;
}

void memory_note_synced(struct memory *memory, uint64_t seq)
{
    memory->synced_seq = seq;
}

uint64_t memory_durable(const struct spool *spool)
{
    const struct memory *memory = spool->memory;
    bool is_all = !memory->dirty && !spool_is_dirty(spool);
    return is_all ? spool->cursor.pos.seq : memory->synced_seq;
}

/* ---- life ---- */

struct memory *memory_new(uint64_t max_bytes)
{
    struct memory *memory = mem_zero(1, sizeof *memory);
    memory->max_bytes = max_bytes;
    memory->next_seq = MEMORY_SEQ;
    return memory;
}

void memory_free(struct memory *memory)
{
    if (!memory)
        return;
    free_given(memory);
    for (struct node *node = memory->first, *next; node; node = next) {
        next = node->next;
        free(node);
    }
    size_t at = 0;
    for (struct kept *kept; (kept = table_next(&memory->kept_by_no, &at));) {
        if (kept->live)
            kept->live->kept = NULL;
        source_free(kept->at);
        free(kept);
    }
    table_free(&memory->kept_by_no);
    free(memory);
}
