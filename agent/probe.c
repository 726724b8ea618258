/* probe.c: `posta probe live|ready`: asks the posta that runs beside, for exec probes. Exit 0: yes; 1: no, with one line that says
 * why. */
#include "agent.h"

#include <stdlib.h>

/* As long as a kubelet waits if it is not told otherwise. */
enum { TIMEOUT_MS = 1000 };

static int find_where(const struct cli_args *args, struct admin_settings *where, struct err *err)
{
    if (args->url)
        return admin_read_url(args->url, where, err);
    settings_read_admin(args, where);
    if (!where->enabled)
        return err_set(err, ERR_CONFIG,
                       "http.enabled is false: set http.enabled: true (http.host: "
                       "unix:///run/posta/posta.sock keeps it off the network), or give --url");
    return 0;
}

static int ask(const struct cli_args *args, const struct admin_settings *where, struct err *err)
{
    bool is_live = strcmp(args->subcommand, "live") == 0;
    struct buf line = BUF_INIT;
    unsigned status = 0;
    int rc = admin_ask(where, is_live ? "/healthz" : "/readyz", TIMEOUT_MS, &status, &line, err);
    if (rc == 0 && status != 200)
        rc = err_set(err, ERR_AGAIN, "%s", buf_str(&line));
    if (rc == 0)
        printf("%s: %s\n", args->subcommand, buf_str(&line));
    buf_free(&line);
    return rc;
}

int command_probe(const struct cli_args *args)
{
    struct admin_settings where = {0};
    struct err err;
    int rc = find_where(args, &where, &err);
    if (rc == 0)
        rc = ask(args, &where, &err);
    if (rc)
        fprintf(stderr, "posta probe: not %s: %s\n", args->subcommand, err.text);
    options_free(admin_options, &where);
    return rc ? EXIT_USAGE : EXIT_TOLD;
}
