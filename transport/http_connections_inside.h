/* http_connections_inside.h - a connection, between http_client.c, which speaks on it, and http_connections.c, which
 * keeps it meanwhile. */
#ifndef TRANSPORT_HTTP_CONNECTIONS_INSIDE_H
#define TRANSPORT_HTTP_CONNECTIONS_INSIDE_H

#include "transport/http_client.h"

/* To whom it leads. */
struct http_connection_key {
    char host[HOST_LIMIT + 1];
    unsigned port;
    struct tls_client *tls;
};

struct http_connection {
    struct client_stream stream;
    struct http_connection_key key;
    struct http_call *call;         /* it serves; NULL: none any more */
    struct http_connections *store; /* while it is kept there, or closes there */
    struct list node;
    struct timer idle;
    bool was_kept; /* it has carried an answer before */
};

/* A kept one that leads there, or NULL. */
struct http_connection *http_connections_take(struct http_connections *c,
                                              const struct http_connection_key *key);
/* One that leads there was silent for too long: the network may have lost them all, and who takes another would only wait
 * as long again. They are closed. */
void http_connections_doubt(struct http_connections *c,
                            const struct http_connection_key *key);
/* It is quiet, and nobody's. */
void http_connections_keep(struct http_connections *c,
                           struct http_connection *connection);
/* Of one that is kept: it says something, or ends, or has closed. */
void http_connections_lost(struct http_connection *connection);
void http_connections_closed(struct http_connection *connection);

#endif
