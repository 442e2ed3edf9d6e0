/* gossip_message.h - what members of a memberlist ring say to each other (github.com/hashicorp/memberlist v0.1.5,
 * net.go), as msgpack maps behind a byte that says which.
 *
 *   ping  0  sequence, node ("" or the receiver's name)     suspect 3  incarnation, node, from
 *   ask   1  sequence, address, port, node, nack            alive   4  incarnation, node, address, port, meta, versions
 *   ack   2  sequence, payload                              dead    5  incarnation, node, from (== node or "": it left)
 *   nack 11  sequence                                       user    8  the application's bytes: `payload`
 *
 * Over TCP only: push/pull (6, see gossip_stream.h), a user message with its size in front (8), error (13).
 * Around them: compound 7, compressed 9, encrypted 10, checked 12 (gossip_packet.h).
 *
 * One struct for all: which members are meant is in the table of gossip_message.c. Slices are lent by what was read.
 */
#ifndef DISCOVERY_GOSSIP_MESSAGE_H
#define DISCOVERY_GOSSIP_MESSAGE_H

#include "discovery/gossip_msgpack.h"
#include "transport/address.h"

enum gossip_type {
    GOSSIP_PING = 0,
    GOSSIP_ASK = 1, /* "ping somebody for me" */
    GOSSIP_ACK = 2,
    GOSSIP_SUSPECT = 3,
    GOSSIP_ALIVE = 4,
    GOSSIP_DEAD = 5,
    GOSSIP_PUSH_PULL = 6,
    GOSSIP_COMPOUND = 7,
    GOSSIP_USER = 8,
    GOSSIP_COMPRESSED = 9,
    GOSSIP_ENCRYPTED = 10,
    GOSSIP_NACK = 11,
    GOSSIP_CHECKED = 12,
    GOSSIP_ERROR = 13,
    GOSSIP_NODE = 14,  /* one of a push/pull's, without a byte in front */
    GOSSIP_BATCH = 15, /* the head of a user message over TCP, likewise */
    GOSSIP_TYPES,
};

enum { GOSSIP_VERSIONS = 6, GOSSIP_NAME_LIMIT = 255, GOSSIP_META_LIMIT = 512 };

struct gossip_message {
    enum gossip_type type;
    uint32_t sequence;
    uint32_t incarnation;
    uint32_t port;
    uint32_t state; /* of a GOSSIP_NODE: enum gossip_state */
    uint32_t nodes; /* of a push/pull */
    uint32_t size;  /* of what follows: the user state, the user message */
    uint32_t algorithm;
    bool nack; /* "say so when you got no answer" */
    bool join;
    struct slice node; /* a member's name */
    struct slice from; /* who says it */
    struct slice address;
    struct slice meta;
    struct slice
        versions; /* protocol min, max, current; application's min, max, current */
    struct slice payload; /* of an ack; compressed bytes; a user's; an error's text */
};

/* The byte in front, then the body; `rest` moves behind it (a user message takes all). ERR_LATER: it ends too early;
 * ERR_BAD_RECORD: malformed, or a type that is none of these. */
enum err gossip_message_read(struct gossip_message *m, struct slice *rest);
/* The body alone; m->type says what is expected. */
enum err gossip_body_read(struct gossip_message *m, struct slice *rest);
void gossip_message_write(struct text *out, const struct gossip_message *m);
void gossip_body_write(struct text *out, const struct gossip_message *m);

/* A member's address: 4 or 16 bytes (an IPv4 address in IPv6's clothes becomes IPv4), with a port. ERR_BAD_RECORD:
 * something else, or one nobody can send to. */
enum err gossip_address_read(struct address *a, struct slice ip, uint32_t port);
/* Its IP's bytes, lent by it. */
struct slice gossip_address_bytes(const struct address *a);

#endif
