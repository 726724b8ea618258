/* kafka_compression.c: which codec and level, checked against each other before librdkafka would take them quietly. */
#include "kafka.h"

#include <stdio.h>
#include <stdlib.h>

struct codec {
    const char *name;
    int min, max; /* levels; max < 0 = it has none */
};

/* In the order of enum kafka_compression. librdkafka takes no level above 12. */
static const struct codec codecs[] = {{"none", 0, -1}, {"gzip", 0, 9},  {"snappy", 0, -1},
                                      {"lz4", 0, 12},  {"zstd", 1, 12}, {"none", 0, -1},
                                      {"none", 0, -1}};

static int bad_level(const struct codec *codec, const char *level, struct err *err)
{
    if (codec->max < 0)
        return err_set(
            err, ERR_CONFIG,
            "output.kafka.compression_level: %s has no levels: remove the key, or choose "
            "gzip, lz4 or zstd",
            codec->name);
    return err_set(err, ERR_CONFIG,
                   "output.kafka.compression_level: %s takes %d to %d, found '%s'; "
                   "output.kafka.compression says which codec is used",
                   codec->name, codec->min, codec->max, level);
}

int kafka_choose_compression(const struct kafka_settings *set, struct compression *out,
                             struct err *err)
{
    const struct codec *codec = &codecs[set->compression];
    const char *level = set->compression_level;
    if (!level) {
        *out = (struct compression) {codec->name, NULL};
        return 0;
    }
    size_t len = strlen(level);
    if (len == 0 || len > 2 || strspn(level, "0123456789") != len || atoi(level) < codec->min ||
        atoi(level) > codec->max)
        return bad_level(codec, level, err);
    bool is_off = set->compression == KAFKA_GZIP && atoi(level) == 0; /* as in Beats */
    *out = is_off ? (struct compression) {"none", NULL} : (struct compression) {codec->name, level};
    return 0;
}
