/* posta_test.h: what the tests of base, event and spool share: folders, random numbers with a seed, files whose
 * every byte is known, a strict look at JSON.
 */
#ifndef POSTA_TEST_H
#define POSTA_TEST_H

#include "spool/spool.h"

#include <posta/bytes.h>
#include <posta/fs.h>
#include <posta/log.h>
#include <posta/loop.h>

#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <ftw.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h> /* wants the ones above */

#define COUNT(rows) (sizeof(rows) / sizeof((rows)[0]))

/* ---- random numbers ---- */

static uint64_t random_state;

/* SEED from the environment, else a new one; printed, so that a failure can be had again. */
static inline void random_begin(const char *test)
{
    const char *given = getenv("SEED");
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    random_state =
        given ? strtoull(given, NULL, 0) : (uint64_t)now.tv_sec * NS_PER_S + (uint64_t)now.tv_nsec;
    print_message("%s: SEED=%llu\n", test, (unsigned long long)random_state);
}

static inline uint64_t random_next(void)
{
    uint64_t z = random_state += 0x9e3779b97f4a7c15u;
    z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9u;
    z = (z ^ z >> 27) * 0x94d049bb133111ebu;
    return z ^ z >> 31;
}

static inline uint64_t random_below(uint64_t n)
{
    return random_next() % n;
}

/* ---- quiet ---- */

/* Nothing is logged: the tests look at counters. */
static inline int log_nothing(void **state)
{
    (void)state;
    const struct log_config config = {.level = (enum log_level)(LOG_ERROR + 1)};
    log_setup(&config);
    return 0;
}

/* ---- folders ---- */

static inline int remove_one(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
    (void)st, (void)type;
    return ftw->level == 0 ? 0 : remove(path);
}

static inline void folder_empty(const char *dir)
{
    nftw(dir, remove_one, 16, FTW_DEPTH | FTW_PHYS);
}

/* A folder of its own for each test, in memory where there is such a place. */
static inline int folder_setup(void **state)
{
    const char *at = getenv("TMPDIR");
    if (!at)
        at = access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp";
    char *dir = mem_printf("%s/posta-test.XXXXXX", at);
    *state = mkdtemp(dir);
    return *state ? 0 : -1;
}

/* How all that spool_start opens is synced. */
static enum sync_way test_sync_way;
static enum sync_mode test_sync_mode;

static inline int folder_teardown(void **state)
{
    fs_set_faults(NULL, 0);
    clock_set(NULL);
    test_sync_way = SYNC_AUTO;
    test_sync_mode = SYNC_INTERVAL;
    folder_empty(*state);
    int rc = rmdir(*state);
    free(*state);
    return rc;
}

#define IN_FOLDER(test) cmocka_unit_test_setup_teardown(test, folder_setup, folder_teardown)

static inline char *path_in(const char *dir, const char *name)
{
    return mem_printf("%s/%s", dir, name);
}

static inline bool file_exists(const char *dir, const char *name)
{
    char *path = path_in(dir, name);
    bool is_there = access(path, F_OK) == 0;
    free(path);
    return is_there;
}

static inline void file_write(const char *dir, const char *name, const void *bytes, size_t len)
{
    char *path = path_in(dir, name);
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, bytes, len), (ssize_t)len);
    close(fd);
    free(path);
}

static inline void file_read(const char *dir, const char *name, struct buf *into)
{
    char *path = path_in(dir, name);
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    assert_true(fd >= 0);
    buf_clear(into);
    for (ssize_t n = 1; n > 0; into->len += (size_t)n) {
        buf_reserve(into, 4096);
        n = read(fd, into->data + into->len, 4096);
        assert_true(n >= 0);
    }
    close(fd);
    free(path);
}

/* The files of a folder in memory, without "lock" and what lies in folders below. */
struct folder {
    struct folder_file {
        char name[32];
        struct buf bytes;
    } file[64];
    size_t n;
};

static inline void folder_read(const char *dir, struct folder *folder)
{
    DIR *stream = opendir(dir);
    assert_non_null(stream);
    for (struct dirent *entry; (entry = readdir(stream));) {
        if (entry->d_type != DT_REG || strcmp(entry->d_name, "lock") == 0)
            continue;
        assert_true(folder->n < COUNT(folder->file));
        struct folder_file *file = &folder->file[folder->n++];
        snprintf(file->name, sizeof(file->name), "%.31s", entry->d_name);
        file_read(dir, file->name, &file->bytes);
    }
    closedir(stream);
}

static inline void folder_write(const char *dir, const struct folder *folder)
{
    folder_empty(dir);
    for (size_t i = 0; i < folder->n; i++)
        file_write(dir, folder->file[i].name, folder->file[i].bytes.data,
                   folder->file[i].bytes.len);
}

static inline void folder_free(struct folder *folder)
{
    while (folder->n)
        buf_free(&folder->file[--folder->n].bytes);
}

static inline struct folder_file *folder_file(struct folder *folder, const char *name)
{
    for (size_t i = 0; i < folder->n; i++)
        if (strcmp(folder->file[i].name, name) == 0)
            return &folder->file[i];
    fail_msg("no file %s", name);
    return NULL;
}

/* ---- log files whose bytes are known: file `ino` has known_byte(ino, at) at each place ---- */

static inline char known_byte(uint64_t ino, uint64_t at)
{
    uint64_t mixed = (ino * 0x9e3779b97f4a7c15u ^ at) * 0xd6e8feb86659fd93u;
    return at % 23 == 22 ? '\n' : (char)(mixed >> 56);
}

static inline struct spool *spool_start(const char *dir, uint64_t max_bytes, uint64_t segment_bytes)
{
    const struct spool_config config = {.path = dir,
                                        .max_bytes = max_bytes,
                                        .segment_bytes = segment_bytes,
                                        .sync_way = test_sync_way,
                                        .sync_mode = test_sync_mode};
    struct spool *spool = NULL;
    struct err err = ERR_INIT;
    if (spool_open(&spool, &config, &err))
        fail_msg("%s", err.text);
    return spool;
}

static inline int try_add(struct spool *spool, uint64_t ino, struct source **src, struct err *err)
{
    static char path[] = "/var/log/nginx/access.log", input[] = "nginx";
    const struct source proto = {.id = {.dev = 7, .ino = ino}, .path = path, .input = input};
    return spool_add_source(spool, &proto, src, err);
}

static inline struct source *add_file(struct spool *spool, uint64_t ino)
{
    struct source *src = NULL;
    struct err err;
    assert_int_equal(try_add(spool, ino, &src, &err), 0);
    return src;
}

static inline int try_put(struct spool *spool, struct source *src, size_t len, struct err *err)
{
    static char bytes[65536];
    assert_true(len <= sizeof(bytes));
    for (size_t i = 0; i < len; i++)
        bytes[i] = known_byte(src->id.ino, src->offset + i);
    const struct chunk chunk = {
        .from = src->offset, .to = src->offset + len, .read_ns = 1, .bytes = bytes, .len = len};
    return spool_append(spool, src, &chunk, err);
}

/* Append the next len bytes of the file. */
static inline void put(struct spool *spool, struct source *src, size_t len)
{
    struct err err = ERR_INIT;
    if (try_put(spool, src, len, &err))
        fail_msg("%s", err.text);
}

static inline void sync_now(struct spool *spool)
{
    struct err err = ERR_INIT;
    if (spool_sync(spool, &err))
        fail_msg("%s", err.text);
}

/* Begin to, unless that is under way. */
static inline void begin_sync(struct spool *spool)
{
    struct err err = ERR_INIT;
    if (spool_sync_start(spool, &err) < 0)
        fail_msg("%s", err.text);
}

static inline void save_cursor(struct spool *spool)
{
    struct err err = ERR_INIT;
    if (spool_save_cursor(spool, true, &err))
        fail_msg("%s", err.text);
}

/* 1 and the item, or 0; anything else fails the test. The bytes are those of the file. */
static inline int take(struct spool *spool, struct spool_item *item)
{
    struct err err = ERR_INIT;
    int rc = spool_next(spool, item, &err);
    if (rc < 0)
        fail_msg("%s", err.text);
    for (size_t i = 0; rc > 0 && i < item->chunk.len; i++)
        if (item->chunk.bytes[i] != known_byte(item->src->id.ino, item->chunk.from + i))
            fail_msg("record %llu: byte %zu differs", (unsigned long long)item->seq, i);
    return rc;
}

static inline void delivered_up_to(struct spool *spool, const struct spool_item *item)
{
    spool_delivered(spool, (struct spool_pos) {.seq = item->seq + 1});
}

enum { MAX_FILES = 8 };

/* How far each file was given out, by inode; MAX_FILES - 1 is the highest. */
struct reach {
    bool has_begun[MAX_FILES];
    uint64_t from[MAX_FILES]; /* where the first item began, behind what is skipped */
    uint64_t to[MAX_FILES];
};

/* Read to the end: each file's items follow each other without gap and without repeat. */
static inline void take_all(struct spool *spool, struct reach *reach)
{
    *reach = (struct reach) {.from = {0}};
    for (struct spool_item item; take(spool, &item);) {
        uint64_t ino = item.src->id.ino;
        assert_true(ino > 0 && ino < MAX_FILES);
        uint64_t from = item.type == SPOOL_END ? item.end_offset : item.chunk.from;
        if (reach->has_begun[ino])
            assert_int_equal(from, reach->to[ino]);
        else
            reach->from[ino] = from + item.skip;
        reach->has_begun[ino] = true;
        reach->to[ino] = item.type == SPOOL_END ? from : item.chunk.to;
    }
}

static inline struct source *file_of(struct spool *spool, uint64_t ino)
{
    const struct file_id id = {.dev = 7, .ino = ino};
    return spool_source_by_id(spool, &id);
}

/* ---- JSON, strictly (RFC 8259), in valid UTF-8 (RFC 3629) ---- */

/* Length of the UTF-8 sequence at `at` by its value, 0 if it is not one. */
static inline size_t utf8_at(const char *at, size_t left)
{
    static const uint32_t smallest[] = {0, 0, 0x80, 0x800, 0x10000};
    const unsigned char *byte = (const unsigned char *)at;
    if (byte[0] < 0x80)
        return 1;
    size_t len = byte[0] >> 5 == 6 ? 2 : byte[0] >> 4 == 14 ? 3 : byte[0] >> 3 == 30 ? 4 : 0;
    if (len == 0 || len > left)
        return 0;
    uint32_t value = byte[0] & (0x7fu >> len);
    for (size_t i = 1; i < len; i++) {
        if (byte[i] >> 6 != 2)
            return 0;
        value = value << 6 | (byte[i] & 0x3f);
    }
    bool is_surrogate = value >= 0xd800 && value < 0xe000;
    return value < smallest[len] || value > 0x10ffff || is_surrogate ? 0 : len;
}

struct json {
    const char *at, *end;
};

static inline bool json_eat(struct json *json, const char *text)
{
    size_t len = strlen(text);
    if ((size_t)(json->end - json->at) < len || memcmp(json->at, text, len) != 0)
        return false;
    json->at += len;
    return true;
}

static inline bool json_eat_escape(struct json *json)
{
    if (json_eat(json, "u")) {
        size_t n = 0;
        while (n < 4 && json->at + n < json->end && isxdigit((unsigned char)json->at[n]))
            n++;
        json->at += n;
        return n == 4;
    }
    return json->at < json->end && *json->at && strchr("\"\\/bfnrt", *json->at++);
}

/* Behind the first quote. */
static inline bool json_eat_string(struct json *json)
{
    while (json->at < json->end && *json->at != '"') {
        size_t len = utf8_at(json->at, (size_t)(json->end - json->at));
        if (len == 0 || (unsigned char)*json->at < 0x20)
            return false;
        json->at += len;
        if (json->at[-1] == '\\' && len == 1 && !json_eat_escape(json))
            return false;
    }
    return json_eat(json, "\"");
}

static inline bool json_eat_digits(struct json *json)
{
    const char *begin = json->at;
    while (json->at < json->end && *json->at >= '0' && *json->at <= '9')
        json->at++;
    return json->at > begin;
}

static inline bool json_eat_number(struct json *json)
{
    (void)json_eat(json, "-");
    const char *begin = json->at;
    if (!json_eat_digits(json) || (*begin == '0' && json->at > begin + 1))
        return false;
    if (json_eat(json, ".") && !json_eat_digits(json))
        return false;
    if (!json_eat(json, "e") && !json_eat(json, "E"))
        return true;
    if (!json_eat(json, "+"))
        (void)json_eat(json, "-");
    return json_eat_digits(json);
}

/* What posta writes: without spaces. */
static inline bool json_eat_value(struct json *json)
{
    bool is_object = json_eat(json, "{");
    const char *end = is_object ? "}" : "]";
    if (!is_object && !json_eat(json, "["))
        return json_eat(json, "\"") ? json_eat_string(json)
                                    : json_eat(json, "true") || json_eat(json, "false") ||
                                          json_eat(json, "null") || json_eat_number(json);
    if (json_eat(json, end))
        return true;
    do {
        if (is_object && !(json_eat(json, "\"") && json_eat_string(json) && json_eat(json, ":")))
            return false;
        if (!json_eat_value(json))
            return false;
    } while (json_eat(json, ","));
    return json_eat(json, end);
}

static inline bool is_json(const char *text, size_t len)
{
    struct json json = {.at = text, .end = text + len};
    return json_eat_value(&json) && json.at == json.end;
}

#endif
