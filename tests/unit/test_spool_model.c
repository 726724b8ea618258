/* test_spool_model.c: random work on a spool with tiny segments, and the same on a plain model in memory.
 *
 * After every step the two agree on what the next item is; after every reopening they agree on the positions, anchors and flags of
 * all sources, the cursor, and the number of the next record.
 */
#include "posta_test.h"
#include "spool/store.h"

enum { N_ROUNDS = 100, N_STEPS = 250, MAX_ITEMS = 600 };

struct model_item {
    uint64_t seq, ino, from, to; /* END: from is the end, what lies behind it is lost */
    uint8_t flags;
    size_t len;
    bool is_end;
};

struct model_source {
    bool is_known, is_forgotten, is_ended, is_skipping;
    uint32_t no;
    uint64_t offset, newline_end, /* behind the newline that ended an over-long line; 0 = none */
        anchored; /* so many bytes before offset are in the anchor, if it is large enough */
};

static struct model {
    struct spool *spool;
    const char *dir;
    uint64_t segment_bytes;
    struct model_item item[MAX_ITEMS];
    size_t n_items, next; /* next: the item to be read */
    struct model_source source[MAX_FILES];
    uint64_t next_seq;
    uint32_t next_no;
    struct spool_pos cursor, saved;
} model;

/* ---- steps ---- */

static struct source *known(uint64_t ino)
{
    struct source *src = file_of(model.spool, ino);
    return model.source[ino].is_known ? src : NULL;
}

static void step_add(uint64_t ino)
{
    struct source *src = add_file(model.spool, ino);
    assert_int_equal(src->no, model.next_no);
    model.source[ino] = (struct model_source) {.is_known = true, .no = model.next_no++};
    model.next_seq++;
}

static uint8_t random_flags(size_t *len)
{
    static const uint8_t rows[] = {0,
                                   0,
                                   0,
                                   0,
                                   CHUNK_CUT,
                                   CHUNK_LAST,
                                   CHUNK_LOST,
                                   CHUNK_SKIPPED,
                                   CHUNK_SKIPPED | CHUNK_RESUMED};
    uint8_t flags = rows[random_below(COUNT(rows))];
    if (flags & (CHUNK_SKIPPED | CHUNK_LOST))
        *len = 0;
    return flags;
}

static void step_append(uint64_t ino)
{
    static char bytes[400];
    struct source *src = known(ino);
    struct model_source *want = &model.source[ino];
    size_t len = random_below(random_below(8) ? 60 : sizeof(bytes)), covers = len;
    if (!src || want->is_ended || model.n_items == MAX_ITEMS)
        return;
    uint8_t flags = random_flags(&len);
    for (size_t i = 0; i < len; i++)
        bytes[i] = known_byte(ino, src->offset + i);
    const struct chunk chunk = {.from = src->offset,
                                .to = src->offset + covers,
                                .flags = flags,
                                .bytes = bytes,
                                .len = len};
    struct err err;
    assert_int_equal(spool_append(model.spool, src, &chunk, &err), 0);
    model.item[model.n_items++] = (struct model_item) {.seq = model.next_seq++,
                                                       .ino = ino,
                                                       .from = want->offset,
                                                       .to = want->offset + covers,
                                                       .flags = flags,
                                                       .len = len};
    want->offset += covers;
    want->anchored = len == covers && !(flags & CHUNK_LOST) ? want->anchored + len : 0;
    if (flags & CHUNK_RESUMED) { /* what was left out ended with a newline */
        want->anchored = 1;
        want->newline_end = want->offset;
    }
    want->is_skipping = flags == CHUNK_CUT || flags == CHUNK_SKIPPED;
}

static void step_end(uint64_t ino)
{
    struct source *src = known(ino);
    struct err err;
    uint64_t lost = random_below(3) * 1000;
    if (!src || model.source[ino].is_ended || model.n_items == MAX_ITEMS)
        return;
    assert_int_equal(spool_end_source(model.spool, src, END_LEASE, lost, &err), 0);
    model.source[ino].is_ended = true;
    model.item[model.n_items++] = (struct model_item) {.seq = model.next_seq++,
                                                       .ino = ino,
                                                       .from = src->offset,
                                                       .to = src->offset + lost,
                                                       .is_end = true};
}

static void step_forget(uint64_t ino)
{
    if (!known(ino) || !model.source[ino].is_ended)
        return;
    spool_forget(model.spool, known(ino));
    model.source[ino] = (struct model_source) {.is_forgotten = true};
}

static void step_read(void)
{
    struct spool_item item;
    int rc = take(model.spool, &item);
    assert_int_equal(rc, model.next < model.n_items);
    if (!rc)
        return;
    const struct model_item *want = &model.item[model.next++];
    bool is_begun = want->seq == model.cursor.seq && !want->is_end;
    assert_int_equal(item.seq, want->seq);
    assert_int_equal(item.src->id.ino, want->ino);
    assert_int_equal(item.type, want->is_end ? SPOOL_END : SPOOL_DATA);
    if (want->is_end) {
        assert_int_equal(item.end_offset, want->from);
        assert_int_equal(item.lost_bytes, want->to - want->from);
        return;
    }
    assert_int_equal(item.chunk.to, want->to);
    assert_int_equal(item.chunk.from, want->from);
    assert_int_equal(item.chunk.flags, want->flags);
    assert_int_equal(item.chunk.len, want->len);
    assert_int_equal(item.skip, is_begun ? model.cursor.done : 0);
}

/* Some of what was read is delivered, wholly or up to a byte inside. */
static void step_deliver(void)
{
    if (model.next == 0)
        return;
    const struct model_item *last = &model.item[random_below(model.next)];
    struct spool_pos pos = {.seq = last->seq + 1};
    if (last->len > 1 && random_below(2))
        pos = (struct spool_pos) {.seq = last->seq, .done = 1 + random_below(last->len - 1)};
    spool_delivered(model.spool, pos);
    if (spool_pos_less(model.cursor, pos))
        model.cursor = pos;
}

static void step_rewind(void)
{
    spool_rewind(model.spool);
    model.next = 0;
    while (model.next < model.n_items && model.item[model.next].seq < model.cursor.seq)
        model.next++;
}

static char anchor_byte(const struct model_source *want, uint64_t ino, uint64_t at)
{
    return at + 1 == want->newline_end ? '\n' : known_byte(ino, at);
}

static void check_source(uint64_t ino)
{
    const struct model_source *want = &model.source[ino];
    const struct source *src = file_of(model.spool, ino);
    if (!want->is_known) {
        assert_true(!src || want->is_forgotten);
        return;
    }
    assert_non_null(src);
    size_t anchor = want->anchored < ANCHOR_BYTES ? want->anchored : ANCHOR_BYTES;
    assert_int_equal(src->no, want->no);
    assert_int_equal(src->offset, want->offset);
    assert_int_equal(src->flags, (want->is_ended ? SOURCE_ENDED : 0) |
                                     (want->is_skipping ? SOURCE_SKIPPING : 0));
    assert_int_equal(src->anchor_len, anchor);
    for (size_t i = 0; i < anchor; i++)
        assert_int_equal((char)src->anchor[i], anchor_byte(want, ino, want->offset - anchor + i));
}

static void check_all(void)
{
    for (uint64_t ino = 1; ino < MAX_FILES; ino++)
        check_source(ino);
    assert_int_equal(spool_end(model.spool).seq, model.next_seq);
    assert_int_equal(spool_cursor(model.spool).seq, model.cursor.seq);
    assert_int_equal(spool_cursor(model.spool).done, model.cursor.done);
    assert_int_equal(spool_stats(model.spool)->damaged_regions, 0);
    assert_int_equal(spool_stats(model.spool)->missing_records, 0);
    assert_int_equal(spool_stats(model.spool)->torn_bytes, 0);
}

/* A forgotten source may come back from the segment's records: the owner forgets it again. */
static void forget_again(void)
{
    for (uint64_t ino = 1; ino < MAX_FILES; ino++)
        if (!model.source[ino].is_known && file_of(model.spool, ino))
            spool_forget(model.spool, file_of(model.spool, ino));
}

static void step_reopen(void)
{
    spool_close(model.spool);
    model.spool = spool_start(model.dir, 0, model.segment_bytes);
    struct spool_pos cursor = spool_cursor(model.spool);
    if (model.cursor.seq == 0) /* nothing delivered: the first record there is */
        model.cursor = cursor;
    check_all();
    forget_again();
    step_rewind();
}

static void step_sync(void)
{
    sync_now(model.spool);
    assert_false(spool_is_dirty(model.spool));
}

static void step_sync_a_bit(void)
{
    if (random_below(2))
        begin_sync(model.spool);
    for (uint64_t n = random_below(4); n > 0 && test_sync_way == SYNC_BY_HAND; n--)
        syncer_step(model.spool->syncer);
    struct err err;
    assert_int_equal(spool_sync_done(model.spool, &err), 0);
}

static void any_step(void)
{
    uint64_t ino = 1 + random_below(MAX_FILES - 1), dice = random_below(100);
    if (!model.source[ino].is_known && dice < 60)
        step_add(ino);
    else if (dice < 50)
        step_append(ino);
    else if (dice < 53)
        step_end(ino);
    else if (dice < 56)
        step_forget(ino);
    else if (dice < 80)
        step_read();
    else if (dice < 86)
        step_deliver();
    else if (dice < 87)
        step_sync();
    else if (dice < 90)
        step_sync_a_bit();
    else if (dice < 93)
        save_cursor(model.spool);
    else if (dice < 96)
        step_rewind();
    else if (dice < 98)
        step_reopen();
}

static void random_work_agrees_with_the_model(void **state)
{
    random_begin("model");
    for (int round = 0; round < N_ROUNDS; round++) {
        static const enum sync_way ways[] = {SYNC_INLINE, SYNC_THREAD, SYNC_BY_HAND};
        test_sync_way = ways[round % (int)COUNT(ways)];
        folder_empty(*state);
        model = (struct model) {
            .dir = *state, .segment_bytes = 100 + random_below(3000), .next_seq = 1, .next_no = 1};
        model.spool = spool_start(model.dir, 0, model.segment_bytes);
        for (int i = 0; i < N_STEPS; i++)
            any_step();
        step_reopen();
        while (model.next < model.n_items)
            step_read();
        step_read();
        spool_close(model.spool);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        IN_FOLDER(random_work_agrees_with_the_model),
    };
    return cmocka_run_group_tests(tests, log_nothing, NULL);
}
