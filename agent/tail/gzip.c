/* gzip.c: the content of a compressed generation, read in order.
 *
 * Happy path: bytes are inflated from where the last call ended; members that follow each other (RFC 1952, 2.2) are one
 * content.
 * What the last call gave is kept, since a reader comes back for the line that was not whole.
 * Failure modes: an offset before that is asked for: all is inflated again from the beginning. The file is damaged, or ends
 * before its content does: the content ends there, and gzip_damage says where.
 * On close: nothing is kept.
 */
#include "gzip.h"

#include <posta/fs.h>
#include <posta/log.h>

#include <stdio.h>
#include <stdlib.h>
#include <zlib.h>

enum {
    IN_BYTES = 32 * 1024,
    STEP_BYTES = 64 * 1024,
    GZIP_WINDOW = 15 + 16 /* zlib.h: gzip only */
};

struct gzip {
    z_stream z;
    bool is_begun; /* z is initialised */
    bool is_done;  /* the last member is at its end */
    uint64_t in_at;
    struct buf window; /* content from window_at on, what was given last */
    uint64_t window_at;
    char damage[128]; /* "" = none */
    unsigned char in[IN_BYTES];
};

/* ---- what is compressed ---- */

bool gzip_is_name(const char *name)
{
    size_t len = strlen(name);
    return len > 3 && strcmp(name + len - 3, ".gz") == 0;
}

static const struct {
    const char *name, *magic;
    size_t len;
} foreign[] = {
    {"xz",
     "\xfd"
     "7zXZ",
     5},
    {"zstd", "\x28\xb5\x2f\xfd", 4},
    {"bzip2", "BZh91A", 6},
    {"lz4", "\x04\x22\x4d\x18", 4},
};

static const char *foreign_name(const char *head, size_t len)
{
    for (size_t i = 0; i < sizeof foreign / sizeof *foreign; i++)
        if (len >= foreign[i].len && memcmp(head, foreign[i].magic, foreign[i].len) == 0)
            return foreign[i].name;
    return NULL;
}

enum content content_of(const struct tail_input *conf, const char *name, int fd)
{
    char head[6];
    struct err ignored; /* a file that cannot be read says so when it is */
    if (conf->compression != COMPRESSION_AUTO)
        return conf->compression == COMPRESSION_GZIP ? CONTENT_GZIP : CONTENT_PLAIN;
    ssize_t n = fs_pread(fd, head, sizeof head, 0, &ignored);
    const char *by = n > 0 ? foreign_name(head, (size_t)n) : NULL;
    if (by)
        log_limited(NULL, 3600 * NS_PER_S, LOG_WARN, "tail",
                    "%s is compressed by %s, which posta does not read, and is not followed: leave "
                    "it out by prospector.scanner.exclude_files",
                    name, by);
    if (by)
        return CONTENT_FOREIGN;
    bool is_gzip = n >= 2 ? memcmp(head, "\x1f\x8b", 2) == 0 : gzip_is_name(name);
    return is_gzip ? CONTENT_GZIP : CONTENT_PLAIN;
}

/* ---- reading ---- */

struct gzip *gzip_new(void)
{
    return mem_zero(1, sizeof(struct gzip));
}

void gzip_free(struct gzip *gzip)
{
    if (!gzip)
        return;
    if (gzip->is_begun)
        inflateEnd(&gzip->z);
    buf_free(&gzip->window);
    free(gzip);
}

const char *gzip_damage(const struct gzip *gzip)
{
    return gzip && *gzip->damage ? gzip->damage : NULL;
}

static int begin(struct gzip *gzip, struct err *err)
{
    if (gzip->is_begun)
        inflateEnd(&gzip->z);
    gzip->z = (z_stream) {0};
    gzip->in_at = gzip->window_at = 0;
    buf_clear(&gzip->window);
    gzip->is_done = false;
    gzip->is_begun = inflateInit2(&gzip->z, GZIP_WINDOW) == Z_OK;
    return gzip->is_begun ? 0 : err_set(err, ERR_FULL, "start to decompress: no memory");
}

static void end_damaged(struct gzip *gzip, const char *what)
{
    snprintf(gzip->damage, sizeof gzip->damage, "%s at its byte %llu", what,
             (unsigned long long)(gzip->in_at - gzip->z.avail_in));
    gzip->is_done = true;
}

/* 1 = there is input, 0 = the file has no more, -1 = error. */
static int fill(struct gzip *gzip, int fd, struct err *err)
{
    if (gzip->z.avail_in > 0)
        return 1;
    ssize_t n = fs_pread(fd, gzip->in, IN_BYTES, gzip->in_at, err);
    if (n <= 0)
        return (int)n;
    gzip->in_at += (uint64_t)n;
    gzip->z.next_in = gzip->in;
    gzip->z.avail_in = (unsigned)n;
    return 1;
}

/* Behind a member there may be another; zeros behind the last are padding. */
static int next_member(struct gzip *gzip, int fd, struct err *err)
{
    int rc;
    while ((rc = fill(gzip, fd, err)) > 0 && *gzip->z.next_in == 0) {
        gzip->z.next_in++;
        gzip->z.avail_in--;
    }
    if (rc == 0)
        gzip->is_done = true;
    else if (rc > 0 && inflateReset(&gzip->z) != Z_OK)
        end_damaged(gzip, "damaged");
    return rc < 0 ? -1 : 0;
}

static int inflate_some(struct gzip *gzip, int fd, struct err *err)
{
    int rc = fill(gzip, fd, err);
    if (rc == 0)
        end_damaged(gzip, "cut off");
    if (rc <= 0)
        return rc;
    rc = inflate(&gzip->z, Z_NO_FLUSH);
    if (rc == Z_STREAM_END)
        return next_member(gzip, fd, err);
    if (rc != Z_OK && rc != Z_BUF_ERROR)
        end_damaged(gzip, "damaged");
    return 0;
}

/* Add up to `more` bytes of content to the window; fewer only at the end. */
static int extend(struct gzip *gzip, int fd, size_t more, struct err *err)
{
    struct buf *window = &gzip->window;
    int rc = 0;
    buf_reserve(window, more);
    gzip->z.next_out = (unsigned char *)window->data + window->len;
    gzip->z.avail_out = (unsigned)more;
    while (rc == 0 && gzip->z.avail_out > 0 && !gzip->is_done)
        rc = inflate_some(gzip, fd, err);
    window->len += more - gzip->z.avail_out;
    return rc;
}

static void drop_before(struct gzip *gzip, uint64_t offset)
{
    struct buf *window = &gzip->window;
    size_t n =
        offset - gzip->window_at < window->len ? (size_t)(offset - gzip->window_at) : window->len;
    if (n == 0)
        return;
    memmove(window->data, window->data + n, window->len - n);
    window->len -= n;
    gzip->window_at += n;
}

ssize_t gzip_pread(struct gzip *gzip, int fd, void *into, size_t len, uint64_t offset,
                   struct err *err)
{
    struct buf *window = &gzip->window;
    if ((!gzip->is_begun || offset < gzip->window_at) && begin(gzip, err))
        return -1;
    while (gzip->window_at + window->len < offset && !gzip->is_done) {
        drop_before(gzip, offset);
        if (extend(gzip, fd, STEP_BYTES, err))
            return -1;
    }
    if (window->len)
        drop_before(gzip, offset);
    if (window->len < len && extend(gzip, fd, len - window->len, err))
        return -1;
    if (gzip->window_at < offset)
        return 0; /* the content is shorter */
    size_t n = window->len < len ? window->len : len;
    if (n > 0)
        memcpy(into, window->data, n);
    return (ssize_t)n;
}
