/* test_tail_discover.c: which files are followed, under whatever name, and which are forgotten. */
#include "tail_test.h"

#define SOON(rig) look_again(rig)

static void a_new_file_is_followed_from_its_beginning(void **state)
{
    struct rig *rig = *state;
    set_path(rig, "*.log");
    start(rig);
    turn(rig, 0);
    put(rig, "a.log", "one\n");
    put(rig, "b.txt", "not ours\n");
    UNTIL(rig, has_bytes(rig, 0, "one\n"));
    put(rig, "b.log", "two\n");
    UNTIL(rig, has_bytes(rig, 1, "two\n"));
    SOON(rig);
    assert_int_equal(rig->sink.n, 2);
    assert_int_equal(tail_stats(rig->tail)->files_open, 2);
    assert_int_equal(tail_stats(rig->tail)->files_found, 2);
}

/* Under one path: the older generation first, then the younger. */
static void renamed_and_made_anew(void **state)
{
    struct rig *rig = *state;
    int fd = writer(rig, "access.log");
    say(fd, "one\n");
    follow_one(rig);
    UNTIL(rig, has_bytes(rig, 0, "one\n"));
    rename_in(rig, "access.log", "access.log.1");
    say(fd, "two\n");
    put(rig, "access.log", "three\n");
    close(fd);
    UNTIL(rig, is_ended(rig, 0) && has_bytes(rig, 1, "three\n"));
    assert_bytes(rig, 0, "one\ntwo\n");
    assert_int_equal(rig->sink.made[0].proof, END_LEASE);
    assert_string_equal(rig->sink.made[1].path, path_of(rig, "access.log"));
    assert_int_equal(tail_stats(rig->tail)->rotations, 1);
    SOON(rig);
    assert_int_equal(rig->sink.n, 2);
}

static void renamed_to_a_name_that_is_not_ours(void **state)
{
    struct rig *rig = *state;
    int fd = writer(rig, "access.log");
    say(fd, "one\n");
    follow_one(rig);
    UNTIL(rig, has_bytes(rig, 0, "one\n"));
    rename_in(rig, "access.log", "kept-for-ever");
    say(fd, "two\n");
    UNTIL(rig, has_bytes(rig, 0, "one\ntwo\n"));
    assert_false(is_ended(rig, 0));
    close(fd);
    UNTIL(rig, is_ended(rig, 0));
    assert_int_equal(tail_stats(rig->tail)->files_open, 0);
}

static void renamed_to_a_name_that_the_wildcard_matches(void **state)
{
    struct rig *rig = *state;
    put(rig, "a.log", "one\n");
    set_path(rig, "*.log*");
    start(rig);
    UNTIL(rig, has_bytes(rig, 0, "one\n"));
    rename_in(rig, "a.log", "a.log.1");
    put(rig, "a.log", "two\n");
    UNTIL(rig, is_ended(rig, 0) && has_bytes(rig, 1, "two\n"));
    SOON(rig);
    put(rig, "a.log.1", "late\n");
    UNTIL(rig, has_bytes(rig, 0, "one\nlate\n"));
    SOON(rig);
    assert_int_equal(rig->sink.n, 2);
}

static void renamed_over(void **state)
{
    struct rig *rig = *state;
    put(rig, "access.log", "one\n");
    follow_one(rig);
    UNTIL(rig, has_bytes(rig, 0, "one\n"));
    put(rig, "access.log", "late\n");
    put(rig, "new", "two\n");
    rename_in(rig, "new", "access.log");
    UNTIL(rig, is_ended(rig, 0) && has_bytes(rig, 1, "two\n"));
    assert_bytes(rig, 0, "one\nlate\n");
}

/* Rotated while posta was away: the generation between is found by its birth. */
static void a_generation_that_was_missed_is_adopted(void **state)
{
    struct rig *rig = *state;
    put(rig, "access.log", "one\n");
    follow_one(rig);
    UNTIL(rig, has_bytes(rig, 0, "one\n"));
    stop(rig);
    rename_in(rig, "access.log", "access.log.2");
    put(rig, "access.log.2", "late\n");
    next_birth_time();
    put(rig, "access.log", "two\n");
    rename_in(rig, "access.log", "access.log.1");
    next_birth_time();
    put(rig, "access.log", "three\n");
    start(rig);
    UNTIL(rig, has_bytes(rig, 0, "one\nlate\n") && rig->sink.n == 3);
    UNTIL(rig, is_ended(rig, 0) && (is_ended(rig, 1) || is_ended(rig, 2)));
    bool first_is_older = has_bytes(rig, 1, "two\n");
    UNTIL(rig, has_bytes(rig, first_is_older ? 2 : 1, "three\n"));
    assert_true(has_bytes(rig, first_is_older ? 1 : 2, "two\n"));
    assert_string_equal(rig->sink.made[1].path, path_of(rig, "access.log"));
    assert_string_equal(rig->sink.made[2].path, path_of(rig, "access.log"));
}

static void generations_from_before_are_not_adopted(void **state)
{
    struct rig *rig = *state;
    put(rig, "access.log.1", "old\n");
    next_birth_time();
    put(rig, "access.log", "one\n");
    follow_one(rig);
    UNTIL(rig, has_bytes(rig, 0, "one\n"));
    put(rig, "access.log.1", "touched\n");
    SOON(rig);
    assert_int_equal(rig->sink.n, 1);
}

static void the_copy_of_copytruncate_is_not_adopted(void **state)
{
    struct rig *rig = *state;
    put(rig, "access.log", "one\ntwo\n");
    follow_one(rig);
    UNTIL(rig, has_bytes(rig, 0, "one\ntwo\n"));
    next_birth_time();
    put(rig, "access.log.1", "one\ntwo\n");
    assert_int_equal(truncate(path_of(rig, "access.log"), 0), 0);
    put(rig, "access.log", "three\n");
    UNTIL(rig, has_bytes(rig, 2, "three\n"));
    SOON(rig);
    stop(rig);
    start(rig);
    SOON(rig);
    assert_int_equal(rig->sink.n, 3);
    assert_string_equal(story_of(rig, 1), "copied@8");
}

static void compressed_rubbish_is_not_adopted(void **state)
{
    struct rig *rig = *state;
    put(rig, "access.log", "one\n");
    follow_one(rig);
    UNTIL(rig, has_bytes(rig, 0, "one\n"));
    next_birth_time();
    put(rig, "access.log.1.gz", "\x1f\x8b\n");
    rename_in(rig, "access.log", "access.log.1");
    SOON(rig);
    for (size_t i = 1; i < rig->sink.n; i++)
        assert_bytes(rig, i, "");
}

static void excluded_files_are_left_out(void **state)
{
    struct rig *rig = *state;
    rig->excludes[0] = mem_dup("/b[0-9]+\\.log$");
    rig->excludes[1] = mem_dup("\\.gz$");
    rig->in.exclude_files.n = 2;
    put(rig, "a.log", "one\n");
    put(rig, "b7.log", "two\n");
    put(rig, "c.log.gz", "three\n");
    set_path(rig, "*");
    start(rig);
    put(rig, "b8.log", "four\n");
    SOON(rig);
    assert_int_equal(rig->sink.n, 1);
    assert_bytes(rig, 0, "one\n");
}

static void two_names_of_one_file_are_one_source(void **state)
{
    struct rig *rig = *state;
    int fd = writer(rig, "a.log");
    say(fd, "one\n");
    assert_int_equal(link(path_of(rig, "a.log"), path_of(rig, "b.log")), 0);
    set_path(rig, "*.log");
    start(rig);
    UNTIL(rig, has_bytes(rig, 0, "one\n"));
    unlink_in(rig, "a.log");
    SOON(rig);
    say(fd, "two\n");
    SOON(rig);
    unlink_in(rig, "b.log");
    say(fd, "three\n");
    SOON(rig);
    assert_false(is_ended(rig, 0));
    close(fd);
    UNTIL(rig, is_ended(rig, 0));
    assert_bytes(rig, 0, "one\ntwo\nthree\n");
    assert_int_equal(rig->sink.n, 1);
}

/* ---- the end of names ---- */

static void a_deleted_file_is_read_to_its_end_and_forgotten(void **state)
{
    struct rig *rig = *state;
    int fd = writer(rig, "access.log");
    say(fd, "one\n");
    follow_one(rig);
    UNTIL(rig, has_bytes(rig, 0, "one\n"));
    unlink_in(rig, "access.log");
    say(fd, "two\nrest");
    SOON(rig);
    assert_false(is_ended(rig, 0));
    close(fd);
    UNTIL(rig, is_ended(rig, 0));
    assert_string_equal(story_of(rig, 0), "0-4 4-8 8-12:last lease@12");
    assert_int_equal(tail_stats(rig->tail)->files_open, 0);
    SOON(rig);
    assert_true(rig->sink.made[0].is_forgotten);
    assert_int_equal(rig->sink.made[0].n_ends, 1);
}

static void a_known_source_goes_on_at_its_offset(void **state)
{
    struct rig *rig = *state;
    put(rig, "access.log", "one\n");
    follow_one(rig);
    UNTIL(rig, has_bytes(rig, 0, "one\n"));
    stop(rig);
    put(rig, "access.log", "two\n");
    rename_in(rig, "access.log", "access.log-20261122");
    next_birth_time();
    put(rig, "access.log", "three\n");
    start(rig);
    UNTIL(rig, is_ended(rig, 0) && has_bytes(rig, 1, "three\n"));
    assert_string_equal(story_of(rig, 0), "0-4 4-8 lease@8");
    assert_true(log_has(rig, "access.log-20261122: following from byte 4 (rotated)"));
}

/* Rotated while posta was not running, to a name that nothing matches: what was not read yet is read, but no stranger. */
static void a_known_source_goes_on_under_any_name(void **state)
{
    struct rig *rig = *state;
    set_path(rig, "*.log");
    start(rig);
    put(rig, "access.log", "one\n");
    UNTIL(rig, has_bytes(rig, 0, "one\n"));
    stop(rig);
    put(rig, "access.log", "two\n");
    rename_in(rig, "access.log", "kept-for-ever");
    put(rig, "stranger", "not ours\n");
    next_birth_time();
    put(rig, "access.log", "three\n");
    start(rig);
    UNTIL(rig, is_ended(rig, 0) && has_bytes(rig, 1, "three\n"));
    assert_string_equal(story_of(rig, 0), "0-4 4-8 lease@8");
    SOON(rig);
    assert_int_equal(rig->sink.n, 2);
    assert_int_equal(tail_stats(rig->tail)->files_open, 1);
}

static void a_vanished_source_ends_and_is_forgotten(void **state)
{
    struct rig *rig = *state;
    put(rig, "access.log", "one\n");
    follow_one(rig);
    UNTIL(rig, has_bytes(rig, 0, "one\n"));
    stop(rig);
    put(rig, "access.log", "two\n");
    unlink_in(rig, "access.log");
    start(rig);
    UNTIL(rig, rig->sink.made[0].is_forgotten);
    assert_string_equal(story_of(rig, 0), "0-4 vanished@4");
    assert_int_equal(tail_stats(rig->tail)->lost_unknown, 1);
    assert_true(log_has(rig, "a file that was read to byte 4 is gone; what was written behind that "
                             "is lost"));
}

static void an_ended_generation_is_remembered_while_it_is_there(void **state)
{
    struct rig *rig = *state;
    put(rig, "access.log", "one\n");
    follow_one(rig);
    UNTIL(rig, has_bytes(rig, 0, "one\n"));
    rename_in(rig, "access.log", "access.log.1");
    UNTIL(rig, is_ended(rig, 0));
    stop(rig);
    start(rig);
    SOON(rig);
    assert_int_equal(rig->sink.n, 1);
    assert_false(rig->sink.made[0].is_forgotten);
    unlink_in(rig, "access.log.1");
    SOON(rig);
    assert_true(rig->sink.made[0].is_forgotten);
    assert_int_equal(rig->sink.made[0].n_ends, 1);
}

static void ended_generations_do_not_pile_up(void **state)
{
    struct rig *rig = *state;
    put(rig, "access.log", "x\n");
    follow_one(rig);
    for (size_t i = 0; i < 50; i++) {
        UNTIL(rig, has_bytes(rig, i, "x\n"));
        rename_in(rig, "access.log", "access.log.1");
        UNTIL(rig, is_ended(rig, i));
        put(rig, "access.log", "x\n");
    }
    SOON(rig);
    SOON(rig);
    print_message("%s: %zu sources are known\n", rig->dir, sources_known(rig));
    assert_true(sources_known(rig) <= 3);
}

static void an_ended_file_that_was_cut_and_filled_is_read(void **state)
{
    struct rig *rig = *state;
    put(rig, "access.log", "one long first line\n");
    follow_one(rig);
    UNTIL(rig, has_bytes(rig, 0, "one long first line\n"));
    rig->sink.room = 1; /* the end is kept, the beginning is not */
    assert_int_equal(truncate(path_of(rig, "access.log"), 0), 0);
    put(rig, "access.log", "two\n");
    UNTIL(rig, is_ended(rig, 0));
    stop(rig);
    rig->sink.room = -1;
    start(rig);
    SOON(rig);
    assert_true(has_bytes(rig, 1, "two\n"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        ON_BOTH(a_new_file_is_followed_from_its_beginning),
        ON_BOTH(renamed_and_made_anew),
        ON_BOTH(renamed_to_a_name_that_is_not_ours),
        ON_BOTH(renamed_to_a_name_that_the_wildcard_matches),
        ON_BOTH(renamed_over),
        ON_BOTH(a_generation_that_was_missed_is_adopted),
        ON_BOTH(generations_from_before_are_not_adopted),
        ON_BOTH(the_copy_of_copytruncate_is_not_adopted),
        ON_BOTH(compressed_rubbish_is_not_adopted),
        IN_MEMORY(excluded_files_are_left_out),
        ON_BOTH(two_names_of_one_file_are_one_source),
        ON_BOTH(a_deleted_file_is_read_to_its_end_and_forgotten),
        ON_BOTH(a_known_source_goes_on_at_its_offset),
        ON_BOTH(a_known_source_goes_on_under_any_name),
        ON_BOTH(a_vanished_source_ends_and_is_forgotten),
        ON_BOTH(an_ended_generation_is_remembered_while_it_is_there),
        ON_BOTH(ended_generations_do_not_pile_up),
        IN_MEMORY(an_ended_file_that_was_cut_and_filled_is_read),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
