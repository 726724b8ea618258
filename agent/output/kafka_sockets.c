/* kafka_sockets.c: the connections of an instance of librdkafka, so that one that is left behind can be cut off.
 *
 * librdkafka cannot be told to stop while it is in a call: an abort that does not come back goes on in its own time. What it says to
 * the brokers then would shut out the instance that has taken its place (a new epoch of the transactional id), or bring once
 * more what that one has sent already.
 *
 * Happy path: librdkafka makes and closes its sockets here, in its own threads.
 * Cut: what is open is shut down, and no more are made; librdkafka takes it for a network that is away.
 * Failure modes: none of its own.
 * On close: with the client; librdkafka has closed them all by then.
 */
#include "kafka.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

void sockets_init(struct sockets *sockets)
{
    *sockets = (struct sockets) {.lock = PTHREAD_MUTEX_INITIALIZER};
}

void sockets_free(struct sockets *sockets)
{
    free(sockets->fds);
    pthread_mutex_destroy(&sockets->lock);
}

static int make_socket(int domain, int type, int protocol, void *opaque)
{
    struct sockets *sockets = &((struct client *)opaque)->sockets;
    int fd = -1;
    errno = ENETDOWN;
    pthread_mutex_lock(&sockets->lock);
    if (!sockets->is_cut)
        fd = socket(domain, type | SOCK_CLOEXEC, protocol);
    if (fd >= 0) {
        sockets->fds = mem_grow(sockets->fds, sockets->n + 1, sizeof *sockets->fds);
        sockets->fds[sockets->n++] = fd;
    }
    pthread_mutex_unlock(&sockets->lock);
    return fd;
}

/* Under the lock, so that the number is of no other when it is shut down. */
static int close_socket(int fd, void *opaque)
{
    struct sockets *sockets = &((struct client *)opaque)->sockets;
    pthread_mutex_lock(&sockets->lock);
    for (size_t i = 0; i < sockets->n; i++)
        if (sockets->fds[i] == fd)
            sockets->fds[i] = sockets->fds[--sockets->n];
    int rc = close(fd);
    pthread_mutex_unlock(&sockets->lock);
    return rc;
}

void sockets_attach(rd_kafka_conf_t *conf)
{
    rd_kafka_conf_set_socket_cb(conf, make_socket);
    rd_kafka_conf_set_closesocket_cb(conf, close_socket);
}

void sockets_cut(struct sockets *sockets)
{
    pthread_mutex_lock(&sockets->lock);
    sockets->is_cut = true;
    for (size_t i = 0; i < sockets->n; i++)
        (void)shutdown(sockets->fds[i],
                       SHUT_RDWR); /* one that is not connected yet fails by itself */
    pthread_mutex_unlock(&sockets->lock);
}
