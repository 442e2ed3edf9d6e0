#include "sidecar/guard.h"

#include <arpa/inet.h>

struct slice host_without_port(struct slice authority)
{
    size_t end = authority.size;

    if (end > 0 && authority.base[0] == '[') {
        size_t close = slice_find(authority, ']');

        return slice_first(authority, close + 1);
    }
    return slice_first(authority, slice_find(authority, ':'));
}

static bool is_loopback_v4(struct slice host)
{
    char text[16];
    struct in_addr a;

    if (host.size >= sizeof(text))
        return false;
    memcpy(text, host.base, host.size);
    text[host.size] = '\0';
    return inet_pton(AF_INET, text, &a) == 1 && ntohl(a.s_addr) >> 24 == 127;
}

bool host_is_loopback(struct slice host)
{
    host = host_without_port(host);
    return slice_equals(host, SLICE("127.0.0.1")) ||
           slice_equals_nocase(host, SLICE("localhost")) ||
           slice_equals(host, SLICE("[::1]")) ||
           (host.size > 0 && host.base[0] == '1' && is_loopback_v4(host));
}

/* "*.example.com" takes a.example.com, not example.com. */
static bool host_matches(struct slice host, struct slice pattern)
{
    if (slice_starts_with(pattern, SLICE("*."))) {
        struct slice tail = slice_after(pattern, 1);

        return host.size > tail.size &&
               slice_equals_nocase(slice_after(host, host.size - tail.size), tail);
    }
    return slice_equals_nocase(host, pattern);
}

bool host_is_allowed(const struct gateway *g, struct slice host)
{
    for (unsigned i = 0; i < g->allowed_host_count; i++) {
        struct slice pattern = slice_of(g->allowed_hosts[i]);

        if (host_matches(host, pattern) || host_matches(host_without_port(host), pattern))
            return true;
    }
    return false;
}

/* The page came from this very endpoint, or from one that the settings name. */
static bool origin_is_ours(const struct gateway *g, struct slice origin,
                           struct slice host)
{
    struct slice scheme = SLICE("http://");

    if (slice_starts_with(origin, scheme) &&
        slice_equals_nocase(slice_after(origin, scheme.size), host))
        return true;
    for (unsigned i = 0; i < g->allowed_origin_count; i++)
        if (slice_equals_nocase(origin, slice_of(g->allowed_origins[i])))
            return true;
    return false;
}

static bool origins_are_ours(const struct gateway *g, const struct http_head *head,
                             struct slice host)
{
    for (unsigned i = 0; i < head->count; i++)
        if (head->fields[i].id == FIELD_ID_ORIGIN &&
            !origin_is_ours(g, head->fields[i].value, host))
            return false;
    return true;
}

/* Another port of localhost is the same site, and as foreign as any: an image there sends no Origin. */
static bool is_from_another_origin(struct slice fetch_site)
{
    return slice_equals_nocase(fetch_site, SLICE("cross-site")) ||
           slice_equals_nocase(fetch_site, SLICE("same-site"));
}

enum err guard_browser(const struct gateway *g, const struct http_head *head,
                       struct slice host, const char **hint)
{
    if (head_has(head, FIELD_ID_ACCESS_CONTROL_REQUEST_PRIVATE_NETWORK)) {
        *hint = "private-network preflights are never answered";
        return ERR_FORBIDDEN_ORIGIN;
    }
    if (head_has(head, FIELD_ID_CSIDECAR_SERVICE))
        return ERR_OK;
    if (head_has(head, FIELD_ID_ORIGIN)) {
        *hint = "name the page's origin in proxy.allowed_origins if it may call services";
        return origins_are_ours(g, head, host) ? ERR_OK : ERR_FORBIDDEN_ORIGIN;
    }
    if (is_from_another_origin(head_value(head, FIELD_ID_SEC_FETCH_SITE))) {
        *hint =
            "a page of another origin started this request; see proxy.allowed_origins";
        return ERR_FORBIDDEN_ORIGIN;
    }
    return ERR_OK;
}

bool guard_secret_is(struct slice given, struct slice secret)
{
    unsigned char differs = given.size != secret.size || secret.size == 0;

    for (size_t i = 0; i < given.size && secret.size; i++)
        differs |= (unsigned char)(given.base[i] ^ secret.base[i % secret.size]);
    return !differs;
}

enum err guard_token(const struct gateway *g, const struct http_head *head,
                     const char **hint)
{
    struct slice given = head_value(head, FIELD_ID_CSIDECAR_TOKEN);

    if (g->token.size == 0)
        return ERR_OK;
    *hint = "send the token of proxy.token in csidecar-token";
    return guard_secret_is(given, g->token) ? ERR_OK : ERR_UNAUTHORIZED;
}
