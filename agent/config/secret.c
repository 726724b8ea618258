/* secret.c: what `posta export config` does not show. */
#include "node.h"

#include <string.h>
#include <strings.h>

/* Whatever the section: the names Beats hides, and those of tokens. */
static bool is_secret_key(const char *key)
{
    static const char *const names[] = {"password", "passphrase",    "key_passphrase", "pass",
                                        "token",    "authorization", "access_token",   "api_key",
                                        "secret",   "client_secret", "bearer_token"};
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        if (strcasecmp(names[i], key) == 0) {
            return true;
        }
    }
    return false;
}

/* The part of path below section, NULL when it is not below. "filebeat.inputs[]" is read without "[]". */
static const char *below_section(const char *section, const char *path)
{
    size_t len = strcspn(section, "[");
    if (len == 0) {
        return path;
    }
    if (strncmp(section, path, len) != 0 || path[len] != '.') {
        return NULL;
    }
    return path + len + 1;
}

static bool has_secret_row(const struct option *rows, const char *name)
{
    for (const struct option *row = rows; row->name != NULL; row++) {
        if (row->secret && strcmp(row->name, name) == 0) {
            return true;
        }
    }
    return false;
}

bool is_secret(const struct config_section *sections, const char *path, const char *key)
{
    if (is_secret_key(key)) {
        return true;
    }
    for (; sections != NULL && sections->rows != NULL; sections++) {
        const char *name = below_section(sections->name, path);
        if (name != NULL && has_secret_row(sections->rows, name)) {
            return true;
        }
    }
    return false;
}

void secret_put(struct buf *buf, const char *text)
{
    if (strstr(text, "PRIVATE KEY-----") != NULL) {
        buf_puts(buf, "xxxxx");
        return;
    }
    const char *host = strstr(text, "://");
    const char *user = host == NULL ? NULL : host + 3;
    size_t authority = user == NULL ? 0 : strcspn(user, "/?#");
    const char *at = user == NULL ? NULL : memrchr(user, '@', authority);
    const char *colon = at == NULL ? NULL : memchr(user, ':', (size_t)(at - user));
    if (colon == NULL) {
        buf_puts(buf, text);
        return;
    }
    buf_append(buf, text, (size_t)(colon + 1 - text));
    buf_puts(buf, "xxxxx");
    buf_puts(buf, at);
}
