/* admin_micro.h - the API of the micro toolchain's sidecar at the local endpoint (compat: [micro]).
 *
 * The workers take its URLs for a service of our own, whose one instance is a Unix socket of the control loop: so calls
 * to it have the limits, the browser rules and the tunnels of any other. Control loop.
 */
#ifndef SIDECAR_ADMIN_MICRO_H
#define SIDECAR_ADMIN_MICRO_H

#include "sidecar/admin_parts.h"

/* No service can be called so: names do not begin with '_'. */
#define MICRO_SERVICE "_micro"

/* The list of that service; begins to listen when it is asked for first. The caller's reference; NULL: no memory. */
struct instance_list *admin_micro_list(struct admin *a);

/* admin_micro_watch.c: tells of changes by WebSocket; `name` "": of all services. */
void admin_micro_watch(struct admin *a, struct http_request *q, const char *name);
/* A list, or with NULL the set of names, has changed. */
void admin_micro_changed(struct admin *a, const char *service);
void admin_micro_close(struct admin *a);

#endif
