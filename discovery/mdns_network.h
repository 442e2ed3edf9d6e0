/* mdns_network.h - IP networks: which source addresses of multicast DNS are believed.
 * Pure. */
#ifndef DISCOVERY_MDNS_NETWORK_H
#define DISCOVERY_MDNS_NETWORK_H

#include "config/field.h"
#include "transport/address.h"

enum { MDNS_NETWORKS_LIMIT = 256, MDNS_SOURCES_LIMIT = 32 };

struct mdns_network {
    uint8_t ip[16];
    unsigned size;   /* 4 or 16 bytes of `ip` */
    unsigned prefix; /* bits */
};

/* The option `sources`: "local" (networks of this host's interfaces, and itself), "any",
 * or networks such as 10.0.0.0/8; a list of these believes whom any of them does. */
struct mdns_sources {
    bool any, local;
    struct mdns_network networks[MDNS_SOURCES_LIMIT];
    unsigned count;
};

/* The bytes of an IP address; their number (4 or 16), or 0 for a path. */
unsigned mdns_ip(const struct address *a, uint8_t out[16]);
/* "10.0.0.0/8", "fe80::/10", "192.168.1.7" (that one alone). */
enum err mdns_network_parse(struct mdns_network *n, struct slice text, struct why *w);
/* An address with its mask, as the system lists them. */
void mdns_network_of(struct mdns_network *n, const struct address *address,
                     const struct address *mask);
bool mdns_network_has(const struct mdns_network *n, const struct address *a);
/* Is this the network's very address? */
bool mdns_network_is(const struct mdns_network *n, const struct address *a);

/* No items: local. */
enum err mdns_sources_parse(struct mdns_sources *s, const struct texts *items,
                            struct why *w);
/* `own` are the addresses of this host's interfaces. No address (0.0.0.0) is what a neighbour or this host
 * itself sends to the group from an interface without one that fits: lo, mostly. */
bool mdns_sources_believe(const struct mdns_sources *s, const struct address *from,
                          const struct mdns_network *own, unsigned count);

#endif
