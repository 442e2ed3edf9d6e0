/* registry_http.h - calls to a registry that speaks HTTP, on any of its servers: Consul, etcd, Eureka, Kubernetes.
 *
 *   registry_http_open > [ registry_call_start > answered ]* > registry_http_close
 *
 * The URL's hosts ("a:1,b:2") are one registry. Calls go to the server that answered last; one that could not be
 * reached, did not answer in time, or answered 5xx is passed over by the next call, and this call is tried on
 * the next server if `may_repeat` (all servers once). Connections are kept and used again. TLS is as the URL and
 * registry.tls say. All of it is the control loop's.
 *
 * Errors in `answered`, and call->http.why says to whom and what: ERR_DENIED (401, 403, or a certificate refused),
 * ERR_NOT_FOUND (404), ERR_UNAVAILABLE (no server could be reached, or 5xx, 429), ERR_TIMEOUT, ERR_BAD_RESPONSE (3xx, too),
 * ERR_UNSUPPORTED (any other 4xx), ERR_TOO_LARGE, ERR_NO_MEMORY, ERR_CANCELLED. With a status, http.body_in is there
 * whatever the error, and the first words of it are in `why`.
 */
#ifndef DISCOVERY_REGISTRY_HTTP_H
#define DISCOVERY_REGISTRY_HTTP_H

#include "discovery/registry.h"
#include "discovery/servers.h"
#include "transport/http_client.h"

struct registry_http {
    struct registry *registry;
    struct servers servers; /* calls go to the current one first */
    struct tls_client *tls;
    struct http_connections *connections;
    void (*closed)(struct registry_http *h);
};

struct registry_call {
    /* Set by the caller: http.method, .target, .fields, .body, .timeout_ms, .limit, .piece. All lent until `answered`. */
    struct http_call http;
    bool may_repeat; /* nothing is lost if two servers do it */
    void *owner;
    /* Exactly once, also after registry_call_cancel(). */
    void (*answered)(struct registry_call *c, enum err e);
    /* Its own. */
    struct registry_http *servers;
    unsigned server, tried;
    bool running, cancelled;
};

/* Servers from the URL's hosts, or 127.0.0.1; `port` where one has none. A mistake in the URL or in the files of TLS is
 * said in w. */
enum err registry_http_open(struct registry_http *h, struct registry *r, unsigned port,
                            struct why *w);
/* When no call is running. Kept connections end; `closed` comes later, once. */
void registry_http_close(struct registry_http *h,
                         void (*closed)(struct registry_http *h));

/* ERR_LATER, or an error at once (then `answered` does not come). */
enum err registry_call_start(struct registry_call *c, struct registry_http *h);
/* The same, of servers[server]: for what belongs to one of them. The others are tried after it if it may be repeated. */
enum err registry_call_start_at(struct registry_call *c, struct registry_http *h,
                                unsigned server);
/* `answered` comes with ERR_CANCELLED, soon. Harmless when it is not running. */
void registry_call_cancel(struct registry_call *c);
bool registry_call_is_running(const struct registry_call *c);
/* Frees what the answer holds; may be started again after. */
void registry_call_fini(struct registry_call *c);

#endif
