/* Where does a request go, and under which rules? All that is said of it is kept from its head here. */
#include "sidecar/balancer.h"
#include "sidecar/downstream.h"
#include "sidecar/egress.h"
#include "sidecar/port_internal.h"
#include "sidecar/worker.h"

static const char hint_timeout[] =
    "csidecar-timeout takes a duration such as 500ms or 2s";
static const char hint_retries[] = "csidecar-retries takes a number from 0 to 10";

static enum err bad_field(struct call *c, const char *hint)
{
    c->hint = hint;
    return ERR_BAD_REQUEST;
}

/* What a request may change of its service's policy. */
static enum err read_overrides(struct call *c, const struct http_head *h)
{
    struct exchange *x = &c->x;
    struct slice pinned = head_value(h, FIELD_ID_CSIDECAR_INSTANCE);
    uint64_t retries;

    if (head_has(h, FIELD_ID_CSIDECAR_TIMEOUT) &&
        duration_parse(head_value(h, FIELD_ID_CSIDECAR_TIMEOUT), &x->timeout_ms))
        return bad_field(c, hint_timeout);
    if (head_has(h, FIELD_ID_CSIDECAR_RETRIES)) {
        if (!slice_to_u64(head_value(h, FIELD_ID_CSIDECAR_RETRIES), &retries) ||
            retries > 10)
            return bad_field(c, hint_retries);
        x->retries_left = (uint32_t)retries;
    }
    if (pinned.size) {
        x->pinned = arena_copy(&c->arena, pinned);
        if (!x->pinned.base)
            return ERR_NO_MEMORY;
    }
    return ERR_OK;
}

static void read_hash(struct call *c, const struct http_head *h,
                      const struct service_settings *policy)
{
    struct slice key = head_value(h, FIELD_ID_CSIDECAR_HASH);

    if (policy->balancer != BALANCER_HASH)
        return;
    for (unsigned i = 0; !key.size && policy->hash_header && i < h->count; i++)
        if (slice_equals_nocase(h->fields[i].name, slice_of(policy->hash_header)))
            key = h->fields[i].value;
    c->x.has_hash = key.size > 0;
    c->x.hash = balancer_hash(key);
}

/* A tunnel is made for what the settings name (websocket), never for h2c. */
static void read_upgrade(struct call *c, const struct http_head *h,
                         const struct service_settings *policy)
{
    struct slice asked = head_value(h, FIELD_ID_UPGRADE);

    if (!h->upgrade || h->framing != BODY_NONE)
        return;
    for (unsigned i = 0; i < policy->upgrades.count; i++)
        if (slice_equals_nocase(asked, slice_of(policy->upgrades.items[i])))
            c->upgrade = arena_copy(&c->arena, asked);
}

static struct service *find_service(struct call *c, const struct route *r, enum err *e)
{
    struct listening *l = c->down->listening;

    if (l->app)
        return l->app;
    return r->form == ROUTE_EGRESS
               ? egress_service(c->worker, r->authority, r->service, e)
               : worker_service(c->worker, r->service, e);
}

static struct slice fixed_host(const struct service *s)
{
    switch (s->policy->host_kind) {
    case HOST_INSTANCE:
        break;
    case HOST_SERVICE:
        return slice_of(s->name);
    case HOST_TEXT:
        return slice_of(s->policy->host);
    }
    return (struct slice){NULL, 0};
}

static enum err write_head(struct call *c, const struct route *r, const struct service *s)
{
    struct listening *l = c->down->listening;
    struct request_rules rules = {
        .via = call_via(c),
        .peer_ip = l->peer_ip,
        .host = fixed_host(s),
        .forward_host = l->gateway.kind == GATEWAY_INGRESS,
        .tunnel = c->upgrade.size > 0,
        .random = &c->worker->random,
    };
    char text[ADDRESS_TEXT];
    struct address peer;

    if (!rules.peer_ip.size && l->gateway.kind != GATEWAY_UNIX &&
        !socket_peer(&c->down->socket, &peer))
        rules.peer_ip = slice_of(address_ip(&peer, text));
    return rewrite_request(&c->text, &c->arena, c->head, r, &rules);
}

static void begin_service(struct call *c, struct service *s)
{
    const struct service_settings *policy = s->policy;

    c->x.service = s;
    c->x.chain = &s->policies.chain;
    c->x.timeout_ms = policy->timeout;
    c->x.retries_left = policy->retries.max;
    s->in_flight++;
    s->used_ms = loop_now(&c->worker->loop);
}

static enum err keep_names(struct call *c, const struct route *r)
{
    c->prefix = r->prefix.size && c->x.service->policy->rewrite
                    ? arena_copy(&c->arena, r->prefix)
                    : (struct slice){NULL, 0};
    c->client_host = arena_copy(&c->arena, r->authority);
    return c->client_host.base ? ERR_OK : ERR_NO_MEMORY;
}

static enum err route_call(struct call *c, const struct http_head *h)
{
    struct route r;
    struct service *s;
    enum err e = route_request(&r, &c->down->listening->gateway, h, &c->hint);

    c->form = r.form;
    if (e)
        return e;
    if (r.form == ROUTE_OWN) {
        c->text.line = r.target;
        return ERR_NO_ROUTE;
    }
    s = find_service(c, &r, &e);
    if (!s)
        return e;
    begin_service(c, s);
    c->service_name = slice_of(s->name);
    read_hash(c, h, s->policy);
    read_upgrade(c, h, s->policy);
    e = read_overrides(c, h);
    if (!e)
        e = keep_names(c, &r);
    return e ? e : write_head(c, &r, s);
}

static bool is_last_hop(const struct http_head *h)
{
    uint64_t hops;

    return (h->method == METHOD_OPTIONS || h->method == METHOD_TRACE) &&
           slice_to_u64(head_value(h, FIELD_ID_MAX_FORWARDS), &hops) && hops == 0;
}

/* A refused request has no head of its own to tell from. */
static void keep_for_log(struct call *c, const struct http_head *h)
{
    c->log_method = arena_copy(&c->arena, h->method_text);
    c->log_target = arena_copy(&c->arena, slice_first(h->target, 512));
}

enum when port_route(struct exchange *x)
{
    struct call *c = call_of(x);
    const struct http_head *h = c->head;

    if (is_last_hop(h)) {
        keep_for_log(c, h);
        c->last_hop = true;
        x->error = h->method == METHOD_TRACE ? ERR_METHOD : ERR_OK;
        return FAILED;
    }
    x->error = c->worker->refusing ? ERR_DRAINING : route_call(c, h);
    if (x->error)
        keep_for_log(c, h);
    c->mark = arena_mark(&c->arena);
    return x->error ? FAILED : NOW;
}
