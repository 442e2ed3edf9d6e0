/* handover.h - clients go to the worker that has the fewest.
 *
 * SO_REUSEPORT deals connections out by a hash of their addresses. That is even for thousands; of the eight of an
 * app's connection pool seven may meet the same worker, and those of a Unix socket all do. So who is about to accept
 * one looks at how many clients the others have, and where somebody has clearly fewer the descriptor goes there by
 * letter. Costs a look at each worker's count per connection, and nothing per request.
 */
#ifndef SIDECAR_HANDOVER_H
#define SIDECAR_HANDOVER_H

#include "sidecar/gateway.h"

/* On the worker's thread: the number of a listening that is ready; from now on others may hand over to it. */
unsigned handover_ready(struct worker *w);
/* Should the next connection go elsewhere? */
bool handover_wanted(const struct listening *l);
/* There it goes; the descriptor is handed over, or closed without memory. */
void handover_give(struct listening *l, int fd);
/* On the thread of who takes it: `number` is the listening's. */
void handover_take(struct worker *w, unsigned number, int fd);
/* On any thread: the worker has got a client (1), which may be on its way still, or lost one (-1). Counting those on
 * their way keeps a burst from going to who was idle a moment ago. */
void handover_count(struct worker *w, int by);

#endif
