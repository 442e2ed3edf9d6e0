/* gossip_exchange.h - one message over TCP and, where there is one, its answer; then the connection ends.
 *
 *   we begin:      gossip_exchange_begin --> answered(OK, heard | an error)      once, unless the link was closed
 *   others begin:  the link's `heard` event --> gossip_exchange_reply()          or nothing
 *
 * Bounded: EXCHANGES_LIMIT at once, each by GOSSIP_STREAM_LIMIT and EXCHANGE_MS, all by EXCHANGES_BYTES.
 */
#ifndef DISCOVERY_GOSSIP_EXCHANGE_H
#define DISCOVERY_GOSSIP_EXCHANGE_H

#include "discovery/gossip_link.h"

enum {
    GOSSIP_GUESTS_LIMIT =
        128, /* begun by others; more are turned away, as memberlist does */
    GOSSIP_EXCHANGES_LIMIT = 512,              /* with ours */
    GOSSIP_EXCHANGES_BYTES = 64 * 1024 * 1024, /* heard, of all together */
    GOSSIP_EXCHANGE_MS = 10 * 1000,
};

/* What to do; copied, and `subject` with it. */
struct gossip_request {
    struct address to;
    const char *subject;  /* the asker's own note: x->subject; NULL: "" */
    struct slice message; /* as it goes into the clear; needed for the call only */
    bool no_answer;       /* done when the other side has got it */
    uint64_t limit_ms;    /* 0: GOSSIP_EXCHANGE_MS */
    void *owner;
    /* `heard` is lent for the call. An error comes with x->why: "10.0.0.5:7946: connection refused". May be NULL. */
    void (*answered)(struct gossip_exchange *x, enum err e, struct gossip_heard *heard);
};

struct gossip_exchange {
    struct list node;
    struct gossip_link *link;
    struct socket socket;
    struct gossip_request request;
    struct text in;
    struct text out;
    struct gossip_stream stream;
    struct timer timer;
    struct address peer;
    bool is_guest;
    bool is_heard; /* its message is whole */
    bool is_answered;
    bool is_over;
    enum err result;
    struct why why;
    char subject[GOSSIP_NAME_LIMIT + 1];
};

/* ERR_LATER, or why nothing was begun (then `answered` does not come). */
enum err gossip_exchange_begin(struct gossip_link *l, const struct gossip_request *r);
/* Answers a guest, in the link's `heard`; then it is over. */
void gossip_exchange_reply(struct gossip_exchange *x, struct slice message);

/* The link's. */
void gossip_exchanges_serve(struct gossip_link *l);
void gossip_exchanges_close(struct gossip_link *l);
void gossip_link_exchange_ended(struct gossip_link *l);

#endif
