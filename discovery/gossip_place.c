/* Where a member is, and where others reach it. */
#include <sys/socket.h>
#include <unistd.h>

#include "discovery/gossip_parts.h"

/* The address this host has on the way to another; no packet is sent for it. */
static bool way_to(const struct address *to, struct address *from)
{
    socklen_t size = sizeof *from;
    int fd = socket(to->any.sa_family, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    bool found;

    if (fd < 0)
        return false;
    found = connect(fd, &to->any, address_size(to)) == 0 &&
            getsockname(fd, &from->any, &size) == 0;
    close(fd);
    return found && !address_is_any(from);
}

static bool seed_address(const struct gossip *g, struct address *a)
{
    for (unsigned i = 0; i < g->seeds.host_count; i++) {
        struct slice host = g->seeds.hosts[i].host;

        if (slice_equals_nocase(host, SLICE("localhost")))
            host = SLICE("127.0.0.1");
        if (!address_from_ip(a, host, GOSSIP_PORT))
            return true;
    }
    return false;
}

/* To a seed, else by the default route (RFC 5737 has an address that is nowhere), else loopback. */
static void find_own_ip(const struct gossip *g, struct address *own)
{
    struct address to;

    if (seed_address(g, &to) && way_to(&to, own))
        return;
    address_from_ip(&to, SLICE("192.0.2.1"), GOSSIP_PORT);
    if (!way_to(&to, own))
        address_from_ip(own, SLICE("127.0.0.1"), 0);
}

enum err gossip_choose_bind(struct gossip *g, struct address *bind_to, struct why *w)
{
    struct address own;

    if (g->bind)
        return address_parse(bind_to, slice_of(g->bind), 0, w);
    find_own_ip(g, &own);
    if (address_is_loopback(&own))
        *bind_to = own;
    else
        address_from_ip(
            bind_to, own.any.sa_family == AF_INET6 ? SLICE("::") : SLICE("0.0.0.0"), 0);
    address_set_port(bind_to, 0);
    return ERR_OK;
}

enum err gossip_choose_advertise(struct gossip *g, struct address *out, struct why *w)
{
    unsigned port = address_port(&g->link->address);
    enum err e;

    if (g->advertise) {
        e = address_parse(out, slice_of(g->advertise), port, w);
        if (!e && (address_is_any(out) || address_is_path(out) || !address_port(out)))
            e = why(w, ERR_BAD_VALUE, "others can't reach it there");
        if (e)
            why_in(w, "advertise");
        return e;
    }
    *out = g->link->address;
    if (address_is_any(out))
        find_own_ip(g, out);
    address_set_port(out, port);
    return ERR_OK;
}
