/* output.h: the outputs of this folder; see <posta/output.h> for what each can do. */
#ifndef OUTPUT_OUTPUT_H
#define OUTPUT_OUTPUT_H

#include <posta/output.h>

extern const struct output kafka_output;
extern const struct output console_output;
extern const struct output file_output;
/* Of no configuration: it takes nothing. */
extern const struct output held_output;

/* Of librdkafka; static. */
const char *output_library_version(void);

#endif
