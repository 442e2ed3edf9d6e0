/* micro_update.h - the message of go-micro's gossip registry: a Service came, is still there, or goes.
 *
 * Protobuf (micro_update.proto) with a Service in JSON (micro_service.h) in it. Into its metadata, where go-micro
 * looks for the Content-Type only, we put what it lacks: the name of the sending member (whose record is it, whatever way
 * it came?) and the TTL (`expires` is a time of the sender's clock, which may be wrong).
 */
#ifndef DISCOVERY_MICRO_UPDATE_H
#define DISCOVERY_MICRO_UPDATE_H

#include "config/memory.h"
#include "sidecar/core/text.h"
#include "sidecar/core/why.h"

enum micro_action { MICRO_CREATE = 1, MICRO_DELETE = 2 };

struct micro_update {
    uint64_t expires_ns; /* since 1970; 0: never */
    enum micro_action action;
    uint64_t ttl_ms;      /* 0: it does not say */
    struct slice member;  /* who sent it; empty: it does not say */
    struct slice service; /* JSON */
};

/* Appends. ERR_TOO_LARGE or ERR_NO_MEMORY. */
enum err micro_update_write(struct text *out, const struct micro_update *u);
/* What `u` points to is in `m`. ERR_UNSUPPORTED: some other message, which is nobody's mistake; ERR_BAD_RECORD,
 * ERR_NO_MEMORY (past the memory's limit, too). */
enum err micro_update_read(struct micro_update *u, struct slice bytes, struct memory *m,
                           struct why *w);

#endif
