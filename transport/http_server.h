/* http_server.h - a small HTTP server for our own endpoints: admin, probes, metrics, own
 * API.
 *
 * Not the data path. Requests are buffered whole (at most `body_limit`), handled one at a
 * time per connection (what a client pipelines waits); an answer may come later, and a
 * long one may be streamed. What is malformed, too large or too slow is refused here, as
 * problem+json (RFC 9457) and with the connection closed. HEAD is handled as GET, its
 * body cut here. A client that closes while its request is being handled is gone.
 *
 *   server_open > server_listen... > handle(request) > respond... > server_close > closed
 */
#ifndef TRANSPORT_HTTP_SERVER_H
#define TRANSPORT_HTTP_SERVER_H

#include "sidecar/core/text.h"
#include "transport/http_reader.h"
#include "transport/listener.h"

struct http_server;

struct http_request {
    struct http_server *server;
    /* Of the request; lent until the answer is complete. */
    struct http_head head; /* slices are the request's own copy */
    struct slice path;     /* target without the query, not decoded */
    struct slice query;    /* after '?', or empty */
    struct slice body;
    struct address peer;
    void *owner; /* the handler's, NULL at first */
    /* Called when the connection dies before the answer is complete; then no response
     * call may follow. Set by a handler that answers later; may stay NULL for one that
     * answers at once. */
    void (*gone)(struct http_request *q);
    /* After server_upgrade(): what the client says in the new protocol, lent. May answer, and end. */
    void (*bytes)(struct http_request *q, struct slice bytes);
};

struct http_server {
    struct loop *loop;
    size_t body_limit;        /* 0: 1 MiB */
    uint64_t idle_ms;         /* between requests; 0: 60 s */
    uint64_t head_ms;         /* for a whole request; 0: 10 s */
    unsigned max_connections; /* 0: 256 */
    void *owner;
    /* Every request must be answered, now or later. What it lends is gone when a later
     * answer is complete; of an answer at once, when this returns. */
    void (*handle)(struct http_server *s, struct http_request *q);

    struct list listeners;
    struct list connections;
    unsigned connection_count;
    struct http_scratch scratch;
    struct arena_pool arenas;
    struct timer grace;
    void (*closed)(struct http_server *s);
    bool closing;
};

/* The caller sets the public members, zeroes the rest. */
enum err server_open(struct http_server *s, struct loop *l);
/* As often as there are addresses; the fd comes from listener_bind() and is taken, also on failure. */
enum err server_listen(struct http_server *s, int fd, struct why *w);
/* Stops listening, ends idle connections, gives busy ones `grace_ms`. `closed` (may be NULL) comes
 * later: the memory may go then. */
void server_close(struct http_server *s, uint64_t grace_ms,
                  void (*closed)(struct http_server *s));

/* The whole answer at once. `fields`: further whole lines or empty. */
void server_respond(struct http_request *q, unsigned status, struct slice content_type,
                    struct slice fields, struct slice body);
/* A streamed answer (chunked): start, pieces, end. Pieces past 1 MiB queued drop the
 * connection. */
void server_respond_start(struct http_request *q, unsigned status,
                          struct slice content_type, struct slice fields);
void server_respond_piece(struct http_request *q, struct slice bytes);
void server_respond_end(struct http_request *q);
/* 101: from here on the connection speaks another protocol (RFC 9110 §7.8), by server_respond_piece(), unframed, and
 * `bytes`, which must be set. `fields` names it: "Upgrade: websocket\r\n". server_respond_end() closes. Only where
 * head.upgrade is true and the request had no body. */
void server_upgrade(struct http_request *q, struct slice fields);
/* The decoded value of a query parameter into out (zero-terminated), or false. */
bool query_value(struct slice query, const char *name, char *out, size_t size);
/* Percent-decoding; false on a malformed one or when it does not fit. */
bool percent_decode(struct slice in, char *out, size_t size);

#endif
