/* The registry of go-micro v2's default: multicast DNS, wire-compatible with v2.9.1. See
 * mdns_parts.h for the files it is made of, mdns_publication.h for the names, mdns_link.h
 * for the sockets. */
#include "discovery/mdns_parts.h"
#include "sidecar/core/log.h"

/* The order of enum mdns_flavor. */
static const char *const flavors[] = {"micro", "dns-sd", "dapr", NULL};

/* clang-format off */
static const struct field options[] = {
    CHOICE(struct mdns, flavor, "flavor", "micro", flavors, "whose services: go-micro's; of a type of DNS-SD (Bonjour, Avahi); Dapr's. The last two are only looked up"),
    TEXT(struct mdns, type, "type", "_http._tcp", "of DNS-SD"),
    TEXT(struct mdns, domain, "domain", NULL, "the last label of all names: micro, or local where it is not go-micro's"),
    TEXTS(struct mdns, interfaces, "interfaces", NULL, "network interfaces to use; all, if none is named"),
    TEXTS(struct mdns, sources, "sources", "local",
          "who is believed: local (this host's networks), any, or networks such as 10.0.0.0/8"),
    FIELDS_END,
};
/* clang-format on */

static bool was_logged(const struct mdns_complaints *c, uint32_t hash)
{
    for (unsigned i = 0; i < MDNS_COMPLAINTS_KEPT; i++)
        if (c->logged[i] == hash)
            return true;
    return false;
}

void mdns_complain(struct mdns *m, const struct mdns_origin *from, struct slice name,
                   const char *reason)
{
    struct mdns_complaints *c = &m->complaints;
    uint32_t hash = hash_bytes(name) ^ hash_bytes(slice_of(reason));
    char ip[ADDRESS_TEXT], quoted[256];

    if (was_logged(c, hash))
        return;
    if (loop_now(m->base.loop) < c->quiet_until) {
        c->held_back++;
        return;
    }
    log_warn("mdns.bad_record", "from=%s name=\"%s\" reason=\"%s\" held_back=%u",
             address_ip(&from->address, ip), log_quote(quoted, sizeof(quoted), name),
             reason, c->held_back);
    c->logged[c->next++ % MDNS_COMPLAINTS_KEPT] = hash;
    c->held_back = 0;
    c->quiet_until = loop_now(m->base.loop) + MDNS_COMPLAIN_MS;
}

/* All of a packet parses, or none of it is believed. */
static enum err packet_check(struct slice packet)
{
    struct mdns_reader r;
    struct mdns_header h;
    struct mdns_entry entry;
    enum err e = mdns_read_header(&r, packet, &h);

    while (!e)
        e = mdns_read(&r, &entry);
    return e == ERR_NOT_FOUND ? ERR_OK : e;
}

static void on_received(struct mdns_link *link, struct slice packet,
                        const struct mdns_origin *from)
{
    struct mdns *m = link->settings.owner;
    struct mdns_reader r;
    struct mdns_header h;
    enum err e = packet_check(packet);

    if (e) {
        mdns_complain(m, from, SLICE("(packet)"), err_text(e));
        return;
    }
    e = mdns_read_header(&r, packet, &h);
    if (e || h.flags & (MDNS_OPCODE | MDNS_RCODE))
        return;
    if (h.flags & MDNS_RESPONSE)
        mdns_hear(m, packet, from);
    else
        mdns_answer(m, packet, from);
}

static void on_changed(struct mdns_link *link)
{
    struct mdns *m = link->settings.owner;

    log_info("mdns.interfaces_changed", "count=%u", link->interface_count);
    mdns_announce_again(m);
    mdns_ask_again(m);
}

static void on_link_closed(struct mdns_link *link)
{
    struct mdns *m = link->settings.owner;

    m->base.closed(&m->base);
}

static enum err domain_check(const char *domain, struct why *w)
{
    char name[MDNS_NAME_LIMIT];

    snprintf(name, sizeof(name), "%s.", domain);
    if (strlen(domain) < 64 && mdns_name_is_valid(slice_of(name)))
        return ERR_OK;
    return why(w, ERR_BAD_VALUE, "domain: \"%s\" is no name", domain);
}

static enum err mdns_open(struct registry *r, struct why *w)
{
    struct mdns *m = mdns_of(r);
    struct mdns_link_settings s = {.loop = r->loop,
                                   .sources = &m->sources,
                                   .interfaces = &m->interfaces,
                                   .owner = m,
                                   .received = on_received,
                                   .changed = on_changed,
                                   .closed = on_link_closed};
    enum err e;

    list_init(&m->publishing);
    if (!m->domain)
        m->domain = m->flavor == MDNS_MICRO ? "micro" : "local";
    if (m->flavor != MDNS_MICRO)
        r->abilities &= ~(unsigned)REGISTRY_WRITES;
    e = domain_check(m->domain, w);
    return e ? e : mdns_link_open(&m->link, &s, w);
}

static void mdns_close(struct registry *r)
{
    struct mdns *m = mdns_of(r);

    mdns_responder_close(m);
    mdns_querier_close(m);
    mdns_link_close(m->link);
}

const struct registry_ops registry_mdns = {
    .scheme = "mdns",
    .size = sizeof(struct mdns),
    .abilities = REGISTRY_WRITES | REGISTRY_LISTS_NAMES | REGISTRY_EXPIRES,
    .options = options,
    .open = mdns_open,
    .watch = mdns_watch,
    .unwatch = mdns_unwatch,
    .watch_names = mdns_watch_names,
    .unwatch_names = mdns_unwatch_names,
    .put = mdns_put,
    .renew = mdns_renew,
    .remove = mdns_remove,
    .close = mdns_close,
};
