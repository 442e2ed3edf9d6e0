#include "sidecar/route.h"

#include "discovery/instance.h"
#include "sidecar/guard.h"
#include "sidecar/settings.h"

static const char hint_root[] =
    "name the service first in the path, as in /orders/items/7, or as the host: "
    "http://orders.localhost/items/7";
static const char hint_name[] = "a service name is 1 to 128 letters, digits, '.', '_' or "
                                "'-', and starts with neither '_' nor '.'";
static const char hint_connect[] = "CONNECT is not served: call services by "
                                   "http://NAME/path through http_proxy, or by path";
static const char hint_host[] =
    "the Host must be loopback, NAME.localhost or NAME.csidecar; "
    "name further ones in proxy.allowed_hosts";
const char route_hint_egress[] =
    "this host is no service; set egress: true to let such requests pass";
static const char hint_loopback[] =
    "this is another port of this host, which http_proxy should not be asked for: "
    "set no_proxy=localhost,127.0.0.1,::1";
static const char hint_compat[] = "the path is not one of the drop-in API's";

static enum err refuse(enum err e, const char **hint, const char *text)
{
    *hint = text;
    return e;
}

static enum err name_service(struct route *r, struct slice name, const char **hint)
{
    if (!service_name_is_valid(name))
        return refuse(ERR_NO_ROUTE, hint, hint_name);
    r->service = name;
    return ERR_OK;
}

/* "/rest", "?x" or "" after a prefix was cut off. */
static void set_rest(struct route *r, struct slice rest)
{
    r->target = rest;
    r->slash = rest.size == 0 || rest.base[0] != '/';
}

static size_t segment_end(struct slice s)
{
    size_t i = 0;

    while (i < s.size && s.base[i] != '/' && s.base[i] != '?')
        i++;
    return i;
}

/* "orders.localhost" and "orders.csidecar" name `orders`. */
static bool service_of_host(struct slice host, struct slice *name)
{
    static const struct slice suffixes[] = {
        {".localhost", 10},
        {".csidecar",  9 }
    };

    host = host_without_port(host);
    for (size_t i = 0; i < sizeof(suffixes) / sizeof(suffixes[0]); i++) {
        struct slice suffix = suffixes[i];

        if (host.size > suffix.size &&
            slice_equals_nocase(slice_after(host, host.size - suffix.size), suffix)) {
            *name = slice_first(host, host.size - suffix.size);
            return true;
        }
    }
    return false;
}

/* /v1.0/invoke/APP/method/rest */
static enum err route_dapr(struct route *r, struct slice rest, const char **hint)
{
    struct slice method = SLICE("/method/");
    size_t end = segment_end(rest);
    struct slice after = slice_after(rest, end);

    if (!slice_starts_with(after, method))
        return refuse(ERR_NO_ROUTE, hint, hint_compat);
    set_rest(r, slice_after(after, method.size - 1));
    return name_service(r, slice_first(rest, end), hint);
}

/* The value of a query's parameter, as it stands. */
static struct slice parameter(struct slice query, struct slice name)
{
    while (query.base) {
        struct slice pair = slice_next(&query, '&');
        size_t equals = slice_find(pair, '=');

        if (slice_equals(slice_first(pair, equals), name))
            return slice_after(pair, equals + 1);
    }
    return (struct slice){NULL, 0};
}

/* /proxy?vip=APP&path=/rest, the path encoded as a query's values are. */
static enum err route_prana(struct route *r, struct slice query, const char **hint)
{
    struct slice path = parameter(query, SLICE("path"));

    set_rest(r, path);
    r->slash = r->slash && !slice_equals_nocase(slice_first(path, 3), SLICE("%2F"));
    r->encoded = true;
    return name_service(r, parameter(query, SLICE("vip")), hint);
}

/* /registry, with a query or without */
static bool is_micro(struct slice path)
{
    return slice_is(slice_first(path, slice_find(path, '?')), "/registry");
}

static enum err route_path(struct route *r, const struct gateway *g, struct slice path,
                           const char **hint)
{
    struct slice prana = SLICE("/proxy?");
    struct slice dapr = SLICE("/v1.0/invoke/"), own = SLICE("/_csidecar");
    struct slice inside;
    size_t end;

    if ((g->compat & COMPAT_DAPR) && slice_starts_with(path, dapr))
        return route_dapr(r, slice_after(path, dapr.size), hint);
    if ((g->compat & COMPAT_PRANA) && slice_starts_with(path, prana))
        return route_prana(r, slice_after(path, prana.size), hint);
    if ((g->compat & COMPAT_MICRO) && is_micro(path)) {
        r->form = ROUTE_HEADER;
        r->service = SLICE("_micro");
        set_rest(r, path);
        return ERR_OK;
    }
    if (path.size < 2 || path.base[0] != '/')
        return refuse(ERR_NO_ROUTE, hint, hint_root);
    inside = slice_after(path, 1);
    end = segment_end(inside);
    if (slice_equals(slice_first(path, end + 1), own)) {
        r->form = ROUTE_OWN;
        set_rest(r, slice_after(inside, end));
        return ERR_OK;
    }
    if (end == 0)
        return refuse(ERR_NO_ROUTE, hint, hint_root);
    set_rest(r, slice_after(inside, end));
    r->form = ROUTE_PATH;
    r->prefix = slice_first(path, end + 1);
    return name_service(r, slice_first(inside, end), hint);
}

/* The authority of "http://orders:80/items" and the rest behind it; false when it is another scheme. */
static bool split_absolute(struct slice target, struct slice *authority,
                           struct slice *rest)
{
    struct slice scheme = SLICE("http://");
    size_t end;

    if (!slice_equals_nocase(slice_first(target, scheme.size), scheme))
        return false;
    target = slice_after(target, scheme.size);
    end = segment_end(target);
    *authority = slice_first(target, end);
    *rest = slice_after(target, end);
    return end > 0;
}

static bool is_ours(const struct gateway *g, struct slice authority)
{
    struct slice host = host_without_port(authority);
    uint64_t port = 80;

    if (g->kind == GATEWAY_UNIX) /* has no port */
        return !g->egress;
    if (authority.size > host.size + 1 &&
        !slice_to_u64(slice_after(authority, host.size + 1), &port))
        return false;
    return port == g->port;
}

/* Loopback and addresses are known to no registry. */
static void route_outside(struct route *r, struct slice host)
{
    struct address a;

    r->form = ROUTE_EGRESS;
    if (!host_is_loopback(host) && service_name_is_valid(host) &&
        address_from_ip(&a, host, 1) != ERR_OK)
        r->service = host;
}

static enum err route_authority(struct route *r, const struct gateway *g,
                                struct slice rest, const char **hint)
{
    struct slice name = host_without_port(r->authority);
    struct slice by_host;

    r->form = ROUTE_PROXY;
    set_rest(r, rest);
    if (host_is_loopback(r->authority) && is_ours(g, r->authority))
        return route_path(r, g, rest, hint);
    if (service_of_host(r->authority, &by_host))
        return name_service(r, by_host, hint);
    if (g->egress) {
        route_outside(r, name);
        return ERR_OK;
    }
    if (host_is_loopback(r->authority))
        return refuse(ERR_NO_ROUTE, hint, hint_loopback);
    if (!service_name_is_valid(name))
        return refuse(ERR_NO_ROUTE, hint, route_hint_egress);
    r->service = name;
    return ERR_OK;
}

/* Whose Host is it? A service's (then that is its `name`), one of ours, or nobody's business here. */
static enum err check_host(const struct gateway *g, struct slice host, struct slice *name,
                           const char **hint)
{
    *name = (struct slice){NULL, 0};
    if (host_is_loopback(host) || service_of_host(host, name) ||
        g->kind == GATEWAY_UNIX || host_is_allowed(g, host))
        return ERR_OK;
    return refuse(ERR_MISDIRECTED, hint, hint_host);
}

static enum err route_absolute(struct route *r, const struct gateway *g,
                               const struct http_head *head, const char **hint)
{
    struct slice rest, name;
    enum err e;

    if (!split_absolute(head->target, &r->authority, &rest))
        return refuse(ERR_BAD_REQUEST, hint, "only http:// targets can be forwarded");
    e = g->kind == GATEWAY_UNIX ? ERR_OK : guard_browser(g, head, r->authority, hint);
    if (!e && g->kind == GATEWAY_PORT)
        e = check_host(g, r->authority, &name, hint);
    if (e)
        return e;
    if (g->kind != GATEWAY_PORT)
        return route_authority(r, g, rest, hint);
    set_rest(r, rest);
    return name_service(r, g->service, hint);
}

static enum err route_origin(struct route *r, const struct gateway *g,
                             const struct http_head *head, const char **hint)
{
    struct slice service = head_value(head, FIELD_ID_CSIDECAR_SERVICE);
    struct slice by_host;
    enum err e;

    if (g->compat & COMPAT_DAPR && !service.base)
        service = head_value(head, FIELD_ID_DAPR_APP_ID);
    e = check_host(g, r->authority, &by_host, hint);
    if (!e && g->kind != GATEWAY_UNIX)
        e = guard_browser(g, head, r->authority, hint);
    if (e)
        return e;
    set_rest(r, head->target);
    if (g->kind == GATEWAY_PORT)
        return name_service(r, g->service, hint);
    r->form = ROUTE_HEADER;
    if (service.base)
        return name_service(r, service, hint);
    r->form = ROUTE_HOST;
    if (by_host.base)
        return name_service(r, by_host, hint);
    return route_path(r, g, head->target, hint);
}

/* Inbound: whatever the Host, it is for the app. */
static enum err route_ingress(struct route *r, const struct gateway *g,
                              const struct http_head *head, const char **hint)
{
    struct slice rest = head->target;

    if (rest.size > 0 && rest.base[0] != '/' && !slice_is(rest, "*") &&
        !split_absolute(head->target, &r->authority, &rest))
        return refuse(ERR_BAD_REQUEST, hint, "only http:// targets can be forwarded");
    set_rest(r, rest);
    return name_service(r, g->service, hint);
}

enum err route_request(struct route *r, const struct gateway *g,
                       const struct http_head *head, const char **hint)
{
    enum err e;

    *r = (struct route){.form = ROUTE_PORT, .authority = head_value(head, FIELD_ID_HOST)};
    *hint = "";
    if (head->method == METHOD_CONNECT)
        return refuse(ERR_METHOD, hint, hint_connect);
    e = guard_token(g, head, hint);
    if (e)
        return e;
    if (g->kind == GATEWAY_INGRESS)
        e = route_ingress(r, g, head, hint);
    else if (head->target.size > 0 && head->target.base[0] != '/' &&
             !slice_is(head->target, "*"))
        e = route_absolute(r, g, head, hint);
    else
        e = route_origin(r, g, head, hint);
    /* "OPTIONS *" stays an asterisk. */
    if (!e && slice_is(r->target, "*"))
        r->slash = false;
    return e;
}
