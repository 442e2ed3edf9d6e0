#include "transport/address.h"

#include <arpa/inet.h>
#include <net/if.h>
#include <stddef.h>
#include <stdio.h>

#define PATH_PREFIX "unix:"

static bool copy_text(char *out, size_t size, struct slice text)
{
    if (text.size >= size || memchr(text.base, 0, text.size))
        return false;
    memcpy(out, text.base, text.size);
    out[text.size] = 0;
    return true;
}

static enum err parse_path(struct address *a, struct slice path, struct why *w)
{
    if (path.size == 0)
        return why(w, ERR_BAD_VALUE, "a path must follow \"unix:\"");
    a->path.sun_family = AF_UNIX;
    if (!copy_text(a->path.sun_path, sizeof(a->path.sun_path), path))
        return why(w, ERR_BAD_VALUE, "the path of a Unix socket has at most %zu bytes",
                   sizeof(a->path.sun_path) - 1);
    return ERR_OK;
}

/* The interface behind the '%' of a link-local address (RFC 4007 §11): a name or a
 * number. */
static bool parse_scope(struct address *a, const char *scope)
{
    uint64_t number;

    if (slice_to_u64(slice_of(scope), &number) && number <= UINT32_MAX)
        a->v6.sin6_scope_id = (uint32_t)number;
    else
        a->v6.sin6_scope_id = if_nametoindex(scope);
    return a->v6.sin6_scope_id != 0;
}

static bool parse_v6(struct address *a, char *text)
{
    char *scope = strchr(text, '%');

    if (scope)
        *scope++ = 0;
    if (inet_pton(AF_INET6, text, &a->v6.sin6_addr) != 1)
        return false;
    a->v6.sin6_family = AF_INET6;
    return !scope || parse_scope(a, scope);
}

static struct slice without_brackets(struct slice ip)
{
    if (ip.size >= 2 && ip.base[0] == '[' && ip.base[ip.size - 1] == ']')
        return slice_from(ip.base + 1, ip.size - 2);
    return ip;
}

enum err address_from_ip(struct address *a, struct slice ip, unsigned port)
{
    char text[INET6_ADDRSTRLEN + IF_NAMESIZE + 1];
    struct slice bare = without_brackets(ip);

    memset(a, 0, sizeof(*a));
    if (port > UINT16_MAX || bare.size == 0 || !copy_text(text, sizeof(text), bare))
        return ERR_BAD_VALUE;
    if (bare.size == ip.size && inet_pton(AF_INET, text, &a->v4.sin_addr) == 1)
        a->v4.sin_family = AF_INET;
    else if (!parse_v6(a, text))
        return ERR_BAD_VALUE;
    address_set_port(a, port);
    return ERR_OK;
}

/* Where the ':' before the port is, at or past the end when there is none. */
static size_t port_colon(struct slice text)
{
    size_t first = slice_find(text, ':');

    if (slice_starts_with(text, SLICE("[")))
        return slice_find(text, ']') + 1;
    if (slice_find(slice_after(text, first + 1), ':') < slice_after(text, first + 1).size)
        return text.size; /* several: an IPv6 address without brackets */
    return first;
}

static enum err parse_port(struct slice text, size_t colon, unsigned *port, struct why *w)
{
    uint64_t number;

    if (colon >= text.size) {
        if (*port == 0)
            return why(w, ERR_BAD_VALUE, "\"%.*s\" has no port (host:port)",
                       (int)text.size, text.base);
        return ERR_OK;
    }
    if (text.base[colon] != ':' || !slice_to_u64(slice_after(text, colon + 1), &number) ||
        number > UINT16_MAX)
        return why(w, ERR_BAD_VALUE, "\"%.*s\" has no port from 0 to 65535",
                   (int)text.size, text.base);
    *port = (unsigned)number;
    return ERR_OK;
}

enum err address_parse(struct address *a, struct slice text, unsigned default_port,
                       struct why *w)
{
    unsigned port = default_port;
    size_t colon = port_colon(text);
    struct slice host = slice_first(text, colon);
    enum err e;

    memset(a, 0, sizeof(*a));
    if (slice_starts_with(text, SLICE(PATH_PREFIX)))
        return parse_path(a, slice_after(text, sizeof(PATH_PREFIX) - 1), w);
    e = parse_port(text, colon, &port, w);
    if (e)
        return e;
    if (slice_equals_nocase(host, SLICE("localhost")))
        host = SLICE("127.0.0.1");
    if (address_from_ip(a, host, port) != ERR_OK)
        return why(w, ERR_BAD_VALUE,
                   "\"%.*s\" is not an address (like 127.0.0.1:8081, [::1]:8081, "
                   "0.0.0.0:8081 or unix:/path)",
                   (int)text.size, text.base);
    return ERR_OK;
}

char *address_ip(const struct address *a, char out[ADDRESS_TEXT])
{
    out[0] = 0;
    if (a->any.sa_family == AF_INET)
        inet_ntop(AF_INET, &a->v4.sin_addr, out, ADDRESS_TEXT);
    if (a->any.sa_family != AF_INET6)
        return out;
    inet_ntop(AF_INET6, &a->v6.sin6_addr, out, ADDRESS_TEXT);
    if (a->v6.sin6_scope_id)
        snprintf(out + strlen(out), 16, "%%%u", a->v6.sin6_scope_id);
    return out;
}

char *address_format(const struct address *a, char out[ADDRESS_TEXT])
{
    char ip[ADDRESS_TEXT];

    if (address_is_path(a))
        snprintf(out, ADDRESS_TEXT, PATH_PREFIX "%.*s", (int)sizeof(a->path.sun_path),
                 a->path.sun_path);
    else
        snprintf(out, ADDRESS_TEXT,
                 a->any.sa_family == AF_INET6 ? "[%.100s]:%u" : "%.100s:%u",
                 address_ip(a, ip), address_port(a));
    return out;
}

unsigned address_port(const struct address *a)
{
    if (a->any.sa_family == AF_INET)
        return ntohs(a->v4.sin_port);
    return a->any.sa_family == AF_INET6 ? ntohs(a->v6.sin6_port) : 0;
}

void address_set_port(struct address *a, unsigned port)
{
    if (a->any.sa_family == AF_INET)
        a->v4.sin_port = htons((uint16_t)port);
    else if (a->any.sa_family == AF_INET6)
        a->v6.sin6_port = htons((uint16_t)port);
}

bool address_is_loopback(const struct address *a)
{
    const struct in6_addr *v6 = &a->v6.sin6_addr;

    if (a->any.sa_family == AF_INET)
        return ntohl(a->v4.sin_addr.s_addr) >> 24 == IN_LOOPBACKNET;
    if (a->any.sa_family == AF_INET6)
        return IN6_IS_ADDR_LOOPBACK(v6) ||
               (IN6_IS_ADDR_V4MAPPED(v6) && v6->s6_addr[12] == IN_LOOPBACKNET);
    return address_is_path(a);
}

bool address_is_any(const struct address *a)
{
    if (a->any.sa_family == AF_INET)
        return a->v4.sin_addr.s_addr == htonl(INADDR_ANY);
    return a->any.sa_family == AF_INET6 && IN6_IS_ADDR_UNSPECIFIED(&a->v6.sin6_addr);
}

bool address_is_path(const struct address *a)
{
    return a->any.sa_family == AF_UNIX;
}

bool address_equals(const struct address *a, const struct address *b)
{
    if (a->any.sa_family != b->any.sa_family)
        return false;
    if (a->any.sa_family == AF_INET)
        return a->v4.sin_port == b->v4.sin_port &&
               a->v4.sin_addr.s_addr == b->v4.sin_addr.s_addr;
    if (a->any.sa_family == AF_INET6)
        return a->v6.sin6_port == b->v6.sin6_port &&
               a->v6.sin6_scope_id == b->v6.sin6_scope_id &&
               IN6_ARE_ADDR_EQUAL(&a->v6.sin6_addr, &b->v6.sin6_addr);
    return strncmp(a->path.sun_path, b->path.sun_path, sizeof(a->path.sun_path)) == 0;
}

socklen_t address_size(const struct address *a)
{
    if (a->any.sa_family == AF_INET)
        return sizeof(a->v4);
    if (a->any.sa_family == AF_INET6)
        return sizeof(a->v6);
    return (socklen_t)(offsetof(struct sockaddr_un, sun_path) +
                       strnlen(a->path.sun_path, sizeof(a->path.sun_path) - 1) + 1);
}
