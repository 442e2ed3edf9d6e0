/* gossip_link.h - a member's place on the network: one port, UDP for datagrams and TCP for what is longer.
 *
 *   gossip_link_open > [ message ... | heard ... | gossip_link_send, gossip_exchange_begin ] > gossip_link_close > closed
 *
 * Datagrams are decrypted and taken apart here; what can't be is counted and told by `refused`, and nothing of it is
 * believed. Belongs to one loop. TCP conversations are gossip_exchange.h.
 */
#ifndef DISCOVERY_GOSSIP_LINK_H
#define DISCOVERY_GOSSIP_LINK_H

#include "discovery/gossip_packet.h"
#include "discovery/gossip_stream.h"
#include "transport/listener.h"

struct gossip_link;
struct gossip_exchange;

struct gossip_link_events {
    void (*message)(struct gossip_link *l, const struct address *from,
                    const struct gossip_message *m);
    /* Over TCP, from somebody who connected to us. gossip_exchange_reply() may be called in it. */
    void (*heard)(struct gossip_link *l, struct gossip_exchange *x,
                  struct gossip_heard *heard);
    void (*refused)(struct gossip_link *l, const struct address *from, enum err e,
                    const char *reason);
    /* It frees itself after this. */
    void (*closed)(struct gossip_link *l);
};

/* Copied; `crypt`, `events` and `owner` are lent for the link's life. */
struct gossip_link_settings {
    struct loop *loop;
    const struct gossip_crypt *crypt;
    const struct gossip_link_events *events;
    void *owner;
    struct address address; /* to bind to; port 0: a free one */
};

struct gossip_link {
    struct loop *loop;
    const struct gossip_crypt *crypt;
    const struct gossip_link_events *events;
    void *owner;
    struct address address; /* bound to, with the real port */
    uv_udp_t udp;
    struct listener listener;
    unsigned open; /* udp, listener: 0, 1 or 2 */
    struct list exchanges;
    unsigned exchange_count;
    unsigned guest_count;  /* of them begun by others */
    size_t exchange_bytes; /* that they hold */
    bool is_closing;
    bool is_stillborn;
    struct text packet; /* being written */
    struct text plain;  /* being read */
};

/* ERR_ADDRESS_IN_USE and others: w says what; then *link is NULL and no event comes. */
enum err gossip_link_open(struct gossip_link **link, const struct gossip_link_settings *s,
                          struct why *w);
/* One datagram; lost if the kernel has no room for it, as any may be. */
void gossip_link_send(struct gossip_link *l, const struct address *to,
                      const struct gossip_compound *c, bool checked);
/* Running exchanges end without a word. */
void gossip_link_close(struct gossip_link *l);

#endif
