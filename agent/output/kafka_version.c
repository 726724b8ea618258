/* kafka_version.c: what is known to be wrong with versions of librdkafka, and what posta does about it. */
#include "kafka.h"
#include "output.h"

#include <posta/log.h>

struct fault {
    int since, until; /* versions as rd_kafka_version(); until has it no more */
    const char *text;
};

static const struct fault faults[] = {
    {0x00000000, 0x02080000,
     "is older than 2.8 and gives up after some disconnects: posta then makes a new connection and "
     "sends what has no acknowledgement again, so events may come twice, with equal event.id"},
    {0x02020000, 0x02050000,
     "can fail to send a large batch again (\"Unable to reconstruct MessageSet\", 2.2 to 2.4): "
     "use another version; posta makes a new connection when it happens"},
};

const char *kafka_fault_of(int version, unsigned n)
{
    for (size_t i = 0; i < sizeof faults / sizeof *faults; i++)
        if (version >= faults[i].since && version < faults[i].until && n-- == 0)
            return faults[i].text;
    return NULL;
}

void kafka_say_faults(void)
{
    const char *text;
    for (unsigned n = 0; (text = kafka_fault_of(rd_kafka_version() & ~0xff, n)); n++)
        log_warn("kafka", "librdkafka %s %s", rd_kafka_version_str(), text);
}

const char *output_library_version(void)
{
    return rd_kafka_version_str();
}
