/* test_tail_reread.c: bytes of a log that are read once more: those of its file, or none. */
#include "tail_test.h"

#include <zlib.h>

/* What tail would have given of this file. */
static struct source *source_at(const struct rig *rig, const char *name)
{
    struct source proto = {.path = path_of(rig, name), .input = "app"};
    struct err err;
    int fd = open(proto.path, O_RDONLY | O_CLOEXEC);
    assert_true(fd >= 0);
    assert_int_equal(file_id_of(fd, &proto.id, &err), 0);
    close(fd);
    return source_copy(&proto);
}

static int read_again(struct rig *rig, const struct source *src, uint64_t from, char *into,
                      size_t len)
{
    struct err err = ERR_INIT;
    int rc = tail_read_again(&rig->in, src, from, into, len, &err);
    if (rc)
        assert_int_equal(err.kind, ERR_GONE);
    return rc;
}

static void bytes_are_found_under_another_name(void **state)
{
    struct rig *rig = *state;
    char bytes[8];
    put(rig, "app.log", "one\ntwo\nthree\n");
    struct source *src = source_at(rig, "app.log");
    rename_in(rig, "app.log", "app.log.1");
    put(rig, "app.log", "ONE\nTWO\nTHREE\n");
    assert_int_equal(read_again(rig, src, 4, bytes, 4), 0);
    assert_memory_equal(bytes, "two\n", 4);
    assert_int_equal(read_again(rig, src, 8, bytes, 7), -1); /* it is shorter */
    unlink_in(rig, "app.log.1");
    assert_int_equal(read_again(rig, src, 4, bytes, 4), -1);
    source_free(src);
}

/* Its places are those of the content. */
static void a_compressed_file_is_not_taken_for_its_content(void **state)
{
    struct rig *rig = *state;
    char bytes[8];
    gzFile file = gzopen(path_of(rig, "app.log.gz"), "wb");
    assert_true(gzwrite(file, "one\ntwo\nthree\n", 14) > 0);
    gzclose(file);
    struct source *src = source_at(rig, "app.log.gz");
    assert_int_equal(read_again(rig, src, 4, bytes, 4), -1);
    source_free(src);
}

static void a_place_that_was_given_back_is_gone(void **state)
{
    struct rig *rig = *state;
    char bytes[8];
    int fd = writer(rig, "app.log");
    static const char line[16384] = {'x'};
    say_bytes(fd, line, sizeof(line));
    say(fd, "two\n");
    if (fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 0, 8192) < 0)
        skip();
    close(fd);
    struct source *src = source_at(rig, "app.log");
    assert_int_equal(read_again(rig, src, 0, bytes, 4), -1);
    assert_int_equal(read_again(rig, src, sizeof(line), bytes, 4), 0);
    source_free(src);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        ON_BOTH(bytes_are_found_under_another_name),
        ON_BOTH(a_compressed_file_is_not_taken_for_its_content),
        ON_BOTH(a_place_that_was_given_back_is_gone),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
