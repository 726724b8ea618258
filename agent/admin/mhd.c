/* mhd.c: loading libmicrohttpd. It brings GnuTLS with it, which an agent without an endpoint does not pay for.
 *
 * Happy path: the first who asks gets it loaded; it stays until the process ends.
 * Failure modes: none is there, or one without these functions: said by name, with the package to install.
 */
#include "mhd.h"

#include <posta/library.h>

#include <stdbool.h>
#include <stddef.h>

static struct mhd_functions functions;

#define ROW(name)                                                                                  \
    {                                                                                              \
        "MHD_" #name, offsetof(struct mhd_functions, name)                                         \
    }
static const struct library_row rows[] = {
    ROW(start_daemon),
    ROW(stop_daemon),
    ROW(add_connection),
    ROW(run),
    ROW(get_timeout),
    ROW(get_daemon_info),
    ROW(get_connection_info),
    ROW(lookup_connection_value),
    ROW(lookup_connection_value_n),
    ROW(create_response_from_buffer),
    ROW(add_response_header),
    ROW(queue_response),
    ROW(destroy_response),
    {0},
};

static const struct library library = {.user = "http.enabled",
                                       .name = "libmicrohttpd",
                                       .file = "libmicrohttpd.so.12",
                                       .package = "libmicrohttpd12",
                                       .rows = rows};

const struct mhd_functions *mhd_load(struct err *err)
{
    static bool is_loaded;
    if (is_loaded)
        return &functions;
    if (library_load(&library, &functions, err))
        return NULL;
    is_loaded = true;
    return &functions;
}
