/* web_request.c: a struct web_request as libcurl's options. Texts are copied by libcurl. */
#include "web.h"

#include <posta/config_node.h>
#include <posta/fs.h>
#include <posta/version.h>

#include <stdlib.h>
#include <string.h>
#include <strings.h>

enum { TOKEN_BYTES = 64 * 1024, DEFAULT_TIMEOUT_S = 30 };

/* ---- options ---- */

void web_set_long(struct web_call *call, CURLoption option, long value)
{
    call->cannot_set |= call->web->curl->easy_setopt(call->easy, option, value) != CURLE_OK;
}

void web_set_text(struct web_call *call, CURLoption option, const char *text)
{
    if (text)
        web_set_pointer(call, option, text);
}

void web_set_pointer(struct web_call *call, CURLoption option, const void *pointer)
{
    call->cannot_set |= call->web->curl->easy_setopt(call->easy, option, pointer) != CURLE_OK;
}

/* ---- headers ---- */

static void add_header(struct web_call *call, const char *line)
{
    struct curl_slist *longer = call->web->curl->slist_append(call->headers_out, line);
    call->cannot_set |= !longer;
    if (longer)
        call->headers_out = longer;
}

/* A line end in a value would be a header of its own. */
static int add_named(struct web_call *call, const char *name, const char *value, struct err *err)
{
    if (strpbrk(name, "\r\n:") || strpbrk(value, "\r\n"))
        return err_set(err, ERR_CONFIG, "header '%s' holds what no header can", name);
    char *line = *value ? mem_printf("%s: %s", name, value) : mem_printf("%s;", name);
    add_header(call, line);
    free(line);
    return 0;
}

static int add_bearer(struct web_call *call, const char *path, struct err *err)
{
    struct buf token = BUF_INIT;
    int rc = fs_read_file(path, TOKEN_BYTES, &token, err);
    if (rc == 0) {
        char *value =
            mem_printf("Bearer %.*s", (int)strcspn(buf_str(&token), "\r\n"), buf_str(&token));
        rc = add_named(call, "Authorization", value, err);
        explicit_bzero(value, strlen(value));
        free(value);
        explicit_bzero(token.data, token.len);
    }
    buf_free(&token);
    return rc;
}

static int set_headers(struct web_call *call, const struct web_request *request, struct err *err)
{
    const struct web_options *server = request->server;
    for (const char *const *line = request->headers; line && *line; line++)
        add_header(call, *line);
    for (size_t i = 0; server && i < node_count(server->headers); i++) {
        const char *value = node_text(node_at(server->headers, i));
        if (add_named(call, node_key(server->headers, i), value ? value : "", err))
            return -1;
    }
    if (server && server->bearer_token_file && add_bearer(call, server->bearer_token_file, err))
        return -1;
    if (call->headers_out)
        web_set_pointer(call, CURLOPT_HTTPHEADER, call->headers_out);
    return 0;
}

/* ---- where to, and how long ---- */

/* Whoever is meant, this one is connected to. The names of TLS and HTTP stay. */
static void set_address(struct web_call *call, const char *address)
{
    bool is_v6 = strchr(address, ':') != NULL;
    char *entry = mem_printf("::%s%s%s:", is_v6 ? "[" : "", address, is_v6 ? "]" : "");
    call->connect_to = call->web->curl->slist_append(NULL, entry);
    free(entry);
    call->cannot_set |= !call->connect_to;
    web_set_pointer(call, CURLOPT_CONNECT_TO, call->connect_to);
}

static int set_url(struct web_call *call, const struct web_request *request, struct err *err)
{
    const char *url = request->url;
    call->is_tls = strncasecmp(url, "https://", 8) == 0;
    if (!call->is_tls && strncasecmp(url, "http://", 7) != 0)
        return err_set(err, ERR_CONFIG, "'%s' begins with neither http:// nor https://", url);
    web_set_text(call, CURLOPT_URL, url);
    web_set_text(call, CURLOPT_PROTOCOLS_STR, "http,https");
    web_set_text(call, CURLOPT_REDIR_PROTOCOLS_STR, "http,https");
    web_set_long(call, CURLOPT_FOLLOWLOCATION, request->max_redirects > 0);
    web_set_long(call, CURLOPT_MAXREDIRS, request->max_redirects);
    web_set_long(call, CURLOPT_IPRESOLVE,
                 request->family == WEB_IPV4   ? CURL_IPRESOLVE_V4
                 : request->family == WEB_IPV6 ? CURL_IPRESOLVE_V6
                                               : CURL_IPRESOLVE_WHATEVER);
    if (request->address)
        set_address(call, request->address);
    return 0;
}

static void set_times(struct web_call *call, const struct web_request *request)
{
    int64_t timeout_ns = request->timeout_ns ? request->timeout_ns : DEFAULT_TIMEOUT_S * NS_PER_S;
    long ms = (long)((timeout_ns + NS_PER_MS - 1) / NS_PER_MS);
    web_set_long(call, CURLOPT_TIMEOUT_MS, ms);
    web_set_long(call, CURLOPT_CONNECTTIMEOUT_MS, ms);
    web_set_long(call, CURLOPT_NOSIGNAL, 1);
    web_set_long(call, CURLOPT_FRESH_CONNECT, request->is_fresh);
    web_set_long(call, CURLOPT_FORBID_REUSE, request->is_fresh);
    if (request->is_fresh)
        web_set_long(call, CURLOPT_DNS_CACHE_TIMEOUT, 0);
    if (request->is_http1)
        web_set_long(call, CURLOPT_HTTP_VERSION, CURL_HTTP_VERSION_1_1);
    /* Else a name that is still being resolved when the time is up is waited for. Unknown before 7.87. */
    (void)call->web->curl->easy_setopt(call->easy, CURLOPT_QUICK_EXIT, 1L);
}

static void set_method(struct web_call *call, const struct web_request *request)
{
    const char *method = request->method ? request->method : "GET";
    if (request->body) {
        web_set_long(call, CURLOPT_POST, 1);
        web_set_long(call, CURLOPT_POSTFIELDSIZE, (long)request->body_len);
        web_set_pointer(call, CURLOPT_COPYPOSTFIELDS, request->body);
    }
    if (strcmp(method, "HEAD") == 0)
        web_set_long(call, CURLOPT_NOBODY, 1);
    else
        web_set_text(call, CURLOPT_CUSTOMREQUEST, method);
}

static void set_server(struct web_call *call, const struct web_options *server)
{
    if (!server)
        return;
    if (server->username && *server->username) {
        web_set_text(call, CURLOPT_USERNAME, server->username);
        web_set_text(call, CURLOPT_PASSWORD, server->password);
    }
    if (server->proxy_disable)
        web_set_text(call, CURLOPT_NOPROXY, "*");
    else if (server->proxy_url && *server->proxy_url)
        web_set_text(call, CURLOPT_PROXY, server->proxy_url);
}

int web_set_up(struct web_call *call, const struct web_request *request, struct err *err)
{
    call->max_body_bytes = request->max_body_bytes;
    call->max_read_bytes = request->max_read_bytes;
    call->body_part = request->body_part;
    call->wants_chain = request->wants_chain;
    set_server(call, request->server);
    set_method(call, request);
    set_times(call, request);
    if (set_url(call, request, err) || set_headers(call, request, err) ||
        web_set_tls(call, request->server ? &request->server->tls : NULL, err))
        return -1;
    web_set_text(call, CURLOPT_USERAGENT, "posta/" POSTA_VERSION);
    web_set_pointer(call, CURLOPT_PRIVATE, call);
    web_set_pointer(call, CURLOPT_ERRORBUFFER, call->error);
    web_take_answer(call);
    return call->cannot_set
               ? err_set(err, ERR_CONFIG, "%s: libcurl does not take the request", request->url)
               : 0;
}
