#include "discovery/zookeeper_client.h"

#include <stdio.h>
#include <stdlib.h>

#include "discovery/servers.h"

enum {
    TIMEOUT_MS = 30 * 1000,
    CONNECT_MS = 3000,
    PAUSE_MS = 100,
    PAUSE_MOST_MS = 1000, /* as long as that of ZooKeeper's own client */
    PAUSE_JITTER = 25,    /* all lose a server at the same moment */
};

enum state { OFF, CONNECTING, GREETING, LIVE };

struct zookeeper_client {
    struct zookeeper_client_settings settings;
    struct servers servers;
    struct tls_client *tls;
    char *login; /* "user:password", or NULL */
    enum state state;
    struct client_stream stream;
    bool has_stream;
    struct text in;
    struct zookeeper_session session;
    uint64_t asked_ms; /* timeout that is wanted */
    bool is_new;       /* the session, since it was last told */
    bool renew;        /* begin with another session when this one has closed */
    bool closing;
    int32_t next_xid;
    struct list waiting, sent; /* struct zookeeper_request */
    unsigned out;
    unsigned in_vain; /* servers tried since one was live */
    unsigned refused; /* of those, so many hung up instead of greeting */
    uint64_t heard_ms, said_ms;
    struct timer timer;
    struct why why;
    enum err error;
};

static struct clock *clock_of(struct zookeeper_client *c)
{
    return &c->settings.loop->clock;
}

static uint64_t now(const struct zookeeper_client *c)
{
    return loop_now(c->settings.loop);
}

static struct zookeeper_client *client_of(struct stream *s)
{
    return container_of(container_of(s, struct client_stream, stream),
                        struct zookeeper_client, stream);
}

static void wait_ms(struct zookeeper_client *c, uint64_t ms)
{
    timer_start(&c->timer, clock_of(c), ms);
}

/* --- requests --- */

void zookeeper_request_init(struct zookeeper_request *q, enum zookeeper_operation op,
                            void *owner,
                            void (*answered)(struct zookeeper_request *q, enum err e,
                                             int32_t code, struct zookeeper_reader *r))
{
    *q =
        (struct zookeeper_request){.operation = op, .owner = owner, .answered = answered};
    list_init(&q->node);
    text_init(&q->payload, ZOOKEEPER_FRAME_LIMIT / 2);
}

static void answer(struct zookeeper_request *q, enum err e, int32_t code,
                   struct zookeeper_reader *r)
{
    list_remove(&q->node);
    text_fini(&q->payload);
    q->answered(q, e, code, r);
}

/* Those that come meanwhile are refused: the state is not LIVE. */
static void fail_requests(struct zookeeper_client *c)
{
    while (!list_empty(&c->sent))
        answer(container_of(c->sent.next, struct zookeeper_request, node),
               ERR_UNAVAILABLE, 0, NULL);
    while (!list_empty(&c->waiting))
        answer(container_of(c->waiting.next, struct zookeeper_request, node),
               ERR_UNAVAILABLE, 0, NULL);
    c->out = 0;
}

static enum err say(struct zookeeper_client *c, const struct text *frame)
{
    c->said_ms = now(c);
    if (frame->failed)
        return ERR_NO_MEMORY;
    return stream_write(&c->stream.stream, text_slice(frame));
}

static enum err say_request(struct zookeeper_client *c, int32_t xid,
                            enum zookeeper_operation op, struct slice payload)
{
    struct text frame;
    enum err e;

    text_init(&frame, ZOOKEEPER_FRAME_LIMIT);
    zookeeper_write_request(&frame, xid, op, payload);
    e = say(c, &frame);
    text_fini(&frame);
    return e;
}

/* A failed write shows as the end of the stream. */
static void send_waiting(struct zookeeper_client *c)
{
    while (c->state == LIVE && c->out < ZOOKEEPER_WINDOW && !list_empty(&c->waiting)) {
        struct zookeeper_request *q =
            container_of(list_pop_front(&c->waiting), struct zookeeper_request, node);

        list_push_back(&c->sent, &q->node);
        c->out++;
        q->xid = ++c->next_xid;
        (void)say_request(c, q->xid, q->operation, text_slice(&q->payload));
        text_fini(&q->payload);
    }
}

enum err zookeeper_send(struct zookeeper_client *c, struct zookeeper_request *q)
{
    if (c->state != LIVE || c->closing || q->payload.failed) {
        enum err e = q->payload.failed ? ERR_NO_MEMORY : ERR_UNAVAILABLE;

        text_fini(&q->payload);
        return e;
    }
    list_push_back(&c->waiting, &q->node);
    send_waiting(c);
    return ERR_OK;
}

static enum err error_of(int32_t code)
{
    switch (code) {
    case ZOOKEEPER_OK:
        return ERR_OK;
    case ZOOKEEPER_NO_NODE:
        return ERR_NOT_FOUND;
    case ZOOKEEPER_NO_AUTH:
    case ZOOKEEPER_AUTH_FAILED:
        return ERR_DENIED;
    default:
        return ERR_IO;
    }
}

/* --- the connection --- */

/* What is cut off is connected anew when the stream has closed. */
static void cut(struct zookeeper_client *c, enum err e, const char *reason)
{
    struct slice server = servers_current(&c->servers)->name;
    bool was_live = c->state == LIVE;
    char name[HOST_LIMIT + 8];

    if (c->state == OFF)
        return;
    c->state = OFF;
    c->error = e;
    timer_stop(&c->timer, clock_of(c));
    why(&c->why, e, "%s", reason);
    snprintf(name, sizeof(name), "%.*s", (int)server.size, server.base);
    why_drop(&c->why, name);
    why_in(&c->why, "%s", name);
    stream_close(&c->stream.stream);
    fail_requests(c);
    if (was_live && !c->closing && !c->renew)
        c->settings.events->lost(c->settings.owner, &c->why);
}

static void greet(struct zookeeper_client *c)
{
    struct text frame;

    c->state = GREETING;
    text_init(&frame, 256);
    if (!c->session.id)
        c->session.timeout_ms = (int32_t)c->asked_ms;
    zookeeper_write_connect(&frame, &c->session);
    if (say(c, &frame))
        cut(c, ERR_UNAVAILABLE, "closed at once");
    text_fini(&frame);
}

static void log_in(struct zookeeper_client *c)
{
    struct text payload;

    if (!c->login)
        return;
    text_init(&payload, 1024);
    zookeeper_write_int(&payload, 0);
    zookeeper_write_buffer(&payload, SLICE("digest"));
    zookeeper_write_buffer(&payload, slice_of(c->login));
    (void)say_request(c, ZOOKEEPER_XID_AUTH, ZOOKEEPER_AUTH, text_slice(&payload));
    text_fini(&payload);
}

static void forget_session(struct zookeeper_client *c)
{
    c->session = (struct zookeeper_session){0};
    c->is_new = true;
}

/* The servers alone decide whether a session has expired. */
static void take_greeting(struct zookeeper_client *c, struct slice frame)
{
    struct zookeeper_session answer = c->session;
    bool is_new;

    if (zookeeper_read_connect(frame, &answer)) {
        cut(c, ERR_BAD_RESPONSE, "it does not greet as ZooKeeper does");
        return;
    }
    if (!answer.id) {
        forget_session(c);
        cut(c, ERR_UNAVAILABLE, "the session has expired");
        return;
    }
    c->session = answer;
    c->state = LIVE;
    c->in_vain = c->refused = 0;
    log_in(c);
    wait_ms(c, (uint64_t)c->session.timeout_ms / 3);
    is_new = c->is_new;
    c->is_new = false;
    c->settings.events->connected(c->settings.owner, is_new);
}

static void take_event(struct zookeeper_client *c, struct zookeeper_reader *r)
{
    int32_t type = zookeeper_read_int(r);
    struct slice path;

    (void)zookeeper_read_int(r); /* the state of the session */
    path = zookeeper_read_buffer(r);
    if (r->failed)
        cut(c, ERR_BAD_RESPONSE, "an event is malformed");
    else if (type > 0)
        c->settings.events->changed(c->settings.owner, (enum zookeeper_event)type, path);
}

static void take_answer(struct zookeeper_client *c, int32_t xid, int32_t code,
                        struct zookeeper_reader *r)
{
    struct zookeeper_request *q =
        list_empty(&c->sent) ? NULL
                             : container_of(c->sent.next, struct zookeeper_request, node);

    if (!q || q->xid != xid) {
        cut(c, ERR_BAD_RESPONSE, "an answer to nothing that was asked");
        return;
    }
    c->out--;
    answer(q, error_of(code), code, r);
    send_waiting(c);
}

static void take_frame(struct zookeeper_client *c, struct slice frame)
{
    struct zookeeper_reader r = {.rest = frame};
    int32_t xid, code;
    int64_t zxid;

    if (c->state == GREETING) {
        take_greeting(c, frame);
        return;
    }
    xid = zookeeper_read_int(&r);
    zxid = zookeeper_read_long(&r);
    code = zookeeper_read_int(&r);
    if (zxid > 0)
        c->session.last_zxid = zxid;
    if (r.failed) {
        cut(c, ERR_BAD_RESPONSE, "an answer is malformed");
    } else if (xid == ZOOKEEPER_XID_EVENT) {
        take_event(c, &r);
    } else if (xid == ZOOKEEPER_XID_AUTH && code) {
        cut(c, ERR_DENIED, "user or password is refused");
    } else if (xid >= 0) {
        take_answer(c, xid, code, &r);
    }
}

static void on_data(struct stream *s, struct slice bytes)
{
    struct zookeeper_client *c = client_of(s);
    struct slice rest, frame;
    enum err e = ERR_OK;

    if (c->state == OFF)
        return;
    c->heard_ms = now(c);
    text_add(&c->in, bytes);
    if (c->in.failed) {
        cut(c, ERR_TOO_LARGE, "an answer is too large");
        return;
    }
    rest = text_slice(&c->in);
    while (c->state != OFF && !(e = zookeeper_frame(rest, &frame))) {
        rest = slice_after(rest, 4 + frame.size);
        take_frame(c, frame);
    }
    if (c->state == OFF)
        return;
    if (e == ERR_BAD_RECORD)
        cut(c, ERR_BAD_RESPONSE, "it does not speak as ZooKeeper does");
    c->in.size = rest.size;
    memmove(c->in.base, rest.base, rest.size);
}

static void on_ended(struct stream *s, enum err e)
{
    struct zookeeper_client *c = client_of(s);

    c->refused += c->state == GREETING;
    cut(c, ERR_UNAVAILABLE, e ? err_text(e) : "it closed the connection");
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
        wait_ms(c, 0);
        return;
    }
    if (c->renew) {
        c->renew = false;
        forget_session(c);
        wait_ms(c, 0);
        return;
    }
    servers_next(&c->servers);
    c->in_vain++;
    /* So does a server that has seen less than we have. When all do they have lost what they knew. */
    if (c->refused >= c->servers.count)
        forget_session(c);
    if (c->in_vain % c->servers.count == 0 || c->error == ERR_DENIED)
        c->settings.events->unreachable(c->settings.owner, c->error, &c->why);
    if (!c->closing && !c->has_stream)
        wait_ms(c, pause);
}

static const struct stream_events stream_events = {
    .data = on_data,
    .ended = on_ended,
    .closed = on_closed,
};

static void on_connected(struct client_stream *s, enum err e)
{
    struct zookeeper_client *c = container_of(s, struct zookeeper_client, stream);

    c->heard_ms = now(c);
    if (e)
        cut(c, e == ERR_DENIED ? e : ERR_UNAVAILABLE, s->why.text);
    else
        greet(c);
}

static void connect_next(struct zookeeper_client *c)
{
    struct client_target target = servers_current(&c->servers)->target;
    enum err e = client_stream_init(&c->stream, c->settings.loop, &stream_events);

    if (e) {
        wait_ms(c, PAUSE_MOST_MS);
        return;
    }
    target.tls = c->tls;
    c->has_stream = true;
    c->state = CONNECTING;
    wait_ms(c, CONNECT_MS);
    e = client_stream_connect(&c->stream, &target, on_connected);
    if (e != ERR_LATER)
        cut(c, e, c->stream.why.text);
}

/* --- time --- */

static void keep_alive(struct zookeeper_client *c)
{
    uint64_t timeout = (uint64_t)c->session.timeout_ms, silent = now(c) - c->heard_ms;

    if (silent >= timeout * 2 / 3) {
        cut(c, ERR_TIMEOUT, "it does not answer any more");
        return;
    }
    if (now(c) - c->said_ms >= timeout / 4 || silent >= timeout / 4)
        (void)say_request(c, ZOOKEEPER_XID_PING, ZOOKEEPER_PING, SLICE(""));
    wait_ms(c, timeout / 6 ? timeout / 6 : 1);
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
    else if (c->state == OFF && !c->has_stream)
        connect_next(c);
    else if (c->state == LIVE)
        keep_alive(c);
    else
        cut(c, ERR_TIMEOUT, "no answer");
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
    wait_ms(c, 0);
    *out = c;
    return ERR_OK;
}

/* The session ends with its last request; who does not get it lets it expire. */
static void say_goodbye(struct zookeeper_client *c)
{
    if (c->state == LIVE)
        (void)say_request(c, ++c->next_xid, ZOOKEEPER_CLOSE, SLICE(""));
}

void zookeeper_client_close(struct zookeeper_client *c)
{
    c->closing = true;
    say_goodbye(c);
    if (c->has_stream && c->state != OFF)
        cut(c, ERR_CLOSED, "closing");
    else if (!c->has_stream)
        wait_ms(c, 0);
}

bool zookeeper_client_is_live(const struct zookeeper_client *c)
{
    return c->state == LIVE && !c->renew;
}

bool zookeeper_client_is_about_to_be(const struct zookeeper_client *c)
{
    return (c->state != LIVE || c->renew) && c->in_vain == 0;
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
        forget_session(c);
        return;
    }
    c->renew = true;
    say_goodbye(c);
    cut(c, ERR_CANCELLED, "another timeout is wanted");
}
