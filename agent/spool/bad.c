/* bad.c: what is no part of the spool is moved out of the way, never deleted.
 *
 * Happy path: a rename into <dir>/bad/, which is made when it is needed first.
 * Failure modes: something that is no folder is named bad: bad.1 takes its place, and so on. A name that is there from before
 * stays, the new one gets a number. A rename that fails changes nothing.
 * On close: nothing.
 */
#include "bad.h"

#include <posta/buf.h>
#include <posta/fs.h>

#include <stdlib.h>
#include <sys/stat.h>

/* A link to a folder is none: nothing can be renamed into another file system. Where nothing can be seen, making it says why. */
static bool is_usable(const char *path)
{
    struct stat st;
    return lstat(path, &st) < 0 || S_ISDIR(st.st_mode);
}

char *bad_folder(const char *dir)
{
    char *path = mem_printf("%s/bad", dir);
    for (int n = 1; !is_usable(path); n++) {
        free(path);
        path = mem_printf("%s/bad.%d", dir, n);
    }
    return path;
}

static char *free_name(const char *bad, const char *name)
{
    struct stat st;
    char *path = mem_printf("%s/%s", bad, name);
    for (int n = 1; lstat(path, &st) == 0; n++) {
        free(path);
        path = mem_printf("%s/%s.%d", bad, name, n);
    }
    return path;
}

/* For good, before another gets its name. */
int bad_take(const char *dir, const char *name, struct err *err)
{
    char *bad = bad_folder(dir), *from = mem_printf("%s/%s", dir, name);
    char *to = free_name(bad, name);
    int rc = fs_make_dirs(bad, 0700, err);
    if (rc == 0)
        rc = fs_rename(from, to, err) || fs_sync_dir(bad, err) || fs_sync_dir(dir, err) ? -1 : 0;
    free(bad);
    free(from);
    free(to);
    return rc;
}
