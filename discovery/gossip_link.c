#include "discovery/gossip_link.h"

#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

#include "discovery/gossip_exchange.h"
#include "sidecar/core/log.h"

enum {
    TRIES = 16,
    RECEIVE_BUFFER = 2 * 1024 * 1024,
    SEND_LIMIT = 64 * 1024, /* of a datagram */
};

static struct gossip_link *link_of(uv_handle_t *udp)
{
    return container_of((uv_udp_t *)udp, struct gossip_link, udp);
}

/* --- receiving --- */

static void on_alloc(uv_handle_t *handle, size_t suggested, uv_buf_t *buf)
{
    struct loop *loop = link_of(handle)->loop;

    (void)suggested;
    *buf = uv_buf_init(loop->read_buffer, (unsigned)loop->read_size);
}

struct receiving {
    struct gossip_link *link;
    struct address from;
};

static void on_message(void *owner, const struct gossip_message *m)
{
    struct receiving *r = owner;

    if (!r->link->is_closing)
        r->link->events->message(r->link, &r->from, m);
}

static void receive(struct receiving *r, struct slice packet)
{
    struct gossip_link *l = r->link;
    enum err e = ERR_OK;

    if (l->crypt->count) {
        text_clear(&l->plain);
        e = gossip_unseal(l->crypt, &l->plain, packet, (struct slice){NULL, 0});
        packet = text_slice(&l->plain);
    }
    if (e)
        l->events->refused(l, &r->from, ERR_DENIED,
                           "a packet that our key does not decrypt");
    else if (gossip_packet_read(packet, on_message, r) && !l->is_closing)
        l->events->refused(l, &r->from, ERR_BAD_RECORD, "a packet that makes no sense");
}

static void on_packet(uv_udp_t *udp, ssize_t size, const uv_buf_t *buf,
                      const struct sockaddr *from, unsigned flags)
{
    struct receiving r = {.link = link_of((uv_handle_t *)udp)};

    if (size <= 0 || !from || flags & UV_UDP_PARTIAL)
        return;
    loop_touch(r.link->loop);
    memcpy(&r.from, from,
           from->sa_family == AF_INET ? sizeof(struct sockaddr_in)
                                      : sizeof(struct sockaddr_in6));
    receive(&r, slice_from(buf->base, (size_t)size));
}

/* --- sending --- */

static void send_packet(struct gossip_link *l, const struct address *to,
                        struct slice packet)
{
    uv_buf_t buf = uv_buf_init((char *)packet.base, (unsigned)packet.size);
    int sent;

    if (to->any.sa_family != l->address.any.sa_family)
        return;
    sent = uv_udp_try_send(&l->udp, &buf, 1, &to->any);
    if (sent < 0)
        log_debug("gossip.send_failed", "reason=\"%s\"", uv_strerror(sent));
}

void gossip_link_send(struct gossip_link *l, const struct address *to,
                      const struct gossip_compound *c, bool checked)
{
    struct text sealed;

    if (l->is_closing && l->open < 2)
        return;
    text_clear(&l->packet);
    gossip_compound_write(&l->packet, c, checked);
    if (l->packet.failed)
        return;
    if (!l->crypt->count) {
        send_packet(l, to, text_slice(&l->packet));
        return;
    }
    text_init(&sealed, SEND_LIMIT);
    if (!gossip_seal(l->crypt, &sealed, text_slice(&l->packet), (struct slice){NULL, 0}))
        send_packet(l, to, text_slice(&sealed));
    text_fini(&sealed);
}

/* --- closing --- */

static void maybe_closed(struct gossip_link *l)
{
    if (!l->is_closing || l->open > 0 || l->exchange_count > 0)
        return;
    text_fini(&l->packet);
    text_fini(&l->plain);
    if (!l->is_stillborn)
        l->events->closed(l);
    free(l);
}

void gossip_link_exchange_ended(struct gossip_link *l)
{
    maybe_closed(l);
}

static void on_udp_closed(uv_handle_t *udp)
{
    struct gossip_link *l = link_of(udp);

    loop_touch(l->loop);
    l->open--;
    maybe_closed(l);
}

static void on_listener_closed(struct listener *listener)
{
    struct gossip_link *l = listener->owner;

    l->open--;
    maybe_closed(l);
}

void gossip_link_close(struct gossip_link *l)
{
    l->is_closing = true;
    gossip_exchanges_close(l);
    listener_close(&l->listener, on_listener_closed);
    uv_close((uv_handle_t *)&l->udp, on_udp_closed);
}

/* --- opening --- */

static int bind_udp(int fd, struct address *a)
{
    socklen_t size = sizeof *a;

    if (a->any.sa_family == AF_INET6)
        setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &(int){1}, sizeof(int));
    if (bind(fd, &a->any, address_size(a)) < 0 || getsockname(fd, &a->any, &size) < 0)
        return -errno;
    return 0;
}

/* Both sockets, or none. A port that is free for UDP need not be so for TCP. */
static enum err bind_both(struct address *a, int *udp, int *tcp, struct why *w)
{
    char text[ADDRESS_TEXT];
    enum err e;
    int status;

    *udp = socket(a->any.sa_family, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (*udp < 0)
        return why(w, err_from_errno(-errno), "can't open a UDP socket: %s",
                   strerror(errno));
    status = bind_udp(*udp, a);
    e = status ? why(w, err_from_errno(status), "can't bind UDP %s: %s",
                     address_format(a, text), uv_strerror(status))
               : listener_bind(a, false, tcp, w);
    if (e)
        close(*udp);
    return e;
}

static enum err bind_somewhere(struct gossip_link *l, const struct address *address,
                               int *udp, int *tcp, struct why *w)
{
    unsigned tries = address_port(address) ? 1 : TRIES;
    enum err e = ERR_ADDRESS_IN_USE;

    while (e == ERR_ADDRESS_IN_USE && tries-- > 0) {
        l->address = *address;
        e = bind_both(&l->address, udp, tcp, w);
    }
    return e;
}

static void start_udp(struct gossip_link *l, int fd)
{
    setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &(int){RECEIVE_BUFFER}, sizeof(int));
    uv_udp_init(&l->loop->uv, &l->udp);
    uv_udp_open(&l->udp, fd);
    uv_udp_recv_start(&l->udp, on_alloc, on_packet);
    l->open++;
}

static enum err link_start(struct gossip_link *l, int udp, int tcp, struct why *w)
{
    l->listener.owner = l;
    gossip_exchanges_serve(l);
    start_udp(l, udp);
    l->open++;
    return listener_open(&l->listener, l->loop, tcp, w);
}

enum err gossip_link_open(struct gossip_link **out, const struct gossip_link_settings *s,
                          struct why *w)
{
    struct gossip_link *l = calloc(1, sizeof *l);
    int udp, tcp;
    enum err e;

    *out = NULL;
    if (!l)
        return why(w, ERR_NO_MEMORY, "out of memory");
    l->loop = s->loop;
    l->crypt = s->crypt;
    l->events = s->events;
    l->owner = s->owner;
    list_init(&l->exchanges);
    text_init(&l->packet, SEND_LIMIT);
    text_init(&l->plain, SEND_LIMIT);
    e = bind_somewhere(l, &s->address, &udp, &tcp, w);
    if (e) {
        free(l);
        return e;
    }
    e = link_start(l, udp, tcp, w);
    if (e) {
        l->is_stillborn = true;
        gossip_link_close(l);
        return e;
    }
    *out = l;
    return ERR_OK;
}
