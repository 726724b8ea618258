/* members.c: JSON members by dotted name; see members.h. */
#include <posta/json.h>
#include <posta/members.h>

#include <math.h>
#include <stdio.h>

void members_clear(struct members *members)
{
    buf_clear(&members->json);
    members->prefix = NULL;
    members->open[0] = '\0';
    members->has_one = false;
}

void members_free(struct members *members)
{
    buf_free(&members->json);
}

/* So many bytes of the open path stand at the beginning of the name, whole parts only. */
static size_t common_len(const char *open, const char *name)
{
    size_t len = 0, i = 0;
    for (; open[i] && open[i] == name[i]; i++)
        if (open[i] == '.')
            len = i;
    if (!open[i] && name[i] == '.')
        len = i;
    return len;
}

static void close_to(struct members *members, size_t keep)
{
    for (char *open = members->open; open[keep];) {
        char *dot = strrchr(open + keep, '.');
        *(dot ? dot : open + keep) = '\0';
        buf_putc(&members->json, '}');
        members->has_one = true;
    }
}

static void put_key(struct members *members, const char *key, size_t len)
{
    if (members->has_one)
        buf_putc(&members->json, ',');
    buf_putc(&members->json, '"');
    json_escape(&members->json, key, len);
    buf_puts(&members->json, "\":");
}

static void put_name(struct members *members, const char *name)
{
    size_t len = common_len(members->open, name);
    close_to(members, len);
    const char *at = name + len + (len > 0);
    for (const char *dot; (dot = strchr(at, '.')); at = dot + 1) {
        put_key(members, at, (size_t)(dot - at));
        buf_putc(&members->json, '{');
        members->has_one = false;
        len = (size_t)(dot - name);
    }
    memcpy(members->open, name, len);
    members->open[len] = '\0';
    put_key(members, at, strlen(at));
    members->has_one = true;
}

void members_name(struct members *members, const char *name)
{
    char full[MEMBERS_PATH];
    snprintf(full, sizeof full, "%s%s%s", members->prefix ? members->prefix : "",
             members->prefix ? "." : "", name);
    put_name(members, full);
}

const struct buf *members_end(struct members *members)
{
    close_to(members, 0);
    return &members->json;
}

void members_u64(struct members *members, const char *name, uint64_t value)
{
    if (value > INT64_MAX)
        return;
    members_name(members, name);
    buf_put_u64(&members->json, value);
}

void members_float(struct members *members, const char *name, double value)
{
    char text[64];
    if (!isfinite(value) || fabs(value) > 1e18)
        return;
    int len = snprintf(text, sizeof text, "%.4f", value);
    while (text[len - 1] == '0')
        len--;
    len -= text[len - 1] == '.';
    members_name(members, name);
    if (len == 2 && text[0] == '-' && text[1] == '0')
        buf_putc(&members->json, '0');
    else
        buf_append(&members->json, text, (size_t)len);
}

void members_exact(struct members *members, const char *name, double value)
{
    if (!isfinite(value))
        return;
    members_name(members, name);
    buf_printf(&members->json, "%.9g", value);
}

void members_text(struct members *members, const char *name, const char *text, size_t len)
{
    members_name(members, name);
    buf_putc(&members->json, '"');
    json_escape(&members->json, text, len);
    buf_putc(&members->json, '"');
}

void members_str(struct members *members, const char *name, const char *text)
{
    if (text)
        members_text(members, name, text, strlen(text));
}

void members_bool(struct members *members, const char *name, bool value)
{
    members_name(members, name);
    buf_puts(&members->json, value ? "true" : "false");
}
