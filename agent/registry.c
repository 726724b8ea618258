/* registry.c: the lists of parts; the only file that names them all. */
#include "agent.h"

const struct output *const all_outputs[] = {&kafka_output, &console_output, &file_output, NULL};
