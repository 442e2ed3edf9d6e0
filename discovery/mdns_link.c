#include "discovery/mdns_link.h"

#include <net/if.h>
#include <stdlib.h>

#include "discovery/mdns_packet.h"
#include "sidecar/core/log.h"

enum { RECEIVE_BUFFER = 4 * 1024 * 1024, HOPS = 255 };

static bool kind_is_v6(enum mdns_socket_kind kind)
{
    return kind == MDNS_HEAR_V6 || kind == MDNS_ASK_V6;
}

static struct address group(bool v6)
{
    struct address a;

    address_from_ip(&a, slice_of(v6 ? "ff02::fb" : "224.0.0.251"), MDNS_PORT);
    return a;
}

static int socket_fd(struct mdns_socket *s)
{
    uv_os_fd_t fd = -1;

    uv_fileno((uv_handle_t *)&s->udp, &fd);
    return fd;
}

/* Receiving */

static void on_alloc(uv_handle_t *handle, size_t suggested, uv_buf_t *buf)
{
    struct mdns_socket *s = container_of(handle, struct mdns_socket, udp);

    (void)suggested;
    *buf = uv_buf_init(s->link->settings.loop->read_buffer,
                       (unsigned)s->link->settings.loop->read_size);
}

static bool address_is_own(const struct mdns_link *link, const struct address *a)
{
    for (unsigned i = 0; i < link->network_count; i++)
        if (mdns_network_is(&link->networks[i], a))
            return true;
    return address_is_loopback(a);
}

static void on_packet(uv_udp_t *udp, ssize_t size, const uv_buf_t *buf,
                      const struct sockaddr *from, unsigned flags)
{
    struct mdns_link *link = container_of(udp, struct mdns_socket, udp)->link;
    struct mdns_origin origin = {.is_own = false};

    if (size <= 0 || !from || flags & UV_UDP_PARTIAL)
        return;
    loop_touch(link->settings.loop);
    memcpy(&origin.address, from,
           from->sa_family == AF_INET ? sizeof(struct sockaddr_in)
                                      : sizeof(struct sockaddr_in6));
    if (!mdns_sources_believe(&link->sources, &origin.address, link->networks,
                              link->network_count))
        return;
    origin.is_own = address_is_own(link, &origin.address);
    link->settings.received(link, slice_from(buf->base, (size_t)size), &origin);
}

/* Interfaces */

static bool interface_is_wanted(const struct mdns_link *link, const char *name)
{
    for (unsigned i = 0; i < link->settings.interfaces->count; i++)
        if (strcmp(link->settings.interfaces->items[i], name) == 0)
            return true;
    return link->settings.interfaces->count == 0;
}

static struct mdns_interface *interface_find(struct mdns_interface *all, unsigned count,
                                             unsigned index)
{
    for (unsigned i = 0; i < count; i++)
        if (all[i].index == index)
            return &all[i];
    return NULL;
}

static void interface_note(struct mdns_link *link, const uv_interface_address_t *a)
{
    unsigned index = if_nametoindex(a->name);
    struct mdns_interface *i =
        interface_find(link->interfaces, link->interface_count, index);

    if (index == 0 || !interface_is_wanted(link, a->name))
        return;
    if (!i && link->interface_count < MDNS_INTERFACES_LIMIT) {
        i = &link->interfaces[link->interface_count++];
        *i = (struct mdns_interface){.index = index};
    }
    if (!i)
        return;
    if (a->address.address4.sin_family != AF_INET)
        i->v6 = true;
    else if (!i->v4)
        i->ip = a->address.address4.sin_addr;
    i->v4 |= a->address.address4.sin_family == AF_INET;
}

static void network_note(struct mdns_link *link, const uv_interface_address_t *a)
{
    struct address address, mask;

    if (link->network_count == MDNS_NETWORKS_LIMIT)
        return;
    memcpy(&address, &a->address, sizeof(a->address));
    memcpy(&mask, &a->netmask, sizeof(a->netmask));
    mdns_network_of(&link->networks[link->network_count++], &address, &mask);
}

static bool join_v4(struct mdns_link *link, unsigned index)
{
    struct ip_mreqn m = {.imr_multiaddr = group(false).v4.sin_addr,
                         .imr_ifindex = (int)index};
    struct mdns_socket *s = &link->sockets[MDNS_HEAR_V4];

    return s->open &&
           setsockopt(socket_fd(s), IPPROTO_IP, IP_ADD_MEMBERSHIP, &m, sizeof(m)) == 0;
}

static bool join_v6(struct mdns_link *link, unsigned index)
{
    struct ipv6_mreq m = {.ipv6mr_multiaddr = group(true).v6.sin6_addr,
                          .ipv6mr_interface = index};
    struct mdns_socket *s = &link->sockets[MDNS_HEAR_V6];

    return s->open &&
           setsockopt(socket_fd(s), IPPROTO_IPV6, IPV6_JOIN_GROUP, &m, sizeof(m)) == 0;
}

/* A membership stays while the interface exists, even while it is down. */
static bool interface_join(struct mdns_link *link, struct mdns_interface *i,
                           const struct mdns_interface *before)
{
    bool was_v4 = before && before->joined_v4, was_v6 = before && before->joined_v6;

    i->joined_v4 = was_v4 || (i->v4 && join_v4(link, i->index));
    i->joined_v6 = was_v6 || (i->v6 && join_v6(link, i->index));
    return i->joined_v4 != was_v4 || i->joined_v6 != was_v6;
}

static bool interfaces_look(struct mdns_link *link)
{
    struct mdns_interface before[MDNS_INTERFACES_LIMIT];
    unsigned before_count = link->interface_count;
    uv_interface_address_t *all;
    bool joined = false;
    int count;

    if (uv_interface_addresses(&all, &count))
        return false;
    memcpy(before, link->interfaces, sizeof(before));
    link->interface_count = link->network_count = 0;
    for (int i = 0; i < count; i++) {
        interface_note(link, &all[i]);
        network_note(link, &all[i]);
    }
    uv_free_interface_addresses(all, count);
    for (unsigned i = 0; i < link->interface_count; i++) {
        struct mdns_interface *now = &link->interfaces[i];

        joined |=
            interface_join(link, now, interface_find(before, before_count, now->index));
    }
    return joined;
}

static void on_look(struct timer *t)
{
    struct mdns_link *link = container_of(t, struct mdns_link, look);

    timer_start(&link->look, &link->settings.loop->clock, MDNS_LOOK_MS);
    if (interfaces_look(link))
        link->settings.changed(link);
}

/* Sockets */

/* Only what we joined ourselves: Linux would give us the groups of everybody else's
 * interfaces, too. Best efforts all: an old kernel knows not every option. */
static void socket_tune(struct mdns_socket *s, bool v6)
{
    int level = v6 ? IPPROTO_IPV6 : IPPROTO_IP, off = 0, hops = HOPS,
        size = RECEIVE_BUFFER;

    setsockopt(socket_fd(s), level, v6 ? 29 /* IPV6_MULTICAST_ALL */ : IP_MULTICAST_ALL,
               &off, sizeof(off));
    setsockopt(socket_fd(s), level, v6 ? IPV6_MULTICAST_HOPS : IP_MULTICAST_TTL, &hops,
               sizeof(hops));
    uv_recv_buffer_size((uv_handle_t *)&s->udp, &size);
}

static int socket_bind(struct mdns_socket *s, enum mdns_socket_kind kind)
{
    bool v6 = kind_is_v6(kind), hears = kind == MDNS_HEAR_V4 || kind == MDNS_HEAR_V6;
    unsigned flags = (hears ? UV_UDP_REUSEADDR : 0) | (v6 ? UV_UDP_IPV6ONLY : 0);
    struct address any;
    int e;

    address_from_ip(&any, slice_of(v6 ? "::" : "0.0.0.0"), 1);
    address_set_port(&any, hears ? MDNS_PORT : 0);
    e = uv_udp_bind(&s->udp, &any.any, flags);
    if (e)
        return e;
    socket_tune(s, v6);
    return uv_udp_recv_start(&s->udp, on_alloc, on_packet);
}

static void link_end(struct mdns_link *link)
{
    if (!link->stillborn)
        link->settings.closed(link);
    free(link);
}

static void on_closed(uv_handle_t *handle)
{
    struct mdns_link *link = container_of(handle, struct mdns_socket, udp)->link;

    if (--link->open == 0)
        link_end(link);
}

static void socket_close(struct mdns_socket *s)
{
    if (s->open)
        uv_close((uv_handle_t *)&s->udp, on_closed);
    s->open = false;
}

static int socket_open(struct mdns_link *link, enum mdns_socket_kind kind)
{
    struct mdns_socket *s = &link->sockets[kind];
    int e = uv_udp_init(&link->settings.loop->uv, &s->udp);

    s->link = link;
    if (e)
        return e;
    s->open = true;
    link->open++;
    e = socket_bind(s, kind);
    if (e)
        socket_close(s);
    return e;
}

/* One family is enough; the other may be switched off on this host. */
static enum err sockets_open(struct mdns_link *link, struct why *w)
{
    int errors[MDNS_SOCKETS];

    for (unsigned i = 0; i < MDNS_SOCKETS; i++)
        errors[i] = socket_open(link, i);
    if (errors[MDNS_HEAR_V4] == 0 || errors[MDNS_HEAR_V6] == 0)
        return ERR_OK;
    return why(w, err_from_errno(errors[MDNS_HEAR_V4]),
               "cannot listen on UDP port %d: %s", MDNS_PORT,
               uv_strerror(errors[MDNS_HEAR_V4]));
}

enum err mdns_link_open(struct mdns_link **out, const struct mdns_link_settings *s,
                        struct why *w)
{
    struct mdns_link *link = calloc(1, sizeof(*link));
    enum err e;

    *out = NULL;
    if (!link)
        return why(w, ERR_NO_MEMORY, "out of memory");
    link->settings = *s;
    timer_init(&link->look, on_look);
    e = mdns_sources_parse(&link->sources, s->sources, w);
    if (!e)
        e = sockets_open(link, w);
    if (e) {
        link->stillborn = true;
        mdns_link_close(link);
        return e;
    }
    interfaces_look(link);
    timer_start(&link->look, &s->loop->clock, MDNS_LOOK_MS);
    *out = link;
    return ERR_OK;
}

void mdns_link_close(struct mdns_link *link)
{
    bool empty = link->open == 0;

    timer_stop(&link->look, &link->settings.loop->clock);
    for (unsigned i = 0; i < MDNS_SOCKETS; i++)
        socket_close(&link->sockets[i]);
    if (empty)
        link_end(link);
}

/* Sending */

static bool socket_send(struct mdns_socket *s, const struct address *to,
                        struct slice packet)
{
    uv_buf_t buf = uv_buf_init((char *)packet.base, (unsigned)packet.size);
    int sent = s->open ? uv_udp_try_send(&s->udp, &buf, 1, &to->any) : UV_EBADF;

    if (sent < 0 && sent != UV_ENETUNREACH) /* lo has no route for IPv6's group */
        log_debug("mdns.send_failed", "reason=\"%s\"", uv_strerror(sent));
    return sent >= 0;
}

static bool send_v4(struct mdns_socket *s, const struct mdns_interface *i,
                    struct slice packet)
{
    struct ip_mreqn m = {.imr_ifindex = (int)i->index, .imr_address = i->ip};
    struct address to = group(false);

    if (!s->open ||
        setsockopt(socket_fd(s), IPPROTO_IP, IP_MULTICAST_IF, &m, sizeof(m)) != 0)
        return false;
    return socket_send(s, &to, packet);
}

static bool send_v6(struct mdns_socket *s, unsigned index, struct slice packet)
{
    struct address to = group(true);

    to.v6.sin6_scope_id = index;
    return socket_send(s, &to, packet);
}

static unsigned send_everywhere(struct mdns_link *link, struct mdns_socket *v4,
                                struct mdns_socket *v6, struct slice packet)
{
    unsigned interfaces = 0;

    for (unsigned i = 0; i < link->interface_count; i++) {
        const struct mdns_interface *at = &link->interfaces[i];
        bool sent_v4 = at->v4 && send_v4(v4, at, packet);
        bool sent_v6 = at->v6 && send_v6(v6, at->index, packet);

        interfaces += sent_v4 || sent_v6;
    }
    return interfaces;
}

unsigned mdns_link_ask(struct mdns_link *link, struct slice packet)
{
    return send_everywhere(link, &link->sockets[MDNS_ASK_V4], &link->sockets[MDNS_ASK_V6],
                           packet);
}

unsigned mdns_link_tell(struct mdns_link *link, struct slice packet)
{
    return send_everywhere(link, &link->sockets[MDNS_HEAR_V4],
                           &link->sockets[MDNS_HEAR_V6], packet);
}

void mdns_link_reply(struct mdns_link *link, const struct mdns_origin *to,
                     struct slice packet)
{
    bool v6 = to->address.any.sa_family == AF_INET6;

    socket_send(&link->sockets[v6 ? MDNS_HEAR_V6 : MDNS_HEAR_V4], &to->address, packet);
}
