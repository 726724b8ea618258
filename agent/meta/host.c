/* host.c: facts of the machine, as add_host_metadata gives them.
 *
 * Happy path: everything is asked anew at each call, some 100 us; the owner calls again after cache.ttl.
 * Failure modes: what cannot be had is left out; no event is without the rest for it.
 */
#include "meta.h"

#include <posta/fs.h>

#include <arpa/inet.h>
#include <ifaddrs.h>
#include <net/if.h>
#include <netpacket/packet.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/utsname.h>
#include <unistd.h>

enum { SMALL_FILE_BYTES = 64 * 1024, ADDRESSES_MAX = 256 };

/* ---- options ---- */

#define AT(field) .at = offsetof(struct host_options, field)
const struct option host_meta_options[] = {
    {.name = "netinfo.enabled",
     .type = OPT_BOOL,
     .def = "true",
     AT(netinfo),
     .doc = "Tell host.ip and host.mac too, of all interfaces but loopback."},
    {.name = "cache.ttl",
     .type = OPT_DURATION,
     .def = "5m",
     .min = "1s",
     AT(ttl_ns),
     .doc = "How often the facts are looked up anew."},
    {.name = "replace_fields",
     .type = OPT_BOOL,
     .def = "true",
     AT(replaces),
     .doc = "Must be true: every event of posta has a host, to which the facts are added. What the "
            "JSON "
            "of a line says of host stands over them."},
    {.name = "geo.name", .type = OPT_TEXT, AT(geo_name), .doc = "host.geo.name."},
    {.name = "geo.location",
     .type = OPT_TEXT,
     AT(geo_location),
     .doc = "host.geo.location: latitude and longitude, \"40.7, -74.0\"."},
    {.name = "geo.continent_name",
     .type = OPT_TEXT,
     AT(geo_continent_name),
     .doc = "host.geo.continent_name."},
    {.name = "geo.country_iso_code",
     .type = OPT_TEXT,
     AT(geo_country_iso_code),
     .doc = "host.geo.country_iso_code."},
    {.name = "geo.region_name",
     .type = OPT_TEXT,
     AT(geo_region_name),
     .doc = "host.geo.region_name."},
    {.name = "geo.region_iso_code",
     .type = OPT_TEXT,
     AT(geo_region_iso_code),
     .doc = "host.geo.region_iso_code."},
    {.name = "geo.city_name", .type = OPT_TEXT, AT(geo_city_name), .doc = "host.geo.city_name."},
    {.name = "when",
     .type = OPT_MAP,
     AT(when),
     .doc = "Only for inputs, modules and monitors that this condition is true for. It may ask for "
            "what the configuration says of them: tags, fields, input, agent."},
    {0},
};

int host_meta_check(const struct host_options *options, struct err *err)
{
    double latitude, longitude;
    char rest;
    if (!options->replaces)
        return err_set(err, ERR_CONFIG,
                       "replace_fields: false is not supported: every event has a host that the "
                       "facts are added to; what the JSON of a line says of host stands over them "
                       "anyway");
    if (options->geo_location && *options->geo_location &&
        sscanf(options->geo_location, "%lf , %lf %c", &latitude, &longitude, &rest) != 2)
        return err_set(err, ERR_CONFIG,
                       "geo.location: expected latitude and longitude, such as \"40.7, -74.0\", "
                       "found '%s'",
                       options->geo_location);
    return 0;
}

/* ---- members ---- */

static void put(struct buf *out, const char *name, const char *value)
{
    if (!value || !*value)
        return;
    buf_printf(out, "%s\"%s\":", out->len ? "," : "", name);
    json_string(out, value);
}

/* The first line of a file; false if there is none. */
static bool read_line(const char *root, const char *path, struct buf *out)
{
    struct err ignored; /* left out */
    char *full = mem_printf("%s%s", root, path);
    buf_clear(out);
    int rc = fs_read_file(full, SMALL_FILE_BYTES, out, &ignored);
    free(full);
    if (rc)
        return false;
    out->len = strcspn(buf_str(out), "\r\n \t");
    return out->len > 0;
}

static void put_id(const char *root, struct buf *out)
{
    struct buf id = BUF_INIT;
    if (read_line(root, "/etc/machine-id", &id) || read_line(root, "/var/lib/dbus/machine-id", &id))
        put(out, "id", buf_str(&id));
    buf_free(&id);
}

static void put_os(const char *root, const char *kernel, struct buf *out)
{
    static const char *const files[] = {"/etc/os-release", "/usr/lib/os-release"};
    struct err ignored;
    struct buf text = BUF_INIT;
    for (size_t i = 0; i < 2 && text.len == 0; i++) {
        char *path = mem_printf("%s%s", root, files[i]);
        if (fs_read_file(path, SMALL_FILE_BYTES, &text, &ignored))
            buf_clear(&text);
        free(path);
    }
    buf_puts(out, ",\"os\":{");
    os_release_put(buf_str(&text), kernel, out);
    buf_putc(out, '}');
    buf_free(&text);
}

static bool is_container(void)
{
    return getenv("KUBERNETES_SERVICE_HOST") || getenv("container") ||
           access("/.dockerenv", F_OK) == 0 || access("/run/.containerenv", F_OK) == 0;
}

static void put_geo(const struct host_options *options, struct buf *out)
{
    struct buf geo = BUF_INIT;
    put(&geo, "name", options->geo_name);
    put(&geo, "location", options->geo_location);
    put(&geo, "continent_name", options->geo_continent_name);
    put(&geo, "country_iso_code", options->geo_country_iso_code);
    put(&geo, "region_name", options->geo_region_name);
    put(&geo, "region_iso_code", options->geo_region_iso_code);
    put(&geo, "city_name", options->geo_city_name);
    if (geo.len)
        buf_printf(out, ",\"geo\":{%s}", buf_str(&geo));
    buf_free(&geo);
}

/* ---- addresses ---- */

static void add_to(struct buf *list, const char *text)
{
    char *item = mem_printf("\"%s\"", text);
    if (!strstr(buf_str(list), item)) /* veths may share one */
        buf_printf(list, "%s%s", list->len ? "," : "", item);
    free(item);
}

/* ECS: RFC 7042, upper case with hyphens. */
static void add_mac(const struct sockaddr_ll *link, struct buf *macs)
{
    char text[3 * sizeof link->sll_addr + 1] = "";
    unsigned char any = 0;
    for (int i = 0; i < link->sll_halen && i < (int)sizeof link->sll_addr; i++) {
        any |= link->sll_addr[i];
        snprintf(text + (i ? 3 * i - 1 : 0), sizeof text - (size_t)(i ? 3 * i - 1 : 0), "%s%02X",
                 i ? "-" : "", link->sll_addr[i]);
    }
    if (any)
        add_to(macs, text);
}

static void add_address(const struct sockaddr *addr, struct buf *ips, struct buf *macs)
{
    char text[INET6_ADDRSTRLEN];
    const void *at = addr->sa_family == AF_INET
                         ? (const void *)&((const struct sockaddr_in *)addr)->sin_addr
                         : (const void *)&((const struct sockaddr_in6 *)addr)->sin6_addr;
    if (addr->sa_family == AF_PACKET)
        add_mac((const struct sockaddr_ll *)addr, macs);
    else if ((addr->sa_family == AF_INET || addr->sa_family == AF_INET6) &&
             inet_ntop(addr->sa_family, at, text, sizeof text))
        add_to(ips, text);
}

static void put_addresses(struct buf *out)
{
    struct ifaddrs *all;
    struct buf ips = BUF_INIT, macs = BUF_INIT;
    int n = 0;
    if (getifaddrs(&all) < 0)
        return; /* left out */
    for (struct ifaddrs *one = all; one && n < ADDRESSES_MAX; one = one->ifa_next)
        if (one->ifa_addr && !(one->ifa_flags & IFF_LOOPBACK)) {
            add_address(one->ifa_addr, &ips, &macs);
            n++;
        }
    freeifaddrs(all);
    if (ips.len)
        buf_printf(out, ",\"ip\":[%s]", buf_str(&ips));
    if (macs.len)
        buf_printf(out, ",\"mac\":[%s]", buf_str(&macs));
    buf_free(&ips);
    buf_free(&macs);
}

void host_meta_put(const struct host_options *options, const char *root, struct buf *out)
{
    struct utsname system = {.nodename = ""};
    struct buf own = BUF_INIT;
    (void)uname(&system); /* cannot fail with a struct of ours */
    put(&own, "hostname", system.nodename);
    put(&own, "architecture", system.machine);
    put_id(root, &own);
    buf_printf(&own, ",\"containerized\":%s", is_container() ? "true" : "false");
    put_os(root, system.release, &own);
    if (options->netinfo)
        put_addresses(&own);
    put_geo(options, &own);
    buf_append(out, own.data, own.len);
    buf_free(&own);
}
