/* held.c: no output, while the one that is configured cannot be used: it is always busy, so that everything waits in the spool. */
#include "output.h"

struct held {
    char nothing;
};

static int held_open(void *self, const struct output_env *env, struct err *err)
{
    (void)self, (void)env, (void)err;
    return 0;
}

static int held_send(void *self, const struct out_event *ev, uint64_t token, struct err *err)
{
    (void)self, (void)ev, (void)token;
    return err_set(err, ERR_AGAIN, "nothing is delivered until the configuration is mended");
}

static void held_close(void *self)
{
    (void)self;
}

static const struct option held_options[] = {{0}};

const struct output held_output = {
    .name = "held",
    .doc = "Nothing is delivered, everything waits.",
    .options = held_options,
    .size = sizeof(struct held),
    .open = held_open,
    .send = held_send,
    .close = held_close,
};
