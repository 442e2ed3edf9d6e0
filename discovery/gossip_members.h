/* gossip_members.h - who is in the ring: SWIM's table (Das, Gupta, Motivala 2002) with memberlist's rules.
 *
 *            alive (a higher incarnation, or unknown)
 *      .-----------------------------------------------------.
 *      v                                                     |
 *   ALIVE --suspect--> SUSPECT --nobody refuted in time--> DEAD --an hour--> (forgotten)
 *      |                  |                                  ^
 *      '------------------'---- dead, said by others --------'     said by itself: LEFT
 *
 * An incarnation is a member's own count: only it makes a new one, to refute what is said of it. What is said of us is
 * refuted here, at once. News go out by gossip_members_news(): each piece a few times, to whomever we speak to next
 * (RETRANSMITS * log10 of the ring's size), always as the member's present state, so there is at most one piece for
 * each member.
 *
 * Pure but for timers: belongs to one clock. Bounded: MEMBERS_LIMIT. Members stay where they are until `gone`.
 */
#ifndef DISCOVERY_GOSSIP_MEMBERS_H
#define DISCOVERY_GOSSIP_MEMBERS_H

#include "discovery/gossip_packet.h"
#include "sidecar/core/clock.h"
#include "sidecar/core/map.h"
#include "sidecar/core/random.h"

/* memberlist's for a LAN (config.go). */
enum {
    GOSSIP_PROBE_MS = 1000,
    GOSSIP_SUSPICION_MULT =
        4, /* times log10 of the ring's size, times a probe interval */
    GOSSIP_SUSPICION_MAX_MULT = 6, /* as long as nobody else suspects it, too */
    GOSSIP_CONFIRMATIONS = 2,      /* by others, that make it as short as it may be */
    GOSSIP_RETRANSMITS = 4,
    GOSSIP_TELL_DEAD_MS = 30 * 1000, /* so it learns of it and may refute */
    GOSSIP_FORGET_MS = 60 * 60 * 1000,
    GOSSIP_MEMBERS_LIMIT = 5000,
};

enum gossip_state { GOSSIP_IS_ALIVE, GOSSIP_IS_SUSPECT, GOSSIP_IS_DEAD, GOSSIP_HAS_LEFT };

struct gossip_members;

struct gossip_member {
    struct list node; /* of all, in no order that means something */
    struct list news; /* in the queue of what is to be told; else alone */
    struct gossip_members *members;
    char *name;
    char *meta; /* the application's, handed on as it is */
    size_t meta_size;
    char versions[GOSSIP_VERSIONS];
    struct address address;
    uint32_t incarnation;
    enum gossip_state state;
    uint64_t since;     /* of the clock: when the state began */
    unsigned told;      /* how often the news went out */
    struct timer timer; /* suspect: dead then; dead: forgotten then */
    uint64_t due;
    char *suspectors[GOSSIP_CONFIRMATIONS + 1];
    unsigned suspector_count;
    bool is_asked; /* the owner's: an exchange with it runs */
};

struct gossip_members_events {
    /* It came, or its state or address changed from `before`; of a new one before is GOSSIP_IS_DEAD. Not for us. */
    void (*changed)(struct gossip_members *m, struct gossip_member *who,
                    enum gossip_state before);
    /* Its memory goes when this returns. May be NULL. */
    void (*gone)(struct gossip_members *m, struct gossip_member *who);
    /* Somebody else calls itself as we do, or the table is full: said once each by the owner. May be NULL. */
    void (*complain)(struct gossip_members *m, struct slice name, const char *reason);
};

struct gossip_members {
    struct clock *clock;
    struct random *random;
    const struct gossip_members_events *events;
    void *owner;
    struct map by_name;
    struct list all;  /* without us */
    struct list news; /* the least told first */
    struct gossip_member *self;
    unsigned alive; /* or suspect; without us */
    bool leaving;   /* what is said of us is true then */
};

/* `name` is copied. ERR_NO_MEMORY. */
enum err gossip_members_init(struct gossip_members *m, struct slice name,
                             const struct address *address);
void gossip_members_fini(struct gossip_members *m);

/* What was heard, by a message or a row of a push/pull. `from` of a row is us. ERR_BAD_RECORD: it makes no sense. */
enum err gossip_members_hear(struct gossip_members *m, const struct gossip_message *said);
enum err gossip_members_merge(struct gossip_members *m, const struct gossip_message *row);
/* We had no answer from it. */
void gossip_members_suspect(struct gossip_members *m, struct gossip_member *who);
/* A new incarnation of us: something about us changed, or was said wrongly. */
void gossip_members_refute(struct gossip_members *m, uint32_t accused);
/* Says once more who we are: to those a seed has told us of. */
void gossip_members_introduce(struct gossip_members *m);
/* We are LEFT, and say so. */
void gossip_members_leave(struct gossip_members *m);

struct gossip_member *gossip_members_find(const struct gossip_members *m,
                                          struct slice name);
/* Whose address and port this is; NULL: nobody's who is alive. With port 0: the only one with this IP. */
struct gossip_member *gossip_members_at(const struct gossip_members *m,
                                        const struct address *a);
/* Is any on this IP alive or suspect? */
bool gossip_members_on_host(const struct gossip_members *m, const struct address *host);
/* Up to `count` different ones that are alive or suspect (or lately dead, where they are to hear of it), at random. */
unsigned gossip_members_pick(struct gossip_members *m, struct gossip_member **out,
                             unsigned count, bool with_dead,
                             const struct gossip_member *but);
/* One that is dead and did not leave, at random; NULL: there is none. */
struct gossip_member *gossip_members_pick_dead(struct gossip_members *m);

/* The present state of a member as a message, or as a row; lent by it. */
struct gossip_message gossip_member_news(const struct gossip_member *who);
struct gossip_message gossip_member_row(const struct gossip_member *who);
/* Adds what is to be told to a datagram, as far as there is room. */
void gossip_members_news(struct gossip_members *m, struct gossip_compound *c);
bool gossip_members_have_news(const struct gossip_members *m);

static inline bool gossip_member_is_here(const struct gossip_member *m)
{
    return m->state == GOSSIP_IS_ALIVE || m->state == GOSSIP_IS_SUSPECT;
}

static inline struct gossip_member *gossip_member_of(struct list *node)
{
    return container_of(node, struct gossip_member, node);
}

#endif
