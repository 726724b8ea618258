/* curl.c: loading libcurl. It brings some 30 libraries with it (LDAP, Kerberos, HTTP/2, ..): 6 MB that an agent which only
 * follows logs does not pay for.
 *
 * Happy path: the first who asks gets it loaded; it stays until the process ends.
 * Failure modes: no libcurl, or one without these functions: said by name, with the package to install; tried again at the next call.
 */
#include "curl.h"

#include <posta/library.h>

#include <stdbool.h>
#include <stddef.h>

static struct curl_functions functions;

#define ROW(name)                                                                                  \
    {                                                                                              \
        "curl_" #name, offsetof(struct curl_functions, name)                                       \
    }
static const struct library_row rows[] = {
    ROW(global_init),
    ROW(version_info),
    ROW(easy_init),
    ROW(easy_cleanup),
    ROW(easy_setopt),
    ROW(easy_getinfo),
    ROW(easy_strerror),
    ROW(slist_append),
    ROW(slist_free_all),
    ROW(multi_init),
    ROW(multi_cleanup),
    ROW(multi_setopt),
    ROW(multi_add_handle),
    ROW(multi_remove_handle),
    ROW(multi_socket_action),
    ROW(multi_assign),
    ROW(multi_info_read),
    ROW(multi_strerror),
    {0},
};

static const struct library library = {
    .user = "HTTP", .name = "libcurl", .file = "libcurl.so.4", .package = "libcurl4", .rows = rows};

const struct curl_functions *curl_load(struct err *err)
{
    static bool is_loaded;
    if (is_loaded)
        return &functions;
    if (library_load(&library, &functions, err))
        return NULL;
    if (functions.global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK) {
        err_set(err, ERR_IO, "libcurl cannot be initialised");
        return NULL;
    }
    is_loaded = true;
    return &functions;
}
