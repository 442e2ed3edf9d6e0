/* worker.h - a data loop: a thread of its own, with all that its requests need and nothing shared.
 *
 *   worker_start > worker_listen, worker_update, worker_configure ... > worker_drain > workers_stop > joined
 *
 * From the control thread everything goes in by letters (and comes back by them): lists and settings are
 * immutable and counted, so handing one over is a pointer. Nothing on the request path takes a lock.
 */
#ifndef SIDECAR_WORKER_H
#define SIDECAR_WORKER_H

#include "sidecar/access_log.h"
#include "sidecar/call.h"
#include "sidecar/core/map.h"
#include "sidecar/gateway.h"
#include "sidecar/report.h"
#include "sidecar/service.h"
#include "transport/loop.h"

struct ports;
struct worker;

/* Delivered on the control loop; names are lent for the call. */
struct worker_events {
    /* The worker met a name it has no list for, or uses one that it should not forget. */
    void (*want)(void *owner, struct slice service);
    /* Ejected there: the other workers learn of it. */
    void (*ejected)(void *owner, struct worker *by, struct slice service,
                    struct slice instance);
    /* The report asked for is there; the receiver frees it (report_free). */
    void (*reported)(void *owner, struct worker *by, struct report *r);
    /* It could not do what worker_listen() asked for. May be NULL. */
    void (*failed)(void *owner, struct worker *by, const char *reason);
};

struct worker {
    struct loop loop;
    struct mailbox mailbox;
    uv_thread_t thread;
    unsigned number;  /* from 0 */
    unsigned workers; /* in all */
    const struct worker_events *events;
    struct mailbox *control;
    void *control_owner;

    struct settings *settings;
    struct random random;
    struct arena_pool blocks;
    struct http_scratch scratch;
    struct http_cork to_instances, to_clients;
    struct map services; /* by name */
    struct list service_ring;
    struct list unlisted; /* services without instances, least recently used first */
    uint32_t unlisted_count;
    struct list downstreams, connections, listenings;
    uint32_t downstream_count, connection_count, listening_count;
    uint32_t downstream_most; /* since memory was given back */
    struct list spare_calls;
    uint32_t spare_count;
    /* Client connections whose next request waits for the end of a feeding, in their order. */
    struct {
        struct downstream *first, **end;
    } advance;
    unsigned feeding;
    unsigned lookups; /* of DNS, under way */
    /* All sockets of this process, and all workers, lent; set before the first worker_listen(), or NULL. */
    const struct ports *ports;
    struct worker *all;
    uv_sem_t halted; /* no more comes from this one to the others */
    struct access_log access_log;
    struct timer sweep;
    /* Our pseudonyms, the same in all workers: a call to our own app passes here twice, and is no loop. */
    char via[32], ingress_via[40];
    uint8_t via_size, ingress_via_size;
    struct service_stats unrouted; /* requests that named no service */
    bool draining;                 /* answers carry Connection: close */
    bool refusing;                 /* the app has gone: new requests get ERR_DRAINING */
    bool closing;
    /* Requests under way, inbound and outbound: written here, read by the control loop (atomic). */
    unsigned busy_inbound, busy_outbound;
    /* For the hand-over (atomic): listenings that can take what others accept; clients, and those on their way. */
    unsigned ready, clients;
};

/* Control thread. `via` is copied. */
enum err worker_start(struct worker *w, unsigned number, unsigned workers,
                      struct settings *settings, const char *via,
                      const struct worker_events *events, struct mailbox *control,
                      void *control_owner, struct why *why);
/* worker_start() in two parts, for tests that turn the loop themselves: worker_run() until worker_close_all(), then
 * all is freed. */
enum err worker_open(struct worker *w, unsigned number, unsigned workers,
                     struct settings *settings, const char *via,
                     const struct worker_events *events, struct mailbox *control,
                     void *control_owner, struct why *why);
void worker_run(struct worker *w);
/* Accept on `fd` (which the worker owns from now on; -1: others accept there, and hand over). `name`: of PORT and
 * INGRESS, else NULL. `app`: of an ingress, the list with the one instance; the caller's reference is taken over. */
enum err worker_listen(struct worker *w, int fd, enum gateway_kind kind, const char *name,
                       struct instance_list *app);
/* Stop accepting on all listeners of a kind; those who are connected may go on. */
enum err worker_unlisten(struct worker *w, enum gateway_kind kind);
enum err worker_update(struct worker *w, struct instance_list *list);
/* The app behind an ingress has moved to another address (of the same port). */
enum err worker_update_app(struct worker *w, struct instance_list *list);
/* The catalog let go of a name: so does the worker, unless it is in use. */
enum err worker_forget(struct worker *w, const char *service);
enum err worker_configure(struct worker *w, struct settings *settings);
enum err worker_eject(struct worker *w, struct slice service, struct slice instance);
/* `service`: only that one, or empty for all. */
enum err worker_ask_report(struct worker *w, struct slice service);
/* Answers carry Connection: close from now on, idle client connections end. `refuse`: new requests are refused. */
enum err worker_drain(struct worker *w, bool refuse);
/* Ends everything that is left, and the threads; returns when they have ended. */
void workers_stop(struct worker *workers, unsigned count);
unsigned worker_busy_inbound(const struct worker *w);
unsigned worker_busy_outbound(const struct worker *w);

/* Any worker's thread: a client for another one; `listening` is its number there. */
enum err worker_give(struct worker *to, unsigned listening, int fd);

/* Worker thread. The service of that name, made (and asked for) if need be; NULL: *e is ERR_NO_MEMORY, or
 * ERR_OVERLOADED when there are too many names without instances. */
struct service *worker_service(struct worker *w, struct slice name, enum err *e);
/* The same for a host outside (egress.h), that nobody is asked for. */
struct service *worker_egress(struct worker *w, struct slice key, enum err *e);
void worker_connection_closed(struct worker *w);
/* Around each feeding of a reader: at the end of the outermost one, clients that wait advance. */
void worker_enter(struct worker *w);
void worker_leave(struct worker *w);
/* It waits; outside of any feeding it does not have to. */
void worker_advance(struct worker *w, struct downstream *d);

#endif
