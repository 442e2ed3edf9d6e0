/* gateway.h - a listening address of a worker, with the rules for what comes in there. */
#ifndef SIDECAR_GATEWAY_H
#define SIDECAR_GATEWAY_H

#include "discovery/instance.h"
#include "sidecar/route.h"
#include "sidecar/settings.h"
#include "transport/listener.h"

struct worker;

/* Counted: by the worker while it listens, and by each connection that came in. */
struct listening {
    struct listener listener;
    struct list all;
    unsigned references;
    struct worker *worker;
    struct gateway gateway;
    struct settings *settings;             /* the gateway's slices point into them */
    const struct service_settings *policy; /* of an ingress; else NULL */
    struct service *app;                   /* of an ingress: not in the worker's table */
    char name[SERVICE_NAME_LIMIT + 1];     /* of PORT and INGRESS */
    struct slice peer_ip; /* of every client, where it is loopback; else empty */
    unsigned number;      /* of its address, the same in all workers */
    bool accepts;         /* here; else another worker does, and hands over */
    bool listening;
};

/* Opens on `fd`, which it owns, also on failure; takes over the reference to `app` (may be NULL). -1: another worker
 * accepts, and hands over. */
enum err listening_open(struct worker *w, int fd, enum gateway_kind kind,
                        const char *name, struct instance_list *app, struct why *why);
void listening_configure(struct listening *l, struct settings *settings);
/* Accepts no more; those who came in go on. */
void listening_close(struct listening *l);
struct listening *listening_ref(struct listening *l);
void listening_unref(struct listening *l);

#endif
