/* web.h: asking a web server, without waiting for it. The only door to libcurl.
 *
 * A request runs on the loop: name resolution in a thread of libcurl's, connections, TLS and HTTP in between the loop's other
 * work. Its answer comes by callback, once, also when none came. libcurl is loaded when the first request is made: who asks
 * nobody does not have it in memory. Loop thread.
 */
#ifndef POSTA_WEB_H
#define POSTA_WEB_H

#include <posta/buf.h>
#include <posta/loop.h>
#include <posta/plugin.h>

struct web_client;
struct web_call;

/* ---- what the configuration says of a server, as Beats have it ---- */

enum web_verification {
    WEB_VERIFY_FULL,        /* chain and name */
    WEB_VERIFY_STRICT,      /* the same here */
    WEB_VERIFY_CERTIFICATE, /* the chain only */
    WEB_VERIFY_NONE,
};

struct web_tls {
    struct str_list authorities; /* PEM files or PEM text; none: the system's */
    char *certificate, *key;     /* PEM file or PEM text; NULL = none */
    char *passphrase;            /* of the key; NULL = none */
    char *passphrase_path;       /* file that has it, if passphrase is NULL */
    int verification;            /* enum web_verification */
    struct str_list protocols;   /* TLSv1.0 .. TLSv1.3; none: 1.2 and later */
    int enabled;                 /* -1 = as the URL says, 0 = no, 1 = yes */
};

struct web_options {
    char *username, *password;
    const struct node *headers; /* name: value; borrowed from the configuration */
    char *bearer_token_file;    /* read for each request: it may be renewed */
    char *proxy_url;            /* NULL = as the environment says */
    bool proxy_disable;
    struct web_tls tls;
};
/* To be read into a struct web_options: username, password, headers, bearer_token_file, proxy_url, proxy_disable, ssl.*. */
extern const struct option web_client_options[];
/* Can be known before anything is asked: files are there, key and certificate go together, words. */
int web_check(const struct web_options *options, struct err *err) MUST_CHECK;

/* ---- asking ---- */

enum web_family { WEB_ANY_FAMILY, WEB_IPV4, WEB_IPV6 };

struct web_answer;

/* Everything is copied. */
struct web_request {
    const char *method;               /* NULL = GET */
    const char *url;                  /* http:// or https:// */
    const struct web_options *server; /* NULL = no user, no headers, the system's authorities */
    const char *const *headers;       /* more of them, "Name: value", ends with NULL; NULL = none */
    const void *body;                 /* NULL = none */
    size_t body_len;
    int64_t timeout_ns;      /* for all of it; 0 = 30 s */
    uint64_t max_body_bytes; /* so much of the answer is kept, then it is cut off */
    /* Told of all of the body as it comes, also of what is not kept: then it is read on to its end, but not more than
     * max_read_bytes. NULL = nobody wants to know. */
    void (*body_part)(void *arg, const char *bytes, size_t len);
    uint64_t max_read_bytes;
    long max_redirects;  /* 0 = an answer that redirects is the answer */
    const char *address; /* connect to this one, whatever the name resolves to; NULL = resolve it */
    enum web_family family; /* for names that have addresses of both */
    bool is_fresh;    /* a connection of its own, closed afterwards: so times are of all phases */
    bool is_http1;    /* HTTP/1.1, also where the server knows more */
    bool wants_chain; /* the server's certificates, also if they are not believed */
    void (*done)(void *arg, const struct web_answer *answer);
    void *arg;
};

/* Opened at the first need. On -1 libcurl cannot be used here. */
int web_client_open(struct web_client **web, struct loop *loop, struct err *err) MUST_CHECK;
/* Ends what is running, without a callback. NULL is fine. */
void web_client_close(struct web_client *web);

/* -1: the request cannot even be made (CONFIG: the URL, a file); done is not called then. */
int web_ask(struct web_client *web, const struct web_request *request, struct web_call **call,
            struct err *err) MUST_CHECK;
/* Its callback will not come. Not from within a callback of the same call. */
void web_cancel(struct web_call *call);

/* ---- the answer ---- */

/* What was going on when it ended. */
enum web_phase {
    WEB_RESOLVING,
    WEB_CONNECTING,
    WEB_HANDSHAKING,
    WEB_WRITING, /* the request */
    WEB_WAITING, /* for the first byte of the answer */
    WEB_READING,
    WEB_ANSWERED,
};
/* "name resolution", "connect", ..: for messages. */
const char *web_phase_name(enum web_phase phase);

/* In ns since it was asked; 0 = not reached. Of redirected requests: the last one's, since the first was asked. */
struct web_times {
    int64_t resolved_ns, connected_ns, shaken_ns, written_ns, first_byte_ns, end_ns;
};

/* Borrowed during the callback. */
struct web_answer {
    const struct err *
        err; /* NULL = there is an answer, also if it is cut. AGAIN: not reached or too late; DENIED: the certificate;
                              CORRUPT: not HTTP */
    enum web_phase phase;
    bool is_timeout;
    int status;
    const char *version; /* "1.1", "2", .. */
    const char *headers; /* lines of the last answer, "Name: value\r\n", without the status line */
    const char *body;    /* terminated */
    size_t body_len;     /* kept */
    bool is_cut;         /* there was more */
    struct web_times times;
    const char *ip; /* "" = not connected */
    int port;
    const char *url; /* the last one */
    long n_redirects;
    const char *redirects;                /* the URLs that were followed, a line each */
    const char *tls_version, *tls_cipher; /* "TLSv1.3", "" = no TLS */
    const char *chain;                    /* PEM, the server's first; "" if not wanted */
};
/* The value of a header of the answer, found without regard to case; false if it is not there. Borrows the answer's. */
bool web_header(const struct web_answer *answer, const char *name, const char **value, size_t *len);

#endif
