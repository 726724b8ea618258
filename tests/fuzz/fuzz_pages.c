/* fuzz_pages.c: any text as a status page: it is one, and the event is JSON with every member once, or it is an error.
 *
 * The first byte chooses the server.
 */
#include "agent.h"

#include "library.h"
#include <stdlib.h>

struct run {
    struct members event, host;
    int n;
};

static void give(void *arg)
{
    struct run *run = arg;
    library_check_members(members_end(&run->event));
    run->n++;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const struct metricset *set = size && data[0] % 2 ? &apache_status_set : &nginx_stubstatus_set;
    struct run run = {.n = 0};
    const struct metric_sink sink = {
        .arg = &run, .event = &run.event, .host = &run.host, .give = give};
    struct err err;
    if (size == 0)
        return 0;
    char *body = mem_alloc(size); /* exactly as long as it is */
    memcpy(body, data + 1, size - 1);
    void *self = mem_zero(1, set->size);
    ((struct metric_env *)self)->host = "h";
    if (set->open && set->open(self, &err))
        abort();
    members_clear(&run.event);
    members_clear(&run.host);
    if ((set->page->read(self, body, size - 1, &sink, &err) == 0) != (run.n == 1))
        abort();
    free(self);
    free(body);
    members_free(&run.event);
    members_free(&run.host);
    return 0;
}
