/* What the server says: its greeting, answers, events. */
#include "discovery/zookeeper_client_parts.h"

void zookeeper_greet(struct zookeeper_client *c)
{
    struct text frame;

    c->state = CLIENT_GREETING;
    text_init(&frame, 256);
    if (!c->session.id)
        c->session.timeout_ms = (int32_t)c->asked_ms;
    zookeeper_write_connect(&frame, &c->session);
    if (zookeeper_say(c, &frame))
        zookeeper_cut(c, ERR_UNAVAILABLE, "closed at once");
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
    (void)zookeeper_say_request(c, ZOOKEEPER_XID_AUTH, ZOOKEEPER_AUTH,
                                text_slice(&payload));
    text_fini(&payload);
}

/* The servers alone decide whether a session has expired. */
static void take_greeting(struct zookeeper_client *c, struct slice frame)
{
    struct zookeeper_session answer = c->session;
    bool is_new;

    if (zookeeper_read_connect(frame, &answer)) {
        zookeeper_cut(c, ERR_BAD_RESPONSE, "it does not greet as ZooKeeper does");
        return;
    }
    if (!answer.id) {
        zookeeper_forget_session(c);
        zookeeper_cut(c, ERR_UNAVAILABLE, "the session has expired");
        return;
    }
    c->session = answer;
    c->state = CLIENT_LIVE;
    c->in_vain = c->refused = 0;
    log_in(c);
    zookeeper_wait(c, (uint64_t)c->session.timeout_ms / 3);
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
        zookeeper_cut(c, ERR_BAD_RESPONSE, "an event is malformed");
    else if (type > 0)
        c->settings.events->changed(c->settings.owner, (enum zookeeper_event)type, path);
}

static void take_frame(struct zookeeper_client *c, struct slice frame)
{
    struct zookeeper_reader r = {.rest = frame};
    int32_t xid, code;
    int64_t zxid;

    if (c->state == CLIENT_GREETING) {
        take_greeting(c, frame);
        return;
    }
    xid = zookeeper_read_int(&r);
    zxid = zookeeper_read_long(&r);
    code = zookeeper_read_int(&r);
    if (zxid > 0)
        c->session.last_zxid = zxid;
    if (r.failed) {
        zookeeper_cut(c, ERR_BAD_RESPONSE, "an answer is malformed");
    } else if (xid == ZOOKEEPER_XID_EVENT) {
        take_event(c, &r);
    } else if (xid == ZOOKEEPER_XID_AUTH && code) {
        zookeeper_cut(c, ERR_DENIED, "user or password is refused");
    } else if (xid >= 0) {
        zookeeper_take_answer(c, xid, code, &r);
    }
}

void zookeeper_hear(struct zookeeper_client *c, struct slice bytes)
{
    struct slice rest, frame;
    enum err e = ERR_OK;

    if (c->state == CLIENT_OFF)
        return;
    c->heard_ms = zookeeper_now(c);
    text_add(&c->in, bytes);
    if (c->in.failed) {
        zookeeper_cut(c, ERR_TOO_LARGE, "an answer is too large");
        return;
    }
    rest = text_slice(&c->in);
    while (c->state != CLIENT_OFF && !(e = zookeeper_frame(rest, &frame))) {
        rest = slice_after(rest, 4 + frame.size);
        take_frame(c, frame);
    }
    if (c->state == CLIENT_OFF)
        return;
    if (e == ERR_BAD_RECORD)
        zookeeper_cut(c, ERR_BAD_RESPONSE, "it does not speak as ZooKeeper does");
    c->in.size = rest.size;
    memmove(c->in.base, rest.base, rest.size);
}
