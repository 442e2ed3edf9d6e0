/* c-ares's sockets and time, on our loop. */
#include <ares.h>
#include <stdio.h>
#include <stdlib.h>

#include "discovery/dns_channel.h"

enum { TIMEOUT_MS = 1000, TRIES = 3 };

struct dns_socket {
    struct list node;
    uv_poll_t poll;
    struct dns *dns;
    ares_socket_t fd;
};

static void on_timer(struct timer *t);

/* c-ares says how long it can wait. */
void dns_wait(struct dns *d)
{
    struct timeval left;

    if (!ares_timeout(d->channel, NULL, &left)) {
        timer_stop(&d->timer, &d->loop->clock);
        return;
    }
    timer_start(&d->timer, &d->loop->clock,
                (uint64_t)left.tv_sec * 1000 + (uint64_t)(left.tv_usec + 999) / 1000);
}

static void on_timer(struct timer *t)
{
    struct dns *d = container_of(t, struct dns, timer);

    ares_process_fd(d->channel, ARES_SOCKET_BAD, ARES_SOCKET_BAD);
    dns_wait(d);
}

static void on_poll(uv_poll_t *poll, int status, int events)
{
    struct dns_socket *s = container_of(poll, struct dns_socket, poll);
    struct dns *d = s->dns;
    bool reads = status < 0 || events & UV_READABLE;
    bool writes = status < 0 || events & UV_WRITABLE;

    loop_touch(d->loop);
    ares_process_fd(d->channel, reads ? s->fd : ARES_SOCKET_BAD,
                    writes ? s->fd : ARES_SOCKET_BAD);
    if (d->channel)
        dns_wait(d);
}

static void end_if_done(struct dns *d)
{
    if (d->channel || d->handles > 0)
        return;
    d->closed(d->owner);
    free(d);
}

static void on_socket_closed(uv_handle_t *handle)
{
    struct dns_socket *s = container_of((uv_poll_t *)handle, struct dns_socket, poll);
    struct dns *d = s->dns;

    free(s);
    d->handles--;
    if (d->closing)
        end_if_done(d);
}

static struct dns_socket *find_socket(struct dns *d, ares_socket_t fd)
{
    list_each(at, after, &d->sockets)
    {
        struct dns_socket *s = container_of(at, struct dns_socket, node);

        if (s->fd == fd)
            return s;
    }
    return NULL;
}

static struct dns_socket *add_socket(struct dns *d, ares_socket_t fd)
{
    struct dns_socket *s = calloc(1, sizeof(*s));

    if (!s)
        return NULL;
    s->dns = d;
    s->fd = fd;
    if (uv_poll_init(&d->loop->uv, &s->poll, fd)) {
        free(s);
        return NULL;
    }
    d->handles++;
    list_push_back(&d->sockets, &s->node);
    return s;
}

/* Without memory for a socket nobody listens to it, and its question times out. */
static void on_socket_state(void *owner, ares_socket_t fd, int reads, int writes)
{
    struct dns *d = owner;
    struct dns_socket *s = find_socket(d, fd);

    if (!s && (reads || writes))
        s = add_socket(d, fd);
    if (!s)
        return;
    if (reads || writes) {
        uv_poll_start(&s->poll, (reads ? UV_READABLE : 0) | (writes ? UV_WRITABLE : 0),
                      on_poll);
        return;
    }
    list_remove(&s->node);
    uv_close((uv_handle_t *)&s->poll, on_socket_closed);
}

/* --- life --- */

static enum err set_servers(struct dns *d, struct slice servers, struct why *w)
{
    char text[512];
    int status;

    if (servers.size == 0)
        return ERR_OK;
    snprintf(text, sizeof(text), "%.*s", (int)servers.size, servers.base);
    status = ares_set_servers_ports_csv(d->channel, text);
    return status == ARES_SUCCESS
               ? ERR_OK
               : why(w, ERR_BAD_VALUE, "\"%s\" names no DNS servers: %s", text,
                     ares_strerror(status));
}

static enum err open_channel(struct dns *d, struct why *w)
{
    struct ares_options options = {.timeout = TIMEOUT_MS,
                                   .tries = TRIES,
                                   .sock_state_cb = on_socket_state,
                                   .sock_state_cb_data = d};
    int status =
        ares_init_options(&d->channel, &options,
                          ARES_OPT_TIMEOUTMS | ARES_OPT_TRIES | ARES_OPT_SOCK_STATE_CB);

    return status == ARES_SUCCESS
               ? ERR_OK
               : why(w, ERR_UNAVAILABLE, "c-ares: %s", ares_strerror(status));
}

enum err dns_open(struct dns **out, struct loop *l, struct slice servers, struct why *w)
{
    struct dns *d = calloc(1, sizeof(*d));
    enum err e;

    if (!d)
        return why(w, ERR_NO_MEMORY, "out of memory");
    d->loop = l;
    list_init(&d->sockets);
    timer_init(&d->timer, on_timer);
    e = open_channel(d, w);
    if (!e)
        e = set_servers(d, servers, w);
    if (!e) {
        *out = d;
        return ERR_OK;
    }
    if (d->channel)
        ares_destroy(d->channel);
    free(d);
    return e;
}

static void on_end(struct timer *t)
{
    struct dns *d = container_of(t, struct dns, timer);

    d->handles--;
    end_if_done(d);
}

/* One count is held until the next turn: `closed` never comes from inside. */
void dns_close(struct dns *d, void (*closed)(void *owner), void *owner)
{
    ares_channel channel = d->channel;

    d->closed = closed;
    d->owner = owner;
    d->closing = true;
    d->handles++;
    ares_destroy(channel);
    d->channel = NULL;
    timer_stop(&d->timer, &d->loop->clock);
    timer_init(&d->timer, on_end);
    timer_start(&d->timer, &d->loop->clock, 0);
}
