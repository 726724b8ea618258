/* spool_show.c: `posta spool ls` and `posta spool check`: tables and findings as text.
 *
 * Happy path: ls reads headers, checkpoints, and two segments; check reads everything.
 * Failure modes: what cannot be read is said on standard error; status 2.
 * On close: nothing.
 */
#include "spool_show.h"

#include <stdlib.h>
#include <time.h>

typedef unsigned long long ull;

/* ---- units ---- */

const char *show_bytes(uint64_t bytes, char text[static UNIT_TEXT])
{
    static const char *const units[] = {"KB", "MB", "GB", "TB"};
    double value = (double)bytes / 1024;
    size_t unit = 0;
    while (value >= 1023.95 && unit < 3) {
        value /= 1024;
        unit++;
    }
    if (bytes < 1024)
        snprintf(text, UNIT_TEXT, "%llu bytes", (ull)bytes);
    else
        snprintf(text, UNIT_TEXT, "%.1f %s", value, units[unit]);
    return text;
}

const char *show_time(int64_t time_ns, char text[static UNIT_TEXT])
{
    time_t seconds = (time_t)(time_ns / NS_PER_S);
    struct tm parts;
    if (time_ns == 0 || !gmtime_r(&seconds, &parts))
        return strcpy(text, "-");
    strftime(text, UNIT_TEXT, "%Y-%m-%d %H:%M:%SZ", &parts);
    return text;
}

static const char *show_age(int64_t age_ns, char text[static UNIT_TEXT])
{
    int64_t s = age_ns > 0 ? age_ns / NS_PER_S : 0;
    if (s < 120)
        snprintf(text, UNIT_TEXT, "%lld s", (long long)s);
    else if (s < 2 * 3600)
        snprintf(text, UNIT_TEXT, "%lld min", (long long)s / 60);
    else if (s < 48 * 3600)
        snprintf(text, UNIT_TEXT, "%lld h", (long long)s / 3600);
    else
        snprintf(text, UNIT_TEXT, "%lld days", (long long)s / 86400);
    return text;
}

const char *plural(uint64_t n)
{
    return n == 1 ? "" : "s";
}

static int say_failed(const struct err *err)
{
    fprintf(stderr, "posta: %s\n", err->text);
    return EXIT_START;
}

void show_live(const struct look *look)
{
    if (!look->is_live)
        return;
    fprintf(stderr, "posta: a posta is running on it");
    if (look->pid)
        fprintf(stderr, " (pid %d)", look->pid);
    fprintf(stderr, ": this is how it stands now, and the cursor may be further\n");
}

/* ---- ls: segments ---- */

static const char *delivery_of(const struct look *look, const struct segment *seg, uint64_t end_seq)
{
    uint64_t cursor = look_waiting(look);
    if (seg->base_seq == end_seq)
        return "empty";
    if (end_seq <= cursor)
        return "delivered";
    return seg->base_seq < cursor || (seg->base_seq == cursor && look->cursor.done) ? "partly"
                                                                                    : "waiting";
}

static void print_segment(const struct look *look, const struct segment *seg, int64_t begun_ns)
{
    char size[UNIT_TEXT], begun[UNIT_TEXT], range[UNIT_TEXT + 16] = "-";
    uint64_t end = seg->end_seq < look->end_seq ? seg->end_seq : look->end_seq;
    if (end < seg->base_seq)
        end = seg->base_seq;
    if (end > seg->base_seq)
        snprintf(range, sizeof range, "%llu-%llu", (ull)seg->base_seq, (ull)end - 1);
    printf("%016llx  %-6s %10s %9llu  %-19s %-20s  %s\n", (ull)seg->no,
           seg->is_open ? "open" : "closed", show_bytes(seg->size, size),
           (ull)(end - seg->base_seq), range, show_time(begun_ns, begun),
           delivery_of(look, seg, end));
}

static int list_segments(const struct look *look, struct err *err)
{
    printf("%-16s  %-6s %10s %9s  %-19s %-20s  %s\n", "SEGMENT", "STATE", "SIZE", "RECORDS",
           "NUMBERS", "BEGUN", "DELIVERY");
    for (struct segment *seg = look->first; seg; seg = seg->next) {
        int64_t begun_ns;
        if (look_begun(look, seg, &begun_ns, err))
            return -1;
        print_segment(look, seg, begun_ns);
    }
    for (const struct look_reject *rej = look->rejects; rej; rej = rej->next)
        printf("%016llx  %-6s %s\n", (ull)rej->seg.no, "bad", rej->why);
    return 0;
}

/* ---- ls: sources ---- */

static int compare(const void *a, const void *b)
{
    const struct source *one = *(const struct source *const *)a;
    const struct source *other = *(const struct source *const *)b;
    int order = strcmp(one->path, other->path);
    return order ? order : (one->no > other->no) - (one->no < other->no);
}

static const struct source **sort_sources(const struct registry *reg, size_t *n)
{
    *n = 0;
    for (const struct source *src = reg->first; src; src = src->next)
        ++*n;
    const struct source **all = mem_zero(*n + 1, sizeof(*all)), **at = all;
    for (const struct source *src = reg->first; src; src = src->next)
        *at++ = src;
    qsort(all, *n, sizeof(*all), compare);
    return all;
}

static void print_source(const struct source *src, const struct registry *then)
{
    const struct source *before = registry_by_no(then, src->no);
    uint64_t from = before ? before->offset : 0;
    char waiting[UNIT_TEXT];
    printf("%6u  %-10.10s %10llu %14llu  %10s  %-5s  %s\n", src->no, src->input, (ull)src->id.ino,
           (ull)src->offset, show_bytes(src->offset > from ? src->offset - from : 0, waiting),
           src->flags & SOURCE_ENDED ? "ended" : "open", src->path);
}

static void list_sources(const struct registry *now, const struct registry *then)
{
    size_t n;
    const struct source **all = sort_sources(now, &n);
    printf("\n%6s  %-10s %10s %14s  %10s  %-5s  %s\n", "SOURCE", "INPUT", "INODE", "READ TO",
           "WAITING", "STATE", "PATH");
    for (size_t i = 0; i < n; i++)
        print_source(all[i], then);
    free(all);
}

/* ---- ls: what waits ---- */

struct oldest {
    uint64_t seq;    /* looked for */
    uint64_t at;     /* byte of its segment */
    int64_t time_ns; /* 0 = there is none */
    const struct segment *seg;
};

static int find_oldest(void *arg, const struct look_record *rec, struct err *err)
{
    struct oldest *oldest = arg;
    if (rec->type == LOOK_CHECKPOINT || rec->seq < oldest->seq)
        return 0;
    oldest->time_ns = rec->chunk.read_ns;
    oldest->at = rec->at;
    oldest->seg = rec->seg;
    err->kind = ERR_NONE; /* found: no further */
    return -1;
}

static uint64_t bytes_from(const struct oldest *oldest)
{
    uint64_t bytes = 0;
    for (const struct segment *seg = oldest->seg; seg; seg = seg->next)
        bytes += seg->size;
    return bytes > oldest->at ? bytes - oldest->at : 0;
}

static int print_totals(struct look *look, struct err *err)
{
    struct oldest oldest = {.seq = look_waiting(look)};
    const struct look_sink sink = {.arg = &oldest, .record = find_oldest};
    uint64_t end_seq = look->end_seq; /* as it was when it was listed */
    char size[UNIT_TEXT], age[UNIT_TEXT], time[UNIT_TEXT];
    if (look_walk(look, look_segment(look, oldest.seq), &sink, err) && err->kind)
        return -1;
    uint64_t n = end_seq > oldest.seq ? end_seq - oldest.seq : 0;
    printf("\nwaiting: %llu record%s, %s on disk", (ull)n, plural(n),
           show_bytes(oldest.time_ns && n ? bytes_from(&oldest) : 0, size));
    if (oldest.time_ns && n)
        printf("; the oldest was read %s ago, at %s",
               show_age(clock_wall_ns() - oldest.time_ns, age), show_time(oldest.time_ns, time));
    printf("\n");
    if (look->has_cursor)
        printf("cursor:  record %llu, byte %llu of it\n", (ull)look->cursor.seq,
               (ull)look->cursor.done);
    else
        printf("cursor:  none: everything in the spool is delivered at the next start\n");
    return 0;
}

int spool_ls(struct look *look)
{
    struct registry now = {0}, then = {0};
    struct err err;
    int rc = look_sources(look, UINT64_MAX, &now, &err) ||
                     look_sources(look, look_waiting(look), &then, &err) ||
                     list_segments(look, &err)
                 ? -1
                 : 0;
    if (rc == 0) {
        list_sources(&now, &then);
        rc = print_totals(look, &err);
    }
    registry_clear(&now);
    registry_clear(&then);
    return rc ? say_failed(&err) : EXIT_TOLD;
}

/* ---- check ---- */

struct findings {
    uint64_t n_segments, n_records, n_bytes; /* whole */
    uint64_t n_places, n_torn;
    uint64_t missing_records, missing_bytes, missing_files;
};

static int count_record(void *arg, const struct look_record *rec, struct err *err)
{
    struct findings *found = arg;
    (void)err;
    found->n_records += rec->type != LOOK_CHECKPOINT;
    found->n_bytes += rec->chunk.len;
    return 0;
}

static void print_harm(void *arg, const struct segment *seg, enum look_harm harm, uint64_t from,
                       uint64_t to, const char *what)
{
    struct findings *found = arg;
    static const char *const then[] = {
        [LOOK_DAMAGED] = "",
        [LOOK_TORN] = "; no damage: the next start cuts it off and reads its lines again",
        [LOOK_VOID] = "; no damage: the next start removes it and reads its lines again"};
    char size[UNIT_TEXT];
    harm == LOOK_DAMAGED ? found->n_places++ : found->n_torn++;
    printf("%016llx.%s: bytes %llu to %llu (%s): %s%s\n", (ull)seg->no,
           seg->is_open ? "open" : "seg", (ull)from, (ull)to, show_bytes(to - from, size), what,
           then[harm]);
}

static void print_gap(void *arg, uint64_t from, uint64_t to)
{
    struct findings *found = arg;
    found->missing_records += to - from;
    if (to - from == 1)
        printf("  record %llu is missing\n", (ull)from);
    else
        printf("  records %llu to %llu are missing\n", (ull)from, (ull)to - 1);
}

static void print_lost(void *arg, const struct source *src, uint64_t from, uint64_t to)
{
    struct findings *found = arg;
    char size[UNIT_TEXT];
    found->missing_files++;
    if (from == READ_TO_UNKNOWN) {
        printf("  %s: some bytes may be lost, how many is not known\n", source_name(src));
        return;
    }
    found->missing_bytes += to - from;
    printf("  %s: bytes %llu to %llu (%s) are lost\n", source_name(src), (ull)from, (ull)to,
           show_bytes(to - from, size));
}

static void check_rejects(const struct look *look, struct findings *found)
{
    for (const struct look_reject *rej = look->rejects; rej; rej = rej->next) {
        found->n_places++;
        printf("%016llx.%s: %s; nothing of it is delivered\n", (ull)rej->seg.no,
               rej->seg.is_open ? "open" : "seg", rej->why);
    }
}

static void check_cursor(const struct look *look, struct findings *found)
{
    found->n_places += (uint64_t)look->bad_slots;
    if (look->bad_slots)
        printf("cursor: %d of its two slots %s not whole; %s\n", look->bad_slots,
               look->bad_slots == 1 ? "is" : "are",
               look->has_cursor ? "the other one counts, some lines may come twice"
                                : "everything in the spool is delivered again");
    else if (!look->has_cursor && look->first)
        printf("cursor: there is none: everything in the spool is delivered at the next start\n");
}

static void print_summary(const struct findings *found)
{
    char whole[UNIT_TEXT], lost[UNIT_TEXT];
    printf("%llu segment%s, %llu record%s, %s of log: whole\n", (ull)found->n_segments,
           plural(found->n_segments), (ull)found->n_records, plural(found->n_records),
           show_bytes(found->n_bytes, whole));
    if (found->n_places || found->missing_records)
        printf("%llu place%s damaged; of what waits %llu record%s missing, and %s of log\n",
               (ull)found->n_places, plural(found->n_places), (ull)found->missing_records,
               found->missing_records == 1 ? " is" : "s are",
               show_bytes(found->missing_bytes, lost));
    else
        printf("no damage\n");
}

int spool_check(struct look *look)
{
    struct findings found = {0};
    const struct look_sink sink = {.arg = &found,
                                   .record = count_record,
                                   .harm = print_harm,
                                   .gap = print_gap,
                                   .lost = print_lost};
    struct err err;
    for (const struct segment *seg = look->first; seg; seg = seg->next)
        found.n_segments++;
    check_rejects(look, &found);
    if (look_walk(look, NULL, &sink, &err))
        return say_failed(&err);
    check_cursor(look, &found);
    print_summary(&found);
    return found.n_places || found.missing_records ? EXIT_DAMAGE : EXIT_TOLD;
}
