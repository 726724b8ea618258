/* test_verify_book.c: events as they are delivered → generations: where they end by what stands beside them, by their message, or
 * not at all; repeats, gaps, beginnings, ends, and what contradicts itself.
 */
#include "posta_test.h"
#include "verify/verify.h"

#define KEY  "1a2107b9412e48137d8f"
#define KEY2 "1a2107b9412e48137d90"

/* An event as posta makes it: "rest" goes behind the id's part. */
static struct change_note add(struct book *book, const char *key, uint64_t offset, const char *rest)
{
    struct buf json = BUF_INIT;
    buf_printf(&json,
               "{\"@metadata\":{\"_id\":\"%s%012llx\"},\"event\":{\"id\":\"%s%012llx\"},%s"
               "\"log\":{\"offset\":%llu,\"file\":{\"path\":\"/log/a\"}}}",
               key, (unsigned long long)offset, key, (unsigned long long)offset, rest,
               (unsigned long long)offset);
    struct change_note note =
        book_add(book, &(struct delivered) {.json = json.data, .len = json.len});
    buf_free(&json);
    return note;
}

static struct change_note add_spanned(struct book *book, uint64_t offset, uint64_t end,
                                      uint64_t left_out)
{
    static const char json[] = "{\"log\":{\"file\":{\"path\":\"/log/a\"}}}";
    char id[ID_LEN + 1];
    snprintf(id, sizeof id, "%s%012llx", KEY, (unsigned long long)offset);
    const struct delivered event = {
        .json = json, .len = sizeof json - 1, .id = id, .end = end, .left_out = left_out};
    return book_add(book, &event);
}

static struct change_note add_end(struct book *book, uint64_t offset, const char *numbers)
{
    struct buf json = BUF_INIT;
    buf_printf(
        &json,
        "{\"event\":{\"id\":\"%s%012llx-end\",\"dataset\":\"posta.end\"},\"posta\":{\"end\":{"
        "\"proof\":\"lease\",%s}},\"log\":{\"offset\":%llu,\"file\":{\"path\":\"/log/a\"}}}",
        KEY, (unsigned long long)offset, numbers, (unsigned long long)offset);
    struct change_note note =
        book_add(book, &(struct delivered) {.json = json.data, .len = json.len});
    buf_free(&json);
    return note;
}
#define NOTHING_LOST "\"lost_bytes\":0,\"left_out_bytes\":0"

static const struct generation *only(const struct book *book)
{
    size_t at = 0;
    assert_int_equal(book->table.n_used, 1);
    return table_next(&book->table, &at);
}

/* "0-10 20-30": what is missing of the only generation. */
static void assert_gaps(const struct book *book, const char *want)
{
    const struct generation *gen = only(book);
    struct buf text = BUF_INIT;
    struct range gap;
    for (size_t i = 0; i <= gen->ranges.n; i++)
        if (generation_gap(book, gen, i, &gap))
            buf_printf(&text, "%s%llu-%llu", text.len ? " " : "", (unsigned long long)gap.from,
                       (unsigned long long)gap.to);
    assert_string_equal(buf_str(&text), want);
    buf_free(&text);
}

static int set_up(void **state)
{
    struct book *book = mem_zero(1, sizeof *book);
    book->infers = true;
    *state = book;
    return 0;
}

static int tear_down(void **state)
{
    book_free(*state);
    free(*state);
    return 0;
}

/* ---- the end by the message ---- */

static void lines_with_lf_and_crlf_lie_side_by_side(void **state)
{
    struct book *book = *state;
    add(book, KEY, 0, "\"message\":\"one\",");         /* CR LF */
    add(book, KEY, 5, "\"message\":\"t\\u00e4\\n\","); /* 4 bytes in UTF-8, and LF */
    add(book, KEY, 10, "\"message\":\"\",");
    assert_int_equal(add(book, KEY, 11, "\"message\":\"x\",").change, CHANGE_NONE);
    assert_gaps(book, "");
    assert_int_equal(only(book)->n_events, 4);
    assert_int_equal(only(book)->n_unproven, 0);
    assert_string_equal(only(book)->path, "/log/a");
}

static void a_line_that_is_missing_is_a_gap_until_it_comes(void **state)
{
    struct book *book = *state;
    add(book, KEY, 0, "\"message\":\"one\",");
    struct change_note note = add(book, KEY, 8, "\"message\":\"three\",");
    assert_int_equal(note.change, CHANGE_GAP);
    assert_int_equal(note.range.from, 4);
    assert_int_equal(note.range.to, 8);
    assert_gaps(book, "4-8");
    assert_int_equal(add(book, KEY, 4, "\"message\":\"two\",").change, CHANGE_FILLED);
    assert_gaps(book, "");
}

static void what_was_cut_or_repaired_or_put_together_is_not_proven(void **state)
{
    struct book *book = *state;
    add(book, KEY, 0, "\"message\":\"a\\ufffdb\",");
    add(book, KEY, 100, "\"no_message\":1,");
    assert_int_equal(only(book)->n_unproven, 2);
    assert_gaps(book, "");
    book->infers = false;
    add(book, KEY, 200, "\"message\":\"abc\",");
    assert_int_equal(only(book)->n_unproven, 3);
}

/* ---- the end as it is said ---- */

static void spans_are_exact(void **state)
{
    struct book *book = *state;
    add_spanned(book, 0, 10, 0);
    add_spanned(book, 10, 20, 0);
    assert_gaps(book, "");
    add_spanned(book, 21, 30, 0);
    assert_gaps(book, "20-21");
}

static void what_was_left_out_on_purpose_is_no_gap(void **state)
{
    struct book *book = *state;
    add_spanned(book, 0, 10, 0);
    add_spanned(book, 50, 60, 40);
    assert_gaps(book, "");
    assert_int_equal(only(book)->left_out, 40);
    add_spanned(book, 100, 110, 39);
    assert_gaps(book, "60-61");
}

static void repeats_are_counted_and_told_once_in_a_row(void **state)
{
    struct book *book = *state;
    for (uint64_t i = 0; i < 5; i++)
        add_spanned(book, i * 10, i * 10 + 10, 0);
    assert_int_equal(add_spanned(book, 20, 30, 0).change, CHANGE_REPEAT);
    assert_int_equal(add_spanned(book, 30, 40, 0).change, CHANGE_NONE);
    struct change_note note = add_spanned(book, 50, 60, 0);
    assert_int_equal(note.change, CHANGE_NONE);
    assert_int_equal(note.n_repeats, 2);
    assert_int_equal(only(book)->n_repeats, 2);
    assert_int_equal(only(book)->n_events, 6);
    assert_gaps(book, "");
}

static void what_contradicts_itself_is_said(void **state)
{
    struct book *book = *state;
    assert_int_equal(add_spanned(book, 10, 10, 0).change, CHANGE_BAD);
    assert_int_equal(add_spanned(book, 10, 20, 11).change, CHANGE_BAD);
    static const char json[] =
        "{\"event\":{\"id\":\"" KEY "000000000005\"},\"log\":{\"offset\":6}}";
    const struct delivered other = {.json = json, .len = sizeof json - 1};
    assert_int_equal(book_add(book, &other).change, CHANGE_BAD);
    const struct delivered broken = {.json = "{", .len = 1, .id = KEY "000000000005", .end = 9};
    assert_int_equal(book_add(book, &broken).change, CHANGE_BAD);
    assert_int_equal(book->n_bad, 4);
    assert_int_equal(book->table.n_used, 0);
}

static void events_of_others_are_not_looked_at(void **state)
{
    static const char *const others[] = {"{\"event\":{\"id\":\"7\"},\"log\":{\"offset\":6}}",
                                         "{\"message\":\"x\"}",
                                         "no JSON",
                                         "",
                                         "[]",
                                         "{\"event\":{\"id\":\"" KEY "000000000005\"}}"};
    struct book *book = *state;
    for (size_t i = 0; i < COUNT(others); i++)
        book_add(book, &(struct delivered) {.json = others[i], .len = strlen(others[i])});
    assert_int_equal(book->n_other, COUNT(others));
    assert_int_equal(book->n_bad, 0);
}

/* ---- beginnings and ends ---- */

static void a_beginning_that_is_missing_is_a_gap(void **state)
{
    struct book *book = *state;
    assert_int_equal(add_spanned(book, 100, 110, 0).change, CHANGE_GAP);
    assert_gaps(book, "0-100");
}

static void what_the_topic_may_have_deleted_is_not_missing(void **state)
{
    struct book *book = *state;
    const struct delivered event = {
        .json = "{}", .len = 2, .id = KEY "000000000064", .end = 110, .is_cut = true};
    book_add(book, &event);
    assert_int_equal(book_begins(book, only(book)), BEGINS_CUT);
    assert_gaps(book, "");
}

static void a_copy_goes_on_where_another_generation_ends(void **state)
{
    struct book *book = *state;
    add(book, KEY, 0, "\"message\":\"123456789\",");
    add(book, KEY2, 10, "\"message\":\"x\",");
    size_t n;
    const struct generation **all = book_sort(book, &n);
    assert_int_equal(n, 2);
    assert_string_equal(all[0]->key, KEY);
    assert_int_equal(book_begins(book, all[0]), BEGINS_AT_0);
    assert_int_equal(book_begins(book, all[1]), BEGINS_COPY);
    free(all);
}

static void an_end_shows_what_is_missing_before_it(void **state)
{
    struct book *book = *state;
    add_spanned(book, 0, 10, 0);
    assert_false(generation_is_ended(only(book)));
    add_end(book, 25, NOTHING_LOST);
    assert_true(generation_is_ended(only(book)));
    assert_gaps(book, "10-25");
    add_spanned(book, 10, 25, 0);
    assert_gaps(book, "");
    assert_string_equal(only(book)->proof, "lease");
}

static void an_end_without_any_event_is_a_gap_from_0(void **state)
{
    add_end(*state, 25, NOTHING_LOST);
    assert_gaps(*state, "0-25");
}

static void an_end_says_what_was_left_out_and_lost(void **state)
{
    struct book *book = *state;
    add_spanned(book, 0, 10, 0);
    add_end(book, 25, "\"lost_bytes\":7,\"left_out_bytes\":15");
    assert_gaps(book, "");
    assert_int_equal(only(book)->lost, 7);
    assert_int_equal(only(book)->left_out, 15);
}

static void a_last_line_without_terminator_reaches_the_end(void **state)
{
    struct book *book = *state;
    add(book, KEY, 0, "\"message\":\"abc\",");
    add_end(book, 3, NOTHING_LOST);
    assert_true(generation_is_ended(only(book)));
    assert_gaps(book, "");
}

static void a_file_that_has_grown_behind_its_end_is_open_again(void **state)
{
    struct book *book = *state;
    add_spanned(book, 0, 10, 0);
    add_end(book, 10, NOTHING_LOST);
    add_spanned(book, 10, 20, 0);
    assert_false(generation_is_ended(only(book)));
    add_end(book, 20, NOTHING_LOST);
    assert_int_equal(only(book)->n_repeats, 0);
    add_end(book, 10, NOTHING_LOST);
    add_end(book, 20, NOTHING_LOST);
    assert_int_equal(only(book)->n_repeats, 2);
    assert_true(generation_is_ended(only(book)));
    assert_gaps(book, "");
}

static void an_end_that_makes_no_sense_is_wrong(void **state)
{
    struct book *book = *state;
    assert_int_equal(add_end(book, 5, "\"lost_bytes\":0").change, CHANGE_BAD);
    assert_int_equal(add_end(book, 5, "\"lost_bytes\":\"x\",\"left_out_bytes\":0").change,
                     CHANGE_BAD);
    assert_int_equal(add_end(book, 5, "\"lost_bytes\":0,\"left_out_bytes\":6").change, CHANGE_BAD);
    assert_int_equal(book->table.n_used, 0);
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(lines_with_lf_and_crlf_lie_side_by_side),
        CASE(a_line_that_is_missing_is_a_gap_until_it_comes),
        CASE(what_was_cut_or_repaired_or_put_together_is_not_proven),
        CASE(spans_are_exact),
        CASE(what_was_left_out_on_purpose_is_no_gap),
        CASE(repeats_are_counted_and_told_once_in_a_row),
        CASE(what_contradicts_itself_is_said),
        CASE(events_of_others_are_not_looked_at),
        CASE(a_beginning_that_is_missing_is_a_gap),
        CASE(what_the_topic_may_have_deleted_is_not_missing),
        CASE(a_copy_goes_on_where_another_generation_ends),
        CASE(an_end_shows_what_is_missing_before_it),
        CASE(an_end_without_any_event_is_a_gap_from_0),
        CASE(an_end_says_what_was_left_out_and_lost),
        CASE(a_last_line_without_terminator_reaches_the_end),
        CASE(a_file_that_has_grown_behind_its_end_is_open_again),
        CASE(an_end_that_makes_no_sense_is_wrong),
    };
    return cmocka_run_group_tests_name("verify_book", tests, NULL, NULL);
}
