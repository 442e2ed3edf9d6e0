/* Answers of our own: a problem, or what our own URLs say. */
#include "sidecar/downstream.h"
#include "sidecar/port_internal.h"
#include "sidecar/reply.h"
#include "sidecar/worker.h"

enum { REPLY_LIMIT = 256 * 1024 };

static unsigned reply_body(struct call *c, struct text *message)
{
    struct text body;
    unsigned status;

    text_init(&body, REPLY_LIMIT);
    status = reply_own(c, c->text.line, &body);
    message->failed = body.failed;
    reply_message(message, status, SLICE("application/json"), SLICE(""),
                  text_slice(&body), c->close_down, c->method == METHOD_HEAD);
    text_fini(&body);
    return status;
}

static unsigned write_reply(struct call *c, struct text *message)
{
    if (c->form == ROUTE_OWN && c->x.error == ERR_NO_ROUTE)
        return reply_body(c, message);
    if (c->last_hop && c->x.error == ERR_OK) {
        reply_message(message, 200, SLICE(""),
                      SLICE("Allow: GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS\r\n"),
                      SLICE(""), c->close_down, false);
        return 200;
    }
    reply_problem(c, message);
    return (unsigned)err_status(c->x.error);
}

enum when port_reply(struct exchange *x)
{
    struct call *c = call_of(x);
    struct text message;

    /* What follows a CONNECT was meant for a tunnel: it is no request. */
    c->close_down |= c->minor == 0 || c->worker->draining ||
                     c->method == METHOD_CONNECT ||
                     (c->framing != BODY_NONE && !c->request_read);
    text_init(&message, REPLY_LIMIT);
    c->status = write_reply(c, &message);
    if (c->form == ROUTE_OWN && x->error == ERR_NO_ROUTE)
        x->error = ERR_OK;
    if (message.failed) {
        c->close_down = true;
        c->status = 503;
    }
    if (stream_write(&c->down->socket.stream,
                     message.failed ? reply_without_memory() : text_slice(&message)))
        c->close_down = true;
    text_fini(&message);
    port_resume_down(c);
    return NOW;
}
