/* time_text.h: times as text, in UTC, as events and log lines have them: "2026-11-22T07:08:57.146Z". For years 0 to 9999. */
#ifndef POSTA_TIME_TEXT_H
#define POSTA_TIME_TEXT_H

#include <stdint.h>

enum { TIME_TEXT_BYTES = 25 };
#define TIME_TEXT_LAST_MS INT64_C(253402300799999) /* the end of the year 9999 */

/* ms: since the epoch. */
void time_text(int64_t ms, char text[static TIME_TEXT_BYTES]);

/* One that is kept, for the next of the same millisecond or day. */
struct time_stamp {
    char text[32];
    int64_t ms; /* -1 = none yet */
};
void time_stamp_set(struct time_stamp *stamp, int64_t ms);

#endif
