/* err.h: what went wrong, for the program (kind) and for the operator (text).
 *
 * A function that can fail returns 0 or -1 and takes `struct err *err` last. On failure it fills
 * err; on success it leaves err alone. Each level may wrap the text with what it was doing, outermost
 * first: "recover spool: segment 0000000000000042.open: record at byte 8192: checksum differs".
 * Only the place that decides what to do logs it. No function here allocates; any thread.
 */
#ifndef POSTA_ERR_H
#define POSTA_ERR_H

#define MUST_CHECK        __attribute__((warn_unused_result))
#define PRINTF_LIKE(f, a) __attribute__((format(printf, f, a)))

/* What the caller can do about it. */
enum err_kind {
    ERR_NONE,
    ERR_AGAIN,   /* try the same again later: a peer is away, a name does not resolve now */
    ERR_FULL,    /* no room: disk, spool or queue; stop taking in and retry when there is room */
    ERR_GONE,    /* the thing does not exist (any more) */
    ERR_CORRUPT, /* bytes are not what was written */
    ERR_DENIED,  /* permission, authentication or authorisation */
    ERR_CONFIG,  /* the user's configuration or arguments */
    ERR_IO,      /* the operating system refused for another reason */
    ERR_BUG,     /* ours */
};

enum { ERR_TEXT_BYTES = 1024 };

struct err {
    enum err_kind kind;
    int sys_errno; /* errno behind it, 0 if none */
    char text[ERR_TEXT_BYTES];
};

#define ERR_INIT                                                                                   \
    {                                                                                              \
        .kind = ERR_NONE                                                                           \
    }

/* Set kind and text. Always returns -1, so that `return err_set(err, ...)` reads well. */
int err_set(struct err *err, enum err_kind kind, const char *fmt, ...) PRINTF_LIKE(3, 4);

/* Set from errno: the text is followed by ": <strerror>"; the kind follows from errno
 * (ENOENT/ESTALE GONE, ENOSPC/EDQUOT/ENOMEM FULL, EACCES/EPERM/EROFS DENIED, EAGAIN/EINTR AGAIN, else
 * IO). Returns -1. */
int err_sys(struct err *err, const char *fmt, ...) PRINTF_LIKE(2, 3);

/* Put "<fmt>: " before the text that is there; the kind stays. Returns -1. */
int err_wrap(struct err *err, const char *fmt, ...) PRINTF_LIKE(2, 3);

/* The kind's name in lower case, for logs and tests. Static string. */
const char *err_kind_name(enum err_kind kind);

#endif
