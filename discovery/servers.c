#include "discovery/servers.h"

static enum err parse_port(struct slice text, unsigned *port)
{
    uint64_t number;

    if (!slice_to_u64(text, &number) || number < 1 || number > 65535)
        return ERR_BAD_VALUE;
    *port = (unsigned)number;
    return ERR_OK;
}

/* In brackets there is an address and nothing else (RFC 3986 §3.2.2). */
static bool is_host(struct slice host)
{
    struct address a;

    if (host.size == 0 || host.size > HOST_LIMIT)
        return false;
    return host.base[0] != '[' ||
           (address_from_ip(&a, host, 1) == ERR_OK && a.any.sa_family == AF_INET6);
}

static enum err parse_server(struct server *s, struct slice text, unsigned port,
                             struct why *w)
{
    size_t end = text.size && text.base[0] == '[' ? slice_find(text, ']') + 1 : 0;
    struct slice behind = slice_after(text, end);
    size_t colon = end + slice_find(behind, ':');

    s->name = text;
    s->target = (struct client_target){.host = slice_first(text, colon), .port = port};
    if (!is_host(s->target.host) ||
        (colon < text.size && parse_port(slice_after(text, colon + 1), &s->target.port)))
        return why(w, ERR_BAD_VALUE, "\"%.*s\" is no HOST:PORT", (int)text.size,
                   text.base);
    return ERR_OK;
}

enum err servers_parse(struct servers *s, struct slice hosts, unsigned port,
                       struct why *w)
{
    enum err e = ERR_OK;

    *s = (struct servers){.count = 0};
    if (hosts.size == 0)
        hosts = SLICE("127.0.0.1");
    while (hosts.base && !e) {
        if (s->count == SERVERS_LIMIT)
            return why(w, ERR_BAD_VALUE, "more than %d servers", SERVERS_LIMIT);
        e = parse_server(&s->list[s->count++], slice_next(&hosts, ','), port, w);
    }
    return e;
}

void servers_shuffle(struct servers *s, struct random *random)
{
    for (unsigned i = s->count; i > 1; i--) {
        unsigned other = (unsigned)(random_next(random) % i);
        struct server last = s->list[i - 1];

        s->list[i - 1] = s->list[other];
        s->list[other] = last;
    }
}
