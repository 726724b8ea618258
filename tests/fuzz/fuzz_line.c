/* fuzz_line.c: any bytes as a chunk: its lines, put together with what ended them, are the chunk again; each becomes an event.
 *
 * The first byte is the limit of a line.
 */
#include "event/event.h"

#include <assert.h>
#include <string.h>

static const struct event_agent agent = {
    .beat = "filebeat", .version = "1", .id = "i", .ephemeral_id = "e", .name = "n"};

static void check_line(const struct lines *lines, const struct line *line, size_t at)
{
    assert(line->start == at && line->end > at && line->end <= lines->len);
    assert(line->text == lines->bytes + at && !memchr(line->text, '\n', line->len));
    size_t rest = line->end - at - line->len;
    assert(rest <= 2 && (rest > 0 || line->end == lines->len));
    assert(rest == 0 || lines->bytes[line->end - 1] == '\n');
    assert(rest < 2 || lines->bytes[line->end - 2] == '\r');
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
    struct line line;
    size_t at = 0;
    encoder_begin(&enc, &agent, &input, &src, 0);
    for (; line_next(&lines, &line); at = line.end) {
        check_line(&lines, &line, at);
        bool is_cut = encoder_line(&enc, line.text, line.len, line.start, false, &out);
        assert(is_cut == (line.len > data[0]));
        assert(out.data[0] == '{' && out.data[out.len - 1] == '}' &&
               !memchr(out.data, '\n', out.len));
    }
    assert(at == lines.len);
    encoder_free(&enc);
    buf_free(&out);
    return 0;
}
