/* replay.h: what records do to the sources: the same at a start and for who looks from outside. */
#ifndef SPOOL_REPLAY_H
#define SPOOL_REPLAY_H

#include "record.h"
#include "registry.h"

/* Any record but a checkpoint. */
void registry_apply(struct registry *reg, const struct record *rec, const uint8_t *payload);

#endif
