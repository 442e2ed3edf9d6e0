/* ports.h - all sockets we listen on, bound as one set before anything else starts.
 *
 * Ports that somebody asked for are bound or refused with an error that says who holds them. Where only the
 * defaults stand, the next free set is taken (8081/8082, 8091/8092, 8101/8102 ...), so several sidecars on one
 * laptop just work. [::1] is skipped where the host lacks it and 127.0.0.1 is there too.
 */
#ifndef SIDECAR_PORTS_H
#define SIDECAR_PORTS_H

#include "sidecar/gateway.h"

enum port_use { PORT_LOCAL, PORT_SERVICE, PORT_INGRESS, PORT_ADMIN, PORT_PROBES };

struct port {
    enum port_use use;
    struct address address; /* with its real port */
    const char *name; /* of SERVICE and INGRESS (the app's); lent from the settings */
    unsigned app;     /* of INGRESS: index into all_apps */
    int fd;           /* -1: given away */
};

struct ports {
    struct port *items;
    unsigned count;
    bool moved;                /* not the default set, but a later one */
    struct settings *settings; /* a reference: names live in them */
};

enum err ports_bind(struct ports *p, struct settings *s, struct why *w);
/* Closes what was not given away. */
void ports_fini(struct ports *p);
/* The first of a use, or NULL. */
const struct port *ports_first(const struct ports *p, enum port_use use);
/* "http://127.0.0.1:8081", or "" when there is none but Unix sockets; returns `out`. */
char *ports_url(const struct ports *p, enum port_use use, char out[ADDRESS_TEXT + 8]);
/* The same to be read by people: "unix:/path" where there is nothing else. */
char *ports_where(const struct ports *p, enum port_use use, char out[ADDRESS_TEXT + 8]);

#endif
