/* gossip_parts.h - what the files of the gossip registry share; nobody else includes it.
 *
 *   registry_gossip.c     the backend: options, open, close; whose message is whose
 *   gossip_place.c        the address to bind to, and the one that others get
 *   gossip_ring.c         are we in the ring, alone, or cut off? whom watches and leases ask
 *   gossip_join.c         seeds, push/pull, asking the dead and the living again
 *   gossip_publish.c      put, renew, remove: our Updates to every member
 *   gossip_hearing.c      others' Updates and states become records
 *   gossip_watch.c        records become what watches are told
 *
 * Below them, each for itself: gossip_members.h, gossip_probe.h, gossip_records.h, gossip_link.h.
 */
#ifndef DISCOVERY_GOSSIP_PARTS_H
#define DISCOVERY_GOSSIP_PARTS_H

#include "discovery/complaints.h"
#include "discovery/gossip_exchange.h"
#include "discovery/gossip_members.h"
#include "discovery/gossip_probe.h"
#include "discovery/gossip_records.h"
#include "discovery/gossip_seeds.h"
#include "discovery/registry.h"

enum {
    GOSSIP_TICK_MS = 200,
    GOSSIP_FANOUT = 3,
    GOSSIP_UPDATE_BY_UDP = 1300, /* bytes; longer ones go by TCP */
};

/* May what the ring says be believed? */
enum gossip_standing {
    GOSSIP_JOINING, /* no seed has answered or refused yet */
    GOSSIP_IN,      /* members answer; or there is nobody to be asked */
    GOSSIP_AWAY,    /* alone although there are seeds, or nobody is heard */
};

/* What we said of a lease to all, and say again. */
struct gossip_publication {
    struct list node;
    struct gossip *gossip;
    struct registry_lease
        *lease; /* NULL: it was removed, and the word of it is said once more */
    char *service, *id;
    struct text json;
    uint64_t ttl_ms;
    uint64_t ends_ns; /* of the wall clock, as last said */
    uint64_t ends_ms; /* the same of the loop's */
    bool is_published;
    struct timer again; /* datagrams are lost */
    unsigned repeats;
    /* The operation that is to be answered. */
    struct list pending;
    enum gossip_operation {
        GOSSIP_NOTHING,
        GOSSIP_PUT,
        GOSSIP_RENEW,
        GOSSIP_REMOVE
    } operation;
};

struct gossip {
    struct registry base;
    /* Options. */
    const char *bind;
    const char *advertise;
    const char *key;
    const char *name;
    struct gossip_crypt crypt;
    struct gossip_link *link;
    struct gossip_members members;
    struct gossip_probe probe;
    struct gossip_records records;
    struct gossip_seeds seeds;
    struct timer tick;  /* news, and is anybody heard? */
    struct timer turn;  /* what is due: watches, names, answers */
    struct timer round; /* the next join or heal */
    /* The ring. */
    enum gossip_standing standing;
    enum err trouble; /* why we are away */
    struct why why;
    bool is_heard;   /* since the last look */
    unsigned silent; /* seconds */
    unsigned look;   /* ticks until the next one */
    bool all_left;   /* the last member went by itself: nobody is missing */
    bool is_seed;    /* all seeds are us: nobody else is to be asked */
    /* The join. */
    unsigned pending; /* seeds not heard of in this round */
    bool round_joined;
    enum err round_error; /* the most telling one */
    struct why round_why;
    unsigned rounds_failed; /* one after the other */
    unsigned rounds_in;     /* since we were alone */
    bool has_adopted;       /* the ring's application versions */
    /* Watches and leases. */
    struct list fresh; /* watches not yet answered */
    bool watches_names, names_due;
    struct list publications;
    struct list answers; /* publications with an operation to be answered */
    struct complaints complaints;
    bool is_closing;
};

static inline struct gossip *gossip_of(struct registry *r)
{
    return (struct gossip *)r;
}

static inline struct clock *gossip_clock(struct gossip *g)
{
    return &g->base.loop->clock;
}

/* registry_gossip.c */

/* Said once for each pair of them, boundedly. */
void gossip_complain(struct gossip *g, const struct address *from, struct slice name,
                     const char *reason);
/* The next turn does what is due. */
void gossip_turn_soon(struct gossip *g);
/* A datagram with this message (NULL: none) and whatever news there are beside it. */
void gossip_say(struct gossip *g, const struct address *to,
                const struct gossip_message *m);
void gossip_tell(struct gossip *g, const struct gossip_member *to,
                 const struct gossip_message *m);

/* gossip_place.c */

enum err gossip_choose_bind(struct gossip *g, struct address *bind_to, struct why *w);
/* Once the link is open. */
enum err gossip_choose_advertise(struct gossip *g, struct address *out, struct why *w);

/* gossip_ring.c */

void gossip_ring_heard(struct gossip *g); /* somebody: anything */
void gossip_ring_tick(struct gossip *g);  /* each GOSSIP_TICK_MS */
/* Does anybody hear us? Also when what is heard is doubted. */
bool gossip_ring_reaches(const struct gossip *g);
void gossip_ring_look(struct gossip *g);   /* again: what has become of us? */
void gossip_ring_joined(struct gossip *g); /* a seed has answered */
void gossip_ring_refused(struct gossip *g, enum err e,
                         const struct why *w); /* none has */

/* gossip_join.c */

void gossip_join_start(struct gossip *g);
void gossip_join_stop(struct gossip *g);
/* Now, if no round is running. */
void gossip_join_soon(struct gossip *g);
/* Somebody began a push/pull. */
void gossip_join_answer(struct gossip *g, struct gossip_exchange *x,
                        struct gossip_heard *heard);
/* Its lease has ended here: does its member still say so? false: nobody can be asked. */
bool gossip_join_ask(struct gossip *g, struct gossip_record *record);

/* gossip_publish.c */

enum err gossip_put(struct registry *r, struct registry_lease *l);
enum err gossip_renew(struct registry *r, struct registry_lease *l);
enum err gossip_remove(struct registry *r, struct registry_lease *l);
/* Answers what waits for it, unless we are still joining. */
void gossip_publish_turn(struct gossip *g);
/* All of ours to one who just came; NULL: to all. */
void gossip_publish_to(struct gossip *g, const struct gossip_member *who);
/* Somebody deleted what is ours. */
void gossip_publish_again(struct gossip *g, const char *service, const char *id);
void gossip_publish_close(struct gossip *g);

/* gossip_hearing.c */

void gossip_hear_update(struct gossip *g, const struct address *from, bool by_udp,
                        struct slice bytes);
/* `asked`: the member whose own state it is, when we asked it for records whose lease has ended; else NULL. */
void gossip_hear_state(struct gossip *g, const struct address *from, struct slice state,
                       const char *asked);

/* gossip_watch.c */

enum err gossip_watch(struct registry *r, struct registry_watch *w);
void gossip_unwatch(struct registry *r, struct registry_watch *w);
enum err gossip_watch_names(struct registry *r);
void gossip_unwatch_names(struct registry *r);
void gossip_watch_turn(struct gossip *g);
/* The ring cannot be believed any longer. */
void gossip_watch_fail(struct gossip *g);
extern const struct gossip_records_events gossip_records_events;

#endif
