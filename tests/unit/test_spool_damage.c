/* test_spool_damage.c: a spool of three segments, damaged at every byte, then opened and read to its end.
 *
 * 1.seg   sources 1 and 2, chunks             delivered
 * 2.seg   chunks                              "an older segment"
 * 3.open  source 3, chunks of all             "the newest"
 *
 * What is whole is delivered, the rest is counted, and a position never lies behind what was cut off.
 */
#include "posta_test.h"
#include "spool/record.h"
#include "spool/store.h"

enum { N_FILES = 3, HEADER = SEGMENT_HEADER_BYTES, MAX_RECORDS = 16 };
#define OLDER  "0000000000000002.seg"
#define NEWEST "0000000000000003.open"

struct place {
    uint64_t at, end, size; /* end: behind the payload in its segment; size: with padding */
    uint64_t seq, ino, to;
    bool is_data;
};

struct fixture {
    const char *dir;
    struct folder whole;
    uint64_t positions[MAX_FILES];
    struct place older[MAX_RECORDS], newest[MAX_RECORDS];
    size_t n_older, n_newest;
    uint64_t older_base;
};

/* What an opened spool gave out. */
struct seen {
    bool seq[64];
    unsigned n, n_unknown; /* items; those of a source without a name */
    struct spool_stats stats;
    uint64_t positions[MAX_FILES]; /* 0 = source not known */
};

/* ---- the three segments ---- */

static struct place *note_place(struct spool *spool, uint64_t at, struct place *places, size_t *n)
{
    places[*n] = (struct place) {.at = at, .size = spool->last->size - at};
    return &places[(*n)++];
}

static void put_noted(struct spool *spool, struct source *src, size_t len, struct place *places,
                      size_t *n)
{
    uint64_t at = spool->last->size;
    put(spool, src, len);
    struct place *place = note_place(spool, at, places, n);
    place->seq = spool->next_seq - 1;
    place->ino = src->id.ino;
    place->to = src->offset;
    place->is_data = true;
}

/* Where the payloads end is in the headers. */
static void note_ends(struct fixture *fix, const char *name, struct place *places, size_t n)
{
    const struct folder_file *file = folder_file(&fix->whole, name);
    for (size_t i = 0; i < n; i++)
        places[i].end =
            places[i].at + RECORD_HEADER_BYTES + get_u32(file->bytes.data + places[i].at + 8);
}

static void next_segment(struct spool *spool)
{
    struct err err;
    sync_now(spool);
    assert_int_equal(segment_seal(spool->dir, spool->last, &err), 0);
    assert_int_equal(store_begin_segment(spool, &err), 0);
}

static void fill(struct fixture *fix, struct spool *spool)
{
    struct source *one = add_file(spool, 1), *two = add_file(spool, 2);
    put(spool, one, 50);
    put(spool, two, 60);
    next_segment(spool);
    fix->older_base = spool->next_seq;
    note_place(spool, HEADER, fix->older, &fix->n_older);
    put_noted(spool, one, 21, fix->older, &fix->n_older);
    put_noted(spool, two, 1, fix->older, &fix->n_older);
    put_noted(spool, one, 40, fix->older, &fix->n_older);
    next_segment(spool);
    note_place(spool, HEADER, fix->newest, &fix->n_newest);
    put_noted(spool, two, 33, fix->newest, &fix->n_newest);
    uint64_t at = spool->last->size;
    struct source *three = add_file(spool, 3);
    note_place(spool, at, fix->newest, &fix->n_newest)->ino = 3;
    put_noted(spool, three, 30, fix->newest, &fix->n_newest);
    put_noted(spool, one, 17, fix->newest, &fix->n_newest);
    put_noted(spool, three, 9, fix->newest, &fix->n_newest);
}

static int fixture_open(void **state)
{
    if (folder_setup(state))
        return -1;
    struct fixture *fix = calloc(1, sizeof(*fix));
    fix->dir = *state;
    struct spool *spool = spool_start(fix->dir, 0, 1 << 20);
    fill(fix, spool);
    for (uint64_t ino = 1; ino <= N_FILES; ino++)
        fix->positions[ino] = file_of(spool, ino)->offset;
    for (struct spool_item item; take(spool, &item) && item.seq < fix->older_base;)
        delivered_up_to(spool, &item);
    save_cursor(spool);
    spool_close(spool);
    folder_read(fix->dir, &fix->whole);
    note_ends(fix, OLDER, fix->older, fix->n_older);
    note_ends(fix, NEWEST, fix->newest, fix->n_newest);
    *state = fix;
    return 0;
}

static int fixture_close(void **state)
{
    struct fixture *fix = *state;
    *state = (void *)(uintptr_t)fix->dir;
    folder_free(&fix->whole);
    free(fix);
    return folder_teardown(state);
}

#define CASE(test) cmocka_unit_test_setup_teardown(test, fixture_open, fixture_close)

/* ---- looking ---- */

static bool is_part_of(const struct chunk *chunk, uint64_t ino)
{
    for (size_t i = 0; i < chunk->len; i++)
        if (chunk->bytes[i] != known_byte(ino, chunk->from + i))
            return false;
    return true;
}

/* Data of a source whose record or checkpoint was taken has no name: then it may be of any file. */
static void look_at_item(const struct spool_item *item, struct seen *seen)
{
    uint64_t ino = item->src->id.ino;
    assert_true(item->seq < COUNT(seen->seq) && !seen->seq[item->seq]);
    assert_true(ino ? is_part_of(&item->chunk, ino)
                    : is_part_of(&item->chunk, 1) || is_part_of(&item->chunk, 2) ||
                          is_part_of(&item->chunk, 3));
    seen->seq[item->seq] = true;
    seen->n++;
    seen->n_unknown += !ino;
}

static void read_damaged(const char *dir, struct seen *seen)
{
    *seen = (struct seen) {.n = 0};
    struct spool *spool = spool_start(dir, 0, 1 << 20);
    struct spool_item item;
    struct err err;
    int rc;
    while ((rc = spool_next(spool, &item, &err)) > 0)
        look_at_item(&item, seen);
    assert_int_equal(rc, 0);
    seen->stats = *spool_stats(spool);
    for (uint64_t ino = 1; ino <= N_FILES; ino++)
        if (file_of(spool, ino))
            seen->positions[ino] = file_of(spool, ino)->offset;
    put(spool, add_file(spool, 7), 5); /* it works */
    spool_close(spool);
}

static size_t seen_of(const struct seen *seen, const struct place *places, size_t n)
{
    size_t found = 0;
    for (size_t i = 0; i < n; i++)
        found += places[i].is_data && seen->seq[places[i].seq];
    return found;
}

static size_t data_of(const struct place *places, size_t n)
{
    size_t found = 0;
    for (size_t i = 0; i < n; i++)
        found += places[i].is_data;
    return found;
}

static const struct place *place_at(const struct place *places, size_t n, uint64_t at)
{
    for (size_t i = 0; i < n; i++)
        if (at >= places[i].at && at < places[i].at + places[i].size)
            return &places[i];
    return NULL;
}

static void assert_positions(const struct seen *seen, const uint64_t *positions)
{
    for (uint64_t ino = 1; ino <= N_FILES; ino++)
        assert_int_equal(seen->positions[ino], positions[ino]);
}

static void assert_no_damage(const struct seen *seen)
{
    assert_int_equal(seen->stats.damaged_regions, 0);
    assert_int_equal(seen->stats.damaged_bytes, 0);
    assert_int_equal(seen->stats.missing_records, 0);
}

/* ---- the newest segment cut at every byte ---- */

/* Positions after the newest segment's records up to `size`, without the one that was hit. */
static void positions_at(const struct fixture *fix, uint64_t size, const struct place *hit,
                         uint64_t positions[MAX_FILES])
{
    memset(positions, 0, MAX_FILES * sizeof(*positions));
    for (size_t i = 0; i < fix->n_older; i++)
        if (fix->older[i].is_data)
            positions[fix->older[i].ino] = fix->older[i].to;
    for (size_t i = 0; i < fix->n_newest; i++)
        if (fix->newest[i].is_data && fix->newest[i].end <= size && &fix->newest[i] != hit)
            positions[fix->newest[i].ino] = fix->newest[i].to;
    if (hit && !hit->is_data && hit->ino)
        positions[hit->ino] = 0; /* this was its source record: it is not known any more */
}

static void check_truncated(struct fixture *fix, size_t size)
{
    struct seen seen;
    uint64_t positions[MAX_FILES], end = HEADER;
    size_t n_whole = 0;
    for (size_t i = 0; i < fix->n_newest && fix->newest[i].end <= size; i++) {
        n_whole += fix->newest[i].is_data;
        end = fix->newest[i].at + fix->newest[i].size;
    }
    read_damaged(fix->dir, &seen);
    positions_at(fix, size, NULL, positions);
    assert_positions(&seen, positions);
    assert_int_equal(seen_of(&seen, fix->newest, fix->n_newest), n_whole);
    assert_int_equal(seen_of(&seen, fix->older, fix->n_older), data_of(fix->older, fix->n_older));
    assert_int_equal(seen.stats.missing_records, 0);
    assert_false(file_exists(fix->dir, "bad/" NEWEST));
    assert_int_equal(seen.stats.damaged_regions, 0);
    assert_int_equal(seen.stats.torn_bytes, size > end ? size - end : size < HEADER ? size : 0);
}

static void newest_segment_cut_at_every_byte(void **state)
{
    struct fixture *fix = *state;
    struct folder_file *newest = folder_file(&fix->whole, NEWEST);
    for (size_t size = newest->bytes.len; size-- > 0;) {
        newest->bytes.len = size;
        folder_write(fix->dir, &fix->whole);
        check_truncated(fix, size);
    }
}

/* ---- every bit turned ---- */

static void turn(struct fixture *fix, struct folder_file *file, size_t at, int bit,
                 struct seen *seen)
{
    file->bytes.data[at] ^= (char)(1 << bit);
    folder_write(fix->dir, &fix->whole);
    read_damaged(fix->dir, seen);
    file->bytes.data[at] ^= (char)(1 << bit);
}

static void check_header_of(struct fixture *fix, const char *name, const struct seen *seen)
{
    char *bad = mem_printf("bad/%s", name);
    assert_true(file_exists(fix->dir, bad));
    assert_int_equal(seen->stats.damaged_regions, 1);
    assert_int_equal(seen->n_unknown, 0);
    free(bad);
}

static void check_older_turned(struct fixture *fix, size_t at, const struct seen *seen)
{
    const struct place *hit = place_at(fix->older, fix->n_older, at);
    size_t n_data = data_of(fix->older, fix->n_older);
    assert_positions(seen, fix->positions);
    assert_int_equal(seen_of(seen, fix->newest, fix->n_newest),
                     data_of(fix->newest, fix->n_newest));
    if (at < HEADER) {
        check_header_of(fix, OLDER, seen);
        return;
    }
    if (at >= hit->end) { /* padding */
        assert_no_damage(seen);
        return;
    }
    assert_int_equal(seen_of(seen, fix->older, fix->n_older), n_data - hit->is_data);
    assert_int_equal(seen->stats.damaged_regions, 1);
    assert_int_equal(seen->stats.damaged_bytes, hit->size);
    assert_int_equal(seen->stats.missing_records, hit->is_data);
    assert_int_equal(seen->stats.torn_bytes, 0);
}

static void every_bit_of_an_older_segment_turned(void **state)
{
    struct fixture *fix = *state;
    struct folder_file *older = folder_file(&fix->whole, OLDER);
    struct seen seen;
    for (size_t at = 0; at < older->bytes.len; at++)
        for (int bit = 0; bit < 8; bit++) {
            turn(fix, older, at, bit, &seen);
            check_older_turned(fix, at, &seen);
        }
}

/* The last record looks like a torn write: it is cut off and its file's position is before it. */
static void check_last_turned(struct fixture *fix, const struct place *hit, const struct seen *seen)
{
    uint64_t positions[MAX_FILES];
    positions_at(fix, hit->at, NULL, positions);
    assert_positions(seen, positions);
    assert_int_equal(seen->stats.torn_bytes, hit->size);
    assert_no_damage(seen);
}

/* A record in the middle: one of data is missing, a source's takes its position and the name of its data. */
static void check_middle_turned(struct fixture *fix, const struct place *hit,
                                const struct seen *seen)
{
    bool is_source = !hit->is_data && hit->ino;
    uint64_t positions[MAX_FILES];
    positions_at(fix, UINT64_MAX, hit, positions);
    assert_positions(seen, positions);
    assert_int_equal(seen->n_unknown, is_source ? 2 : 0);
    assert_int_equal(seen->stats.damaged_regions, 1);
    assert_int_equal(seen->stats.damaged_bytes, hit->size);
    assert_int_equal(seen->stats.missing_records, hit->is_data || is_source);
    assert_int_equal(seen->stats.torn_bytes, 0);
}

static void check_newest_turned(struct fixture *fix, size_t at, const struct seen *seen)
{
    const struct place *hit = place_at(fix->newest, fix->n_newest, at);
    size_t n_data = data_of(fix->newest, fix->n_newest);
    assert_int_equal(seen_of(seen, fix->older, fix->n_older), data_of(fix->older, fix->n_older));
    if (at < HEADER) {
        check_header_of(fix, NEWEST, seen);
        return;
    }
    if (at >= hit->end) {
        assert_positions(seen, fix->positions);
        assert_no_damage(seen);
        return;
    }
    assert_int_equal(seen_of(seen, fix->newest, fix->n_newest), n_data - hit->is_data);
    if (hit == &fix->newest[fix->n_newest - 1])
        check_last_turned(fix, hit, seen);
    else
        check_middle_turned(fix, hit, seen);
}

static void every_bit_of_the_newest_segment_turned(void **state)
{
    struct fixture *fix = *state;
    struct folder_file *newest = folder_file(&fix->whole, NEWEST);
    struct seen seen;
    for (size_t at = 0; at < newest->bytes.len; at++)
        for (int bit = 0; bit < 8; bit++) {
            turn(fix, newest, at, bit, &seen);
            check_newest_turned(fix, at, &seen);
        }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(newest_segment_cut_at_every_byte),
        CASE(every_bit_of_an_older_segment_turned),
        CASE(every_bit_of_the_newest_segment_turned),
    };
    return cmocka_run_group_tests(tests, log_nothing, NULL);
}
