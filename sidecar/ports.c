#include "sidecar/ports.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "sidecar/core/log.h"

/* Default sets: 8081/8082, 8091/8092, ... */
enum { SET_STEP = 10, SET_COUNT = 100 };

static struct port *add(struct ports *p, enum port_use use, const struct address *a)
{
    struct port *grown = realloc(p->items, (p->count + 1) * sizeof(*p->items));

    if (!grown)
        return NULL;
    p->items = grown;
    p->items[p->count] = (struct port){.use = use, .address = *a, .fd = -1};
    return &p->items[p->count++];
}

static enum err add_all(struct ports *p, enum port_use use,
                        const struct listen_addresses *list, const char *name,
                        unsigned app)
{
    for (unsigned i = 0; i < list->count; i++) {
        struct port *port = add(p, use, &list->items[i]);

        if (!port)
            return ERR_NO_MEMORY;
        port->name = name;
        port->app = app;
    }
    return ERR_OK;
}

static enum err gather(struct ports *p, const struct settings *s)
{
    const struct service_entry *entries = s->services.base;
    enum err e = add_all(p, PORT_LOCAL, &s->proxy.addresses, NULL, 0);

    if (!e)
        e = add_all(p, PORT_ADMIN, &s->admin.addresses, NULL, 0);
    if (!e)
        e = add_all(p, PORT_PROBES, &s->probes.addresses, NULL, 0);
    for (unsigned i = 0; i < s->app_count && !e; i++)
        e = add_all(p, PORT_INGRESS, &s->all_apps[i].ingress_listen, s->all_apps[i].name,
                    i);
    for (unsigned i = 0; i < s->services.count && !e; i++)
        e = add_all(p, PORT_SERVICE, &entries[i].listen_addresses, entries[i].name, 0);
    return e;
}

static bool is_default(const struct port *port, const struct settings *s)
{
    return (port->use == PORT_LOCAL && s->proxy.addresses.by_default) ||
           (port->use == PORT_ADMIN && s->admin.addresses.by_default);
}

static void close_all(struct ports *p)
{
    for (unsigned i = 0; i < p->count; i++) {
        if (p->items[i].fd >= 0)
            close(p->items[i].fd);
        p->items[i].fd = -1;
    }
}

static void blame_setting(const struct port *port, struct why *w)
{
    static const char *const names[] = {
        [PORT_LOCAL] = "proxy.listen",     [PORT_SERVICE] = "services",
        [PORT_INGRESS] = "ingress.listen", [PORT_ADMIN] = "admin.listen",
        [PORT_PROBES] = "probes.listen",
    };

    if (port->use == PORT_SERVICE)
        why_in(w, "services.%s.listen", port->name);
    else
        why_in(w, "%s", names[port->use]);
}

/* A default port gives way to the app's own, which may not be listening yet. */
static bool is_an_apps(const struct settings *s, unsigned port)
{
    for (unsigned i = 0; i < s->app_count; i++)
        if (s->all_apps[i].port == port)
            return true;
    return false;
}

static bool may_move(const struct port *port, const struct settings *s, unsigned shift)
{
    return is_default(port, s) && shift < (SET_COUNT - 1) * SET_STEP;
}

/* Who holds a port is found by looking through all processes: not where the next port will do. */
static enum err bind_address(struct address *a, bool shared, bool may_move_on, int *fd,
                             struct why *w)
{
    enum err e = may_move_on ? listener_bind(a, shared, fd, NULL) : ERR_LATER;

    return !e || e == ERR_ADDRESS_IN_USE ? e : listener_bind(a, shared, fd, w);
}

static enum err bind_one(struct port *port, const struct settings *s, unsigned shift,
                         struct why *w)
{
    bool shared = s->proxy.workers > 1 && !address_is_path(&port->address) &&
                  port->use != PORT_ADMIN && port->use != PORT_PROBES;
    struct address a = port->address;
    enum err e;

    if (is_default(port, s)) {
        address_set_port(&a, address_port(&a) + shift);
        if (is_an_apps(s, address_port(&a)))
            return why(w, ERR_ADDRESS_IN_USE, "port %u is the app's", address_port(&a));
    }
    e = bind_address(&a, shared, may_move(port, s, shift), &port->fd, w);
    if (!e)
        port->address = a;
    else
        blame_setting(port, w);
    return e;
}

static bool is_loopback_of(const struct port *port, int family)
{
    return port->address.any.sa_family == family && address_is_loopback(&port->address);
}

/* [::1] beside 127.0.0.1 is a courtesy where the host has IPv6, also to who wrote both. */
static bool may_lack(const struct ports *p, const struct port *port)
{
    if (!is_loopback_of(port, AF_INET6))
        return false;
    for (const struct port *at = p->items; at < port; at++)
        if (at->use == port->use && at->name == port->name && at->app == port->app &&
            is_loopback_of(at, AF_INET))
            return true;
    return false;
}

static void drop(struct ports *p, unsigned at)
{
    memmove(&p->items[at], &p->items[at + 1], (p->count - at - 1) * sizeof(*p->items));
    p->count--;
}

/* One set, all or nothing. *was_default: a default port was what could not be had. */
static enum err bind_set(struct ports *p, const struct settings *s, unsigned shift,
                         bool *was_default, struct why *w)
{
    for (unsigned i = 0; i < p->count;) {
        enum err e = bind_one(&p->items[i], s, shift, w);

        if (e == ERR_UNAVAILABLE && may_lack(p, &p->items[i])) {
            log_info("listen.skipped", "reason=\"%s\"", w->text);
            drop(p, i);
            continue;
        }
        if (e) {
            *was_default = is_default(&p->items[i], s);
            return e;
        }
        i++;
    }
    return ERR_OK;
}

enum err ports_bind(struct ports *p, struct settings *s, struct why *w)
{
    enum err e = ERR_OK;

    for (unsigned set = 0; set < SET_COUNT; set++) {
        bool was_default = false;

        *p = (struct ports){.moved = set > 0};
        e = gather(p, s);
        if (!e)
            e = bind_set(p, s, set * SET_STEP, &was_default, w);
        if (!e) {
            p->settings = settings_ref(s);
            return ERR_OK;
        }
        ports_fini(p);
        if (e != ERR_ADDRESS_IN_USE || !was_default)
            return e;
    }
    return e;
}

void ports_fini(struct ports *p)
{
    close_all(p);
    free(p->items);
    settings_unref(p->settings);
    *p = (struct ports){0};
}

const struct port *ports_first(const struct ports *p, enum port_use use)
{
    for (unsigned i = 0; i < p->count; i++)
        if (p->items[i].use == use && !address_is_path(&p->items[i].address))
            return &p->items[i];
    return NULL;
}

char *ports_where(const struct ports *p, enum port_use use, char out[ADDRESS_TEXT + 8])
{
    ports_url(p, use, out);
    for (unsigned i = 0; i < p->count && !out[0]; i++)
        if (p->items[i].use == use)
            address_format(&p->items[i].address, out);
    return out;
}

/* Where everything listens on all addresses, loopback is how to get there from here. */
char *ports_url(const struct ports *p, enum port_use use, char out[ADDRESS_TEXT + 8])
{
    const struct port *port = ports_first(p, use);
    char text[ADDRESS_TEXT];

    out[0] = '\0';
    if (!port)
        return out;
    if (address_is_any(&port->address))
        snprintf(out, ADDRESS_TEXT + 8, "http://127.0.0.1:%u",
                 address_port(&port->address));
    else
        snprintf(out, ADDRESS_TEXT + 8, "http://%s",
                 address_format(&port->address, text));
    return out;
}
