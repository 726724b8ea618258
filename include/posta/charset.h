/* charset.h: how the bytes of a log mean text: its encoding, and what ends a line in it.
 *
 * Both are named in the configuration of an input. tail needs the line end only; text is decoded at delivery.
 */
#ifndef POSTA_CHARSET_H
#define POSTA_CHARSET_H

#include <posta/buf.h>
#include <posta/err.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Names for OPT_WORD; end with NULL. The first of each is the default: UTF-8, and LF or CRLF. */
extern const char *const charset_words[];
extern const char *const terminator_words[];
enum { CHARSET_PLAIN = 0, TERMINATOR_AUTO = 0 };

/* What ends a line, in bytes of the file. All zero means LF. */
struct line_end {
    uint8_t bytes[4];
    uint8_t len;
    uint8_t
        unit; /* bytes of the smallest piece of text: it begins at a multiple of this in the file */
};

enum charset_order {
    ORDER_NONE,   /* bytes have no order, or the name says it */
    ORDER_LITTLE, /* the file's first two bytes say it; this if they do not */
    ORDER_BIG,
};

/* By index into the words. CONFIG if the encoding has no such character, or this system cannot convert it. */
int line_end_make(struct line_end *end, int charset, int terminator, struct err *err) MUST_CHECK;
/* NONE unless the first two bytes of the file say the order of bytes. */
enum charset_order charset_order(int charset);
/* The same for the other order of bytes. */
struct line_end line_end_swapped(const struct line_end *end);

/* The place behind the first or last line end in bytes, which stand at this offset of the file; NULL if there is none. */
const char *line_end_first(const struct line_end *end, uint64_t offset, const char *bytes,
                           size_t len);
const char *line_end_last(const struct line_end *end, uint64_t offset, const char *bytes,
                          size_t len);

/* From an encoding to UTF-8. */
struct decoder;
/* is_big: see ORDER_BIG. *dec is NULL for plain and utf-8: their bytes are taken as they are. */
int decoder_new(struct decoder **dec, int charset, bool is_big, struct err *err) MUST_CHECK;
void decoder_free(struct decoder *dec); /* NULL is fine */
/* Append the text of one line. What does not mean anything becomes U+FFFD, one for each piece. */
void decoder_append(struct decoder *dec, const char *bytes, size_t len, struct buf *out);

#endif
