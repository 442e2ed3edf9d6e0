#include "discovery/gossip_packet.h"

#include <zlib.h>

#include "discovery/gossip_lzw.h"

enum { NESTING = 4, CRC_HEAD = 5, COMPOUND_HEAD = 2, COMPOUND_EACH = 2 };

struct reading {
    gossip_message_fn *message;
    void *owner;
    unsigned depth;
    unsigned count;
    enum err error; /* the first */
};

static void read_any(struct reading *r, struct slice packet);

static void refuse(struct reading *r, enum err e)
{
    r->error = r->error ? r->error : e;
}

static uint32_t big_endian(const char *at, size_t size)
{
    uint32_t value = 0;

    for (size_t i = 0; i < size; i++)
        value = value << 8 | (unsigned char)at[i];
    return value;
}

static uint32_t checksum(struct slice s)
{
    return (uint32_t)crc32(crc32(0, NULL, 0), (const Bytef *)s.base, (uInt)s.size);
}

static void read_checked(struct reading *r, struct slice packet)
{
    struct slice rest = slice_after(packet, CRC_HEAD);

    if (packet.size <= CRC_HEAD || checksum(rest) != big_endian(packet.base + 1, 4))
        refuse(r, ERR_BAD_RECORD);
    else
        read_any(r, rest);
}

static void read_compound(struct reading *r, struct slice packet)
{
    unsigned count = packet.size > 1 ? (unsigned char)packet.base[1] : 0;
    struct slice sizes = slice_after(packet, COMPOUND_HEAD);
    struct slice bodies = slice_after(sizes, (size_t)count * COMPOUND_EACH);

    if (count == 0 || sizes.size < (size_t)count * COMPOUND_EACH)
        refuse(r, ERR_BAD_RECORD);
    for (unsigned i = 0; i < count && !r->error; i++) {
        size_t size = big_endian(sizes.base + (size_t)i * COMPOUND_EACH, COMPOUND_EACH);

        if (bodies.size < size)
            refuse(r, ERR_BAD_RECORD);
        else
            read_any(r, slice_first(bodies, size));
        bodies = slice_after(bodies, size);
    }
}

static void read_compressed(struct reading *r, struct slice packet)
{
    struct gossip_message m;
    struct text unpacked;
    enum err e = gossip_message_read(&m, &packet);

    text_init(&unpacked, GOSSIP_UNPACKED);
    if (!e && m.algorithm == 0)
        e = gossip_lzw_unpack(&unpacked, m.payload);
    if (e || m.algorithm != 0)
        refuse(r, e == ERR_TOO_LARGE ? e : ERR_BAD_RECORD);
    else
        read_any(r, text_slice(&unpacked));
    text_fini(&unpacked);
}

static void read_message(struct reading *r, struct slice packet)
{
    struct gossip_message m;
    enum err e = gossip_message_read(&m, &packet);

    if (e || m.type == GOSSIP_PUSH_PULL)
        refuse(r, ERR_BAD_RECORD);
    else if (++r->count > GOSSIP_MESSAGES)
        refuse(r, ERR_TOO_LARGE);
    else
        r->message(r->owner, &m);
}

static void read_any(struct reading *r, struct slice packet)
{
    unsigned type = packet.size ? (unsigned char)packet.base[0] : GOSSIP_TYPES;

    if (++r->depth > NESTING)
        refuse(r, ERR_BAD_RECORD);
    else if (type == GOSSIP_CHECKED)
        read_checked(r, packet);
    else if (type == GOSSIP_COMPOUND)
        read_compound(r, packet);
    else if (type == GOSSIP_COMPRESSED)
        read_compressed(r, packet);
    else
        read_message(r, packet);
    r->depth--;
}

enum err gossip_packet_read(struct slice packet, gossip_message_fn *message, void *owner)
{
    struct reading r = {.message = message, .owner = owner};

    read_any(&r, packet);
    return r.error;
}

/* Writing */

void gossip_compound_init(struct gossip_compound *c)
{
    text_init(&c->bodies, UINT16_MAX);
    c->count = 0;
}

void gossip_compound_fini(struct gossip_compound *c)
{
    text_fini(&c->bodies);
}

static size_t size_with(const struct gossip_compound *c)
{
    return CRC_HEAD + COMPOUND_HEAD + (c->count + 1u) * COMPOUND_EACH + c->bodies.size;
}

bool gossip_compound_add(struct gossip_compound *c, const struct gossip_message *m)
{
    size_t before = c->bodies.size;

    if (c->count == sizeof c->sizes / sizeof *c->sizes)
        return false;
    gossip_message_write(&c->bodies, m);
    /* The first one goes alone however long it is. */
    if (c->bodies.failed || (c->count > 0 && size_with(c) > GOSSIP_PACKET_LIMIT)) {
        c->bodies.size = before;
        c->bodies.failed = false;
        return false;
    }
    c->sizes[c->count++] = (uint16_t)(c->bodies.size - before);
    return true;
}

static void write_compound(struct text *out, const struct gossip_compound *c)
{
    char head[2] = {GOSSIP_COMPOUND, (char)c->count};

    text_add(out, slice_from(head, sizeof head));
    for (unsigned i = 0; i < c->count; i++) {
        char size[2] = {(char)(c->sizes[i] >> 8), (char)c->sizes[i]};

        text_add(out, slice_from(size, sizeof size));
    }
}

static void write_checksum(struct text *out)
{
    struct slice rest = slice_after(text_slice(out), CRC_HEAD);
    uint32_t crc = out->failed ? 0 : checksum(rest);

    for (unsigned i = 0; i < 4 && !out->failed; i++)
        out->base[1 + i] = (char)(crc >> 8 * (3 - i));
}

void gossip_compound_write(struct text *out, const struct gossip_compound *c,
                           bool checked)
{
    static const char head[CRC_HEAD] = {GOSSIP_CHECKED};

    if (checked)
        text_add(out, slice_from(head, sizeof head));
    if (c->count > 1)
        write_compound(out, c);
    text_add(out, text_slice(&c->bodies));
    if (checked)
        write_checksum(out);
}
