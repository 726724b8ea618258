/* test_spool_registry.c: the table of sources: many of them, several of one file, forgotten ones that the reader still
 * needs, and what each costs.
 */
#include "posta_test.h"
#include "spool/store.h"

#include <posta/intern.h>

#include <malloc.h>

enum { N_STEPS = 4000, MAX_SOURCES = 300, N_IDS = 60, MANY = 10000, BYTES_A_SOURCE = 300 };

/* ---- against a plain array ---- */

static struct source *model[MAX_SOURCES + 1]; /* by number */

static struct source *new_source(uint32_t no, uint64_t ino)
{
    const struct source proto = {
        .no = no, .id = {.dev = 7, .ino = ino, .handle_len = 3}, .path = "/p", .input = "i"};
    return source_copy(&proto);
}

static struct source *newest_of(uint64_t ino)
{
    for (uint32_t no = MAX_SOURCES; no > 0; no--)
        if (model[no] && model[no]->id.ino == ino)
            return model[no];
    return NULL;
}

static void check_registry(const struct registry *reg)
{
    size_t n = 0, n_listed = 0;
    const struct source *prev = NULL;
    for (uint32_t no = 1; no <= MAX_SOURCES; no++) {
        assert_ptr_equal(registry_by_no(reg, no), model[no]);
        n += model[no] != NULL;
    }
    for (uint64_t ino = 0; ino < N_IDS; ino++) {
        const struct file_id id = {.dev = 8 /* not looked at */, .ino = ino, .handle_len = 3};
        assert_ptr_equal(registry_by_id(reg, &id), newest_of(ino));
    }
    for (const struct source *src = reg->first; src; prev = src, src = src->next, n_listed++) {
        assert_ptr_equal(src->prev, prev);
        assert_ptr_equal(model[src->no], src);
    }
    assert_int_equal(n_listed, n);
}

static void random_work_agrees_with_an_array(void **state)
{
    (void)state;
    struct registry reg = {0};
    random_begin("registry");
    memset(model, 0, sizeof(model));
    for (int i = 0; i < N_STEPS; i++) {
        uint32_t no = 1 + (uint32_t)random_below(MAX_SOURCES);
        bool is_growing = i / 500 % 2 == 0;
        if (random_below(100) < (is_growing ? 80 : 30)) { /* also over one of the same number */
            model[no] = new_source(no, random_below(N_IDS));
            registry_put(&reg, model[no]);
        } else if (model[no]) {
            registry_drop(&reg, model[no]);
            model[no] = NULL;
        }
        if (i % 20 == 0)
            check_registry(&reg);
    }
    registry_clear(&reg);
    assert_int_equal(intern_count(), 0);
}

/* ---- lost ranges ---- */

static void a_lost_range_moves_the_position_and_leaves_no_anchor(void **state)
{
    struct spool *spool = spool_start(*state, 0, 1 << 20);
    struct source *src = add_file(spool, 1);
    struct err err;
    struct spool_item item;
    put(spool, src, 46);
    const struct chunk rows[] = {
        {.from = 46, .to = 60, .flags = CHUNK_CUT, .bytes = "0123456789abcd", .len = 14},
        {.from = 60, .to = 1000060, .flags = CHUNK_LOST, .bytes = ""},
    };
    assert_int_equal(spool_append(spool, src, &rows[0], &err), 0);
    assert_int_equal(src->flags, SOURCE_SKIPPING);
    assert_int_equal(spool_append(spool, src, &rows[1], &err), 0);
    for (int i = 0; i < 2; i++) { /* and the same after a start */
        src = file_of(spool, 1);
        assert_int_equal(src->offset, 1000060);
        assert_int_equal(src->anchor_len, 0);
        assert_int_equal(src->flags, 0);
        spool_close(spool);
        spool = spool_start(*state, 0, 1 << 20);
    }
    assert_int_equal(spool_next(spool, &item, &err), 1);
    assert_int_equal(spool_next(spool, &item, &err), 1);
    assert_int_equal(spool_next(spool, &item, &err), 1);
    assert_int_equal(item.type, SPOOL_DATA);
    assert_int_equal(item.chunk.flags, CHUNK_LOST);
    assert_int_equal(item.chunk.from, 60);
    assert_int_equal(item.chunk.to, 1000060);
    assert_int_equal(item.chunk.len, 0);
    spool_close(spool);
}

static void an_end_tells_what_was_lost(void **state)
{
    struct spool *spool = spool_start(*state, 0, 1 << 20);
    struct source *src = add_file(spool, 1);
    struct spool_item item;
    struct err err;
    put(spool, src, 10);
    assert_int_equal(spool_end_source(spool, src, END_VANISHED, 500, &err), 0);
    assert_int_equal(src->offset, 10);
    spool_close(spool);
    spool = spool_start(*state, 0, 1 << 20);
    assert_int_equal(file_of(spool, 1)->offset, 10);
    assert_int_equal(file_of(spool, 1)->flags, SOURCE_ENDED);
    assert_int_equal(take(spool, &item), 1);
    assert_int_equal(take(spool, &item), 1);
    assert_int_equal(item.type, SPOOL_END);
    assert_int_equal(item.proof, END_VANISHED);
    assert_int_equal(item.end_offset, 10);
    assert_int_equal(item.lost_bytes, 500);
    spool_close(spool);
}

/* ---- marks ---- */

static void marks_are_durable_after_a_sync_and_delivered_after_delivery(void **state)
{
    struct spool *spool = spool_start(*state, 0, 1 << 20);
    uint64_t empty = spool_mark(spool);
    assert_true(spool_is_durable(spool, empty));
    struct source *src = add_file(spool, 1);
    put(spool, src, 10);
    uint64_t mark = spool_mark(spool);
    put(spool, src, 10);
    assert_true(mark > empty);
    assert_false(spool_is_durable(spool, mark));
    sync_now(spool);
    assert_true(spool_is_durable(spool, mark));
    assert_true(spool_is_durable(spool, spool_mark(spool)));
    assert_false(spool_is_delivered(spool, mark));
    struct spool_item item;
    assert_int_equal(take(spool, &item), 1);
    delivered_up_to(spool, &item);
    assert_true(spool_is_delivered(spool, mark));
    assert_false(spool_is_delivered(spool, spool_mark(spool)));
    spool_close(spool);
}

/* ---- forgotten sources ---- */

static void end_and_forget(struct spool *spool, uint64_t ino)
{
    struct err err;
    assert_int_equal(spool_end_source(spool, file_of(spool, ino), END_LEASE, 0, &err), 0);
    spool_forget(spool, file_of(spool, ino));
    assert_null(file_of(spool, ino));
}

static void check_path(const struct spool_item *item, uint64_t ino)
{
    assert_int_equal(item->src->id.ino, ino);
    assert_string_equal(item->src->path, "/var/log/nginx/access.log");
    assert_string_equal(item->src->input, "nginx");
}

/* The reader comes after the forgetting: in the same segment, in a later one, again after a rewind. */
static void a_forgotten_source_is_known_to_the_reader(void **state)
{
    static const uint64_t segment_bytes[] = {300, 1000, 1 << 20};
    for (size_t i = 0; i < COUNT(segment_bytes); i++) {
        folder_empty(*state);
        struct spool *spool = spool_start(*state, 0, segment_bytes[i]);
        for (uint64_t ino = 1; ino <= 20; ino++) {
            put(spool, add_file(spool, ino), 100);
            if (ino % 3 == 0)
                sync_now(spool);
            end_and_forget(spool, ino);
        }
        for (int round = 0; round < 2; round++) {
            struct spool_item item;
            for (uint64_t ino = 1; ino <= 20; ino++)
                for (int n = 0; n < 2; n++) {
                    assert_int_equal(take(spool, &item), 1);
                    check_path(&item, ino);
                }
            assert_int_equal(take(spool, &item), 0);
            assert_null(spool->reader.sources.first);
            spool_rewind(spool);
        }
        spool_close(spool);
    }
    assert_int_equal(intern_count(), 0);
}

static void an_item_outlives_that_its_source_is_forgotten(void **state)
{
    struct spool *spool = spool_start(*state, 0, 1 << 20);
    struct spool_item item;
    for (int is_synced = 0; is_synced < 2; is_synced++) {
        uint64_t ino = 1 + (uint64_t)is_synced;
        put(spool, add_file(spool, ino), 100);
        assert_int_equal(take(spool, &item), 1);
        end_and_forget(spool, ino);
        if (is_synced)
            sync_now(spool);
        check_path(&item, ino);
        assert_int_equal(take(spool, &item), 1);
        check_path(&item, ino);
        assert_int_equal(take(spool, &item), 0);
    }
    spool_close(spool);
}

/* Its records are written again into a segment that begins after it was forgotten. */
static void a_forgotten_source_is_in_the_segment_that_replaces_a_failed_one(void **state)
{
    struct spool *spool = spool_start(*state, 0, 1 << 20);
    struct err err;
    struct spool_item item;
    put(spool, add_file(spool, 1), 100);
    sync_now(spool);
    put(spool, file_of(spool, 1), 100);
    end_and_forget(spool, 1);
    const struct fs_fault fault = {.call = FS_SYNC, .nth = 1, .fail = EIO};
    fs_set_faults(&fault, 1);
    assert_int_equal(spool_sync(spool, &err), 0);
    fs_set_faults(NULL, 0);
    for (int i = 0; i < 3; i++) {
        assert_int_equal(take(spool, &item), 1);
        check_path(&item, 1);
    }
    assert_int_equal(take(spool, &item), 0);
    assert_null(spool->leaving.first);
    spool_close(spool);
}

/* ---- many ---- */

static void add_many(struct spool *spool)
{
    struct err err;
    for (uint64_t i = 0; i < MANY; i++) {
        struct source *src;
        const struct source proto = {
            .id = {.dev = 7, .ino = 100 + i, .btime_ns = 5, .handle_len = 12},
            .path = "/var/log/pods/some-application/current.log",
            .input = "pods"};
        assert_int_equal(spool_add_source(spool, &proto, &src, &err), 0);
    }
}

static size_t heap_bytes(void)
{
    malloc_trim(0);
    struct mallinfo2 info = mallinfo2();
    return info.uordblks + info.hblkhd;
}

/* Beside what a spool takes with nothing in it; the reader has met them all. */
static void ten_thousand_idle_sources_take_little_memory(void **state)
{
    struct spool_item item;
    struct spool *spool = spool_start(*state, 0, 64 << 20);
    add_many(spool);
    sync_now(spool);
    assert_int_equal(take(spool, &item), 0);
    spool_delivered(spool, spool_end(spool));
    spool_close(spool);
    size_t before = heap_bytes();
    spool = spool_start(*state, 0, 64 << 20);
    assert_int_equal(take(spool, &item), 0);
    size_t each = (heap_bytes() - before) / MANY;
    print_message("%zu bytes a source (the struct: %zu)\n", each, sizeof(struct source));
    assert_null(spool->reader.sources.first);
    assert_true(each <= BYTES_A_SOURCE);
    spool_close(spool);
}

static double cpu_s(void)
{
    struct timespec now;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
    return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

/* Quadratic work would take minutes. */
static void ten_thousand_sources_come_and_go_in_no_time(void **state)
{
    struct spool *spool = spool_start(*state, 0, 64 << 20);
    struct err err;
    double start = cpu_s();
    add_many(spool);
    for (uint64_t i = 0; i < MANY; i++) {
        const struct file_id id = {.ino = 100 + i, .btime_ns = 5, .handle_len = 12};
        struct source *src = spool_source_by_id(spool, &id);
        assert_int_equal(src->id.ino, id.ino);
        assert_int_equal(spool_end_source(spool, src, END_LEASE, 0, &err), 0);
        spool_forget(spool, src);
    }
    double took = cpu_s() - start;
    print_message("%.0f ns for each to come and go\n", took / MANY * 1e9);
    assert_null(spool_sources(spool));
    assert_true(took < 5);
    spool_close(spool);
    assert_int_equal(intern_count(), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(random_work_agrees_with_an_array),
        IN_FOLDER(a_lost_range_moves_the_position_and_leaves_no_anchor),
        IN_FOLDER(an_end_tells_what_was_lost),
        IN_FOLDER(marks_are_durable_after_a_sync_and_delivered_after_delivery),
        IN_FOLDER(a_forgotten_source_is_known_to_the_reader),
        IN_FOLDER(an_item_outlives_that_its_source_is_forgotten),
        IN_FOLDER(a_forgotten_source_is_in_the_segment_that_replaces_a_failed_one),
        IN_FOLDER(ten_thousand_idle_sources_take_little_memory),
        IN_FOLDER(ten_thousand_sources_come_and_go_in_no_time),
    };
    return cmocka_run_group_tests(tests, log_nothing, NULL);
}
