/* http_client.h - one request to one server, the simple way: for probes, registries and
 * the command line. Not the data path (that is sidecar/port.c).
 *
 *   http_call_start > answered (exactly once, also after http_call_cancel) >
 * http_call_fini
 *
 * The request and its answer are buffered (`limit`). A connection of its own, closed
 * before `answered` comes, or one of `connections`; so the memory may go then. For long polls and streamed answers
 * set `piece`, and the body is handed over as it comes instead. Redirects are an answer
 * like any other; 1xx are skipped.
 *
 * Errors: ERR_CONNECT_FAILED, ERR_CONNECT_TIMEOUT, ERR_TIMEOUT, ERR_UPSTREAM_RESET (no
 * answer came), ERR_TRUNCATED (a part of one), ERR_BAD_RESPONSE, ERR_TOO_LARGE,
 * ERR_NO_MEMORY, ERR_CANCELLED. `why` says more, to whom and what.
 */
#ifndef TRANSPORT_HTTP_CLIENT_H
#define TRANSPORT_HTTP_CLIENT_H

#include "sidecar/core/text.h"
#include "transport/client_stream.h"
#include "transport/http_connections.h"
#include "transport/http_reader.h"

struct http_call {
    /* Set by the caller before http_call_start(); all lent until `answered`. */
    struct address to;
    const struct client_target
        *server; /* in place of `to`: by name, and by TLS; or NULL */
    struct http_connections
        *connections;    /* kept ones to take, and to leave ours with; or NULL */
    struct slice method; /* empty: "GET" */
    struct slice target; /* "/healthz"; empty: "/" */
    struct slice host; /* of the Host field; empty: the address, or the server as named */
    struct slice fields; /* further whole lines "a: b\r\n", or empty */
    struct slice body;   /* with a Content-Length if not empty, or for POST, PUT, PATCH */
    uint64_t timeout_ms; /* of it all; 0: none */
    uint64_t connect_timeout_ms; /* 0: the above */
    size_t limit; /* of the answer's body; 0: 4 MiB. More is ERR_TOO_LARGE */
    bool once; /* a kept connection that has gone is an error: the caller has to know */
    void *owner;
    /* The connection is closed. status is 0 unless e == ERR_OK. */
    void (*answered)(struct http_call *c, enum err e);
    /* Optional: status and fields are there; the body may be long in coming. May cancel. */
    void (*begun)(struct http_call *c);
    /* Optional; status and fields are there. Not limited in size. May cancel. */
    void (*piece)(struct http_call *c, struct slice bytes);

    /* The answer. */
    unsigned status;
    struct text body_in; /* unless `piece` */
    struct text head_in; /* the fields as lines "name: value\n", for http_call_field() */
    uint64_t connected_after_ms, answered_after_ms;
    struct why why;

    /* Its own. */
    struct loop *loop;
    struct http_connection *connection;
    struct http_reader reader;
    struct http_scratch *scratch;
    struct timer timer; /* of the limit, then of telling */
    enum err result;
    uint64_t started;
    bool connected;
    bool running;    /* started, and nothing has ended it */
    bool keep_alive; /* as the answer's head said */
    bool repeated;   /* on a new connection, since a kept one had gone */
};

/* ERR_LATER, or an error at once (then `answered` does not come): ERR_BAD_VALUE when what
 * was set would not make one request, ERR_NO_MEMORY. */
enum err http_call_start(struct http_call *c, struct loop *l);
/* `answered` comes with ERR_CANCELLED, soon. Harmless when it is over, or never began. */
void http_call_cancel(struct http_call *c);
/* The value of the answer's first field of that name, or {NULL, 0}. */
struct slice http_call_field(const struct http_call *c, struct slice name);
/* Frees what the answer holds; may be started again after. */
void http_call_fini(struct http_call *c);

#endif
