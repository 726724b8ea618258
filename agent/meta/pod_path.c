/* pod_path.c: what kubelet and the container runtimes write into the paths of logs. Names of pods, namespaces and containers have no
 * underscore, so it parts them. */
#include "meta.h"

#include <string.h>

enum { ID_LEN_MIN = 12, ID_LEN = 64 };

bool piece_is(struct piece piece, const char *text)
{
    return piece.at && strlen(text) == piece.len && memcmp(piece.at, text, piece.len) == 0;
}

/* The last component of path up to *end; *end goes before its slash. */
static bool take_back(const char *path, const char **end, struct piece *part)
{
    const char *at = *end;
    if (at == path)
        return false;
    while (at > path && at[-1] != '/')
        at--;
    *part = (struct piece) {at, (size_t)(*end - at)};
    *end = at > path ? at - 1 : path;
    return part->len > 0;
}

/* Up to the underscore, which is passed over. */
static bool take_name(struct piece *rest, struct piece *name)
{
    const char *mark = memchr(rest->at, '_', rest->len);
    if (!mark || mark == rest->at)
        return false;
    *name = (struct piece) {rest->at, (size_t)(mark - rest->at)};
    rest->len -= name->len + 1;
    rest->at = mark + 1;
    return true;
}

static bool is_last_name(struct piece name)
{
    return name.len > 0 && !memchr(name.at, '_', name.len);
}

static bool is_hex(struct piece id)
{
    for (size_t i = 0; i < id.len; i++)
        if (!memchr("0123456789abcdef", id.at[i], 16))
            return false;
    return id.len >= ID_LEN_MIN;
}

/* <pod>_<namespace>_<container>-<id>.log */
static bool read_link(struct piece file, struct pod_path *out)
{
    if (file.len < 4 || memcmp(file.at + file.len - 4, ".log", 4) != 0)
        return false;
    file.len -= 4;
    const char *dash = memrchr(file.at, '-', file.len);
    if (!dash)
        return false;
    struct piece id = {dash + 1, (size_t)(file.at + file.len - dash - 1)};
    struct piece rest = {file.at, (size_t)(dash - file.at)};
    if (!is_hex(id) || !take_name(&rest, &out->name) || !take_name(&rest, &out->namespace) ||
        !is_last_name(rest))
        return false;
    out->container = rest;
    out->container_id = id;
    return true;
}

/* <namespace>_<pod>_<uid> */
static bool read_folder(struct piece folder, struct pod_path *out)
{
    if (!take_name(&folder, &out->namespace) || !take_name(&folder, &out->name) ||
        !is_last_name(folder))
        return false;
    out->uid = folder;
    return true;
}

/* 0.log, and its rotated ones: 0.log.20260102-030405, the same with .gz */
static bool is_numbered_log(struct piece file)
{
    size_t n = 0;
    while (n < file.len && file.at[n] >= '0' && file.at[n] <= '9')
        n++;
    return n > 0 && file.len >= n + 4 && memcmp(file.at + n, ".log", 4) == 0 &&
           (file.len == n + 4 || file.at[n + 4] == '.');
}

static bool read_path(const char *path, struct pod_path *out)
{
    struct piece file, one, two, three;
    const char *end = path + strlen(path);
    if (!take_back(path, &end, &file) || !take_back(path, &end, &one))
        return false;
    if (piece_is(one, "containers"))
        return read_link(file, out);
    if (!take_back(path, &end, &two))
        return false;
    if (piece_is(two, "containers") && one.len == ID_LEN && is_hex(one) && file.len > one.len &&
        memcmp(file.at, one.at, one.len) == 0) {
        out->container_id = one;
        return true;
    }
    if (!take_back(path, &end, &three) || !piece_is(three, "pods") || !is_numbered_log(file) ||
        !read_folder(two, out))
        return false;
    out->container = one;
    return true;
}

bool pod_path_read(const char *path, struct pod_path *out)
{
    struct pod_path found = {.name = {NULL, 0}};
    if (!read_path(path, &found))
        return false;
    *out = found;
    return true;
}

bool pod_path_is_meant(const char *pattern)
{
    return strstr(pattern, "/log/containers/") || strstr(pattern, "/log/pods/") ||
           strstr(pattern, "/docker/containers/");
}
