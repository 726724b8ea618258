/* The API server's part that knows pods, for tests: list with pages, watch with bookmarks, over TLS, for who has the token.
 *
 *   podsd -c CERT.pem -k KEY.pem -n NODE -t TOKEN -f READY -i FIFO [-l LOG]
 *
 * Listens on a free port of 127.0.0.1, written to READY. LOG gets a line a request: "list STATUS", "watch STATUS VERSION".
 * The FIFO takes commands, a line each:
 *
 *   put NS NAME UID CONTAINER ID APP IP   a pod is made, or changes; ID and IP "-": it has none yet
 *   del NS NAME UID                       it is deleted
 *   token TEXT                            only this one is good from now on
 *   gone                                  versions before now are forgotten: watches end with 410
 *   drop                                  all connections break off
 *   fail N STATUS                         the next N requests are answered so
 *   slow MS                               each answer waits so long
 *   huge NS NAME UID                      a pod that is too large for anybody
 *   refuse 0|1                            connections are closed at once
 */
#include <arpa/inet.h>
#include <errno.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <pthread.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { PODS = 4096, EVENTS = 16384, TEXT = 8192, HUGE_BYTES = 4 * 1024 * 1024 };

struct pod {
    char ns[64], name[256], uid[64];
    char *json;
};
struct event {
    unsigned long version;
    const char *type;
    char *json;
};

static struct {
    pthread_mutex_t lock;
    pthread_cond_t news;
    struct pod pods[PODS];
    size_t n_pods;
    struct event events[EVENTS];
    size_t n_events;
    unsigned long version, oldest; /* events after oldest are known */
    unsigned breaks;               /* grows: connections break off */
    int fails, fail_status, slow_ms;
    bool refuses;
    char token[256], node[256];
    FILE *log;
    SSL_CTX *tls;
} server = {.lock = PTHREAD_MUTEX_INITIALIZER,
            .news = PTHREAD_COND_INITIALIZER,
            .version = 100,
            .oldest = 100};

static void die(const char *what)
{
    fprintf(stderr, "podsd: %s: %s\n", what, errno ? strerror(errno) : "failed");
    exit(1);
}

/* ---- pods ---- */

/* <app>-<hash>-<5> is a Deployment's. */
static char *make_json(char **part, unsigned long version, size_t filler)
{
    char *json = malloc(TEXT + filler), rs[256], status[1024] = "", hash[64] = "";
    const char *ns = part[1], *name = part[2], *uid = part[3], *container = part[4], *id = part[5],
               *app = part[6], *ip = part[7];
    snprintf(rs, sizeof rs, "%s", name);
    char *dash = strrchr(rs, '-');
    if (dash) {
        *dash = '\0';
        snprintf(hash, sizeof hash, "%.60s", strrchr(rs, '-') ? strrchr(rs, '-') + 1 : rs);
    }
    if (strcmp(id, "-") != 0)
        snprintf(status, sizeof status,
                 ",\"podIP\":\"%s\",\"containerStatuses\":[{\"name\":\"%s\",\"ready\":true,"
                 "\"image\":\"docker.io/library/%s:1\",\"containerID\":\"containerd://"
                 "%s\",\"state\":{\"running\":{}}}]",
                 ip, container, app, id);
    int len = snprintf(
        json, TEXT,
        "{\"kind\":\"Pod\",\"apiVersion\":\"v1\",\"metadata\":{\"name\":\"%s\",\"generateName\":\"%"
        "s-\",\"namespace\":\"%s\","
        "\"uid\":\"%s\",\"resourceVersion\":\"%lu\",\"creationTimestamp\":\"2026-01-01T00:00:00Z\","
        "\"labels\":{\"app\":\"%s\",\"app.kubernetes.io/"
        "name\":\"%s\",\"pod-template-hash\":\"%s\"},"
        "\"annotations\":{\"example.com/team\":\"team \\\"%s\\\"\",\"kubernetes.io/psp\":\"none\"},"
        "\"ownerReferences\":[{\"apiVersion\":\"apps/"
        "v1\",\"kind\":\"ReplicaSet\",\"name\":\"%s\",\"uid\":\"0-%s\","
        "\"controller\":true,\"blockOwnerDeletion\":true}],\"managedFields\":[{\"manager\":"
        "\"kubelet\",\"fieldsV1\":{\"f:status\":{"
        "\"f:conditions\":{\".\":{},\"k:{\\\"type\\\":\\\"Ready\\\"}\":{\"f:name\":{}}}}}}]},"
        "\"spec\":{\"nodeName\":\"%s\",\"containers\":[{\"name\":\"%s\",\"image\":\"%s:1\",\"env\":"
        "[{\"name\":\"A\",\"value\":\"\\u00e9\"}]}]},"
        "\"status\":{\"phase\":\"Running\"%s}",
        name, rs, ns, uid, version, app, app, hash, app, rs, uid, server.node, container, app,
        status);
    if (filler) {
        len += sprintf(json + len, ",\"filler\":\"");
        memset(json + len, 'x', filler);
        len += (int)filler;
        len += sprintf(json + len, "\"");
    }
    strcpy(json + len, "}");
    return json;
}

static struct pod *find(const char *uid)
{
    for (size_t i = 0; i < server.n_pods; i++)
        if (strcmp(server.pods[i].uid, uid) == 0)
            return &server.pods[i];
    return NULL;
}

static void tell(const char *type, const char *json)
{
    if (server.n_events == EVENTS)
        die("more events than there is room for");
    server.events[server.n_events++] =
        (struct event) {.version = server.version, .type = type, .json = strdup(json)};
}

static void put(char **part, size_t filler)
{
    struct pod *pod = find(part[3]);
    const char *type = pod ? "MODIFIED" : "ADDED";
    if (!pod) {
        if (server.n_pods == PODS)
            die("more pods than there is room for");
        pod = &server.pods[server.n_pods++];
        snprintf(pod->ns, sizeof pod->ns, "%s", part[1]);
        snprintf(pod->name, sizeof pod->name, "%s", part[2]);
        snprintf(pod->uid, sizeof pod->uid, "%s", part[3]);
        pod->json = NULL;
    }
    free(pod->json);
    pod->json = make_json(part, ++server.version, filler);
    tell(type, pod->json);
}

static void del(const char *uid)
{
    struct pod *pod = find(uid);
    if (!pod)
        return;
    server.version++;
    tell("DELETED",
         pod->json); /* its own version is the one before: a client must not go back to it */
    free(pod->json);
    *pod = server.pods[--server.n_pods];
}

/* ---- commands ---- */

static void obey(char *line)
{
    char *part[9] = {"", "", "", "", "", "", "", "", NULL}, *rest = NULL;
    size_t n = 0;
    for (char *word = strtok_r(line, " \n", &rest); word && n < 8;
         word = strtok_r(NULL, " \n", &rest))
        part[n++] = word;
    if (n == 8 && strcmp(part[0], "put") == 0) {
        put(part, 0);
    } else if (n == 4 && strcmp(part[0], "huge") == 0) {
        part[4] = "c", part[5] = "-", part[6] = "huge", part[7] = "-";
        put(part, HUGE_BYTES);
    } else if (n == 4 && strcmp(part[0], "del") == 0) {
        del(part[3]);
    } else if (strcmp(part[0], "token") == 0) {
        snprintf(server.token, sizeof server.token, "%s", part[1]);
    } else if (strcmp(part[0], "gone") == 0) {
        server.oldest = ++server.version;
        server.n_events = 0; /* their texts are few */
    } else if (strcmp(part[0], "drop") == 0) {
        server.breaks++;
    } else if (strcmp(part[0], "fail") == 0) {
        server.fails = atoi(part[1]);
        server.fail_status = atoi(part[2]);
    } else if (strcmp(part[0], "slow") == 0) {
        server.slow_ms = atoi(part[1]);
    } else if (strcmp(part[0], "refuse") == 0) {
        server.refuses = atoi(part[1]);
        server.breaks++;
    } else if (n > 0) {
        fprintf(stderr, "podsd: %s: no such command\n", part[0]);
    }
}

/* ---- one connection ---- */

struct client {
    SSL *ssl;
    int fd;
    bool is_broken;
};

static void say(struct client *c, const char *text, size_t len)
{
    while (len > 0 && !c->is_broken) {
        int n = SSL_write(c->ssl, text, len > 65536 ? 65536 : (int)len);
        c->is_broken = n <= 0;
        text += n;
        len -= n > 0 ? (size_t)n : 0;
    }
}

__attribute__((format(printf, 2, 3))) static void sayf(struct client *c, const char *fmt, ...)
{
    char text[TEXT];
    va_list args;
    va_start(args, fmt);
    int len = vsnprintf(text, sizeof text, fmt, args);
    va_end(args);
    say(c, text, (size_t)len);
}

static void chunk(struct client *c, const char *text, size_t len)
{
    sayf(c, "%zx\r\n", len);
    say(c, text, len);
    say(c, "\r\n", 2);
}

static void answer_status(struct client *c, int status, const char *message)
{
    char body[512];
    int len = snprintf(body, sizeof body,
                       "{\"kind\":\"Status\",\"apiVersion\":\"v1\",\"status\":\"Failure\","
                       "\"message\":\"%s\",\"code\":%d}",
                       message, status);
    sayf(c, "HTTP/1.1 %d X\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%s",
         status, len, body);
}

static void note(const char *what, int status, unsigned long version)
{
    if (server.log) {
        fprintf(server.log, "%s %d %lu\n", what, status, version);
        fflush(server.log);
    }
}

/* Value of a parameter; 0 if it is not there. */
static unsigned long number(const char *path, const char *name)
{
    const char *at = strstr(path, name);
    return at ? strtoul(at + strlen(name), NULL, 10) : 0;
}

static void list(struct client *c, const char *path)
{
    char *body = NULL;
    size_t len = 0;
    pthread_mutex_lock(&server.lock);
    FILE *out = open_memstream(&body, &len);
    size_t from = number(path, "continue=p"), limit = number(path, "limit=");
    size_t to = limit && from + limit < server.n_pods ? from + limit : server.n_pods;
    fprintf(out,
            "{\"kind\":\"PodList\",\"apiVersion\":\"v1\",\"metadata\":{\"resourceVersion\":\"%lu\"",
            server.version);
    if (to < server.n_pods)
        fprintf(out, ",\"continue\":\"p%zu\",\"remainingItemCount\":%zu", to, server.n_pods - to);
    fprintf(out, "},\"items\":[");
    for (size_t i = from; i < to; i++)
        fprintf(out, "%s%s", i > from ? "," : "", server.pods[i].json);
    fprintf(out, "]}");
    fclose(out);
    note("list", 200, server.version);
    pthread_mutex_unlock(&server.lock);
    sayf(c, "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %zu\r\n\r\n",
         len);
    say(c, body, len);
    free(body);
}

/* In two chunks, so that nobody takes a chunk for a line. */
static void say_event(struct client *c, const char *type, const char *json)
{
    char *line = malloc(strlen(json) + 128);
    int len = sprintf(line, "{\"type\":\"%s\",\"object\":%s}\n", type, json);
    chunk(c, line, (size_t)len / 3);
    chunk(c, line + len / 3, (size_t)(len - len / 3));
    free(line);
}

static void wait_for_news(int64_t ms)
{
    struct timespec until;
    clock_gettime(CLOCK_REALTIME, &until);
    until.tv_nsec += ms * 1000000;
    until.tv_sec += until.tv_nsec / 1000000000;
    until.tv_nsec %= 1000000000;
    pthread_cond_timedwait(&server.news, &server.lock, &until);
}

/* The event behind a version; copies, as the lock is not held while it is said. */
static bool next_event(unsigned long version, struct event *event)
{
    for (size_t i = 0; i < server.n_events; i++)
        if (server.events[i].version > version) {
            *event = server.events[i];
            event->json = strdup(event->json);
            return true;
        }
    return false;
}

static void say_bookmark(struct client *c, unsigned long version)
{
    char json[256];
    snprintf(json, sizeof json,
             "{\"kind\":\"Pod\",\"apiVersion\":\"v1\",\"metadata\":{\"resourceVersion\":\"%lu\","
             "\"creationTimestamp\":null},\"spec\":{\"containers\":null},\"status\":{}}",
             version);
    say_event(c, "BOOKMARK", json);
}

static void follow(struct client *c, unsigned long version, time_t end)
{
    unsigned breaks = server.breaks;
    int turns = 0;
    while (!c->is_broken && server.breaks == breaks && time(NULL) < end) {
        struct event event;
        if (version < server.oldest) {
            pthread_mutex_unlock(&server.lock);
            say_event(c, "ERROR",
                      "{\"kind\":\"Status\",\"status\":\"Failure\",\"message\":\"too old resource "
                      "version\",\"reason\":\"Expired\",\"code\":410}");
            pthread_mutex_lock(&server.lock);
            break;
        }
        if (next_event(version, &event)) {
            version = event.version;
            pthread_mutex_unlock(&server.lock);
            say_event(c, event.type, event.json);
            free(event.json);
            pthread_mutex_lock(&server.lock);
        } else if (++turns % 8 == 0) {
            pthread_mutex_unlock(&server.lock);
            say_bookmark(c, version);
            pthread_mutex_lock(&server.lock);
        } else {
            wait_for_news(100);
        }
    }
    c->is_broken |= server.breaks != breaks;
}

static void watch(struct client *c, const char *path)
{
    unsigned long version = number(path, "resourceVersion="),
                  seconds = number(path, "timeoutSeconds=");
    pthread_mutex_lock(&server.lock);
    bool is_old = version < server.oldest;
    note("watch", is_old ? 410 : 200, version);
    pthread_mutex_unlock(&server.lock);
    if (is_old) {
        answer_status(c, 410, "too old resource version");
        return;
    }
    sayf(c,
         "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n");
    pthread_mutex_lock(&server.lock);
    follow(c, version, time(NULL) + (time_t)(seconds ? seconds : 60));
    pthread_mutex_unlock(&server.lock);
    if (!c->is_broken)
        say(c, "0\r\n\r\n", 5);
}

/* 0 = go on. */
static int refusal(const char *request, const char *path)
{
    char bearer[300], node[300];
    int status = 0;
    pthread_mutex_lock(&server.lock);
    snprintf(bearer, sizeof bearer, "Authorization: Bearer %s\r\n", server.token);
    snprintf(node, sizeof node, "fieldSelector=spec.nodeName%%3D%s&", server.node);
    if (server.fails > 0) {
        server.fails--;
        status = server.fail_status;
    } else if (!strcasestr(request, bearer)) {
        status = 401;
    } else if (strncmp(path, "/api/v1/pods?", 13) != 0 || !strstr(path, node)) {
        status = 403;
    }
    int slow_ms = server.slow_ms;
    if (status)
        note(strstr(path, "watch=1") ? "watch" : "list", status, 0);
    pthread_mutex_unlock(&server.lock);
    if (slow_ms)
        usleep((useconds_t)slow_ms * 1000);
    return status;
}

static bool read_request(struct client *c, char *request, size_t room)
{
    size_t len = 0;
    request[0] = '\0';
    while (!strstr(request, "\r\n\r\n")) {
        int n = len + 1 < room ? SSL_read(c->ssl, request + len, (int)(room - len - 1)) : 0;
        if (n <= 0)
            return false;
        len += (size_t)n;
        request[len] = '\0';
    }
    return true;
}

static void *serve(void *arg)
{
    struct client *c = arg;
    char request[TEXT], path[4096];
    c->is_broken = SSL_accept(c->ssl) != 1;
    while (!c->is_broken && read_request(c, request, sizeof request)) {
        if (sscanf(request, "GET %4095s HTTP/1.1", path) != 1)
            break;
        int status = refusal(request, path);
        if (status)
            answer_status(c, status, "not now");
        else
            strstr(path, "watch=1") ? watch(c, path) : list(c, path);
    }
    SSL_free(c->ssl);
    close(c->fd);
    free(c);
    return NULL;
}

/* ---- life ---- */

static void *accept_all(void *arg)
{
    int listener = *(int *)arg;
    for (;;) {
        int fd = accept(listener, NULL, NULL);
        pthread_t thread;
        if (fd < 0)
            continue;
        if (server.refuses) {
            close(fd);
            continue;
        }
        struct client *c = calloc(1, sizeof *c);
        c->fd = fd;
        c->ssl = SSL_new(server.tls);
        SSL_set_fd(c->ssl, fd);
        if (pthread_create(&thread, NULL, serve, c))
            die("thread");
        pthread_detach(thread);
    }
    return NULL;
}

static int listen_somewhere(const char *ready)
{
    struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof at;
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    if (fd < 0 || bind(fd, (struct sockaddr *)&at, sizeof at) || listen(fd, 64) ||
        getsockname(fd, (struct sockaddr *)&at, &len))
        die("listen");
    char temporary[4096];
    snprintf(temporary, sizeof temporary, "%s.new", ready);
    FILE *file = fopen(temporary, "w");
    if (!file || fprintf(file, "%d\n", ntohs(at.sin_port)) < 0 || fclose(file) ||
        rename(temporary, ready))
        die(ready);
    return fd;
}

int main(int argc, char **argv)
{
    const char *cert = NULL, *key = NULL, *ready = NULL, *fifo = NULL;
    char line[TEXT];
    int c;
    while ((c = getopt(argc, argv, "c:k:n:t:f:i:l:")) != -1) {
        if (c == 'c')
            cert = optarg;
        else if (c == 'k')
            key = optarg;
        else if (c == 'n')
            snprintf(server.node, sizeof server.node, "%s", optarg);
        else if (c == 't')
            snprintf(server.token, sizeof server.token, "%s", optarg);
        else if (c == 'f')
            ready = optarg;
        else if (c == 'i')
            fifo = optarg;
        else if (c == 'l')
            server.log = fopen(optarg, "a");
    }
    if (!cert || !key || !ready || !fifo)
        die("arguments");
    signal(SIGPIPE, SIG_IGN);
    server.tls = SSL_CTX_new(TLS_server_method());
    if (SSL_CTX_use_certificate_chain_file(server.tls, cert) != 1 ||
        SSL_CTX_use_PrivateKey_file(server.tls, key, SSL_FILETYPE_PEM) != 1)
        die("certificate");
    int listener = listen_somewhere(ready);
    pthread_t thread;
    if (pthread_create(&thread, NULL, accept_all, &listener))
        die("thread");
    for (;;) {
        FILE *commands = fopen(fifo, "r");
        if (!commands)
            die(fifo);
        while (fgets(line, sizeof line, commands)) {
            pthread_mutex_lock(&server.lock);
            obey(line);
            pthread_cond_broadcast(&server.news);
            pthread_mutex_unlock(&server.lock);
        }
        fclose(commands);
    }
}
