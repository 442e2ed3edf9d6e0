/* sha1.h - SHA-1 (FIPS 180-4 §6.1), for WebSocket handshakes, which ask for it. It proves nothing: not for secrets.
 */
#ifndef CORE_SHA1_H
#define CORE_SHA1_H

#include "sidecar/core/slice.h"

enum { SHA1_SIZE = 20 };

/* Of at most SHA1_TEXT_LIMIT bytes: what fits into two blocks. */
enum { SHA1_TEXT_LIMIT = 2 * 64 - 9 };
void sha1(uint8_t out[SHA1_SIZE], struct slice text);

#endif
