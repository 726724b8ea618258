/* web_options.c: what the configuration says of a web server that is asked, with the keys that Metricbeat and Heartbeat share. */
#include <posta/config_node.h>
#include <posta/fs.h>
#include <posta/web.h>

#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

static const char *const truths[] = {"false", "true", NULL};
static const char *const verifications[] = {"full", "strict", "certificate", "none", NULL};

#define AT(field) .at = offsetof(struct web_options, field)
const struct option web_client_options[] = {
    {.name = "username", .type = OPT_TEXT, AT(username), .doc = "User for basic authentication."},
    {.name = "password",
     .type = OPT_TEXT,
     .secret = true,
     AT(password),
     .doc = "Password of that user."},
    {.name = "headers",
     .type = OPT_MAP,
     AT(headers),
     .doc = "Headers of each request, name: value."},
    {.name = "bearer_token_file",
     .type = OPT_TEXT,
     AT(bearer_token_file),
     .doc = "File with a token for Authorization: Bearer; it is read for each request."},
    {.name = "proxy_url",
     .type = OPT_TEXT,
     AT(proxy_url),
     .doc = "Proxy to ask through; if not set, what http_proxy, https_proxy and no_proxy in the "
            "environment say."},
    {.name = "proxy_disable",
     .type = OPT_BOOL,
     .def = "false",
     AT(proxy_disable),
     .doc = "Use no proxy, whatever the environment says."},
    {.name = "ssl.enabled",
     .type = OPT_WORD,
     .words = truths,
     AT(tls.enabled),
     .doc = "TLS is used where the URL is https, whatever this says."},
    {.name = "ssl.certificate_authorities",
     .type = OPT_LIST,
     AT(tls.authorities),
     .doc = "Files (or PEM text) of the authorities that sign the server's certificate; the "
            "system's if not set."},
    {.name = "ssl.certificate",
     .type = OPT_TEXT,
     AT(tls.certificate),
     .doc = "Certificate to show: a PEM file, intermediates behind it, or PEM text. Renewed files "
            "count from the next request on."},
    {.name = "ssl.key",
     .type = OPT_TEXT,
     .secret = true,
     AT(tls.key),
     .doc = "The certificate's private key: a PEM file or PEM text."},
    {.name = "ssl.key_passphrase",
     .type = OPT_TEXT,
     .secret = true,
     AT(tls.passphrase),
     .doc = "Passphrase of the private key."},
    {.name = "ssl.key_passphrase_path",
     .type = OPT_TEXT,
     AT(tls.passphrase_path),
     .doc = "File that holds the passphrase, if ssl.key_passphrase does not give it."},
    {.name = "ssl.verification_mode",
     .type = OPT_WORD,
     .words = verifications,
     .def = "full",
     AT(tls.verification),
     .doc = "full and strict check chain and host name, certificate the chain only, none nothing."},
    {.name = "ssl.supported_protocols",
     .type = OPT_LIST,
     AT(tls.protocols),
     .doc = "Versions of TLS, of TLSv1.0, TLSv1.1, TLSv1.2, TLSv1.3: all from the lowest to the "
            "highest named; TLSv1.2 and later if not set."},
    {.name = "ssl.cipher_suites", .type = OPT_IGNORED, .doc = "the library's choice is used"},
    {.name = "ssl.curve_types", .type = OPT_IGNORED, .doc = "the library's choice is used"},
    {.name = "ssl.renegotiation", .type = OPT_IGNORED, .doc = "posta never renegotiates"},
    {.name = "ssl.ca_trusted_fingerprint",
     .type = OPT_REFUSED,
     .doc = "give the authority's certificate in ssl.certificate_authorities"},
    {.name = "ssl.ca_sha256",
     .type = OPT_REFUSED,
     .doc = "give only that authority in ssl.certificate_authorities"},
    {0},
};

static bool is_set(const char *text)
{
    return text && *text;
}

static int check_file(const char *key, const char *text, struct err *err)
{
    if (!is_set(text) || strstr(text, "-----BEGIN "))
        return 0;
    return access(text, R_OK) == 0 ? 0 : err_sys(err, "%s: %s", key, text);
}

static int check_protocols(const struct str_list *list, struct err *err)
{
    static const char *const known[] = {"TLSv1", "TLSv1.0", "TLSv1.1", "TLSv1.2", "TLSv1.3"};
    for (size_t i = 0; i < list->n; i++) {
        bool is_known = false;
        for (size_t k = 0; k < sizeof known / sizeof *known; k++)
            is_known |= strcasecmp(known[k], list->at[i]) == 0;
        if (!is_known)
            return err_set(err, ERR_CONFIG,
                           "ssl.supported_protocols: '%s' is not known; known: TLSv1.0, TLSv1.1, "
                           "TLSv1.2, TLSv1.3",
                           list->at[i]);
    }
    return 0;
}

static int check_tls(const struct web_tls *tls, struct err *err)
{
    if (is_set(tls->key) && !is_set(tls->certificate))
        return err_set(err, ERR_CONFIG, "ssl.key is set, but ssl.certificate is not");
    if (is_set(tls->certificate) && !is_set(tls->key))
        return err_set(err, ERR_CONFIG, "ssl.certificate is set, but ssl.key is not");
    for (size_t i = 0; i < tls->authorities.n; i++)
        if (check_file("ssl.certificate_authorities", tls->authorities.at[i], err))
            return -1;
    if (check_file("ssl.certificate", tls->certificate, err) ||
        check_file("ssl.key", tls->key, err) ||
        check_file("ssl.key_passphrase_path", tls->passphrase_path, err))
        return -1;
    return check_protocols(&tls->protocols, err);
}

static int check_headers(const struct node *headers, struct err *err)
{
    for (size_t i = 0; i < node_count(headers); i++) {
        const char *value = node_text(node_at(headers, i));
        if (!value || strpbrk(value, "\r\n") || strpbrk(node_key(headers, i), "\r\n: "))
            return err_set(err, ERR_CONFIG, "headers: '%s' must have one text as its value",
                           node_key(headers, i));
    }
    return 0;
}

int web_check(const struct web_options *options, struct err *err)
{
    if (is_set(options->bearer_token_file) && is_set(options->username))
        return err_set(err, ERR_CONFIG, "username and bearer_token_file are both set: keep one");
    if (check_file("bearer_token_file", options->bearer_token_file, err) ||
        check_headers(options->headers, err))
        return -1;
    return check_tls(&options->tls, err);
}
