/* http_connections.h - connections that http_calls keep for one another (RFC 9112 §9.3), by server.
 *
 * A call that names a store takes a kept connection to its server if there is one, and leaves its own there when the
 * answer ended cleanly and nobody said "Connection: close". A kept connection that turns out to be closed costs a
 * call nothing: before a byte of the answer came it is made again on a new one, once. Belongs to one loop.
 */
#ifndef TRANSPORT_HTTP_CONNECTIONS_H
#define TRANSPORT_HTTP_CONNECTIONS_H

#include "transport/client_stream.h"

enum {
    HTTP_KEPT_LIMIT = 16, /* in all; the oldest goes */
    HTTP_KEPT_IDLE_MS =
        50 *
        1000, /* then it is closed; servers' own limits are mostly a minute and more */
};

struct http_connections;

enum err http_connections_open(struct http_connections **c, struct loop *l);
/* When no call uses it. closed(owner) comes later, once; the memory has gone then. */
void http_connections_close(struct http_connections *c, void (*closed)(void *owner),
                            void *owner);

#endif
