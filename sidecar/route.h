/* route.h - which service does a request name, and what is left of its target?
 *
 * Pure: from a head and the rules of the listener it came in by to a decision. The forms, in the order
 * they are looked for (docs/calling.md):
 *
 *   port    the listener belongs to one service                     target untouched
 *   header  csidecar-service: orders                                target untouched
 *   dapr    dapr-app-id: orders (compat)                            target untouched
 *   proxy   GET http://orders/items/7 (absolute-form)               target: path and query
 *   host    Host: orders.localhost[:port] or orders.csidecar        target untouched
 *   path    /orders/items/7?x=1                                     target: /items/7?x=1
 *   own     /_csidecar/...                                          our own API
 *   micro   /registry?service=orders (compat)                       target untouched, to ourselves
 *   prana   /proxy?vip=orders&path=/items/7 (compat)                target: the path, decoded
 *   egress  GET http://example.com/ (egress: true)                  target: path and query
 *
 * All slices of a route point into the head, or are constants.
 */
#ifndef SIDECAR_ROUTE_H
#define SIDECAR_ROUTE_H

#include "transport/http.h"

enum route_form {
    ROUTE_PORT,
    ROUTE_HEADER,
    ROUTE_PROXY,
    ROUTE_HOST,
    ROUTE_PATH,
    ROUTE_OWN, /* target: what follows the prefix, beginning with '/' */
    ROUTE_EGRESS, /* an authority, which may be one outside; `service`: what registries may know it as */
};

enum gateway_kind {
    GATEWAY_LOCAL,   /* the local endpoint, on loopback or with a token */
    GATEWAY_UNIX,    /* the same on a Unix socket: no Host rules */
    GATEWAY_PORT,    /* a service's own port: the local endpoint's rules */
    GATEWAY_INGRESS, /* inbound, in front of an app: no Host or browser rules */
};

/* What a listener asks of its requests. Lent with the settings. */
struct gateway {
    enum gateway_kind kind;
    struct slice service; /* of PORT and INGRESS; else empty */
    struct slice token;   /* asked for when not empty */
    const char *const
        *allowed_hosts; /* further Hosts; "*.example.com" takes subdomains */
    unsigned allowed_host_count;
    const char *const *allowed_origins;
    unsigned allowed_origin_count;
    unsigned compat; /* enum compat of settings.h */
    bool egress;
    unsigned port; /* ours, so that an absolute target of it is a path form */
};

/* Said where an unknown host might have been meant for outside. */
extern const char route_hint_egress[];

struct route {
    enum route_form form;
    struct slice service;
    struct slice
        target; /* origin-form for the upstream; may lack its first '/' (see `slash`) */
    bool slash; /* a '/' goes in front of `target` */
    bool
        encoded; /* `target` stands in a query: its percent signs are one layer too many */
    struct slice
        authority; /* what the client said as its host; empty when it did not matter */
    struct slice prefix; /* of the path form: "/orders" */
};

/* Refusals: ERR_NO_ROUTE, METHOD (CONNECT), MISDIRECTED, FORBIDDEN_ORIGIN, UNAUTHORIZED, BAD_REQUEST.
 * *hint (never NULL after a refusal) is a sentence on what to do, a constant. */
enum err route_request(struct route *r, const struct gateway *g,
                       const struct http_head *head, const char **hint);

#endif
