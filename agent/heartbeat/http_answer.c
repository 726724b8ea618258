/* http_answer.c: what is told of an answer over HTTP: http.response.*, http.rtt.*, tcp.rtt.*, tls.*. */
#include "heartbeat.h"

#include <posta/json.h>

#include <ctype.h>
#include <openssl/evp.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

/* ---- the body's digest ---- */

struct http_digest {
    EVP_MD_CTX *sha256;
    uint64_t n_bytes;
};

struct http_digest *http_digest_new(void)
{
    struct http_digest *digest = mem_zero(1, sizeof *digest);
    digest->sha256 = EVP_MD_CTX_new();
    if (digest->sha256 && EVP_DigestInit_ex(digest->sha256, EVP_sha256(), NULL) != 1) {
        EVP_MD_CTX_free(digest->sha256);
        digest->sha256 = NULL; /* then there is none */
    }
    return digest;
}

void http_digest_add(struct http_digest *digest, const char *bytes, size_t len)
{
    digest->n_bytes += len;
    if (digest->sha256)
        (void)EVP_DigestUpdate(digest->sha256, bytes, len); /* cannot fail behind init */
}

void http_digest_free(struct http_digest *digest)
{
    if (!digest)
        return;
    EVP_MD_CTX_free(digest->sha256);
    free(digest);
}

static void put_digest(struct members *event, struct http_digest *digest)
{
    static const char hex[] = "0123456789abcdef";
    unsigned char hash[EVP_MAX_MD_SIZE];
    char text[2 * EVP_MAX_MD_SIZE];
    unsigned n = 0;
    members_u64(event, "http.response.body.bytes", digest->n_bytes);
    if (!digest->sha256 || EVP_DigestFinal_ex(digest->sha256, hash, &n) != 1)
        return;
    for (unsigned i = 0; i < n; i++) {
        text[2 * i] = hex[hash[i] >> 4];
        text[2 * i + 1] = hex[hash[i] & 15];
    }
    members_text(event, "http.response.body.hash", text, 2 * (size_t)n);
}

/* ---- what it looks like ---- */

static bool begins(const char *body, size_t len, const char *magic, size_t n)
{
    return len >= n && memcmp(body, magic, n) == 0;
}

static bool is_utf8(const char *body, size_t len)
{
    const unsigned char *at = (const unsigned char *)body;
    for (size_t i = 0; i < len;) {
        size_t n = at[i] < 0x80 ? 1 : json_utf8_len(at + i, len - i);
        if (at[i] == 0 || (n == 0 && len - i >= 4))
            return false;
        i += n ? n : len - i; /* a sequence cut at the end is none of its fault */
    }
    return true;
}

static const char *text_type(const char *body, size_t len)
{
    struct json_span value;
    struct err err;
    size_t skip = 0;
    while (skip < len && isspace((unsigned char)body[skip]))
        skip++;
    const char *at = body + skip;
    size_t left = len - skip;
    if (left >= 5 && strncasecmp(at, "<?xml", 5) == 0)
        return "text/xml; charset=utf-8";
    if ((left >= 9 && strncasecmp(at, "<!doctype", 9) == 0) ||
        (left >= 5 && strncasecmp(at, "<html", 5) == 0))
        return "text/html; charset=utf-8";
    bool is_json = left && (*at == '{' || *at == '[') && json_check(body, len, &value, &err) == 0;
    return is_json ? "application/json" : "text/plain; charset=utf-8";
}

static const char *mime_type(const char *body, size_t len)
{
    if (begins(body, len, "\x89PNG\r\n", 6))
        return "image/png";
    if (begins(body, len, "\xff\xd8\xff", 3))
        return "image/jpeg";
    if (begins(body, len, "GIF8", 4))
        return "image/gif";
    if (begins(body, len, "%PDF-", 5))
        return "application/pdf";
    if (begins(body, len, "\x1f\x8b", 2))
        return "application/gzip";
    return is_utf8(body, len) ? text_type(body, len) : "application/octet-stream";
}

/* ---- headers ---- */

/* content-type → Content-Type, as Go writes them. */
static void put_header_name(struct buf *out, const char *name, size_t len)
{
    bool is_first = true;
    char canonical[256];
    len = len < sizeof canonical ? len : sizeof canonical;
    for (size_t i = 0; i < len; i++) {
        canonical[i] =
            (char)(is_first ? toupper((unsigned char)name[i]) : tolower((unsigned char)name[i]));
        is_first = name[i] == '-';
    }
    buf_putc(out, '"');
    json_escape(out, canonical, len);
    buf_puts(out, "\":");
}

static size_t name_len(const char *line)
{
    size_t len = strcspn(line, ":\r\n");
    return line[len] == ':' ? len : 0;
}

static const char *next_line(const char *line)
{
    line += strcspn(line, "\r\n");
    return line + strspn(line, "\r\n");
}

static bool is_named(const char *line, const char *name, size_t len)
{
    return name_len(line) == len && strncasecmp(line, name, len) == 0;
}

static void put_value(struct buf *out, const char *line)
{
    const char *at = line + name_len(line) + 1;
    at += strspn(at, " \t");
    size_t len = strcspn(at, "\r\n");
    while (len && (at[len - 1] == ' ' || at[len - 1] == '\t'))
        len--;
    buf_putc(out, '"');
    json_escape(out, at, len);
    buf_putc(out, '"');
}

/* One value as a text, several as a list. */
static void put_values(struct buf *out, const char *first, size_t len)
{
    size_t n = 0;
    for (const char *line = first; *line; line = next_line(line))
        n += is_named(line, first, len);
    buf_puts(out, n > 1 ? "[" : "");
    size_t k = 0;
    for (const char *line = first; *line; line = next_line(line)) {
        if (!is_named(line, first, len))
            continue;
        buf_puts(out, k++ ? "," : "");
        put_value(out, line);
    }
    buf_puts(out, n > 1 ? "]" : "");
}

static bool came_before(const char *headers, const char *line, size_t len)
{
    for (const char *at = headers; at < line; at = next_line(at))
        if (is_named(at, line, len))
            return true;
    return false;
}

static void put_headers(struct members *event, const char *headers)
{
    struct buf *out = &event->json;
    bool has_one = false;
    members_name(event, "http.response.headers");
    buf_putc(out, '{');
    for (const char *line = headers; *line; line = next_line(line)) {
        size_t len = name_len(line);
        if (len == 0 || came_before(headers, line, len))
            continue;
        buf_puts(out, has_one ? "," : "");
        put_header_name(out, line, len);
        put_values(out, line, len);
        has_one = true;
    }
    buf_putc(out, '}');
}

/* ---- all of it ---- */

static void put_redirects(struct members *event, const char *redirects)
{
    struct buf *out = &event->json;
    if (!*redirects)
        return;
    members_name(event, "http.response.redirects");
    buf_putc(out, '[');
    for (const char *line = redirects; *line; line = next_line(line)) {
        buf_puts(out, line == redirects ? "\"" : ",\"");
        json_escape(out, line, strcspn(line, "\r\n"));
        buf_putc(out, '"');
    }
    buf_putc(out, ']');
}

/* Not in the middle of a character; what is no text is not told. */
static void put_content(struct members *event, const char *body, size_t len)
{
    while (len && ((unsigned char)body[len] & 0xc0) == 0x80)
        len--;
    if (len && is_utf8(body, len))
        members_text(event, "http.response.body.content", body, len);
}

void http_put_response(struct members *event, const struct web_answer *answer, bool has_headers,
                       size_t content_len, struct http_digest *digest)
{
    members_u64(event, "http.response.status_code", (uint64_t)answer->status);
    if (answer->body_len)
        members_str(event, "http.response.mime_type", mime_type(answer->body, answer->body_len));
    if (has_headers)
        put_headers(event, answer->headers);
    put_redirects(event, answer->redirects);
    put_digest(event, digest);
    if (content_len)
        put_content(event, answer->body, content_len);
}

static void put_us(struct members *event, const char *name, int64_t from_ns, int64_t to_ns)
{
    if (to_ns)
        members_u64(event, name, to_ns > from_ns ? (uint64_t)(to_ns - from_ns) / 1000 : 0);
}

static void put_phases(struct members *event, const struct web_times *times)
{
    int64_t open_ns = times->shaken_ns ? times->shaken_ns : times->connected_ns;
    put_us(event, "http.rtt.write_request.us", open_ns, times->written_ns);
    if (times->first_byte_ns == 0)
        return;
    put_us(event, "http.rtt.response_header.us", open_ns, times->first_byte_ns);
    put_us(event, "http.rtt.content.us", times->first_byte_ns, times->end_ns);
    put_us(event, "http.rtt.validate.us", open_ns, times->end_ns);
}

void http_put_times(struct members *event, const struct web_answer *answer, bool is_whole)
{
    const struct web_times *times = &answer->times;
    if (is_whole)
        put_phases(event, times);
    if (answer->status)
        put_us(event, "http.rtt.total.us", 0, times->end_ns);
    if (is_whole)
        put_us(event, "tcp.rtt.connect.us", times->resolved_ns, times->connected_ns);
    struct tls_facts facts = {.version = answer->tls_version,
                              .cipher = answer->tls_cipher,
                              .chain = (void *)tls_chain_of_pem(answer->chain)};
    if (is_whole && times->shaken_ns)
        facts.handshake_ns = times->shaken_ns - times->connected_ns;
    tls_put(event, &facts);
    tls_chain_free((void *)(uintptr_t)facts.chain);
}
