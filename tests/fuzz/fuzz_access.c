/* fuzz_access.c: any text as a format of nginx or Apache, any text as a line of it: never more than the line is read, and
 * whatever comes of it is JSON without two members of one name.
 *
 * The first byte chooses the server, the first line is the format, the rest are lines.
 */
#include "event/event.h"
#include "parse/access.h"
#include "parse/parse.h"

#include "library.h"
#include <assert.h>

static void give(void *arg, struct record *rec)
{
    struct encoder *enc = arg;
    struct buf out = BUF_INIT;
    json_error_t error;
    encoder_record(enc, rec, &out);
    json_t *json = json_loadb(out.data, out.len, JSON_ALLOW_NUL, &error);
    if (!json && !library_cannot(&error)) {
        fprintf(stderr, "%s: %.*s\n", error.text, (int)out.len, out.data);
        abort();
    }
    json_decref(json);
    buf_free(&out);
}

static void take_lines(const struct parser *parser, void *self, const char *text, size_t len)
{
    static const struct event_agent agent = {
        .beat = "b", .version = "1", .id = "i", .ephemeral_id = "e", .name = "n"};
    static const struct event_input input = {.type = "f", .extra = "", .limit_bytes = 4096};
    static char path[] = "/a", id[] = "in";
    const struct source src = {.path = path, .input = id};
    struct encoder enc = ENCODER_INIT;
    struct fields fields = {.error_type = NULL};
    const struct emit emit = {.arg = &enc, .give = give};
    struct lines lines = {.bytes = text, .len = len};
    struct line line;
    encoder_begin(&enc, &agent, &input, &src, 0);
    while (line_next(&lines, &line)) {
        char *exact = mem_alloc(line.len);
        memcpy(exact, line.text, line.len);
        struct record rec = {.text = exact, .len = line.len, .fields = &fields};
        fields_clear(&fields);
        parser->take(self, NULL, NULL, &rec, &emit);
        free(exact);
    }
    fields_free(&fields);
    encoder_free(&enc);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static char zone[] = "UTC";
    const char *text = (const char *)data + 1;
    const char *nl = size > 1 ? memchr(text, '\n', size - 1) : NULL;
    struct err err;
    if (!nl)
        return 0;
    char *format = mem_printf("%.*s", (int)(nl - text), text);
    const struct parser *parser = data[0] % 2 ? &nginx_parser : &apache_parser;
    struct web web = {
        .formats = {.at = &format, .n = 1}, .timezone = zone, .original = data[0] & 2};
    if (parser->open(&web, &err) == 0)
        take_lines(parser, &web, nl + 1, size - 2 - (size_t)(nl - text));
    parser->close(&web);
    free(format);
    return 0;
}
