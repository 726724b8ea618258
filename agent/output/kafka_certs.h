/* kafka_certs.h: certificates and keys: read, checked, given to librdkafka, and watched. Of brokers it knows nothing.
 *
 * What was read is kept in memory (struct kafka_pems): that is checked, and that is used, whatever becomes of the files meanwhile.
 */
#ifndef OUTPUT_KAFKA_CERTS_H
#define OUTPUT_KAFKA_CERTS_H

#include <librdkafka/rdkafka.h>
#include <posta/buf.h>
#include <posta/loop.h>
#include <posta/plugin.h>

enum kafka_verification { VERIFY_FULL, VERIFY_STRICT, VERIFY_CERTIFICATE, VERIFY_NONE };

/* When certificates are valid, in seconds since the epoch: of several the shortest. */
struct cert_dates {
    int64_t starts, ends; /* 0 = there is none */
    char name[128];       /* the subject of the one that ends first */
};

struct kafka_pems {
    struct buf *authorities; /* one an entry of ssl.certificate_authorities */
    size_t n_authorities;
    struct buf certificate; /* intermediates behind it */
    struct buf key;
    char *passphrase; /* NULL = none */
    size_t n_chain;   /* certificates in it; set by kafka_check_pems, as the dates are */
    struct cert_dates own, authority;
    int chain_fd; /* the certificate as a file that nobody can change; -1 = not needed */
    unsigned char digest[32];
};

/* What was said of the end of a certificate. */
struct expiry {
    int stage;
    int64_t said_s;
};

/* output.kafka.ssl */
struct kafka_tls {
    int enabled; /* -1 = as it follows from the other keys */
    struct str_list authorities;
    char *certificate, *key, *key_passphrase, *key_passphrase_path;
    int verification;
    struct str_list protocols;
    bool is_used;            /* set by kafka_check_tls */
    struct kafka_pems *pems; /* what is in use; NULL = nothing was checked yet */
    struct expiry own_said, authority_said;
};

/* ---- kafka_pems.c ---- */

/* Is this setting the text itself, not the path of a file? */
bool kafka_is_inline(const char *setting);
/* How messages name it. */
const char *kafka_pem_name(const char *setting);
/* All that tls names, read once. Caller frees. On failure the digest of what could be read is not known: *pems is NULL. */
int kafka_read_pems(const struct kafka_tls *tls, struct kafka_pems **pems,
                    struct err *err) MUST_CHECK;
/* Wipes the key. NULL is fine. */
void kafka_free_pems(struct kafka_pems *pems);
bool kafka_same_pems(const struct kafka_pems *one, const struct kafka_pems *other);

/* ---- kafka_chain.c ---- */

/* Give the certificate to librdkafka so that its intermediates are sent. Borrows it until the instance is made. */
int kafka_set_chain(struct kafka_pems *pems, rd_kafka_conf_t *conf, struct err *err) MUST_CHECK;

/* ---- kafka_tls.c ---- */

/* Can they be used: parsed, the key is the certificate's. Fills in n_chain and the dates, which it does not judge. */
int kafka_check_pems(const struct kafka_tls *tls, struct kafka_pems *pems,
                     struct err *err) MUST_CHECK;
/* Read and check the certificates before librdkafka sees them; sets is_used and pems. An expired one is only said. */
int kafka_check_tls(struct kafka_tls *tls, struct err *err) MUST_CHECK;
void kafka_forget_tls(struct kafka_tls *tls);
/* Of what was checked. Borrows it until librdkafka's instance is made. */
int kafka_set_tls(const struct kafka_tls *tls, rd_kafka_conf_t *conf, struct err *err) MUST_CHECK;

/* ---- kafka_expiry.c ---- */

void cert_dates_add(struct cert_dates *dates, int64_t starts, int64_t ends, const char *name);
/* Whole days until then, 0 when it is over or there is no certificate. */
uint64_t cert_days_left(const struct cert_dates *dates, int64_t now_s);
/* "2027-01-31 12:00:00Z" */
void cert_time_text(int64_t time_s, char text[static 32]);
/* May they be used now? */
int kafka_check_dates(const struct kafka_tls *tls, const struct kafka_pems *pems, int64_t now_s,
                      struct err *err) MUST_CHECK;
/* Warn 14, 7 and 1 days before the end, then daily. Call at start and at least once a day. */
void kafka_say_expiry(struct kafka_tls *tls, int64_t now_s);

/* ---- kafka_links.c ---- */

/* Which names in which folders decide what the path leads to: those of its links, and of the file. */
void links_of(const char *path, void (*found)(void *arg, const char *dir, const char *name),
              void *arg);

/* ---- kafka_certs.c: told when the files change ---- */

struct certs;
struct certs_config {
    struct loop *loop;
    struct kafka_tls *tls; /* borrowed; tls->pems is what is in use */
    void *arg;
    /* Other certificates than those in use are there, and can be used. Takes them over. */
    void (*fresh)(void *arg, struct kafka_pems *pems);
    /* A look was taken: at start of each few minutes, and after each change. */
    void (*looked)(void *arg);
    /* What is there cannot be used; told once. */
    void (*refused)(void *arg);
};
/* Never fails: without inotify it looks by the clock. NULL where nothing is used. */
struct certs *certs_new(const struct certs_config *config);
void certs_free(struct certs *certs);
/* Look within so many ns, if no look is due before. NULL is fine. */
void certs_look_within(struct certs *certs, int64_t ns);
/* Those that fresh gave cannot be used: say it, once as long as the files stay as they are. */
void certs_refuse(struct certs *certs, const struct kafka_pems *pems, const char *why);

#endif
