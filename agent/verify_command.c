/* verify_command.c: `posta verify`: reads what was delivered and proves that nothing of the logs is missing.
 *
 * Happy path: the output of the configuration is read back from its beginning, each event is entered in the book (verify/),
 * and what the book says is printed. Live: each change as it comes, until Ctrl-C.
 * Failure modes: the output cannot be read back, or not now: said with what to do; status 2.
 * On close: nothing is left on the brokers.
 */
#include "agent.h"
#include "verify_show.h"

#include <signal.h>
#include <stdio.h>

static volatile sig_atomic_t is_stopped;

struct verification {
    const struct cli_args *args;
    struct book book;
    int status;
};

static void stop(int sig)
{
    (void)sig;
    is_stopped = 1;
}

static bool is_over(void *arg)
{
    (void)arg;
    return is_stopped;
}

/* ---- events ---- */

static void take_event(void *arg, const struct back_event *event)
{
    struct verification *ver = arg;
    const struct delivered delivered = {.json = event->bytes,
                                        .len = event->len,
                                        .id = event->span.id[0] ? event->span.id : NULL,
                                        .end = event->span.end,
                                        .left_out = event->span.left_out,
                                        .is_text = event->is_text,
                                        .is_cut = event->is_cut};
    struct change_note note = book_add(&ver->book, &delivered);
    if (ver->args->is_live)
        verify_show_change(&note);
}

static void say_caught_up(void *arg)
{
    struct verification *ver = arg;
    if (!ver->args->is_live)
        return;
    printf("everything that was there has been read; waiting for more, Ctrl-C ends it\n");
    fflush(stdout);
}

static void say_trouble(void *arg, const char *text)
{
    (void)arg;
    fprintf(stderr, "posta: %s\n", text);
}

/* ---- all together ---- */

/* Is the message of every event the whole line, as it stands in the file? */
static bool are_lines_whole(const struct settings *settings)
{
    for (size_t i = 0; i < settings->n_inputs; i++) {
        const struct input_settings *in = &settings->inputs[i];
        if (in->chain.n > 0 || in->tail.encoding > CHARSET_PLAIN ||
            in->tail.line_terminator > TERMINATOR_AUTO)
            return false;
    }
    return true;
}

static int verify(const struct settings *settings, const struct output_env *env, void *arg,
                  struct err *err)
{
    struct verification *ver = arg;
    const struct read_back ask = {.topic = ver->args->topic,
                                  .is_live = ver->args->is_live,
                                  .arg = ver,
                                  .event = take_event,
                                  .caught_up = say_caught_up,
                                  .is_over = is_over,
                                  .trouble = say_trouble};
    if (!settings->output->read_back)
        return err_set(err, ERR_CONFIG, "output.%s cannot be read back; verify reads Kafka topics",
                       settings->output->name);
    ver->book.infers = are_lines_whole(settings);
    if (settings->output->read_back(settings->output_self, env, &ask, err))
        return -1;
    if (is_stopped && !ver->args->is_live)
        return err_set(err, ERR_AGAIN, "stopped before everything was read");
    ver->status = verify_show(&ver->book);
    return 0;
}

int command_verify(const struct cli_args *args)
{
    struct settings settings;
    struct verification ver = {.args = args, .book = {.table = TABLE_INIT}};
    const struct sigaction act = {.sa_handler = stop};
    int status = settings_load(&settings, args);
    if (status == 0) {
        sigaction(SIGINT, &act, NULL);
        sigaction(SIGTERM, &act, NULL);
        status = output_run(&settings, verify, &ver);
        if (status == 0)
            status = ver.status;
    }
    book_free(&ver.book);
    settings_free(&settings);
    return status;
}
