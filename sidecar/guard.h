/* guard.h - may this request drive the local endpoint at all?
 *
 * The endpoint is on loopback, but every web page in the user's browser can reach loopback. So a Host must
 * be one of ours (DNS rebinding), and a request that a browser marks as another origin's is refused (CSRF):
 * a foreign Origin, Sec-Fetch-Site: cross-site or same-site, a private-network preflight. A csidecar-service
 * field can't be sent by a page without a preflight, so it waives the Origin rule, never the Host rule. Pure.
 */
#ifndef SIDECAR_GUARD_H
#define SIDECAR_GUARD_H

#include "sidecar/route.h"

/* "127.0.0.1", "localhost", "[::1]" and all of 127/8, with or without a port. */
bool host_is_loopback(struct slice host);
/* Is it named by `proxy.allowed_hosts`? */
bool host_is_allowed(const struct gateway *g, struct slice host);
/* Without the port; brackets stay. */
struct slice host_without_port(struct slice authority);

/* ERR_OK, FORBIDDEN_ORIGIN or UNAUTHORIZED. */
enum err guard_browser(const struct gateway *g, const struct http_head *head,
                       struct slice host, const char **hint);
/* In the same time, wherever the first difference is. Nothing is like an empty secret. */
bool guard_secret_is(struct slice given, struct slice secret);
enum err guard_token(const struct gateway *g, const struct http_head *head,
                     const char **hint);

#endif
