/* segment.c: names and headers of segment files.
 *
 * The name says the state, so that recovery needs nothing but a listing:
 *   <no>.open   being appended to or being closed, or was when posta was killed: its last record may be torn, and after a
 *               power cut it may lack what was not synced. There may be two or three of them, newest last: the checkpoint of
 *               the one behind another counts only where the records of that one lead up to it (recover.c)
 *   <no>.seg    closed: every byte was synced before it got this name
 *   bad/        files that are not segments of this spool, kept for a human
 *
 * Header, version 1, 64 bytes, little-endian:
 *
 *   offset size
 *        0    8  magic "postaspl"
 *        8    4  version
 *       12    4  salt of the record headers, random
 *       16   16  uuid of the spool, the same in all its segments and its cursor
 *       32    8  number, as in the name
 *       40    8  seq of the first record
 *       48   12  0
 *       60    4  CRC-32C of bytes 0..59
 *
 * Then a CHECKPOINT record with all sources, then the rest.
 */
#include "segment.h"

#include "bad.h"

#include <posta/bytes.h>
#include <posta/fs.h>

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

static const char magic[8] = {'p', 'o', 's', 't', 'a', 's', 'p', 'l'};

char *segment_path(const char *dir, const struct segment *seg)
{
    return mem_printf("%s/%016llx.%s", dir, (unsigned long long)seg->no,
                      seg->is_open ? "open" : "seg");
}

char *segment_closed_path(const char *dir, const struct segment *seg)
{
    struct segment closed = *seg;
    closed.is_open = false;
    return segment_path(dir, &closed);
}

void segment_pack_header(const struct segment *seg, uint8_t head[static SEGMENT_HEADER_BYTES])
{
    memset(head, 0, SEGMENT_HEADER_BYTES);
    memcpy(head, magic, sizeof magic);
    put_u32(head + 8, SEGMENT_VERSION);
    put_u32(head + 12, seg->salt);
    memcpy(head + 16, seg->uuid, UUID_BYTES);
    put_u64(head + 32, seg->no);
    put_u64(head + 40, seg->base_seq);
    put_u32(head + 60, crc32c(0, head, 60));
}

static int unpack_header(const uint8_t *head, struct segment *seg, struct err *err)
{
    if (memcmp(head, magic, sizeof magic) != 0)
        return err_set(err, ERR_CORRUPT, "does not begin like a segment");
    if (get_u32(head + 60) != crc32c(0, head, 60))
        return err_set(err, ERR_CORRUPT, "header: checksum differs");
    if (get_u32(head + 8) != SEGMENT_VERSION)
        return err_set(err, ERR_CORRUPT, "format version %u is not known here", get_u32(head + 8));
    if (get_u64(head + 32) != seg->no)
        return err_set(err, ERR_CORRUPT, "header says it is number %llu",
                       (unsigned long long)get_u64(head + 32));
    seg->salt = get_u32(head + 12);
    memcpy(seg->uuid, head + 16, UUID_BYTES);
    seg->base_seq = get_u64(head + 40);
    return 0;
}

static int read_header(int fd, struct segment *seg, struct err *err)
{
    uint8_t head[SEGMENT_HEADER_BYTES];
    struct stat st;
    if (fstat(fd, &st) < 0)
        return err_sys(err, "stat");
    seg->size = (uint64_t)st.st_size;
    ssize_t n = fs_pread(fd, head, sizeof head, 0, err);
    if (n < 0)
        return -1;
    if (n < (ssize_t)sizeof head)
        return err_set(err, ERR_CORRUPT, "header is cut short");
    return unpack_header(head, seg, err);
}

static int open_path(char *path, struct segment *seg, struct err *err)
{
    int fd = fs_open(path, O_RDONLY, 0, err);
    if (fd >= 0 && read_header(fd, seg, err)) {
        err_wrap(err, "%s", path);
        (void)fs_close(fd); /* read-only, nothing to lose */
        fd = -1;
    }
    free(path);
    return fd;
}

int segment_open(const char *dir, struct segment *seg, struct err *err)
{
    int fd = open_path(segment_path(dir, seg), seg, err);
    if (fd < 0 && err->kind == ERR_GONE && seg->is_open) /* the helper renames it */
        fd = open_path(segment_closed_path(dir, seg), seg, err);
    return fd;
}

static bool parse_name(const char *name, struct segment *seg)
{
    char *end;
    if (strspn(name, "0123456789abcdef") != 16)
        return false;
    seg->no = strtoull(name, &end, 16);
    seg->is_open = strcmp(end, ".open") == 0;
    return seg->is_open || strcmp(end, ".seg") == 0;
}

static void insert_in_order(struct segment **first, struct segment *seg)
{
    while (*first && (*first)->no < seg->no)
        first = &(*first)->next;
    seg->next = *first;
    *first = seg;
}

/* Opening a fifo would wait for ever. */
static bool is_file(DIR *stream, const struct dirent *entry)
{
    struct stat st;
    if (entry->d_type != DT_UNKNOWN)
        return entry->d_type == DT_REG;
    return fstatat(dirfd(stream), entry->d_name, &st, AT_SYMLINK_NOFOLLOW) == 0 &&
           S_ISREG(st.st_mode);
}

int segment_list(const char *dir, struct segment **first, struct err *err)
{
    DIR *stream = opendir(dir);
    if (!stream)
        return err_sys(err, "list %s", dir);
    *first = NULL;
    for (struct dirent *entry; errno = 0, (entry = readdir(stream));) {
        struct segment seg = {.end_seq = UINT64_MAX};
        if (parse_name(entry->d_name, &seg) && is_file(stream, entry))
            insert_in_order(first, memcpy(mem_alloc(sizeof seg), &seg, sizeof seg));
    }
    int failed = errno;
    closedir(stream);
    errno = failed;
    return failed ? err_sys(err, "list %s", dir) : 0;
}

static bool is_unfinished(const char *name)
{
    return strspn(name, "0123456789abcdef") == 16 && strcmp(name + 16, ".open.new") == 0;
}

int segment_find_unfinished(const char *dir, char **path, struct err *err)
{
    DIR *stream = opendir(dir);
    if (!stream)
        return err_sys(err, "list %s", dir);
    *path = NULL;
    for (struct dirent *entry; !*path && (entry = readdir(stream));)
        if (is_unfinished(entry->d_name) && is_file(stream, entry))
            *path = mem_printf("%s/%s", dir, entry->d_name);
    closedir(stream);
    return 0;
}

unsigned segment_count_strangers(const char *dir, char **example)
{
    DIR *stream = opendir(dir);
    unsigned n = 0;
    *example = NULL;
    for (struct dirent *entry; stream && (entry = readdir(stream));) {
        struct segment seg;
        if (!(parse_name(entry->d_name, &seg) || is_unfinished(entry->d_name)) ||
            is_file(stream, entry))
            continue;
        if (n++ == 0)
            *example = mem_printf("%s/%s", dir, entry->d_name);
    }
    if (stream)
        closedir(stream);
    return n;
}

bool segment_is_free(const char *dir, uint64_t no)
{
    static const char *const ends[] = {"open.new", "open", "seg"};
    bool is_free = true;
    for (size_t i = 0; i < sizeof ends / sizeof *ends; i++) {
        struct stat st;
        char *path = mem_printf("%s/%016llx.%s", dir, (unsigned long long)no, ends[i]);
        is_free &= lstat(path, &st) < 0 || S_ISREG(st.st_mode);
        free(path);
    }
    return is_free;
}

void segment_free_list(struct segment *first)
{
    while (first) {
        struct segment *next = first->next;
        free(first);
        first = next;
    }
}

void segment_find_ends(struct segment *first)
{
    size_t n = 0;
    for (struct segment *seg = first; seg; seg = seg->next)
        n++;
    struct segment **all = mem_zero(n + 1, sizeof *all);
    for (struct segment *seg = first, **at = all; seg; seg = seg->next)
        *at++ = seg;
    for (uint64_t end_seq = UINT64_MAX; n-- > 0;) {
        all[n]->end_seq = end_seq;
        if (all[n]->base_seq < end_seq)
            end_seq = all[n]->base_seq;
    }
    free(all);
}

int segment_seal(const char *dir, struct segment *seg, struct err *err)
{
    char *from = segment_path(dir, seg), *to = segment_closed_path(dir, seg);
    int rc = fs_rename(from, to, err);
    if (rc == 0) {
        seg->is_open = false;
        rc = fs_sync_dir(dir, err);
    }
    free(from);
    free(to);
    return rc ? err_wrap(err, "close segment %016llx", (unsigned long long)seg->no) : 0;
}

int segment_quarantine(const char *dir, const struct segment *seg, struct err *err)
{
    char *path = segment_path(dir, seg);
    int rc = bad_take(dir, strrchr(path, '/') + 1, err);
    free(path);
    return rc;
}
