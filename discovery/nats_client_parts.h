/* nats_client_parts.h - what the files of the NATS client share; nobody else includes it.
 *
 *   nats_client.c       servers one after another, back-off, the watchdog, loss
 *   nats_connection.c   one connection: hello, TLS, login; what the server says
 *   nats_traffic.c      subscriptions, messages out, flushes
 *
 *   RESTING -> CONNECTING -> GREETING (its INFO) [-> SECURING] -> LOGGING_IN (our PING) -> READY -> RESTING ...
 */
#ifndef DISCOVERY_NATS_CLIENT_PARTS_H
#define DISCOVERY_NATS_CLIENT_PARTS_H

#include "discovery/nats_client.h"
#include "discovery/nats_servers.h"

enum {
    NATS_CONNECT_MS = 3000, /* until we are logged in */
    NATS_TICK_MS = 1200,
    NATS_TICKS_UNANSWERED =
        3,                 /* a stopped process counts one tick, however long it slept */
    NATS_STABLE_MS = 1000, /* a connection that lasted is worth an attempt at once */
    NATS_BACKOFF_MS = 100,
    NATS_BACKOFF_LIMIT_MS = 5000,
    NATS_BACKOFF_JITTER = 25,
    NATS_PINGS_LIMIT = 1024,
};

enum nats_state {
    NATS_RESTING,
    NATS_CONNECTING,
    NATS_GREETING,
    NATS_SECURING,
    NATS_LOGGING_IN,
    NATS_READY,
};

/* Its memory goes when the stream has closed; until then others may be tried. */
struct nats_connection {
    struct list node; /* of `closing` */
    struct client_stream stream;
    struct nats_parser parser;
    struct nats_client *client;
    bool is_secure;
    bool is_over;
};

struct nats_client {
    struct nats_client_settings settings;
    struct nats_servers servers;
    struct nats_server server; /* of the connection; the list may change */
    struct tls_client *tls;
    struct nats_connection *connection; /* NULL: resting */
    struct list closing;
    enum nats_state state;
    struct timer
        step; /* of RESTING: the next try; of CONNECTING .. LOGGING_IN: too late; of READY: it broke */
    struct timer tick;
    struct list subscriptions;
    struct list flushes;
    uint64_t last_sid;
    uint64_t pinged, ponged;
    unsigned unanswered; /* ticks */
    uint64_t max_payload;
    uint64_t ready_since;
    unsigned attempts; /* since a connection lasted */
    enum err round_error;
    struct why round_why;
    struct why why;    /* what the server said, or what happened to the connection */
    char refused[256]; /* was logged last */
    bool is_closing;
};

static inline struct clock *nats_clock(struct nats_client *c)
{
    return &c->settings.loop->clock;
}

/* nats_client.c: the connection is over, `c->why` says why. */
void nats_client_fail(struct nats_client *c, enum err e);
/* The login was taken. */
void nats_client_ready(struct nats_client *c);
/* The memory of a connection has gone. */
void nats_client_connection_closed(struct nats_client *c);

/* nats_connection.c: ERR_LATER, or an error at once. */
enum err nats_connection_open(struct nats_client *c);
void nats_connection_close(struct nats_connection *connection);

/* nats_traffic.c */
enum err nats_send(struct nats_client *c, const struct slice *slices, unsigned count);
enum err nats_ping(struct nats_client *c);
void nats_traffic_restore(struct nats_client *c);
void nats_traffic_message(struct nats_client *c, const struct nats_message *m);
void nats_traffic_pong(struct nats_client *c);
/* Something we sent was not permitted. */
void nats_traffic_refused(struct nats_client *c, struct slice text);
void nats_traffic_lost(struct nats_client *c, enum err e);

#endif
