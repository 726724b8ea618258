/* web_answer.c: an answer as it comes in, and what its owner is told.
 *
 * Happy path: headers and body are kept up to their bounds, times are read from libcurl at the end.
 * Failure modes: libcurl's codes become a kind (what can be done), a phase (where it ended) and libcurl's sentence.
 */
#include "web.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

enum { HEADER_BYTES = 64 * 1024 };

/* ---- coming in ---- */

/* The URL that is asked now, if a redirect has led to it. */
static void note_redirect(struct web_call *call)
{
    const char *url = NULL;
    long n = 0;
    call->web->curl->easy_getinfo(call->easy, CURLINFO_REDIRECT_COUNT, &n);
    call->web->curl->easy_getinfo(call->easy, CURLINFO_EFFECTIVE_URL, &url);
    if (n <= call->n_redirects || !url)
        return;
    call->n_redirects = n;
    buf_printf(&call->redirects, "%s\n", url);
}

/* A new status line: of the answer behind a redirect, or behind 100 Continue. */
static size_t take_header(char *bytes, size_t size, size_t n, void *arg)
{
    struct web_call *call = arg;
    size_t len = size * n;
    if (len > 5 && strncmp(bytes, "HTTP/", 5) == 0) {
        buf_clear(&call->headers);
        web_note_tls(call);
        note_redirect(call);
        return len;
    }
    if (call->headers.len + len <= HEADER_BYTES && len > 2)
        buf_append(&call->headers, bytes, len);
    return len;
}

/* Too much: refused, and the transfer ends. Of an answer that redirects the body is not wanted. */
static size_t take_body(char *bytes, size_t size, size_t n, void *arg)
{
    struct web_call *call = arg;
    size_t len = size * n, room = call->max_body_bytes - call->body.len;
    call->n_read += len;
    call->is_cut = call->body_part ? call->n_read > call->max_read_bytes : len > room;
    buf_append(&call->body, bytes, len > room ? room : len);
    if (call->body_part && !call->is_cut)
        call->body_part(call->arg, bytes, len);
    return call->is_cut ? 0 : len;
}

/* Told of everything that is sent: the last time it is told of the request, that is out. */
static int note_sent(CURL *easy, curl_infotype what, char *bytes, size_t len, void *arg)
{
    struct web_call *call = arg;
    (void)easy, (void)bytes, (void)len;
    if (what == CURLINFO_HEADER_OUT || what == CURLINFO_DATA_OUT)
        call->written_ns = clock_mono_ns() - call->begun_ns;
    if (what == CURLINFO_SSL_DATA_OUT && call->hello_ns == 0)
        call->hello_ns = clock_mono_ns() - call->begun_ns;
    return 0;
}

static void set_callback(struct web_call *call, CURLoption function, CURLoption data,
                         size_t (*take)(char *, size_t, size_t, void *))
{
    call->cannot_set |= call->web->curl->easy_setopt(call->easy, function, take) != CURLE_OK;
    web_set_pointer(call, data, call);
}

void web_take_answer(struct web_call *call)
{
    set_callback(call, CURLOPT_HEADERFUNCTION, CURLOPT_HEADERDATA, take_header);
    set_callback(call, CURLOPT_WRITEFUNCTION, CURLOPT_WRITEDATA, take_body);
    web_set_long(call, CURLOPT_SUPPRESS_CONNECT_HEADERS, 1);
    web_set_long(call, CURLOPT_VERBOSE, 1); /* for note_sent; prints nothing */
    call->cannot_set |=
        call->web->curl->easy_setopt(call->easy, CURLOPT_DEBUGFUNCTION, note_sent) != CURLE_OK;
    web_set_pointer(call, CURLOPT_DEBUGDATA, call);
}

/* ---- what is told ---- */

static long get_long(const struct web_call *call, CURLINFO what)
{
    long value = 0;
    call->web->curl->easy_getinfo(call->easy, what, &value);
    return value;
}

static int64_t get_time_ns(const struct web_call *call, CURLINFO what)
{
    curl_off_t us = 0;
    call->web->curl->easy_getinfo(call->easy, what, &us);
    return (int64_t)us * 1000;
}

static const char *get_text(const struct web_call *call, CURLINFO what)
{
    const char *text = NULL;
    call->web->curl->easy_getinfo(call->easy, what, &text);
    return text ? text : "";
}

static const char *version_name(long version)
{
    switch (version) {
    case CURL_HTTP_VERSION_1_0:
        return "1.0";
    case CURL_HTTP_VERSION_2_0:
        return "2";
    case CURL_HTTP_VERSION_3:
        return "3";
    default:
        return "1.1";
    }
}

const char *web_phase_name(enum web_phase phase)
{
    static const char *const names[] = {
        [WEB_RESOLVING] = "resolve the name",  [WEB_CONNECTING] = "connect",
        [WEB_HANDSHAKING] = "TLS handshake",   [WEB_WRITING] = "send the request",
        [WEB_WAITING] = "wait for the answer", [WEB_READING] = "read the answer",
        [WEB_ANSWERED] = "answered",
    };
    return names[phase];
}

static enum web_phase phase_of(const struct web_call *call, CURLcode code,
                               const struct web_times *times, int status)
{
    if (code == CURLE_OK)
        return WEB_ANSWERED;
    if (code == CURLE_COULDNT_RESOLVE_HOST || code == CURLE_COULDNT_RESOLVE_PROXY ||
        times->resolved_ns == 0)
        return WEB_RESOLVING;
    if (times->connected_ns == 0)
        return WEB_CONNECTING;
    if (call->is_tls && times->shaken_ns == 0)
        return WEB_HANDSHAKING;
    if (times->written_ns == 0)
        return WEB_WRITING;
    return status ? WEB_READING : WEB_WAITING;
}

static enum err_kind kind_of(CURLcode code)
{
    switch (code) {
    case CURLE_PEER_FAILED_VERIFICATION:
    case CURLE_SSL_CERTPROBLEM:
        return ERR_DENIED;
    case CURLE_UNSUPPORTED_PROTOCOL: /* HTTP/0.9, a redirect to ftp: */
    case CURLE_WEIRD_SERVER_REPLY:
    case CURLE_BAD_CONTENT_ENCODING:
    case CURLE_TOO_MANY_REDIRECTS:
    case CURLE_HTTP2:
    case CURLE_HTTP2_STREAM:
        return ERR_CORRUPT;
    case CURLE_URL_MALFORMAT:
    case CURLE_SSL_CACERT_BADFILE:
        return ERR_CONFIG;
    default:
        return ERR_AGAIN;
    }
}

static void fill_err(struct web_call *call, CURLcode code, enum web_phase phase, struct err *err)
{
    const char *said = *call->error ? call->error : call->web->curl->easy_strerror(code);
    err_set(err, kind_of(code), "%s: %s", web_phase_name(phase), said);
    err->sys_errno = (int)get_long(call, CURLINFO_OS_ERRNO);
    if (err->sys_errno && code != CURLE_OPERATION_TIMEDOUT) {
        size_t len = strlen(err->text);
        snprintf(err->text + len, sizeof err->text - len, ": %s", strerror(err->sys_errno));
    }
}

/* libcurl counts as connected only who has shaken hands. */
static struct web_times times_of(const struct web_call *call)
{
    int64_t connected_ns = get_time_ns(call, CURLINFO_CONNECT_TIME_T);
    return (struct web_times) {
        .resolved_ns = get_time_ns(call, CURLINFO_NAMELOOKUP_TIME_T),
        .connected_ns = connected_ns ? connected_ns : call->hello_ns,
        .shaken_ns = get_time_ns(call, CURLINFO_APPCONNECT_TIME_T),
        .written_ns = call->written_ns,
        .first_byte_ns = get_time_ns(call, CURLINFO_STARTTRANSFER_TIME_T),
        .end_ns = get_time_ns(call, CURLINFO_TOTAL_TIME_T),
    };
}

void web_finish(struct web_call *call, CURLcode code)
{
    struct err err = ERR_INIT;
    if (code == CURLE_WRITE_ERROR && call->is_cut)
        code = CURLE_OK;
    struct web_answer answer = {
        .is_timeout = code == CURLE_OPERATION_TIMEDOUT,
        .status = (int)get_long(call, CURLINFO_RESPONSE_CODE),
        .version = version_name(get_long(call, CURLINFO_HTTP_VERSION)),
        .headers = buf_str(&call->headers),
        .body = buf_str(&call->body),
        .body_len = call->body.len,
        .is_cut = call->is_cut,
        .times = times_of(call),
        .ip = get_text(call, CURLINFO_PRIMARY_IP),
        .port = (int)get_long(call, CURLINFO_PRIMARY_PORT),
        .url = get_text(call, CURLINFO_EFFECTIVE_URL),
        .n_redirects = get_long(call, CURLINFO_REDIRECT_COUNT),
        .redirects = buf_str(&call->redirects),
        .tls_version = call->tls_version,
        .tls_cipher = call->tls_cipher,
        .chain = buf_str(&call->chain),
    };
    answer.phase = phase_of(call, code, &answer.times, answer.status);
    if (code != CURLE_OK) {
        fill_err(call, code, answer.phase, &err);
        answer.err = &err;
    }
    call->done(call->arg, &answer);
}

bool web_header(const struct web_answer *answer, const char *name, const char **value, size_t *len)
{
    size_t name_len = strlen(name);
    for (const char *line = answer->headers; *line;) {
        size_t line_len = strcspn(line, "\r\n");
        if (line_len > name_len && line[name_len] == ':' &&
            strncasecmp(line, name, name_len) == 0) {
            const char *at = line + name_len + 1;
            at += strspn(at, " \t");
            *value = at;
            *len = at < line + line_len ? (size_t)(line + line_len - at) : 0;
            return true;
        }
        line += line_len;
        line += strspn(line, "\r\n");
    }
    return false;
}
