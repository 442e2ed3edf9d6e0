#include "discovery/mdns_parts.h"

static enum err read_txt(struct mdns_sighting *s, struct mdns *m,
                         struct mdns_entry *entry, struct why *w)
{
    size_t size;

    if (mdns_find(s->packet, MDNS_TXT, mdns_name_slice(&s->srv->name), entry))
        return why(w, ERR_BAD_RECORD, "it has no TXT");
    if (mdns_txt_join(entry->data, m->txt, &size))
        return why(w, ERR_BAD_RECORD, "its TXT is cut short");
    s->txt = slice_from(m->txt, size);
    s->data = entry->data;
    return ERR_OK;
}

/* go-micro prefers IPv4 too. */
static enum err read_ip(struct mdns_sighting *s, struct mdns_entry *entry, struct why *w)
{
    struct slice host = mdns_name_slice(&s->srv->target);

    s->address = (struct address){.v6.sin6_family = AF_INET6};
    if (mdns_find(s->packet, MDNS_A, host, entry) == ERR_OK) {
        s->address.any.sa_family = AF_INET;
        memcpy(&s->address.v4.sin_addr, entry->data.base, 4);
    } else if (mdns_find(s->packet, MDNS_AAAA, host, entry) == ERR_OK) {
        memcpy(&s->address.v6.sin6_addr, entry->data.base, 16);
    } else {
        return why(w, ERR_BAD_RECORD, "it has no address");
    }
    address_set_port(&s->address, s->srv->port);
    return ERR_OK;
}

static bool ip_is_usable(const struct address *a)
{
    if (address_is_any(a))
        return false;
    if (a->any.sa_family == AF_INET)
        return !IN_MULTICAST(ntohl(a->v4.sin_addr.s_addr)) &&
               a->v4.sin_addr.s_addr != INADDR_BROADCAST;
    return !IN6_IS_ADDR_MULTICAST(&a->v6.sin6_addr) &&
           !IN6_IS_ADDR_LINKLOCAL(&a->v6.sin6_addr);
}

static enum err check(const struct mdns_sighting *s, struct why *w)
{
    if (s->srv->port == 0 || !ip_is_usable(&s->address))
        return why(w, ERR_BAD_RECORD, "nobody can connect to its address");
    if (address_is_loopback(&s->address) && !s->from->is_own)
        return why(w, ERR_BAD_RECORD,
                   "its address is loopback, but it is on another host");
    return ERR_OK;
}

enum err mdns_sighting_read(struct mdns_sighting *s, struct mdns *m, struct why *w)
{
    struct mdns_entry entry;
    enum err e = read_ip(s, &entry, w);

    if (!e)
        e = check(s, w);
    if (!e)
        e = read_txt(s, m, &entry, w);
    if (e)
        return e;
    s->fingerprint =
        hash_bytes(s->txt) ^
        hash_bytes(slice_from((const char *)&s->address, address_size(&s->address)));
    return ERR_OK;
}
