/* identity.c: who this posta is: a uuid kept in the data folder as Beats do (meta.json), and one of the process. */
#include "agent.h"

#include <posta/fs.h>
#include <posta/json.h>

#include <stdio.h>
#include <stdlib.h>
#include <sys/random.h>
#include <unistd.h>

enum { META_BYTES_MAX = 4096, UUID_LEN = 36 };

/* A random (version 4) uuid. */
static int make_uuid(char text[static UUID_LEN + 1], struct err *err)
{
    unsigned char b[16];
    if (getrandom(b, sizeof b, 0) != sizeof b)
        return err_sys(err, "get random bytes");
    b[6] = (unsigned char)((b[6] & 0x0f) | 0x40);
    b[8] = (unsigned char)((b[8] & 0x3f) | 0x80);
    char *at = text;
    for (int i = 0; i < 16; i++)
        at += sprintf(at, i == 4 || i == 6 || i == 8 || i == 10 ? "-%02x" : "%02x", b[i]);
    return 0;
}

/* The value behind "uuid": in our own small file. */
static bool find_uuid(const char *json, char text[static UUID_LEN + 1])
{
    const char *at = strstr(json, "\"uuid\"");
    at = at ? strchr(at, ':') : NULL;
    at = at ? strchr(at, '"') : NULL;
    if (!at || strspn(at + 1, "0123456789abcdef-") != UUID_LEN || at[1 + UUID_LEN] != '"')
        return false;
    memcpy(text, at + 1, UUID_LEN);
    text[UUID_LEN] = '\0';
    return true;
}

static int write_meta(const char *path, const char *id, struct err *err)
{
    char *json = mem_printf("{\"uuid\":\"%s\"}\n", id);
    int rc = fs_replace(path, json, strlen(json), 0600, err);
    free(json);
    return rc;
}

int identity_load(struct agent_identity *identity, const char *path_data, struct err *err)
{
    char *path = mem_printf("%s/meta.json", path_data);
    struct buf json = BUF_INIT;
    int rc = fs_read_file(path, META_BYTES_MAX, &json, err);
    bool is_known = rc == 0 && find_uuid(buf_str(&json), identity->id);
    if (rc && err->kind == ERR_GONE)
        rc = 0;
    if (rc == 0 && !is_known)
        rc = make_uuid(identity->id, err) || write_meta(path, identity->id, err) ? -1 : 0;
    if (rc == 0)
        rc = make_uuid(identity->ephemeral_id, err);
    buf_free(&json);
    free(path);
    if (gethostname(identity->host, sizeof identity->host) < 0)
        snprintf(identity->host, sizeof identity->host, "unknown");
    identity->host[sizeof identity->host - 1] = '\0';
    return rc ? err_wrap(err, "identity") : 0;
}

void identity_peek(struct agent_identity *identity, const char *path_data)
{
    struct buf meta = BUF_INIT;
    struct err ignored; /* then it has none yet */
    *identity = (struct agent_identity) {.id = "00000000-0000-0000-0000-000000000000",
                                         .ephemeral_id = "00000000-0000-0000-0000-000000000000"};
    char *path = mem_printf("%s/meta.json", path_data);
    if (fs_read_file(path, META_BYTES_MAX, &meta, &ignored) == 0)
        (void)find_uuid(buf_str(&meta), identity->id);
    buf_free(&meta);
    free(path);
    if (gethostname(identity->host, sizeof identity->host - 1) < 0)
        identity->host[0] = '\0';
}

struct event_agent identity_agent(const struct agent_identity *identity,
                                  const struct globals *globals)
{
    bool has_name = globals->name && *globals->name;
    return (struct event_agent) {.beat = "filebeat",
                                 .version = POSTA_VERSION,
                                 .id = identity->id,
                                 .ephemeral_id = identity->ephemeral_id,
                                 .name = has_name ? globals->name : identity->host};
}
