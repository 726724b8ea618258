/* mhd.c: loading libmicrohttpd. It brings GnuTLS with it, which an agent without an endpoint does not pay for.
 *
 * Happy path: the first who asks gets it loaded; it stays until the process ends.
 * Failure modes: none is there, or one without these functions: said by name, with the package to install.
 */
#include "mhd.h"

#include <dlfcn.h>
#include <stdbool.h>
#include <stddef.h>

static struct mhd_functions functions;

#define ROW(name)                                                                                  \
    {                                                                                              \
        "MHD_" #name, offsetof(struct mhd_functions, name)                                         \
    }
static const struct {
    const char *name;
    size_t at;
} rows[] = {
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
};

static int find_all(void *library, struct err *err)
{
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        void *found = dlsym(library, rows[i].name);
        if (!found)
            return err_set(err, ERR_CONFIG, "libmicrohttpd.so.12 has no %s: it is too old",
                           rows[i].name);
        *(void **)((char *)&functions + rows[i].at) = found;
    }
    return 0;
}

const struct mhd_functions *mhd_load(struct err *err)
{
    static bool is_loaded;
    if (is_loaded)
        return &functions;
    void *library = dlopen("libmicrohttpd.so.12", RTLD_NOW | RTLD_LOCAL);
    if (!library) {
        err_set(err, ERR_CONFIG,
                "http.enabled needs libmicrohttpd, and it cannot be loaded: %s; install the "
                "package libmicrohttpd12",
                dlerror());
        return NULL;
    }
    if (find_all(library, err))
        return NULL;
    is_loaded = true;
    return &functions;
}
