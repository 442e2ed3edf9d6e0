/* gossip_user_state.h - what go-micro's members give each other at a join: all Services they know.
 *
 *   {"greeter":[{"name":"greeter",...,"nodes":[...]}, ...], ...}
 *
 * A Service of ours has one node and, where go-micro looks for nothing, `"lease":{"ms":29000,"ns":1700000000000000000,
 * "member":"csidecar-a-1f"}`: how long it still holds, its end as the one who registered it said, and whose it is. So
 * records that pass from csidecar to csidecar do not become immortal, as they do in go-micro.
 */
#ifndef DISCOVERY_GOSSIP_USER_STATE_H
#define DISCOVERY_GOSSIP_USER_STATE_H

#include "discovery/gossip_records.h"
#include "discovery/micro_service.h"

enum { GOSSIP_STATE_LIMIT = 4 * 1024 * 1024 };

/* Appends all that is there. What is too much is left out. */
void gossip_user_state_write(struct text *out, struct gossip_records *r,
                             const char *self);

/* Each Service in it, as JSON: the text is cut without being taken apart, so each is bounded alone. ERR_NOT_FOUND: no
 * more; ERR_BAD_RECORD: it is no such thing from here on. */
enum err gossip_user_state_next(struct slice *rest, struct slice *service);

/* What a Service says of its lease: zero and empty where it says nothing. */
struct gossip_lease_said {
    uint64_t ms, ns;
    struct slice member; /* lent by `root` */
};
struct gossip_lease_said gossip_lease_read(const json_t *root);

#endif
