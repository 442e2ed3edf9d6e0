/* gossip_packet.h - what stands round messages in a datagram: a checksum, compression, several in one.
 *
 *   [12 crc32] ( 9 {compressed: ...} | 7 count sizes messages | message )      all nested as they like, boundedly
 *
 * Encryption is the outermost layer and not seen here (gossip_crypt.h).
 */
#ifndef DISCOVERY_GOSSIP_PACKET_H
#define DISCOVERY_GOSSIP_PACKET_H

#include "discovery/gossip_message.h"

enum {
    GOSSIP_PACKET_LIMIT = 1400,   /* of ours: memberlist's, that fits everywhere */
    GOSSIP_UNPACKED = 256 * 1024, /* of a datagram's compressed bytes */
    GOSSIP_MESSAGES = 512,        /* in one datagram */
};

typedef void gossip_message_fn(void *owner, const struct gossip_message *m);

/* Hands over each message; those before a malformed one, too (a ping is answered whatever came with it).
 * ERR_BAD_RECORD, ERR_TOO_LARGE: the first that was wrong. */
enum err gossip_packet_read(struct slice packet, gossip_message_fn *message, void *owner);

/* Several messages as one, as long as there is room. */
struct gossip_compound {
    struct text bodies;
    uint16_t sizes[64];
    unsigned count;
};

void gossip_compound_init(struct gossip_compound *c);
void gossip_compound_fini(struct gossip_compound *c);
/* false: no room for it. */
bool gossip_compound_add(struct gossip_compound *c, const struct gossip_message *m);
/* All of them, with a checksum in front if the receiver knows protocol 5. */
void gossip_compound_write(struct text *out, const struct gossip_compound *c,
                           bool checked);

#endif
