/* apps.h - the registrar: the apps beside us, checked and registered on their behalf.
 *
 *   for each app:   WAITING --first pass--> address checked --> REGISTERED --fails--> OUT --passes--> REGISTERED
 *                                                                   '--- drain, child gone --> GONE
 *
 * Not registered before the first pass; out of the registry as soon as its checks say down, on drain, and at
 * once when the child has exited. Flapping is damped: each return within the damping window waits longer (1 s,
 * 2 s, 4 s ... 30 s). The advertised address:port is probed before registering; an app bound to loopback only, with a
 * registry that others read, is an error that says so and names the ingress. Belongs to the control loop.
 */
#ifndef SIDECAR_APPS_H
#define SIDECAR_APPS_H

#include "discovery/catalog.h"
#include "discovery/lease.h"
#include "health/probe.h"
#include "sidecar/ports.h"
#include "sidecar/settings.h"

struct apps;

struct apps_events {
    void (*ready_changed)(
        void *owner, bool ready); /* all apps are up and registered where they can be */
    /* The app answers at this address, not at the first one (or the last told) of its settings. */
    void (*moved)(void *owner, unsigned app, const struct address *address);
    void (*deregistered)(void *owner); /* after apps_deregister(), once */
    void (*closed)(void *owner);
};

struct apps_context {
    struct loop *loop;
    struct random *random;
    struct catalog *catalog;
    struct settings *settings; /* a reference is taken */
    const struct ports *ports; /* for the ingress's address */
    bool port_is_chosen;       /* the first app's: it has to take it from PORT */
};

enum { APP_REASON = 512 };

struct app_status {
    const char *name, *id, *state; /* "waiting", "registered", "out", "gone", ... */
    struct probe_report probe;
    char address[ADDRESS_TEXT];    /* the app's own */
    char advertised[ADDRESS_TEXT]; /* "" when not known yet */
    char reason[APP_REASON];       /* why it is not registered; "" when it is */
};

/* On failure *a may be there: close it like any other. */
enum err apps_open(struct apps **a, const struct apps_context *context,
                   const struct apps_events *events, void *owner, struct why *w);
/* New settings: checks and metadata change in place; an app whose name, port or address changed is taken out and
 * put in again, the others stay registered. All or nothing. */
enum err apps_configure(struct apps *a, struct settings *settings, struct why *w);
bool apps_are_ready(const struct apps *a);
/* Never registered again from here on; `deregistered` comes, at the latest after `within_ms`. */
void apps_deregister(struct apps *a, uint64_t within_ms);
/* `run` without a port: takes a free one, which *port keeps for reloads (0: none was chosen). */
enum err apps_choose_port(struct settings *s, unsigned *port, struct why *w);
/* The child has exited: all apps are down now. */
void apps_gone(struct apps *a, const char *reason);
unsigned apps_count(const struct apps *a);
void apps_status(const struct apps *a, unsigned at, struct app_status *out);
/* The registration an app has or would have, for `check` and /config; lent. NULL: not known yet. */
const struct registration *apps_registration(const struct apps *a, unsigned at);
/* Is it a process that we run ourselves and wait for (an exec check's)? */
bool apps_own_process(const struct apps *a, int pid);
/* Leases too are stopped, if they were not yet. */
void apps_close(struct apps *a);
void apps_free(struct apps *a);

#endif
