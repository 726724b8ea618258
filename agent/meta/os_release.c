/* os_release.c: os-release(5) as Beats tell it: platform is ID, version is VERSION, family from a list of distributions. */
#include "meta.h"

#include <stdio.h>
#include <strings.h>

enum { VALUE_BYTES = 256 };

static const struct {
    const char *family, *platforms[14];
} families[] = {
    {"arch", {"arch", "antergos", "manjaro"}},
    {"redhat",
     {"redhat", "fedora", "centos", "scientific", "oraclelinux", "ol", "amzn", "rhel", "almalinux",
      "openeuler", "rocky", "mariner"}},
    {"debian", {"debian", "ubuntu", "raspbian", "linuxmint"}},
    {"suse",
     {"suse", "sles", "sled", "opensuse", "opensuse-leap", "opensuse-tumbleweed", "sl-micro"}},
};

static const char *family_of(const char *platform)
{
    for (size_t i = 0; i < sizeof families / sizeof *families; i++)
        for (const char *const *one = families[i].platforms; *one; one++)
            if (strcasecmp(*one, platform) == 0)
                return families[i].family;
    return NULL;
}

/* As a shell would take it: quotes off, escapes in them resolved. */
static void take_value(const char *at, size_t len, char value[static VALUE_BYTES])
{
    char quote = len > 0 && (*at == '"' || *at == '\'') ? *at : '\0';
    size_t n = 0;
    for (size_t i = quote != '\0'; i < len && n < VALUE_BYTES - 1; i++) {
        if (quote && at[i] == quote)
            break;
        if (quote == '"' && at[i] == '\\' && i + 1 < len)
            i++;
        value[n++] = at[i];
    }
    value[n] = '\0';
}

static bool find_value(const char *text, const char *name, char value[static VALUE_BYTES])
{
    size_t name_len = strlen(name);
    value[0] = '\0';
    for (const char *line = text; *line;) {
        size_t len = strcspn(line, "\r\n");
        if (len > name_len && line[name_len] == '=' && strncmp(line, name, name_len) == 0) {
            take_value(line + name_len + 1, len - name_len - 1, value);
            return *value != '\0';
        }
        line += len;
        line += strspn(line, "\r\n");
    }
    return false;
}

/* VERSION="12 (bookworm)", where VERSION_CODENAME is missing. */
static bool find_codename(const char *text, char value[static VALUE_BYTES])
{
    char version[VALUE_BYTES];
    if (find_value(text, "VERSION_CODENAME", value))
        return true;
    if (!find_value(text, "VERSION", version))
        return false;
    const char *open = strchr(version, '('), *end = open ? strchr(open, ')') : NULL;
    if (!end || end == open + 1)
        return false;
    snprintf(value, VALUE_BYTES, "%.*s", (int)(end - open - 1), open + 1);
    return true;
}

static void put(struct buf *out, const char *name, const char *value)
{
    buf_printf(out, ",\"%s\":", name);
    json_string(out, value);
}

void os_release_put(const char *text, const char *kernel, struct buf *out)
{
    char value[VALUE_BYTES];
    buf_puts(out, "\"type\":\"linux\"");
    if (find_value(text, "ID", value)) {
        put(out, "platform", value);
        if (family_of(value))
            put(out, "family", family_of(value));
    }
    if (find_value(text, "NAME", value))
        put(out, "name", value);
    if (find_value(text, "VERSION", value) || find_value(text, "VERSION_ID", value))
        put(out, "version", value);
    if (find_codename(text, value))
        put(out, "codename", value);
    put(out, "kernel", kernel);
}
