/* dns_lookup.h - where a name leads, by DNS: A and AAAA (RFC 1035, 3596), or SRV (RFC 2782). c-ares, on our loop.
 *
 *   dns_open > [ dns_lookup_host | dns_lookup_srv > answered ]* > dns_close > closed
 *
 * Of SRV records those of the lowest priority number there is count; weight 0 is taken for 1, as nothing better is said.
 * Truncated answers are asked for again by TCP. Names in /etc/hosts count for hosts. Belongs to one loop.
 */
#ifndef DISCOVERY_DNS_LOOKUP_H
#define DISCOVERY_DNS_LOOKUP_H

#include "discovery/mdns_packet.h"
#include "sidecar/core/why.h"
#include "transport/address.h"
#include "transport/loop.h"

enum { DNS_TARGETS_LIMIT = 4096, DNS_NAME_LIMIT = 255 };

struct dns;

struct dns_target {
    struct address address;
    uint32_t weight;
};

/* Zeroed but for `answered` and `owner`, it may be used, and again after each answer. */
struct dns_lookup {
    void *owner;
    /* Once, never from inside a call, not after dns_lookup_cancel(). ERR_OK; ERR_NOT_FOUND: there is no such name, or
     * none of this type; ERR_UNAVAILABLE, ERR_TIMEOUT: the servers can't say (`why`); ERR_NO_MEMORY. */
    void (*answered)(struct dns_lookup *l, enum err e);
    struct dns_target *targets; /* until the next lookup, or dns_lookup_fini() */
    unsigned count;
    uint64_t ttl_ms; /* the shortest there was */
    struct why why;
    /* Its own. */
    struct dns *dns;
    struct timer turn;
    struct dns_question *questions; /* those that are out */
    unsigned pending;
    enum err result;
};

/* `servers`: "10.0.0.2,[::1]:5353", or empty for those of /etc/resolv.conf. */
enum err dns_open(struct dns **d, struct loop *l, struct slice servers, struct why *w);
/* Every lookup has been answered or cancelled. closed(owner) comes later; the memory has gone then. */
void dns_close(struct dns *d, void (*closed)(void *owner), void *owner);

void dns_lookup_host(struct dns_lookup *l, struct dns *d, const char *name,
                     unsigned port);
void dns_lookup_srv(struct dns_lookup *l, struct dns *d, const char *name);
/* Harmless when none is under way. */
void dns_lookup_cancel(struct dns_lookup *l);
void dns_lookup_fini(struct dns_lookup *l);

#endif
