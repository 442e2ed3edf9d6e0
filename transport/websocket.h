/* websocket.h - the server's side of WebSocket (RFC 6455): handshake and frames, no connection.
 *
 * For answers of our own; what passes through to instances is a tunnel, and nobody looks into it. No extensions, no
 * subprotocols.
 */
#ifndef TRANSPORT_WEBSOCKET_H
#define TRANSPORT_WEBSOCKET_H

#include "sidecar/core/text.h"

enum websocket_opcode {
    WEBSOCKET_CONTINUATION = 0,
    WEBSOCKET_TEXT = 1,
    WEBSOCKET_BINARY = 2,
    WEBSOCKET_CLOSE = 8,
    WEBSOCKET_PING = 9,
    WEBSOCKET_PONG = 10,
};

enum {
    WEBSOCKET_ACCEPT = 29,               /* bytes of an accept key with its end */
    WEBSOCKET_MESSAGE_LIMIT = 16 * 1024, /* bytes of a client's frame */
};

/* Sec-WebSocket-Accept for a Sec-WebSocket-Key (§4.2.2). */
char *websocket_accept(char out[WEBSOCKET_ACCEPT], struct slice key);
/* Appends one whole frame, unmasked as a server's are (§5.1). */
void websocket_write(struct text *out, enum websocket_opcode opcode,
                     struct slice payload);

/* Frames of a client. Zeroed but for `frame` and `owner`, it is ready. */
struct websocket_reader {
    /* A whole frame; the payload is lent. Continuations come as they are. An error ends the feeding. */
    enum err (*frame)(struct websocket_reader *r, enum websocket_opcode opcode,
                      struct slice payload);
    void *owner;
    struct text kept; /* of a frame that is not whole */
};

/* ERR_BAD_REQUEST: not a client's frame (not masked, reserved bits or opcodes, a control frame that is long or in pieces);
 * ERR_TOO_LARGE: past WEBSOCKET_MESSAGE_LIMIT; ERR_NO_MEMORY; or what `frame` returned. */
enum err websocket_feed(struct websocket_reader *r, struct slice bytes);
void websocket_reader_fini(struct websocket_reader *r);

#endif
