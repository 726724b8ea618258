/* intern.h: one copy of each text, however many hold it: paths and input ids of sources.
 *
 * Two interned texts are the same text exactly if they are the same pointer. Loop thread only.
 */
#ifndef POSTA_INTERN_H
#define POSTA_INTERN_H

#include <stddef.h>

/* The one copy; each call takes a hold that intern_free gives back. */
const char *intern(const char *text);
const char *intern_n(const char *bytes, size_t len); /* not terminated */
void intern_free(const char *text);                  /* NULL is fine */
/* How many different texts are held; for tests. */
size_t intern_count(void);

#endif
