/* url.c: URLs of what is asked, as url.* of events has them. */
#include "heartbeat.h"

#include <stdlib.h>
#include <string.h>

static char *copy(const char *from, size_t len)
{
    return mem_printf("%.*s", (int)len, from);
}

static unsigned usual_port(const char *scheme)
{
    return strcmp(scheme, "http") == 0 ? 80 : strcmp(scheme, "https") == 0 ? 443 : 0;
}

static bool read_port(const char *text, size_t len, unsigned *port)
{
    if (len == 0 || len > 5 || strspn(text, "0123456789") < len)
        return false;
    *port = (unsigned)strtoul(text, NULL, 10);
    return *port > 0 && *port <= 65535;
}

/* user[:password]@ */
static void take_user(struct url *url, const char *at, size_t len)
{
    const char *colon = memchr(at, ':', len);
    url->has_password = colon != NULL;
    url->user = copy(at, colon ? (size_t)(colon - at) : len);
}

/* host[:port], [::1][:port] */
static bool take_host(struct url *url, const char *at, size_t len)
{
    const char *end = at + len, *bracket = len && *at == '[' ? memchr(at, ']', len) : NULL;
    const char *colon = memrchr(at, ':', len);
    if (*at == '[' && !bracket)
        return false;
    if (colon && bracket && colon < bracket)
        colon = NULL;
    if (bracket && (colon ? colon : end) != bracket + 1)
        return false;
    if (colon && !read_port(colon + 1, (size_t)(end - colon - 1), &url->port))
        return false;
    const char *from = at + (bracket != NULL), *to = bracket ? bracket : colon ? colon : end;
    if (from == to || (!bracket && memchr(from, ':', (size_t)(to - from))))
        return false;
    url->host = copy(from, (size_t)(to - from));
    return true;
}

static void make_full(struct url *url, const char *host, const char *end)
{
    const char *hidden = url->has_password ? ":<hidden>" : "";
    url->full =
        mem_printf("%s://%s%s%s%.*s%s%s%s", url->scheme, url->user ? url->user : "", hidden,
                   url->user ? "@" : "", (int)(end - host), host, url->path ? url->path : "",
                   url->query ? "?" : "", url->query ? url->query : "");
}

static bool is_clean(const char *text)
{
    for (; *text; text++)
        if ((unsigned char)*text <= ' ' || *text == 0x7f)
            return false;
    return true;
}

static bool take(struct url *url, const char *text)
{
    const char *scheme_end = strstr(text, "://");
    if (!scheme_end || scheme_end == text || scheme_end - text > 16 || !is_clean(text))
        return false;
    url->scheme = copy(text, (size_t)(scheme_end - text));
    const char *at = scheme_end + 3, *end = at + strcspn(at, "/?#");
    const char *user_end = memrchr(at, '@', (size_t)(end - at));
    if (user_end)
        take_user(url, at, (size_t)(user_end - at));
    at = user_end ? user_end + 1 : at;
    url->port = usual_port(url->scheme);
    if (!take_host(url, at, (size_t)(end - at)))
        return false;
    size_t path_len = strcspn(end, "?#");
    url->path = path_len ? copy(end, path_len) : NULL;
    if (end[path_len] == '?')
        url->query = copy(end + path_len + 1, strcspn(end + path_len + 1, "#"));
    make_full(url, at, end);
    return true;
}

int url_parse(struct url *out, const char *text, struct err *err)
{
    struct url url = {.full = NULL};
    if (!take(&url, text)) {
        url_free(&url);
        return err_set(err, ERR_CONFIG, "'%s' is no scheme://host[:port][/path]", text);
    }
    *out = url;
    return 0;
}

void url_free(struct url *url)
{
    free(url->full);
    free(url->scheme);
    free(url->host);
    free(url->path);
    free(url->query);
    free(url->user);
    *url = (struct url) {.full = NULL};
}
