/* spool_show.h: what `posta spool` prints. Only spool_*.c include it, and verify_*.c for the units. */
#ifndef AGENT_SPOOL_SHOW_H
#define AGENT_SPOOL_SHOW_H

#include "agent.h"
#include "spool/inspect.h"

enum { UNIT_TEXT = 32 };

/* "12 bytes", "1.5 KB", "16.0 MB". Returns text. */
const char *show_bytes(uint64_t bytes, char text[static UNIT_TEXT]);
/* "2026-11-25 00:55:12Z", "-" for 0. */
const char *show_time(int64_t time_ns, char text[static UNIT_TEXT]);
/* "segments": with an s unless it is one; n is printed beside it. */
const char *plural(uint64_t n);

/* 0, or an exit status with a line on stderr. */
int spool_ls(struct look *look);
int spool_check(struct look *look);

/* Who uses it, as one line on stderr, if somebody does. */
void show_live(const struct look *look);

#endif
