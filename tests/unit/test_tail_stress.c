/* test_tail_stress.c: a writer that does what it likes, rotations at random moments: every byte of every generation is
 * handed on once, in order. SEED repeats a run (the writer's choices, not the kernel's timing). */
#include "tail_test.h"

#include <dirent.h>

enum { N_LINES = 15000, MAX_GENERATIONS = 4096 };

static uint64_t seed, random_state;

static uint64_t random_below(uint64_t n)
{
    uint64_t z = random_state += 0x9e3779b97f4a7c15u;
    z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9u;
    z = (z ^ z >> 27) * 0x94d049bb133111ebu;
    return (z ^ z >> 31) % n;
}

static void random_begin(void)
{
    const char *given = getenv("SEED");
    seed = given ? strtoull(given, NULL, 0) : (uint64_t)test_wall_ns() ^ (uint64_t)getpid();
    random_state = seed;
    print_message("SEED=%llu\n", (unsigned long long)seed);
}

/* ---- the writer, a child ---- */

struct play {
    const struct rig *rig;
    int fd, older_fd; /* -1 = none */
    int n_older;      /* lines still to come into the older generation */
    int n_renamed, n_lines;
    unsigned pause_one_in, rotate_one_in;
};

static void write_line(struct play *play, int fd)
{
    char line[400];
    int len =
        snprintf(line, sizeof(line), "%d %.*s\n", play->n_lines++, (int)random_below(300),
                 "-----------------------------------------------------------------------------"
                 "-----------------------------------------------------------------------------"
                 "-----------------------------------------------------------------------------"
                 "---------------------------------------------------------------------");
    int half = random_below(8) ? len : (int)random_below((uint64_t)len);
    if (write(fd, line, (size_t)half) != half ||
        write(fd, line + half, (size_t)(len - half)) != len - half)
        _exit(1);
}

static void drop_older(struct play *play)
{
    if (play->older_fd >= 0)
        close(play->older_fd);
    play->older_fd = -1;
}

/* As a web server: the old descriptor lives on for some lines; now and then it is closed before the next file is made. */
static void rotate(struct play *play)
{
    char name[48];
    drop_older(play);
    snprintf(name, sizeof(name), "access.log.%d", ++play->n_renamed);
    if (rename(path_of(play->rig, "access.log"), path_of(play->rig, name)) < 0)
        _exit(2);
    play->older_fd = play->fd;
    play->n_older = (int)random_below(20);
    for (uint64_t n = random_below(5); n > 0; n--)
        write_line(play, play->older_fd);
    if (random_below(4) == 0)
        drop_older(play);
    play->fd = writer(play->rig, "access.log");
}

static void play_writer(const struct rig *rig, bool is_slow)
{
    struct play play = {.rig = rig,
                        .older_fd = -1,
                        .fd = writer(rig, "access.log"),
                        .pause_one_in = is_slow ? 10 : 200,
                        .rotate_one_in = is_slow ? 40 : 100};
    while (play.n_lines < (is_slow ? N_LINES / 10 : N_LINES)) {
        bool to_older = play.older_fd >= 0 && random_below(2);
        write_line(&play, to_older ? play.older_fd : play.fd);
        if (to_older && --play.n_older <= 0)
            drop_older(&play);
        if (random_below(play.rotate_one_in) == 0)
            rotate(&play);
        if (random_below(play.pause_one_in) == 0)
            usleep((useconds_t)random_below(is_slow ? 14000 : 2000));
    }
    _exit(0);
}

/* ---- the judge ---- */

static struct made *made_of_ino(struct sink *sink, uint64_t ino)
{
    struct made *found = NULL;
    for (size_t i = 0; i < sink->n; i++) {
        if (sink->made[i].ino == ino && found)
            fail_msg("SEED=%llu: inode %llu was taken in twice", (unsigned long long)seed,
                     (unsigned long long)ino);
        found = sink->made[i].ino == ino ? &sink->made[i] : found;
    }
    return found;
}

static void check_one(struct rig *rig, const char *name, const struct buf *file, uint64_t ino)
{
    struct made *made = made_of_ino(&rig->sink, ino);
    size_t got = made ? made->bytes.len : 0, same = 0;
    while (made && same < got && same < file->len && made->bytes.data[same] == file->data[same])
        same++;
    if (same != file->len || got != file->len) {
        char *text = log_text(rig);
        print_error("%s", text);
        free(text);
        fail_msg("SEED=%llu: %s has %zu bytes, %zu were handed on, the first %zu agree",
                 (unsigned long long)seed, name, file->len, got, same);
    }
}

static size_t check_all(struct rig *rig)
{
    DIR *stream = opendir(rig->dir);
    size_t n = 0;
    assert_non_null(stream);
    for (struct dirent *entry; (entry = readdir(stream));) {
        struct buf bytes = BUF_INIT;
        struct err err;
        if (entry->d_name[0] == '.')
            continue;
        assert_int_equal(fs_read_file(path_of(rig, entry->d_name), SIZE_MAX, &bytes, &err), 0);
        check_one(rig, entry->d_name, &bytes, entry->d_ino);
        buf_free(&bytes);
        n++;
    }
    closedir(stream);
    return n;
}

static bool is_quiet(struct rig *rig)
{
    uint64_t before = tail_stats(rig->tail)->bytes_read;
    int64_t until_ns = real_mono_ns() + 50 * NS_PER_MS;
    while (real_mono_ns() < until_ns)
        turn(rig, 5 * NS_PER_MS);
    return tail_stats(rig->tail)->bytes_read == before;
}

static void run(struct rig *rig, const char *path, bool is_slow)
{
    random_begin();
    clock_set(NULL);
    set_path(rig, path);
    put(rig, "access.log", "");
    start(rig);
    turn(rig, 0);
    fflush(NULL);
    pid_t pid = fork();
    if (pid == 0)
        play_writer(rig, is_slow);
    int status = -1;
    UNTIL(rig, waitpid(pid, &status, WNOHANG) == pid);
    assert_int_equal(status, 0);
    UNTIL(rig, is_quiet(rig));
    size_t n = check_all(rig);
    assert_int_equal(rig->sink.n, n);
    print_message("%s: %zu generations, %llu chunks\n", rig->dir, n,
                  (unsigned long long)tail_stats(rig->tail)->chunks);
    assert_int_equal(tail_stats(rig->tail)->truncations, 0);
    if (strchr(path, '*'))
        return; /* one that was found late under access.log.7 has that name for its own */
    UNTIL(rig, tail_stats(rig->tail)->files_open == 1);
    assert_int_equal(tail_stats(rig->tail)->ends_proven, n - 1);
}

static void every_byte_of_an_exact_name_once(void **state)
{
    run(*state, "access.log", false);
}

static void every_byte_of_a_wildcard_once(void **state)
{
    run(*state, "access.log*", false);
}

/* Pauses around the 5 ms of the clock: growth events go off and on all the time. */
static void every_byte_of_a_slow_writer_once(void **state)
{
    run(*state, "access.log", true);
}

/* ---- the moment at which growth events come on again ---- */

/* One line at each phase of the switch, by turns instead of time: none waits for another event. */
static void a_line_in_the_moment_of_the_switch_is_not_missed(void **state)
{
    struct rig *rig = *state;
    int fd = writer(rig, "access.log");
    uint64_t len = 0;
    set_path(rig, "access.log");
    start(rig);
    random_begin();
    for (int i = 0; i < 3000; i++) {
        say(fd, "x\n");
        len += 2;
        for (uint64_t n = random_below(16); n > 0; n--)
            turn(rig, 0);
        if (i % 3 == 0) { /* as if the loop was away for a while */
            test_now_ns += (int64_t)random_below(20) * NS_PER_MS;
            continue;
        }
        for (int k = 0; k < 30 && tail_stats(rig->tail)->bytes_read < len; k++)
            turn(rig, 0);
        if (tail_stats(rig->tail)->bytes_read != len)
            fail_msg("SEED=%llu: line %d waits", (unsigned long long)seed, i);
    }
    close(fd);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        ON_BOTH(every_byte_of_an_exact_name_once),
        ON_BOTH(every_byte_of_a_wildcard_once),
        ON_BOTH(every_byte_of_a_slow_writer_once),
        ON_BOTH(a_line_in_the_moment_of_the_switch_is_not_missed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
