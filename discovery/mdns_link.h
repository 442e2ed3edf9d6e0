/* mdns_link.h - multicast DNS on this host's interfaces: sockets in, sockets out, and
 * whom to believe.
 *
 *   mdns_link_open > [ received ... | changed ... | mdns_link_ask, _tell, _reply ] >
 * mdns_link_close > closed
 *
 * Per family two sockets: one on port 5353, shared with every other responder of the host
 * (SO_REUSEADDR), hears what is sent to the group and speaks as a responder; one on a
 * port of its own asks, for an answer by unicast to 5353 would reach only one of those
 * who share it. The group is joined on every interface that is up, lo too (go-micro asks
 * on the default one, which may be lo), and again when interfaces come. Packets from
 * strangers (see mdns_network.h) are dropped here. Belongs to one loop.
 */
#ifndef DISCOVERY_MDNS_LINK_H
#define DISCOVERY_MDNS_LINK_H

#include "discovery/mdns_network.h"
#include "transport/loop.h"

enum { MDNS_INTERFACES_LIMIT = 128, MDNS_LOOK_MS = 3000 };

enum mdns_socket_kind {
    MDNS_HEAR_V4,
    MDNS_HEAR_V6,
    MDNS_ASK_V4,
    MDNS_ASK_V6,
    MDNS_SOCKETS
};

struct mdns_link;

struct mdns_socket {
    uv_udp_t udp;
    struct mdns_link *link;
    bool open;
};

struct mdns_interface {
    unsigned index; /* of the system */
    bool v4, v6;    /* it has an address of this family */
    struct in_addr
        ip; /* its first of IPv4: lo's would not be taken as the source by itself */
    bool joined_v4, joined_v6;
};

/* Where a packet came from. */
struct mdns_origin {
    struct address address;
    bool is_own; /* this host */
};

/* Copied, but what it points to is lent for the link's life. */
struct mdns_link_settings {
    struct loop *loop;
    const struct texts *sources;    /* see mdns_sources_parse() */
    const struct texts *interfaces; /* by name; empty: all */
    void *owner;
    /* The packet is lent for the call. */
    void (*received)(struct mdns_link *link, struct slice packet,
                     const struct mdns_origin *from);
    /* An interface was joined later than at the start: say again who we are. */
    void (*changed)(struct mdns_link *link);
    /* It frees itself after this. */
    void (*closed)(struct mdns_link *link);
};

struct mdns_link {
    struct mdns_link_settings settings;
    struct mdns_sources sources;
    struct mdns_socket sockets[MDNS_SOCKETS];
    unsigned open; /* sockets not yet closed */
    bool stillborn;
    struct mdns_interface interfaces[MDNS_INTERFACES_LIMIT];
    unsigned interface_count;
    struct mdns_network networks[MDNS_NETWORKS_LIMIT]; /* this host's addresses */
    unsigned network_count;
    struct timer look;
};

/* ERR_ADDRESS_IN_USE and others: w says what; then *link is NULL. */
enum err mdns_link_open(struct mdns_link **link, const struct mdns_link_settings *s,
                        struct why *w);
/* To the group on each interface, from our own port: a question. On how many interfaces
 * it went out. */
unsigned mdns_link_ask(struct mdns_link *link, struct slice packet);
/* The same from port 5353: announcements and goodbyes. */
unsigned mdns_link_tell(struct mdns_link *link, struct slice packet);
/* To one peer, from port 5353. */
void mdns_link_reply(struct mdns_link *link, const struct mdns_origin *to,
                     struct slice packet);
void mdns_link_close(struct mdns_link *link);

#endif
