#include "sidecar/advertise.h"

#include <sys/socket.h>
#include <unistd.h>

/* Of documentation (RFC 5737, RFC 3849): no host has them, so the default route leads there. */
#define FAR_AWAY_4 "192.0.2.1"
#define FAR_AWAY_6 "2001:db8::1"

enum { ANY_PORT = 9 };

static unsigned abilities(struct catalog *c, unsigned at)
{
    struct registry_status status;

    catalog_registry_status(c, at, &status);
    return status.abilities;
}

bool advertise_is_local(struct catalog *c)
{
    for (unsigned i = 0; i < catalog_registry_count(c); i++)
        if ((abilities(c, i) & (REGISTRY_WRITES | REGISTRY_IS_LOCAL)) == REGISTRY_WRITES)
            return false;
    return true;
}

static const struct port *ingress_of(const struct advertise *a)
{
    for (unsigned i = 0; i < a->ports->count; i++) {
        const struct port *p = &a->ports->items[i];

        if (p->use == PORT_INGRESS && p->app == a->app_index &&
            !address_is_path(&p->address))
            return p;
    }
    return NULL;
}

/* What others connect to: the ingress, or else the app itself. */
static const struct address *entrance_of(const struct advertise *a)
{
    const struct port *ingress = ingress_of(a);

    return ingress ? &ingress->address : a->own;
}

/* ---- ways out of this host ---- */

static enum err route_to(const struct address *to, struct address *from)
{
    socklen_t size = sizeof(from->v6);
    int fd = socket(to->any.sa_family, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    enum err e = ERR_OK;

    if (fd < 0)
        return ERR_UNAVAILABLE;
    *from = (struct address){0};
    if (connect(fd, &to->any, address_size(to)) || getsockname(fd, &from->any, &size))
        e = ERR_UNAVAILABLE;
    close(fd);
    return e || address_is_any(from) ? ERR_UNAVAILABLE : ERR_OK;
}

static enum err route_to_ip(const char *ip, struct address *from)
{
    struct address to;
    enum err e = address_from_ip(&to, slice_of(ip), ANY_PORT);

    return e ? e : route_to(&to, from);
}

static bool is_of_others(const struct address *a)
{
    return !address_is_loopback(a) && !address_is_any(a);
}

/* Names are left to the default route: there is no resolver here. */
static enum err route_to_hosts(struct slice hosts, struct address *from)
{
    while (hosts.base) {
        struct slice host = slice_next(&hosts, ',');
        struct address to;

        if (host.size && !address_parse(&to, host, ANY_PORT, NULL) &&
            !address_is_path(&to) && !route_to(&to, from) && is_of_others(from))
            return ERR_OK;
    }
    return ERR_UNAVAILABLE;
}

static enum err route_to_registries(struct catalog *c, struct address *from)
{
    for (unsigned i = 0; i < catalog_registry_count(c); i++)
        if ((abilities(c, i) & (REGISTRY_WRITES | REGISTRY_IS_LOCAL)) ==
                REGISTRY_WRITES &&
            !route_to_hosts(catalog_registry(c, i)->url.hosts, from))
            return ERR_OK;
    return ERR_UNAVAILABLE;
}

static enum err route_out(struct catalog *c, struct address *from)
{
    if (!route_to_registries(c, from) || !route_to_ip(FAR_AWAY_4, from) ||
        !route_to_ip(FAR_AWAY_6, from))
        return is_of_others(from) ? ERR_OK : ERR_UNAVAILABLE;
    return ERR_UNAVAILABLE;
}

/* ---- the rules ---- */

static enum err with_port(struct address *out, const struct advertise *a, struct why *w)
{
    const struct address *entrance = entrance_of(a);

    if (address_port(out))
        return ERR_OK;
    if (address_is_path(entrance))
        return why(w, ERR_BAD_CONFIG,
                   "the app is on a Unix socket: nobody else can reach it. Put the "
                   "ingress in front of it (ingress.listen: 0.0.0.0:8083)");
    address_set_port(out, address_port(entrance));
    return ERR_OK;
}

/* On all addresses means on loopback too. */
static enum err find_local(const struct advertise *a, struct address *out)
{
    *out = *entrance_of(a);
    if (!address_is_any(out))
        return ERR_OK;
    return address_from_ip(
        out, out->any.sa_family == AF_INET6 ? SLICE("::1") : SLICE("127.0.0.1"),
        address_port(out));
}

static enum err find_ip(const struct advertise *a, struct address *out, struct why *w)
{
    if (a->pod_ip && *a->pod_ip) {
        if (address_from_ip(out, slice_of(a->pod_ip), 0))
            return why(w, ERR_BAD_VALUE, "POD_IP is \"%s\", which is no IP address",
                       a->pod_ip);
        return ERR_OK;
    }
    *out = *entrance_of(a);
    if (!address_is_path(out) && is_of_others(out))
        return ERR_OK;
    if (route_out(a->catalog, out))
        return why(w, ERR_UNAVAILABLE,
                   "this host has no address that others could reach: set advertise");
    address_set_port(out, 0);
    return ERR_OK;
}

static enum err find_for_others(const struct advertise *a, struct address *out,
                                struct why *w)
{
    const struct port *ingress = ingress_of(a);
    char text[ADDRESS_TEXT];
    enum err e;

    if (ingress && address_is_loopback(&ingress->address))
        return why(w, ERR_BAD_CONFIG,
                   "the ingress listens on %s, where nobody else can reach it, but the "
                   "registry is not of this host alone: set ingress.listen: "
                   "0.0.0.0:8083, or advertise",
                   address_format(&ingress->address, text));
    e = find_ip(a, out, w);
    return e ? e : with_port(out, a, w);
}

enum err advertise_find(const struct advertise *a, struct address *out, struct why *w)
{
    if (!a->app->advertise_auto) {
        *out = a->app->advertised;
        if (address_is_any(out))
            return why(w, ERR_BAD_CONFIG, "advertise is %s, which is no host's address",
                       a->app->advertise);
        return with_port(out, a, w);
    }
    if (advertise_is_local(a->catalog))
        return find_local(a, out);
    return find_for_others(a, out, w);
}

void advertise_explain(const struct advertise *a, const struct address *address,
                       const char *reason, struct why *w)
{
    char at[ADDRESS_TEXT], own[ADDRESS_TEXT];

    address_format(address, at);
    if (ingress_of(a) || !address_is_loopback(a->own) || address_is_loopback(address)) {
        why(w, ERR_UNAVAILABLE, "nothing answers at %s, which would be registered: %s",
            at, reason);
        return;
    }
    why(w, ERR_UNAVAILABLE,
        "the app answers at %s but not at %s, which would be registered (%s): it seems "
        "to "
        "listen on loopback alone. Let it listen on 0.0.0.0, or put the ingress in front "
        "of it (ingress.listen: 0.0.0.0:8083)",
        address_format(a->own, own), at, reason);
}
