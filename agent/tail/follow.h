/* follow.h: the files and folders being followed; for the files of this folder. */
#ifndef TAIL_FOLLOW_H
#define TAIL_FOLLOW_H

#include "pattern.h"
#include "tail.h"
#include "watch.h"

#include <posta/buf.h>
#include <posta/regex.h>

/* A folder in which an input has files. */
struct dir {
    char *path;
    int wd;         /* of the watch, -1 = none: looked at by the clock */
    bool is_hot;    /* IN_MODIFY is off, its files are read by the clock while they grow */
    bool has_grown; /* in this pass */
    bool needs_scan;
    bool is_listed; /* the last scan saw all of it */
    uint32_t
        scan_no; /* of the last scan, unique in this tail; sources and files seen in it carry it */
    struct dir *next;
};

/* An open file. Its identity and position are in src. */
struct file {
    struct source *src; /* owned by the spool's registry */
    const struct input *input;
    struct dir *dir; /* NULL = it went to a folder that is not watched */
    char *name;      /* in dir, now; NULL = it has no name here any more */
    int fd;
    bool is_rotated; /* got another name or none: its end is looked for */
    bool has_failed;
    bool is_ready;   /* there may be bytes to read */
    bool was_closed; /* a writer closed it since the last look for the end */
    int64_t last_data_ns;
    int64_t rotated_at_ns;
    int64_t probe_at_ns; /* when to look for the end again */
    int64_t probe_wait_ns;
    uint32_t scan_no;
    struct file *next; /* in order of birth */
};

struct rename_half {
    uint32_t cookie;
    struct file *file;
};

struct input {
    const struct tail_input *conf;
    struct pattern *patterns;
    struct regex **excludes;
    size_t n_excludes;
    struct input *next;
};

struct tail {
    struct loop *loop;
    struct tail_sink sink;
    struct watch *watch;
    struct input *inputs;
    struct dir *dirs;
    struct file *files;
    struct buf block; /* what a read goes into */
    bool is_blocked;  /* the spool is full */
    bool once;
    bool has_new_data;        /* some file gave bytes in this pass */
    struct rename_half moved; /* the first half of a rename, until the second comes */
    uint32_t scan_no;         /* the last one given to a folder */
    struct loop_task work;
    struct loop_timer tick, rescan;
    struct tail_stats stats;
};

/* ---- identity.c ---- */

/* Identity of an open file. */
int file_id_of(int fd, struct file_id *id, struct err *err) MUST_CHECK;

/* Birth time of what has this name, 0 if the file system has none, -1 if nothing has it. */
int64_t birth_of(const char *path);

/* ---- file.c: open files ---- */

struct file *file_by_name(struct tail *tail, const struct dir *dir, const char *name);
struct file *file_by_id(struct tail *tail, const struct file_id *id);
/* Takes fd. */
void file_follow(struct tail *tail, struct dir *dir, const char *name, const struct input *input,
                 struct source *src, int fd);
void file_close(struct tail *tail, struct file *file);
/* The file lost its name; it is read to its end. */
void file_displace(struct tail *tail, struct file *file);
/* What the folder says now. */
bool file_has_its_name(const struct file *file);
/* Give it this name if that is what the folder says now. */
bool file_take_name(struct file *file, struct dir *dir, const char *name);
/* It was found under this name: its own, a second one, or what it was renamed to. */
void file_note_name(struct tail *tail, struct file *file, struct dir *dir, const char *name);
int64_t source_born_ns(const struct source *src);

/* ---- discover.c, folders.c: names → files ---- */

/* Look at one name in a folder: open it if it is ours and not open yet. */
void discover_name(struct tail *tail, struct dir *dir, const char *name);
/* Look at all names. */
void discover_dir(struct tail *tail, struct dir *dir);
/* After a look at every folder: let go of sources that none of them has. */
void settle_sources(struct tail *tail);
/* Expand the patterns: make a dir for each folder that is there. */
void discover_dirs(struct tail *tail);

/* ---- chunk.c: file → chunks ---- */

enum read_result { READ_AT_END, READ_MORE, READ_BLOCKED, READ_FAILED };

/* Hand on whole lines, at most about budget_bytes. READ_AT_END: no whole line is left. */
enum read_result file_read(struct tail *tail, struct file *file, size_t budget_bytes);
/* The rest without a newline, at a proven end. */
enum read_result file_read_rest(struct tail *tail, struct file *file);

/* ---- pass.c ---- */

void tail_pass(void *tail); /* the deferred work */
void tail_tick(void *tail); /* the clock while files grow */
void scan_marked_dirs(struct tail *tail);
/* True when no marked file has bytes left. */
bool read_marked_files(struct tail *tail);
/* Returns after how many ns to ask again, -1 = no rotated file is open. */
int64_t look_for_ends(struct tail *tail);

/* ---- eof.c ---- */

/* The file is at its end and rotated: find out whether the end is final, and close it if so. Returns false
 * if it has to be asked again at file->probe_at_ns. */
bool file_try_end(struct tail *tail, struct file *file);
/* True if nobody has the file open for writing, as far as a lease can tell. */
bool file_has_no_writer(int fd);

/* ---- rotate.c ---- */

/* rotation.mode managed: make room where a file is large enough and the one before it is done. Returns after how many
 * ns it wants to be called again, -1 = only when something happens. */
int64_t rotate_where_due(struct tail *tail);

#endif
