/* fuzz_mark.c: any bytes as a mark that Kafka gives back: read, or refused; what is read fits the window. */
#include "sender.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

static const char uuid[] = "00112233445566778899aabbccddeeff";

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct window_mark mark;
    char *text = mem_zero(1, size + 1);
    memcpy(text, data, size);
    int rc = mark_read(text, uuid, &mark);
    assert(rc >= -1 && rc <= 1);
    assert(mark.n_bits <= WINDOW_PLACES);
    assert(rc != 0 || !strstr(text, uuid));
    free(text);
    return 0;
}
