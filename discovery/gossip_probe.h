/* gossip_probe.h - is it there? SWIM's failure detector: each second one member is asked, in turn.
 *
 *   ping --ack--> fine
 *     '--500 ms--> three others are asked to ping it, and it gets a ping by TCP
 *                     '--the second is over--> suspect (gossip_members.h)
 *
 * Others' pings are answered, and relayed for those who can't reach somebody. How well *we* do is counted as memberlist
 * does (Dadgar, Phillips, Currey 2018): who misses answers and the nacks of his helpers, too, asks less often and so
 * accuses less. A probe whose time ran out much too late says nothing: it was us who stood still.
 */
#ifndef DISCOVERY_GOSSIP_PROBE_H
#define DISCOVERY_GOSSIP_PROBE_H

#include "discovery/gossip_members.h"

enum {
    GOSSIP_PROBE_TIMEOUT_MS = 500,
    GOSSIP_PROBE_HELPERS = 3,
    GOSSIP_RELAYS = 64,
    GOSSIP_UNWELL_MAX = 7,
};

struct gossip_probe;

struct gossip_probe_ops {
    /* One datagram, with news added. */
    void (*send)(struct gossip_probe *p, const struct address *to,
                 const struct gossip_message *m);
    /* A ping by TCP; gossip_probe_acked() if it is answered. */
    void (*ping_by_tcp)(struct gossip_probe *p, const struct address *to,
                        const struct gossip_message *ping);
};

/* A ping for somebody else. */
struct gossip_relay {
    struct gossip_probe *probe;
    struct timer timer;
    struct address asker;
    uint32_t sequence; /* ours */
    uint32_t theirs;
    bool nack;
};

struct gossip_probe {
    struct gossip_members *members;
    const struct gossip_probe_ops *ops;
    void *owner;
    uint32_t sequence;
    struct gossip_member *target; /* NULL: none is asked just now */
    uint32_t target_sequence;
    uint64_t deadline;
    unsigned helpers, nacks;
    unsigned unwell;   /* 0: we are fine */
    struct timer next; /* the next round, or the end of this one */
    struct timer patience;
    struct gossip_relay relays[GOSSIP_RELAYS];
};

/* members, ops and owner are set by the caller, the rest is zero. */
void gossip_probe_start(struct gossip_probe *p);
void gossip_probe_stop(struct gossip_probe *p);
/* A ping, ask, ack or nack. */
void gossip_probe_hear(struct gossip_probe *p, const struct address *from,
                       const struct gossip_message *m);
void gossip_probe_acked(struct gossip_probe *p, uint32_t sequence);
/* The member's memory goes. */
void gossip_probe_forget(struct gossip_probe *p, const struct gossip_member *who);

#endif
