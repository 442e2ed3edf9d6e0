#include "discovery/gossip_seeds.h"

#include <stdio.h>
#include <stdlib.h>

/* Outlives its seeds, which may be closed while the resolver works. */
struct lookup {
    struct list node;
    uv_getaddrinfo_t request;
    struct gossip_seed_host *host; /* NULL: nobody waits for it */
    struct loop *loop;
};

static void on_done(struct timer *t)
{
    struct gossip_seeds *s = container_of(t, struct gossip_seeds, done);

    s->resolved(s, s->count ? ERR_OK : s->error, &s->why);
}

static void add_address(struct gossip_seeds *s, const struct address *a)
{
    for (unsigned i = 0; i < s->count; i++)
        if (address_equals(&s->addresses[i], a))
            return;
    if (s->count < GOSSIP_SEEDS)
        s->addresses[s->count++] = *a;
}

static void add_found(const struct gossip_seed_host *h, const struct addrinfo *found)
{
    for (; found; found = found->ai_next) {
        struct address a = {0};

        if (found->ai_addrlen > sizeof a)
            continue;
        memcpy(&a, found->ai_addr, found->ai_addrlen);
        address_set_port(&a, h->port);
        add_address(h->seeds, &a);
    }
}

static void note_failure(struct gossip_seed_host *h, int status)
{
    h->seeds->error = ERR_UNAVAILABLE;
    why(&h->seeds->why, ERR_UNAVAILABLE, "the seed %.*s has no address: %s",
        (int)h->host.size, h->host.base, uv_strerror(status));
}

static void on_found(uv_getaddrinfo_t *request, int status, struct addrinfo *found)
{
    struct lookup *l = container_of(request, struct lookup, request);
    struct gossip_seed_host *h = l->host;

    loop_touch(l->loop);
    list_remove(&l->node);
    if (h && status)
        note_failure(h, status);
    else if (h)
        add_found(h, found);
    uv_freeaddrinfo(found);
    free(l);
    if (h && --h->seeds->asked == 0)
        timer_start(&h->seeds->done, &h->seeds->loop->clock, 0);
}

static int look_up(struct gossip_seed_host *h)
{
    const struct addrinfo hints = {.ai_socktype = SOCK_STREAM};
    struct lookup *l = calloc(1, sizeof *l);
    char name[256];
    int status;

    if (!l)
        return UV_ENOMEM;
    l->host = h;
    l->loop = h->seeds->loop;
    snprintf(name, sizeof name, "%.*s", (int)h->host.size, h->host.base);
    status = uv_getaddrinfo(&l->loop->uv, &l->request, on_found, name, NULL, &hints);
    if (status) {
        free(l);
        return status;
    }
    list_push_back(&h->seeds->lookups, &l->node);
    h->seeds->asked++;
    return 0;
}

static void resolve(struct gossip_seed_host *h)
{
    struct address a;
    int status;

    if (slice_equals_nocase(h->host, SLICE("localhost")))
        address_from_ip(&a, SLICE("127.0.0.1"), h->port);
    else if (address_from_ip(&a, h->host, h->port)) {
        status = look_up(h);
        if (status)
            note_failure(h, status);
        return;
    }
    add_address(h->seeds, &a);
}

void gossip_seeds_resolve(struct gossip_seeds *s)
{
    if (s->asked || timer_active(&s->done))
        return;
    s->count = 0;
    s->error = ERR_UNAVAILABLE;
    why_init(&s->why);
    for (unsigned i = 0; i < s->host_count; i++)
        resolve(&s->hosts[i]);
    if (!s->asked)
        timer_start(&s->done, &s->loop->clock, 0);
}

void gossip_seeds_stop(struct gossip_seeds *s)
{
    struct list *node;

    timer_stop(&s->done, &s->loop->clock);
    while ((node = list_pop_front(&s->lookups))) {
        struct lookup *l = container_of(node, struct lookup, node);

        l->host = NULL;
        uv_cancel((uv_req_t *)&l->request);
    }
    s->asked = 0;
}

/* "host", "host:port", "[::1]:port" */
static enum err add_host(struct gossip_seeds *s, struct slice text, struct why *w)
{
    struct gossip_seed_host *h = &s->hosts[s->host_count];
    bool bracketed = text.base[0] == '[';
    size_t close = bracketed ? slice_find(text, ']') + 1 : 0;
    size_t colon = close + slice_find(slice_after(text, close), ':');
    uint64_t port = GOSSIP_PORT;

    if (s->host_count == GOSSIP_HOSTS)
        return why(w, ERR_BAD_VALUE, "more than %d seeds", GOSSIP_HOSTS);
    h->seeds = s;
    h->host = slice_first(text, colon);
    if (colon < text.size && (!slice_to_u64(slice_after(text, colon + 1), &port) ||
                              port == 0 || port > UINT16_MAX))
        return why(w, ERR_BAD_VALUE, "\"%.*s\" has no port from 1 to 65535",
                   (int)text.size, text.base);
    if (h->host.size == 0 || h->host.size > 255)
        return why(w, ERR_BAD_VALUE, "\"%.*s\" is no host", (int)text.size, text.base);
    h->port = (unsigned)port;
    s->host_count++;
    return ERR_OK;
}

enum err gossip_seeds_init(struct gossip_seeds *s, struct slice hosts, struct why *w)
{
    enum err e = ERR_OK;

    list_init(&s->lookups);
    timer_init(&s->done, on_done);
    while (!e && hosts.base && hosts.size) {
        struct slice host = slice_next(&hosts, ',');

        if (host.size)
            e = add_host(s, host, w);
    }
    return e;
}
