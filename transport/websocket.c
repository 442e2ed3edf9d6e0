#include "transport/websocket.h"

#include "sidecar/core/base64.h"
#include "sidecar/core/sha1.h"

enum {
    FIN = 0x80,
    RESERVED = 0x70,
    OPCODE = 0x0f,
    MASKED = 0x80,
    CONTROL = 0x08,
    CONTROL_LIMIT = 125,
    HEAD_LIMIT = 14, /* two bytes, a length of eight, a mask of four */
    KEY_LIMIT = 64,
};

char *websocket_accept(char out[WEBSOCKET_ACCEPT], struct slice key)
{
    static const char guid[] = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11";
    char text[KEY_LIMIT + sizeof(guid)];
    uint8_t digest[SHA1_SIZE];
    struct text encoded;
    size_t size = key.size < KEY_LIMIT ? key.size : KEY_LIMIT;

    memcpy(text, key.base ? key.base : "", size);
    memcpy(text + size, guid, sizeof(guid));
    sha1(digest, slice_from(text, size + sizeof(guid) - 1));
    text_init(&encoded, WEBSOCKET_ACCEPT);
    base64_encode(&encoded, slice_from((const char *)digest, sizeof(digest)));
    memcpy(out, encoded.failed ? "" : encoded.base,
           encoded.failed ? 1 : WEBSOCKET_ACCEPT);
    text_fini(&encoded);
    return out;
}

void websocket_write(struct text *out, enum websocket_opcode opcode, struct slice payload)
{
    uint8_t head[10] = {(uint8_t)(FIN | opcode)};
    unsigned wide = payload.size < 126 ? 0 : payload.size < 65536 ? 2 : 8;

    head[1] = wide == 0 ? (uint8_t)payload.size : wide == 2 ? 126 : 127;
    for (unsigned i = 0; i < wide; i++)
        head[2 + i] = (uint8_t)((uint64_t)payload.size >> (8 * (wide - 1 - i)));
    text_add(out, slice_from((const char *)head, 2 + wide));
    text_add(out, payload);
}

/* --- reading --- */

struct frame {
    enum websocket_opcode opcode;
    size_t head, size; /* bytes of the head with its mask, and of the payload */
};

/* Opcodes with a meaning (§5.2); control frames are short and whole (§5.5), a reason to close has two bytes (§5.5.1). */
static bool is_clients_frame(const uint8_t *in)
{
    unsigned opcode = in[0] & OPCODE, size = in[1] & 127;

    if (in[0] & RESERVED || !(in[1] & MASKED) || (opcode & 7) > 2)
        return false;
    if (!(opcode & CONTROL))
        return true;
    return in[0] & FIN && size <= CONTROL_LIMIT &&
           !(opcode == WEBSOCKET_CLOSE && size == 1);
}

/* ERR_LATER: not all of the head is here. */
static enum err read_head(struct frame *f, struct slice s)
{
    const uint8_t *in = (const uint8_t *)s.base;
    unsigned wide;
    uint64_t size;

    if (s.size < 2)
        return ERR_LATER;
    if (!is_clients_frame(in))
        return ERR_BAD_REQUEST;
    size = in[1] & 127;
    wide = size == 126 ? 2 : size == 127 ? 8 : 0;
    f->opcode = in[0] & OPCODE;
    f->head = 2 + wide + 4;
    if (s.size < f->head)
        return ERR_LATER;
    for (unsigned i = 0; i < wide; i++)
        size = (i ? size << 8 : 0) | in[2 + i];
    if (size > WEBSOCKET_MESSAGE_LIMIT)
        return ERR_TOO_LARGE;
    f->size = (size_t)size;
    return ERR_OK;
}

static enum err hand_over(struct websocket_reader *r, const struct frame *f)
{
    char *payload = r->kept.base + f->head;
    const char *mask = payload - 4;

    for (size_t i = 0; i < f->size; i++)
        payload[i] ^= mask[i % 4];
    return r->frame(r, f->opcode, slice_from(payload, f->size));
}

/* Takes the first frame off. ERR_LATER: it is not whole. */
static enum err take_frame(struct websocket_reader *r)
{
    struct frame f = {0};
    enum err e = read_head(&f, text_slice(&r->kept));

    if (!e && r->kept.size < f.head + f.size)
        e = ERR_LATER;
    if (!e)
        e = hand_over(r, &f);
    if (e)
        return e;
    r->kept.size -= f.head + f.size;
    memmove(r->kept.base, r->kept.base + f.head + f.size, r->kept.size);
    return ERR_OK;
}

/* No more is taken at once than one frame at most. */
static struct slice take_piece(struct websocket_reader *r, struct slice *bytes)
{
    struct slice piece;

    if (r->kept.limit == 0)
        text_init(&r->kept, WEBSOCKET_MESSAGE_LIMIT + HEAD_LIMIT);
    piece = slice_first(*bytes, r->kept.limit - r->kept.size);
    *bytes = slice_after(*bytes, piece.size);
    return piece;
}

enum err websocket_feed(struct websocket_reader *r, struct slice bytes)
{
    enum err e = ERR_OK;

    while (bytes.size > 0) {
        text_add(&r->kept, take_piece(r, &bytes));
        if (r->kept.failed)
            return ERR_NO_MEMORY;
        for (e = ERR_OK; !e;)
            e = take_frame(r);
        if (e != ERR_LATER)
            return e;
    }
    return ERR_OK;
}

void websocket_reader_fini(struct websocket_reader *r)
{
    text_fini(&r->kept);
}
