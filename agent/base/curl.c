/* curl.c: loading libcurl. It brings some 30 libraries with it (LDAP, Kerberos, HTTP/2, ..): 6 MB that an agent which only
 * follows logs does not pay for.
 *
 * Happy path: the first who asks gets it loaded; it stays until the process ends.
 * Failure modes: no libcurl, or one without these functions: said by name, with the package to install; tried again at the next call.
 */
#include "curl.h"

#include <dlfcn.h>
#include <stdbool.h>
#include <stddef.h>

static struct curl_functions functions;

#define ROW(name)                                                                                  \
    {                                                                                              \
        "curl_" #name, offsetof(struct curl_functions, name)                                       \
    }
static const struct {
    const char *name;
    size_t at;
} rows[] = {
    ROW(global_init),      ROW(version_info),        ROW(easy_init),           ROW(easy_cleanup),
    ROW(easy_setopt),      ROW(easy_getinfo),        ROW(easy_strerror),       ROW(slist_append),
    ROW(slist_free_all),   ROW(multi_init),          ROW(multi_cleanup),       ROW(multi_setopt),
    ROW(multi_add_handle), ROW(multi_remove_handle), ROW(multi_socket_action), ROW(multi_assign),
    ROW(multi_info_read),  ROW(multi_strerror),
};

static int find_all(void *library, struct err *err)
{
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        void *found = dlsym(library, rows[i].name);
        if (!found)
            return err_set(err, ERR_CONFIG, "libcurl.so.4 has no %s: it is too old", rows[i].name);
        *(void **)((char *)&functions + rows[i].at) = found;
    }
    return 0;
}

const struct curl_functions *curl_load(struct err *err)
{
    static bool is_loaded;
    if (is_loaded)
        return &functions;
    void *library = dlopen("libcurl.so.4", RTLD_NOW | RTLD_LOCAL);
    if (!library) {
        err_set(err, ERR_CONFIG,
                "HTTP needs libcurl, and it cannot be loaded: %s; install the package libcurl4",
                dlerror());
        return NULL;
    }
    if (find_all(library, err))
        return NULL;
    if (functions.global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK) {
        err_set(err, ERR_IO, "libcurl cannot be initialised");
        return NULL;
    }
    is_loaded = true;
    return &functions;
}
