/* How many of the numbered lines are in files of events, quickly: for tests that ask it a thousand times.
 *
 *   seqcount FILE...
 *
 * A line that ends in '}' counts by its first "seq=NUMBER"; another was cut by a kill. Prints "DIFFERENT ALL".
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MAX_SEQ = 1 << 24 };

static uint8_t seen[MAX_SEQ];
static long n_different, n_all;

static void note(const char *line, size_t len)
{
    if (len < 2 || line[len - 2] != '}' || line[len - 1] != '\n')
        return;
    const char *at = strstr(line, "seq=");
    unsigned long seq = at ? strtoul(at + 4, NULL, 10) : MAX_SEQ;
    if (seq >= MAX_SEQ)
        return;
    n_different += !seen[seq];
    seen[seq] = 1;
    n_all++;
}

int main(int argc, char **argv)
{
    char *line = NULL;
    size_t size = 0;

    for (int i = 1; i < argc; i++) {
        FILE *from = fopen(argv[i], "r");
        if (!from)
            continue; /* nothing was delivered yet */
        for (ssize_t len; (len = getline(&line, &size, from)) > 0;)
            note(line, (size_t)len);
        fclose(from);
    }
    free(line);
    printf("%ld %ld\n", n_different, n_all);
    return 0;
}
