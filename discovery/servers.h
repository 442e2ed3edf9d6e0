/* servers.h - the servers of one registry, as its URL lists them: "a:2181,b,[::1]:2182" (RFC 3986 §3.2.2 for each). Pure.
 */
#ifndef DISCOVERY_SERVERS_H
#define DISCOVERY_SERVERS_H

#include "sidecar/core/random.h"
#include "sidecar/core/why.h"
#include "transport/client_stream.h"

enum { SERVERS_LIMIT = 16 };

struct server {
    struct client_target target; /* the host is a part of the text that was parsed */
    struct slice name;           /* as written, for Host and messages */
};

struct servers {
    struct server list[SERVERS_LIMIT];
    unsigned count;
    unsigned current;
};

/* Empty: 127.0.0.1; `port` where none is written. The text must outlive it. ERR_BAD_VALUE. */
enum err servers_parse(struct servers *s, struct slice hosts, unsigned port,
                       struct why *w);
/* Into an order of chance, so that not all of us go to the first. */
void servers_shuffle(struct servers *s, struct random *random);

static inline struct server *servers_current(struct servers *s)
{
    return &s->list[s->current];
}

static inline void servers_next(struct servers *s)
{
    s->current = (s->current + 1) % s->count;
}

#endif
