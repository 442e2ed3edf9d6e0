#include "sidecar/admin.h"

#include <stdio.h>
#include <stdlib.h>

#include "sidecar/admin_micro.h"
#include "sidecar/admin_parts.h"
#include "sidecar/guard.h"

enum { GRACE_MS = 200, LEASE_STOP_MS = 500 };

enum {
    STATE = RESOURCE_OPEN | RESOURCE_PROBE | RESOURCE_LATE,
    PAGE = RESOURCE_OPEN | RESOURCE_PAGE | RESOURCE_LATE,
};

/* clang-format off */
const struct resource admin_resources[] = {
    {"GET",    "/live",      STATE,          admin_get_live,     "200 as long as the process answers"},
    {"GET",    "/ready",     STATE,          admin_get_ready,    "200 when its apps are registered, else 503 and why"},
    {"GET",    "/startup",   STATE,          admin_get_startup,  "200 when calls can be made"},
    {"GET",    "/metrics",   0,              admin_get_metrics,  "for Prometheus"},
    {"GET",    "/services",  0,              admin_get_services, "what the registries know; ?watch=1: as it changes"},
    {"GET",    "/services/", RESOURCE_NAMED, admin_get_service,  "one service; ?watch=1 too"},
    {"GET",    "/health",    0,              admin_get_health,   "apps, their checks, registries"},
    {"GET",    "/stats",     0,              admin_get_stats,    "requests by service"},
    {"GET",    "/pools",     0,              admin_get_pools,    "instances: ejections, connections, averages"},
    {"GET",    "/config",    0,              admin_get_config,   "the settings in force"},
    {"GET",    "/explain",   0,              admin_get_explain,  "?service=NAME: what a call would do, and why"},
    {"GET",    "/register",  0,              admin_get_leases,   "records kept alive here for others"},
    {"POST",   "/register",  0,              admin_post_lease,   "one more: {\"name\", \"address\", \"metadata\"}"},
    {"DELETE", "/register/", RESOURCE_NAMED, admin_delete_lease, "by its id"},
    {"POST",   "/reload",    0,              admin_post_reload,  "read the settings again, all or nothing"},
    {"POST",   "/drain",     RESOURCE_LATE,  admin_post_drain,   "leave: deregister, let requests finish, end"},
    {"GET",    "/",          PAGE,           admin_get_page,     "a page that shows it all"},
    {NULL,     NULL,         0,              NULL,               NULL},
};
/* clang-format on */

/* ---- may this request? ---- */

static struct gateway gateway_of(const struct settings *s)
{
    return (struct gateway){
        .token = slice_of(s->admin.secret),
        .allowed_hosts = s->proxy.allowed_hosts.items,
        .allowed_host_count = s->proxy.allowed_hosts.count,
        .allowed_origins = s->proxy.allowed_origins.items,
        .allowed_origin_count = s->proxy.allowed_origins.count,
    };
}

/* A page that rebinds its name to us does not know the token. */
static bool is_host_right(const struct gateway *g, struct slice host)
{
    return g->token.size || host_is_loopback(host) || host_is_allowed(g, host);
}

static enum err check_browser(const struct gateway *g, const struct http_request *q,
                              const struct resource *r, const char **hint)
{
    struct slice host = head_value(&q->head, FIELD_ID_HOST);

    if (address_is_path(&q->peer))
        return ERR_OK;
    *hint = "open it by 127.0.0.1 or localhost, or name the host in proxy.allowed_hosts";
    if (!is_host_right(g, host))
        return ERR_MISDIRECTED;
    if (r && r->flags & RESOURCE_PAGE)
        return ERR_OK;
    return guard_browser(g, &q->head, host, hint);
}

static enum err check_token(const struct gateway *g, const struct http_request *q,
                            const char **hint)
{
    struct slice given = head_value(&q->head, FIELD_ID_AUTHORIZATION);
    struct slice bearer = SLICE("Bearer ");

    if (slice_equals_nocase(slice_first(given, bearer.size), bearer) &&
        guard_secret_is(slice_trim(slice_after(given, bearer.size)), g->token))
        return ERR_OK;
    if (!guard_token(g, &q->head, hint))
        return ERR_OK;
    *hint = "send admin.token as Authorization: Bearer, or in csidecar-token";
    return ERR_UNAUTHORIZED;
}

/* ---- which resource? ---- */

static bool is_at(const struct resource *r, struct slice path)
{
    struct slice own = slice_of(r->path);

    return r->flags & RESOURCE_NAMED
               ? path.size > own.size && slice_starts_with(path, own)
               : slice_equals(path, own);
}

static struct slice method_of(const struct http_request *q)
{
    return q->head.method == METHOD_HEAD ? SLICE("GET") : q->head.method_text;
}

static const struct resource *find(const struct http_request *q, bool *known)
{
    *known = false;
    for (const struct resource *r = admin_resources; r->method; r++) {
        if (!is_at(r, q->path))
            continue;
        *known = true;
        if (slice_is(method_of(q), r->method))
            return r;
    }
    return NULL;
}

/* RFC 9110 §15.5.6: says which methods there are. */
static void refuse_method(struct http_request *q)
{
    struct text allow;

    text_init(&allow, 256);
    text_addf(&allow, "Allow: ");
    for (const struct resource *r = admin_resources; r->method; r++)
        if (is_at(r, q->path))
            text_addf(&allow, "%s%s", allow.size > strlen("Allow: ") ? ", " : "",
                      r->method);
    text_addf(&allow, "\r\n");
    admin_reply_refusal(q, ERR_METHOD, text_slice(&allow));
    text_fini(&allow);
}

static void refuse(struct http_request *q, bool known)
{
    if (known)
        refuse_method(q);
    else
        admin_reply_problem(q, 404, ERR_NOT_FOUND, "no such resource; / lists them");
}

static bool is_over(const struct admin *a, const struct resource *r)
{
    return (a->closing || a->control->ending) && !(r->flags & RESOURCE_LATE);
}

static void on_admin(struct http_server *s, struct http_request *q)
{
    struct admin *a = s->owner;
    struct gateway g = gateway_of(a->control->settings);
    const char *hint = NULL;
    bool known;
    const struct resource *r = find(q, &known);
    enum err e = check_browser(&g, q, r, &hint);

    if (!e && r && !(r->flags & RESOURCE_OPEN))
        e = check_token(&g, q, &hint);
    if (!e && r && is_over(a, r))
        e = ERR_DRAINING;
    if (e)
        admin_reply_problem(q, 0, e, e == ERR_DRAINING ? NULL : hint);
    else if (r)
        r->handle(a, q);
    else
        refuse(q, known);
}

static bool is_probe(const struct admin *a, const struct resource *r)
{
    return r->flags & RESOURCE_PROBE ||
           (a->control->settings->probes.metrics && r->handle == admin_get_metrics);
}

static void on_probe(struct http_server *s, struct http_request *q)
{
    struct admin *a = s->owner;
    bool known;
    const struct resource *r = find(q, &known);

    if (!r || !is_probe(a, r))
        admin_reply_problem(q, 404, ERR_NOT_FOUND, "this port has live, ready, startup");
    else if (is_over(a, r))
        admin_reply_problem(q, 0, ERR_DRAINING, NULL);
    else
        r->handle(a, q);
}

/* ---- life ---- */

static enum err listen_on(struct admin *a, struct port *p, struct why *w)
{
    struct http_server *s = p->use == PORT_ADMIN ? &a->server : &a->probes;
    int fd = p->fd;

    if (p->use != PORT_ADMIN && p->use != PORT_PROBES)
        return ERR_OK;
    p->fd = -1;
    return server_listen(s, fd, w);
}

enum err admin_open(struct admin **out, struct control *c, struct ports *ports,
                    struct why *w)
{
    struct admin *a = calloc(1, sizeof(*a));
    enum err e = ERR_OK;

    if (!a)
        return why(w, ERR_NO_MEMORY, "out of memory");
    *out = a;
    a->control = c;
    a->server.owner = a->probes.owner = a;
    a->server.handle = on_admin;
    a->probes.handle = on_probe;
    list_init(&a->lookups);
    list_init(&a->watchers);
    list_init(&a->leases);
    list_init(&a->micro_watchers);
    timer_init(&a->late, admin_services_late);
    server_open(&a->server, &c->loop);
    server_open(&a->probes, &c->loop);
    for (unsigned i = 0; i < ports->count && !e; i++)
        e = listen_on(a, &ports->items[i], w);
    return e;
}

void admin_notify(struct admin *a, const char *service)
{
    if (a->closing)
        return;
    admin_services_changed(a, service);
    admin_micro_changed(a, service);
}

void admin_drain(struct admin *a, uint64_t within_ms)
{
    admin_leases_stop(a, within_ms);
}

static void on_server_closed(struct http_server *s)
{
    struct admin *a = s->owner;

    if (--a->open_servers == 0)
        a->closed(a->owner);
}

/* The leases have gone: what is left are connections. */
void admin_leases_gone(struct admin *a)
{
    if (!a->closing || a->open_servers)
        return;
    a->open_servers = a->micro_open ? 3 : 2;
    admin_services_close(a);
    admin_micro_close(a);
    if (a->micro_open)
        server_close(&a->micro, GRACE_MS, on_server_closed);
    server_close(&a->server, GRACE_MS, on_server_closed);
    server_close(&a->probes, GRACE_MS, on_server_closed);
}

void admin_close(struct admin *a, void (*closed)(void *owner), void *owner)
{
    a->closing = true;
    a->closed = closed;
    a->owner = owner;
    admin_leases_stop(a, LEASE_STOP_MS);
    if (list_empty(&a->leases))
        admin_leases_gone(a);
}

void admin_free(struct admin *a)
{
    free(a);
}
