/* options.c: what a filestream input can be told; names and defaults are Beats' where Beats has them. */
#include "tail.h"

#include <stddef.h>

static const char *const rotation_modes[] = {"external", "managed", NULL};
static const char *const rotation_signals[] = {"USR1", "HUP", "USR2", NULL}; /* as signals[] in rotate.c */

#define AT(field) .at = offsetof(struct tail_input, field)
#define NOT_NEEDED_FD "posta keeps a file open until its end is proven"
const struct option tail_options[] = {
    {.name = "id", .type = OPT_TEXT, .def = "", AT(id), .doc = "Name of the input; positions belong to it. Needed when there are several."},
    {.name = "enabled", .type = OPT_BOOL, .def = "true", AT(enabled), .doc = "Use this input."},
    {.name = "paths", .type = OPT_LIST, .required = true, AT(paths),
     .doc = "Files to follow; *, ? and [a-z] in names and folders, ** for up to eight levels of folders. Rotated generations of a "
            "name without wildcards are found by themselves."},
    {.name = "message_max_bytes", .type = OPT_BYTES, .def = "512KB", .min = "1KB", .max = "16MB", AT(message_max_bytes),
     .doc = "A longer line is cut there and marked; the lines beside it are whole. Beats' default is 10 MiB, more than Kafka takes."},
    {.name = "ignore_older", .type = OPT_DURATION, .def = "0", AT(ignore_older_ns),
     .doc = "A file not written to for this long when it is first seen is followed from its end; 0 = off."},
    {.name = "prospector.scanner.exclude_files", .type = OPT_LIST, AT(exclude_files),
     .doc = "Regular expressions; a file whose full path one of them matches is left out."},
    {.name = "prospector.scanner.symlinks", .type = OPT_BOOL, .def = "false", AT(symlinks), .doc = "Follow symbolic links to files."},
    {.name = "prospector.scanner.check_interval", .type = OPT_DURATION, .def = "10s", .min = "100ms", AT(check_interval_ns),
     .doc = "How often folders are looked at besides the kernel's events, which come at once."},
    {.name = "rotation.mode", .type = OPT_WORD, .words = rotation_modes, .def = "external", .own = true, AT(rotation_mode),
     .doc = "Who makes room: external = somebody else rotates; managed = posta renames the log and tells the writer, only when the "
            "generation before is read to its proven end and kept."},
    {.name = "rotation.size", .type = OPT_BYTES, .def = "50KB", .min = "4KB", .own = true, AT(rotation_size), .doc = "Size at which a managed log is renamed to <name>.1."},
    {.name = "rotation.pid_file", .type = OPT_TEXT, .own = true, AT(rotation_pid_file), .doc = "File with the writer's process number."},
    {.name = "rotation.signal", .type = OPT_WORD, .words = rotation_signals, .def = "USR1", .own = true, AT(rotation_signal),
     .doc = "Signal that makes the writer open its log again; nginx and Apache: USR1."},
    {.name = "buffer_size", .type = OPT_IGNORED, .doc = "posta reads 128 KiB at a time"},
    {.name = "harvester_limit", .type = OPT_IGNORED, .doc = "files cost next to nothing while they are quiet"},
    {.name = "file_identity", .type = OPT_IGNORED, .doc = "posta knows a file by its handle, which neither rename nor inode reuse can confuse"},
    {.name = "prospector.scanner.fingerprint", .type = OPT_IGNORED, .doc = "posta needs no fingerprint, and no smallest size"},
    {.name = "prospector.scanner.recursive_glob", .type = OPT_IGNORED, .doc = "** is always understood"},
    {.name = "prospector.scanner.resend_on_touch", .type = OPT_IGNORED, .doc = "truncation is found by content"},
    {.name = "close", .type = OPT_IGNORED, .doc = NOT_NEEDED_FD},
    {.name = "clean_inactive", .type = OPT_IGNORED, .doc = "a position is kept as long as its file is there"},
    {.name = "clean_removed", .type = OPT_IGNORED, .doc = "a position goes when its file is gone and read"},
    {.name = "backoff", .type = OPT_IGNORED, .doc = "posta is told by the kernel when a file grows"},
    {.name = "take_over", .type = OPT_IGNORED, .doc = "there are no older inputs to take over from"},
    {.name = "allow_deprecated_id_duplication", .type = OPT_IGNORED, .doc = "ids are unique in posta"},
    {.name = "read_until_eof", .type = OPT_IGNORED, .doc = "posta always reads to the end before it stops"},
    {.name = "prospector.scanner.include_files", .type = OPT_REFUSED, .doc = "name the files in paths"},
    {.name = "encoding", .type = OPT_REFUSED, .doc = "posta reads UTF-8 (and ASCII); leave the key out"},
    {.name = "line_terminator", .type = OPT_REFUSED, .doc = "posta reads lines that end in LF or CRLF; leave the key out"},
    {.name = "include_lines", .type = OPT_REFUSED, .doc = "posta delivers every line; filter in Logstash"},
    {.name = "exclude_lines", .type = OPT_REFUSED, .doc = "posta delivers every line; filter in Logstash"},
    {.name = "parsers", .type = OPT_REFUSED, .doc = "posta delivers lines as they are; parse in Logstash"},
    {.name = "processors", .type = OPT_REFUSED, .doc = "use fields and tags, or process in Logstash"},
    {.name = "compression", .type = OPT_REFUSED, .doc = "posta reads plain files"},
    {.name = "seek_to_tail", .type = OPT_REFUSED, .doc = "use ignore_older"},
    {.name = "ignore_inactive", .type = OPT_REFUSED, .doc = "use ignore_older"},
    {.name = "delete", .type = OPT_REFUSED, .doc = "use rotation.mode: managed, which keeps two generations"},
    {0},
};
