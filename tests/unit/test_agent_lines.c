/* test_agent_lines.c: every byte of a file is in an event, is what ends its line, or is counted as cut: files of every
 * terminator and encoding, and of random bytes, through the whole program (tail, spool, sender) into events.
 *
 * What is expected is made with the file, by other means than posta's: the test knows where each line begins and what it says.
 */
#include "agent.h"
#include "posta_test.h"

#include <posta/json.h>

#include <iconv.h>

enum { LIMIT = 1024 };

/* ---- an output that keeps what it gets ---- */

struct event {
    uint64_t offset;
    struct buf message;
    bool is_truncated;
};

static struct {
    struct output_env env;
    struct event at[4096];
    size_t n;
} got;

static int keep_open(void *self, const struct output_env *env, struct err *err)
{
    (void)self, (void)err;
    got.env = *env;
    return 0;
}

static int keep_send(void *self, const struct out_event *ev, uint64_t token, struct err *err)
{
    struct json_span event, key, value;
    (void)self;
    assert_true(got.n < COUNT(got.at));
    assert_true(is_json(ev->bytes, ev->len));
    struct event *to = &got.at[got.n++];
    *to = (struct event) {.message = BUF_INIT};
    assert_int_equal(json_check(ev->bytes, ev->len, &event, err), 0);
    struct json_walk walk = json_members(event);
    while (json_next(&walk, &key, &value)) {
        if (json_equals(key, "message"))
            json_text(value, &to->message);
        if (!json_equals(key, "log"))
            continue;
        const char *offset = memmem(value.at, value.len, "\"offset\":", 9);
        to->offset = strtoull(offset + 9, NULL, 10);
        to->is_truncated = memmem(value.at, value.len, "truncated", 9) != NULL;
    }
    got.env.verdict(got.env.arg, token, VERDICT_DELIVERED, NULL, NULL, 0);
    return 0;
}

static void keep_close(void *self)
{
    (void)self;
}

static const struct output keeper = {.name = "keeper",
                                     .doc = "",
                                     .open = keep_open,
                                     .send = keep_send,
                                     .close = keep_close,
                                     .size = 1};

/* ---- what the file says ---- */

struct expected {
    struct buf file;
    struct event at[4096];
    size_t n;
};

static void expect(struct expected *exp, uint64_t offset, const char *text, size_t len,
                   bool is_truncated)
{
    assert_true(exp->n < COUNT(exp->at));
    struct event *ev = &exp->at[exp->n++];
    *ev = (struct event) {.offset = offset, .is_truncated = is_truncated, .message = BUF_INIT};
    buf_append(&ev->message, text, len);
}

static void forget(struct event *events, size_t n)
{
    for (size_t i = 0; i < n; i++)
        buf_free(&events[i].message);
}

static void run_posta(const char *dir, const char *options)
{
    struct settings settings;
    struct err err;
    struct pipeline_end end;
    char *config =
        mem_printf("path.data: %s/data\nlogging.level: error\nlogging.metrics.enabled: false\n"
                   "queue.disk.sync_interval: 0\nfilebeat.inputs:\n- id: in\n  paths: [%s/log]\n"
                   "  message_max_bytes: %d\n%soutput.console: {}\n",
                   dir, dir, LIMIT, options);
    file_write(dir, "posta.yml", config, strlen(config));
    char *path = path_in(dir, "posta.yml");
    const char *files[] = {path};
    const struct cli_args args = {.files = files, .n_files = 1};
    if (settings_load(&settings, &args))
        fail_msg("%s", config);
    log_nothing(NULL);
    settings.output = &keeper;
    const struct pipeline_config pipe = {.settings = &settings, .once = true};
    got.n = 0;
    if (pipeline_run(&pipe, &end, &err))
        fail_msg("%s", err.text);
    settings.output = all_outputs[1]; /* console, whose options were read */
    settings_free(&settings);
    free(path);
    free(config);
}

static void check(const char *dir, struct expected *exp, const char *options)
{
    file_write(dir, "log", exp->file.data, exp->file.len);
    run_posta(dir, options);
    for (size_t i = 0; i < exp->n && i < got.n; i++) {
        const struct event *a = &got.at[i], *b = &exp->at[i];
        if (a->offset != b->offset || a->is_truncated != b->is_truncated ||
            a->message.len != b->message.len ||
            (a->message.len && memcmp(a->message.data, b->message.data, a->message.len) != 0))
            fail_msg("%s event %zu: offset %llu, %zu bytes, cut %d, '%.*s'; should be offset %llu, "
                     "%zu bytes, cut %d, "
                     "'%.*s'",
                     options, i, (unsigned long long)a->offset, a->message.len, a->is_truncated,
                     (int)a->message.len, a->message.data, (unsigned long long)b->offset,
                     b->message.len, b->is_truncated, (int)b->message.len, b->message.data);
    }
    if (got.n != exp->n)
        fail_msg("%s: %zu events, should be %zu", options, got.n, exp->n);
    forget(got.at, got.n);
    forget(exp->at, exp->n);
    exp->n = 0;
    buf_clear(&exp->file);
    char *data = path_in(dir, "data");
    char *spool = path_in(data, "spool");
    folder_empty(spool);
    rmdir(spool);
    folder_empty(data);
    rmdir(data);
    free(spool);
    free(data);
}

/* ---- encodings and terminators ---- */

static void append_as(struct buf *out, const char *charset, const char *text, size_t len)
{
    iconv_t conv = iconv_open(charset, "UTF-8");
    char *from = (char *)text;
    assert_true(conv != (iconv_t)-1);
    buf_reserve(out, 8 * len + 16);
    char *to = out->data + out->len;
    size_t room = out->cap - out->len;
    assert_int_equal(iconv(conv, &from, &len, &to, &room), 0);
    iconv(conv, NULL, NULL, &to, &room);
    out->len = (size_t)(to - out->data);
    iconv_close(conv);
}

static const struct {
    const char *word, *iconv, *letters; /* what the encoding has */
    const char *mark;                   /* at the beginning of the file */
    size_t mark_len;
} encodings[] = {
    {"plain", "UTF-8", "az \xc3\xa4\xe2\x82\xac\xf0\x9f\x98\x80", "", 0},
    {"utf-8", "UTF-8", "az \xe4\xb8\xad", "\xef\xbb\xbf", 3},
    {"utf-16-bom", "UTF-16LE", "az \xc4\x8a\xe0\xa8\x8a\xe2\x82\xac\xf0\x9f\x98\x80", "\xff\xfe",
     2},
    {"utf-16-bom", "UTF-16BE", "az \xc4\x8a\xe0\xa8\x8a\xe2\x82\xac\xf0\x9f\x98\x80", "\xfe\xff",
     2},
    {"utf-16le-bom", "UTF-16LE", "az \xc4\x8a", "\xff\xfe", 2},
    {"utf-16be-bom", "UTF-16BE", "az \xc4\x8a", "", 0},
    {"utf-16le", "UTF-16LE", "az \xc4\x8a\xe0\xa8\x8a", "", 0},
    {"utf-16be", "UTF-16BE", "az \xc4\x8a\xe0\xa8\x8a", "", 0},
    {"gbk", "GBK", "az \xe4\xb8\xad\xe6\x96\x87", "", 0},
    {"gb18030", "GB18030", "az \xe4\xb8\xad\xf0\x9f\x98\x80", "", 0},
    {"big5", "BIG5", "az \xe4\xb8\xad\xe6\x96\x87", "", 0},
    {"euc-jp", "EUC-JP", "az \xe6\x97\xa5", "", 0},
    {"iso-2022-jp", "ISO-2022-JP", "az \xe6\x97\xa5", "", 0},
    {"shift-jis", "SHIFT_JIS", "az \xe6\x97\xa5\xe8\xa1\xa8", "", 0},
    {"euc-kr", "EUC-KR", "az \xed\x95\x9c", "", 0},
    {"iso8859-1", "ISO-8859-1", "az \xc3\xa4\xc3\xbf", "", 0},
    {"iso8859-15", "ISO-8859-15", "az \xe2\x82\xac", "", 0},
    {"windows1252", "CP1252", "az \xe2\x82\xac", "", 0},
    {"windows1251", "CP1251", "az \xd0\x96", "", 0},
    {"cp437", "CP437", "az \xe2\x95\x90", "", 0},
    {"koi8r", "KOI8-R", "az \xd0\x96", "", 0},
    {"macintosh", "MACINTOSH", "az \xc3\xa4", "", 0},
    {"ebcdic-037", "IBM037", "az \xc3\xa4", "", 0},
    {"ebcdic-1047", "IBM1047", "az [\xc3\xa4", "", 0},
};

static const struct {
    const char *word, *text;
    size_t len;
} terminators[] = {
    {"auto", "\n", 1},
    {"auto", "\r\n", 2},
    {"line_feed", "\n", 1},
    {"carriage_return", "\r", 1},
    {"carriage_return_line_feed", "\r\n", 2},
    {"vertical_tab", "\v", 1},
    {"form_feed", "\f", 1},
    {"null_terminator", "\0", 1},
    {"next_line", "\xc2\x85", 2},
    {"line_separator", "\xe2\x80\xa8", 3},
    {"paragraph_separator", "\xe2\x80\xa9", 3},
};

static bool can_encode(const char *charset, const char *text, size_t len)
{
    char from[8], to[16], *in = from, *out = to;
    size_t room = sizeof(to);
    memcpy(from, text, len);
    iconv_t conv = iconv_open(charset, "UTF-8");
    bool can = iconv(conv, &in, &len, &out, &room) == 0;
    iconv_close(conv);
    return can;
}

static void random_text(struct buf *text, const char *letters, size_t n)
{
    size_t n_letters = 0, starts[32];
    for (const char *at = letters; *at; at += utf8_at(at, strlen(at)))
        starts[n_letters++] = (size_t)(at - letters);
    starts[n_letters] = strlen(letters);
    buf_clear(text);
    for (size_t i = 0; i < n; i++) {
        size_t k = random_below(n_letters);
        buf_append(text, letters + starts[k], starts[k + 1] - starts[k]);
    }
}

static void add_encoded_line(struct expected *exp, size_t enc, size_t term, struct buf *text,
                             bool has_end)
{
    uint64_t offset = exp->n == 0 ? 0 : exp->file.len; /* the mark belongs to the first line */
    append_as(&exp->file, encodings[enc].iconv, text->data, text->len);
    if (has_end)
        append_as(&exp->file, encodings[enc].iconv, terminators[term].text, terminators[term].len);
    expect(exp, offset, text->data, text->len, false);
}

static void lines_of_every_encoding_and_terminator(void **state)
{
    static struct expected exp;
    struct buf text = BUF_INIT;
    random_begin("lines_of_every_encoding_and_terminator");
    for (size_t enc = 0; enc < COUNT(encodings); enc++)
        for (size_t term = 0; term < COUNT(terminators); term++) {
            if (!can_encode(encodings[enc].iconv, terminators[term].text, terminators[term].len))
                continue;
            buf_append(&exp.file, encodings[enc].mark, encodings[enc].mark_len);
            for (int i = 0; i < 30; i++) {
                random_text(&text, encodings[enc].letters, i % 5 == 0 ? 0 : random_below(60));
                add_encoded_line(&exp, enc, term, &text, true);
            }
            random_text(&text, encodings[enc].letters, 5); /* without an end */
            add_encoded_line(&exp, enc, term, &text, false);
            char *options = mem_printf("  encoding: %s\n  line_terminator: %s\n",
                                       encodings[enc].word, terminators[term].word);
            check(*state, &exp, options);
            free(options);
        }
    buf_free(&text);
    buf_free(&exp.file);
}

/* ---- random bytes ---- */

/* As a strict reader sees them: each byte that is no UTF-8 becomes U+FFFD. */
static void expect_bytes(struct expected *exp, uint64_t offset, const char *bytes, size_t len,
                         bool is_cut)
{
    struct buf text = BUF_INIT;
    for (size_t i = 0; i < len;) {
        size_t n = utf8_at(bytes + i, len - i);
        buf_append(&text, n ? bytes + i : "\xef\xbf\xbd", n ? n : 3);
        i += n ? n : 1;
    }
    expect(exp, offset, text.data ? text.data : "", text.len, is_cut);
    buf_free(&text);
}

static size_t find_terminator(const struct buf *file, size_t from, size_t term)
{
    const char *at =
        memmem(file->data + from, file->len - from, terminators[term].text, terminators[term].len);
    return at ? (size_t)(at - file->data) : file->len;
}

/* The file cut at its terminators. */
static void expect_lines(struct expected *exp, size_t term)
{
    const struct buf *file = &exp->file;
    for (size_t at = 0, end; at < file->len; at = end + terminators[term].len) {
        end = find_terminator(file, at, term);
        size_t len = end - at,
               skip = at == 0 && len >= 3 && memcmp(file->data, "\xef\xbb\xbf", 3) == 0 ? 3 : 0;
        bool strips = term == 0 && end < file->len && len > 0 && file->data[end - 1] == '\r';
        bool is_cut = len - strips > LIMIT;
        expect_bytes(exp, at, file->data + at + skip, (is_cut ? LIMIT : len - strips) - skip,
                     is_cut);
    }
}

static void random_bytes_are_all_there(void **state)
{
    static const char special[] = "\n\r\0\x1b\xc2\x85\xe2\x80\xa8\v\f\"\\\xff\xef\xbb\xbf\x80";
    static struct expected exp;
    random_begin("random_bytes_are_all_there");
    for (int round = 0; round < 120; round++) {
        size_t term = random_below(COUNT(terminators));
        term = term == 1 ? 0 : term;
        size_t n = random_below(6000), rare = 2 + random_below(200);
        for (size_t i = 0; i < n; i++)
            buf_putc(&exp.file, random_below(rare) == 0 ? special[random_below(sizeof(special) - 1)]
                                : random_below(4)       ? (char)('a' + random_below(26))
                                                        : (char)random_next());
        if (n == 0)
            buf_putc(&exp.file, 'x');
        expect_lines(&exp, term);
        char *options = mem_printf("  line_terminator: %s\n", terminators[term].word);
        check(*state, &exp, options);
        free(options);
    }
    buf_free(&exp.file);
}

static void long_lines_are_cut_and_their_neighbours_whole(void **state)
{
    static struct expected exp;
    for (size_t term = 0; term < COUNT(terminators); term++)
        for (size_t len = LIMIT - 3; len <= LIMIT + 3; len++)
            for (size_t more = 0; more < 3; more++) {
                static const size_t extra[] = {0, LIMIT, 200 * 1024};
                size_t n = len + extra[more];
                buf_puts(&exp.file, "before");
                buf_append(&exp.file, terminators[term].text, terminators[term].len);
                for (size_t i = 0; i < n; i++)
                    buf_putc(&exp.file, 'x');
                buf_append(&exp.file, terminators[term].text, terminators[term].len);
                buf_puts(&exp.file, "behind");
                buf_append(&exp.file, terminators[term].text, terminators[term].len);
                expect_lines(&exp, term == 1 ? 0 : term);
                if (term == 1) { /* CR LF with auto: the CR counts as text until the LF is seen */
                    forget(exp.at, exp.n);
                    exp.n = 0;
                    buf_clear(&exp.file);
                    continue;
                }
                char *options = mem_printf("  line_terminator: %s\n", terminators[term].word);
                check(*state, &exp, options);
                free(options);
            }
    buf_free(&exp.file);
}

static int setup(void **state)
{
    return log_nothing(state) || folder_setup(state);
}

static int teardown(void **state)
{
    folder_empty(*state);
    return folder_teardown(state);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(lines_of_every_encoding_and_terminator, setup, teardown),
        cmocka_unit_test_setup_teardown(random_bytes_are_all_there, setup, teardown),
        cmocka_unit_test_setup_teardown(long_lines_are_cut_and_their_neighbours_whole, setup,
                                        teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
