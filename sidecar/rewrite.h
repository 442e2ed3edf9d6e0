/* rewrite.h - the heads we send, written from the parsed list, never copied through (RFC 9110 §7.6).
 *
 * Outward: hop-by-hop fields and our own go; Host, X-Forwarded-*, Via, traceparent come; Max-Forwards counts
 * down. Homeward: hop-by-hop fields go; Via and csidecar-* come; in the path form Location, Content-Location and a
 * cookie's Path get the service's prefix back. Names keep their case and order. Pure but for the arena.
 */
#ifndef SIDECAR_REWRITE_H
#define SIDECAR_REWRITE_H

#include "sidecar/core/random.h"
#include "sidecar/route.h"

enum { REQUEST_HOST_ROOM = 56 }; /* "[IPv6 address]:65535" */

/* A request head in the arena, fit for every attempt, whose Host may be another one: room is left for it. */
struct request_text {
    struct slice line;   /* "GET /items/7 HTTP/1.1\r\nHost: " */
    struct slice host;   /* value of Host, behind the line; empty: the instance's own */
    struct slice fields; /* the end of that line, further lines, and the empty one */
    bool expects; /* Expect: 100-continue is to come last; not once a 100 was relayed */
};

struct request_rules {
    struct slice via;     /* our pseudonym: "csidecar-1a2b3c4d" */
    struct slice peer_ip; /* of the client; empty on a Unix socket */
    struct slice host;    /* fixed Host; empty: by the form of the route */
    bool forward_host;    /* INGRESS: Host goes on as it came */
    bool tunnel;          /* the Upgrade asked for is one we make */
    struct random *random;
};

/* ERR_LOOP: our pseudonym is in Via. ERR_NO_MEMORY. Max-Forwards: 0 is not for here (reply.h answers it). */
enum err rewrite_request(struct request_text *t, struct arena *a,
                         const struct http_head *head, const struct route *route,
                         const struct request_rules *rules);

/* All of it in one piece, good until the next call. `host`, of REQUEST_HOST_ROOM bytes at most, is put in where the
 * text has none: the line moves up to it. */
struct slice request_text_with(struct request_text *t, struct slice host);

struct response_rules {
    struct slice via;
    struct slice instance; /* id of the instance that answered; empty: not told */
    unsigned attempts;
    struct slice prefix;      /* put back into Location and cookies; empty: left alone */
    struct slice own_host;    /* the Host the upstream saw */
    struct slice client_host; /* the authority the client used */
    unsigned client_minor;    /* HTTP/1.minor of the client */
    bool close;               /* the client's connection ends after this message */
    bool tunnel;              /* a 101 */
    bool rechunk;             /* body goes out chunked */
};

/* The whole head, with its empty line; base NULL: no memory. A 1xx head comes without the additions. */
struct slice rewrite_response(struct arena *a, const struct http_head *head,
                              const struct response_rules *rules);

#endif
