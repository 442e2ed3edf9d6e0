/* egress.h - hosts that are no services, for clients whose http_proxy we are (`egress: true`).
 *
 * Such a host is a service of its own, named by its authority ("example.com:80", no name a registry may have), with
 * the addresses that DNS gives as its instances: so all policies hold for it. A registry that knows the name comes
 * first. Looked up on libuv's threads, again after half a minute, and never on an address we listen on ourselves.
 */
#ifndef SIDECAR_EGRESS_H
#define SIDECAR_EGRESS_H

#include "sidecar/worker.h"

/* `name`: what registries are asked for first; empty: none is. NULL: *e is ERR_LOOP (it is us), ERR_BAD_REQUEST (no
 * such authority), ERR_OVERLOADED or ERR_NO_MEMORY. */
struct service *egress_service(struct worker *w, struct slice authority,
                               struct slice name, enum err *e);
/* The registries have answered for `s`: who waited for that goes on. */
void egress_answered(struct worker *w, struct service *s);

#endif
