/* test_spool_format.c: records and sources packed, byte by byte as the format's tables say, and unpacked. */
#include "posta_test.h"
#include "spool/record.h"
#include "spool/registry.h"
#include "spool/segment.h"

static const struct record sample = {
    .type = REC_DATA,
    .flags = CHUNK_CUT,
    .payload_len = 0x01020304,
    .payload_crc = 0x05060708,
    .source_no = 0x09,
    .seq = 0x1112131415161718,
    .from = 0x21,
    .to = 0x31,
    .time_ns = 0x41,
};

static void a_record_header_is_laid_out_as_documented(void **state)
{
    (void)state;
    uint8_t head[RECORD_HEADER_BYTES];
    static const uint8_t want[] = {
        'r',  'e',  'c',  '1',  3,    1,    0,    0, 4, 3, 2, 1, 8, 7, 6,   5,    0x18,
        0x17, 0x16, 0x15, 0x14, 0x13, 0x12, 0x11, 9, 0, 0, 0, 0, 0, 0, 0,   0x21, 0,
        0,    0,    0,    0,    0,    0,    0x31, 0, 0, 0, 0, 0, 0, 0, 0x41};
    record_pack(&sample, 5, head);
    assert_memory_equal(head, want, sizeof(want));
    assert_int_equal(get_u32(head + 60), crc32c(5, head, 60));
}

static void a_record_header_comes_back(void **state)
{
    (void)state;
    uint8_t head[RECORD_HEADER_BYTES];
    struct record rec;
    record_pack(&sample, 5, head);
    assert_true(record_unpack(head, 5, &rec));
    assert_int_equal(rec.type, sample.type);
    assert_int_equal(rec.flags, sample.flags);
    assert_int_equal(rec.payload_len, sample.payload_len);
    assert_int_equal(rec.payload_crc, sample.payload_crc);
    assert_int_equal(rec.source_no, sample.source_no);
    assert_int_equal(rec.seq, sample.seq);
    assert_int_equal(rec.from, sample.from);
    assert_int_equal(rec.to, sample.to);
    assert_int_equal(rec.time_ns, sample.time_ns);
}

static void a_header_of_another_salt_is_refused(void **state)
{
    (void)state;
    uint8_t head[RECORD_HEADER_BYTES];
    struct record rec;
    record_pack(&sample, 5, head);
    assert_false(record_unpack(head, 6, &rec));
}

static void any_turned_bit_of_a_header_is_refused(void **state)
{
    (void)state;
    uint8_t head[RECORD_HEADER_BYTES];
    struct record rec;
    record_pack(&sample, 5, head);
    for (size_t bit = 0; bit < 8 * sizeof(head); bit++) {
        head[bit / 8] ^= (uint8_t)(1 << bit % 8);
        assert_false(record_unpack(head, 5, &rec));
        head[bit / 8] ^= (uint8_t)(1 << bit % 8);
    }
}

static void an_unknown_type_or_a_huge_length_is_refused(void **state)
{
    (void)state;
    uint8_t head[RECORD_HEADER_BYTES];
    struct record rec = sample, found;
    for (int type = 0; type < 256; type++) {
        rec.type = (uint8_t)type;
        record_pack(&rec, 5, head);
        assert_int_equal(record_unpack(head, 5, &found), type >= REC_CHECKPOINT && type <= REC_END);
    }
    rec = sample;
    rec.payload_len = RECORD_PAYLOAD_MAX;
    record_pack(&rec, 5, head);
    assert_true(record_unpack(head, 5, &found));
    rec.payload_len++;
    record_pack(&rec, 5, head);
    assert_false(record_unpack(head, 5, &found));
}

static void a_record_takes_a_multiple_of_eight_bytes(void **state)
{
    (void)state;
    static const struct {
        uint32_t payload, size;
    } rows[] = {{0, 64}, {1, 72}, {8, 72}, {9, 80}, {UINT32_MAX, 0}};
    for (size_t i = 0; i < COUNT(rows); i++) {
        const struct record rec = {.payload_len = rows[i].payload};
        uint64_t size = rows[i].size ? rows[i].size : UINT64_C(64) + (UINT64_C(1) << 32);
        assert_int_equal(record_size(&rec), size);
    }
}

static void a_segment_header_is_laid_out_as_documented(void **state)
{
    (void)state;
    const struct segment seg = {
        .no = 0x42, .base_seq = 0x99, .salt = 0x01020304, .uuid = "0123456789abcde"};
    uint8_t head[SEGMENT_HEADER_BYTES], want[SEGMENT_HEADER_BYTES] = "postaspl\1\0\0\0\4\3\2\1"
                                                                     "0123456789abcde\0\x42";
    want[40] = 0x99;
    put_u32(want + 60, crc32c(0, want, 60));
    segment_pack_header(&seg, head);
    assert_memory_equal(head, want, sizeof(want));
}

/* ---- sources ---- */

static struct source *sample_source(uint32_t no, uint8_t handle_len, uint8_t anchor_len)
{
    char path[] = "/var/log/a b.log", input[] = "in";
    struct source src = {.no = no,
                         .epoch = 3,
                         .id = {.dev = 1,
                                .ino = 2,
                                .btime_ns = -5,
                                .handle_type = 129,
                                .handle_len = handle_len,
                                .handle = "handle handle handle handle handle hand"},
                         .first_seen_ns = 77,
                         .path = path,
                         .input = input,
                         .offset = 1000,
                         .flags = SOURCE_SKIPPING,
                         .anchor_len = anchor_len};
    memset(src.anchor, 'a', sizeof(src.anchor));
    return source_copy(&src);
}

static void assert_same_source(const struct source *a, const struct source *b)
{
    assert_int_equal(a->no, b->no);
    assert_int_equal(a->epoch, b->epoch);
    assert_true(file_id_equal(&a->id, &b->id));
    assert_int_equal(a->id.dev, b->id.dev);
    assert_int_equal(a->first_seen_ns, b->first_seen_ns);
    assert_int_equal(a->offset, b->offset);
    assert_int_equal(a->flags, b->flags);
    assert_int_equal(a->anchor_len, b->anchor_len);
    assert_memory_equal(a->anchor, b->anchor, a->anchor_len);
    assert_string_equal(a->path, b->path);
    assert_string_equal(a->input, b->input);
}

static void sources_come_back_and_no_cut_table_is_taken_for_whole(void **state)
{
    (void)state;
    struct registry reg = {.next_no = 9}, found = {.next_no = 1};
    struct buf packed = BUF_INIT;
    registry_put(&reg, sample_source(4, 0, 0));
    registry_put(&reg, sample_source(5, HANDLE_BYTES, ANCHOR_BYTES));
    registry_pack(&reg, NULL, &packed);
    for (size_t len = 0; len < packed.len; len++) {
        uint8_t *exact = mem_alloc(len); /* so that a read behind it is seen */
        memcpy(exact, packed.data, len);
        assert_int_equal(registry_unpack(&found, exact, len, NULL, NULL), -1);
        free(exact);
    }
    assert_int_equal(registry_unpack(&found, (uint8_t *)packed.data, packed.len, NULL, NULL), 0);
    assert_int_equal(found.next_no, 9);
    for (uint32_t no = 4; no <= 5; no++)
        assert_same_source(registry_by_no(&found, no), registry_by_no(&reg, no));
    registry_clear(&reg);
    registry_clear(&found);
    buf_free(&packed);
}

static void lengths_that_cannot_be_are_refused(void **state)
{
    (void)state;
    static const size_t at[] = {52, 53};
    for (size_t i = 0; i < COUNT(at); i++) {
        uint8_t bytes[1000] = {0};
        const uint8_t *from = bytes;
        bytes[at[i]] = 65;
        assert_null(source_unpack(&from, bytes + sizeof(bytes)));
        assert_ptr_equal(from, bytes);
    }
}

static void the_anchor_is_the_last_bytes_before_the_position(void **state)
{
    (void)state;
    struct source *src = sample_source(1, 0, 0);
    char bytes[200];
    src->offset = 0;
    for (size_t i = 0; i < sizeof(bytes); i++)
        bytes[i] = known_byte(1, i);
    static const size_t steps[] = {1, 30, 40, 0, 63, 2, 64};
    for (size_t i = 0, at = 0; i < COUNT(steps); at += steps[i++]) {
        source_advance(src, at, at + steps[i], 0, bytes + at, steps[i]);
        size_t end = at + steps[i], want = end < ANCHOR_BYTES ? end : ANCHOR_BYTES;
        assert_int_equal(src->anchor_len, want);
        assert_memory_equal(src->anchor, bytes + end - want, want);
    }
    source_advance(src, src->offset, src->offset + 10, CHUNK_SKIPPED, NULL, 0);
    assert_int_equal(src->anchor_len, 0);
    source_free(src);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_record_header_is_laid_out_as_documented),
        cmocka_unit_test(a_record_header_comes_back),
        cmocka_unit_test(a_header_of_another_salt_is_refused),
        cmocka_unit_test(any_turned_bit_of_a_header_is_refused),
        cmocka_unit_test(an_unknown_type_or_a_huge_length_is_refused),
        cmocka_unit_test(a_record_takes_a_multiple_of_eight_bytes),
        cmocka_unit_test(a_segment_header_is_laid_out_as_documented),
        cmocka_unit_test(sources_come_back_and_no_cut_table_is_taken_for_whole),
        cmocka_unit_test(lengths_that_cannot_be_are_refused),
        cmocka_unit_test(the_anchor_is_the_last_bytes_before_the_position),
    };
    return cmocka_run_group_tests(tests, log_nothing, NULL);
}
