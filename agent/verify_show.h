/* verify_show.h: what `posta verify` prints. Only verify_*.c include it. */
#ifndef AGENT_VERIFY_SHOW_H
#define AGENT_VERIFY_SHOW_H

#include "verify/verify.h"

/* One line for what has changed, or none. */
void verify_show_change(const struct change_note *note);
/* All generations, what is missing, and the verdict. Returns the exit status. */
int verify_show(const struct book *book);

#endif
