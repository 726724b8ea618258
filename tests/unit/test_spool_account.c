/* test_spool_account.c: a spool of four segments, each of them cut at every byte, zeroed sector by sector, exchanged, taken
 * away, put back: what is whole is delivered, and what is not is counted to the byte.
 *
 * 1.seg   sources 1 and 2, chunks; the cursor is inside the last
 * 2.seg   chunks, a lost range, a skipped range; its last record is the last of source 2 in it
 * 3.seg   source 3, chunks, the end of source 2
 * 4.open  chunks of 1 and 3
 */
#include "posta_test.h"
#include "spool/inspect.h"
#include "spool/store.h"

enum { N_SOURCES = 3, MAX_BYTES = 2048, SECTOR = 512, DONE = 23 };

struct fixture {
    const char *dir;
    struct folder whole;
    uint64_t begins[N_SOURCES + 1]; /* not delivered from here on */
    uint64_t cursor_at;             /* where the record that the cursor is in begins */
    uint64_t three_at;              /* behind the record that tells of source 3 */
};

/* ---- the segments ---- */

static void begin_next(struct spool *spool)
{
    struct err err;
    sync_now(spool);
    assert_int_equal(segment_seal(spool->dir, spool->last, &err), 0);
    assert_int_equal(store_begin_segment(spool, &err), 0);
}

static void put_nothing(struct spool *spool, struct source *src, uint64_t len, uint8_t flags)
{
    struct err err;
    const struct chunk chunk = {
        .from = src->offset, .to = src->offset + len, .flags = flags, .bytes = ""};
    assert_int_equal(spool_append(spool, src, &chunk, &err), 0);
}

static void fill(struct fixture *fix, struct spool *spool)
{
    struct err err;
    struct source *one = add_file(spool, 1), *two = add_file(spool, 2);
    put(spool, one, 50);
    put(spool, two, 60);
    fix->cursor_at = spool->last->size;
    put(spool, one, 90);
    spool_delivered(spool, (struct spool_pos) {.seq = spool->next_seq - 1, .done = DONE});
    fix->begins[1] = 50 + DONE;
    fix->begins[2] = 60;
    begin_next(spool);
    put(spool, one, 210);
    put(spool, two, 100);
    put_nothing(spool, one, 40, CHUNK_LOST);
    put(spool, one, 77);
    put_nothing(spool, two, 300, CHUNK_SKIPPED | CHUNK_RESUMED);
    put(spool, two, 33);
    begin_next(spool);
    struct source *three = add_file(spool, 3);
    fix->three_at = spool->last->size;
    put(spool, three, 400);
    put(spool, two, 120);
    put(spool, three, 30);
    assert_int_equal(spool_end_source(spool, two, END_LEASE, 0, &err), 0);
    begin_next(spool);
    put(spool, one, 99);
    put(spool, three, 20);
    put(spool, one, 5);
}

static int fixture_open(void **state)
{
    if (folder_setup(state))
        return -1;
    struct fixture *fix = calloc(1, sizeof(*fix));
    fix->dir = *state;
    struct spool *spool = spool_start(fix->dir, 0, 1 << 20);
    fill(fix, spool);
    spool_close(spool);
    folder_read(fix->dir, &fix->whole);
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

static struct folder_file *segment_file(struct fixture *fix, int no)
{
    char name[32];
    snprintf(name, sizeof(name), "%016x.%s", no, no == 4 ? "open" : "seg");
    return folder_file(&fix->whole, name);
}

/* ---- judging ---- */

struct given {
    bool byte[N_SOURCES + 1][MAX_BYTES];
    bool has_nameless;
    uint64_t lost_before;
};

static void note_given(struct given *given, const struct spool_item *item)
{
    uint32_t no = item->src->no;
    assert_in_range(no, 1, N_SOURCES);
    assert_true(item->chunk.to <= MAX_BYTES);
    for (uint64_t at = item->chunk.from + item->skip; at < item->chunk.to; at++)
        given->byte[no][at] = true;
    for (uint64_t i = 0; i < item->chunk.len; i++)
        assert_int_equal(item->chunk.bytes[i], known_byte(no, item->chunk.from + i));
    given->has_nameless |= !*item->src->path;
    given->lost_before += item->lost_before;
}

static void read_all(struct spool *spool, struct given *given)
{
    struct spool_item item;
    struct err err;
    int rc;
    while ((rc = spool_next(spool, &item, &err)) > 0)
        note_given(given, &item);
    assert_int_equal(rc, 0);
}

/* Bytes before the position that were not given out: nobody will ever read them again. */
static uint64_t lost_bytes(const struct fixture *fix, struct spool *spool,
                           const struct given *given)
{
    uint64_t lost = 0;
    for (uint32_t no = 1; no <= N_SOURCES; no++) {
        struct source *src = file_of(spool, no);
        for (uint64_t at = fix->begins[no]; src && at < src->offset; at++)
            lost += !given->byte[no][at];
    }
    return lost;
}

struct outside {
    uint64_t lost, missing, unknown;
};

static void note_lost(void *arg, const struct source *src, uint64_t from, uint64_t to)
{
    struct outside *out = arg;
    (void)src;
    out->unknown += from == READ_TO_UNKNOWN;
    out->lost += from == READ_TO_UNKNOWN ? 0 : to - from;
}

static void note_gap(void *arg, uint64_t from, uint64_t to)
{
    ((struct outside *)arg)->missing += to - from;
}

/* What `posta spool check` finds. */
static struct outside look_from_outside(const char *dir)
{
    struct outside out = {0};
    const struct look_sink sink = {.arg = &out, .gap = note_gap, .lost = note_lost};
    struct look look;
    struct err err = ERR_INIT;
    if (look_open(&look, dir, &err) || look_walk(&look, NULL, &sink, &err))
        fail_msg("%s", err.text);
    look_close(&look);
    return out;
}

/* Open what is in fix->whole; true if every lost byte was counted, false if it was said that this is not known. */
static bool judge(struct fixture *fix, const char *what, size_t at)
{
    struct given given = {.has_nameless = false};
    folder_write(fix->dir, &fix->whole);
    struct outside out = look_from_outside(fix->dir);
    struct spool *spool = spool_start(fix->dir, 0, 1 << 20);
    read_all(spool, &given);
    struct spool_stats stats = *spool_stats(spool);
    if (out.lost != stats.missing_bytes || out.missing != stats.missing_records ||
        !out.unknown != !stats.missing_unknown)
        fail_msg("%s %zu: from outside %llu bytes, %llu records are lost; from inside %llu, %llu",
                 what, at, (unsigned long long)out.lost, (unsigned long long)out.missing,
                 (unsigned long long)stats.missing_bytes,
                 (unsigned long long)stats.missing_records);
    uint64_t lost = lost_bytes(fix, spool, &given);
    bool is_exact = stats.missing_unknown == 0;
    if (is_exact && !given.has_nameless ? stats.missing_bytes != lost : stats.missing_bytes > lost)
        fail_msg("%s %zu: %llu bytes are lost, %llu counted", what, at, (unsigned long long)lost,
                 (unsigned long long)stats.missing_bytes);
    assert_true(given.lost_before <= stats.missing_bytes + DONE);
    struct given again = {.has_nameless = false};
    spool_rewind(spool);
    read_all(spool, &again);
    assert_memory_equal(given.byte, again.byte, sizeof(given.byte));
    assert_int_equal(given.lost_before, again.lost_before);
    assert_int_equal(stats.missing_bytes, spool_stats(spool)->missing_bytes);
    assert_int_equal(stats.missing_records, spool_stats(spool)->missing_records);
    assert_int_equal(stats.damaged_regions, spool_stats(spool)->damaged_regions);
    spool_close(spool);
    return is_exact;
}

static void nothing_is_lost_where_nothing_is_damaged(void **state)
{
    struct fixture *fix = *state;
    assert_true(judge(fix, "whole", 0));
    struct spool *spool = spool_start(fix->dir, 0, 1 << 20);
    assert_int_equal(spool_stats(spool)->missing_bytes, 0);
    assert_int_equal(spool_stats(spool)->damaged_regions, 0);
    spool_close(spool);
    assert_false(file_exists(fix->dir, "bad"));
}

/* The end of the checkpoint: what is before it takes the positions with it. */
static size_t checkpoint_end(const struct folder_file *file)
{
    return SEGMENT_HEADER_BYTES + RECORD_HEADER_BYTES +
           get_u32(file->bytes.data + SEGMENT_HEADER_BYTES + 8);
}

/* Only where what was before the cursor is gone too, or what told where a source begins, it is not known where the loss
 * began. */
static bool may_be_unknown(const struct fixture *fix, int no, size_t size)
{
    return (no == 1 && size < fix->cursor_at) || (no == 3 && size < fix->three_at);
}

static void every_segment_cut_at_every_byte(void **state)
{
    struct fixture *fix = *state;
    for (int no = 1; no <= 4; no++) {
        struct folder_file *file = segment_file(fix, no);
        size_t size = file->bytes.len;
        for (file->bytes.len = 0; file->bytes.len < size; file->bytes.len++)
            assert_true(judge(fix, file->name, file->bytes.len) ||
                        may_be_unknown(fix, no, file->bytes.len));
    }
}

static void every_sector_zeroed(void **state)
{
    struct fixture *fix = *state;
    for (int no = 1; no <= 4; no++) {
        struct folder_file *file = segment_file(fix, no);
        for (size_t at = 0; at < file->bytes.len; at += SECTOR) {
            char kept[SECTOR];
            size_t len = file->bytes.len - at < SECTOR ? file->bytes.len - at : SECTOR;
            memcpy(kept, file->bytes.data + at, len);
            memset(file->bytes.data + at, 0, len);
            bool is_exact = judge(fix, file->name, at);
            assert_true(is_exact || no == 1 || at / SECTOR < 2); /* a SOURCE record is gone */
            memcpy(file->bytes.data + at, kept, len);
        }
    }
}

/* Runs of records of any length from any place are damaged. */
static void every_run_of_records_damaged(void **state)
{
    struct fixture *fix = *state;
    for (int no = 1; no <= 4; no++) {
        struct folder_file *file = segment_file(fix, no);
        char *whole = malloc(file->bytes.len);
        memcpy(whole, file->bytes.data, file->bytes.len);
        for (size_t from = checkpoint_end(file); from < file->bytes.len; from += 16)
            for (size_t to = from + 16; to <= file->bytes.len; to += 16) {
                memset(file->bytes.data + from, '#', to - from);
                (void)judge(fix, file->name, from);
                memcpy(file->bytes.data, whole, file->bytes.len);
            }
        free(whole);
    }
}

static void exchange(struct folder_file *a, struct folder_file *b)
{
    struct buf bytes = a->bytes;
    a->bytes = b->bytes;
    b->bytes = bytes;
}

static void segments_under_each_others_names(void **state)
{
    struct fixture *fix = *state;
    for (int a = 1; a <= 4; a++)
        for (int b = a + 1; b <= 4; b++) {
            exchange(segment_file(fix, a), segment_file(fix, b));
            (void)judge(fix, "exchanged", (size_t)(10 * a + b));
            exchange(segment_file(fix, a), segment_file(fix, b));
        }
}

/* The first one's records may have been delivered: the cursor's file may be older than what was deleted. */
static void a_segment_is_missing(void **state)
{
    struct fixture *fix = *state;
    for (int no = 2; no <= 4; no++) {
        struct folder_file *file = segment_file(fix, no), kept = *file;
        *file = fix->whole.file[--fix->whole.n];
        assert_true(judge(fix, "missing", (size_t)no) || no == 3); /* source 3 began in it */
        *(struct folder_file *)&fix->whole.file[fix->whole.n++] = *file;
        *file = kept;
    }
}

static struct folder_file *add_copy(struct fixture *fix, const char *name, int no, size_t len)
{
    struct folder_file *file = &fix->whole.file[fix->whole.n++];
    snprintf(file->name, sizeof(file->name), "%s", name);
    file->bytes = (struct buf)BUF_INIT;
    buf_append(&file->bytes, segment_file(fix, no)->bytes.data, len);
    return file;
}

/* A copy under a new number is none of this spool: it goes to bad/. */
static void a_segment_is_there_twice(void **state)
{
    struct fixture *fix = *state;
    for (int no = 1; no <= 4; no++)
        for (int copy = 0; copy < 2; copy++) {
            struct folder_file *file =
                add_copy(fix, copy ? "0000000000000007.seg" : "0000000000000009.open", no,
                         segment_file(fix, no)->bytes.len);
            assert_true(judge(fix, "doubled", (size_t)no));
            assert_true(file_exists(fix->dir, copy ? "bad/0000000000000007.seg"
                                                   : "bad/0000000000000009.open"));
            buf_free(&file->bytes);
            fix->whole.n--;
        }
}

/* ---- the cursor's file ---- */

static void the_cursor_file_with_every_bit_turned(void **state)
{
    struct fixture *fix = *state;
    struct folder_file *file = folder_file(&fix->whole, "cursor");
    for (size_t at = 0; at < file->bytes.len; at++)
        for (int bit = 0; bit < 8; bit++) {
            file->bytes.data[at] ^= (char)(1 << bit);
            assert_true(judge(fix, "cursor", at));
            file->bytes.data[at] ^= (char)(1 << bit);
        }
}

static void the_cursor_file_cut_at_every_byte(void **state)
{
    struct fixture *fix = *state;
    struct folder_file *file = folder_file(&fix->whole, "cursor");
    while (file->bytes.len-- > 0)
        assert_true(judge(fix, "cursor", file->bytes.len));
    file->bytes.len = 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(nothing_is_lost_where_nothing_is_damaged),
        CASE(every_segment_cut_at_every_byte),
        CASE(every_sector_zeroed),
        CASE(every_run_of_records_damaged),
        CASE(segments_under_each_others_names),
        CASE(a_segment_is_missing),
        CASE(a_segment_is_there_twice),
        CASE(the_cursor_file_with_every_bit_turned),
        CASE(the_cursor_file_cut_at_every_byte),
    };
    return cmocka_run_group_tests(tests, log_nothing, NULL);
}
