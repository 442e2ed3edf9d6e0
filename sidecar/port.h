/* port.h - what an exchange asks of the world, done with sockets.
 *
 *   client > downstream.c > call (exchange + port) > connection.c > instance
 *
 * Bytes are parsed in the loop's read buffer and written on at once: what one reading gave leaves in one
 * writev. While the instance can't take the body yet (connecting), or while it may be needed again, it is copied
 * into the call's replay queue, which is bounded; then reading from the client pauses.
 */
#ifndef SIDECAR_PORT_H
#define SIDECAR_PORT_H

#include "sidecar/call.h"

extern const struct port_ops port_ops;
extern const struct http_reader_events port_response_events;

/* From the client's side. */
enum err port_request_head(struct call *c,
                           const struct http_head *head); /* starts the exchange */
enum err port_request_body(struct call *c, struct slice bytes);
enum err port_request_trailers(struct call *c, const struct http_field *fields,
                               unsigned count);
enum err port_request_end(struct call *c);
/* The rest of the request is not acceptable: an answer where one is still possible. */
void port_refuse(struct call *c, enum err e);
/* After each feeding: what was gathered leaves. */
void port_request_flush(struct call *c);
void port_downstream_drained(struct call *c);
/* Tunnel only: raw bytes and the end of them. */
void port_tunnel_data(struct call *c, struct slice bytes);
void port_tunnel_ended(struct call *c);

/* From the instance's side. */
void port_connected(struct call *c, enum err e);
void port_upstream_data(struct call *c, struct slice bytes);
void port_upstream_drained(struct call *c);
void port_upstream_ended(struct call *c, enum err e);

#endif
