/* worker_services.h - the services a worker knows: made at the first call of their name, forgotten when nobody calls
 * those without instances any more. Names of callers are bounded: the least recently used goes. */
#ifndef SIDECAR_WORKER_SERVICES_H
#define SIDECAR_WORKER_SERVICES_H

#include "sidecar/worker.h"

/* From time to time: those that nobody asked for lately go. */
void worker_sweep_services(struct worker *w);
/* All of them, at the end. */
void worker_close_services(struct worker *w);

#endif
