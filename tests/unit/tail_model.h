/* tail_model.h: what a test wrote, byte for byte and file by file, and what of it must be handed on.
 *
 * Each line has a number of its own, in its text too. A line must be delivered when posta holds its file open, or when it is
 * in a file that has one of the log's names while posta looks; it need not any more when it is cut off, or loses its last
 * name, before that. Every chunk is compared with the file's bytes as it is handed on.
 */
#ifndef TAIL_MODEL_H
#define TAIL_MODEL_H

#include "tail_kernel.h"

#include <dirent.h>

struct text_line {
    unsigned n_got;
    bool must, is_whole;
    int64_t written_ns;
};

/* One file identity, and what is in it now. */
struct model_file {
    uint64_t ino;
    struct times times;
    struct buf bytes; /* its content, not compressed */
    uint32_t *lines;  /* numbers of those in it, in order */
    size_t n_lines;
    const char *path; /* of its log, as posta has it; interned */
    uint32_t epoch;   /* how often it was cut */
    uint64_t handed;  /* bytes before it were handed on, in this epoch */
    int fd, old_fd;   /* writers, -1 = none */
    size_t pending;   /* bytes of its last line that are still to come */
    bool is_gzip;
    const struct model_file *copy_of; /* NULL = of none */
    bool may_repeat;  /* it was copied or compressed before posta could know what it is */
    bool is_unknown;  /* a copy of what posta never saw of an exactly named log: not followed */
    bool has_name;    /* in the folder */
    bool is_visible;  /* one of the log's */
    bool is_current;  /* its own */
    bool is_taken;    /* posta began a source with it */
    bool is_held;     /* posta has it open */
    bool is_foretold; /* it came to have the log's name while posta watched */
};

enum kind { EXACT, WILDCARD, SYMLINK, MANAGED, RECLAIM, N_KINDS };

static struct model {
    struct rig *rig;
    enum kind kind;
    bool is_alive, is_exactly_counted;
    struct model_file **files;
    size_t n_files;
    struct text_line *lines; /* by number */
    size_t n_lines;
    uint32_t *epoch_of; /* of sources, by number */
    size_t n_sources;
    uint64_t lost_bytes; /* cut off and in no copy, at most */
    uint64_t told_bytes; /* posta says so */
    struct buf story;
    char *failure; /* the first one */
} world;

static void fail_world(const char *format, ...) __attribute__((format(printf, 1, 2)));

static void fail_world(const char *format, ...)
{
    va_list args;
    va_start(args, format);
    if (!world.failure && vasprintf(&world.failure, format, args) < 0)
        abort();
    va_end(args);
}

/* ---- files ---- */

static struct model_file *file_of_ino(uint64_t ino)
{
    for (size_t i = world.n_files; i-- > 0;)
        if (world.files[i]->ino == ino)
            return world.files[i];
    return NULL;
}

static struct model_file *file_of_id(const struct file_id *id)
{
    for (size_t i = world.n_files; i-- > 0;)
        if (world.files[i]->ino == id->ino && world.files[i]->times.born_ns == id->btime_ns)
            return world.files[i];
    return NULL;
}

static struct times world_times(uint64_t ino)
{
    struct model_file *file = file_of_ino(ino);
    return file ? file->times : (struct times) {0};
}

static struct model_file *file_named(const char *name)
{
    struct stat st;
    return stat(path_of(world.rig, name), &st) == 0 ? file_of_ino(st.st_ino) : NULL;
}

static void touch(struct model_file *file)
{
    file->times.changed_ns = file_clock_ns();
}

/* fd is its first writer. */
static struct model_file *note_new_file(int fd)
{
    struct model_file *file = mem_zero(1, sizeof(*file));
    struct stat st;
    assert_int_equal(fstat(fd, &st), 0);
    world.files = mem_grow(world.files, world.n_files + 1, sizeof(*world.files));
    world.files[world.n_files++] = file;
    int64_t now_ns = file_clock_ns();
    *file = (struct model_file) {.ino = st.st_ino,
                                 .times = {.born_ns = now_ns, .changed_ns = now_ns},
                                 .fd = fd,
                                 .old_fd = -1};
    return file;
}

static void forget_world(void)
{
    for (size_t i = 0; i < world.n_files; i++) {
        buf_free(&world.files[i]->bytes);
        free(world.files[i]->lines);
        if (world.files[i]->fd >= 0)
            close(world.files[i]->fd);
        if (world.files[i]->old_fd >= 0)
            close(world.files[i]->old_fd);
        free(world.files[i]);
    }
    free(world.files);
    free(world.lines);
    free(world.epoch_of);
    buf_free(&world.story);
    free(world.failure);
    world = (struct model) {0};
}

/* ---- lines ---- */

enum { HEAD_BYTES = 10 }; /* "#%08u " */

static void put_line(struct model_file *file, uint32_t no)
{
    file->lines = mem_grow(file->lines, file->n_lines + 1, sizeof(*file->lines));
    file->lines[file->n_lines++] = no;
}

static uint32_t new_line(struct model_file *file)
{
    world.lines = mem_grow(world.lines, world.n_lines + 1, sizeof(*world.lines));
    world.lines[world.n_lines] =
        (struct text_line) {.must = file->is_held, .written_ns = file_clock_ns()};
    put_line(file, (uint32_t)world.n_lines);
    return (uint32_t)world.n_lines++;
}

static void append_bytes(struct model_file *file, int fd, const char *bytes, size_t len)
{
    say_bytes(fd, bytes, len);
    buf_append(&file->bytes, bytes, len);
    touch(file);
}

/* The rest of a line that was begun. */
static void end_pending(struct model_file *file, int fd)
{
    char rest[8192];
    if (file->pending == 0)
        return;
    memset(rest, '+', file->pending);
    rest[file->pending - 1] = '\n';
    append_bytes(file, fd, rest, file->pending);
    file->pending = 0;
    struct text_line *line = &world.lines[file->lines[file->n_lines - 1]];
    line->is_whole = true;
    line->written_ns = file_clock_ns();
}

/* len bytes with its newline; the last `pending` of them come later. */
static void write_line(struct model_file *file, int fd, size_t len, size_t pending)
{
    char text[8192];
    end_pending(file, fd);
    uint32_t no = new_line(file);
    memset(text, 'a' + (int)(no % 26), len);
    snprintf(text, sizeof(text), "#%08u", no);
    text[HEAD_BYTES - 1] = ' ';
    text[len - 1] = '\n';
    file->pending = pending;
    world.lines[no].is_whole = pending == 0;
    append_bytes(file, fd, text, len - pending);
}

/* ---- what is where ---- */

static bool is_claimed_name(const char *name)
{
    if (world.kind == SYMLINK)
        return strcmp(name, "access.log") == 0;
    return strncmp(name, "access.log", 10) == 0;
}

static void look_at_names(void)
{
    DIR *stream = opendir(path_of(world.rig, "d"));
    for (size_t i = 0; i < world.n_files; i++)
        world.files[i]->has_name = world.files[i]->is_visible = world.files[i]->is_current = false;
    for (struct dirent *entry; stream && (entry = readdir(stream));) {
        char name[300];
        snprintf(name, sizeof(name), "d/%s", entry->d_name);
        struct model_file *file = file_named(name);
        if (!file)
            continue;
        file->has_name = true;
        file->is_visible |= is_claimed_name(entry->d_name) && !file->is_unknown;
        file->is_current |= strcmp(entry->d_name, "access.log") == 0;
    }
    if (stream)
        closedir(stream);
}

static bool has_line(const struct model_file *file, uint32_t no)
{
    for (size_t i = 0; i < file->n_lines; i++)
        if (file->lines[i] == no)
            return true;
    return false;
}

static bool is_elsewhere(const struct model_file *than, uint32_t no)
{
    for (size_t i = 0; i < world.n_files; i++)
        if (world.files[i] != than && world.files[i]->is_visible && has_line(world.files[i], no))
            return true;
    return false;
}

static uint64_t line_bytes(const struct model_file *file)
{
    return file->bytes.len - file->handed;
}

/* What of it was not delivered cannot be had any more. */
static void excuse(struct model_file *file)
{
    if (world.kind == MANAGED || world.kind == RECLAIM)
        return;
    look_at_names();
    for (size_t i = 0; i < file->n_lines; i++) {
        struct text_line *line = &world.lines[file->lines[i]];
        if (line->n_got == 0 && !is_elsewhere(file, file->lines[i]))
            line->must = false;
    }
    world.lost_bytes += line_bytes(file);
}

/* It lost a name. */
static void excuse_if_gone(struct model_file *file)
{
    look_at_names();
    if (file && !file->is_visible && !file->is_held)
        excuse(file);
}

/* After each turn: what posta has open now. */
static void note_held(void)
{
    for (size_t i = 0; i < world.n_files; i++)
        world.files[i]->is_held = false;
    for (struct source *src = world.rig->sink.reg.first; src; src = src->next) {
        struct model_file *file = src->file ? file_of_id(&src->id) : NULL;
        if (!file)
            continue;
        file->is_held = true;
        file->path = src->path;
        for (size_t i = 0; i < file->n_lines && !file->is_unknown; i++)
            world.lines[file->lines[i]].must = true;
    }
}

#endif
