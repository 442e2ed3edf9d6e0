/* gossip_seeds.h - whom to ask first: the hosts of the URL, each with all addresses that its name has just now.
 *
 *   gossip_seeds_init > (gossip_seeds_resolve --> resolved)* > gossip_seeds_fini
 *
 * Names are looked up by the system's resolver, off the loop, anew for each round: a headless service has other
 * addresses an hour later.
 */
#ifndef DISCOVERY_GOSSIP_SEEDS_H
#define DISCOVERY_GOSSIP_SEEDS_H

#include "transport/loop.h"
#include "transport/socket.h"

enum { GOSSIP_PORT = 7946, GOSSIP_HOSTS = 16, GOSSIP_SEEDS = 64 };

struct gossip_seeds;

struct gossip_seed_host {
    struct gossip_seeds *seeds;
    struct slice host; /* lent by the URL */
    unsigned port;
};

struct gossip_seeds {
    struct loop *loop;
    void *owner;
    /* `addresses` are there, or none: then w says why. Once for each gossip_seeds_resolve(), never from inside it. */
    void (*resolved)(struct gossip_seeds *s, enum err e, const struct why *w);
    struct gossip_seed_host hosts[GOSSIP_HOSTS];
    unsigned host_count;
    struct address addresses[GOSSIP_SEEDS];
    unsigned count;
    unsigned asked; /* look-ups that run */
    struct list lookups;
    enum err error;
    struct why why;
    struct timer done;
};

/* ERR_BAD_VALUE: one is no host. `hosts` is lent. */
enum err gossip_seeds_init(struct gossip_seeds *s, struct slice hosts, struct why *w);
void gossip_seeds_resolve(struct gossip_seeds *s);
/* Running look-ups end by themselves, and tell nobody. */
void gossip_seeds_stop(struct gossip_seeds *s);

#endif
