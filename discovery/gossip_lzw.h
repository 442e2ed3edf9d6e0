/* gossip_lzw.h - what Go's compress/lzw wrote with LSB-first bits and literals of 8 bits, as memberlist has it. */
#ifndef DISCOVERY_GOSSIP_LZW_H
#define DISCOVERY_GOSSIP_LZW_H

#include "sidecar/core/text.h"

/* Appends what `packed` holds. ERR_BAD_RECORD: it is no such thing, or has no end; ERR_TOO_LARGE: more than the
 * limit of `out`, which a bomb costs and no more. */
enum err gossip_lzw_unpack(struct text *out, struct slice packed);

#endif
