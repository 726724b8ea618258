/* test_base_bytes.c: checksums and hashes with known results; identities and the key made from them; the clock. */
#include "posta_test.h"

/* One bit after the other, as the standard defines it. */
static uint32_t crc_by_bit(const uint8_t *bytes, size_t len)
{
    uint32_t crc = 0xffffffff;
    for (size_t i = 0; i < 8 * len; i++) {
        uint32_t bit = (crc ^ bytes[i / 8] >> i % 8) & 1;
        crc = crc >> 1 ^ (bit ? 0x82f63b78 : 0);
    }
    return ~crc;
}

/* RFC 3720, appendix B.4. */
static void crc32c_of_the_standards_vectors(void **state)
{
    (void)state;
    uint8_t zeros[32] = {0}, ones[32], up[32], down[32];
    static const uint8_t read10[48] = {1, 0xc0, 0,    0,    0,    0, 0, 0, 0, 0, 0, 0, 0, 0,
                                       0, 0,    0x14, 0,    0,    0, 0, 0, 4, 0, 0, 0, 0, 0x14,
                                       0, 0,    0,    0x18, 0x28, 0, 0, 0, 0, 0, 0, 0, 2};
    memset(ones, 0xff, sizeof(ones));
    for (uint8_t i = 0; i < 32; i++)
        up[i] = i, down[i] = (uint8_t)(31 - i);
    assert_int_equal(crc32c(0, zeros, 32), 0x8a9136aa);
    assert_int_equal(crc32c(0, ones, 32), 0x62a8ab43);
    assert_int_equal(crc32c(0, up, 32), 0x46dd794e);
    assert_int_equal(crc32c(0, down, 32), 0x113fdb5c);
    assert_int_equal(crc32c(0, read10, 48), 0xd9963a56);
    assert_int_equal(crc32c(0, "123456789", 9), 0xe3069283);
    assert_int_equal(crc32c(0, NULL, 0), 0);
}

static void crc32c_of_long_runs(void **state)
{
    (void)state;
    enum { MAX = 20000 };
    static unsigned char bytes[MAX];
    for (int i = 0; i < MAX; i++)
        bytes[i] = (unsigned char)random_next();
    for (int i = 0; i < 300; i++) {
        size_t at = random_below(64), len = random_below(MAX - 64);
        uint32_t begin = crc32c(0, bytes, at);
        assert_int_equal(crc32c(0, bytes + at, len), crc_by_bit(bytes + at, len));
        assert_int_equal(crc32c(begin, bytes + at, len), crc32c(0, bytes, at + len));
    }
}

static void crc32c_at_any_alignment_and_length(void **state)
{
    (void)state;
    uint8_t bytes[128];
    for (size_t i = 0; i < sizeof(bytes); i++)
        bytes[i] = (uint8_t)known_byte(1, i);
    for (size_t at = 0; at < 16; at++)
        for (size_t len = 0; len <= sizeof(bytes) - at; len++)
            assert_int_equal(crc32c(0, bytes + at, len), crc_by_bit(bytes + at, len));
}

static void crc32c_of_parts_is_that_of_the_whole(void **state)
{
    (void)state;
    static const char text[] = "any split of this text gives the same checksum";
    uint32_t whole = crc32c(0, text, sizeof(text));
    for (size_t at = 0; at <= sizeof(text); at++)
        assert_int_equal(crc32c(crc32c(0, text, at), text + at, sizeof(text) - at), whole);
}

/* Known values of 64-bit FNV-1a. */
static void bytes_are_counted(void **state)
{
    static char text[3 * 255 * 64 + 170];
    (void)state;
    for (size_t every = 1; every < 40; every += 3) /* all of them first: no lane may overflow */
        for (size_t from = 0; from < 20; from += 7)
            for (size_t len = 0; len + from < sizeof text;
                 len = len < 50 ? len + 1 : len * 2 - 13) {
                uint64_t expected = 0;
                for (size_t i = 0; i < sizeof text; i++)
                    text[i] = i % every == 0 ? '\n' : (char)('\n' ^ 128);
                for (size_t i = from; i < from + len; i++)
                    expected += text[i] == '\n';
                assert_int_equal(bytes_count(text + from, len, '\n'), expected);
            }
    memset(text, 0xff, sizeof text);
    assert_int_equal(bytes_count(text, sizeof text, (char)0xff), sizeof text);
}

static void hash64_of_known_texts(void **state)
{
    (void)state;
    assert_true(hash64("", 0) == 0xcbf29ce484222325u);
    assert_true(hash64("a", 1) == 0xaf63dc4c8601ec8cu);
    assert_true(hash64("foobar", 6) == 0x85944171f73967e8u);
}

static void numbers_are_little_endian(void **state)
{
    (void)state;
    uint8_t bytes[15] = {0};
    put_u16(bytes + 1, 0x0102);
    put_u32(bytes + 3, 0x03040506);
    put_u64(bytes + 7, 0x0708090a0b0c0d0e);
    static const uint8_t want[] = {0, 2, 1, 6, 5, 4, 3, 14, 13, 12, 11, 10, 9, 8, 7};
    assert_memory_equal(bytes, want, sizeof(want));
    assert_int_equal(get_u16(bytes + 1), 0x0102);
    assert_int_equal(get_u32(bytes + 3), 0x03040506);
    assert_int_equal(get_u64(bytes + 7), 0x0708090a0b0c0d0e);
}

/* ---- identities ---- */

static const struct file_id with_handle = {.dev = 1,
                                           .ino = 42,
                                           .btime_ns = 7,
                                           .handle_type = 129,
                                           .handle_len = 4,
                                           .handle = {1, 2, 3, 4}};

static void a_file_with_a_handle_is_the_same_on_another_device_number(void **state)
{
    (void)state;
    struct file_id other = with_handle;
    other.dev = 99;
    assert_true(file_id_equal(&with_handle, &other));
}

static void a_file_without_a_handle_is_not(void **state)
{
    (void)state;
    struct file_id a = {.dev = 1, .ino = 42, .btime_ns = 7}, b = a;
    assert_true(file_id_equal(&a, &b));
    b.dev = 2;
    assert_false(file_id_equal(&a, &b));
}

static void any_other_difference_is_another_file(void **state)
{
    (void)state;
    struct file_id rows[5] = {with_handle, with_handle, with_handle, with_handle, with_handle};
    rows[0].ino++;
    rows[1].btime_ns++;
    rows[2].handle_type++;
    rows[3].handle_len--;
    rows[4].handle[3]++;
    for (size_t i = 0; i < COUNT(rows); i++)
        assert_false(file_id_equal(&with_handle, &rows[i]));
}

/* Of the inode number alone: a file of which only that is known is found too. */
static void equal_files_have_equal_hashes(void **state)
{
    (void)state;
    struct file_id same = with_handle, bare = {.dev = 1, .ino = 42, .btime_ns = 7}, moved = bare;
    same.dev = 99;
    same.handle[10] = 1; /* behind what counts */
    assert_int_equal(file_id_hash(&same), file_id_hash(&with_handle));
    moved.handle_type = 5;
    assert_true(file_id_equal(&moved, &bare));
    assert_int_equal(file_id_hash(&moved), file_id_hash(&bare));
    same.ino++;
    assert_true(file_id_hash(&same) != file_id_hash(&with_handle));
}

/* These are in the ids of events: a change makes every replay a duplicate. */
static void source_keys_never_change(void **state)
{
    (void)state;
    static const struct {
        struct source src;
        const char *key;
    } rows[] = {
        {{.epoch = 1,
          .first_seen_ns = 5,
          .id = {.dev = 9,
                 .ino = 42,
                 .btime_ns = 1700000000123456789,
                 .handle_len = 4,
                 .handle = {1, 2, 3, 4}}},
         "18bcfe5687b69aa48426"},
        {{.first_seen_ns = 1700000000123456789, .id = {.dev = 9, .ino = 42}},
         "18bcfe5687b639ed2d29"},
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        char key[SOURCE_KEY_LEN + 1];
        source_key(&rows[i].src, key);
        assert_string_equal(key, rows[i].key);
    }
}

static void a_source_key_is_that_of_identity_and_epoch_alone(void **state)
{
    (void)state;
    char path[] = "/b", key[SOURCE_KEY_LEN + 1], other[SOURCE_KEY_LEN + 1];
    struct source src = {.no = 1, .id = with_handle, .first_seen_ns = 1}, same = src;
    same.no = 2;
    same.id.dev = 77;
    same.first_seen_ns = 2;
    same.offset = 100;
    same.path = path;
    source_key(&src, key);
    source_key(&same, other);
    assert_string_equal(key, other);
    same.epoch++;
    source_key(&same, other);
    assert_string_not_equal(key, other);
}

static void proofs_have_names(void **state)
{
    (void)state;
    static const char *const names[] = {"unknown",  "lease",  "assumed", "truncated",
                                        "vanished", "copied", "unknown"};
    for (int proof = 0; proof < 7; proof++)
        assert_string_equal(end_proof_name((enum end_proof)proof), names[proof]);
}

/* ---- the clock ---- */

static int64_t seven(void)
{
    return 7;
}

static void the_clock_can_be_replaced_and_put_back(void **state)
{
    (void)state;
    static const struct clock_ops ops = {.mono_ns = seven, .wall_ns = seven};
    clock_set(&ops);
    assert_int_equal(clock_mono_ns(), 7);
    assert_int_equal(clock_wall_ns(), 7);
    clock_set(NULL);
    int64_t before = clock_mono_ns();
    assert_true(clock_mono_ns() >= before);
    assert_true(clock_wall_ns() > 1700000000 * NS_PER_S);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(crc32c_of_the_standards_vectors),
        cmocka_unit_test(crc32c_at_any_alignment_and_length),
        cmocka_unit_test(crc32c_of_long_runs),
        cmocka_unit_test(crc32c_of_parts_is_that_of_the_whole),
        cmocka_unit_test(bytes_are_counted),
        cmocka_unit_test(hash64_of_known_texts),
        cmocka_unit_test(numbers_are_little_endian),
        cmocka_unit_test(a_file_with_a_handle_is_the_same_on_another_device_number),
        cmocka_unit_test(a_file_without_a_handle_is_not),
        cmocka_unit_test(any_other_difference_is_another_file),
        cmocka_unit_test(equal_files_have_equal_hashes),
        cmocka_unit_test(source_keys_never_change),
        cmocka_unit_test(a_source_key_is_that_of_identity_and_epoch_alone),
        cmocka_unit_test(proofs_have_names),
        cmocka_unit_test(the_clock_can_be_replaced_and_put_back),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
