/* zookeeper_client.h - a session with a ZooKeeper ensemble, on our loop. Knows nothing of registries.
 *
 *   OFF > CONNECTING > GREETING > LIVE > (cut: CONNECTING, the next server, the same session) ...
 *                                   '- the server knows it no more: a new session
 *
 * Servers are tried in an order of chance, one after another, with a pause that grows to 1 s after a round in vain. A
 * live connection is pinged after a third of the session's timeout, and given up when nothing came for two thirds: so it
 * moves to another server before the session expires. Requests are answered in the order in which they were sent;
 * WINDOW of them are out at once. When the connection is cut all are answered with ERR_UNAVAILABLE: whoever has to
 * know asks again at `connected`. Watches go with a connection.
 */
#ifndef DISCOVERY_ZOOKEEPER_CLIENT_H
#define DISCOVERY_ZOOKEEPER_CLIENT_H

#include "discovery/zookeeper_message.h"
#include "sidecar/core/list.h"
#include "sidecar/core/random.h"
#include "sidecar/core/why.h"
#include "transport/client_stream.h"

enum { ZOOKEEPER_PORT = 2181, ZOOKEEPER_WINDOW = 256 };

struct zookeeper_client;

struct zookeeper_request {
    struct list node;
    enum zookeeper_operation operation;
    struct text payload; /* written before zookeeper_send(); freed with the answer */
    void *owner;
    int32_t xid;
    /* Once, never from inside zookeeper_send(). ERR_OK: `reader` stands behind the header; ERR_NOT_FOUND (no node),
     * ERR_DENIED (no authority), ERR_UNAVAILABLE (cut off), else ERR_IO; `code` is the server's. */
    void (*answered)(struct zookeeper_request *q, enum err e, int32_t code,
                     struct zookeeper_reader *reader);
};

struct zookeeper_client_events {
    /* Live; `is_new`: another session, so what was ephemeral will be gone. */
    void (*connected)(void *owner, bool is_new);
    void (*lost)(void *owner, const struct why *why);
    /* No server could be had this time. */
    void (*unreachable)(void *owner, enum err e, const struct why *why);
    void (*changed)(void *owner, enum zookeeper_event event, struct slice path);
    void (*closed)(void *owner);
};

struct zookeeper_client_settings {
    struct loop *loop;
    struct random *random;
    struct slice servers; /* "a:2181,b"; empty: 127.0.0.1; lent for the client's life */
    bool is_tls;
    const struct tls_settings *tls;
    struct slice user, password; /* digest; empty: none; copied */
    const struct zookeeper_client_events *events;
    void *owner;
};

/* Connects at once, with a timeout of 30 s. */
enum err zookeeper_client_open(struct zookeeper_client **c,
                               const struct zookeeper_client_settings *s, struct why *w);
/* The session ends too, with all that is ephemeral in it. `closed` comes later; the memory has gone then. */
void zookeeper_client_close(struct zookeeper_client *c);

bool zookeeper_client_is_live(const struct zookeeper_client *c);
/* Not live yet, and nothing has gone wrong: at the start, and after another timeout was asked for. */
bool zookeeper_client_is_about_to_be(const struct zookeeper_client *c);
/* "host:port" of the present server. */
struct slice zookeeper_client_server(struct zookeeper_client *c);
int64_t zookeeper_client_session(const struct zookeeper_client *c);
/* What a dead process's nodes outlive it by. Another value than before begins a new session. */
void zookeeper_client_set_timeout(struct zookeeper_client *c, uint64_t timeout_ms);

/* ERR_OK: `answered` will come; ERR_UNAVAILABLE: not live. */
enum err zookeeper_send(struct zookeeper_client *c, struct zookeeper_request *q);
/* A zeroed request with an empty payload. */
void zookeeper_request_init(struct zookeeper_request *q, enum zookeeper_operation op,
                            void *owner,
                            void (*answered)(struct zookeeper_request *q, enum err e,
                                             int32_t code, struct zookeeper_reader *r));

#endif
