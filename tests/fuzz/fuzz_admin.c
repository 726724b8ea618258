/* fuzz_admin.c: any bytes as an Accept header, as the answer that a probe reads, as its URL, and as a label of a metric: nothing is
 * read beyond its end, and what is written keeps to its form.
 */
#include "admin/admin.h"

#include <assert.h>
#include <stdlib.h>

static void put_label(const char *text)
{
    static const struct metric_family family = {"x", METRIC_GAUGE, NULL, "X."};
    const struct metric_label labels[] = {{"a", text}, {NULL, NULL}};
    struct buf out = BUF_INIT;
    struct exposition to = {.out = &out};
    exposition_begin(&to, &family);
    size_t head = out.len;
    exposition_u64(&to, labels, 1);
    assert(memchr(out.data + head, '\n', out.len - head) == out.data + out.len - 1);
    buf_free(&out);
}

static void read_answer(const char *bytes, size_t size)
{
    struct buf line = BUF_INIT;
    unsigned status = 0;
    if (admin_read_answer(bytes, size, &status, &line) == 0)
        assert(status <= 999 && line.len < size);
    buf_free(&line);
}

static void read_url(const char *text)
{
    struct admin_settings where;
    struct err err;
    int rc = admin_read_url(text, &where, &err);
    assert(rc || (where.host && where.port >= 1 && where.port <= 65535));
    free(where.host);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct buf out = BUF_INIT;
    char *exact = malloc(size ? size : 1), *text = mem_zero(1, size + 1);
    memcpy(exact, data, size);
    memcpy(text, data, size);
    read_answer(exact, size);
    read_url(text);
    put_label(text);
    (void)accepts_openmetrics(text);
    json_indent(exact, size, &out);
    buf_free(&out);
    free(exact);
    free(text);
    return 0;
}
