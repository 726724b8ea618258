/* follow.h: the folders, logs and files being followed; for the files of this folder.
 *
 *     folder ──► file ──► source (the spool's)          one file from its creation to its proven end
 *                 │
 *                 └─► log: all that is written under one path, generation after generation
 */
#ifndef TAIL_FOLLOW_H
#define TAIL_FOLLOW_H

#include "gzip.h"
#include "pattern.h"
#include "tail.h"

#include <posta/buf.h>
#include <posta/regex.h>
#include <posta/table.h>
#include <posta/watch.h>
#include <sys/stat.h>
#include <sys/types.h>

/* A growing list of pointers. */
struct list {
    void **at;
    size_t n, cap;
};

/* A folder in which an input has files, or that leads to such folders. */
struct dir {
    char *path;
    int wd;    /* of the watch, -1 = none: looked at by the clock */
    dev_t dev; /* which folder it is: another may be mounted over it, or take its name */
    ino_t ino;
    bool has_files;   /* an input has files in it */
    bool is_trusted;  /* its file system tells of every change */
    bool is_late;     /* it came, or was replaced, while posta was running */
    bool is_hot;      /* IN_MODIFY is off, its files are read by the clock while they grow */
    bool has_grown;   /* in this pass */
    bool is_active;   /* in tail->active */
    bool needs_scan;  /* in tail->to_scan */
    bool is_listed;   /* the last scan saw all of it */
    bool has_links;   /* names in it lead to files elsewhere, which may change without it */
    bool has_refused; /* a name in it could not be opened: that may end without a change of it */
    int64_t
        links_until_ns; /* looked at by the clock until then: a file went from behind its link */
    uint32_t
        scan_no; /* of the last scan, unique in this tail; sources and files seen in it carry it */
    uint32_t walk_no;  /* of the last walk over the patterns that came by */
    int64_t listed_ns; /* wall clock of the last complete scan */
    int64_t mtime_ns;  /* of the folder then */
    uint32_t n_files;
    struct file *files;
    struct file *look_at; /* where the round of looks at quiet files goes on, NULL = at the first */
    struct dir *prev, *next;
};

/* What is written under one path. */
struct log {
    const char *path;      /* interned */
    struct file *oldest;   /* its open files, older generations first */
    int64_t first_born_ns; /* birth of the oldest source ever known */
    uint32_t n_sources;    /* with this path in the registry */
    int32_t n_missing;     /* told of but not taken in, less those that are counted as lost */
    uint32_t n_lost;       /* gone before they could be opened: said and counted */
    uint16_t last_kb; /* size of the last generation that was read to its end; 65535 = or more */
    uint16_t n_lately : 12;  /* told of since the last look at the doubts, up to LATELY_MAX */
    uint16_t n_early : 2;    /* taken in before anything was told of the name */
    uint16_t is_told : 1;    /* something was told of the name */
    uint16_t is_doubted : 1; /* in tail->doubts */
};

/* What only files of inputs that make room have. */
struct owned {
    uint64_t punched;     /* bytes before it were given back to the file system */
    uint64_t mark_offset; /* bytes before it are in the spool before `mark` */
    uint64_t mark;        /* 0 = none */
    bool is_unable;       /* holes cannot be made here; said */
    bool is_over;         /* above rotation.limit */
    int64_t told_at_ns;   /* when the writer was told that its log was renamed */
};

/* An open file. Its identity and position are in src. */
struct file {
    struct source *src; /* owned by the spool's registry; src->file is this */
    const struct input *input;
    struct log *log;
    struct dir *dir;   /* NULL = it went to a folder that is not watched */
    const char *name;  /* in dir, now; NULL = it has no name here any more */
    struct gzip *gzip; /* its content is compressed */
    struct owned *owned;
    int fd;
    int wd;          /* of its own watch, where the folder's does not tell of it; -1 = none */
    bool is_rotated; /* got another name or none: its end is looked for */
    bool has_failed;
    bool is_ready;       /* in tail->ready: there may be bytes to read */
    bool is_timed;       /* in tail->timed: the clock must look at it */
    bool is_due;         /* posta should make room, and could not yet */
    bool is_ended;       /* read to its end; it is closed when that is durable */
    bool was_closed;     /* a writer closed it since the last look for the end */
    uint64_t seen_bytes; /* its size as far as it was read, a partial last line too */
    uint64_t end_mark;   /* with is_ended */
    int64_t last_data_ns;
    int64_t closed_wall_ns; /* since the epoch: a writer closed it; 0 = not seen */
    int64_t rotated_at_ns;
    int64_t probe_at_ns; /* when to look for the end again */
    uint32_t probe_wait_ns;
    enum charset_order order; /* newline.c's; NONE = not known (yet) */
    struct file *younger;     /* in its log */
    struct file *prev, *next; /* in its folder */
};

struct rename_half {
    uint32_t cookie;
    struct file *file; /* NULL = none that is open */
    bool is_claimed;   /* it had a name that an input claims */
    bool was_log;      /* not only that of a rotated one */
};

struct input {
    const struct tail_input *conf;
    struct pattern *patterns;
    struct regex **excludes;
    size_t n_excludes;
    size_t no;
    struct input *next;
};

/* Which input a name belongs to. */
struct claim {
    const struct input *input;
    const struct pattern *pat;
    bool is_sibling; /* not a name that matches, but what one may have been rotated to: */
    char log[PATTERN_NAME_MAX];
};

struct tail {
    struct loop *loop;
    struct tail_sink sink;
    struct watch *watch;
    struct input *inputs; /* in the order of the configuration */
    size_t n_inputs;
    struct tail_input_stats *by_input;
    struct dir *dirs;
    struct dir homeless; /* stands for the folder of files whose folder is not watched */
    struct table dirs_by_path, dirs_by_wd, files_by_name, files_by_wd, logs;
    struct list ready, timed;    /* files */
    struct list to_scan, active; /* folders */
    struct list doubts;          /* logs */
    struct list suspects;
    struct list refused;     /* refused.c's */
    int64_t suspect_wait_ns; /* until they are looked at again */
    struct dir *look_at;     /* the same among the folders */
    struct buf block;        /* what a read goes into */
    bool is_blocked;         /* the spool is full */
    bool once;
    bool is_started;          /* the first look is done */
    bool needs_walk;          /* folders may have come or gone */
    bool needs_settling;      /* a look at a folder may have found a source gone */
    bool is_full_look;        /* every folder is looked at in this pass */
    bool has_new_data;        /* some file gave bytes in this pass */
    struct rename_half moved; /* the first half of a rename, until the second comes */
    bool was_log;             /* what is discovered now was told to have had a log's own name */
    bool is_moved_in;         /* ... or to have come from where nothing is told */
    uint32_t scan_no;         /* the last one given to a folder */
    uint32_t walk_no;
    uint32_t aged_scan_no;  /* what was found in no look since this one is let go */
    uint32_t swept_scan_no; /* the last look before the last sweep */
    int64_t swept_ns;
    int64_t watching_since_ns; /* coarse wall clock: files born after it were told of */
    struct loop_task work;
    struct loop_timer tick, rescan, poll, doubt;
    struct tail_stats stats;
};

/* ---- behind.c ---- */

/* NULL: of none that is known; goes nowhere. */
struct tail_input_stats *stats_of(struct tail *tail, const struct input *input);
const struct input *input_of_source(const struct tail *tail, const struct source *src);

/* ---- list.c ---- */

void list_put(struct list *list, void *item);
void list_drop(struct list *list, const void *item);
void list_drop_first(struct list *list, size_t n);
void list_free(struct list *list);

/* ---- identity.c ---- */

/* Identity of an open file. */
int file_id_of(int fd, struct file_id *id, struct err *err) MUST_CHECK;
/* Birth time of what has this name, 0 if the file system has none, -1 if nothing has it. */
int64_t birth_of(const char *path);
/* Inode and birth time of what has this name; -1 if nothing has it. */
int birth_at(const char *path, uint64_t *ino, int64_t *btime_ns) MUST_CHECK;

/* ---- log.c: logs by path ---- */

struct log *log_of(struct tail *tail, const char *path); /* made if there is none */
struct log *log_find(const struct tail *tail, const char *path);
void log_let_go(struct tail *tail, struct log *log); /* freed if nothing holds it */
/* The registry's calls, with the counts of the log. */
int source_add(struct tail *tail, const struct source *proto, struct source **src,
               struct err *err) MUST_CHECK;
void source_forget(struct tail *tail, struct source *src);
void know_sources(struct tail *tail); /* at start */
void logs_free(struct tail *tail);    /* at the end */

/* ---- lost.c: generations that went before they could be opened ---- */

void lost_note_birth(struct tail *tail, const struct dir *dir, const char *name);
void lost_note_renamed(struct tail *tail, const struct dir *dir, const char *name);
void lost_note_leaving(struct tail *tail, const struct dir *dir, const char *name);
void lost_note_seen(struct tail *tail, struct log *log, bool is_rotated, const struct stat *st);
/* A generation was read to its end: others may have been as large. */
void lost_note_size(struct log *log, uint64_t bytes);
void lost_note_refused(struct tail *tail, const struct dir *dir, const char *name);
bool lost_misses_one(
    const struct log *log); /* something was told of and not taken in yet; log may be NULL */
void lost_forget_counts(struct tail *tail); /* events were dropped: nothing can be counted */
void lost_look(void *tail);                 /* the clock */
void lost_settle(struct tail *tail); /* all that was told is read: what is missing now is lost */

/* ---- file.c: open files ---- */

/* Takes fd, and gzip (may be NULL). */
struct file *file_follow(struct tail *tail, struct dir *dir, const char *name,
                         const struct input *input, struct source *src, int fd, struct gzip *gzip);
void file_close(struct tail *tail, struct file *file);
/* The next open file, in whatever folder; the first one after NULL, NULL after the last one. */
struct file *file_after(const struct tail *tail, const struct file *file);
void file_mark_ready(struct tail *tail, struct file *file);
void file_mark_timed(struct tail *tail, struct file *file);
/* Its lines come before those of the other, whatever their births. Both are of one log. */
void file_put_before(struct file *file, struct file *younger);
/* The file lost its name; it is read to its end. */
void file_displace(struct tail *tail, struct file *file);
int64_t source_born_ns(const struct source *src);

/* ---- name.c: what files are called, and what the folder says now ---- */

struct file *file_by_name(struct tail *tail, const struct dir *dir, const char *name);
struct file *file_by_wd(struct tail *tail, int wd);
const char *base_name(const char *path);
/* name NULL = none any more; dir NULL = a folder that is not watched. */
void file_set_name(struct tail *tail, struct file *file, struct dir *dir, const char *name);
/* What the folder says now. */
bool file_has_its_name(const struct file *file);
/* Give it this name if that is what the folder says now. */
bool file_take_name(struct tail *tail, struct file *file, struct dir *dir, const char *name);
/* It was found under this name: its own, a second one, or what it was renamed to. */
void file_note_name(struct tail *tail, struct file *file, struct dir *dir, const char *name);
/* Watch the file itself if its folder does not tell of all that is written to it. */
void file_watch_itself(struct tail *tail, struct file *file);
/* Its bytes that are not handed on; 0 for a compressed one, of which it is not known before it is read. */
uint64_t file_bytes_behind(const struct file *file);

/* Is its name a symbolic link? */
bool file_is_linked(const struct file *file);
void file_unwatch_itself(struct tail *tail, struct file *file);
void file_leave_dir(struct tail *tail, struct file *file);

/* ---- open.c ---- */

/* Open a log for reading: a regular file, by a symbolic link only if the input allows it. GONE: not there, or not a
 * log (said). */
int open_log(const struct tail_input *conf, const char *path, struct stat *st,
             struct err *err) MUST_CHECK;
void say_not_opened(const char *path, const struct err *err);
/* Open it again for writing, whatever its name is now. */
int open_again_to_write(int fd, struct err *err) MUST_CHECK;

/* ---- refused.c: names that could not be opened ---- */

void refused_note(struct tail *tail, const struct input *input, const char *path,
                  const struct err *err);
/* It is looked at now. */
void refused_forget(struct tail *tail, const char *path);
void refused_free(struct tail *tail);

/* ---- discover.c: names → files ---- */

/* Look at one name in a folder: open it if it is ours and not open yet. False if no input claims it. */
bool discover_name(struct tail *tail, struct dir *dir, const char *name);
/* A source's file has a name that no input claims: go on with it if one claims the name that it had. */
void discover_known(struct tail *tail, struct dir *dir, const char *name, struct source *src);
bool find_claim(const struct tail *tail, const struct dir *dir, const char *name,
                struct claim *claim);
/* Begin or go on with a source, and follow the file. Takes fd and gzip if it returns true. */
bool take_in_new(struct tail *tail, struct dir *dir, const char *name, const struct claim *claim,
                 int fd, struct gzip *gzip, const struct source *proto);

/* ---- folders.c: what is in a folder ---- */

void dir_mark_scan(struct tail *tail, struct dir *dir);
void scan_marked_dirs(struct tail *tail);
/* Let go of sources that are in no folder any more, or whose folder has been away for a day. */
bool is_time_to_sweep(const struct tail *tail);
void settle_sources(struct tail *tail);

/* ---- walk.c: patterns → folders ---- */

void walk_patterns(struct tail *tail);
struct dir *dir_by_path(const struct tail *tail, const char *path);
struct dir *dir_by_wd(const struct tail *tail, int wd);
void dir_unwatch(struct tail *tail, struct dir *dir);
void dir_free(struct tail *tail, struct dir *dir);

/* ---- chunk.c: file → chunks ---- */

enum read_result {
    READ_AT_END,
    READ_MORE,
    READ_LATER, /* more, but a file that has older lines comes first */
    READ_BLOCKED,
    READ_FAILED
};

/* Hand on whole lines, at most about budget_bytes. READ_AT_END: no whole line is left. */
enum read_result file_read(struct tail *tail, struct file *file, size_t budget_bytes);
/* The rest without a newline, at a proven end. */
enum read_result file_read_rest(struct tail *tail, struct file *file);
/* Give up what is before `to`: it is lost, or was given away. */
enum read_result file_skip_to(struct tail *tail, struct file *file, uint64_t to);
/* The spool takes no more now. */
enum read_result read_refused(struct tail *tail, const struct err *err);
/* Up to len bytes of its content, decompressed if need be. */
ssize_t file_content(struct file *file, void *into, size_t len, uint64_t offset,
                     struct err *err) MUST_CHECK;

/* ---- truncate.c ---- */

/* The file was cut or rewritten: its source ends, and it begins anew. */
enum read_result file_start_over(struct tail *tail, struct file *file);

/* ---- suspect.c: new files that may be copies of what is followed ---- */

enum suspicion { SUSPECT_NOT, SUSPECT_TAKEN, SUSPECT_LEAVE };
/* May it be a copy? TAKEN: it is put aside and looked at first; fd is taken. LEAVE: not to be read. */
enum suspicion suspect_new(struct tail *tail, struct dir *dir, const char *name,
                           const struct claim *claim, const struct file_id *id,
                           const struct stat *st, int fd);
/* Go on with those put aside. Returns after how many ns to ask again, -1 = none is left. */
int64_t suspects_look(struct tail *tail);
/* A compressed one of this log is being looked at: it may have older lines. */
bool log_has_suspects(const struct tail *tail, const struct log *log);
/* One that has older lines, or its rest, is looked into first. */
bool file_awaits_suspect(const struct tail *tail, const struct file *file);
void suspects_leave_dir(struct tail *tail, const struct dir *dir);
void suspects_free(struct tail *tail);

/* ---- heir.c ---- */

/* A log was cut at its source's position: follow the copy that has the rest. Returns true if there is one; *n_bytes is what
 * it has. */
bool copy_takes_over(struct tail *tail, struct file *cut, uint64_t *n_bytes);

/* ---- newline.c: where lines end ---- */

/* Bytes up to behind the first, or last, line end in what stands at the source's position; 0 = there is none. */
size_t newline_first(struct file *file, const char *bytes, size_t len);
size_t newline_last(struct file *file, const char *bytes, size_t len);
/* How much of a line that is too long is kept, when this much of it is there without a line end; 0 = not known yet. */
size_t newline_cut(const struct file *file, size_t len);
/* So many bytes at the end may be the beginning of a line end: they are not to be stepped over without what follows. */
size_t newline_kept(const struct file *file);
/* What is to be known about the chunks of this file: CHUNK_BIG_ENDIAN, CHUNK_OTHER_END. */
uint8_t newline_flags(struct file *file);

/* ---- events.c ---- */

void tail_heard(void *tail, int wd, enum watch_event what, const char *name, uint32_t cookie);

/* ---- clock.c ---- */

#define TAIL_POLL_NS (250 * NS_PER_MS) /* folders of which not everything is told */
void tail_poll(void *tail);
void poll_if_needed(struct tail *tail);
void tail_rescan(void *tail);
int64_t rescan_wait(const struct tail *tail);

/* ---- pass.c ---- */

void tail_pass(void *tail); /* the deferred work */
void tail_tick(void *tail); /* the clock while files grow */
/* True when no marked file has bytes left. */
bool read_marked_files(struct tail *tail);
/* Returns after how many ns to ask again, -1 = no rotated file is open. */
int64_t look_for_ends(struct tail *tail);

/* ---- eof.c ---- */

/* The file is at its end and rotated: find out whether the end is final, and close it if so. Returns false
 * if it has to be asked again at file->probe_at_ns. */
bool file_try_end(struct tail *tail, struct file *file);
enum lease_answer { LEASE_NO_WRITER, LEASE_WRITER, LEASE_UNABLE };
/* Has anybody the file open for writing, as far as a lease can tell? */
enum lease_answer lease_ask(int fd);
/* leave.c: by somebody, as far as can be known. */
bool file_is_written(const struct file *file);
/* Its end is in the spool: close it as soon as that is durable. True if that is now. */
bool file_finish(struct tail *tail, struct file *file);

/* ---- rotate.c, spare.c, reclaim.c, limit.c, delete.c: making room ---- */

/* Each returns after how many ns it wants to be called again, -1 = only when something happens. */
int64_t rotate_if_due(struct tail *tail, struct file *file);
int64_t reclaim_if_due(struct tail *tail, struct file *file);
int64_t hold_below_limit(struct tail *tail, struct file *file);
int64_t delete_if_due(struct tail *tail, struct file *file);
/* Let older generations go where the file system of a managed log is full. */
void spare_room(struct tail *tail, struct file *file);
/* Where the data begins in a file whose beginning was given back: the first whole line behind the hole. */
uint64_t reclaim_first_line(int fd);

/* ---- writer.c: the process that writes a managed log ---- */

/* A descriptor of the writer's process. */
int writer_find(const struct tail_input *conf, struct err *err) MUST_CHECK;
/* Takes fd. */
int writer_signal(const struct tail_input *conf, int fd, struct err *err) MUST_CHECK;

#endif
