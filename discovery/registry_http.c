#include "discovery/registry_http.h"

#include "discovery/registry_options.h"
#include "sidecar/core/utf8.h"

enum { ANSWER_SHOWN = 2048, WORDS_SHOWN = 160 };

/* --- servers --- */

static enum err open_tls(struct registry_http *h, struct why *w)
{
    enum err e = ERR_OK;

    if (h->registry->url.is_tls)
        e = tls_client_open(&h->tls, &h->registry->tls, w);
    for (unsigned i = 0; i < h->servers.count; i++)
        h->servers.list[i].target.tls = h->tls;
    return e;
}

enum err registry_http_open(struct registry_http *h, struct registry *r, unsigned port,
                            struct why *w)
{
    enum err e;

    *h = (struct registry_http){.registry = r};
    e = servers_parse(&h->servers, r->url.hosts, port, w);
    if (!e)
        e = open_tls(h, w);
    if (e)
        return e;
    e = http_connections_open(&h->connections, r->loop);
    if (e)
        tls_client_close(h->tls);
    return e ? why(w, e, "%s", err_text(e)) : ERR_OK;
}

static void on_connections_closed(void *owner)
{
    struct registry_http *h = owner;

    tls_client_close(h->tls);
    h->tls = NULL;
    h->closed(h);
}

void registry_http_close(struct registry_http *h, void (*closed)(struct registry_http *h))
{
    h->closed = closed;
    http_connections_close(h->connections, on_connections_closed, h);
}

/* --- what an answer means --- */

static enum err judge_status(unsigned status)
{
    if (status < 300)
        return ERR_OK;
    if (status < 400) /* to a login, or by TLS: nothing was done */
        return ERR_BAD_RESPONSE;
    if (status == 401 || status == 403)
        return ERR_DENIED;
    if (status == 404)
        return ERR_NOT_FOUND;
    return status >= 500 || status == 429 ? ERR_UNAVAILABLE : ERR_UNSUPPORTED;
}

static enum err judge_failure(enum err e)
{
    switch (e) {
    case ERR_CONNECT_FAILED:
    case ERR_CONNECT_TIMEOUT:
    case ERR_UPSTREAM_RESET:
    case ERR_TRUNCATED:
        return ERR_UNAVAILABLE;
    default:
        return e;
    }
}

/* The first words of a text, as far as they are fit to be printed. */
static int words_of(struct slice body)
{
    size_t size = 0;

    while (size < body.size && size < WORDS_SHOWN &&
           (unsigned char)body.base[size] >= 0x20) {
        size_t step = utf8_size(slice_after(body, size));

        if (step == 0)
            break;
        size += step;
    }
    return (int)size;
}

static void say(struct registry_call *c, enum err e)
{
    const struct slice name = c->servers->servers.list[c->server].name;
    char shown[ANSWER_SHOWN];
    bool is_redirect = c->http.status < 400 && e == ERR_BAD_RESPONSE;
    struct slice words = is_redirect ? http_call_field(&c->http, SLICE("Location"))
                                     : slice_trim(text_slice(&c->http.body_in));

    if (!c->http.status || e == ERR_CANCELLED)
        return; /* http_call said it, or nobody asks */
    words = registry_hide(c->servers->registry, words, shown, sizeof(shown));
    if (is_redirect) {
        why(&c->http.why, e, "%.*s: a redirect, %u to %.*s", (int)name.size, name.base,
            c->http.status, words_of(words), words.base);
        return;
    }
    why(&c->http.why, e, "%.*s: %u %.*s%s", (int)name.size, name.base, c->http.status,
        words_of(words), words.base,
        e == ERR_DENIED ? " (registry.token, token_file, or the URL's user)" : "");
}

/* --- calls --- */

/* Who can't be reached, or is not well, is passed over; what he was asked may be asked of the next. */
static bool is_servers_fault(enum err e)
{
    return e == ERR_UNAVAILABLE || e == ERR_TIMEOUT || e == ERR_BAD_RESPONSE;
}

static void pass_over(struct registry_call *c)
{
    struct registry_http *h = c->servers;

    if (h->servers.current == c->server)
        servers_next(&h->servers);
}

static enum err try_server(struct registry_call *c, unsigned server)
{
    c->server = server;
    c->tried++;
    c->http.server = &c->servers->servers.list[server].target;
    c->http.host = c->servers->servers.list[server].name;
    return http_call_start(&c->http, c->servers->registry->loop);
}

static void finish(struct registry_call *c, enum err e)
{
    c->running = false;
    if (e)
        say(c, e);
    c->answered(c, e);
}

static bool may_try_next(const struct registry_call *c, enum err e)
{
    return is_servers_fault(e) && c->may_repeat && c->tried < c->servers->servers.count;
}

static void on_answered(struct http_call *http, enum err e)
{
    struct registry_call *c = container_of(http, struct registry_call, http);

    e = c->cancelled ? ERR_CANCELLED : e ? judge_failure(e) : judge_status(http->status);
    if (is_servers_fault(e))
        pass_over(c);
    if (!may_try_next(c, e) ||
        try_server(c, (c->server + 1) % c->servers->servers.count) != ERR_LATER)
        finish(c, e);
}

enum err registry_call_start_at(struct registry_call *c, struct registry_http *h,
                                unsigned server)
{
    enum err e;

    c->servers = h;
    c->tried = 0;
    c->cancelled = false;
    c->http.connections = h->connections;
    c->http.answered = on_answered;
    e = try_server(c, server);
    c->running = e == ERR_LATER;
    return e;
}

enum err registry_call_start(struct registry_call *c, struct registry_http *h)
{
    return registry_call_start_at(c, h, h->servers.current);
}

void registry_call_cancel(struct registry_call *c)
{
    c->cancelled = true;
    if (c->running)
        http_call_cancel(&c->http);
}

bool registry_call_is_running(const struct registry_call *c)
{
    return c->running;
}

void registry_call_fini(struct registry_call *c)
{
    http_call_fini(&c->http);
}
