/* Subscriptions, messages out, and what the server has processed. */
#include "discovery/nats_client_parts.h"
#include "sidecar/core/log.h"

enum { LINE_LIMIT = 2 * NATS_SUBJECT_LIMIT + 64 };

/* --- out --- */

/* A write that failed is seen by its caller alone: the connection ends by the next turn. */
static void breaks(struct nats_client *c, enum err e)
{
    why(&c->why, e, "%s: %s", c->server.name, err_text(e));
    timer_stop(&c->step, nats_clock(c));
    timer_start(&c->step, nats_clock(c), 0);
}

enum err nats_send(struct nats_client *c, const struct slice *slices, unsigned count)
{
    struct stream *s;
    enum err e;

    if (!c->connection)
        return ERR_UNAVAILABLE;
    s = &c->connection->stream.stream;
    if (stream_full(s))
        return ERR_OVERLOADED;
    e = stream_writev(s, slices, count, NULL);
    if (!e)
        return ERR_OK;
    breaks(c, e);
    return ERR_UNAVAILABLE;
}

static enum err send_line(struct nats_client *c, struct text *line)
{
    struct slice all = text_slice(line);
    enum err e = line->failed ? ERR_TOO_LARGE : nats_send(c, &all, 1);

    text_fini(line);
    return e;
}

enum err nats_ping(struct nats_client *c)
{
    struct slice ping = SLICE("PING\r\n");
    enum err e = nats_send(c, &ping, 1);

    c->pinged += e == ERR_OK;
    return e;
}

static enum err send_message(struct nats_client *c, struct text *line,
                             struct slice payload)
{
    struct slice slices[] = {text_slice(line), payload, SLICE("\r\n")};
    enum err e = line->failed ? ERR_TOO_LARGE : nats_send(c, slices, 3);

    text_fini(line);
    return e;
}

enum err nats_client_publish(struct nats_client *c, struct slice subject,
                             struct slice reply, struct slice payload)
{
    struct text line;

    if (c->state != NATS_READY)
        return ERR_UNAVAILABLE;
    if (payload.size > c->max_payload)
        return ERR_TOO_LARGE;
    text_init(&line, LINE_LIMIT);
    nats_write_pub(&line, subject, reply, payload.size);
    return send_message(c, &line, payload);
}

/* --- subscriptions --- */

static void send_subscription(struct nats_client *c, struct nats_subscription *s)
{
    struct text line;

    s->is_refused = false;
    if (c->state != NATS_READY)
        return;
    text_init(&line, LINE_LIMIT);
    nats_write_sub(&line, s->subject, s->sid);
    if (send_line(c, &line) == ERR_OVERLOADED)
        breaks(c, ERR_OVERLOADED); /* the next connection begins with it */
}

void nats_client_subscribe(struct nats_client *c, struct nats_subscription *s)
{
    s->sid = ++c->last_sid;
    list_push_back(&c->subscriptions, &s->node);
    send_subscription(c, s);
}

void nats_client_unsubscribe(struct nats_client *c, struct nats_subscription *s)
{
    struct text line;

    if (!s->sid)
        return;
    list_remove(&s->node);
    text_init(&line, LINE_LIMIT);
    nats_write_unsub(&line, s->sid);
    s->sid = 0;
    if (c->state == NATS_READY)
        send_line(c, &line); /* one too many does no harm */
    text_fini(&line);
}

void nats_traffic_restore(struct nats_client *c)
{
    list_each(at, after, &c->subscriptions)
    {
        send_subscription(c, container_of(at, struct nats_subscription, node));
    }
}

static struct nats_subscription *find(struct nats_client *c, uint64_t sid)
{
    list_each(at, after, &c->subscriptions)
    {
        struct nats_subscription *s = container_of(at, struct nats_subscription, node);

        if (s->sid == sid)
            return s;
    }
    return NULL;
}

void nats_traffic_message(struct nats_client *c, const struct nats_message *m)
{
    struct nats_subscription *s = find(c, m->sid);

    if (s)
        s->message(s, m);
}

/* --- what was processed --- */

enum err nats_client_flush(struct nats_client *c, struct nats_flush *f)
{
    enum err e;

    if (c->state != NATS_READY)
        return ERR_UNAVAILABLE;
    if (c->pinged - c->ponged >= NATS_PINGS_LIMIT)
        return ERR_OVERLOADED;
    e = nats_ping(c);
    if (e)
        return e;
    f->ping = c->pinged;
    f->is_denied = false;
    list_push_back(&c->flushes, &f->node);
    return ERR_LATER;
}

void nats_flush_cancel(struct nats_flush *f)
{
    if (f->ping)
        list_remove(&f->node);
    f->ping = 0;
}

static struct nats_flush *first_flush(struct nats_client *c)
{
    return list_empty(&c->flushes)
               ? NULL
               : container_of(c->flushes.next, struct nats_flush, node);
}

static void finish(struct nats_client *c, struct nats_flush *f, enum err e)
{
    nats_flush_cancel(f);
    f->done(f, e, &c->why);
}

void nats_traffic_pong(struct nats_client *c)
{
    struct nats_flush *f;

    if (c->ponged == c->pinged)
        return;
    c->ponged++;
    c->unanswered = 0;
    while ((f = first_flush(c)) && f->ping <= c->ponged)
        finish(c, f, f->is_denied ? ERR_DENIED : ERR_OK);
}

void nats_traffic_lost(struct nats_client *c, enum err e)
{
    struct nats_flush *f;

    while ((f = first_flush(c)))
        finish(c, f, e == ERR_DENIED ? e : ERR_UNAVAILABLE);
}

/* 'Permissions Violation for Subscription to "a.b"' */
static bool names_subject(struct slice text, const char *subject)
{
    size_t open = slice_find(text, '"');
    struct slice quoted = slice_after(text, open + 1);

    return slice_is(slice_first(quoted, slice_find(quoted, '"')), subject);
}

static bool is_about_subscribing(struct slice text)
{
    return slice_starts_with(text, SLICE("Permissions Violation for Subscription"));
}

static void mark_subscriptions(struct nats_client *c, struct slice text)
{
    if (!is_about_subscribing(text))
        return;
    list_each(at, after, &c->subscriptions)
    {
        struct nats_subscription *s = container_of(at, struct nats_subscription, node);

        if (names_subject(text, s->subject))
            s->is_refused = true;
    }
}

/* Answers come in the order of what was sent: it was something before the first PING that has no PONG. But not what
 * strangers made us say, who asked for an answer where we may not publish. */
static void mark_flush(struct nats_client *c, struct slice text)
{
    struct nats_flush *f = first_flush(c);

    if (f &&
        (!f->subject || is_about_subscribing(text) || names_subject(text, f->subject)))
        f->is_denied = true;
}

void nats_traffic_refused(struct nats_client *c, struct slice text)
{
    char quoted[sizeof c->refused];

    why(&c->why, ERR_DENIED, "%s: %.*s", c->server.name, (int)text.size, text.base);
    mark_subscriptions(c, text);
    mark_flush(c, text);
    log_quote(quoted, sizeof quoted, text);
    if (strcmp(quoted, c->refused) == 0)
        return;
    memcpy(c->refused, quoted, sizeof quoted);
    log_warn("nats.refused", "server=%s reason=\"%s\"", c->server.name, quoted);
}
