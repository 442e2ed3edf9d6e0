/* nats_servers.h - the servers of a NATS cluster: those that were written down, and those they told us of; asked one
 * after another. A zeroed list with nats_servers_init() is ready. Pure. */
#ifndef DISCOVERY_NATS_SERVERS_H
#define DISCOVERY_NATS_SERVERS_H

#include "discovery/nats_protocol.h"
#include "transport/client_stream.h"

enum { NATS_PORT = 4222, NATS_SERVERS_WRITTEN = 16, NATS_SERVERS_LIMIT = 48 };

struct nats_server {
    char name[HOST_LIMIT + 9]; /* as written, for messages */
    char host[HOST_LIMIT + 1]; /* an IPv6 address without brackets */
    unsigned port;
};

struct nats_servers {
    struct nats_server list[NATS_SERVERS_LIMIT];
    unsigned count;
    unsigned written; /* the first ones; the others were learnt */
    unsigned next;
};

/* "a:4222,b,[::1]:4223"; 127.0.0.1 where it is empty. ERR_BAD_VALUE, and w says why. */
enum err nats_servers_init(struct nats_servers *s, struct slice hosts, struct why *w);
/* Those of `i` take the place of all that were learnt before; what is no HOST:PORT is passed over. */
void nats_servers_learn(struct nats_servers *s, const struct nats_info *i);
/* Round and round. */
const struct nats_server *nats_servers_next(struct nats_servers *s);

#endif
