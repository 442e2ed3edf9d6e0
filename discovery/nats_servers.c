#include "discovery/nats_servers.h"

#include <stdio.h>

static enum err parse_port(struct nats_server *s, struct slice text)
{
    uint64_t port;

    if (!slice_to_u64(text, &port) || port < 1 || port > 65535)
        return ERR_BAD_VALUE;
    s->port = (unsigned)port;
    return ERR_OK;
}

/* "host", "host:port", "[::1]", "[::1]:port" (RFC 3986 §3.2.2) */
static enum err parse_server(struct nats_server *s, struct slice text)
{
    bool has_brackets = text.size > 0 && text.base[0] == '[';
    size_t end = has_brackets ? slice_find(text, ']') : slice_find(text, ':');
    struct slice host = slice_after(slice_first(text, end), has_brackets);
    struct slice rest = slice_after(text, end + has_brackets);

    if (host.size == 0 || host.size > HOST_LIMIT || text.size >= sizeof s->name ||
        (has_brackets && end == text.size))
        return ERR_BAD_VALUE;
    snprintf(s->name, sizeof s->name, "%.*s", (int)text.size, text.base);
    snprintf(s->host, sizeof s->host, "%.*s", (int)host.size, host.base);
    s->port = NATS_PORT;
    if (rest.size == 0)
        return ERR_OK;
    return rest.base[0] == ':' ? parse_port(s, slice_after(rest, 1)) : ERR_BAD_VALUE;
}

enum err nats_servers_init(struct nats_servers *s, struct slice hosts, struct why *w)
{
    *s = (struct nats_servers){.count = 0};
    if (hosts.size == 0)
        hosts = SLICE("127.0.0.1");
    while (hosts.base) {
        struct slice text = slice_next(&hosts, ',');

        if (s->count == NATS_SERVERS_WRITTEN)
            return why(w, ERR_BAD_VALUE, "more than %d servers", NATS_SERVERS_WRITTEN);
        if (parse_server(&s->list[s->count++], text))
            return why(w, ERR_BAD_VALUE, "\"%.*s\" is no HOST:PORT", (int)text.size,
                       text.base);
    }
    s->written = s->count;
    return ERR_OK;
}

static bool has(const struct nats_servers *s, const struct nats_server *server)
{
    for (unsigned i = 0; i < s->count; i++)
        if (s->list[i].port == server->port && strcmp(s->list[i].host, server->host) == 0)
            return true;
    return false;
}

void nats_servers_learn(struct nats_servers *s, const struct nats_info *i)
{
    s->count = s->written;
    for (unsigned at = 0; at < i->url_count && s->count < NATS_SERVERS_LIMIT; at++) {
        struct nats_server *server = &s->list[s->count];

        if (!parse_server(server, slice_of(i->urls[at])) && !has(s, server))
            s->count++;
    }
}

const struct nats_server *nats_servers_next(struct nats_servers *s)
{
    s->next = s->next < s->count ? s->next : 0;
    return &s->list[s->next++];
}
