/* nats_client.h - a client of a NATS cluster, on our loop: one connection, moved to another server when it is lost.
 *
 *   open > [ connected > lost ]* > close > closed          unreachable: all servers were tried in vain (again and again)
 *
 * It always tries: server after server, at once after a loss, with back-off (100 ms .. 5 s) after each round in vain. A
 * server that is silent is noticed within 5 s. After `connected` all subscriptions are in force again; what was
 * published while there was no connection, or was in flight when it broke, is lost: NATS promises no more (at most
 * once). nats_client_flush() tells what the server has processed.
 *
 * TLS: where the settings say so, and where the server does. A server that would have us speak in the clear though
 * TLS was asked for gets no credentials.
 *
 * Bounded: past STREAM_HIGH_WATER of unsent bytes publishing is refused (ERR_OVERLOADED), as is what the server's
 * max_payload forbids (ERR_TOO_LARGE); messages larger than `payload_limit` come cut (nats_protocol.h).
 *
 * All events and callbacks come from the loop, none from inside a call; a callback may call anything, close too. After
 * nats_client_close() only `closed` comes, and the client frees itself before it.
 */
#ifndef DISCOVERY_NATS_CLIENT_H
#define DISCOVERY_NATS_CLIENT_H

#include "discovery/nats_protocol.h"
#include "sidecar/core/list.h"
#include "sidecar/core/random.h"
#include "transport/loop.h"
#include "transport/tls.h"

struct nats_client;

struct nats_client_events {
    /* Fills in user, password and token, as they are now; lent until the next call. May be NULL. */
    void (*login)(void *owner, struct nats_login *l);
    void (*connected)(void *owner);
    void (*lost)(void *owner, enum err e, const struct why *why);
    /* ERR_DENIED when a server was there but did not take our credentials, or we not its certificate. */
    void (*unreachable)(void *owner, enum err e, const struct why *why);
    void (*closed)(void *owner);
};

/* All lent for the client's life. */
struct nats_client_settings {
    struct loop *loop;
    struct random *random;
    struct slice servers; /* nats_servers_init() */
    const char *name;     /* shown by the server's monitoring */
    bool is_tls;
    const struct tls_settings *tls;
    size_t payload_limit;
    const struct nats_client_events *events;
    void *owner;
};

struct nats_subscription {
    /* Set by its owner; lent until nats_client_unsubscribe(). */
    const char *subject;
    void *owner;
    /* Lent for the call. */
    void (*message)(struct nats_subscription *s, const struct nats_message *m);
    bool is_refused; /* the server does not permit it */
    /* Its own. */
    struct list node;
    uint64_t sid;
};

/* "Has all that was said before been processed?" */
struct nats_flush {
    /* Once: ERR_OK, ERR_DENIED (something of it was not permitted), ERR_UNAVAILABLE (the connection was lost). */
    void (*done)(struct nats_flush *f, enum err e, const struct why *why);
    const char *subject; /* only what was published there counts; NULL: all */
    /* Its own. */
    struct list node;
    uint64_t ping;
    bool is_denied;
};

/* ERR_BAD_VALUE, ERR_BAD_CONFIG, ERR_NO_MEMORY: w says why. Starts connecting. */
enum err nats_client_open(struct nats_client **c, const struct nats_client_settings *s,
                          struct why *w);
void nats_client_close(struct nats_client *c);

bool nats_client_is_connected(const struct nats_client *c);
/* The server we are connected to, or try: "10.0.0.5:4222". */
const char *nats_client_server(const struct nats_client *c);

/* At any time; in force as soon as there is a connection. */
void nats_client_subscribe(struct nats_client *c, struct nats_subscription *s);
/* No message comes after it. Harmless for one that is not subscribed. */
void nats_client_unsubscribe(struct nats_client *c, struct nats_subscription *s);
/* ERR_OK: on its way. ERR_UNAVAILABLE: there is no connection. */
enum err nats_client_publish(struct nats_client *c, struct slice subject,
                             struct slice reply, struct slice payload);
/* ERR_LATER, or an error at once. */
enum err nats_client_flush(struct nats_client *c, struct nats_flush *f);
/* `done` does not come. Harmless when it is not running; `f` was zeroed once. */
void nats_flush_cancel(struct nats_flush *f);

#endif
