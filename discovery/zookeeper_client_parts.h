/* zookeeper_client_parts.h - between the files of the client of ZooKeeper.
 *
 *   zookeeper_client.c     servers, the connection, time       zookeeper_requests.c   what is asked
 *   zookeeper_hearing.c    what the server says
 */
#ifndef DISCOVERY_ZOOKEEPER_CLIENT_PARTS_H
#define DISCOVERY_ZOOKEEPER_CLIENT_PARTS_H

#include "discovery/servers.h"
#include "discovery/zookeeper_client.h"

enum zookeeper_state { CLIENT_OFF, CLIENT_CONNECTING, CLIENT_GREETING, CLIENT_LIVE };

struct zookeeper_client {
    struct zookeeper_client_settings settings;
    struct servers servers;
    struct tls_client *tls;
    char *login; /* "user:password", or NULL */
    enum zookeeper_state state;
    struct client_stream stream;
    bool has_stream;
    struct text in;
    struct zookeeper_session session;
    uint64_t asked_ms; /* timeout that is wanted */
    bool is_new;       /* the session, since it was last told */
    bool renew;        /* begin with another session when this one has closed */
    bool closing;
    int32_t next_xid;
    struct list waiting, sent; /* struct zookeeper_request */
    unsigned out;
    unsigned in_vain; /* servers tried since one was live */
    unsigned refused; /* of those, so many hung up instead of greeting */
    uint64_t heard_ms, said_ms;
    struct timer timer;
    struct why why;
    enum err error;
};

static inline uint64_t zookeeper_now(const struct zookeeper_client *c)
{
    return loop_now(c->settings.loop);
}

static inline void zookeeper_wait(struct zookeeper_client *c, uint64_t ms)
{
    timer_start(&c->timer, &c->settings.loop->clock, ms);
}

/* zookeeper_client.c */

/* What is cut off is connected anew when the stream has closed. */
void zookeeper_cut(struct zookeeper_client *c, enum err e, const char *reason);
void zookeeper_forget_session(struct zookeeper_client *c);

/* zookeeper_requests.c */

enum err zookeeper_say(struct zookeeper_client *c, const struct text *frame);
enum err zookeeper_say_request(struct zookeeper_client *c, int32_t xid,
                               enum zookeeper_operation op, struct slice payload);
void zookeeper_take_answer(struct zookeeper_client *c, int32_t xid, int32_t code,
                           struct zookeeper_reader *r);
void zookeeper_requests_fail(struct zookeeper_client *c);

/* zookeeper_hearing.c */

void zookeeper_greet(struct zookeeper_client *c);
void zookeeper_hear(struct zookeeper_client *c, struct slice bytes);

#endif
