/* mdns_parts.h - what the files of the mDNS registry share; nobody else includes it.
 *
 *   registry_mdns.c    the backend: open, close, which packet is whose
 *   mdns_responder.c   put, renew, remove; announcements, answers, goodbyes
 *   mdns_querier.c     watches: asks again and again, hears answers, announcements and
 * goodbyes mdns_sighting.c    from a packet to an instance
 */
#ifndef DISCOVERY_MDNS_PARTS_H
#define DISCOVERY_MDNS_PARTS_H

#include "discovery/mdns_browse.h"
#include "discovery/mdns_foreign.h"
#include "discovery/mdns_link.h"
#include "discovery/mdns_packet.h"
#include "discovery/mdns_record.h"
#include "discovery/registry.h"
#include "sidecar/core/random.h"

enum { MDNS_COMPLAIN_MS = 10000, MDNS_COMPLAINTS_KEPT = 64 };

/* Strangers' mistakes: each is logged once, and all of them at most a line each MDNS_COMPLAIN_MS. */
struct mdns_complaints {
    uint32_t logged[MDNS_COMPLAINTS_KEPT]; /* hashes of the last ones */
    unsigned next;
    uint64_t quiet_until;
    unsigned held_back;
};

struct mdns {
    struct registry base;
    int flavor;       /* enum mdns_flavor */
    const char *type; /* of MDNS_DNS_SD */
    const char *domain;
    struct texts interfaces;
    struct texts sources;
    struct mdns_link *link;
    struct list publishing; /* struct publishing */
    struct map questions;   /* "greeter.micro." -> struct asking */
    struct asking *names;   /* also in `questions`; NULL: not asked */
    struct mdns_complaints complaints;
    char txt[MDNS_PACKET_LIMIT];
    char packet[MDNS_PACKET_LIMIT]; /* of our own, until it is sent */
};

/* One question, asked as long as its answers are wanted. */
struct asking {
    struct mdns_browse browse;
    struct mdns *mdns;
    struct asking *twin;          /* another watch of the same service */
    struct registry_watch *watch; /* NULL: of the names */
    struct timer ask;
    struct timer collect;
    struct timer expire;
    unsigned by_name;      /* questions left to ask so in this round */
    bool delivered;        /* the names' first list */
    bool changed;          /* the names' */
    struct slice question; /* `name` */
    char name[MDNS_NAME_LIMIT + 1];
};

static inline struct mdns *mdns_of(struct registry *r)
{
    return container_of(r, struct mdns, base);
}

static inline struct clock *mdns_clock(struct mdns *m)
{
    return &m->base.loop->clock;
}

/* registry_mdns.c */
void mdns_complain(struct mdns *m, const struct mdns_origin *from, struct slice name,
                   const char *reason);

/* mdns_responder.c */
enum err mdns_put(struct registry *r, struct registry_lease *l);
enum err mdns_renew(struct registry *r, struct registry_lease *l);
enum err mdns_remove(struct registry *r, struct registry_lease *l);
void mdns_answer(struct mdns *m, struct slice query, const struct mdns_origin *from);
void mdns_announce_again(struct mdns *m);
/* The shortest heartbeat of what we publish: as fast we look after others. UINT64_MAX:
 * nothing published. */
uint64_t mdns_heartbeat(const struct mdns *m);
void mdns_responder_close(struct mdns *m);

/* mdns_querier.c */
enum err mdns_watch(struct registry *r, struct registry_watch *w);
void mdns_unwatch(struct registry *r, struct registry_watch *w);
enum err mdns_watch_names(struct registry *r);
void mdns_unwatch_names(struct registry *r);
void mdns_ask_again(struct mdns *m);
void mdns_querier_close(struct mdns *m);
/* At the latest then. */
void mdns_ask_within(struct asking *a, uint64_t ms);
/* It gave a sign of life; its first one. */
void mdns_heard(struct asking *a, struct mdns_known *k, uint32_t ttl_seconds);
void mdns_heard_first(struct asking *a, struct mdns_known *k, uint32_t ttl_seconds);
/* Tells the frame; it was forgotten before. */
void mdns_gone(struct asking *a, const char *id);

/* mdns_hearing.c */
void mdns_hear(struct mdns *m, struct slice response, const struct mdns_origin *from);

/* Of a service, or with NULL of the names: what is asked for. */
void mdns_question_name(const struct mdns *m, char out[MDNS_NAME_LIMIT + 1],
                        const char *service);

/* mdns_sighting.c: one instance as a packet shows it */
struct mdns_sighting {
    struct slice packet;
    const struct mdns_entry *srv;
    const struct mdns_origin *from;
    struct slice id;   /* the name without its service */
    struct slice txt;  /* its strings as one, in mdns.txt */
    struct slice data; /* the TXT as it stood */
    struct address address;
    uint32_t fingerprint; /* of address and TXT */
};

/* Fills address, txt and fingerprint; or says in w what is missing or not to be believed.
 */
enum err mdns_sighting_read(struct mdns_sighting *s, struct mdns *m, struct why *w);

#endif
