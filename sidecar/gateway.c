#include "sidecar/gateway.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "sidecar/downstream.h"
#include "sidecar/handover.h"
#include "sidecar/worker.h"

static struct socket *listening_offer(struct listener *listener)
{
    struct listening *l = listener->owner;
    struct socket *s = downstream_offer(l);

    if (s)
        handover_count(l->worker, 1);
    return s;
}

static void listening_accepted(struct listener *listener, struct socket *s)
{
    (void)listener;
    downstream_accepted(s);
}

static bool listening_gives(struct listener *listener)
{
    return handover_wanted(listener->owner);
}

static void listening_give(struct listener *listener, int fd)
{
    handover_give(listener->owner, fd);
}

struct listening *listening_ref(struct listening *l)
{
    l->references++;
    return l;
}

void listening_unref(struct listening *l)
{
    assert(l->references > 0);
    if (--l->references > 0)
        return;
    if (l->app)
        service_drop(l->app);
    list_remove(&l->all);
    l->worker->listening_count--;
    settings_unref(l->settings);
    free(l);
}

static void on_listener_closed(struct listener *listener)
{
    listening_unref(container_of(listener, struct listening, listener));
}

static struct slice secret(const char *text)
{
    return text ? slice_of(text) : (struct slice){NULL, 0};
}

void listening_configure(struct listening *l, struct settings *settings)
{
    struct settings *old = l->settings;
    const struct proxy_settings *p = &settings->proxy;

    l->settings = settings_ref(settings);
    l->gateway.service = slice_of(l->name);
    l->gateway.egress = settings->egress;
    if (l->gateway.kind != GATEWAY_INGRESS) {
        l->gateway.token =
            l->gateway.kind == GATEWAY_UNIX ? secret(NULL) : secret(p->secret);
        l->gateway.allowed_hosts = p->allowed_hosts.items;
        l->gateway.allowed_host_count = p->allowed_hosts.count;
        l->gateway.allowed_origins = p->allowed_origins.items;
        l->gateway.allowed_origin_count = p->allowed_origins.count;
        l->gateway.compat = settings->compat_flags;
    }
    if (l->app)
        service_configure(l->app, settings, &settings->ingress.policy,
                          l->worker->workers);
    settings_unref(old);
}

/* The app behind an ingress is a service of its own, with the one instance. */
static enum err make_app(struct listening *l, struct instance_list *app)
{
    struct worker *w = l->worker;

    if (!app)
        return ERR_OK;
    l->app = service_make(slice_of(l->name), w->settings, &w->settings->ingress.policy,
                          w->workers, &w->loop.clock, &w->random);
    if (l->app) {
        l->app->fixed = true;
        service_update(l->app, app);
    }
    instance_list_unref(app);
    return l->app ? ERR_OK : ERR_NO_MEMORY;
}

static void note_peer(struct listening *l)
{
    const struct address *a = &l->listener.address;

    if (l->gateway.kind == GATEWAY_UNIX || !address_is_loopback(a))
        return;
    l->peer_ip = a->any.sa_family == AF_INET6 ? SLICE("::1") : SLICE("127.0.0.1");
}

static void close_if_any(int fd)
{
    if (fd >= 0)
        close(fd);
}

enum err listening_open(struct worker *w, int fd, enum gateway_kind kind,
                        const char *name, struct instance_list *app, struct why *why_text)
{
    struct listening *l = calloc(1, sizeof(*l));
    enum err e;

    if (!l) {
        close_if_any(fd);
        return why(why_text, ERR_NO_MEMORY, "out of memory");
    }
    l->references = 1;
    l->worker = w;
    l->gateway.kind = kind;
    snprintf(l->name, sizeof(l->name), "%s", name);
    list_push_back(&w->listenings, &l->all);
    w->listening_count++;
    listening_configure(l, w->settings);
    e = make_app(l, app);
    l->listener.owner = l;
    l->listener.offer = listening_offer;
    l->listener.accepted = listening_accepted;
    l->listener.gives = listening_gives;
    l->listener.give = listening_give;
    if (e) {
        close_if_any(fd);
        listening_unref(l);
        return why(why_text, e, "out of memory");
    }
    l->listening = true;
    l->accepts = fd >= 0;
    if (l->accepts)
        e = listener_open(&l->listener, &w->loop, fd, why_text);
    if (e)
        return e;
    note_peer(l);
    l->gateway.port = address_port(&l->listener.address);
    l->number = handover_ready(w);
    return ERR_OK;
}

void listening_close(struct listening *l)
{
    if (!l->listening)
        return;
    l->listening = false;
    if (l->accepts)
        listener_close(&l->listener, on_listener_closed);
    else
        listening_unref(l);
}
