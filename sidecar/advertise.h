/* advertise.h - which address of an app do others reach it at?
 *
 * What the setting says; else, with the ingress's port if there is one before the app:
 *   1. loopback, where nobody but this host reads the registries (REGISTRY_IS_LOCAL);
 *   2. $POD_IP;
 *   3. the address that the ingress, or the app, was told to listen on, unless it is any or loopback;
 *   4. the address this host uses to reach the registry (the first one written as an IP);
 *   5. that of its default route.
 *
 * Nothing is sent: a connected UDP socket tells which way the kernel would go (udp(7)). Whether anything answers
 * at the address is another question: see apps.h.
 */
#ifndef SIDECAR_ADVERTISE_H
#define SIDECAR_ADVERTISE_H

#include "discovery/catalog.h"
#include "sidecar/ports.h"
#include "sidecar/settings.h"

struct advertise {
    const struct app_settings *app;
    unsigned app_index;        /* in all_apps */
    const struct address *own; /* where the app answered */
    const struct ports *ports;
    struct catalog *catalog;
    const char *pod_ip; /* or NULL */
};

/* Does anybody but this host read what is registered? */
bool advertise_is_local(struct catalog *c);
enum err advertise_find(const struct advertise *a, struct address *out, struct why *w);
/* What to say when nothing answers at `address`; `reason` is the system's. */
void advertise_explain(const struct advertise *a, const struct address *address,
                       const char *reason, struct why *w);

#endif
