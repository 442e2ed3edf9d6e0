#include "discovery/gossip_message.h"

enum kind { KIND_U32, KIND_BOOL, KIND_TEXT, KIND_BYTES };

struct part {
    const char *name; /* Go's; NULL ends */
    enum kind kind;
    size_t offset;
};

enum { PARTS = 8 };

#define PART(name, kind, member)                                                         \
    {                                                                                    \
        name, KIND_##kind, offsetof(struct gossip_message, member)                       \
    }

/* In the order of their names, as Go writes them. */
/* clang-format off */
static const struct part shapes[GOSSIP_TYPES][PARTS] = {
    [GOSSIP_PING]       = {PART("Node", TEXT, node), PART("SeqNo", U32, sequence)},
    [GOSSIP_ASK]        = {PART("Nack", BOOL, nack), PART("Node", TEXT, node), PART("Port", U32, port),
                           PART("SeqNo", U32, sequence), PART("Target", BYTES, address)},
    [GOSSIP_ACK]        = {PART("Payload", BYTES, payload), PART("SeqNo", U32, sequence)},
    [GOSSIP_NACK]       = {PART("SeqNo", U32, sequence)},
    [GOSSIP_SUSPECT]    = {PART("From", TEXT, from), PART("Incarnation", U32, incarnation), PART("Node", TEXT, node)},
    [GOSSIP_DEAD]       = {PART("From", TEXT, from), PART("Incarnation", U32, incarnation), PART("Node", TEXT, node)},
    [GOSSIP_ALIVE]      = {PART("Addr", BYTES, address), PART("Incarnation", U32, incarnation),
                           PART("Meta", BYTES, meta), PART("Node", TEXT, node), PART("Port", U32, port),
                           PART("Vsn", BYTES, versions)},
    [GOSSIP_NODE]       = {PART("Addr", BYTES, address), PART("Incarnation", U32, incarnation),
                           PART("Meta", BYTES, meta), PART("Name", TEXT, node), PART("Port", U32, port),
                           PART("State", U32, state), PART("Vsn", BYTES, versions)},
    [GOSSIP_COMPRESSED] = {PART("Algo", U32, algorithm), PART("Buf", BYTES, payload)},
    [GOSSIP_PUSH_PULL]  = {PART("Join", BOOL, join), PART("Nodes", U32, nodes), PART("UserStateLen", U32, size)},
    [GOSSIP_BATCH]      = {PART("UserMsgLen", U32, size)},
    [GOSSIP_ERROR]      = {PART("Error", TEXT, payload)},
};
/* clang-format on */

static const struct part *part_named(enum gossip_type type, struct slice name)
{
    const struct part *p = shapes[type];

    for (unsigned i = 0; i < PARTS && p[i].name; i++)
        if (slice_is(name, p[i].name))
            return &p[i];
    return NULL;
}

static enum err read_part(struct gossip_message *m, const struct part *p,
                          struct slice *rest)
{
    void *at = (char *)m + p->offset;

    switch (p->kind) {
    case KIND_U32:
        return msgpack_read_u32(rest, at);
    case KIND_BOOL:
        return msgpack_read_bool(rest, at);
    case KIND_TEXT:
    case KIND_BYTES:
        break;
    }
    return msgpack_read_bytes(rest, at);
}

static enum err read_pair(struct gossip_message *m, struct slice *rest)
{
    const struct part *p;
    struct slice name;
    enum err e = msgpack_read_bytes(rest, &name);

    if (e)
        return e;
    p = part_named(m->type, name);
    return p ? read_part(m, p, rest) : msgpack_skip(rest);
}

enum err gossip_body_read(struct gossip_message *m, struct slice *rest)
{
    enum gossip_type type = m->type;
    struct slice at = *rest;
    unsigned pairs;
    enum err e = msgpack_read_map(&at, &pairs);

    *m = (struct gossip_message){.type = type};
    while (!e && pairs-- > 0)
        e = read_pair(m, &at);
    if (!e)
        *rest = at;
    return e;
}

enum err gossip_message_read(struct gossip_message *m, struct slice *rest)
{
    struct slice body = slice_after(*rest, 1);
    enum err e;

    *m = (struct gossip_message){0};
    if (rest->size == 0)
        return ERR_LATER;
    m->type = (unsigned char)rest->base[0];
    if (m->type == GOSSIP_USER) {
        m->payload = body;
        *rest = slice_after(body, body.size);
        return ERR_OK;
    }
    if (m->type >= GOSSIP_NODE || !shapes[m->type][0].name)
        return ERR_BAD_RECORD;
    e = gossip_body_read(m, &body);
    if (!e)
        *rest = body;
    return e;
}

static void write_part(struct text *out, const struct gossip_message *m,
                       const struct part *p)
{
    const void *at = (const char *)m + p->offset;
    const struct slice *bytes = at;

    if (p->kind == KIND_U32)
        msgpack_write_u32(out, *(const uint32_t *)at);
    else if (p->kind == KIND_BOOL)
        msgpack_write_bool(out, *(const bool *)at);
    else if (p->kind == KIND_BYTES && bytes->size == 0)
        msgpack_write_nil(out);
    else
        msgpack_write_raw(out, *bytes);
}

void gossip_body_write(struct text *out, const struct gossip_message *m)
{
    const struct part *p = shapes[m->type];
    unsigned count = 0;

    while (count < PARTS && p[count].name)
        count++;
    msgpack_write_map(out, count);
    for (unsigned i = 0; i < count; i++) {
        msgpack_write_raw(out, slice_of(p[i].name));
        write_part(out, m, &p[i]);
    }
}

void gossip_message_write(struct text *out, const struct gossip_message *m)
{
    char byte = (char)m->type;

    text_add(out, slice_from(&byte, 1));
    if (m->type == GOSSIP_USER)
        text_add(out, m->payload);
    else
        gossip_body_write(out, m);
}

static bool is_mapped(struct slice ip)
{
    static const char prefix[12] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, (char)0xff, (char)0xff};

    return memcmp(ip.base, prefix, sizeof prefix) == 0;
}

static bool is_multicast(const struct address *a)
{
    return a->any.sa_family == AF_INET ? IN_MULTICAST(ntohl(a->v4.sin_addr.s_addr))
                                       : IN6_IS_ADDR_MULTICAST(&a->v6.sin6_addr);
}

enum err gossip_address_read(struct address *a, struct slice ip, uint32_t port)
{
    if (port == 0 || port > UINT16_MAX || (ip.size != 4 && ip.size != 16))
        return ERR_BAD_RECORD;
    if (ip.size == 16 && is_mapped(ip))
        ip = slice_after(ip, 12);
    *a = (struct address){0};
    a->any.sa_family = ip.size == 4 ? AF_INET : AF_INET6;
    if (ip.size == 4)
        memcpy(&a->v4.sin_addr, ip.base, 4);
    else
        memcpy(&a->v6.sin6_addr, ip.base, 16);
    address_set_port(a, port);
    return address_is_any(a) || is_multicast(a) ? ERR_BAD_RECORD : ERR_OK;
}

struct slice gossip_address_bytes(const struct address *a)
{
    if (a->any.sa_family == AF_INET)
        return slice_from((const char *)&a->v4.sin_addr, 4);
    return slice_from((const char *)&a->v6.sin6_addr, 16);
}
