/* downstream.h - one connection of a client, and the requests that come by it, one after the other.
 *
 *   IDLE --first byte--> HEAD --head complete--> BUSY --answered--> IDLE ...
 *     |                    | too slow: 408                 |  Connection: close, error, drain
 *     '--idle limit--------'-------------------------------'--> LINGERING --> closed
 *
 * An idle one holds no buffer and no call. Bytes that come while a request is being answered (pipelining) wait in a
 * bounded tail. LINGERING: our FIN is out, what still comes is read and thrown away for a while, so that the answer
 * isn't lost to a reset (RFC 9112 §9.6); not where the client itself said that nothing comes.
 */
#ifndef SIDECAR_DOWNSTREAM_H
#define SIDECAR_DOWNSTREAM_H

#include <assert.h>

#include "sidecar/call.h"
#include "sidecar/gateway.h"
#include "transport/socket.h"

enum downstream_timer { TIMER_IDLE, TIMER_HEAD, TIMER_HALF_CLOSED, TIMER_LINGER };

struct downstream {
    struct socket socket;
    struct list all;             /* in the worker's ring */
    struct listening *listening; /* where it came in; a reference */
    struct call *call;
    struct queue *tail;         /* NULL: empty */
    struct downstream *advance; /* behind it in the worker's row of those whose next
                                   request waits */
    struct timer timer;         /* started seldom: it looks at active_ms */
    uint64_t active_ms;
    uint32_t
        mark; /* HALF_CLOSED: bytes_out, LINGER: bytes queued: has it changed since? */
    uint8_t timer_mode;
    bool feeding : 1;
    bool half_closed : 1;
    bool lingering : 1;
    bool closing : 1;
    bool advances : 1; /* stands in that row */
};

/* An idle client costs this and a descriptor: 10,000 of them 4 MB. */
static_assert(sizeof(struct downstream) <= 392, "an idle connection has grown");

/* Seldom is there one: few clients send the next request before they have the answer. */
static inline size_t downstream_tail_size(const struct downstream *d)
{
    return d->tail ? queue_size(d->tail) : 0;
}

static inline struct worker *downstream_worker(const struct downstream *d)
{
    return d->listening->worker;
}

extern const struct http_reader_events downstream_request_events;

/* For the listener: a socket to accept into; NULL: too many, or no memory. */
struct socket *downstream_offer(struct listening *l);
void downstream_accepted(struct socket *s);
/* Its exchange has finished: the next request, or the end. Never from inside a feeding. */
void downstream_next(struct downstream *d);
/* The exchange finished: `close`: after what was written. */
void downstream_finished(struct downstream *d, bool close);
void downstream_abort(struct downstream *d);
/* Drain: idle ones end now, busy ones after their answer. */
void downstream_drain(struct downstream *d);
/* Reading is on or off as things are now. */
void downstream_read(struct downstream *d);
bool downstream_is_busy(const struct downstream *d);
void downstream_close(struct downstream *d);

#endif
