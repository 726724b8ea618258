/* library.c: loading shared libraries when they are needed.
 *
 * Happy path: the library is opened, and the pointers to its functions are found by name.
 * Failure modes: none is there, or one without these functions: said by name, with the package to install; the next call tries again.
 */
#include <posta/library.h>

#include <dlfcn.h>

static int find_all(void *handle, const struct library *library, void *functions, struct err *err)
{
    for (const struct library_row *row = library->rows; row->name; row++) {
        void *found = dlsym(handle, row->name);
        if (!found)
            return err_set(err, ERR_CONFIG, "%s has no %s: it is too old", library->file,
                           row->name);
        *(void **)((char *)functions + row->at) = found;
    }
    return 0;
}

int library_load(const struct library *library, void *functions, struct err *err)
{
    void *handle = dlopen(library->file, RTLD_NOW | RTLD_LOCAL);
    if (!handle)
        return err_set(err, ERR_CONFIG,
                       "%s needs %s, and it cannot be loaded: %s; install the package %s",
                       library->user, library->name, dlerror(), library->package);
    return find_all(handle, library, functions, err);
}
