/* output.h: what an output is to the sender.
 *
 * Events are offered in order, each with a token that names its place. An output accepts or is busy, at once; later it gives
 * one verdict for each accepted event, in any order. After `again` it has forgotten everything that has no verdict, and
 * the sender offers those events once more, under the same tokens. Loop thread.
 */
#ifndef POSTA_OUTPUT_H
#define POSTA_OUTPUT_H

#include <posta/buf.h>
#include <posta/config_node.h>
#include <posta/loop.h>
#include <posta/plugin.h>
#include <stdio.h>

/* Tokens are below 2^OUTPUT_TOKEN_BITS. */
enum { OUTPUT_TOKEN_BITS = 32 };

/* A mark says where delivery stands, as printable ASCII. It means nothing to the output. */
enum { OUTPUT_MARK_MAX = 4000 };

/* Which bytes of which log an event stands for: the spans of a log's events lie side by side. */
enum { EVENT_ID_LEN = 32 };
struct out_span {
    char id[EVENT_ID_LEN]; /* hex digits, as event.id; no NUL. id[0] == 0: of no log */
    uint64_t end;          /* offset behind the last line's terminator */
    uint64_t left_out;     /* so many bytes just before it were left out on purpose: no event */
};

struct out_event {
    const char *bytes; /* JSON; borrowed during the call */
    size_t len;
    int64_t time_ms;             /* wall clock, when the line was read */
    uint32_t order_key;          /* events of one log have one: they stay in order */
    unsigned route;              /* which input it came from; see output_env.text */
    const struct out_span *span; /* borrowed; NULL = it is of no log, or wants_spans says no */
};

enum verdict {
    VERDICT_DELIVERED,
    VERDICT_REFUSED, /* this event will never be accepted: dead letter */
    VERDICT_BURIED,  /* the same, and the output has it among dead letters of its own */
};

/* Somebody whom the output talks to. Texts are borrowed during the call. */
struct output_peer {
    const char *name;  /* host:port */
    const char *state; /* "UP", "CONNECT", .. */
    int64_t id;        /* of the broker; -1 = one of those it began with */
    uint64_t disconnects, errors;
    double rtt_s; /* mean of the last seconds; 0 = not known */
};

struct output_env {
    struct loop *loop;
    bool wants_peers; /* peers will be asked for */
    void *arg;
    unsigned n_routes;
    /* A static field of an input, such as "fields.topic" or "agent.name"; NULL if it has none. */
    const char *(*text)(void *arg, unsigned route, const char *field);
    /* What the configuration says of all events of an input, as a JSON object, appended: fields, tags, agent, host, .. */
    void (*known)(void *arg, unsigned route, struct buf *json);
    /* bytes: the event again, for the dead letter; NULL if not REFUSED, as is why. */
    void (*verdict)(void *arg, uint64_t token, enum verdict verdict, const char *why,
                    const char *bytes, size_t len);
    void (*room)(void *arg);  /* not busy any more */
    void (*again)(void *arg); /* offer what has no verdict once more */

    /* For an output that keeps marks. mark: of now, as if all that was accepted had arrived; replaces what is in the buffer.
     * stored: the mark that was given last is, and every event before it has its verdict. resume: once, before the first
     * event is accepted: the mark that was stored last, NULL = none; -1: not now, try again later. */
    void (*mark)(void *arg, struct buf *into);
    void (*stored)(void *arg);
    int (*resume)(void *arg, const char *mark, struct err *err);
};

/* An event as it is read back. */
struct back_event {
    const char *bytes; /* borrowed during the call, with the span */
    size_t len;
    struct out_span span; /* end 0 with an id: what stands there cannot be read */
    bool is_text;         /* the bytes are no whole event, as the configuration wants it */
    bool is_cut;          /* events before those of its partition were deleted */
};

/* Who reads back, and what. */
struct read_back {
    const char *topic; /* NULL = where the events of all routes go */
    bool is_live;      /* go on at the end, until is_over */
    void *arg;
    void (*event)(void *arg, const struct back_event *event);
    void (*caught_up)(void *arg);                 /* what was there at the start has been read */
    bool (*is_over)(void *arg);                   /* asked a few times a second, and more often */
    void (*trouble)(void *arg, const char *text); /* live: it goes on trying */
};

struct output {
    const char *name; /* as in output.<name> */
    const char *doc;
    const struct option *options;
    const struct config_section *sections; /* below its own, which it reads itself; NULL = none */
    size_t size;                           /* of its own struct, which the options are read into */
    const struct stat_row *stat_rows;
    const void *(*stats)(const void *self);
    /* Whom it talks to, as it was seconds ago. NULL: nobody. */
    void (*peers)(const void *self, void (*give)(void *arg, const struct output_peer *peer),
                  void *arg);
    /* Check everything that can be known without the network: files, certificates, words. */
    int (*check)(void *self, const struct output_env *env, struct err *err);
    int (*open)(void *self, const struct output_env *env, struct err *err);
    /* Memory in which the next event may be made, of so many bytes at least: if it is offered from there, before any other
     * call and before the loop goes on, the output may keep it without a copy. NULL, also as the result: there is none. */
    char *(*memory)(void *self, size_t bytes);
    /* 0 = accepted; -1 AGAIN = busy, wait for room; REFUSED is a verdict, given before it returns 0. */
    int (*send)(void *self, const struct out_event *ev, uint64_t token, struct err *err);
    /* Connect for real and print what is found, step by step. */
    int (*test)(void *self, const struct output_env *env, FILE *to, struct err *err);
    /* Does it want to know which bytes of a log an event stands for? NULL: no. */
    bool (*wants_spans)(const void *self);
    /* Does it want an event for the end of each generation of a log? NULL: no. */
    bool (*wants_ends)(const void *self);
    /* Does it store marks together with the events? NULL: no. */
    bool (*keeps_marks)(const void *self);
    /* Marks: there is something new to be stored, with or without events; is_urgent: nothing more is offered before that. */
    void (*settle)(void *self, bool is_urgent);
    /* Read what was delivered, each log in its order; blocks. NULL: cannot be read back. */
    int (*read_back)(void *self, const struct output_env *env, const struct read_back *ask,
                     struct err *err);
    void (*close)(void *self); /* accepts a half-opened one; bounded time */
};

#endif
