/* access_values.c: values of an access log taken apart: addresses, and the line of a request; see access.h.
 *
 * Happy path: the text is looked at in place, what is found are pieces of it.
 * Failure modes: what is no address is no client's IP; what is no request has no method.
 * On close: nothing is held.
 */
#include "access.h"

#include <arpa/inet.h>
#include <string.h>

/* ---- addresses ---- */

static bool is_ip4(struct span text)
{
    unsigned value = 0, n_digits = 0, n_dots = 0;
    for (size_t i = 0; i < text.len; i++) {
        unsigned digit = (unsigned)(text.at[i] - '0');
        if (digit <= 9) {
            value = value * 10 + digit;
            if (++n_digits > 3 || value > 255)
                return false;
        } else if (text.at[i] == '.' && n_digits > 0) {
            n_dots++;
            value = n_digits = 0;
        } else {
            return false;
        }
    }
    return n_dots == 3 && n_digits > 0;
}

bool access_is_ip(struct span text)
{
    char copy[INET6_ADDRSTRLEN];
    struct in6_addr address;
    if (text.len == 0)
        return false;
    if (!memchr(text.at, ':', text.len))
        return is_ip4(text);
    if (text.len >= sizeof copy)
        return false;
    memcpy(copy, text.at, text.len);
    copy[text.len] = '\0';
    return inet_pton(AF_INET6, copy, &address) == 1;
}

bool access_begins(struct span text, const char *with)
{
    size_t len = strlen(with);
    return text.len >= len && memcmp(text.at, with, len) == 0;
}

/* 10/8, 172.16/12, 192.168/16, and the machine itself. */
static bool is_private(struct span ip)
{
    if (access_begins(ip, "10.") || access_begins(ip, "192.168.") || access_begins(ip, "127.") ||
        (ip.len == 3 && memcmp(ip.at, "::1", 3) == 0))
        return true;
    if (!access_begins(ip, "172.") || ip.len < 7 || ip.at[6] != '.')
        return false;
    int second = (ip.at[4] - '0') * 10 + (ip.at[5] - '0');
    return second >= 16 && second <= 31;
}

struct span access_next_address(struct span *list)
{
    while (list->len && (*list->at == ' ' || *list->at == ','))
        list->at++, list->len--;
    struct span one = {.at = list->at, .len = 0};
    while (one.len < list->len && one.at[one.len] != ',' && one.at[one.len] != ' ')
        one.len++;
    list->at += one.len;
    list->len -= one.len;
    return one;
}

/* The first of a list that is of the outside world, else the first. */
struct client access_client_of(struct span list)
{
    struct client client = {.address = list, .list = list};
    if (list.len == 0)
        return client;
    client.has_list = memchr(list.at, ',', list.len) != NULL;
    if (!client.has_list) {
        client.is_ip = access_is_ip(list);
        return client;
    }
    struct span first = access_next_address(&list), one = first;
    while (one.len && access_is_ip(one) && is_private(one))
        one = access_next_address(&list);
    client.address = one.len && access_is_ip(one) ? one : first;
    client.is_ip = access_is_ip(client.address);
    return client;
}

/* ---- the request ---- */

static bool is_word(struct span text)
{
    for (size_t i = 0; i < text.len; i++) {
        char c = text.at[i];
        if (!((c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') ||
              c == '_' || c == '-'))
            return false;
    }
    return text.len > 0;
}

bool access_is_number(struct span text)
{
    for (size_t i = 0; i < text.len; i++)
        if (text.at[i] != '.' && (text.at[i] < '0' || text.at[i] > '9'))
            return false;
    return text.len > 0;
}

/* "HTTP/1.1" → "1.1" */
static struct span version_of(struct span protocol)
{
    struct span version = {.at = protocol.at + 5, .len = protocol.len > 5 ? protocol.len - 5 : 0};
    return access_begins(protocol, "HTTP/") && access_is_number(version) ? version
                                                                         : (struct span) {.len = 0};
}

/* "GET /path HTTP/1.1"; nothing if it is no request. */
static struct request split_request(struct span line)
{
    struct request req = {.method.len = 0};
    const char *end = line.at + line.len, *space = memchr(line.at, ' ', line.len);
    const char *last = space ? memrchr(line.at, ' ', line.len) : NULL;
    if (!space || last == space)
        return req;
    struct span method = {.at = line.at, .len = (size_t)(space - line.at)};
    struct span version =
        version_of((struct span) {.at = last + 1, .len = (size_t)(end - last - 1)});
    if (version.len == 0 || !is_word(method))
        return req;
    req.method = method;
    req.url = (struct span) {.at = space + 1, .len = (size_t)(last - space - 1)};
    req.version = version;
    return req;
}

struct request access_request_of(const struct access_line *line)
{
    struct request req = {
        .method = line->slots[SLOT_METHOD], .url = line->slots[SLOT_URL], .version = {.len = 0}};
    if (line->slots[SLOT_REQUEST].len) {
        struct request whole = split_request(line->slots[SLOT_REQUEST]);
        if (whole.method.len)
            return whole;
    }
    if (line->slots[SLOT_PROTOCOL].len)
        req.version = version_of(line->slots[SLOT_PROTOCOL]);
    return req;
}
