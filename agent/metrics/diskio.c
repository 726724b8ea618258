/* diskio.c: system.diskio: what was read from and written to each disk and partition since the boot; an event a device, and one
 * more with the bytes of all disks since the last sample.
 *
 * Devices that nobody has ever used (ram0, loop7) are left out. What makes up a disk is counted once for the host: a disk has a
 * device behind it in /sys/block, a partition or a mapping of disks has not.
 */
#include "metrics.h"

#include <stddef.h>
#include <stdio.h>
#include <unistd.h>

enum { SECTOR_BYTES = 512 };

struct disk {
    struct text name;
    uint64_t reads, read_merges, read_sectors, read_ms;
    uint64_t writes, write_merges, write_sectors, write_ms;
    uint64_t in_flight, busy_ms;
};

struct diskio {
    struct metric_env env;
    struct str_list devices;
    uint64_t read_before, written_before; /* bytes of all disks; NO_VALUE: not known */
    struct buf path;
};

static int open_diskio(void *self, struct err *err)
{
    struct diskio *io = self;
    (void)err;
    io->read_before = io->written_before = NO_VALUE;
    return 0;
}

static void close_diskio(void *self)
{
    struct diskio *io = self;
    buf_free(&io->path);
}

static bool read_disk(struct text line, struct disk *disk)
{
    uint64_t *const numbers[] = {&disk->reads,         &disk->read_merges, &disk->read_sectors,
                                 &disk->read_ms,       &disk->writes,      &disk->write_merges,
                                 &disk->write_sectors, &disk->write_ms,    &disk->in_flight,
                                 &disk->busy_ms};
    uint64_t device;
    if (!text_u64(&line, &device) || !text_u64(&line, &device) || !text_word(&line, &disk->name))
        return false;
    for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++)
        if (!text_u64(&line, numbers[i]))
            return false;
    return true;
}

static bool is_wanted(const struct diskio *io, const struct disk *disk)
{
    for (size_t i = 0; i < io->devices.n; i++)
        if (text_is(disk->name, io->devices.at[i]))
            return true;
    return io->devices.n == 0 && (disk->reads || disk->writes || disk->busy_ms);
}

static bool is_whole(struct diskio *io, const struct disk *disk)
{
    char path[128];
    int len = snprintf(path, sizeof path, "/sys/block/%.*s/device", (int)text_len(disk->name),
                       disk->name.at);
    if (len < 0 || (size_t)len >= sizeof path || memchr(disk->name.at, '.', text_len(disk->name)))
        return false;
    kernel_path(&io->env, path, &io->path);
    return access(buf_str(&io->path), F_OK) == 0;
}

static void give_disk(const struct disk *disk, const struct metric_sink *sink)
{
    struct members *event = sink->event;
    event->prefix = "system.diskio";
    members_text(event, "name", disk->name.at, text_len(disk->name));
    members_u64(event, "read.count", disk->reads);
    members_u64(event, "read.bytes", disk->read_sectors * SECTOR_BYTES);
    members_u64(event, "read.time", disk->read_ms);
    members_u64(event, "write.count", disk->writes);
    members_u64(event, "write.bytes", disk->write_sectors * SECTOR_BYTES);
    members_u64(event, "write.time", disk->write_ms);
    members_u64(event, "io.time", disk->busy_ms);
    members_u64(event, "io.ops", disk->in_flight);
    sink->give(sink->arg);
}

static void give_all(struct diskio *io, uint64_t read, uint64_t written,
                     const struct metric_sink *sink)
{
    uint64_t more_read = grown(io->read_before, read);
    uint64_t more_written = grown(io->written_before, written);
    io->read_before = read;
    io->written_before = written;
    if (more_read == NO_VALUE || more_written == NO_VALUE)
        return;
    members_u64(sink->host, "disk.read.bytes", more_read);
    members_u64(sink->host, "disk.write.bytes", more_written);
    sink->give(sink->arg);
}

static int sample(void *self, const struct metric_sink *sink, struct err *err)
{
    struct diskio *io = self;
    struct text line;
    uint64_t read = 0, written = 0;
    struct disk disk;
    bool has_any = false;
    if (kernel_read(&io->env, "/proc/diskstats", io->env.text, err))
        return -1;
    struct text text = text_of(io->env.text);
    while (text_line(&text, &line)) {
        if (!read_disk(line, &disk))
            continue;
        has_any = true;
        if (!is_wanted(io, &disk))
            continue;
        give_disk(&disk, sink);
        if (is_whole(io, &disk)) {
            read += disk.read_sectors * SECTOR_BYTES;
            written += disk.write_sectors * SECTOR_BYTES;
        }
    }
    if (!has_any && io->env.text->len > 0)
        return err_set(err, ERR_CORRUPT, "/proc/diskstats: no devices in it");
    give_all(io, read, written, sink);
    return 0;
}

static const struct option options[] = {
    {.name = "diskio.include_devices",
     .type = OPT_LIST,
     .at = offsetof(struct diskio, devices),
     .doc = "Devices that are told of, by name; all that were ever used if not set."},
    {0},
};

#define D "system.diskio."
static const struct metric_field fields[] = {
    {D "name", "keyword", NULL, "Name of the disk or partition."},
    {D "read.count", "long", "requests", "Reads that were done since the boot."},
    {D "read.bytes", "long", "bytes", "Read since the boot."},
    {D "read.time", "long", "ms", "Time that reads took, added up."},
    {D "write.count", "long", "requests", "Writes that were done since the boot."},
    {D "write.bytes", "long", "bytes", "Written since the boot."},
    {D "write.time", "long", "ms", "Time that writes took, added up."},
    {D "io.time", "long", "ms", "Time in which something was under way."},
    {D "io.ops", "long", "requests", "Under way now."},
    {"host.disk.read.bytes", "long", "bytes",
     "Read from all whole disks since the last sample; an event of its own."},
    {"host.disk.write.bytes", "long", "bytes", "Written to them since the last sample."},
    {0},
};

const struct metricset system_diskio_set = {
    .module = "system",
    .name = "diskio",
    .doc = "What was read from and written to each disk and partition: an event for each.",
    .options = options,
    .size = sizeof(struct diskio),
    .fields = fields,
    .open = open_diskio,
    .close = close_diskio,
    .sample = sample,
};
