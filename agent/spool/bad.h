/* bad.h: the folder bad/, where what is no part of the spool, or damaged, is kept for a human. */
#ifndef SPOOL_BAD_H
#define SPOOL_BAD_H

#include <posta/err.h>

/* "<dir>/bad"; where something that is no folder has this name, "<dir>/bad.1" and so on. It may be missing. Caller frees. */
char *bad_folder(const char *dir);

/* Move <dir>/<name>, of whatever kind it is, there, durably, under a name that nothing has. */
int bad_take(const char *dir, const char *name, struct err *err) MUST_CHECK;

#endif
