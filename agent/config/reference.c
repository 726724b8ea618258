/* reference.c: option tables as a reference file (YAML, everything commented out) and as manual (mdoc). */
#include "node.h"

#include <stdlib.h>
#include <string.h>

enum { LINE_COLUMNS = 100 };

/* Is it to be shown? What Beats has and posta does not is not an option here. */
static bool is_shown(const struct option *row)
{
    return row->type != OPT_IGNORED && row->type != OPT_REFUSED;
}

static const char *type_name(enum option_type type)
{
    static const char *const names[] = {
        [OPT_TEXT] = "text",
        [OPT_BOOL] = "true or false",
        [OPT_COUNT] = "whole number",
        [OPT_BYTES] = "bytes (KB, MB, GB: powers of 1024)",
        [OPT_DURATION] = "duration (ms, s, m, h; a bare number is seconds)",
        [OPT_WORD] = "one of",
        [OPT_LIST] = "list of texts",
        [OPT_MAP] = "mapping",
        [OPT_NODES] = "list of mappings",
    };
    return names[type];
}

static void put_words(struct buf *buf, const struct option *row)
{
    if (row->type == OPT_LIST && row->words != NULL) {
        buf_puts(buf, " of");
    }
    for (size_t i = 0; row->words != NULL && row->words[i] != NULL; i++) {
        buf_puts(buf, i == 0 ? " " : ", ");
        quote_put(buf, row->words[i], false);
    }
}

/* "duration, default 5s, at most 10m, can change on reload" */
static void put_facts(struct buf *buf, const struct option *row)
{
    buf_puts(buf, type_name(row->type));
    put_words(buf, row);
    if (row->def != NULL) {
        buf_printf(buf, "; default %s", row->def[0] == '\0' ? "empty" : row->def);
    }
    if (row->min != NULL) {
        buf_printf(buf, "; at least %s", row->min);
    }
    if (row->max != NULL) {
        buf_printf(buf, "; at most %s", row->max);
    }
    buf_puts(buf, row->required ? "; required" : "");
    buf_puts(buf, row->secret ? "; secret" : "");
    buf_puts(buf, row->reload ? "; can change on reload" : "");
    buf_puts(buf, row->own ? "; posta's own, not in Beats" : "");
}

/* ---- The reference file ------------------------------------------------------------------------------ */

/* Where the line that begins at text is to be broken. */
static size_t line_len(const char *text, size_t room)
{
    size_t len = strlen(text);
    if (len <= room) {
        return len;
    }
    const char *space = memrchr(text, ' ', room);
    return space == NULL ? strcspn(text, " ") : (size_t)(space - text);
}

static void print_comment(FILE *out, int indent, const char *text)
{
    while (*text != '\0') {
        size_t len = line_len(text, (size_t)(LINE_COLUMNS - indent - 2));
        fprintf(out, "%*s# %.*s\n", indent, "", (int)len, text);
        text += len;
        text += strspn(text, " ");
    }
}

/* "a,b" as [a, b] */
static void put_list(struct buf *buf, const char *def)
{
    buf_puts(buf, " [");
    for (const char *p = def; *p != '\0';) {
        size_t len = strcspn(p, ",");
        char *item = mem_printf("%.*s", (int)len, p);
        buf_puts(buf, p == def ? "" : ", ");
        quote_put(buf, item, false);
        free(item);
        p += len + (p[len] == ',');
        p += strspn(p, " ");
    }
    buf_puts(buf, "]");
}

static void put_default(struct buf *buf, const struct option *row)
{
    if (row->def == NULL) {
        return;
    }
    if (row->type == OPT_LIST) {
        put_list(buf, row->def);
        return;
    }
    buf_putc(buf, ' ');
    quote_put(buf, row->def, false);
}

static void print_row(FILE *out, int indent, const struct option *row)
{
    struct buf facts = BUF_INIT, line = BUF_INIT;
    put_facts(&facts, row);
    put_default(&line, row);
    fputs("\n", out);
    print_comment(out, indent, row->doc == NULL ? "" : row->doc);
    print_comment(out, indent, buf_str(&facts));
    fprintf(out, "%*s#%s:%s\n", indent, "", row->name, buf_str(&line));
    buf_free(&facts);
    buf_free(&line);
}

/* "a[].b[].c" is inside a list: shown as a remark, the rows below it. So are rows that only some items of a list have:
 * "a[] (module: x)". Returns how far the rows are indented. */
static int print_section(FILE *out, const char *section)
{
    size_t len = strcspn(section, "[");
    const char *inside = strstr(section, "]."), *some = strchr(section, ' ');
    if (len == 0)
        return 0;
    if (some != NULL) {
        fprintf(out, "# Items of %.*s %s have beside that:\n", (int)len, section, some + 1);
        return 4;
    }
    if (inside != NULL) {
        fprintf(out, "# Inside %.*s, as %s:\n", (int)len, section, section);
        return 4;
    }
    bool is_list = section[len] == '[';
    fprintf(out, "%.*s:\n%s", (int)len, section, is_list ? "  -\n" : "");
    return is_list ? 4 : 2;
}

void options_reference(FILE *out, const char *section, const struct option *rows)
{
    int indent = print_section(out, section);
    for (const struct option *row = rows; row->name != NULL; row++) {
        if (is_shown(row)) {
            print_row(out, indent, row);
        }
    }
}

/* ---- The manual -------------------------------------------------------------------------------------- */

/* A backslash is written \e; a line must not begin with a dot or a quote. */
static void print_mdoc(FILE *out, const char *text, bool is_line_start)
{
    if (is_line_start && (*text == '.' || *text == '\'')) {
        fputs("\\&", out);
    }
    for (; *text != '\0'; text++) {
        fputs(*text == '\\' ? "\\e" : (char[]) {*text, '\0'}, out);
    }
}

static void print_item(FILE *out, const char *section, const struct option *row)
{
    struct buf facts = BUF_INIT;
    put_facts(&facts, row);
    fputs(".It Ic ", out);
    char *list = mem_printf("%.*s", (int)strcspn(section, " "), section);
    print_mdoc(out, list, false);
    free(list);
    fputs(section[0] == '\0' ? "" : ".", out);
    print_mdoc(out, row->name, false);
    fputs("\n", out);
    if (row->doc != NULL) {
        print_mdoc(out, row->doc, true);
        fputs("\n.br\n", out);
    }
    print_mdoc(out, buf_str(&facts), true);
    fputs(".\n", out);
    buf_free(&facts);
}

void options_manual(FILE *out, const char *section, const struct option *rows)
{
    for (const struct option *row = rows; row->name != NULL; row++) {
        if (is_shown(row)) {
            print_item(out, section, row);
        }
    }
}
