/* fuzz_config.c: any bytes as posta.yml: parse, merge, expand, read by a table, export; what was exported is
 * read back.
 *
 * The first byte chooses: odd, the rest is one -E setting; even, a file.
 */
#include "../../agent/config/config.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

struct part {
    char *topic;
    bool enabled;
    uint64_t count, bytes;
    int64_t timeout_ns;
    int word;
    struct str_list hosts;
    const struct node *ssl;
    struct node_list topics;
};

#define AT(field) .at = offsetof(struct part, field)

static const char *const words[] = {"none", "gzip", NULL};

static const struct option rows[] = {
    {.name = "topic", .type = OPT_TEXT, .def = "t", .required = true, AT(topic)},
    {.name = "e", .type = OPT_BOOL, .def = "true", AT(enabled)},
    {.name = "count", .type = OPT_COUNT, .def = "5", .min = "1", .max = "100", AT(count)},
    {.name = "bytes", .type = OPT_BYTES, .def = "1KB", .max = "1GB", AT(bytes)},
    {.name = "timeout", .type = OPT_DURATION, .def = "5s", .min = "-1s", AT(timeout_ns)},
    {.name = "a.word", .type = OPT_WORD, .def = "gzip", .words = words, AT(word)},
    {.name = "hosts", .type = OPT_LIST, .required = true, AT(hosts)},
    {.name = "ssl", .type = OPT_MAP, AT(ssl)},
    {.name = "topics", .type = OPT_NODES, AT(topics)},
    {.name = "setup", .type = OPT_IGNORED, .doc = "not needed"},
    {.name = "http", .type = OPT_REFUSED, .doc = "not there"},
    {.name = NULL},
};

static const struct config_section sections[] = {{.name = "", .rows = rows}, {.name = NULL}};

/* Nothing from outside but these. */
static const char *environment(void *self, const char *name)
{
    (void)self;
    return name[0] == 'L' ? "a, b" : name[0] == 'Q' ? "'x' \"" : name[0] == 'V' ? "value" : NULL;
}

static void read_back(const char *yaml, size_t len)
{
    struct problems problems = PROBLEMS_INIT;
    struct config *config = config_new(NULL);
    int failed = config_add_bytes(config, "exported.yml", yaml, len, &problems);
    /* References may have made it larger than one file may be. */
    assert(failed == 0 || strstr(problems.at[0].text, "more than") != NULL ||
           len > CONFIG_FILE_BYTES);
    config_free(config);
    problems_free(&problems);
}

static void export(const struct config *config, bool is_whole)
{
    char *text = NULL;
    size_t len = 0;
    FILE *out = open_memstream(&text, &len);
    assert(out != NULL);
    config_export(out, config_root(config), sections, !is_whole);
    fclose(out);
    if (is_whole) {
        read_back(text, len);
    }
    free(text);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const struct config_vars vars = {.environment = environment};
    struct problems problems = PROBLEMS_INIT;
    struct part part = {.topic = NULL};
    if (size == 0) {
        return 0;
    }
    struct config *config = config_new(NULL);
    char *text = mem_printf("%.*s", (int)(size - 1), (const char *)data + 1);
    int failed = data[0] % 2 == 1
                     ? config_add_setting(config, text, &problems)
                     : config_add_bytes(config, "fuzz.yml", data + 1, size - 1, &problems);
    assert(failed == 0 || problems.n_errors > 0);
    failed |= config_expand(config, &vars, &problems);
    export(config, failed == 0);
    failed = options_read(config_root(config), "", rows, &part, &problems);
    assert(failed == 0 || problems.n_errors > 0);
    assert(part.topic != NULL);
    options_free(rows, &part);
    free(text);
    config_free(config);
    problems_free(&problems);
    return 0;
}
