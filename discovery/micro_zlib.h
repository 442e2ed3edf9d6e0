/* micro_zlib.h - go-micro's way to put any bytes into a text: deflated by zlib, in lower-case hex. Its mDNS records and
 * Consul tags are such texts.
 */
#ifndef DISCOVERY_MICRO_ZLIB_H
#define DISCOVERY_MICRO_ZLIB_H

#include "sidecar/core/text.h"
#include "sidecar/core/why.h"

/* Appends the hex of the deflated bytes; past the limit of `out`: ERR_TOO_LARGE. */
enum err micro_deflate(struct text *out, struct slice bytes);
/* Appends what the hex holds, at most `limit` bytes of it. ERR_BAD_RECORD, or ERR_TOO_LARGE where it inflates to
 * more (a bomb costs no more than `limit`). */
enum err micro_inflate(struct text *out, struct slice hex, size_t limit, struct why *w);

#endif
