/* listen.h: the socket that is listened on. */
#ifndef ADMIN_LISTEN_H
#define ADMIN_LISTEN_H

#include "admin.h"

/* The path of unix:///path, else NULL. */
const char *unix_path(const struct admin_settings *settings);
/* Listening, non-blocking; url: where, appended. -1: what to do is in err. */
int admin_listen(const struct admin_settings *settings, struct buf *url,
                 struct err *err) MUST_CHECK;
/* Connect, waiting at most timeout_ms; blocking afterwards, with that timeout. */
int admin_connect(const struct admin_settings *settings, int timeout_ms,
                  struct err *err) MUST_CHECK;

#endif
