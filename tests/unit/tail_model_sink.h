/* tail_model_sink.h: where chunks go: each is compared with the model as it is handed on; and the judgement at the end. */
#ifndef TAIL_MODEL_SINK_H
#define TAIL_MODEL_SINK_H

#include "tail_model.h"

/* Older generations of the log are handed on before younger ones, as far as they were written before those were born. */
static void check_order(const struct model_file *file)
{
    for (size_t i = 0; i < world.n_files && !file->copy_of; i++) {
        const struct model_file *older = world.files[i];
        if (!older->is_held || older->path != file->path || older->copy_of ||
            older->times.born_ns >= file->times.born_ns)
            continue;
        for (size_t k = 0; k < older->n_lines; k++) {
            const struct text_line *line = &world.lines[older->lines[k]];
            if (line->is_whole && line->n_got == 0 && line->written_ns < file->times.born_ns)
                fail_world("order: line %u of an older generation (inode %llu) comes after inode "
                           "%llu",
                           older->lines[k], (unsigned long long)older->ino,
                           (unsigned long long)file->ino);
        }
    }
}

/* The lines that begin in [from, to). */
static void count_lines(const struct model_file *file, uint64_t from, uint64_t to)
{
    const char *text = file->bytes.data;
    for (uint64_t at = from; at < to; at++) {
        if ((at > 0 && text[at - 1] != '\n') || text[at] != '#')
            continue;
        struct text_line *line = &world.lines[strtoul(text + at + 1, NULL, 10)];
        if (line->n_got++ > 0 && !file->may_repeat)
            fail_world("twice: line %.9s, the second time from inode %llu", text + at,
                       (unsigned long long)file->ino);
    }
}

static int model_add(void *arg, const struct source *proto, struct source **out, struct err *err)
{
    struct model_file *file = file_of_id(&proto->id);
    if (sink_add(arg, proto, out, err))
        return -1;
    if (!file)
        return fail_world("a source for an unknown file, %s", proto->path), 0;
    uint32_t no = (*out)->no;
    world.epoch_of = mem_grow(world.epoch_of, no + 1, sizeof(*world.epoch_of));
    world.epoch_of[no] = file->epoch;
    file->is_taken = true;
    if (proto->offset != file->handed && !file->copy_of && !file->is_gzip)
        fail_world("a source begins at %llu, but %llu bytes were handed on",
                   (unsigned long long)proto->offset, (unsigned long long)file->handed);
    return 0;
}

static void check_chunk(struct model_file *file, const struct source *src,
                        const struct chunk *chunk)
{
    if (src->offset == 0)
        world.epoch_of[src->no] = file->epoch;
    if (world.epoch_of[src->no] != file->epoch)
        fail_world("source %u goes on behind a truncation that it did not see", src->no);
    else if (chunk->from < file->handed && !file->copy_of)
        fail_world("source %u hands on from %llu, %llu bytes were handed on", src->no,
                   (unsigned long long)chunk->from, (unsigned long long)file->handed);
    else if (chunk->from != src->offset || chunk->to > file->bytes.len)
        fail_world("source %u: [%llu, %llu) is not what follows", src->no,
                   (unsigned long long)chunk->from, (unsigned long long)chunk->to);
    else if (chunk->len && memcmp(file->bytes.data + chunk->from, chunk->bytes, chunk->len) != 0)
        fail_world("source %u: [%llu, %llu) are not the bytes of the file", src->no,
                   (unsigned long long)chunk->from, (unsigned long long)chunk->to);
}

static int model_append(void *arg, struct source *src, const struct chunk *chunk, struct err *err)
{
    struct model_file *file = file_of_id(&src->id);
    if (file && ((struct sink *)arg)->room != 0)
        check_chunk(file, src, chunk);
    if (world.failure)
        return err_set(err, ERR_FULL, "the model has failed");
    if (sink_append(arg, src, chunk, err))
        return -1;
    file->path = src->path;
    check_order(file);
    file->handed = chunk->to;
    if (chunk->len)
        count_lines(file, chunk->from, chunk->to);
    return 0;
}

static int model_end(void *arg, struct source *src, enum end_proof proof, uint64_t lost_bytes,
                     struct err *err)
{
    struct model_file *file = file_of_id(&src->id);
    if (src->flags & SOURCE_ENDED)
        fail_world("source %u ends twice", src->no);
    if (sink_end(arg, src, proof, lost_bytes, err))
        return -1;
    world.told_bytes += lost_bytes;
    if (file && proof == END_LEASE && src->offset != file->bytes.len)
        fail_world("source %u has a proven end at %llu of %zu bytes", src->no,
                   (unsigned long long)src->offset, file->bytes.len);
    return 0;
}

/* ---- judgement ---- */

/* Every whole line that can be had was had. */
static void check_delivered(const char *when)
{
    look_at_names();
    for (size_t i = 0; i < world.n_files; i++) {
        const struct model_file *file = world.files[i];
        for (size_t k = 0; k < file->n_lines; k++) {
            const struct text_line *line = &world.lines[file->lines[k]];
            if (line->is_whole && line->n_got == 0 && (line->must || file->is_visible))
                fail_world("%s: line %u of inode %llu (%s) is not delivered", when, file->lines[k],
                           (unsigned long long)file->ino,
                           file->is_visible ? "in the folder" : "was held");
        }
    }
    for (size_t no = 0; no < world.n_lines; no++)
        if (world.lines[no].must && world.lines[no].is_whole && world.lines[no].n_got == 0)
            fail_world("%s: line %zu is not delivered", when, no);
}

static size_t n_files_lost(void)
{
    size_t n = 0;
    for (size_t i = 0; i < world.n_files; i++)
        n += world.files[i]->is_foretold && !world.files[i]->is_taken;
    return n;
}

#endif
