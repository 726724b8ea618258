/* behind.c: what is told of each input: its counters, how far its files are behind, whether it can get at its folders. Asked
 * for now and then; costs a stat for each open file. */
#include "follow.h"

#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

const struct tail_input_stats *tail_input_stats(const struct tail *tail, size_t input)
{
    static const struct tail_input_stats none;
    return input < tail->n_inputs ? &tail->by_input[input] : &none;
}

struct tail_input_stats *stats_of(struct tail *tail, const struct input *input)
{
    static struct tail_input_stats nobodys;
    return input ? &tail->by_input[input->no] : &nobodys;
}

const struct input *input_of_source(const struct tail *tail, const struct source *src)
{
    const struct input *input = tail->inputs;
    while (input && strcmp(input->conf->id, src->input) != 0)
        input = input->next;
    return input;
}

uint64_t file_bytes_behind(const struct file *file)
{
    struct stat st;
    if (file->gzip || fstat(file->fd, &st) < 0 || (uint64_t)st.st_size <= file->src->offset)
        return 0;
    return (uint64_t)st.st_size - file->src->offset;
}

void tail_behind(const struct tail *tail, void (*give)(void *arg, const struct tail_behind *behind),
                 void *arg)
{
    for (const struct file *file = NULL; (file = file_after(tail, file));) {
        const struct tail_behind behind = {
            .input = file->input->no, .path = file->src->path, .bytes = file_bytes_behind(file)};
        give(arg, &behind);
    }
}

/* What is not there yet is waited for; what may not be looked into is not. */
static bool can_look_into(const char *dir, struct buf *why)
{
    if (access(dir, R_OK | X_OK) == 0 || errno == ENOENT)
        return true;
    buf_printf(why, "%s: %s", dir, strerror(errno));
    return false;
}

bool tail_is_attached(const struct tail *tail, size_t no, struct buf *why)
{
    const struct input *input = tail->inputs;
    while (input && input->no != no)
        input = input->next;
    for (const struct pattern *pat = input ? input->patterns : NULL; pat; pat = pat->next)
        if (!can_look_into(pat->root, why))
            return false;
    return tail->is_started;
}
