/* options.c: http.* of the configuration. */
#include "admin.h"

#define AT(field) .at = offsetof(struct admin_settings, field)
const struct option admin_options[] = {
    {.name = "enabled",
     .type = OPT_BOOL,
     .def = "false",
     AT(enabled),
     .doc = "Tell of health and metrics over HTTP: /healthz, /readyz, /metrics, /stats."},
    {.name = "host",
     .type = OPT_TEXT,
     .def = "localhost",
     AT(host),
     .doc = "Where: a name or an address of this machine, or unix:///path. There is neither TLS "
            "nor a password: give 0.0.0.0 only where the network is trusted."},
    {.name = "port",
     .type = OPT_COUNT,
     .def = "5066",
     .max = "65535",
     AT(port),
     .doc = "Its port; 0: any that is free, and the log says which."},
    {.name = "user", .type = OPT_IGNORED, .doc = "it is an option of Beats on Windows"},
    {.name = "named_pipe", .type = OPT_IGNORED, .doc = "it is an option of Beats on Windows"},
    {.name = "pprof", .type = OPT_IGNORED, .doc = "posta is no Go program"},
    {.name = "state_inspector", .type = OPT_IGNORED, .doc = "use posta spool ls"},
    {0},
};
