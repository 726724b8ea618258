/* fuzz_spool.c: any bytes as the newest segment of a spool: it is looked at from outside, opens, is read to its end, takes new
 * records, opens again.
 *
 * The first byte chooses: odd, the checksums of the segment's and the records' headers and payloads are put right, so
 * that what is behind them is reached; bit 1, the segment is a closed one; bit 2, it has an intact older one; bit 3, it is repaired first.
 */
#include "spool/inspect.h"
#include "spool/store.h"

#include <assert.h>
#include <dirent.h>
#include <posta/bytes.h>
#include <posta/fs.h>
#include <posta/log.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static char dir[64];
static volatile char sink; /* so that every byte is read */

static void prepare(void)
{
    const struct log_config quiet = {.level = (enum log_level)(LOG_ERROR + 1)};
    log_setup(&quiet);
    snprintf(dir, sizeof(dir), "%s/posta-fuzz.XXXXXX",
             access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp");
    if (!mkdtemp(dir))
        abort();
}

static void empty(const char *path, int depth)
{
    DIR *stream = opendir(path);
    for (struct dirent *entry; stream && (entry = readdir(stream));) {
        if (entry->d_name[0] == '.')
            continue;
        char *inner = mem_printf("%s/%s", path, entry->d_name);
        if (entry->d_type == DT_DIR && depth == 0)
            empty(inner, 1);
        remove(inner);
        free(inner);
    }
    if (stream)
        closedir(stream);
}

static void remove_folder(void)
{
    empty(dir, 0);
    rmdir(dir);
}

static void write_segment(const char *name, const void *bytes, size_t len)
{
    char *path = mem_printf("%s/%s", dir, name);
    FILE *file = fopen(path, "we");
    assert(file && fwrite(bytes, 1, len, file) == len);
    fclose(file);
    free(path);
}

/* As if posta had written it: header and records with the right checksums, as far as the lengths lead. */
static void put_right(uint8_t *bytes, size_t len)
{
    if (len < SEGMENT_HEADER_BYTES)
        return;
    const struct segment seg = {.no = 2, .base_seq = bytes[40], .salt = bytes[12]};
    segment_pack_header(&seg, bytes);
    for (size_t at = SEGMENT_HEADER_BYTES; at + RECORD_HEADER_BYTES <= len;) {
        uint8_t *head = bytes + at;
        size_t left = len - at - RECORD_HEADER_BYTES;
        size_t payload = get_u32(head + 8) % 512 < left ? get_u32(head + 8) % 512 : left;
        const struct record rec = {
            .type = (uint8_t)(head[4] % 4 + 1),
            .flags = head[5],
            .payload_len = (uint32_t)payload,
            .payload_crc = crc32c(0, head + RECORD_HEADER_BYTES, payload),
            .source_no = head[24] % 4u,
            .seq = head[16],
            .from = get_u64(head + 32),
            .to = get_u64(head + 40),
        };
        record_pack(&rec, seg.salt, head);
        at += record_size(&rec);
    }
}

static void write_older(void)
{
    const struct segment seg = {.no = 1, .base_seq = 1};
    uint8_t head[SEGMENT_HEADER_BYTES];
    segment_pack_header(&seg, head);
    write_segment("0000000000000001.seg", head, sizeof(head));
}

static int note_record(void *arg, const struct look_record *rec, struct err *err)
{
    (void)arg, (void)err;
    for (size_t i = 0; i < rec->chunk.len; i++)
        sink = rec->chunk.bytes[i];
    if (rec->src)
        sink = *source_name(rec->src);
    return 0;
}

static void note_harm(void *arg, const struct segment *seg, enum look_harm harm, uint64_t from,
                      uint64_t to, const char *what)
{
    unsigned *n = arg;
    assert(from < to && to <= seg->size && *what);
    *n += harm == LOOK_DAMAGED;
}

/* Returns how many places are damaged. */
static unsigned look_from_outside(void)
{
    unsigned n = 0;
    const struct look_sink to = {.arg = &n, .record = note_record, .harm = note_harm};
    struct registry sources = {0};
    struct look look;
    struct err err;
    if (look_open(&look, dir, &err)) {
        fprintf(stderr, "%s\n", err.text);
        abort();
    }
    assert(look_walk(&look, NULL, &to, &err) == 0);
    assert(look_sources(&look, UINT64_MAX, &sources, &err) == 0);
    registry_clear(&sources);
    look_close(&look);
    return n;
}

static void say_nothing(void *arg, const char *text)
{
    (void)arg;
    sink = *text;
}

static void repair_it(void)
{
    struct repair_report report = {.say = say_nothing};
    struct err err;
    assert(repair_segments(dir, false, &report, &err) == 0);
    assert(look_from_outside() == 0);
}

static void append_one(struct spool *spool)
{
    static char path[] = "/a", id[] = "in";
    const struct source proto = {.path = path, .input = id, .id = {.ino = 99}};
    const struct chunk chunk = {.to = 3, .bytes = "ab\n", .len = 3};
    struct source *src;
    struct err err;
    assert(spool_add_source(spool, &proto, &src, &err) == 0);
    assert(spool_append(spool, src, &chunk, &err) == 0);
}

static void open_and_read(void)
{
    const struct spool_config config = {
        .path = dir, .segment_bytes = 4096, .sync_way = SYNC_INLINE};
    struct spool *spool;
    struct spool_item item;
    struct err err = ERR_INIT;
    int rc;
    if (spool_open(&spool, &config, &err)) {
        fprintf(stderr, "%s\n", err.text);
        abort();
    }
    while ((rc = spool_next(spool, &item, &err)) > 0)
        for (size_t i = 0; i < item.chunk.len; i++)
            sink = item.chunk.bytes[i];
    assert(rc == 0);
    append_one(spool);
    assert(spool_next(spool, &item, &err) == 1 && item.chunk.len == 3);
    spool_delivered(spool, (struct spool_pos) {.seq = item.seq + 1});
    assert(spool_is_drained(spool));
    spool_close(spool);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (!*dir) {
        prepare();
        atexit(remove_folder);
    }
    if (size == 0)
        return 0;
    uint8_t *bytes = mem_alloc(size);
    memcpy(bytes, data, size);
    empty(dir, 0);
    if (data[0] & 1)
        put_right(bytes + 1, size - 1);
    if (data[0] & 4)
        write_older();
    write_segment(data[0] & 2 ? "0000000000000002.seg" : "0000000000000002.open", bytes + 1,
                  size - 1);
    free(bytes);
    (void)look_from_outside();
    if (data[0] & 8)
        repair_it();
    open_and_read();
    open_and_read();
    return 0;
}
