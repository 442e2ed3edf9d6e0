/* gossip_stream.h - a message over TCP: it has no end of its own, so it is read until it is whole.
 *
 *   push/pull  6 {nodes, size, join} row ... user state       a member's whole table, and the application's
 *   user       8 {size} bytes                                 what is too long for a datagram
 *   ping       0 {...}, and ack 2 {...} back                  where no datagrams get through
 *   error     13 {text}                                       instead of an answer
 *
 * Round it, in this order: encrypted (10), compressed (9). Feed it all bytes there are so far, again and again, until
 * it is not ERR_LATER: what was read is not read twice. Bounded by GOSSIP_STREAM_LIMIT, packed or not.
 */
#ifndef DISCOVERY_GOSSIP_STREAM_H
#define DISCOVERY_GOSSIP_STREAM_H

#include "discovery/gossip_crypt.h"
#include "discovery/gossip_message.h"

enum { GOSSIP_STREAM_LIMIT = 8 * 1024 * 1024, GOSSIP_ROWS_LIMIT = 20 * 1000 };

struct gossip_stream {
    const struct gossip_crypt *crypt; /* lent */
    struct text plain;                /* decrypted, unpacked; else unused */
    size_t at;                        /* in the bytes, or in `plain`: read so far */
    size_t rows_at;
    uint32_t rows_left;
    bool is_unwrapped; /* `plain` has all of it */
    bool has_head;
    struct gossip_message head; /* its slices are lent by the bytes or `plain` */
};

/* What it was, when it is whole. */
struct gossip_heard {
    struct gossip_message message;
    struct slice
        rows; /* of a push/pull: as many as message.nodes; see gossip_row_read() */
    struct slice user; /* of a push/pull its user state; of a user message its bytes */
};

void gossip_stream_init(struct gossip_stream *s, const struct gossip_crypt *crypt);
void gossip_stream_fini(struct gossip_stream *s);
/* ERR_LATER: not whole. ERR_DENIED: encrypted otherwise, or not although we do, and w says which. */
enum err gossip_stream_read(struct gossip_stream *s, struct slice bytes,
                            struct gossip_heard *heard, struct why *w);
/* The next row; ERR_NOT_FOUND after the last. */
enum err gossip_row_read(struct gossip_heard *heard, struct gossip_message *row);

#endif
