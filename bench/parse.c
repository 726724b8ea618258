/* parse.c: what a line costs as a plain event, and through a parser: ns a line, the best of ROUNDS, and how large the events
 * are. Under callgrind (bench/parse.sh) the instructions.
 *
 *     parse NAME [LINES]      plain, nginx, apache, nginx-json, nginx-error, container, ndjson, syslog, multiline; all if none
 */
#include "parse/parse.h"
#include "event/event.h"

#include <posta/plugin.h>

#include <stdio.h>
#include <stdlib.h>
#include <time.h>

enum { ROUNDS = 15 };

static const struct event_agent agent = {.beat = "filebeat",
                                         .version = "0.1.0",
                                         .id = "a32cd22e-11d9-4830-92d3-ad428d7d5977",
                                         .ephemeral_id = "43c5798c-cccb-47dd-a9e1-e2b40fb4a636",
                                         .name = "web-1"};
#define NGINX                                                                                      \
    "203.0.113.%d - - [22/Nov/2026:07:%02d:%02d +0000] \"GET /cart/item/%d?session=1f00a3c9 "      \
    "HTTP/1.1\" 200 512 \"https://shop.example.com/catalog/page/17\" \"Mozilla/5.0 (X11; Linux "   \
    "x86_64) AppleWebKit/537.36 Chrome/120.0 Safari/537.36\""

static const struct row {
    const char *name;
    const struct parser *parser; /* NULL: a plain event */
    const char *format; /* of the line: numbers come in this order: %255, minute, second, n */
    bool is_error;
} rows[] = {
    {"plain", NULL, NGINX, false},
    {"nginx", &nginx_parser, NGINX, false},
    {"apache", &apache_parser, NGINX, false},
    {"nginx-json", &nginx_parser,
     "{\"remote_addr\":\"203.0.113.%d\",\"time_iso8601\":\"2026-11-22T07:%02d:%02d+00:00\","
     "\"request\":\"GET /cart/item/%d HTTP/1.1\",\"status\":\"200\",\"body_bytes_sent\":\"512\","
     "\"http_referer\":\"https://shop.example.com/\",\"http_user_agent\":\"Mozilla/5.0 (X11)\"}",
     false},
    {"nginx-error", &nginx_parser,
     "2026/11/22 07:%02d:%02d [error] %d#0: *%d open() \"/x\" failed (2: No such file or "
     "directory), client: 127.0.0.1",
     true},
    {"container", &container_parser,
     "2026-11-22T07:00:00.%d%02d%02dZ stdout F GET /cart/item/%d HTTP/1.1 and so on", false},
    {"ndjson", &ndjson_parser,
     "{\"level\":\"info\",\"a\":%d,\"b\":{\"c\":%d,\"d\":%d},\"message\":\"request %d done\"}",
     false},
    {"syslog", &syslog_parser, "<13>1 2026-11-22T07:00:00.%d%02d%02dZ host app 7 - - text %d",
     false},
    {"multiline", &multiline_parser, "2026-11-22 %d %d %d text of a line that is alone %d", false},
};

/* As far as a parser's own options matter here: offsets are known to the table only. */
static void set_option(const struct parser *parser, void *self, const struct option *row,
                       bool is_error)
{
    void *field = (char *)self + row->at;
    static char any[] = "^20", local[] = "UTC", all[] = "auto";
    static char *formats[] = {all};
    (void)parser;
    if (row->type == OPT_TEXT)
        *(char **)field = strcmp(row->name, "pattern") == 0    ? any
                          : strcmp(row->name, "timezone") == 0 ? local
                                                               : NULL;
    if (row->type == OPT_LIST)
        *(struct str_list *)field = (struct str_list) {.at = formats, .n = 1};
    if (row->type == OPT_BOOL)
        *(bool *)field = strcmp(row->name, "negate") == 0;
    if (row->type == OPT_COUNT)
        *(uint64_t *)field = 500;
    if (row->type == OPT_WORD)
        *(int *)field = strcmp(row->name, "dataset") == 0 && is_error;
}

static void *open_parser(const struct row *row)
{
    void *self = mem_zero(1, row->parser->size);
    struct err err;
    for (const struct option *opt = row->parser->options; opt->name; opt++)
        set_option(row->parser, self, opt, row->is_error);
    ((struct parser_env *)self)->limit_bytes = 512 * 1024;
    if (row->parser->open(self, &err)) {
        fprintf(stderr, "%s: %s\n", row->name, err.text);
        exit(1);
    }
    return self;
}

/* ---- one round ---- */

struct bench {
    struct encoder enc;
    struct buf out;
    uint64_t bytes, n;
};

static void give(void *arg, struct record *rec)
{
    struct bench *bench = arg;
    encoder_record(&bench->enc, rec, &bench->out);
    bench->bytes += bench->out.len;
    bench->n++;
}

static void join(void *arg, uint64_t before, uint64_t after)
{
    (void)arg, (void)before, (void)after;
}

static void run(struct bench *bench, const struct chain *chain, const struct buf *text)
{
    struct lines lines = {.bytes = text->data, .len = text->len};
    struct line line;
    struct fields fields = {.error_type = NULL};
    struct chain_state *state = chain->holds ? chain_state_new(chain) : NULL;
    const struct emit emit = {.arg = bench, .give = give, .join = join};
    while (line_next(&lines, &line)) {
        if (chain->n == 0) {
            encoder_line(&bench->enc, line.text, line.len, line.start, false, &bench->out);
            bench->bytes += bench->out.len;
            bench->n++;
            continue;
        }
        struct record rec = {
            .text = line.text, .len = line.len, .offset = line.start, .fields = &fields};
        fields_clear(&fields);
        chain_take(chain, state, NULL, &rec, &emit);
    }
    chain_state_free(chain, state);
    fields_free(&fields);
}

static int64_t now_ns(void)
{
    struct timespec ts;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &ts);
    return ts.tv_sec * INT64_C(1000000000) + ts.tv_nsec;
}

static void measure(const struct row *row, int n_lines, int n_rounds)
{
    static char path[] = "/var/log/nginx/access.log", id[] = "in";
    const struct event_input input = {.type = "filestream", .extra = "", .limit_bytes = 512 * 1024};
    const struct source src = {.path = path, .input = id};
    struct bench bench = {.enc = ENCODER_INIT};
    struct buf text = BUF_INIT;
    struct chain chain = {.n = 0};
    for (int i = 0; i < n_lines; i++) {
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
        buf_printf(&text, row->format, i % 255, i / 6000 % 60, i / 100 % 60,
                   i); /* 100 lines a second */
#pragma GCC diagnostic pop
        buf_putc(&text, '\n');
    }
    if (row->parser)
        chain_add(&chain, row->parser, open_parser(row));
    encoder_begin(&bench.enc, &agent, &input, &src, INT64_C(1795330800000000000));
    int64_t best = INT64_MAX;
    for (int i = 0; i < n_rounds; i++) {
        int64_t begin = now_ns();
        run(&bench, &chain, &text);
        int64_t took = now_ns() - begin;
        best = took < best ? took : best;
    }
    printf("%-12s %7.1f ns a line, %5.0f bytes an event\n", row->name, (double)best / n_lines,
           (double)bench.bytes / (double)bench.n);
    chain_free(&chain);
    encoder_free(&bench.enc);
    buf_free(&bench.out);
    buf_free(&text);
}

int main(int argc, char **argv)
{
    int n_lines = argc > 2 ? atoi(argv[2]) : 20000;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        if (argc < 2 || strcmp(argv[1], rows[i].name) == 0)
            measure(&rows[i], n_lines, argc > 2 ? 1 : ROUNDS);
    return 0;
}
