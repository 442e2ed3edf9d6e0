/* What is asked of the server: a window of requests that are out, and those that wait for a place in it. */
#include "discovery/zookeeper_client_parts.h"

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
void zookeeper_requests_fail(struct zookeeper_client *c)
{
    while (!list_empty(&c->sent))
        answer(container_of(c->sent.next, struct zookeeper_request, node),
               ERR_UNAVAILABLE, 0, NULL);
    while (!list_empty(&c->waiting))
        answer(container_of(c->waiting.next, struct zookeeper_request, node),
               ERR_UNAVAILABLE, 0, NULL);
    c->out = 0;
}

enum err zookeeper_say(struct zookeeper_client *c, const struct text *frame)
{
    c->said_ms = zookeeper_now(c);
    if (frame->failed)
        return ERR_NO_MEMORY;
    return stream_write(&c->stream.stream, text_slice(frame));
}

enum err zookeeper_say_request(struct zookeeper_client *c, int32_t xid,
                               enum zookeeper_operation op, struct slice payload)
{
    struct text frame;
    enum err e;

    text_init(&frame, ZOOKEEPER_FRAME_LIMIT);
    zookeeper_write_request(&frame, xid, op, payload);
    e = zookeeper_say(c, &frame);
    text_fini(&frame);
    return e;
}

/* A failed write shows as the end of the stream. */
static void send_waiting(struct zookeeper_client *c)
{
    while (c->state == CLIENT_LIVE && c->out < ZOOKEEPER_WINDOW &&
           !list_empty(&c->waiting)) {
        struct zookeeper_request *q =
            container_of(list_pop_front(&c->waiting), struct zookeeper_request, node);

        list_push_back(&c->sent, &q->node);
        c->out++;
        q->xid = ++c->next_xid;
        (void)zookeeper_say_request(c, q->xid, q->operation, text_slice(&q->payload));
        text_fini(&q->payload);
    }
}

enum err zookeeper_send(struct zookeeper_client *c, struct zookeeper_request *q)
{
    if (c->state != CLIENT_LIVE || c->closing || q->payload.failed) {
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

void zookeeper_take_answer(struct zookeeper_client *c, int32_t xid, int32_t code,
                           struct zookeeper_reader *r)
{
    struct zookeeper_request *q =
        list_empty(&c->sent) ? NULL
                             : container_of(c->sent.next, struct zookeeper_request, node);

    if (!q || q->xid != xid) {
        zookeeper_cut(c, ERR_BAD_RESPONSE, "an answer to nothing that was asked");
        return;
    }
    c->out--;
    answer(q, error_of(code), code, r);
    send_waiting(c);
}
