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

#include "sidecar/call.h"
#include "sidecar/gateway.h"
#include "transport/socket.h"

enum downstream_timer { TIMER_IDLE, TIMER_HEAD, TIMER_HALF_CLOSED, TIMER_LINGER };

struct downstream {
    struct socket socket;
    struct list all; /* in the worker's ring */
    struct worker *worker;
    struct listening *listening; /* where it came in; a reference */
    struct call *call;
    struct queue tail;
    struct list advance; /* in the worker's ring of those whose next request waits */
    struct timer timer;  /* started seldom: it looks at active_ms */
    uint64_t active_ms;
    uint64_t
        mark; /* when it was looked at last: HALF_CLOSED: bytes_out; LINGER: bytes queued */
    uint8_t timer_mode;
    bool feeding;
    bool half_closed;
    bool lingering;
    bool closing;
};

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
