/* intern.c: see intern.h. The table is the program's: it lives as long as somebody holds a text. */
#include <posta/buf.h>
#include <posta/bytes.h>
#include <posta/intern.h>
#include <posta/table.h>

#include <stdlib.h>

struct text {
    uint32_t holds;
    uint32_t len;
    char bytes[]; /* terminated */
};

struct key {
    const char *bytes;
    size_t len;
};

static struct table texts = TABLE_INIT;

static bool is_text(const void *item, const void *of)
{
    const struct text *text = item;
    const struct key *key = of;
    return text->len == key->len && memcmp(text->bytes, key->bytes, key->len) == 0;
}

/* The text that these are the bytes of: intern gave them out. */
static struct text *text_of(const char *bytes)
{
    return (struct text *)((uintptr_t)bytes - offsetof(struct text, bytes));
}

const char *intern_n(const char *bytes, size_t len)
{
    const struct key key = {bytes, len};
    uint64_t hash = hash64(bytes, len);
    struct text *text = table_find(&texts, hash, is_text, &key);
    if (!text) {
        text = mem_alloc(sizeof *text + len + 1);
        *text = (struct text) {.len = (uint32_t)len};
        memcpy(text->bytes, bytes, len);
        text->bytes[len] = '\0';
        table_put(&texts, hash, text);
    }
    text->holds++;
    return text->bytes;
}

const char *intern(const char *text)
{
    return intern_n(text, strlen(text));
}

void intern_free(const char *bytes)
{
    if (!bytes)
        return;
    struct text *text = text_of(bytes);
    if (--text->holds > 0)
        return;
    table_drop(&texts, hash64(text->bytes, text->len), text);
    if (texts.n_used == 0)
        table_free(&texts);
    free(text);
}

size_t intern_count(void)
{
    return texts.n_used;
}
