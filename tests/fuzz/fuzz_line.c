/* fuzz_line.c: any bytes as a chunk: its lines, put together with what ended them, are the chunk again; each becomes an event.
 *
 * The first byte is the limit of a line, its low bits choose the line end and the encoding that it is decoded from.
 */
#include "event/event.h"

#include <assert.h>
#include <string.h>

static const struct event_agent agent = {
    .beat = "filebeat", .version = "1", .id = "i", .ephemeral_id = "e", .name = "n"};

static void check_line(const struct lines *lines, const struct line *line, size_t at)
{
    size_t rest = line->end - at - line->len, n_end = lines->end ? lines->end->len : 1;
    assert(line->start == at && line->end > at && line->end <= lines->len);
    assert(line->text == lines->bytes + at);
    assert(line->has_end || (rest == 0 && line->end == lines->len));
    assert(!line->has_end || rest == n_end ||
           (!lines->keeps_cr && rest == n_end + 1 && line->text[line->len] == '\r'));
    const char *first = lines->end ? line_end_first(lines->end, at, line->text, line->len)
                                   : memchr(line->text, '\n', line->len);
    assert(!first);
}

/* The last line end is where the last line that has one ends. */
static void check_last(const struct lines *lines, size_t end)
{
    static const struct line_end lf = {.len = 1, .bytes = "\n"};
    const char *last = line_end_last(lines->end ? lines->end : &lf, 0, lines->bytes, lines->len);
    assert(last ? (size_t)(last - lines->bytes) == end : end == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static char path[] = "/a", id[] = "in";
    if (size == 0)
        return 0;
    const struct event_input input = {.type = "filestream", .extra = "", .limit_bytes = data[0]};
    const struct source src = {.path = path, .input = id};
    struct encoder enc = ENCODER_INIT;
    struct buf out = BUF_INIT;
    struct lines lines = {.bytes = (const char *)data + 1, .len = size - 1};
    struct line_end end;
    struct err err;
    struct decoder *dec = NULL;
    struct buf text = BUF_INIT;
    int charset = data[0] >> 4, terminator = data[0] % 10; /* the first 16 encodings */
    if (line_end_make(&end, charset, terminator, &err))
        return 0;
    assert(decoder_new(&dec, charset, data[0] & 1, &err) == 0);
    if (terminator > TERMINATOR_AUTO || charset > CHARSET_PLAIN)
        lines.end = &end;
    lines.keeps_cr = terminator > TERMINATOR_AUTO || dec;
    size_t last_end = 0;
    struct line line;
    size_t at = 0;
    encoder_begin(&enc, &agent, &input, &src, 0);
    for (; line_next(&lines, &line); at = line.end) {
        check_line(&lines, &line, at);
        last_end = line.has_end ? line.end : last_end;
        buf_clear(&text);
        if (dec)
            decoder_append(dec, line.text, line.len, &text);
        bool is_cut = encoder_line(&enc, line.text, line.len, line.start, false, &out);
        assert(is_cut == (line.len > data[0]));
        assert(out.data[0] == '{' && out.data[out.len - 1] == '}' &&
               !memchr(out.data, '\n', out.len));
    }
    assert(at == lines.len);
    check_last(&lines, last_end);
    decoder_free(dec);
    buf_free(&text);
    encoder_free(&enc);
    buf_free(&out);
    return 0;
}
