/* kafka_topic.c: output.kafka.topic with the fields of each input filled in, once at start. */
#include "kafka.h"

#include <stdlib.h>

/* One %{[field]} or %{[field]:default} at `at`; appends what it stands for. Returns behind it, NULL on error. */
static const char *fill_in(const char *at, const struct output_env *env, unsigned route,
                           struct buf *out, struct err *err)
{
    const char *close = strstr(at, "]");
    const char *end = close ? strchr(close, '}') : NULL;
    if (strncmp(at, "%{[", 3) != 0 || !end || (close[1] != '}' && close[1] != ':'))
        return err_set(err, ERR_CONFIG, "'%s': expected %%{[field]} or %%{[field]:default}", at),
               NULL;
    char *field = mem_printf("%.*s", (int)(close - at - 3), at + 3);
    const char *text = env->text(env->arg, route, field);
    if (text)
        buf_puts(out, text);
    else if (close[1] == ':')
        buf_append(out, close + 2, (size_t)(end - close - 2));
    else
        err_set(err, ERR_CONFIG,
                "an input has no '%s': add it to its fields, or give a default as %%{[%s]:name}",
                field, field);
    bool is_filled = text || close[1] == ':';
    free(field);
    return is_filled ? end + 1 : NULL;
}

static int check_name(const char *name, struct err *err)
{
    size_t len = strlen(name);
    if (len == 0 || len > 249 || strcmp(name, ".") == 0 || strcmp(name, "..") == 0 ||
        strspn(name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-") != len)
        return err_set(err, ERR_CONFIG,
                       "'%s' is no topic name: letters, digits, '.', '_' and '-', at most 249",
                       name);
    return 0;
}

static int name_topic(const char *format, const struct output_env *env, unsigned route, char **name,
                      struct err *err)
{
    struct buf out = BUF_INIT;
    for (const char *at = format; at && *at;) {
        if (*at == '%')
            at = fill_in(at, env, route, &out, err);
        else
            buf_putc(&out, *at++);
        if (!at) {
            buf_free(&out);
            return err_wrap(err, "output.kafka.topic");
        }
    }
    *name = mem_dup(buf_str(&out));
    buf_free(&out);
    return check_name(*name, err) ? err_wrap(err, "output.kafka.topic") : 0;
}

int kafka_name_topics(struct kafka *kafka, const struct output_env *env, struct err *err)
{
    kafka_free_topics(kafka);
    kafka->env.n_routes = env->n_routes;
    kafka->topic_names = mem_zero(env->n_routes, sizeof *kafka->topic_names);
    for (unsigned i = 0; i < env->n_routes; i++)
        if (name_topic(kafka->set.topic, env, i, &kafka->topic_names[i], err))
            return -1;
    return 0;
}

void kafka_free_topics(struct kafka *kafka)
{
    for (unsigned i = 0; kafka->topic_names && i < kafka->env.n_routes; i++)
        free(kafka->topic_names[i]);
    free(kafka->topic_names);
    kafka->topic_names = NULL;
}
