/* container.c: lines of container engines: Docker's json-file, and CRI's "time stream tags text".
 *
 * Happy path: the wrapping is taken off: text, time, stream. A line that the engine cut into parts is put together again, each
 * stream by itself, also when the log was rotated in the middle.
 * Failure modes: what is neither is given on whole with an error, not left out; a part without its end is given on when the log
 * was quiet for `timeout`; a line larger than a message may be is cut and says so.
 * On close: parts are given on by flush, or read again after a restart.
 */
#include "parse.h"

#include <posta/json.h>

#include <stddef.h>

enum { STREAM_ALL, STREAM_OUT, STREAM_ERR };
static const char *const streams[] = {"all", "stdout", "stderr", NULL};
enum { FORMAT_AUTO, FORMAT_DOCKER, FORMAT_CRI };
static const char *const formats[] = {"auto", "docker", "cri", NULL};

struct container {
    struct parser_env env;
    int stream, format;
    int64_t timeout_ns;
    struct buf text; /* of the line being looked at */
};

enum { N_STREAMS = 3 }; /* stdout, stderr, others */

struct state {
    struct held part[N_STREAMS]; /* the beginning of a line whose end is to come */
};

/* What a line says. */
struct unwrapped {
    const char *text;
    size_t len;
    const char *stream;
    size_t stream_len;
    int64_t time_ms;
    bool is_part;
};

static int open_container(void *self, struct err *err)
{
    (void)self, (void)err;
    return 0;
}

static void close_container(void *self)
{
    buf_free(&((struct container *)self)->text);
}

/* ---- CRI ---- */

/* The next word and the space behind it. */
static bool take_word(const char **at, const char *end, const char **word, size_t *len)
{
    const char *space = memchr(*at, ' ', (size_t)(end - *at));
    const char *stop = space ? space : end;
    *word = *at;
    *len = (size_t)(stop - *at);
    *at = space ? space + 1 : end;
    return *len > 0;
}

static bool has_tag_p(const char *tags, size_t len)
{
    for (size_t i = 0; i < len; i++)
        if (tags[i] == 'P' && (i == 0 || tags[i - 1] == ':') &&
            (i + 1 == len || tags[i + 1] == ':'))
            return true;
    return false;
}

static const char *unwrap_cri(const struct record *rec, struct unwrapped *out)
{
    const char *at = rec->text, *end = rec->text + rec->len, *tags;
    size_t len;
    out->time_ms = stamp_rfc3339(&at, end);
    if (out->time_ms == NO_STAMP || at == end || *at++ != ' ')
        return "container: not a line of CRI: no time at its beginning";
    if (!take_word(&at, end, &out->stream, &out->stream_len) || !take_word(&at, end, &tags, &len))
        return "container: not a line of CRI: no stream and tags behind the time";
    out->is_part = has_tag_p(tags, len);
    out->text = at;
    out->len = (size_t)(end - at);
    return NULL;
}

/* ---- Docker ---- */

static void put_attrs(struct json_span attrs, struct fields *fields)
{
    if (attrs.type != JSON_OBJECT)
        return;
    members_add(&fields->root, "\"docker\":{\"attrs\":", 18);
    json_copy(attrs, &fields->root);
    buf_putc(&fields->root, '}');
}

static void end_docker_text(struct buf *text, struct unwrapped *out)
{
    size_t len = text->len;
    out->is_part = len == 0 || text->data[len - 1] != '\n';
    if (!out->is_part)
        len--;
    if (!out->is_part && len > 0 && text->data[len - 1] == '\r')
        len--;
    out->text = text->data ? text->data : "";
    out->len = len;
}

static const char *unwrap_docker(struct container *con, const struct record *rec,
                                 struct unwrapped *out)
{
    struct json_span line, key, value, attrs = {.type = JSON_NULL};
    struct err err;
    if (json_check(rec->text, rec->len, &line, &err) || line.type != JSON_OBJECT)
        return "container: not a line of Docker: no JSON object";
    bool has_text = false;
    out->time_ms = NO_STAMP;
    buf_clear(&con->text);
    struct json_walk walk = json_members(line);
    while (json_next(&walk, &key, &value)) {
        const char *at = value.at + 1;
        if (json_equals(key, "attrs")) {
            attrs = value;
        } else if (value.type != JSON_STRING) {
            continue;
        } else if (json_equals(key, "log")) {
            buf_clear(&con->text);
            json_text(value, &con->text);
            has_text = true;
        } else if (json_equals(key, "stream")) {
            out->stream = value.at + 1;
            out->stream_len = value.len - 2;
        } else if (json_equals(key, "time")) {
            out->time_ms = stamp_rfc3339(&at, value.at + value.len - 1);
        }
    }
    if (!has_text || out->time_ms == NO_STAMP)
        return "container: not a line of Docker: no log or no time in it";
    put_attrs(attrs, rec->fields);
    end_docker_text(&con->text, out);
    return NULL;
}

/* ---- parts ---- */

static bool is_stream(const struct unwrapped *un, const char *name)
{
    return un->stream_len == strlen(name) && memcmp(un->stream, name, un->stream_len) == 0;
}

static size_t part_no(const struct unwrapped *un)
{
    return is_stream(un, "stdout") ? 0 : is_stream(un, "stderr") ? 1 : 2;
}

static void put_stream(const struct unwrapped *un, struct fields *fields)
{
    if (un->stream_len == 0)
        return;
    members_add(&fields->root, "\"stream\":\"", 10);
    json_escape(&fields->root, un->stream, un->stream_len);
    buf_putc(&fields->root, '"');
}

static void append(const struct container *con, struct held *part, const struct record *rec,
                   const struct emit *emit)
{
    size_t room = part->text.len < con->env.limit_bytes ? con->env.limit_bytes - part->text.len : 0;
    size_t len = rec->len < room ? rec->len : room;
    buf_append(&part->text, rec->text, len);
    if (len < rec->len)
        part->rec.flags |= RECORD_TRUNCATED;
    part->rec.flags |= rec->flags & RECORD_TRUNCATED;
    emit->join(emit->arg, part->rec.last, rec->first);
    part->rec.last = rec->last;
}

static void give_part(struct held *part, const struct emit *emit)
{
    held_clear(part);
    emit->give(emit->arg, held_record(part));
}

static void put_together(const struct container *con, struct held *part, struct record *rec,
                         bool is_part, const struct emit *emit)
{
    if (part->is_held)
        append(con, part, rec, emit);
    else if (is_part)
        record_hold(part, rec);
    else
        emit->give(emit->arg, rec);
    if (part->is_held && !is_part)
        give_part(part, emit);
}

static void take_over(struct state *st, struct state *older)
{
    for (size_t i = 0; older && i < N_STREAMS; i++) {
        struct held mine = st->part[i];
        st->part[i] = older->part[i];
        older->part[i] = mine;
    }
}

static const char *unwrap(struct container *con, const struct record *rec, struct unwrapped *un)
{
    bool is_docker = con->format == FORMAT_DOCKER ||
                     (con->format == FORMAT_AUTO && rec->len > 0 && *rec->text == '{');
    return is_docker ? unwrap_docker(con, rec, un) : unwrap_cri(rec, un);
}

static void take(void *self, void *state, void *older, struct record *rec, const struct emit *emit)
{
    struct container *con = self;
    struct state *st = state;
    struct unwrapped un = {.stream = "", .stream_len = 0};
    take_over(st, older);
    const char *complaint = unwrap(con, rec, &un);
    if (complaint) {
        fields_error(rec->fields, NULL, complaint);
        emit->give(emit->arg, rec);
        return;
    }
    if (con->stream != STREAM_ALL && !is_stream(&un, streams[con->stream]))
        rec->flags |= RECORD_DROPPED;
    rec->text = un.text;
    rec->len = un.len;
    rec->time_ms = un.time_ms;
    put_stream(&un, rec->fields);
    if (rec->flags & RECORD_DROPPED)
        emit->give(emit->arg, rec);
    else
        put_together(con, &st->part[part_no(&un)], rec, un.is_part, emit);
}

static void flush(void *self, void *state, uint64_t last, const struct emit *emit)
{
    struct state *st = state;
    (void)self;
    for (size_t i = 0; i < N_STREAMS; i++)
        if (st->part[i].is_held && (last == PLACE_ALL || st->part[i].rec.last == last))
            give_part(&st->part[i], emit);
}

static size_t held_bytes(const void *state)
{
    const struct state *st = state;
    size_t bytes = 0;
    for (size_t i = 0; i < N_STREAMS; i++)
        bytes += st->part[i].is_held ? st->part[i].text.len + 1 : 0;
    return bytes;
}

static void free_state(void *state)
{
    for (size_t i = 0; i < N_STREAMS; i++)
        held_free(&((struct state *)state)->part[i]);
}

static int64_t timeout_ns(const void *self)
{
    return ((const struct container *)self)->timeout_ns;
}

#define AT(field) .at = offsetof(struct container, field)
static const struct option options[] = {
    {.name = "stream",
     .type = OPT_WORD,
     .words = streams,
     .def = "all",
     AT(stream),
     .doc = "Lines of the other stream are left out."},
    {.name = "format",
     .type = OPT_WORD,
     .words = formats,
     .def = "auto",
     AT(format),
     .doc = "Who wrote the log; auto = Docker if a line begins with {, else CRI."},
    {.name = "timeout",
     .type = OPT_DURATION,
     .def = "5s",
     .min = "10ms",
     .max = "1h",
     .own = true,
     AT(timeout_ns),
     .doc = "A part of a line whose end does not come is delivered when its log was quiet for this "
            "long."},
    {0},
};

const struct parser container_parser = {
    .name = "container",
    .doc = "lines of Docker and CRI container logs",
    .options = options,
    .size = sizeof(struct container),
    .open = open_container,
    .close = close_container,
    .take = take,
    .state_size = sizeof(struct state),
    .flush = flush,
    .held_bytes = held_bytes,
    .free_state = free_state,
    .timeout_ns = timeout_ns,
};
