/* err.c: errors as values; see err.h. */
#include <posta/err.h>

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

int err_set(struct err *err, enum err_kind kind, const char *fmt, ...)
{
    va_list args;
    va_start(args, fmt);
    vsnprintf(err->text, sizeof err->text, fmt, args);
    va_end(args);
    err->kind = kind;
    err->sys_errno = 0;
    return -1;
}

static enum err_kind kind_of_errno(int e)
{
    switch (e) {
    case ENOENT:
    case ESTALE:
    case ENOTDIR:
        return ERR_GONE;
    case ENOSPC:
    case EDQUOT:
    case ENOMEM:
        return ERR_FULL;
    case EACCES:
    case EPERM:
    case EROFS:
        return ERR_DENIED;
    case EAGAIN:
    case EINTR:
        return ERR_AGAIN;
    default:
        return ERR_IO;
    }
}

int err_sys(struct err *err, const char *fmt, ...)
{
    int saved = errno;
    va_list args;
    va_start(args, fmt);
    int used = vsnprintf(err->text, sizeof err->text, fmt, args);
    va_end(args);
    if (used >= 0 && (size_t)used < sizeof err->text)
        snprintf(err->text + used, sizeof err->text - (size_t)used, ": %s", strerror(saved));
    err->kind = kind_of_errno(saved);
    err->sys_errno = saved;
    return -1;
}

int err_wrap(struct err *err, const char *fmt, ...)
{
    char inner[ERR_TEXT_BYTES];
    memcpy(inner, err->text, sizeof inner);
    va_list args;
    va_start(args, fmt);
    int used = vsnprintf(err->text, sizeof err->text, fmt, args);
    va_end(args);
    if (used >= 0 && (size_t)used < sizeof err->text)
        snprintf(err->text + used, sizeof err->text - (size_t)used, ": %.*s",
                 (int)sizeof err->text - used, inner);
    return -1;
}

const char *err_kind_name(enum err_kind kind)
{
    static const char *const names[] = {
        [ERR_NONE] = "none",     [ERR_AGAIN] = "again",     [ERR_FULL] = "full",
        [ERR_GONE] = "gone",     [ERR_CORRUPT] = "corrupt", [ERR_DENIED] = "denied",
        [ERR_CONFIG] = "config", [ERR_IO] = "io",           [ERR_BUG] = "bug",
    };
    return names[kind];
}
