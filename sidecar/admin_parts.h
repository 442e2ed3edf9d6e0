/* admin_parts.h - between the files of the admin port.
 *
 *   admin.c          opens and closes; finds the resource of a request and asks whether it may
 *   admin_state.c    live, ready, startup, health, config, reload, drain, the page
 *   admin_reports.c  what the workers know: metrics, stats, pools, explain
 *   admin_services.c what the catalog knows, at once or as it changes
 *   admin_leases.c   records kept alive for others (admin_kept.c)
 *   admin_micro.c    the API of the micro toolchain's sidecar
 *   admin_reply.c    answers
 *
 * A request that is answered later is an object with an `answer_later` in front: it goes with the answer, or
 * when the client does.
 */
#ifndef SIDECAR_ADMIN_PARTS_H
#define SIDECAR_ADMIN_PARTS_H

#include <jansson.h>

#include "sidecar/control.h"
#include "transport/http_server.h"

enum { ADMIN_NAMES_LIMIT = 1000 }; /* services listed at once */

struct admin {
    struct control *control;
    struct http_server server, probes;
    struct list lookups;      /* requests that wait for lists */
    struct list watchers;     /* requests that are told of changes */
    struct list leases;       /* struct kept */
    struct http_server micro; /* where calls of micro's API arrive, once there was one */
    struct address micro_address;
    struct list micro_watchers;
    struct map micro_seen; /* by service: the list that watchers know of */
    bool micro_open;
    struct timer late; /* a lookup has waited for long enough */
    unsigned open_servers;
    bool closing;
    void (*closed)(void *owner);
    void *owner;
};

enum resource_flag {
    RESOURCE_OPEN = 1,  /* asks for no token */
    RESOURCE_PROBE = 2, /* on the probes' port, too */
    RESOURCE_NAMED = 4, /* the path goes on with a name: "/services/" */
    RESOURCE_LATE = 8,  /* also while everything is taken apart: needs nothing of it */
    RESOURCE_PAGE =
        16, /* says nothing of this sidecar: a link elsewhere may lead to it */
};

struct resource {
    const char *method;
    const char *path;
    unsigned flags;
    void (*handle)(struct admin *a, struct http_request *q);
    const char *help;
};

/* By method and path; ends with a NULL method. The order of the list on the page and in `help`. */
extern const struct resource admin_resources[];

/* admin_state.c */
void admin_get_live(struct admin *a, struct http_request *q);
void admin_get_ready(struct admin *a, struct http_request *q);
void admin_get_startup(struct admin *a, struct http_request *q);
void admin_get_health(struct admin *a, struct http_request *q);
void admin_get_config(struct admin *a, struct http_request *q);
void admin_post_reload(struct admin *a, struct http_request *q);
void admin_post_drain(struct admin *a, struct http_request *q);
void admin_get_page(struct admin *a, struct http_request *q);
/* Why it is not ready, into `reason`; false when it is. */
bool admin_is_unready(const struct admin *a, char *reason, size_t size);

/* admin_reports.c */
void admin_get_metrics(struct admin *a, struct http_request *q);
void admin_get_stats(struct admin *a, struct http_request *q);
void admin_get_pools(struct admin *a, struct http_request *q);
void admin_get_explain(struct admin *a, struct http_request *q);
void admin_explain_known(struct admin *a, struct http_request *q);

/* admin_services.c */
void admin_get_services(struct admin *a, struct http_request *q);
void admin_get_service(struct admin *a, struct http_request *q);
/* Calls `then` when the list of that name is there, or late. It may be at once. */
void admin_await_list(struct admin *a, struct http_request *q, const char *name,
                      void (*then)(struct admin *a, struct http_request *q));
void admin_services_changed(struct admin *a, const char *service);
void admin_services_close(struct admin *a);
void admin_services_late(struct timer *t);

/* admin_leases.c */
void admin_get_leases(struct admin *a, struct http_request *q);
void admin_post_lease(struct admin *a, struct http_request *q);
void admin_delete_lease(struct admin *a, struct http_request *q);
void admin_leases_stop(struct admin *a, uint64_t within_ms);
/* A row for each, by malloc; NULL: none. */
struct metrics_lease *admin_leases_metrics(const struct admin *a, unsigned *count);
/* All of them have stopped: goes on with the end. */
void admin_leases_gone(struct admin *a);

/* admin_reply.c */
/* The value goes with the answer; NULL means that memory ran out. */
void admin_reply_json(struct http_request *q, unsigned status, json_t *value);
/* `text` goes with the answer. */
void admin_reply_text(struct http_request *q, unsigned status, const char *type,
                      struct text *text);
__attribute__((format(printf, 3, 4))) void
admin_reply_line(struct http_request *q, unsigned status, const char *format, ...);
/* problem+json; status 0: the error's own. */
void admin_reply_problem(struct http_request *q, unsigned status, enum err e,
                         const char *detail);
/* The same with further header lines. */
void admin_reply_refusal(struct http_request *q, enum err e, struct slice fields);
/* Fields of every answer. */
struct slice admin_fields(void);
/* The end of the path, decoded; false when it was answered already: no valid name. */
bool admin_name_of(struct http_request *q, const char *prefix, char *name, size_t size);

#endif
