/* gossip_msgpack.h - as much of msgpack (github.com/msgpack/msgpack, spec.md) as memberlist speaks.
 *
 * Read is the old specification (all texts and bytes are "raw") and the new one (str, bin); written is the old one,
 * which every memberlist reads: nothing that came later than raw16 and raw32.
 *
 * A reader moves `rest` past what it read, and leaves it alone on an error: ERR_LATER when the bytes end too early
 * (more may come from a stream), ERR_BAD_RECORD when it is something else. Slices point into what was read.
 */
#ifndef DISCOVERY_GOSSIP_MSGPACK_H
#define DISCOVERY_GOSSIP_MSGPACK_H

#include "sidecar/core/text.h"

enum { MSGPACK_DEPTH = 8, MSGPACK_PAIRS = 64 };

/* More than MSGPACK_PAIRS pairs: ERR_BAD_RECORD. */
enum err msgpack_read_map(struct slice *rest, unsigned *pairs);
/* Raw, str, bin, or nil (then base is NULL). */
enum err msgpack_read_bytes(struct slice *rest, struct slice *bytes);
/* Any integer from 0 to UINT32_MAX, however it is written. */
enum err msgpack_read_u32(struct slice *rest, uint32_t *value);
/* A boolean; nil is false. */
enum err msgpack_read_bool(struct slice *rest, bool *value);
/* One value of any kind, at most MSGPACK_DEPTH deep. */
enum err msgpack_skip(struct slice *rest);

void msgpack_write_map(struct text *out, unsigned pairs); /* at most 15 */
void msgpack_write_raw(struct text *out, struct slice bytes);
void msgpack_write_nil(struct text *out);
void msgpack_write_u32(struct text *out, uint32_t value);
void msgpack_write_bool(struct text *out, bool value);

#endif
