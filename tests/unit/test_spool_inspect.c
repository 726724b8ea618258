/* test_spool_inspect.c: a spool looked at from outside, and repaired: nothing changes by looking, everything that is whole is
 * kept by repairing, whatever is damaged and wherever it is interrupted.
 *
 * 1.seg   sources 1 and 2, chunks; the cursor is before the last
 * 2.seg   chunks
 * 3.open  source 3, chunks
 */
#include "posta_test.h"
#include "spool/inspect.h"
#include "spool/store.h"

enum { N_SEGMENTS = 3, SECTOR = 512 };

struct fixture {
    const char *dir;
    struct folder whole;
};

static void begin_next(struct spool *spool)
{
    struct err err;
    sync_now(spool);
    assert_int_equal(segment_seal(spool->dir, spool->last, &err), 0);
    assert_int_equal(store_begin_segment(spool, &err), 0);
}

static void fill(struct spool *spool)
{
    struct source *one = add_file(spool, 1), *two = add_file(spool, 2);
    put(spool, one, 50);
    put(spool, two, 60);
    spool_delivered(spool, spool_end(spool));
    put(spool, one, 90);
    begin_next(spool);
    put(spool, one, 210);
    put(spool, two, 100);
    put(spool, one, 77);
    begin_next(spool);
    put(spool, add_file(spool, 3), 40);
    put(spool, two, 30);
}

static int fixture_open(void **state)
{
    if (folder_setup(state))
        return -1;
    struct fixture *fix = calloc(1, sizeof(*fix));
    fix->dir = *state;
    struct spool *spool = spool_start(fix->dir, 0, 1 << 20);
    fill(spool);
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
    snprintf(name, sizeof(name), "%016x.%s", no, no == N_SEGMENTS ? "open" : "seg");
    return folder_file(&fix->whole, name);
}

/* ---- looking ---- */

struct found {
    uint64_t records, bytes, places, torn, missing;
};

static int note_record(void *arg, const struct look_record *rec, struct err *err)
{
    struct found *found = arg;
    (void)err;
    found->records += rec->type != LOOK_CHECKPOINT;
    found->bytes += rec->chunk.len;
    for (size_t i = 0; i < rec->chunk.len; i++)
        assert_int_equal(rec->chunk.bytes[i], known_byte(rec->src->no, rec->chunk.from + i));
    return 0;
}

static void note_harm(void *arg, const struct segment *seg, enum look_harm harm, uint64_t from,
                      uint64_t to, const char *what)
{
    struct found *found = arg;
    assert_true(from < to && to <= seg->size && *what);
    harm == LOOK_DAMAGED ? found->places++ : found->torn++;
}

static void note_gap(void *arg, uint64_t from, uint64_t to)
{
    ((struct found *)arg)->missing += to - from;
}

static struct found look_at(const char *dir)
{
    struct found found = {0};
    const struct look_sink sink = {
        .arg = &found, .record = note_record, .harm = note_harm, .gap = note_gap};
    struct look look;
    struct err err = ERR_INIT;
    if (look_open(&look, dir, &err) || look_walk(&look, NULL, &sink, &err))
        fail_msg("%s", err.text);
    for (const struct look_reject *rej = look.rejects; rej; rej = rej->next)
        found.places++;
    look_close(&look);
    return found;
}

static void assert_same_folder(const char *dir, const struct folder *expected)
{
    struct folder now = {.n = 0};
    folder_read(dir, &now);
    assert_int_equal(now.n, expected->n);
    for (size_t i = 0; i < expected->n; i++) {
        const struct folder_file *file = folder_file(&now, expected->file[i].name);
        assert_int_equal(file->bytes.len, expected->file[i].bytes.len);
        assert_memory_equal(file->bytes.data, expected->file[i].bytes.data, file->bytes.len);
    }
    folder_free(&now);
}

static void a_whole_spool_is_found_whole_and_is_not_changed(void **state)
{
    struct fixture *fix = *state;
    struct found found = look_at(fix->dir);
    assert_int_equal(found.records, 11);
    assert_int_equal(found.bytes, 50 + 60 + 90 + 210 + 100 + 77 + 40 + 30);
    assert_int_equal(found.places + found.torn + found.missing, 0);
    assert_same_folder(fix->dir, &fix->whole);
    assert_false(file_exists(fix->dir, "bad"));
}

static void a_folder_that_may_not_be_written_can_be_looked_at(void **state)
{
    struct fixture *fix = *state;
    static const struct fs_fault none_works[] = {
        {.call = FS_WRITE, .nth = 1, .times = -1, .fail = EROFS},
        {.call = FS_RENAME, .nth = 1, .times = -1, .fail = EROFS},
        {.call = FS_UNLINK, .nth = 1, .times = -1, .fail = EROFS},
        {.call = FS_TRUNCATE, .nth = 1, .times = -1, .fail = EROFS},
        {.call = FS_SYNC, .nth = 1, .times = -1, .fail = EROFS},
        {.call = FS_SYNC_DIR, .nth = 1, .times = -1, .fail = EROFS},
    };
    assert_int_equal(chmod(fix->dir, 0500), 0);
    fs_set_faults(none_works, COUNT(none_works));
    struct found found = look_at(fix->dir);
    fs_set_faults(NULL, 0);
    assert_int_equal(chmod(fix->dir, 0700), 0);
    assert_int_equal(found.records, 11);
}

static void sources_are_known_as_of_any_record(void **state)
{
    struct fixture *fix = *state;
    struct look look;
    struct err err;
    struct registry now = {0}, then = {0};
    assert_int_equal(look_open(&look, fix->dir, &err), 0);
    assert_int_equal(look_waiting(&look), 5);
    assert_int_equal(look_sources(&look, UINT64_MAX, &now, &err), 0);
    assert_int_equal(look.end_seq, 12);
    assert_int_equal(look_sources(&look, look_waiting(&look), &then, &err), 0);
    assert_int_equal(look.end_seq, 12);
    assert_int_equal(registry_by_no(&now, 1)->offset, 427);
    assert_int_equal(registry_by_no(&now, 2)->offset, 190);
    assert_int_equal(registry_by_no(&now, 3)->offset, 40);
    assert_int_equal(registry_by_no(&then, 1)->offset, 50);
    assert_int_equal(registry_by_no(&then, 2)->offset, 60);
    assert_null(registry_by_no(&then, 3));
    registry_clear(&now);
    registry_clear(&then);
    look_close(&look);
}

static void a_running_posta_is_seen_and_not_disturbed(void **state)
{
    struct fixture *fix = *state;
    struct spool *spool = spool_start(fix->dir, 0, 1 << 20);
    struct look look;
    struct err err;
    put(spool, file_of(spool, 1), 10);
    struct found found = look_at(fix->dir);
    assert_int_equal(found.places + found.torn + found.missing, 0);
    assert_int_equal(look_open(&look, fix->dir, &err), 0);
    assert_true(look.is_live);
    assert_int_equal(look.pid, getpid());
    look_close(&look);
    put(spool, file_of(spool, 1), 10);
    spool_close(spool);
}

static void what_is_no_spool_is_said(void **state)
{
    struct fixture *fix = *state;
    struct look look;
    struct err err;
    assert_int_equal(look_open(&look, "/nowhere", &err), -1);
    assert_int_equal(err.kind, ERR_GONE);
    folder_empty(fix->dir);
    assert_int_equal(look_open(&look, fix->dir, &err), -1);
    assert_int_equal(err.kind, ERR_CONFIG);
    assert_non_null(strstr(err.text, "is not a spool"));
}

/* ---- repairing ---- */

static void say_nothing(void *arg, const char *text)
{
    (void)arg;
    assert_true(*text);
}

static int try_repair(const char *dir, struct repair_report *report, struct err *err)
{
    *report = (struct repair_report) {.say = say_nothing};
    return repair_segments(dir, false, report, err);
}

static void repair(const char *dir)
{
    struct repair_report report;
    struct err err = ERR_INIT;
    if (try_repair(dir, &report, &err))
        fail_msg("%s", err.text);
}

/* Everything that was whole still is, and nothing else is there but what no repair can tell. */
static void check_repair(struct fixture *fix, const char *what, size_t at)
{
    folder_write(fix->dir, &fix->whole);
    struct found before = look_at(fix->dir);
    repair(fix->dir);
    struct found after = look_at(fix->dir);
    if (after.bytes < before.bytes || after.records < before.records ||
        (after.missing > before.missing && after.records == before.records))
        fail_msg("%s %zu: %llu records before, %llu after", what, at,
                 (unsigned long long)before.records, (unsigned long long)after.records);
    struct folder repaired = {.n = 0};
    folder_read(fix->dir, &repaired);
    repair(fix->dir);
    assert_same_folder(fix->dir, &repaired);
    folder_free(&repaired);
}

static void every_bit_turned_is_repaired(void **state)
{
    struct fixture *fix = *state;
    for (int no = 1; no <= N_SEGMENTS; no++) {
        struct folder_file *file = segment_file(fix, no);
        for (size_t at = 0; at < file->bytes.len; at++) {
            file->bytes.data[at] ^= 0x10;
            check_repair(fix, file->name, at);
            struct found after = look_at(fix->dir);
            if (after.places || (at < SEGMENT_HEADER_BYTES && (after.missing || after.torn)))
                fail_msg("%s %zu: %llu places", file->name, at, (unsigned long long)after.places);
            file->bytes.data[at] ^= 0x10;
        }
    }
}

static void every_cut_is_repaired(void **state)
{
    struct fixture *fix = *state;
    for (int no = 1; no <= N_SEGMENTS; no++) {
        struct folder_file *file = segment_file(fix, no);
        size_t size = file->bytes.len;
        for (file->bytes.len = 0; file->bytes.len < size; file->bytes.len++)
            check_repair(fix, file->name, file->bytes.len);
    }
}

static void every_sector_zeroed_is_repaired(void **state)
{
    struct fixture *fix = *state;
    for (int no = 1; no <= N_SEGMENTS; no++) {
        struct folder_file *file = segment_file(fix, no);
        for (size_t at = 0; at < file->bytes.len; at += SECTOR) {
            char kept[SECTOR];
            size_t len = file->bytes.len - at < SECTOR ? file->bytes.len - at : SECTOR;
            memcpy(kept, file->bytes.data + at, len);
            memset(file->bytes.data + at, 0, len);
            check_repair(fix, file->name, at);
            memcpy(file->bytes.data + at, kept, len);
        }
    }
}

static void exchange(struct folder_file *a, struct folder_file *b)
{
    struct buf bytes = a->bytes;
    a->bytes = b->bytes;
    b->bytes = bytes;
}

/* Three names in a circle too. */
static void segments_get_their_own_names_back(void **state)
{
    struct fixture *fix = *state;
    for (int a = 1; a <= N_SEGMENTS; a++)
        for (int b = 1; b <= N_SEGMENTS; b++) {
            exchange(segment_file(fix, 1), segment_file(fix, a));
            exchange(segment_file(fix, 2), segment_file(fix, b));
            folder_write(fix->dir, &fix->whole);
            repair(fix->dir);
            struct found found = look_at(fix->dir);
            assert_int_equal(found.records, 11);
            assert_int_equal(found.places + found.missing, 0);
            exchange(segment_file(fix, 2), segment_file(fix, b));
            exchange(segment_file(fix, 1), segment_file(fix, a));
        }
}

static void the_old_segment_is_kept_whole(void **state)
{
    struct fixture *fix = *state;
    struct folder_file *file = segment_file(fix, 2);
    struct buf kept = BUF_INIT;
    file->bytes.data[file->bytes.len - 20] ^= 1;
    folder_write(fix->dir, &fix->whole);
    repair(fix->dir);
    file_read(fix->dir, "bad/0000000000000002.seg", &kept);
    assert_int_equal(kept.len, file->bytes.len);
    assert_memory_equal(kept.data, file->bytes.data, kept.len);
    buf_free(&kept);
}

/* Two damaged segments, one with its header: stopped at each call that changes something, then run again. */
static void interrupted_anywhere_it_is_finished_by_the_next_run(void **state)
{
    struct fixture *fix = *state;
    static const enum fs_call calls[] = {FS_WRITE, FS_SYNC, FS_RENAME, FS_SYNC_DIR};
    struct folder expected = {.n = 0};
    struct repair_report report;
    struct err err;
    segment_file(fix, 1)->bytes.data[12] ^= 1;
    segment_file(fix, 2)->bytes.data[segment_file(fix, 2)->bytes.len - 20] ^= 1;
    folder_write(fix->dir, &fix->whole);
    repair(fix->dir);
    folder_read(fix->dir, &expected);
    for (size_t i = 0; i < COUNT(calls); i++)
        for (int nth = 1, rc = -1; rc != 0; nth++) {
            const struct fs_fault fault = {
                .call = calls[i], .nth = nth, .times = -1, .fail = EIO, .short_len = 7};
            folder_write(fix->dir, &fix->whole);
            fs_set_faults(&fault, 1);
            rc = try_repair(fix->dir, &report, &err);
            fs_set_faults(NULL, 0);
            repair(fix->dir);
            assert_same_folder(fix->dir, &expected);
        }
    folder_free(&expected);
}

static void a_dry_run_changes_nothing(void **state)
{
    struct fixture *fix = *state;
    struct repair_report report = {.say = say_nothing};
    struct err err;
    exchange(segment_file(fix, 1), segment_file(fix, 3));
    segment_file(fix, 2)->bytes.data[segment_file(fix, 2)->bytes.len - 20] ^= 1;
    folder_write(fix->dir, &fix->whole);
    assert_int_equal(repair_segments(fix->dir, true, &report, &err), 0);
    assert_int_equal(report.rewritten, 1);
    assert_same_folder(fix->dir, &fix->whole);
    assert_false(file_exists(fix->dir, "bad"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(a_whole_spool_is_found_whole_and_is_not_changed),
        CASE(a_folder_that_may_not_be_written_can_be_looked_at),
        CASE(sources_are_known_as_of_any_record),
        CASE(a_running_posta_is_seen_and_not_disturbed),
        CASE(what_is_no_spool_is_said),
        CASE(every_bit_turned_is_repaired),
        CASE(every_cut_is_repaired),
        CASE(every_sector_zeroed_is_repaired),
        CASE(segments_get_their_own_names_back),
        CASE(the_old_segment_is_kept_whole),
        CASE(interrupted_anywhere_it_is_finished_by_the_next_run),
        CASE(a_dry_run_changes_nothing),
    };
    return cmocka_run_group_tests(tests, log_nothing, NULL);
}
