/* admin_kept.h - records kept alive for others, as long as this process lives or until they are deleted.
 *
 *   kept_find, or kept_new > kept_start > held ... > kept_stop > gone, by itself
 *
 * Each is a lease (lease.h). A request may wait for one: it is answered once, when the record is held, gone, or
 * late, by the `reply` that came with it, in the words of whoever's API it is. Some records are watched over besides:
 * who must ask again within `lapse_ms`, or whose address must take connections. Control loop.
 */
#ifndef SIDECAR_ADMIN_KEPT_H
#define SIDECAR_ADMIN_KEPT_H

#include "discovery/lease.h"
#include "health/probe.h"
#include "sidecar/admin_parts.h"

enum { KEPT_LIMIT = 1000, KEPT_REMOVE_MS = 2000 };

struct kept {
    struct list node;
    struct admin *admin;
    struct lease *lease;
    struct http_request *request; /* waits; or NULL */
    void (*reply)(struct kept *k, struct http_request *q, unsigned status);
    struct timer late;
    unsigned status; /* of the answer; 0: nothing is certain yet */
    bool held, stopping, stopped;
    struct timer lapse;  /* nobody asked for it again in time */
    struct probe *probe; /* of its address; or NULL */
};

/* By service and id; service "": any. One that is leaving is still found. NULL: none. */
struct kept *kept_find(const struct admin *a, const char *service, const char *id);
/* Is there room, and a registry to keep it in? */
enum err kept_check(const struct admin *a, struct why *w);
/* Not started. NULL: no memory. */
struct kept *kept_new(struct admin *a, const struct registration *r);
void kept_start(struct kept *k);
void kept_stop(struct kept *k);
/* `q` is answered when there is something to say, at the latest after 2 s; whoever waited before is answered now. */
void kept_await(struct kept *k, struct http_request *q,
                void (*reply)(struct kept *k, struct http_request *q, unsigned status));
/* It goes unless this is called again within that time; 0: it stays. */
void kept_lapse_after(struct kept *k, uint64_t lapse_ms);
/* It goes when nobody takes connections at its address any more. */
enum err kept_watch_address(struct kept *k);
const struct registration *kept_record(const struct kept *k);

#endif
