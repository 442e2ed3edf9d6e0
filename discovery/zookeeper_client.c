/* The session with an ensemble: its servers, the connection to one, and time. */
#include <stdio.h>
#include <stdlib.h>

#include "discovery/zookeeper_client_parts.h"

enum {
    TIMEOUT_MS = 30 * 1000,
    CONNECT_MS = 3000,
    PAUSE_MS = 100,
    PAUSE_MOST_MS = 1000, /* as long as that of ZooKeeper's own client */
    PAUSE_JITTER = 25,    /* all lose a server at the same moment */
};

static struct clock *clock_of(struct zookeeper_client *c)
{
    return &c->settings.loop->clock;
}

static struct zookeeper_client *client_of(struct stream *s)
{
    return container_of(container_of(s, struct client_stream, stream),
                        struct zookeeper_client, stream);
}

/* --- the connection --- */

/* What is cut off is connected anew when the stream has closed. */
void zookeeper_cut(struct zookeeper_client *c, enum err e, const char *reason)
{
    struct slice server = servers_current(&c->servers)->name;
    bool was_live = c->state == CLIENT_LIVE;
    char name[HOST_LIMIT + 8];

    if (c->state == CLIENT_OFF)
        return;
    c->state = CLIENT_OFF;
    c->error = e;
    timer_stop(&c->timer, clock_of(c));
    why(&c->why, e, "%s", reason);
    snprintf(name, sizeof(name), "%.*s", (int)server.size, server.base);
    why_drop(&c->why, name);
    why_in(&c->why, "%s", name);
    stream_close(&c->stream.stream);
    zookeeper_requests_fail(c);
    if (was_live && !c->closing && !c->renew)
        c->settings.events->lost(c->settings.owner, &c->why);
}

void zookeeper_forget_session(struct zookeeper_client *c)
{
    c->session = (struct zookeeper_session){0};
    c->is_new = true;
}

static void on_data(struct stream *s, struct slice bytes)
{
    zookeeper_hear(client_of(s), bytes);
}

static void on_ended(struct stream *s, enum err e)
{
    struct zookeeper_client *c = client_of(s);

    c->refused += c->state == CLIENT_GREETING;
    zookeeper_cut(c, ERR_UNAVAILABLE, e ? err_text(e) : "it closed the connection");
}

static void connect_next(struct zookeeper_client *c);

static uint64_t pause_ms(const struct zookeeper_client *c)
{
    uint64_t ms = (uint64_t)PAUSE_MS << (c->in_vain < 5 ? c->in_vain : 5);

    return random_jitter(c->settings.random, ms < PAUSE_MOST_MS ? ms : PAUSE_MOST_MS,
                         PAUSE_JITTER);
}

/* After a whole round in vain it is said, and a pause is made. */
static void on_closed(struct stream *s)
{
    struct zookeeper_client *c = client_of(s);
    uint64_t pause = pause_ms(c);

    c->has_stream = false;
    text_clear(&c->in);
    if (c->closing) {
        zookeeper_wait(c, 0);
        return;
    }
    if (c->renew) {
        c->renew = false;
        zookeeper_forget_session(c);
        zookeeper_wait(c, 0);
        return;
    }
    servers_next(&c->servers);
    c->in_vain++;
    /* So does a server that has seen less than we have. When all do they have lost what they knew. */
    if (c->refused >= c->servers.count)
        zookeeper_forget_session(c);
    if (c->in_vain % c->servers.count == 0 || c->error == ERR_DENIED)
        c->settings.events->unreachable(c->settings.owner, c->error, &c->why);
    if (!c->closing && !c->has_stream)
        zookeeper_wait(c, pause);
}

static const struct stream_events stream_events = {
    .data = on_data,
    .ended = on_ended,
    .closed = on_closed,
};

static void on_connected(struct client_stream *s, enum err e)
{
    struct zookeeper_client *c = container_of(s, struct zookeeper_client, stream);

    c->heard_ms = zookeeper_now(c);
    if (e)
        zookeeper_cut(c, e == ERR_DENIED ? e : ERR_UNAVAILABLE, s->why.text);
    else
        zookeeper_greet(c);
}

static void connect_next(struct zookeeper_client *c)
{
    struct client_target target = servers_current(&c->servers)->target;
    enum err e = client_stream_init(&c->stream, c->settings.loop, &stream_events);

    if (e) {
        zookeeper_wait(c, PAUSE_MOST_MS);
        return;
    }
    target.tls = c->tls;
    c->has_stream = true;
    c->state = CLIENT_CONNECTING;
    zookeeper_wait(c, CONNECT_MS);
    e = client_stream_connect(&c->stream, &target, on_connected);
    if (e != ERR_LATER)
        zookeeper_cut(c, e, c->stream.why.text);
}

/* --- time --- */

static void keep_alive(struct zookeeper_client *c)
{
    uint64_t timeout = (uint64_t)c->session.timeout_ms,
             silent = zookeeper_now(c) - c->heard_ms;

    if (silent >= timeout * 2 / 3) {
        zookeeper_cut(c, ERR_TIMEOUT, "it does not answer any more");
        return;
    }
    if (zookeeper_now(c) - c->said_ms >= timeout / 4 || silent >= timeout / 4)
        (void)zookeeper_say_request(c, ZOOKEEPER_XID_PING, ZOOKEEPER_PING, SLICE(""));
    zookeeper_wait(c, timeout / 6 ? timeout / 6 : 1);
}

static void client_free(struct zookeeper_client *c)
{
    const struct zookeeper_client_events *events = c->settings.events;
    void *owner = c->settings.owner;

    tls_client_close(c->tls);
    text_fini(&c->in);
    free(c->login);
    free(c);
    events->closed(owner);
}

static void on_timer(struct timer *t)
{
    struct zookeeper_client *c = container_of(t, struct zookeeper_client, timer);

    if (c->closing && !c->has_stream)
        client_free(c);
    else if (c->state == CLIENT_OFF && !c->has_stream)
        connect_next(c);
    else if (c->state == CLIENT_LIVE)
        keep_alive(c);
    else
        zookeeper_cut(c, ERR_TIMEOUT, "no answer");
}

/* --- life --- */

static enum err copy_login(struct zookeeper_client *c)
{
    const struct zookeeper_client_settings *s = &c->settings;
    size_t size = s->user.size + s->password.size + 2;

    if (s->user.size == 0)
        return ERR_OK;
    c->login = malloc(size);
    if (!c->login)
        return ERR_NO_MEMORY;
    snprintf(c->login, size, "%.*s:%.*s", (int)s->user.size, s->user.base,
             (int)s->password.size, s->password.base ? s->password.base : "");
    return ERR_OK;
}

enum err zookeeper_client_open(struct zookeeper_client **out,
                               const struct zookeeper_client_settings *s, struct why *w)
{
    struct zookeeper_client *c = calloc(1, sizeof(*c));
    enum err e;

    if (!c)
        return why(w, ERR_NO_MEMORY, "%s", err_text(ERR_NO_MEMORY));
    c->settings = *s;
    c->asked_ms = TIMEOUT_MS;
    c->is_new = true;
    list_init(&c->waiting);
    list_init(&c->sent);
    text_init(&c->in, ZOOKEEPER_FRAME_LIMIT + LOOP_READ_BUFFER);
    timer_init(&c->timer, on_timer);
    e = servers_parse(&c->servers, s->servers, ZOOKEEPER_PORT, w);
    if (!e && s->is_tls)
        e = tls_client_open(&c->tls, s->tls, w);
    if (!e && copy_login(c))
        e = why(w, ERR_NO_MEMORY, "%s", err_text(ERR_NO_MEMORY));
    if (e) {
        tls_client_close(c->tls);
        free(c->login);
        free(c);
        return e;
    }
    servers_shuffle(&c->servers, s->random);
    zookeeper_wait(c, 0);
    *out = c;
    return ERR_OK;
}

/* The session ends with its last request; who does not get it lets it expire. */
static void say_goodbye(struct zookeeper_client *c)
{
    if (c->state == CLIENT_LIVE)
        (void)zookeeper_say_request(c, ++c->next_xid, ZOOKEEPER_CLOSE, SLICE(""));
}

void zookeeper_client_close(struct zookeeper_client *c)
{
    c->closing = true;
    say_goodbye(c);
    if (c->has_stream && c->state != CLIENT_OFF)
        zookeeper_cut(c, ERR_CLOSED, "closing");
    else if (!c->has_stream)
        zookeeper_wait(c, 0);
}

bool zookeeper_client_is_live(const struct zookeeper_client *c)
{
    return c->state == CLIENT_LIVE && !c->renew;
}

bool zookeeper_client_is_about_to_be(const struct zookeeper_client *c)
{
    return (c->state != CLIENT_LIVE || c->renew) && c->in_vain == 0;
}

struct slice zookeeper_client_server(struct zookeeper_client *c)
{
    return servers_current(&c->servers)->name;
}

int64_t zookeeper_client_session(const struct zookeeper_client *c)
{
    return c->session.id;
}

void zookeeper_client_set_timeout(struct zookeeper_client *c, uint64_t timeout_ms)
{
    if (timeout_ms == c->asked_ms || timeout_ms > INT32_MAX)
        return;
    c->asked_ms = timeout_ms;
    if (!c->has_stream) {
        zookeeper_forget_session(c);
        return;
    }
    c->renew = true;
    say_goodbye(c);
    zookeeper_cut(c, ERR_CANCELLED, "another timeout is wanted");
}
