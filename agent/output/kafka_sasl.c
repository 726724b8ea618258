/* kafka_sasl.c: who posta is to the brokers: mechanism, user, tokens.
 *
 * Happy path: names are checked at start, librdkafka is told; for OAUTHBEARER a thread of librdkafka asks for a token when one is
 * needed, and again before it ends.
 * Failure modes: no token: librdkafka gives out the reason as an error and asks again after ten seconds; connections that are
 * there stay, events wait. A wrong password: the same, by the broker.
 * On close: the copy of the settings lives as long as the instance, whose threads may still ask.
 */
#include "http.h"
#include "kafka.h"

#include <posta/log.h>

#include <stdlib.h>
#include <strings.h>
#include <time.h>

static const char *const mechanisms[] = {"PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512", "OAUTHBEARER"};
enum { MECHANISMS = sizeof mechanisms / sizeof *mechanisms, PLAIN = 0, OAUTHBEARER = 3 };

/* Which one: an index, MECHANISMS = none is wanted, -1 = not known. */
static int choose(const struct kafka_sasl *sasl)
{
    if (!sasl->mechanism || !*sasl->mechanism)
        return sasl->username ? PLAIN : sasl->token_url ? OAUTHBEARER : MECHANISMS;
    for (int i = 0; i < MECHANISMS; i++)
        if (strcasecmp(sasl->mechanism, mechanisms[i]) == 0)
            return i;
    return -1;
}

/* ---- checks ---- */

static int unknown(const char *mechanism, struct err *err)
{
    if (strcasecmp(mechanism, "GSSAPI") == 0)
        return err_set(err, ERR_CONFIG,
                       "output.kafka.sasl.mechanism: posta does not speak GSSAPI (Kerberos): use "
                       "TLS client certificates or SCRAM-SHA-512");
    return err_set(err, ERR_CONFIG,
                   "output.kafka.sasl.mechanism: '%s' is not known: PLAIN, SCRAM-SHA-256, "
                   "SCRAM-SHA-512 and OAUTHBEARER are",
                   mechanism);
}

static int check_user(const struct kafka_sasl *sasl, const char *mechanism, struct err *err)
{
    if (sasl->token_url || sasl->client_id || sasl->client_secret)
        return err_set(err, ERR_CONFIG,
                       "output.kafka.sasl: %s takes username and password; sasl.oauthbearer is for "
                       "sasl.mechanism OAUTHBEARER",
                       mechanism);
    if (!sasl->username)
        return err_set(err, ERR_CONFIG, "output.kafka.sasl.mechanism is %s but username is not set",
                       mechanism);
    if (!sasl->password)
        return err_set(err, ERR_CONFIG, "output.kafka.username is set but password is not");
    return 0;
}

static int check_extensions(const struct str_list *list, struct err *err)
{
    for (size_t i = 0; i < list->n; i++)
        if (!strchr(list->at[i], '=') || *list->at[i] == '=')
            return err_set(err, ERR_CONFIG,
                           "output.kafka.sasl.oauthbearer.extensions: '%s' is no name=value",
                           list->at[i]);
    return 0;
}

static int check_client(const struct kafka_sasl *sasl, struct err *err)
{
    struct http_url url;
    if (sasl->username || sasl->password)
        return err_set(err, ERR_CONFIG,
                       "output.kafka.sasl.mechanism OAUTHBEARER takes no username and password: "
                       "give sasl.oauthbearer.client_id and client_secret");
    if (!sasl->token_url || !sasl->client_id || !sasl->client_secret)
        return err_set(err, ERR_CONFIG,
                       "output.kafka.sasl.mechanism is OAUTHBEARER but sasl.oauthbearer.%s is not "
                       "set",
                       !sasl->token_url   ? "token_url"
                       : !sasl->client_id ? "client_id"
                                          : "client_secret");
    if (http_parse_url(sasl->token_url, &url, err))
        return err_wrap(err, "output.kafka.sasl.oauthbearer.token_url");
    return check_extensions(&sasl->extensions, err);
}

static void warn_of(const struct kafka_settings *set, int at)
{
    bool is_scram = at != PLAIN && at != OAUTHBEARER;
    if (!is_scram && !set->tls.is_used)
        log_warn("kafka",
                 "%s without TLS: whoever listens on the way reads the %s; set output.kafka.ssl",
                 mechanisms[at], at == PLAIN ? "password" : "token");
    if (is_scram && rd_kafka_version() < KAFKA_SCRAM_MENDED)
        log_warn("kafka",
                 "Kafka 4.0 and newer refuse every SCRAM login of librdkafka %s as a wrong "
                 "password: there use a client certificate, OAUTHBEARER, PLAIN with TLS, or "
                 "librdkafka 2.6.1",
                 rd_kafka_version_str());
}

int kafka_check_sasl(const struct kafka_settings *set, struct err *err)
{
    const struct kafka_sasl *sasl = &set->sasl;
    int at = choose(sasl);
    if (at < 0)
        return unknown(sasl->mechanism, err);
    if (at == MECHANISMS) {
        if (sasl->password || sasl->client_id || sasl->client_secret)
            return err_set(err, ERR_CONFIG, "output.kafka.%s is set but %s is not",
                           sasl->password ? "password" : "sasl.oauthbearer",
                           sasl->password ? "username" : "sasl.oauthbearer.token_url");
        return 0;
    }
    if (at == OAUTHBEARER ? check_client(sasl, err) : check_user(sasl, mechanisms[at], err))
        return -1;
    warn_of(set, at);
    return 0;
}

const char *kafka_sasl_name(const struct kafka_settings *set)
{
    int at = choose(&set->sasl);
    return at < 0 || at == MECHANISMS ? NULL : mechanisms[at];
}

/* ---- for librdkafka ---- */

static int set_property(rd_kafka_conf_t *conf, const char *name, const char *value, struct err *err)
{
    return kafka_set(conf, "output.kafka", name, value, err);
}

static int set_sasl(const struct kafka_sasl *sasl, int at, rd_kafka_conf_t *conf, struct err *err)
{
    if (set_property(conf, "sasl.mechanism", mechanisms[at], err))
        return -1;
    if (at != OAUTHBEARER)
        return set_property(conf, "sasl.username", sasl->username, err) ||
                       set_property(conf, "sasl.password", sasl->password, err)
                   ? -1
                   : 0;
    rd_kafka_conf_enable_sasl_queue(conf, 1);
    rd_kafka_conf_set_oauthbearer_token_refresh_cb(conf, kafka_refresh_token);
    return 0;
}

int kafka_set_security(const struct kafka_settings *set, rd_kafka_conf_t *conf, struct err *err)
{
    static const char *const protocols[2][2] = {{"plaintext", "ssl"},
                                                {"sasl_plaintext", "sasl_ssl"}};
    int at = choose(&set->sasl);
    bool has_sasl = at >= 0 && at < MECHANISMS;
    if (set_property(conf, "security.protocol", protocols[has_sasl][set->tls.is_used], err))
        return -1;
    if (set->tls.is_used && kafka_set_tls(&set->tls, conf, err))
        return -1;
    return has_sasl ? set_sasl(&set->sasl, at, conf, err) : 0;
}

int kafka_start_sasl(rd_kafka_t *rk, struct err *err)
{
    rd_kafka_queue_t *queue = rd_kafka_queue_get_sasl(rk);
    if (!queue)
        return 0; /* nothing is to be asked for */
    rd_kafka_queue_destroy(queue);
    rd_kafka_error_t *error = rd_kafka_sasl_background_callbacks_enable(rk);
    if (!error)
        return 0;
    err_set(err, ERR_IO, "output.kafka.sasl: %s", rd_kafka_error_string(error));
    rd_kafka_error_destroy(error);
    return -1;
}

/* ---- tokens ---- */

/* name=value → name, value, as librdkafka wants them; the caller frees the texts and the list. */
static const char **split_extensions(const struct str_list *list)
{
    const char **parts = mem_zero(2 * list->n, sizeof *parts);
    for (size_t i = 0; i < list->n; i++) {
        const char *equals = strchr(list->at[i], '=');
        parts[2 * i] = mem_printf("%.*s", (int)(equals - list->at[i]), list->at[i]);
        parts[2 * i + 1] = mem_dup(equals + 1);
    }
    return parts;
}

static int64_t wall_ms(void)
{
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    return now.tv_sec * 1000 + now.tv_nsec / NS_PER_MS;
}

static int give_token(rd_kafka_t *rk, const struct kafka_sasl *sasl, const struct token *token,
                      char *reason, size_t size)
{
    size_t n = 2 * sasl->extensions.n;
    const char **parts = split_extensions(&sasl->extensions);
    rd_kafka_resp_err_t code =
        rd_kafka_oauthbearer_set_token(rk, token->text, wall_ms() + token->lifetime_s * 1000,
                                       sasl->client_id, parts, n, reason, size);
    for (size_t i = 0; i < n; i++)
        free((void *)(uintptr_t)parts[i]);
    free(parts);
    return code ? -1 : 0;
}

void kafka_refresh_token(rd_kafka_t *rk, const char *config, void *opaque)
{
    const struct client *client = opaque;
    struct token token;
    struct err err;
    (void)config;
    if (kafka_fetch_token(&client->sasl, &token, &err)) {
        rd_kafka_oauthbearer_set_token_failure(rk, err.text);
        return;
    }
    char reason[512];
    if (give_token(rk, &client->sasl, &token, reason, sizeof reason))
        rd_kafka_oauthbearer_set_token_failure(rk, reason);
    explicit_bzero(token.text, strlen(token.text));
    free(token.text);
}

/* ---- what callbacks are given ---- */

static char *copy_text(const char *text)
{
    return text ? mem_dup(text) : NULL;
}

static struct str_list copy_list(const struct str_list *from)
{
    struct str_list list = {.at = mem_zero(from->n, sizeof *list.at), .n = from->n};
    for (size_t i = 0; i < from->n; i++)
        list.at[i] = mem_dup(from->at[i]);
    return list;
}

struct client *client_new(const struct kafka_settings *set, void *owner)
{
    const struct kafka_sasl *sasl = &set->sasl;
    struct client *client = mem_zero(1, sizeof *client);
    client->owner = owner;
    sockets_init(&client->sockets);
    client->sasl = (struct kafka_sasl) {.token_url = copy_text(sasl->token_url),
                                        .client_id = copy_text(sasl->client_id),
                                        .client_secret = copy_text(sasl->client_secret),
                                        .scope = copy_text(sasl->scope),
                                        .extensions = copy_list(&sasl->extensions),
                                        .authorities = copy_list(&sasl->authorities)};
    return client;
}

void client_attach(struct client *client, rd_kafka_conf_t *conf)
{
    rd_kafka_conf_set_opaque(conf, client);
    sockets_attach(conf);
}

static void free_list(struct str_list *list)
{
    for (size_t i = 0; i < list->n; i++)
        free(list->at[i]);
    free(list->at);
}

void client_free(struct client *client)
{
    if (!client)
        return;
    struct kafka_sasl *sasl = &client->sasl;
    if (sasl->client_secret)
        explicit_bzero(sasl->client_secret, strlen(sasl->client_secret));
    free(sasl->token_url);
    free(sasl->client_id);
    free(sasl->client_secret);
    free(sasl->scope);
    free_list(&sasl->extensions);
    free_list(&sasl->authorities);
    sockets_free(&client->sockets);
    free(client);
}
