/* connection.h - one connection to an instance, used by one request at a time.
 *
 *   connection_open --LATER--> connected > [ in use by a call > idle in the pool ]* > closed
 *
 * Holds a reference of its upstream. Frees itself when its socket has closed.
 */
#ifndef SIDECAR_CONNECTION_H
#define SIDECAR_CONNECTION_H

#include "sidecar/service.h"
#include "transport/http_reader.h"
#include "transport/socket.h"

struct worker;
struct call;

struct connection {
    struct socket socket;
    struct http_reader reader;
    struct worker *worker;
    struct upstream *upstream;
    struct call *call;  /* who uses it; NULL: idle or closing */
    struct list idle;   /* in the pool of the upstream */
    struct list all;    /* in the worker's ring */
    struct timer timer; /* connect limit, then idle limit (looked at lazily) */
    uint64_t idle_since_ms;
    uint32_t uses;
    bool connected;
    bool closing;
    bool finishing;
    size_t queued; /* finishing: when it was looked at last */
};

/* Starts connecting for `call`: port_connected() comes. NULL: failed at once, *e says why. */
struct connection *connection_open(struct worker *w, struct upstream *u,
                                   struct call *call, uint64_t connect_timeout_ms,
                                   enum err *e);
/* Silent from now on; goes when the socket has closed. */
void connection_close(struct connection *c);
/* Its FIN was sent, or waits behind what is queued: closes once that has gone, or moves no more. */
void connection_finish(struct connection *c);

#endif
