/* pool.h - idle connections to one instance, the warmest first.
 *
 *   pool_lease > in use > pool_return (or connection_close)
 *
 * A connection is idle for at most the instance's limit: 4 s until a `Keep-Alive: timeout=` or an observed FIN
 * teaches another. Those beyond `pool.idle` stay for a second: between the waves of many requests at once they are
 * needed again at once. It stays readable while idle, so a FIN is seen at once; what the kernel knows and libuv
 * has not said yet is looked up before reuse where that race is likely (idle for a while). Belongs to one loop.
 */
#ifndef SIDECAR_POOL_H
#define SIDECAR_POOL_H

#include "sidecar/service.h"

struct connection;

enum { POOL_TRUST_MS = 50, POOL_TRUST_LITTLE_MS = 5 };

/* The warmest usable idle connection, or NULL. Idle for `trusted_ms` or longer, a close may have come that libuv has
 * not told yet: then the kernel is asked. */
struct connection *pool_lease(struct upstream *u, uint64_t now, uint64_t trusted_ms);
/* It has nothing under way. Kept, or closed when the instance is gone. */
void pool_return(struct connection *c, uint64_t now);
/* How long the next one to be looked at may have been idle. */
uint64_t pool_idle_limit(const struct upstream *u);
/* It died or was closed while idle. */
void pool_forget(struct connection *c);
/* `Keep-Alive: timeout=5` (RFC 2068 §19.7.1.1, still what servers send): stay a second below. */
void pool_learn_hint(struct upstream *u, struct slice keep_alive);
/* The server closed it after so long. */
void pool_learn_end(struct upstream *u, uint64_t idle_ms);
/* Closes all idle ones. */
void pool_clear(struct upstream *u);

#endif
