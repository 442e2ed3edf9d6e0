/* port_internal.h - between the parts of the port: port_route.c, port_request.c, port_response.c,
 * port_tunnel.c, port_pace.c, port_reply.c, port_finish.c. */
#ifndef SIDECAR_PORT_INTERNAL_H
#define SIDECAR_PORT_INTERNAL_H

#include "sidecar/port.h"

static inline struct call *call_of(struct exchange *x)
{
    return container_of(x, struct call, x);
}

enum when port_route(struct exchange *x);
enum when port_relay(struct exchange *x);
enum when port_tunnel(struct exchange *x);
void port_drop(struct exchange *x);
enum when port_reply(struct exchange *x);
void port_break_off(struct exchange *x);
void port_finished(struct exchange *x);

enum err port_trailer_text(struct call *c, const struct http_field *fields,
                           unsigned count, struct slice *text);
void port_pause_down(struct call *c);
void port_resume_down(struct call *c);
void port_pause_up(struct call *c);
/* Each of these may be called again while it watches. */
void port_watch_rate(struct call *c);    /* does the client send? */
void port_watch_sending(struct call *c); /* does the instance take it? */
void port_watch_idle(struct call *c);    /* does the answer, or the tunnel, move? */
void port_stop_watching(struct call *c);
/* Bytes from the instance in a tunnel, and their end. */
void port_tunnel_up_data(struct call *c, struct slice bytes);
void port_tunnel_up_ended(struct call *c, enum err e);

/* What we are called in Via of what came in there. */
struct slice call_via(const struct call *c);
void worker_count_busy(struct call *c, int by);

#endif
