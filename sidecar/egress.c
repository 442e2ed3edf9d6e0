#include "sidecar/egress.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>

#include "sidecar/guard.h"
#include "sidecar/ports.h"

enum {
    AGAIN_MS = 30 * 1000,
    FAILED_AGAIN_MS = 1000,
    ADDRESSES = 16,
    LOOKUPS = 64, /* at once */
    HOST_LIMIT = 253,
    HTTP_PORT = 80,
};

struct target {
    char host[HOST_LIMIT + 1]; /* no brackets */
    unsigned port;
    char key[HOST_LIMIT + 10]; /* "host:port" */
};

struct lookup {
    uv_getaddrinfo_t request;
    struct worker *worker;
    struct target target;
};

static bool is_host_char(char c)
{
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
           c == '-' || c == '.' || c == '_' || c == ':';
}

static bool read_host(struct target *t, struct slice host)
{
    if (host.size > 2 && host.base[0] == '[')
        host = slice_first(slice_after(host, 1), host.size - 2);
    if (host.size == 0 || host.size > HOST_LIMIT)
        return false;
    for (size_t i = 0; i < host.size; i++)
        if (!is_host_char(host.base[i]))
            return false;
    memcpy(t->host, host.base, host.size);
    t->host[host.size] = '\0';
    return true;
}

static bool read_target(struct target *t, struct slice authority)
{
    struct slice host = host_without_port(authority);
    struct slice port = slice_after(authority, host.size);
    uint64_t number = HTTP_PORT;

    if (port.size > 1 && (!slice_to_u64(slice_after(port, 1), &number) || number == 0 ||
                          number > UINT16_MAX))
        return false;
    t->port = (unsigned)number;
    if (!read_host(t, host))
        return false;
    snprintf(t->key, sizeof(t->key), "%s:%u", t->host, t->port);
    return true;
}

/* 0.0.0.0 and :: lead to this host, too. */
static bool is_here(const struct address *a)
{
    char text[ADDRESS_TEXT];
    const char *ip = address_ip(a, text);

    return address_is_loopback(a) || strcmp(ip, "0.0.0.0") == 0 || strcmp(ip, "::") == 0;
}

static bool is_own(const struct worker *w, const struct address *a)
{
    for (unsigned i = 0; w->ports && i < w->ports->count; i++) {
        const struct address *own = &w->ports->items[i].address;

        if (!address_is_path(own) && address_port(own) == address_port(a) &&
            (is_here(a) || address_equals(own, a)))
            return true;
    }
    return false;
}

/* ---- lists ---- */

struct found {
    unsigned count;
    struct address addresses[ADDRESSES];
};

static int by_bytes(const void *a, const void *b)
{
    return memcmp(a, b, sizeof(struct address));
}

/* In an order of its own, so that an address keeps its place from answer to answer. */
static struct instance_list *list_of(const char *key, struct found *f, bool known)
{
    struct instance instances[ADDRESSES] = {0};
    char ids[ADDRESSES][ADDRESS_TEXT];
    struct instance_list *l;

    qsort(f->addresses, f->count, sizeof(f->addresses[0]), by_bytes);
    for (unsigned i = 0; i < f->count; i++)
        instances[i] = (struct instance){
            .id = address_format(&f->addresses[i], ids[i]),
            .version = "",
            .address = f->addresses[i],
            .weight = 1,
            .index = i,
            .source = "dns",
        };
    l = instance_list_new(key, instances, f->count);
    if (!l)
        return NULL;
    l->known = known;
    l->answered = true;
    l->places = f->count;
    return l;
}

/* Those who wait may end by it, and so might the service. */
static void update(struct service *s, struct instance_list *l)
{
    if (!l)
        return; /* no memory: who waits runs into the limit of waiting */
    s->in_flight++;
    service_update(s, l);
    s->in_flight--;
    instance_list_unref(l);
}

/* ---- DNS ---- */

static void read_addresses(const struct worker *w, const struct addrinfo *found,
                           struct found *f)
{
    for (; found && f->count < ADDRESSES; found = found->ai_next) {
        struct address *a = &f->addresses[f->count];

        memset(a, 0, sizeof(*a));
        if (found->ai_addrlen > sizeof(*a))
            continue;
        memcpy(a, found->ai_addr, found->ai_addrlen);
        f->count += !is_own(w, a);
    }
}

static void on_found(uv_getaddrinfo_t *request, int status, struct addrinfo *found)
{
    struct lookup *l = container_of(request, struct lookup, request);
    struct worker *w = l->worker;
    struct service *s = map_get(&w->services, slice_of(l->target.key));
    struct found f = {0};

    loop_touch(&w->loop);
    w->lookups--;
    read_addresses(w, status == 0 ? found : NULL, &f);
    /* What was there serves on while DNS is away. */
    if (s && (status == 0 || !s->list || s->list->count == 0))
        update(s, list_of(s->name, &f, status == 0));
    uv_freeaddrinfo(found);
    free(l);
}

static enum err look_up(struct worker *w, struct service *s, const struct target *t)
{
    struct addrinfo hints = {.ai_family = AF_UNSPEC, .ai_socktype = SOCK_STREAM};
    char port[8];
    struct lookup *l;

    if (w->lookups >= LOOKUPS)
        return ERR_OVERLOADED;
    l = calloc(1, sizeof(*l));
    if (!l)
        return ERR_NO_MEMORY;
    l->worker = w;
    l->target = *t;
    snprintf(port, sizeof(port), "%u", t->port);
    if (uv_getaddrinfo(&w->loop.uv, &l->request, on_found, t->host, port, &hints)) {
        free(l);
        return ERR_NO_MEMORY;
    }
    s->asked_ms = loop_now(&w->loop);
    w->lookups++;
    return ERR_OK;
}

/* An address as it stands needs no DNS. */
static bool is_literal(const struct target *t, struct address *a)
{
    memset(a, 0, sizeof(*a));
    return address_from_ip(a, slice_of(t->host), t->port) == ERR_OK;
}

static enum err resolve(struct worker *w, struct service *s, const struct target *t)
{
    struct found f = {.count = 1};

    if (!is_literal(t, &f.addresses[0]))
        return look_up(w, s, t);
    s->asked_ms = loop_now(&w->loop);
    if (is_own(w, &f.addresses[0]))
        return ERR_LOOP;
    update(s, list_of(s->name, &f, true));
    return s->list ? ERR_OK : ERR_NO_MEMORY;
}

static bool is_due(const struct worker *w, const struct service *s)
{
    uint64_t age = loop_now(&w->loop) - s->asked_ms;
    bool lasts = !s->list || s->list->known;

    return s->asked_ms == 0 || age >= (lasts ? AGAIN_MS : FAILED_AGAIN_MS);
}

/* ---- registries first ---- */

static bool is_answered(const struct service *s)
{
    return s->list && (s->list->known || s->list->answered);
}

void egress_answered(struct worker *w, struct service *s)
{
    struct list *first;

    while (is_answered(s) && (first = list_pop_front(&s->egress))) {
        struct service *waiting = container_of(first, struct service, egress);
        struct target t;

        if (s->list->known)
            update(waiting, instance_list_ref(s->list));
        else if (read_target(&t, slice_of(waiting->name)))
            (void)resolve(w, waiting, &t);
    }
}

/* NULL and ERR_OK: no registry knows it. ERR_LATER: none has answered yet. */
static struct service *ask_registries(struct worker *w, struct slice name, enum err *e)
{
    struct service *s = name.size ? worker_service(w, name, e) : NULL;

    if (!s)
        return NULL;
    *e = is_answered(s) ? ERR_OK : ERR_LATER;
    return s->list && s->list->known ? s : NULL;
}

static struct service *wait_for_registries(struct worker *w, struct slice name,
                                           struct service *s)
{
    struct service *asked = map_get(&w->services, name);

    list_remove(&s->egress);
    if (asked && asked != s)
        list_push_back(&asked->egress, &s->egress);
    return s;
}

struct service *egress_service(struct worker *w, struct slice authority,
                               struct slice name, enum err *e)
{
    struct target t;
    struct service *s;
    bool waits;

    *e = ERR_BAD_REQUEST;
    if (!read_target(&t, authority))
        return NULL;
    *e = ERR_OK;
    s = ask_registries(w, name, e);
    if (s || (*e && *e != ERR_LATER))
        return s;
    waits = *e == ERR_LATER;
    s = worker_egress(w, slice_of(t.key), e);
    if (!s || waits)
        return s && !s->list ? wait_for_registries(w, name, s) : s;
    *e = is_due(w, s) ? resolve(w, s, &t) : ERR_OK;
    return *e && !s->list ? NULL : s;
}
