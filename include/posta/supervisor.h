/* supervisor.h: what posta tells whoever started it: systemd (sd_notify(3)), Kubernetes (its termination message). Loop thread. */
#ifndef POSTA_SUPERVISOR_H
#define POSTA_SUPERVISOR_H

#include <stdint.h>

/* "READY=1", "STOPPING=1", "WATCHDOG=1", ..; nothing where NOTIFY_SOCKET does not say whom. A failure is logged once. */
void supervisor_tell(const char *state);
/* The same for the beginning of a reload; READY=1 is its end. */
void supervisor_tell_reloading(void);

/* WATCHDOG=1 must come so often, or the supervisor ends this process; 0 = it does not wait for it. */
int64_t supervisor_watchdog_ns(void);

/* Why this process ends, for who looks at it afterwards: replaces what is in the file, cut to the 4096 bytes that Kubernetes
 * reads. Nothing where there is no such file; a failure is logged. */
void supervisor_last_words(const char *path, const char *text);

#endif
