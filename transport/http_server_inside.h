/* http_server_inside.h - one connection of an http_server, between its three .c files.
 *
 *   WAITING > READING > HANDLING > WAITING ... > LINGERING > closed
 *      |         |          |                        |
 *      '---------+----------+-------- closed --------'
 */
#ifndef TRANSPORT_HTTP_SERVER_INSIDE_H
#define TRANSPORT_HTTP_SERVER_INSIDE_H

#include "sidecar/core/arena.h"
#include "transport/http_server.h"

enum connection_state {
    WAITING,   /* for a request's first byte */
    READING,   /* a request */
    HANDLING,  /* the handler has it and its answer is not complete */
    LINGERING, /* FIN sent; reads on so that the client gets our last words, not a RST */
};

struct server_connection {
    struct list node; /* of the server's connections */
    struct http_server *server;
    struct socket socket;
    struct http_reader reader;
    struct http_request request;
    struct arena arena;  /* the request's head */
    struct text body;    /* the request's */
    struct text pending; /* came while a request was handled */
    struct timer timer;  /* of the state; none while HANDLING */
    enum connection_state state;
    bool complete;   /* a whole request is here */
    bool in_handler; /* or its feeding: nothing is cleared beneath it */
    bool answered;   /* the answer is complete */
    bool keep_alive; /* as the answer's head said */
    bool
        streaming; /* the answer has begun, and may go on for as long as the client is there */
    bool has_body; /* of a streamed answer: not to HEAD, not of 204 */
    bool chunked;  /* its framing */
    bool upgraded; /* to another protocol: no more requests */
};

/* http_server_connection.c */
struct socket *server_connection_offer(struct listener *l);
void server_connection_accepted(struct listener *l, struct socket *s);
/* The answer is complete: to the next request, or the end. */
void server_connection_answered(struct server_connection *c);
/* Refuses what is being read, and closes. */
void server_connection_refuse(struct server_connection *c, enum err e,
                              const char *detail);
/* The server closes. */
void server_connection_retire(struct server_connection *c);
void server_connection_drop(struct server_connection *c);
/* http_server.c */
void server_forget_connection(struct http_server *s);

static inline bool server_connection_is_dead(const struct server_connection *c)
{
    return c->socket.closing;
}

#endif
