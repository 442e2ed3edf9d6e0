#include "discovery/mdns_network.h"

unsigned mdns_ip(const struct address *a, uint8_t out[16])
{
    if (a->any.sa_family == AF_INET) {
        memcpy(out, &a->v4.sin_addr, 4);
        return 4;
    }
    if (a->any.sa_family != AF_INET6)
        return 0;
    memcpy(out, &a->v6.sin6_addr, 16);
    return 16;
}

enum err mdns_network_parse(struct mdns_network *n, struct slice text, struct why *w)
{
    size_t slash = slice_find(text, '/');
    struct address address;
    uint64_t prefix;

    if (address_from_ip(&address, slice_first(text, slash), 1))
        return why(w, ERR_BAD_VALUE, "must be local, any, or a network like 10.0.0.0/8");
    *n = (struct mdns_network){.size = mdns_ip(&address, n->ip)};
    mdns_ip(&address, n->ip);
    n->prefix = n->size * 8;
    if (slash == text.size)
        return ERR_OK;
    if (!slice_to_u64(slice_after(text, slash + 1), &prefix) || prefix > n->prefix)
        return why(w, ERR_BAD_VALUE, "the prefix must be from 0 to %u", n->prefix);
    n->prefix = (unsigned)prefix;
    return ERR_OK;
}

void mdns_network_of(struct mdns_network *n, const struct address *address,
                     const struct address *mask)
{
    uint8_t bits[16] = {0};

    *n = (struct mdns_network){.size = 0};
    n->size = mdns_ip(address, n->ip);
    mdns_ip(mask, bits);
    while (n->prefix < n->size * 8 && bits[n->prefix / 8] & 0x80 >> n->prefix % 8)
        n->prefix++;
}

static bool first_bits_equal(const uint8_t *a, const uint8_t *b, unsigned bits)
{
    uint8_t mask = (uint8_t)(0xff00 >> bits % 8);

    if (memcmp(a, b, bits / 8) != 0)
        return false;
    return bits % 8 == 0 || ((a[bits / 8] ^ b[bits / 8]) & mask) == 0;
}

bool mdns_network_has(const struct mdns_network *n, const struct address *a)
{
    uint8_t ip[16];

    return mdns_ip(a, ip) == n->size && n->size > 0 &&
           first_bits_equal(ip, n->ip, n->prefix);
}

bool mdns_network_is(const struct mdns_network *n, const struct address *a)
{
    uint8_t ip[16];

    return mdns_ip(a, ip) == n->size && n->size > 0 && memcmp(ip, n->ip, n->size) == 0;
}

static enum err source_parse(struct mdns_sources *s, struct slice text, struct why *w)
{
    if (slice_is(text, "any"))
        s->any = true;
    else if (slice_is(text, "local"))
        s->local = true;
    else if (s->count == MDNS_SOURCES_LIMIT)
        return why(w, ERR_BAD_VALUE, "at most %d networks", MDNS_SOURCES_LIMIT);
    else
        return mdns_network_parse(&s->networks[s->count++], text, w);
    return ERR_OK;
}

enum err mdns_sources_parse(struct mdns_sources *s, const struct texts *items,
                            struct why *w)
{
    *s = (struct mdns_sources){.local = items->count == 0};
    for (unsigned i = 0; i < items->count; i++) {
        enum err e = source_parse(s, slice_of(items->items[i]), w);

        if (e) {
            why_in(w, "sources: %s", items->items[i]);
            return e;
        }
    }
    return ERR_OK;
}

static bool any_has(const struct mdns_network *networks, unsigned count,
                    const struct address *a)
{
    for (unsigned i = 0; i < count; i++)
        if (mdns_network_has(&networks[i], a))
            return true;
    return false;
}

bool mdns_sources_believe(const struct mdns_sources *s, const struct address *from,
                          const struct mdns_network *own, unsigned count)
{
    if (s->any || any_has(s->networks, s->count, from))
        return true;
    return s->local && (address_is_loopback(from) || address_is_any(from) ||
                        any_has(own, count, from));
}
