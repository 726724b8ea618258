/* event.h: chunk bytes → lines → event bytes, in the JSON that Beats make. */
#ifndef POSTA_EVENT_H
#define POSTA_EVENT_H

#include <posta/buf.h>
#include <posta/charset.h>
#include <posta/record.h>
#include <posta/source.h>
#include <posta/time_text.h>
#include <stdbool.h>

/* ---- line.c ---- */

/* A walk over the lines of one chunk. */
struct lines {
    const char *bytes;
    size_t len;
    size_t at;                  /* everything before it was given out */
    const struct line_end *end; /* NULL = LF */
    uint64_t offset; /* of bytes in the file; asked for when end has units of more than a byte */
    bool keeps_cr;   /* a '\r' before the line end is text, or of an encoding not decoded yet */
};

struct line {
    const char *text; /* borrowed from the chunk, without its terminator */
    size_t len;
    size_t start; /* offset in the chunk */
    size_t end;   /* behind its terminator */
    bool has_end; /* it has one */
};

/* The next line; false at the end. The last one may have no terminator. A '\r' before '\n' belongs to it,
 * unless keeps_cr. */
bool line_next(struct lines *lines, struct line *line);

/* ---- encode.c ---- */

#define ECS_VERSION "8.0.0"

/* What every event of this process has. All borrowed for the life of the encoder. */
struct event_agent {
    const char *beat; /* @metadata.beat and agent.type */
    const char *version;
    const char *id, *ephemeral_id; /* uuids */
    const char *name;              /* agent.name and host.name */
};

/* Append ecs, host and agent, with commas between and none around. beat: agent.type; host: more members of it, ready JSON;
 * NULL or "" = none. */
void event_put_agent(const struct event_agent *agent, const char *beat, const char *host,
                     struct buf *out);

/* What every event of one input has. */
struct event_input {
    const char *type;   /* "filestream" */
    const char *extra;  /* ready JSON members ("\"tags\":[\"a\"],\"fields\":{..}") or "" */
    size_t limit_bytes; /* longer lines are cut, marked truncated */
};

/* What is known of a log beside that: ready members, "" or NULL = none. Borrowed. */
struct event_more {
    const char *host; /* of host */
    const char *root; /* at the end of the event */
};

struct encoder {
    struct buf head; /* up to the message */
    struct buf tail; /* behind log.offset */
    size_t id_at[2]; /* where the offset digits of the two ids stand in head */
    size_t event_at; /* where the members of event go on in head */
    size_t limit_bytes;
    struct time_stamp read, line; /* when the chunk was read; what a line said */
    struct merger *merger;        /* made when it is needed */
    struct event_more more;       /* set before encoder_begin, where there is some */
};

#define ENCODER_INIT                                                                               \
    {                                                                                              \
        .read.ms = -1, .line.ms = -1                                                               \
    }

/* Make the parts that all lines of one chunk share. */
void encoder_begin(struct encoder *enc, const struct event_agent *agent,
                   const struct event_input *input, const struct source *src, int64_t read_ns);

/* Replace out's content by the event of one line, which begins at this offset of the file. is_cut: the line
 * went on behind text. Returns true if it was cut, here or before. */
bool encoder_line(const struct encoder *enc, const char *text, size_t len, uint64_t offset,
                  bool is_cut, struct buf *out);
/* The same at `to`, where there is room for encoder_room bytes. Returns its end. is_cut: in and out. */
size_t encoder_room(const struct encoder *enc, size_t len);
char *encoder_line_at(const struct encoder *enc, const char *text, size_t len, uint64_t offset,
                      bool *is_cut, char *to);
/* The same of a record. Its time, if it has one, is the event's, and the time of reading goes to event.created. */
bool encoder_record(struct encoder *enc, const struct record *rec, struct buf *out);
/* The id of what begins at this offset: 32 hex digits, no NUL. */
void encoder_id(const struct encoder *enc, uint64_t offset, char *id);
void encoder_free(struct encoder *enc);

/* ---- end.c ---- */

/* The end of a generation of a log. */
struct event_end {
    uint64_t offset; /* it was read up to here */
    const char *proof;
    uint64_t lost_bytes;     /* so many bytes behind it were never read */
    uint64_t left_out_bytes; /* so many bytes before it have no event, on purpose */
};
/* Its event. The id has "-end" behind the 32 digits. */
void encoder_end(const struct encoder *enc, const struct event_end *end, struct buf *out);

/* ---- sample.c ---- */

struct sample {
    const char *module, *set; /* event.dataset is module.set; plain names, no escapes */
    int64_t period_ns;
    int64_t time_ns;     /* wall clock */
    uint64_t number;     /* one more with each, for the id */
    int64_t duration_ns; /* of the measuring; 0 = not told */
    const char *address; /* of the server that was asked; NULL = none */
    const char *host;    /* more members of `host`, ready JSON; NULL = none */
};
/* The event up to what was measured, ready members that the caller appends; and the rest. extra: as in event_input. */
void sample_begin(const struct event_agent *agent, const struct sample *sample, struct buf *out);
void sample_end(const struct event_agent *agent, const struct sample *sample, const char *extra,
                struct buf *out);

/* ecs, host, agent: the end of an event of any beat. host: more members of it, ready JSON; NULL = none. */
void sample_end_of(const struct event_agent *agent, const char *beat, const char *host,
                   const char *extra, struct buf *out);
enum { SAMPLE_ID_LEN = 32 };
/* who: whose number it is. */
void sample_id(const char *who, int64_t time_ns, uint64_t number,
               char id[static SAMPLE_ID_LEN + 1]);

/* ---- pulse.c ---- */

/* The result of a check. */
struct pulse {
    const char *dataset; /* plain, no escapes */
    bool is_summary;
    int64_t time_ns; /* wall clock */
    uint64_t number; /* one more with each, for the id */
};
/* As sample_begin; end with pulse_end. host: as in struct sample. */
void pulse_begin(const struct event_agent *agent, const struct pulse *pulse, struct buf *out);
void pulse_end(const struct event_agent *agent, const char *host, const char *extra,
               struct buf *out);

/* ---- merge.c ---- */

/* JSON objects merged into events: see merge.c for what wins over what. */
struct merger;
struct merger *merger_new(void);
void merger_free(struct merger *merger); /* NULL is fine */
/* Replace event by the event with the object in it. */
void merger_merge(struct merger *merger, struct buf *event, const struct buf *object,
                  bool overwrite, bool has_message);

#endif
