/* nats_parts.h - what the files of the NATS registry share; nobody else includes it.
 *
 *   registry_nats.c   the backend: options, credentials, the connection's comings and goings, watches
 *   nats_records.c    put, renew, remove; answers to queries about what we have put
 *   nats_hearing.c    from a message to a service's instances
 *   nats_service.c    one watched service, asked for in rounds
 *   nats_telling.c    what who watches is told
 *   nats_instance.c   one instance, and its age
 *   nats_names.c      which names there are
 *   nats_round.c      one question to all, and the time to answer
 *
 * As go-micro's plugin does it (go-plugins v2 registry/nats): nobody stores anything. Who has a service answers
 * queries about it, and announces it:
 *
 *   query subject   {"Action":"get","Service":{"name":"orders",...}} or {"Action":"list","Service":null}, with an inbox
 *                   to answer to: one Service each
 *   watch subject   {"Action":"create"|"delete","Service":{...}}, create at each heartbeat
 *
 * So absence can't be told, only silence. A round: query, PONG (the server has passed it on), NATS_COLLECT_MS. Who did
 * not answer NATS_MISSES rounds, and was not heard otherwise, is gone. A round each query_interval; sooner, for who was silent
 * for three of his own heartbeats.
 */
#ifndef DISCOVERY_NATS_PARTS_H
#define DISCOVERY_NATS_PARTS_H

#include "discovery/complaints.h"
#include "discovery/micro_service.h"
#include "discovery/nats_client.h"
#include "discovery/registry.h"
#include "sidecar/core/map.h"

struct nats;
struct nats_round;

enum {
    NATS_COLLECT_MS = 150,
    NATS_RECHECK_MS =
        1000, /* from one missed round to the next, and from any round to the next */
    NATS_MISSES = 3,
    NATS_HEARTBEATS_MISSED = 3,
    NATS_SETTLE_MS =
        6000, /* after a connection has come: others may still be on their way back */
    NATS_PATIENCE_MS = 2500, /* without a connection, before a watch fails */
    NATS_WITHDRAWN_MS =
        30 * 1000,            /* go-micro v2.9.1 answers for what it has deregistered */
    NATS_NAMES_INTERVALS = 3, /* names are asked for so much less often */
    NATS_INSTANCES_LIMIT = 100 * 1000,
    NATS_NAMES_LIMIT = 20 * 1000,
    NATS_ANSWERS_LIMIT = 100 * 1000, /* of one round */
    NATS_NODES_LIMIT = 1000,         /* of one message */
    NATS_MESSAGE_LIMIT = MICRO_INFLATE_LIMIT,
    NATS_INBOX_DIGITS = 24,
    NATS_SECRET_LIMIT = 4096,
};

/* A question and the answers to it. IDLE --timer--> ask() > ASKING --PONG--> COLLECTING --timer--> collected() */
enum nats_phase { NATS_IDLE, NATS_ASKING, NATS_COLLECTING };

struct nats_round_events {
    /* ms until it is due, looked at again when it seemed to be. NULL: it always is. */
    uint64_t (*wait)(struct nats_round *r);
    /* Sends its queries, by nats_query(). */
    enum err (*ask)(struct nats_round *r);
    /* All who answer had the time to. */
    void (*collected)(struct nats_round *r);
    /* The server does not permit it. */
    void (*refused)(struct nats_round *r, const struct why *why);
};

struct nats_round {
    struct nats *nats;
    const struct nats_round_events *events;
    enum nats_phase phase;
    struct timer timer;
    struct nats_flush flush;
    uint64_t asked;    /* the sequence when it began */
    uint64_t asked_at; /* ms */
    unsigned answers;
};

/* Which names there are, while somebody wants to know. */
struct nats_names {
    bool is_watched;
    bool is_known; /* a whole round was collected */
    bool is_whole; /* the round that runs asks for all */
    bool is_changed;
    uint64_t whole_due; /* ms */
    struct nats_round round;
    struct timer tell;
    struct map by_name; /* struct nats_name */
};

struct nats {
    struct registry base;
    const char *query_subject, *watch_subject;
    uint64_t query_interval_ms;
    struct nats_client *client;
    char inbox[NATS_INBOX_DIGITS + 16];
    struct nats_subscription queries, announcements, answers;
    struct list records; /* struct nats_record */
    struct map services; /* struct nats_service, by name */
    struct nats_names names;
    uint64_t sequence; /* grows with each question and each record heard */
    uint32_t instances;
    uint64_t connected_at;
    bool was_connected;
    bool has_failed; /* a list after it may be short: it must come whole */
    struct timer patience;
    enum err error; /* of the connection, while there is none */
    struct why why;
    struct complaints complaints;
    char user[256], password[256];
    char token[NATS_SECRET_LIMIT];
};

struct nats_instance {
    struct list node;
    struct instance_list *copy; /* of one */
    uint64_t heard;             /* the sequence */
    uint64_t came_at, heard_at; /* ms */
    uint64_t announced_at;      /* 0: never */
    uint64_t gap_ms;            /* between the last two */
    uint64_t heartbeat_ms;      /* as seen; 0: unknown */
    uint64_t withdrawn_until;   /* 0: it is there */
    unsigned misses;
};

struct nats_service {
    struct nats *nats;
    char *name;
    struct list watches, fresh; /* fresh: to be told what is known */
    unsigned watch_count;
    struct timer tell;
    struct nats_round round;
    bool is_known;
    bool is_doubted;
    uint64_t interval_due; /* ms */
    struct list instances;
    struct map by_id;
};

static inline struct nats *nats_of(struct registry *r)
{
    return container_of(r, struct nats, base);
}

static inline struct clock *nats_registry_clock(struct nats *n)
{
    return &n->base.loop->clock;
}

/* registry_nats.c */
void nats_complain(struct nats *n, const char *subject, struct slice service,
                   const char *reason);
/* There is no connection: what waits for one is told so after some patience. */
void nats_wait(struct nats *n);
/* Answers and announcements are heard from now on. */
void nats_listen(struct nats *n);
/* ERR_DENIED where the server does not permit what watching needs. */
enum err nats_may_hear(struct nats *n, struct why *w);

/* nats_records.c */
enum err nats_put(struct registry *r, struct registry_lease *l);
enum err nats_renew(struct registry *r, struct registry_lease *l);
enum err nats_remove(struct registry *r, struct registry_lease *l);
void nats_records_connected(struct nats *n);
void nats_records_fail(struct nats *n, enum err e, const struct why *why);
void nats_records_close(struct nats *n);
void nats_records_answer(struct nats_subscription *s, const struct nats_message *m);
/* The shortest heartbeat of what we put: as fast we look after others. UINT64_MAX: there is nothing. */
uint64_t nats_records_heartbeat(const struct nats *n);

/* nats_hearing.c */
void nats_hear_answer(struct nats_subscription *s, const struct nats_message *m);
void nats_hear_announcement(struct nats_subscription *s, const struct nats_message *m);

/* nats_instance.c */
static inline bool nats_instance_is_there(const struct nats_instance *x)
{
    return x->withdrawn_until == 0;
}

/* NULL: no memory. */
struct nats_instance *nats_instance_new(struct nats_service *s, const struct instance *i);
void nats_instance_free(struct nats_service *s, struct nats_instance *x);
/* What it says now; whether there was a difference. */
bool nats_instance_take(struct nats_service *s, struct nats_instance *x,
                        const struct instance *i);
/* It was heard. */
void nats_instance_touch(struct nats_service *s, struct nats_instance *x,
                         bool is_announcement);
void nats_instance_forget_heartbeat(struct nats_instance *x);
/* When it should be asked for: ms. */
uint64_t nats_instance_due(const struct nats_service *s, const struct nats_instance *x);
/* At the end of a round, once. */
bool nats_instance_is_gone(struct nats_service *s, struct nats_instance *x);

/* nats_telling.c */
void nats_tell_changed(struct nats_service *s, const struct instance *i);
void nats_tell_gone(struct nats_service *s, const char *id);
/* The whole list. Without memory for it the next round tells it. */
void nats_tell_all(struct nats_service *s, struct list *watches);
/* Who has come meanwhile: t is `tell`. */
void nats_tell_fresh(struct timer *t);
/* Whoever was fresh is told all from now on. */
void nats_join_watches(struct nats_service *s);

/* nats_service.c */
enum err nats_watch(struct registry *r, struct registry_watch *w);
void nats_unwatch(struct registry *r, struct registry_watch *w);
void nats_service_hear(struct nats_service *s, const struct instance *i,
                       bool is_announcement);
void nats_service_forget(struct nats_service *s, const char *id);
/* Somebody left without saying who. */
void nats_service_doubt(struct nats_service *s);
void nats_services_connected(struct nats *n);
void nats_services_lost(struct nats *n);
void nats_services_fail(struct nats *n, enum err e, const struct why *why);
void nats_services_close(struct nats *n);

/* nats_names.c */
enum err nats_watch_names(struct registry *r);
void nats_unwatch_names(struct registry *r);
void nats_names_hear(struct nats *n, const char *name);
void nats_names_doubt(struct nats *n, const char *name);
void nats_names_connected(struct nats *n);
void nats_names_lost(struct nats *n);
void nats_names_fail(struct nats *n, enum err e, const struct why *why);
void nats_names_close(struct nats *n);

/* nats_round.c */
void nats_round_init(struct nats_round *r, struct nats *n,
                     const struct nats_round_events *events);
/* The next one; one that runs goes on. */
void nats_round_after(struct nats_round *r, uint64_t ms);
/* As soon as is decent: strangers may ask for it. */
void nats_round_soon(struct nats_round *r);
/* Forgets one that runs, too. */
void nats_round_stop(struct nats_round *r);
/* Counts an answer; false: there were too many. */
bool nats_round_answer(struct nats_round *r);
/* The query for one name, or for all (NULL). */
enum err nats_query(struct nats *n, const char *name);

#endif
