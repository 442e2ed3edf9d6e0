/* eureka_parts.h - what the files of the Eureka backend share.
 *
 *   registry_eureka.c   life, options, watches
 *   eureka_service.c    a watched service: whom to tell, and what was said last
 *   eureka_fetch.c      one request at a time, and what is asked next
 *   eureka_meaning.c    what an answer means
 *   eureka_listing.c    the instances in it, as they come
 *   eureka_lease.c      records of our own, and eureka_lease_steps.c what they take
 *
 * A server can't be watched, so it is asked every `poll`, for all watches together:
 *
 *   few services:       GET /apps/<APP> for each, whole lists
 *   more, or names:     GET /apps once, then /apps/delta: what changed within the last three minutes. All statuses counted
 *                       must then be what apps__hashcode says, else something was missed, and /apps is asked again.
 *
 * The first list of a service comes at once in either case. A list that lost more than half, with no word of it among
 * the deltas, means a server that has lost its memory: the watch fails, and the frame keeps what it had.
 */
#ifndef DISCOVERY_EUREKA_PARTS_H
#define DISCOVERY_EUREKA_PARTS_H

#include "discovery/eureka_answer.h"
#include "discovery/eureka_record.h"
#include "discovery/eureka_table.h"
#include "discovery/registry_http.h"
#include "sidecar/core/map.h"

enum eureka_flavor { FLAVOR_SPRING, FLAVOR_MICRO, FLAVOR_BOTH };
enum eureka_mode { MODE_AUTO, MODE_APPS, MODE_DELTA };

enum {
    EUREKA_COMPLAINTS_KEPT = 16,
    EUREKA_COMPLAIN_MS = 1000,
    EUREKA_AGAIN_MS = 1000, /* after a poll that failed */
};

/* The instances of one service, as far as they came. */
struct eureka_list {
    struct instance *instances;
    uint32_t count, capacity;
    uint32_t listed; /* by the server; those that are no good count, too */
    struct memory memory;
};

struct eureka_service {
    struct list due;     /* in eureka.due: its list is to be asked for */
    struct list watches; /* that were told of what there is */
    struct list fresh;   /* that were not yet */
    struct eureka_list list;
    uint32_t told;   /* how many were listed in what was told last */
    uint64_t digest; /* of the last list that was told whole; 0: none, or changed since */
    char app[SERVICE_NAME_LIMIT + 1]; /* in capitals, as the server has it */
};

enum eureka_ask {
    ASK_NOTHING,
    ASK_APP,   /* GET /apps/<APP> */
    ASK_ALL,   /* GET /apps */
    ASK_DELTA, /* GET /apps/delta */
    ASK_EXPLAIN, /* the same, for why a list has shrunk, and whether there is a Eureka at all */
};

struct eureka_fetch {
    enum eureka_ask ask;
    struct registry_call call;
    struct text target;
    struct eureka_answer answer;
    unsigned tried; /* servers, when the answer began */
    enum err error; /* of the reading */
    size_t bytes;
    struct eureka_service
        *service;     /* of ASK_APP and ASK_EXPLAIN; NULL: nobody wants it any more */
    uint32_t deleted; /* ASK_EXPLAIN: instances of it that left */
    struct eureka_table table; /* ASK_ALL */
};

struct eureka {
    struct registry base;
    /* Options. */
    int flavor, mode;
    uint64_t poll_ms, timeout_ms;

    struct registry_http http;
    struct slice path;  /* "/eureka", no slash behind it */
    struct text fields; /* of every request */
    bool http_is_open, is_closing;

    struct map services; /* by eureka_service.app */
    struct list due;
    bool watches_names, poll_is_due;
    struct eureka_fetch fetch;
    unsigned misses;    /* polls that failed, one after the other */
    size_t round_bytes; /* of a round of ASK_APP */
    bool is_proven;     /* there is a Eureka at this path */
    uint64_t
        doubt_until; /* a watch has failed shortly before: see eureka_service_deliver() */

    /* While deltas are followed. */
    struct eureka_table table;
    bool has_table, no_deltas;
    bool needs_all;    /* something was missed */
    uint64_t version;  /* versions__delta: smaller means another server */
    unsigned server;   /* who said so */
    uint64_t heard_ms; /* the last good answer about all */
    uint64_t all_ms;   /* the last ASK_ALL, and how much it was */
    size_t all_bytes;
    uint64_t names_digest; /* of those told; 0: none were */

    struct timer poll, turn;
    struct list leases;
    uint32_t complaints[EUREKA_COMPLAINTS_KEPT];
    unsigned complained, held_back;
    uint64_t quiet_until;
};

static inline struct eureka *eureka_of(struct registry *r)
{
    return (struct eureka *)r;
}

static inline struct clock *eureka_clock(struct eureka *e)
{
    return &e->base.loop->clock;
}

/* GET and the like with our fields; `target` is lent. */
void eureka_call_prepare(struct eureka *e, struct registry_call *c, struct slice method,
                         const struct text *target);
void eureka_target_add(struct text *target,
                       const char *segment); /* "/" and it, escaped */
/* In the log, once, and not too often. */
void eureka_complain(struct eureka *e, const char *app, const char *id,
                     const struct why *why);
/* The next turn of the loop looks at what is to be done. */
void eureka_turn_soon(struct eureka *e);

/* --- eureka_service.c --- */

struct eureka_service *eureka_service_find(const struct eureka *e, const char *app);
/* The same by a service's name, in any case. */
struct eureka_service *eureka_service_named(const struct eureka *e, const char *name);
/* Makes one if there is none; NULL: no memory, or a name that is none. */
struct eureka_service *eureka_service_use(struct eureka *e, const char *name);
/* Frees it if nobody watches it. */
void eureka_service_unuse(struct eureka *e, struct eureka_service *s);
void eureka_service_ask(struct eureka *e, struct eureka_service *s);
enum err eureka_list_add(struct eureka_list *l, const struct eureka_record *r,
                         struct why *w);
void eureka_list_clear(struct eureka_list *l);
/* The list that was read becomes what is told. One that repeats itself ends the frame's doubt in it (catalog.h), so for a
 * while after a failure it is told when it has changed. */
void eureka_service_deliver(struct eureka *e, struct eureka_service *s);
/* One instance came, changed or left. */
void eureka_service_change(struct eureka *e, struct eureka_service *s,
                           const struct eureka_record *r);
/* Its watches fail: all, or those that were told nothing yet. */
void eureka_service_fail(struct eureka *e, struct eureka_service *s, bool all,
                         enum err error, const struct why *why);
void eureka_services_fail(struct eureka *e, bool all, enum err error,
                          const struct why *why);

/* --- eureka_listing.c --- */

/* Starts to read an answer of the fetch's kind. */
void eureka_listing_begin(struct eureka *e);
void eureka_names_tell(struct eureka *e);

/* --- eureka_fetch.c --- */

void eureka_fetch_init(struct eureka *e);
/* Asks what is to be asked, if nothing is being asked. */
void eureka_fetch_next(struct eureka *e);
void eureka_fetch_fini(struct eureka *e);
/* /apps/delta, for a list that has shrunk. */
void eureka_fetch_explain(struct eureka *e, struct eureka_service *s);
/* The next poll, +-10 %. */
void eureka_poll_after(struct eureka *e, uint64_t ms);
/* /apps may be megabytes: it is not asked for all the time, whatever happens to the deltas. */
bool eureka_may_ask_all(const struct eureka *e);
/* The table: nobody needs it, or it can't be vouched for any more. */
void eureka_forget_all(struct eureka *e);

/* --- eureka_meaning.c --- */

/* An answer was read to its end; `exists` is false for a 404. */
void eureka_understood(struct eureka *e, enum eureka_ask what, bool exists);
void eureka_no_deltas(struct eureka *e, enum eureka_ask what);
void eureka_not_understood(struct eureka *e, enum err error, struct why *why);

/* --- eureka_lease.c --- */

enum err eureka_put(struct registry *r, struct registry_lease *l);
enum err eureka_renew(struct registry *r, struct registry_lease *l);
enum err eureka_remove(struct registry *r, struct registry_lease *l);
void eureka_leases_cancel(struct eureka *e);

#endif
