/* kafka_sockets.h: the sockets of an instance of librdkafka. Any thread. */
#ifndef OUTPUT_KAFKA_SOCKETS_H
#define OUTPUT_KAFKA_SOCKETS_H

#include <librdkafka/rdkafka.h>
#include <pthread.h>
#include <stdbool.h>

struct sockets {
    pthread_mutex_t lock;
    int *fds; /* open ones */
    size_t n;
    bool is_cut;
};
void sockets_init(struct sockets *sockets);
void sockets_free(struct sockets *sockets);
/* The configuration's opaque must be a client. */
void sockets_attach(rd_kafka_conf_t *conf);
/* The instance reaches nobody from now on. */
void sockets_cut(struct sockets *sockets);

#endif
