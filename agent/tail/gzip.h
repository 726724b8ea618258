/* gzip.h: compressed generations: which files are, and their content. */
#ifndef TAIL_GZIP_H
#define TAIL_GZIP_H

#include "tail.h"

#include <sys/types.h>

struct gzip;

enum content { CONTENT_PLAIN, CONTENT_GZIP, CONTENT_FOREIGN };
/* How an open file is to be read; FOREIGN, said: compressed in a way that posta cannot. */
enum content content_of(const struct tail_input *conf, const char *name, int fd);
bool gzip_is_name(const char *name);
struct gzip *gzip_new(void);
void gzip_free(struct gzip *gzip); /* NULL is fine */
/* Where the file is damaged or cut off, NULL = nowhere so far; behind it there is no content. Borrowed. */
const char *gzip_damage(const struct gzip *gzip);
/* As fs_pread, on the decompressed bytes; cheap only if offset is not before that of the last call. */
ssize_t gzip_pread(struct gzip *gzip, int fd, void *into, size_t len, uint64_t offset,
                   struct err *err) MUST_CHECK;

#endif
