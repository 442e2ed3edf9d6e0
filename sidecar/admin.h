/* admin.h - the admin port and the probes' port: how it does, and a few commands, over plain HTTP.
 *
 *   GET  /live /ready /startup         200 or 503, a line each; the probes port has only these (and /metrics)
 *   GET  /metrics                      Prometheus text format 0.0.4, closed label sets
 *   GET  /services /services/NAME      what the registries know (JSON); ?watch=1 streams changes, a line each
 *   GET  /health /stats /pools /config /explain?service=NAME  (JSON)
 *   POST /drain /reload
 *   POST /register DELETE /register/ID one more record, kept alive like the app's own
 *   GET  /                             the dashboard (one page, no outside resources)
 *
 * The browser rules of the local endpoint hold here too; a token where it is configured. Control loop.
 */
#ifndef SIDECAR_ADMIN_H
#define SIDECAR_ADMIN_H

#include "sidecar/core/why.h"
#include "sidecar/ports.h"

struct admin;
struct control;

/* Takes the descriptors of the ADMIN and PROBES ports. */
enum err admin_open(struct admin **a, struct control *c, struct ports *ports,
                    struct why *w);
/* Names, lists, apps or readiness changed: streams that watch are told. `service` NULL: the set of names. */
void admin_notify(struct admin *a, const char *service);
/* The drain began: records kept for others go, too. */
void admin_drain(struct admin *a, uint64_t within_ms);
/* Before the catalog closes: the records are its. */
void admin_close(struct admin *a, void (*closed)(void *owner), void *owner);
void admin_free(struct admin *a);

#endif
