/* newline.c: where lines end in a file, as its input says: terminator, encoding, order of bytes.
 *
 * Happy path: the last line end of what was read is found, the chunk goes up to it.
 * Failure modes: a file of an encoding whose order of bytes stands in its first two bytes may have no more than one byte
 * yet, or others there: then the order that the encoding's name says is taken, little-endian if it says none.
 * On close: nothing.
 */
#include "follow.h"

#include <posta/fs.h>

static enum charset_order read_order(struct file *file, enum charset_order otherwise)
{
    uint8_t mark[2] = {0, 0};
    struct err err;
    if (file_content(file, mark, sizeof mark, 0, &err) != sizeof mark)
        return ORDER_NONE; /* too short to say: asked again */
    if (mark[0] == 0xfe && mark[1] == 0xff)
        return ORDER_BIG;
    if (mark[0] == 0xff && mark[1] == 0xfe)
        return ORDER_LITTLE;
    return otherwise;
}

static bool is_big(struct file *file)
{
    enum charset_order otherwise = charset_order(file->input->conf->encoding);
    if (otherwise == ORDER_NONE)
        return false;
    if (file->order == ORDER_NONE || file->src->offset == 0)
        file->order = read_order(file, otherwise);
    return file->order == ORDER_BIG;
}

static struct line_end end_of(struct file *file)
{
    const struct tail_input *conf = file->input->conf;
    bool is_other = charset_order(conf->encoding) != ORDER_NONE &&
                    is_big(file) != (charset_order(conf->encoding) == ORDER_BIG);
    return is_other ? line_end_swapped(&conf->line_end) : conf->line_end;
}

size_t newline_first(struct file *file, const char *bytes, size_t len)
{
    struct line_end end = end_of(file);
    const char *at = line_end_first(&end, file->src->offset, bytes, len);
    return at ? (size_t)(at - bytes) : 0;
}

size_t newline_last(struct file *file, const char *bytes, size_t len)
{
    struct line_end end = end_of(file);
    const char *at = line_end_last(&end, file->src->offset, bytes, len);
    return at ? (size_t)(at - bytes) : 0;
}

size_t newline_cut(const struct file *file, size_t len)
{
    const struct tail_input *conf = file->input->conf;
    size_t unit = conf->line_end.unit > 1 ? conf->line_end.unit : 1;
    size_t limit = (size_t)conf->message_max_bytes / unit * unit;
    return len > limit + newline_kept(file) ? limit : 0; /* a line of just this length is whole */
}

size_t newline_kept(const struct file *file)
{
    size_t len = file->input->conf->line_end.len;
    return len > 1 ? len - 1 : 0;
}

uint8_t newline_flags(struct file *file)
{
    const struct line_end *end = &file->input->conf->line_end;
    bool is_other = end->len > 1 || (end->len == 1 && end->bytes[0] != '\n');
    return (uint8_t)((is_big(file) ? CHUNK_BIG_ENDIAN : 0) | (is_other ? CHUNK_OTHER_END : 0));
}
