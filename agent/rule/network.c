/* network.c: is an IP address in a network: a range of addresses, or one of those with a name, as Go and Beats mean them. */
#include "rule.h"

#include <arpa/inet.h>
#include <stdlib.h>
#include <string.h>

static const char *const names[] = {"loopback",
                                    "unicast",
                                    "global_unicast",
                                    "multicast",
                                    "interface_local_multicast",
                                    "link_local_unicast",
                                    "link_local_multicast",
                                    "private",
                                    "public",
                                    "unspecified"};
enum name {
    LOOPBACK,
    UNICAST,
    GLOBAL_UNICAST,
    MULTICAST,
    INTERFACE_LOCAL_MULTICAST,
    LINK_LOCAL_UNICAST,
    LINK_LOCAL_MULTICAST,
    PRIVATE,
    PUBLIC,
    UNSPECIFIED,
    NAMES
};

enum { V4_PREFIX = 96 };

bool address_parse(const char *text, struct address *address)
{
    memset(address->bytes, 0, 10);
    memset(address->bytes + 10, 0xff, 2);
    return inet_pton(AF_INET, text, address->bytes + 12) == 1 ||
           inet_pton(AF_INET6, text, address->bytes) == 1;
}

static bool is_v4(const struct address *address)
{
    static const unsigned char begin[12] = {[10] = 0xff, [11] = 0xff};
    return memcmp(address->bytes, begin, sizeof begin) == 0;
}

/* Are the first `prefix` bits the same? */
static bool agree(const struct address *a, const struct address *b, int prefix)
{
    int bytes = prefix / 8, bits = prefix % 8;
    if (memcmp(a->bytes, b->bytes, (size_t)bytes) != 0)
        return false;
    return bits == 0 || ((a->bytes[bytes] ^ b->bytes[bytes]) >> (8 - bits)) == 0;
}

static bool is_in(const struct address *address, const char *base, int prefix)
{
    struct address other;
    bool is_four = strchr(base, '.') != NULL;
    return address_parse(base, &other) && is_v4(address) == is_four &&
           agree(address, &other, is_four ? V4_PREFIX + prefix : prefix);
}

/* ---- the named ones ---- */

static bool is_named(const struct address *a, enum name name)
{
    switch (name) {
    case LOOPBACK:
        return is_in(a, "127.0.0.0", 8) || is_in(a, "::1", 128);
    case UNSPECIFIED:
        return is_in(a, "0.0.0.0", 32) || is_in(a, "::", 128);
    case MULTICAST:
        return is_in(a, "224.0.0.0", 4) || is_in(a, "ff00::", 8);
    case INTERFACE_LOCAL_MULTICAST:
        return !is_v4(a) && a->bytes[0] == 0xff && (a->bytes[1] & 0xf) == 1;
    case LINK_LOCAL_MULTICAST:
        return is_in(a, "224.0.0.0", 24) ||
               (!is_v4(a) && a->bytes[0] == 0xff && (a->bytes[1] & 0xf) == 2);
    case LINK_LOCAL_UNICAST:
        return is_in(a, "169.254.0.0", 16) || is_in(a, "fe80::", 10);
    case PRIVATE:
        return is_in(a, "10.0.0.0", 8) || is_in(a, "172.16.0.0", 12) ||
               is_in(a, "192.168.0.0", 16) || is_in(a, "fd00::", 8);
    case UNICAST:
    case GLOBAL_UNICAST:
        return !is_in(a, "255.255.255.255", 32) && !is_named(a, UNSPECIFIED) &&
               !is_named(a, LOOPBACK) && !is_named(a, MULTICAST) &&
               !is_named(a, LINK_LOCAL_UNICAST);
    case PUBLIC:
        return !is_named(a, PRIVATE) && !is_named(a, LOOPBACK) && !is_named(a, UNSPECIFIED) &&
               !is_in(a, "255.255.255.255", 32) && !is_named(a, LINK_LOCAL_UNICAST) &&
               !is_named(a, LINK_LOCAL_MULTICAST) && !is_named(a, INTERFACE_LOCAL_MULTICAST);
    default:
        return false;
    }
}

bool network_has(const struct network *network, const struct address *address)
{
    if (network->named >= 0)
        return is_named(address, (enum name)network->named);
    return is_v4(&network->base) == is_v4(address) &&
           agree(&network->base, address, network->prefix);
}

/* ---- from text ---- */

static int no_network(const char *text, struct err *err)
{
    struct buf known = BUF_INIT;
    for (int i = 0; i < NAMES; i++)
        buf_printf(&known, "%s%s", i ? ", " : "", names[i]);
    err_set(err, ERR_CONFIG,
            "'%s' is no network: expected 192.0.2.0/24, 2001:db8::/32 or one of %s", text,
            buf_str(&known));
    buf_free(&known);
    return -1;
}

int network_parse(const char *text, struct network *network, struct err *err)
{
    char base[64];
    const char *slash = strchr(text, '/');
    for (int i = 0; i < NAMES; i++)
        if (strcmp(text, names[i]) == 0) {
            *network = (struct network) {.named = i};
            return 0;
        }
    if (!slash || (size_t)(slash - text) >= sizeof base || strlen(slash + 1) == 0 ||
        strlen(slash + 1) > 3 || strspn(slash + 1, "0123456789") != strlen(slash + 1))
        return no_network(text, err);
    memcpy(base, text, (size_t)(slash - text));
    base[slash - text] = '\0';
    bool is_four = !strchr(base, ':');
    int prefix = atoi(slash + 1);
    *network = (struct network) {.named = -1, .prefix = is_four ? V4_PREFIX + prefix : prefix};
    if (!address_parse(base, &network->base) || prefix > (is_four ? 32 : 128))
        return no_network(text, err);
    return 0;
}
