/* What the files of kadmin share. */
#ifndef TESTS_TOOLS_KADMIN_H
#define TESTS_TOOLS_KADMIN_H

#include <stdbool.h>

#include "kclient.h"

enum { TRY_MS = 4000 };

struct admin {
    rd_kafka_t *rk;
    rd_kafka_queue_t *queue; /* results of admin requests */
    int64_t deadline_ms;
    char error[512]; /* why the last try failed */
};

/* Keep the reason; false. */
bool failed(struct admin *adm, const char *reason);

/* Commands, each one try: true when done, false with the reason in adm->error. */
bool create_topic(struct admin *adm, char **words, int n_words);
bool forget_group(struct admin *adm, char **words, int n_words);
bool delete_topic(struct admin *adm, char **words, int n_words);
bool allow(struct admin *adm, char **words, int n_words);
bool disallow(struct admin *adm, char **words, int n_words);
bool add_partitions(struct admin *adm, char **words, int n_words);
bool configure(struct admin *adm, char **words, int n_words);

#endif
