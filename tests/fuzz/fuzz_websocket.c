/* Frames of a WebSocket client, in pieces: read to an end or refused, the same whatever the pieces are; a payload is what
 * was masked, and of our own frames nothing is longer than it says. The first byte is the size of the pieces. */
#include <stdint.h>
#include <stdlib.h>

#include "sidecar/core/map.h"
#include "transport/websocket.h"

enum { SIZE_LIMIT = 4 * WEBSOCKET_MESSAGE_LIMIT };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static uint32_t digest;

static enum err on_frame(struct websocket_reader *r, enum websocket_opcode opcode,
                         struct slice payload)
{
    struct text out;

    (void)r;
    if (payload.size > WEBSOCKET_MESSAGE_LIMIT || (opcode & 8 && payload.size > 125))
        abort();
    digest = digest * 31 + hash_bytes(payload) + (uint32_t)opcode;
    text_init(&out, SIZE_LIMIT);
    websocket_write(&out, opcode, payload);
    if (out.failed || out.size < payload.size + 2 || out.size > payload.size + 10)
        abort();
    text_fini(&out);
    return opcode == WEBSOCKET_CLOSE ? ERR_CLOSED : ERR_OK;
}

static enum err read_all(struct slice all, size_t piece)
{
    struct websocket_reader r = {.frame = on_frame};
    enum err e = ERR_OK;

    digest = 0;
    while (all.size > 0 && !e) {
        e = websocket_feed(&r, slice_first(all, piece));
        all = slice_after(all, piece);
    }
    websocket_reader_fini(&r);
    return e;
}

static void accept_key(struct slice key)
{
    char accept[WEBSOCKET_ACCEPT];

    if (strlen(websocket_accept(accept, key)) != WEBSOCKET_ACCEPT - 1)
        abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct slice s = {(const char *)data, size};
    enum err whole;
    uint32_t digest_whole;

    if (size < 2 || size > SIZE_LIMIT)
        return 0;
    accept_key(s);
    whole = read_all(slice_after(s, 1), SIZE_MAX);
    digest_whole = digest;
    if (read_all(slice_after(s, 1), 1 + data[0] % 64) != whole || digest != digest_whole)
        abort();
    return 0;
}
