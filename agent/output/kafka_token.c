/* kafka_token.c: a token for OAUTHBEARER, from the server that knows the client's secret. */
#include "http.h"
#include "kafka.h"

#include <posta/json.h>

#include <ctype.h>
#include <stdlib.h>

/* Of a token whose server does not say how long it is good for: asked for again before that. */
enum { USUAL_LIFETIME_S = 300, DESCRIPTION_MAX = 200 };

static void put_form_text(struct buf *out, const char *text)
{
    for (; *text; text++)
        if (isalnum((unsigned char)*text) || strchr("-._~", *text))
            buf_putc(out, *text);
        else
            buf_printf(out, "%%%02X", (unsigned char)*text);
}

/* The text of a member, "" if it is none. */
static void member(struct json_span object, const char *name, struct buf *text)
{
    struct json_span key, value;
    struct json_walk walk = json_members(object);
    buf_clear(text);
    while (json_next(&walk, &key, &value)) {
        if (!json_equals(key, name))
            continue;
        buf_clear(text);
        if (value.type == JSON_STRING)
            json_text(value, text);
        else if (value.type == JSON_NUMBER)
            buf_append(text, value.at, value.len);
    }
    (void)buf_str(text);
}

static int refused(int status, struct json_span object, struct err *err)
{
    struct buf code = BUF_INIT, description = BUF_INIT;
    if (object.at) {
        member(object, "error", &code);
        member(object, "error_description", &description);
    }
    const char *what = status == 400 || status == 401 || status == 403
                           ? "check client_id, client_secret and scope"
                           : "is it the right address? asked again soon";
    err_set(err, ERR_DENIED, "token_url answers %d%s%.*s%s%.*s: %s", status, code.len ? " " : "",
            DESCRIPTION_MAX, buf_str(&code), description.len ? ", " : "", DESCRIPTION_MAX,
            buf_str(&description), what);
    buf_free(&code);
    buf_free(&description);
    return -1;
}

static int read_lifetime(const char *text, int64_t *seconds, struct err *err)
{
    char *end;
    double value = *text ? strtod(text, &end) : USUAL_LIFETIME_S;
    if (!(value >= 1))
        return err_set(err, ERR_CORRUPT, "token_url gives a token that has expired already");
    *seconds = value > 1e9 ? 1000000000 : (int64_t)value;
    return 0;
}

static int read_token(const struct http_answer *answer, struct token *token, struct err *err)
{
    struct json_span object;
    bool is_json = json_check(answer->body.data, answer->body.len, &object, err) == 0 &&
                   object.type == JSON_OBJECT;
    if (answer->status != 200)
        return refused(answer->status, is_json ? object : (struct json_span) {.at = NULL}, err);
    if (!is_json)
        return err_set(err, ERR_CORRUPT, "token_url answers with something that is no JSON object");
    struct buf text = BUF_INIT;
    member(object, "expires_in", &text);
    int rc = read_lifetime(buf_str(&text), &token->lifetime_s, err);
    member(object, "access_token", &text);
    if (rc == 0 && text.len == 0)
        rc = err_set(err, ERR_CORRUPT, "the answer of token_url has no access_token");
    if (rc == 0)
        token->text = mem_dup(buf_str(&text));
    buf_free(&text);
    return rc;
}

int kafka_fetch_token(const struct kafka_sasl *sasl, struct token *token, struct err *err)
{
    struct buf body = BUF_INIT;
    struct http_answer answer = {.status = 0};
    buf_puts(&body, "grant_type=client_credentials");
    if (sasl->scope) {
        buf_puts(&body, "&scope=");
        put_form_text(&body, sasl->scope);
    }
    const struct http_request request = {.url = sasl->token_url,
                                         .user = sasl->client_id,
                                         .password = sasl->client_secret,
                                         .body = buf_str(&body),
                                         .authorities = &sasl->authorities,
                                         .wait_ms = TOKEN_WAIT_MS};
    int rc = http_post(&request, &answer, err) || read_token(&answer, token, err) ? -1 : 0;
    buf_free(&body);
    if (answer.body.data)
        explicit_bzero(answer.body.data, answer.body.cap);
    buf_free(&answer.body);
    return rc ? err_wrap(err, "output.kafka.sasl.oauthbearer") : 0;
}
