/* kafka_chain.c: how librdkafka gets posta's certificate, so that the intermediate ones behind it are sent too.
 *
 * Happy path: from 2.8 on as text. Before, librdkafka sends the first certificate of a text only, of a file all: a chain is given
 * as a file in memory, which nobody can change between our check and its reading.
 * Failure modes: without /proc that file has no path: the text is given, and it is said.
 * On close: the file goes with the certificate (kafka_free_pems).
 */
#include "kafka.h"

#include <posta/fs.h>
#include <posta/log.h>

#include <stdio.h>
#include <sys/mman.h>
#include <unistd.h>

enum { VERSION_SENDS_CHAIN = 0x02080000 };

static int make_file(struct kafka_pems *pems, struct err *err)
{
    if (pems->chain_fd >= 0)
        return 0;
    pems->chain_fd = memfd_create("certificate", MFD_CLOEXEC);
    if (pems->chain_fd < 0)
        return err_sys(err, "keep the certificate in memory");
    return fs_pwrite(pems->chain_fd, pems->certificate.data, pems->certificate.len, 0, err);
}

int kafka_set_chain(struct kafka_pems *pems, rd_kafka_conf_t *conf, struct err *err)
{
    static const char section[] = "output.kafka.ssl";
    char path[32];
    if (rd_kafka_version() < VERSION_SENDS_CHAIN && pems->n_chain > 1) {
        if (make_file(pems, err))
            return -1;
        snprintf(path, sizeof path, "/proc/self/fd/%d", pems->chain_fd);
        if (access(path, R_OK) == 0)
            return kafka_set(conf, section, "ssl.certificate.location", path, err);
        log_limited(NULL, 3600 * NS_PER_S, LOG_WARN, "kafka",
                    "without /proc the intermediate certificates are not sent: librdkafka %s "
                    "cannot, 2.8 can",
                    rd_kafka_version_str());
    }
    return kafka_set(conf, section, "ssl.certificate.pem", buf_str(&pems->certificate), err);
}
