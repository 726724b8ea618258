/* library.h: shared libraries that are loaded when they are needed first: who does not need them does not pay for them. */
#ifndef POSTA_LIBRARY_H
#define POSTA_LIBRARY_H

#include <posta/err.h>
#include <stddef.h>

struct library {
    const char *user;    /* what needs it: "http.enabled" */
    const char *name;    /* "libcurl" */
    const char *file;    /* "libcurl.so.4" */
    const char *package; /* to be installed: "libcurl4" */
    const struct library_row {
        const char *name; /* of a function; NULL ends the rows */
        size_t at;        /* of the pointer to it, in the table */
    } * rows;
};

/* Fill the table of functions. It stays loaded until the process ends. CONFIG, with what to do. Before other threads start, or on
 * the loop thread. */
int library_load(const struct library *library, void *functions, struct err *err) MUST_CHECK;

#endif
