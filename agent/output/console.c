/* console.c: events to standard output, one JSON object a line. For trying things, and for pipes.
 *
 * Happy path: a line is written whole, then its verdict is given.
 * Failure modes: the reader is slow: write(2) blocks, and with it posta, as a pipe should. The reader is gone (EPIPE): events
 * wait in the spool, said once a minute.
 * On close: nothing.
 */
#include "output.h"

#include <posta/buf.h>
#include <posta/log.h>

#include <errno.h>
#include <unistd.h>

struct console {
    bool enabled;
    struct output_env env;
    struct buf line;
    struct loop_timer retry;
};

static const struct option console_options[] = {
    {.name = "enabled",
     .type = OPT_BOOL,
     .def = "true",
     .at = offsetof(struct console, enabled),
     .doc = "Use this output."},
    {.name = "pretty",
     .type = OPT_IGNORED,
     .doc = "one object a line is what other programs read; pipe into jq to indent"},
    {.name = "codec.json.pretty",
     .type = OPT_IGNORED,
     .doc = "one object a line is what other programs read; pipe into jq to indent"},
    {.name = "codec.json.escape_html",
     .type = OPT_IGNORED,
     .doc = "posta never escapes HTML characters"},
    {.name = "codec.format.string",
     .type = OPT_REFUSED,
     .doc = "posta writes whole events: use jq -r .message behind it"},
    {.name = "bulk_max_size", .type = OPT_IGNORED, .doc = "each event is written at once"},
    {0},
};

static void give_room(void *arg)
{
    struct console *con = arg;
    con->env.room(con->env.arg);
}

static int console_open(void *self, const struct output_env *env, struct err *err)
{
    struct console *con = self;
    (void)err;
    con->env = *env;
    con->retry = (struct loop_timer) {.fire = give_room, .arg = con};
    return 0;
}

static int write_all(int fd, const char *bytes, size_t len)
{
    while (len > 0) {
        ssize_t n = write(fd, bytes, len);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return -1;
        bytes += n;
        len -= (size_t)n;
    }
    return 0;
}

static int console_send(void *self, const struct out_event *ev, uint64_t token, struct err *err)
{
    struct console *con = self;
    static struct log_limit limit;
    buf_clear(&con->line);
    buf_append(&con->line, ev->bytes, ev->len);
    buf_putc(&con->line, '\n');
    if (write_all(STDOUT_FILENO, con->line.data, con->line.len)) {
        err_sys(err, "write to standard output");
        log_limited(&limit, 60 * NS_PER_S, LOG_ERROR, "console", "%s; events wait in the spool",
                    err->text);
        loop_set_timer(con->env.loop, &con->retry, NS_PER_S);
        err->kind = ERR_AGAIN;
        return -1;
    }
    con->env.verdict(con->env.arg, token, VERDICT_DELIVERED, NULL, NULL, 0);
    return 0;
}

static int console_test(void *self, const struct output_env *env, FILE *to, struct err *err)
{
    (void)self, (void)env, (void)err;
    fprintf(to, "console: standard output... OK\n");
    return 0;
}

static void console_close(void *self)
{
    struct console *con = self;
    if (con->env.loop)
        loop_cancel_timer(con->env.loop, &con->retry);
    buf_free(&con->line);
}

const struct output console_output = {
    .name = "console",
    .doc = "Events to standard output, one JSON object a line.",
    .options = console_options,
    .size = sizeof(struct console),
    .open = console_open,
    .send = console_send,
    .test = console_test,
    .close = console_close,
};
