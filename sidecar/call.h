/* call.h - a request on its way: the exchange that decides, and what its port works with.
 *
 * Taken from the worker's spares when the first byte of a request comes, and given back at its end; an idle
 * client connection has none.
 */
#ifndef SIDECAR_CALL_H
#define SIDECAR_CALL_H

#include "sidecar/core/queue.h"
#include "sidecar/exchange.h"
#include "sidecar/rewrite.h"
#include "transport/http_reader.h"
#include "transport/http_writer.h"

struct worker;
struct downstream;
struct connection;

struct call {
    struct exchange x; /* first */
    struct list spare;
    struct worker *worker;
    struct downstream *down;
    struct connection *up; /* of the present attempt */

    /* The request; slices are in the arena. */
    const struct http_head *head; /* lent during the head's callback only */
    enum http_method method;
    unsigned minor;
    enum http_framing framing;
    uint64_t length;
    enum route_form form;
    struct request_text text;
    struct slice prefix, client_host;
    const char *hint;       /* for an answer of our own making */
    struct slice upgrade;   /* what a tunnel was asked for; empty: none */
    struct arena_mark mark; /* before the attempt */

    /* Its body: what came before the instance could take it, or may be needed again. */
    struct queue replay;
    bool keeps_replay;     /* body bytes are copied into `replay` */
    bool out_started;      /* the writer `out` is this attempt's */
    bool request_read;     /* the client's message is complete */
    bool out_ended;        /* and so is what we sent */
    bool out_broken;       /* the instance takes no more of it; it may still answer */
    enum err out_failed;   /* of the writer, between two flushes */
    bool expects;          /* the client waits for a 100 */
    struct slice trailers; /* of the request, whole lines */
    bool last_hop;         /* Max-Forwards: 0: answered here */
    bool down_paused;   /* the client is not read: the instance takes no more just now */
    bool up_paused;     /* the same the other way */
    bool rate_paused;   /* down_paused, now or earlier in the rate window */
    uint64_t rate_mark; /* body bytes at the start of the rate window */
    struct timer rate;
    struct timer sending; /* a body on its way out, that takes some time */
    size_t unsent;        /* when it was looked at last; then of the answer, for `idle` */

    /* The response. */
    const struct http_head *response; /* lent during its callback only */
    unsigned status;
    bool response_ended;
    bool reusable;   /* the instance's connection, after this */
    bool close_down; /* the client's connection ends after this */
    bool last;       /* the client said so, and sends nothing after this head */
    bool abort_down; /* with a reset: a FIN would make a cut body look whole */
    bool tunnel, tunnel_up_ended, tunnel_down_ended;
    struct slice response_trailers;
    struct timer idle; /* while relaying */
    uint64_t moved_ms;

    /* For the log. */
    uint64_t bytes_in, bytes_out;
    struct slice log_method,
        log_target; /* of a refused one; else they are in text.line */
    enum err outcome;
    bool started;  /* the exchange runs, or ran */
    bool finished; /* it is over: to be recycled as soon as no callback is under way */
    struct slice service_name;

    /* Last, as they need no clearing: call_take() begins them. */
    struct arena arena;
    struct http_reader reader; /* of requests */
    char instance_id[64];      /* of the last attempt, perhaps cut */
    struct http_writer out;    /* to the instance */
    struct http_writer in;     /* to the client */
};

struct call *call_take(struct worker *w, struct downstream *d);
/* The exchange has finished, or never started. */
void call_recycle(struct call *c);

#endif
