/* test_spool_garbage.c: names that the spool needs and that something else has, of every kind: a start goes on, takes lines in
 * and gives them out, and so does the next one; nothing is deleted.
 */
#include "posta_test.h"
#include "spool/inspect.h"
#include "spool/store.h"

#include <sys/file.h>
#include <sys/socket.h>
#include <sys/un.h>

enum kind { A_FOLDER, A_FULL_FOLDER, A_FIFO, A_SOCKET, A_LINK, A_DEAD_LINK, N_KINDS };
static const char *const kinds[] = {"folder", "full folder", "fifo", "socket", "link", "dead link"};

/* What a link leads to. */
static char *target_in(const char *dir)
{
    return path_in(dir, "target");
}

static void make_socket(const char *path)
{
    struct sockaddr_un at = {.sun_family = AF_UNIX};
    int fd = socket(AF_UNIX, SOCK_STREAM, 0);
    assert_true(fd >= 0 && strlen(path) < sizeof at.sun_path);
    snprintf(at.sun_path, sizeof at.sun_path, "%s", path);
    assert_int_equal(bind(fd, (struct sockaddr *)&at, sizeof at), 0);
    close(fd);
}

static void make_link(const char *dir, const char *path, enum kind kind)
{
    char *target = target_in(dir);
    file_write(dir, "target", "not posta's", 11);
    assert_int_equal(symlink(kind == A_LINK ? target : "/nowhere/at/all", path), 0);
    free(target);
}

static void make_thing(const char *dir, const char *name, enum kind kind)
{
    char *path = path_in(dir, name);
    if (kind == A_FOLDER || kind == A_FULL_FOLDER)
        assert_int_equal(mkdir(path, 0700), 0);
    if (kind == A_FULL_FOLDER)
        file_write(path, "something", "else", 4);
    if (kind == A_FIFO)
        assert_int_equal(mkfifo(path, 0600), 0);
    if (kind == A_SOCKET)
        make_socket(path);
    if (kind == A_LINK || kind == A_DEAD_LINK)
        make_link(dir, path, kind);
    free(path);
}

/* The type of a name, 0 = nothing has it. */
static mode_t type_of(const char *dir, const char *name)
{
    struct stat st;
    char *path = path_in(dir, name);
    mode_t type = lstat(path, &st) == 0 ? st.st_mode & S_IFMT : 0;
    free(path);
    return type;
}

static mode_t type_of_kind(enum kind kind)
{
    static const mode_t types[] = {S_IFDIR, S_IFDIR, S_IFIFO, S_IFSOCK, S_IFLNK, S_IFLNK};
    return types[kind];
}

static void check_target(const char *dir)
{
    struct buf bytes = BUF_INIT;
    file_read(dir, "target", &bytes);
    assert_int_equal(bytes.len, 11);
    assert_memory_equal(bytes.data, "not posta's", 11);
    buf_free(&bytes);
}

/* Twice: a start, a line, a segment more, the line comes out. */
static void check_two_starts(const char *dir)
{
    for (uint64_t i = 0; i < 2; i++) {
        struct spool *spool = spool_start(dir, 0, 1 << 20);
        struct reach reach;
        if (i == 0)
            add_file(spool, 1);
        assert_int_equal(file_of(spool, 1)->offset, i * 300);
        for (int n = 0; n < 3; n++) {
            struct err err;
            put(spool, file_of(spool, 1), 100);
            sync_now(spool);
            assert_int_equal(segment_seal(dir, spool->last, &err), 0);
            assert_int_equal(store_begin_segment(spool, &err), 0);
        }
        take_all(spool, &reach);
        assert_int_equal(reach.from[1], i * 300);
        assert_int_equal(reach.to[1], i * 300 + 300);
        spool_delivered(spool, spool_end(spool));
        spool_close(spool);
    }
}

/* ---- the names of single files ---- */

static void check_moved(const char *dir, const char *name, enum kind kind)
{
    char *moved = mem_printf("bad/%s", name);
    print_message("%s is a %s\n", name, kinds[kind]);
    make_thing(dir, name, kind);
    check_two_starts(dir);
    assert_int_equal(type_of(dir, name), S_IFREG);
    assert_int_equal(type_of(dir, moved), type_of_kind(kind));
    if (kind == A_LINK)
        check_target(dir);
    folder_empty(dir);
    free(moved);
}

static void a_lock_that_is_no_file_goes_to_bad(void **state)
{
    for (enum kind kind = 0; kind < N_KINDS; kind++)
        check_moved(*state, "lock", kind);
}

static void a_cursor_that_is_no_file_goes_to_bad(void **state)
{
    for (enum kind kind = 0; kind < N_KINDS; kind++)
        check_moved(*state, "cursor", kind);
}

static void a_reserve_that_is_no_file_goes_to_bad(void **state)
{
    for (enum kind kind = 0; kind < N_KINDS; kind++)
        check_moved(*state, "reserve", kind);
}

/* A fifo would be waited for. */
static void who_looks_from_outside_is_told_what_is_no_file(void **state)
{
    struct look look;
    struct err err = ERR_INIT;
    char *path = path_in(*state, "cursor");
    make_thing(*state, "lock", A_FIFO);
    make_thing(*state, "cursor", A_FIFO);
    assert_int_equal(look_open(&look, *state, &err), -1);
    assert_non_null(strstr(err.text, path));
    free(path);
}

/* Through a link: a posta that took it as it was holds it. */
static void a_lock_that_is_held_is_not_moved(void **state)
{
    make_thing(*state, "lock", A_LINK);
    char *target = target_in(*state);
    int fd = open(target, O_RDWR | O_CLOEXEC);
    assert_int_equal(flock(fd, LOCK_EX | LOCK_NB), 0);
    const struct spool_config config = {.path = *state, .segment_bytes = 1 << 20};
    struct spool *spool = NULL;
    struct err err = ERR_INIT;
    assert_int_equal(spool_open(&spool, &config, &err), -1);
    assert_int_equal(err.kind, ERR_AGAIN);
    assert_int_equal(type_of(*state, "lock"), S_IFLNK);
    close(fd);
    check_two_starts(*state);
    free(target);
}

/* ---- names of segments ---- */

static void check_in_the_way(const char *dir, const char *name, enum kind kind)
{
    print_message("%s is a %s\n", name, kinds[kind]);
    make_thing(dir, name, kind);
    check_two_starts(dir);
    assert_int_equal(type_of(dir, name), type_of_kind(kind));
    if (kind == A_LINK)
        check_target(dir);
    folder_empty(dir);
}

static void what_has_the_name_of_the_next_segment_is_left_alone(void **state)
{
    static const char *const names[] = {
        "0000000000000001.open", "0000000000000001.open.new", "0000000000000001.seg",
        "0000000000000003.open", "0000000000000003.open.new", "0000000000000003.seg",
        "ffffffffffffffff.open",
    };
    for (size_t i = 0; i < COUNT(names); i++)
        for (enum kind kind = 0; kind < N_KINDS; kind++)
            check_in_the_way(*state, names[i], kind);
}

static void many_in_the_way_are_counted(void **state)
{
    char *example;
    assert_int_equal(segment_count_strangers(*state, &example), 0);
    assert_null(example);
    for (unsigned i = 1; i <= 30; i++) {
        char name[32];
        snprintf(name, sizeof name, "%016x.%s", i, i % 3 ? i % 2 ? "open" : "seg" : "open.new");
        make_thing(*state, name, (enum kind)(i % N_KINDS));
    }
    file_write(*state, "0000000000000040.seg", "x", 1);
    make_thing(*state, "0000000000000041.segment", A_FOLDER);
    assert_int_equal(segment_count_strangers(*state, &example), 30);
    assert_non_null(strstr(example, "/00000000000000"));
    free(example);
    check_two_starts(*state);
    assert_int_equal(segment_count_strangers(*state, &example), 30);
    free(example);
}

/* ---- bad ---- */

static void where_bad_is_no_folder_another_one_is_used(void **state)
{
    for (enum kind kind = A_FIFO; kind < N_KINDS; kind++) {
        print_message("bad is a %s\n", kinds[kind]);
        make_thing(*state, "bad", kind);
        file_write(*state, "bad.1", "a file", 6);
        file_write(*state, "00000000000000ff.seg", "garbage", 7);
        make_thing(*state, "cursor", A_FIFO);
        check_two_starts(*state);
        assert_int_equal(type_of(*state, "bad"), type_of_kind(kind));
        assert_int_equal(type_of(*state, "bad.1"), S_IFREG);
        assert_int_equal(type_of(*state, "bad.2/cursor"), S_IFIFO);
        assert_int_equal(type_of(*state, "bad.2/00000000000000ff.seg"), S_IFREG);
        folder_empty(*state);
    }
}

static void damage_met_while_running_is_kept_in_another_folder(void **state)
{
    struct spool *spool = spool_start(*state, 0, 1 << 20);
    struct spool_item item;
    struct err err;
    put(spool, add_file(spool, 1), 1000);
    put(spool, file_of(spool, 1), 1000);
    sync_now(spool);
    char *path = segment_path(*state, spool->last);
    int fd = fs_open(path, O_RDWR, 0, &err);
    assert_int_equal(fs_pwrite(fd, "damage", 6, spool->last->size - 1500, &err), 0);
    (void)fs_close(fd); /* a test's */
    file_write(*state, "bad", "a file", 6);
    while (take(spool, &item))
        continue;
    assert_int_equal(spool_stats(spool)->damaged_regions, 1);
    assert_int_equal(spool_stats(spool)->damaged_unkept, 0);
    assert_int_equal(type_of(*state, "bad.1"), S_IFDIR);
    spool_close(spool);
    free(path);
}

static void names_in_bad_are_never_overwritten(void **state)
{
    for (int i = 0; i < 3; i++) {
        struct err err = ERR_INIT;
        make_thing(*state, "lock", (enum kind)i); /* a folder over an empty one would replace it */
        assert_int_equal(clear_lock(*state, &err), 0);
    }
    assert_int_equal(type_of(*state, "bad/lock"), S_IFDIR);
    assert_int_equal(type_of(*state, "bad/lock.1/something"), S_IFREG);
    assert_int_equal(type_of(*state, "bad/lock.2"), S_IFIFO);
}

/* ---- a spool below the spool ---- */

static void what_has_the_name_of_a_folder_below_goes_to_bad(void **state)
{
    for (enum kind kind = A_FIFO; kind < N_KINDS; kind++) {
        struct err err = ERR_INIT;
        make_thing(*state, "metrics", kind);
        assert_int_equal(spool_clear_folder(*state, "metrics", &err), 0);
        assert_int_equal(type_of(*state, "metrics"), 0);
        assert_int_equal(type_of(*state, "bad/metrics"), type_of_kind(kind));
        make_thing(*state, "metrics", A_FULL_FOLDER);
        assert_int_equal(spool_clear_folder(*state, "metrics", &err), 0);
        assert_int_equal(type_of(*state, "metrics/something"), S_IFREG);
        folder_empty(*state);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        IN_FOLDER(a_lock_that_is_no_file_goes_to_bad),
        IN_FOLDER(a_cursor_that_is_no_file_goes_to_bad),
        IN_FOLDER(a_reserve_that_is_no_file_goes_to_bad),
        IN_FOLDER(who_looks_from_outside_is_told_what_is_no_file),
        IN_FOLDER(a_lock_that_is_held_is_not_moved),
        IN_FOLDER(what_has_the_name_of_the_next_segment_is_left_alone),
        IN_FOLDER(many_in_the_way_are_counted),
        IN_FOLDER(where_bad_is_no_folder_another_one_is_used),
        IN_FOLDER(damage_met_while_running_is_kept_in_another_folder),
        IN_FOLDER(names_in_bad_are_never_overwritten),
        IN_FOLDER(what_has_the_name_of_a_folder_below_goes_to_bad),
    };
    return cmocka_run_group_tests(tests, log_nothing, NULL);
}
