/* fuzz_gzip.c: a compressed generation of any bytes, read at any offsets: no more than the content is given, a second reading
 * gives the same, and what is damaged ends.
 *
 * Input: n (1 byte), n offsets (2 bytes each), then the file.
 */
#include "tail/follow.h"

#include <stdlib.h>

#include <sys/mman.h>
#include <unistd.h>

enum { CONTENT_MAX = 1 << 20, READ_MAX = 4096 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Up to CONTENT_MAX bytes of content; the length. */
static size_t read_all(int fd, char *into)
{
    struct gzip *gzip = gzip_new();
    struct err err;
    size_t len = 0;
    ssize_t n = 0;
    while (len < CONTENT_MAX && (n = gzip_pread(gzip, fd, into + len, READ_MAX, len, &err)) > 0)
        len += (size_t)n;
    gzip_free(gzip);
    return len;
}

static void read_here_and_there(int fd, const uint8_t *offsets, size_t n, const char *content,
                                size_t len)
{
    struct gzip *gzip = gzip_new();
    char found[READ_MAX];
    struct err err;
    for (size_t i = 0; i < n; i++) {
        size_t at = (size_t)(offsets[2 * i] | offsets[2 * i + 1] << 8);
        ssize_t got = gzip_pread(gzip, fd, found, sizeof found, at, &err);
        if (got > 0 && at + (size_t)got <= len && memcmp(found, content + at, (size_t)got) != 0)
            abort();
        if (got > 0 && len < CONTENT_MAX && at + (size_t)got > len)
            abort();
    }
    gzip_free(gzip);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static char content[CONTENT_MAX + READ_MAX];
    size_t n = size > 0 ? data[0] : 0;
    if (size < 1 + 2 * n)
        return 0;
    int fd = memfd_create("gz", MFD_CLOEXEC);
    const uint8_t *file = data + 1 + 2 * n;
    size_t left = size - 1 - 2 * n;
    if (fd >= 0 && write(fd, file, left) == (ssize_t)left)
        read_here_and_there(fd, data + 1, n, content, read_all(fd, content));
    close(fd);
    return 0;
}
