/* consul_parts.h - between the files of the Consul registry.
 *
 *   registry_consul.c   opens and closes; the table
 *   consul_call.c       calls: the token, and the options that all of them carry
 *   consul_query.c      what is asked again and again, by blocking queries: index, silence, back-off, pace, turns
 *   consul_service.c    services in use
 *   consul_known.c      what was told of a service, so that only changes are read and told
 *   consul_names.c      the names there are
 *   consul_pulse.c      does Consul still answer, and has it a leader?
 *   consul_record.c     what we publish
 *   consul_message.c, consul_tags.c   the words
 *
 * A query's rules (developer.hashicorp.com/consul/api-docs/features/blocking): an index that went back is begun anew, 0 is
 * never sent, the same index is the same content, and an answer is no proof of a change.
 */
#ifndef DISCOVERY_CONSUL_PARTS_H
#define DISCOVERY_CONSUL_PARTS_H

#include "discovery/complaints.h"
#include "discovery/consul_message.h"
#include "discovery/registry_http.h"
#include "sidecar/core/map.h"

enum {
    CONSUL_PORT = 8500,
    CONSUL_CALL_MS = 4000,
    CONSUL_ANSWER_LIMIT = 64 * 1024 * 1024,
    CONSUL_TOKEN_LIMIT = 4096,
    CONSUL_TARGET_LIMIT = 4096,
    CONSUL_PATIENCE_MS =
        4000, /* a query that fails for so long: its list can't be vouched for */
    CONSUL_PULSE_MS = 3000, /* of silence, before it is asked whether it is well */
    CONSUL_BLOCKING_LIMIT =
        100, /* queries held back at once: an agent gives 200 connections to an address */
    CONSUL_READS_LIMIT = 16, /* others at once */
    CONSUL_POLL_MS = 5000,   /* of services for which there is no blocking query left */
};

struct consul;

/* --- consul_call.c --- */

/* One call. It is answered once after each start, never from inside a call; then it may be used again. What a call takes
 * is there only while it runs, and until it was looked at: most wait for their turn. */
struct consul_call {
    struct registry_call *http; /* NULL: not running, or there was no memory for it */
    struct consul *consul;
    struct text target, body;
    const char *method;  /* a constant; NULL: GET */
    uint64_t timeout_ms; /* 0: CONSUL_CALL_MS */
    int server;          /* that one alone, and nobody else; -1: any */
    bool once;           /* a connection that has gone meanwhile is an error */
    struct text fields;
    struct timer turn; /* of an answer that needs no call */
    bool running, retried, cancelled;
    enum err result;
    void *owner;
    /* consul_call_answer() has it, and why it is none. */
    void (*answered)(struct consul_call *c, enum err e);
};

void consul_call_init(struct consul_call *c, struct consul *consul, void *owner,
                      void (*answered)(struct consul_call *c, enum err e));
/* With c->target and c->body as they are. */
void consul_call_start(struct consul_call *c);
/* `answered` comes soon, with ERR_CANCELLED. Harmless when it is not running. */
void consul_call_cancel(struct consul_call *c);
/* What the answer holds goes; it may be started again. */
void consul_call_empty(struct consul_call *c);
void consul_call_fini(struct consul_call *c);
/* Only in `answered`; NULL: there was no memory to ask. */
static inline const struct http_call *consul_call_answer(const struct consul_call *c)
{
    return c->http ? &c->http->http : NULL;
}

static inline struct why *consul_call_why(struct consul_call *c)
{
    return c->http ? &c->http->http.why : NULL;
}

/* "?ns=..." or "?" alone: what every call says. More may follow, each with a '&' before it. */
void consul_add_options(struct text *target, const struct consul *c);

/* --- consul_query.c --- */

struct consul_query;

struct consul_query_ops {
    void (*write_target)(struct consul_query *q, struct text *out); /* the options, too */
    /* A new answer. LIST_SUSPECT: from servers without a leader. Where q->failing is set it is not known what happened
     * since the one before. On an error the query fails. May end the query. */
    enum err (*take)(struct consul_query *q, struct slice body, enum authority a,
                     struct why *w);
    /* It can't be vouched for what was said last. Ends the query. */
    void (*failed)(struct consul_query *q, enum err e, const struct why *w);
    /* After consul_query_end(), maybe from inside it: its memory may go. */
    void (*ended)(struct consul_query *q);
};

struct consul_query {
    struct list all;  /* consul->queries */
    struct list node; /* waits for its turn to read */
    struct consul *consul;
    const struct consul_query_ops *ops;
    struct consul_call call;
    struct timer timer;
    uint64_t index;   /* 0: nothing was read */
    uint64_t lost;    /* the index that was gone back behind; asked of the leader */
    uint64_t due;     /* the pace: when the next answer would be earned */
    uint64_t failing; /* since when; 0: it is well */
    unsigned failures;
    enum { QUERY_RESTS, QUERY_WAITS, QUERY_READS, QUERY_BLOCKS } state;
    enum authority authority; /* of what was taken last */
    bool busy, ending, restarting;
    bool wary; /* to be read at once, and not held back */
};

void consul_query_start(struct consul_query *q, struct consul *c,
                        const struct consul_query_ops *ops);
void consul_query_end(struct consul_query *q);
/* All queries fail: nobody answers. */
void consul_queries_fail(struct consul *c, enum err e, const struct why *w);
/* What is held back by another server than this one (-1: by any) is asked for at once. */
void consul_queries_look(struct consul *c, int server);

/* --- consul_known.c --- */

/* Zeroed: nothing is known. */
struct consul_known {
    struct known **entries; /* in the order of the last answer */
    uint32_t count;
};

/* What an answer changes. The texts are its own; `gone` are ids. */
struct consul_change {
    struct instance *added; /* or changed */
    const char **gone;
    uint32_t added_count, gone_count;
    struct memory memory;
};

/* ERR_BAD_RESPONSE, ERR_NO_MEMORY: then what is known is nothing. */
enum err consul_known_take(struct consul_known *k, struct consul_change *change,
                           struct slice body, const char *service, struct consul *c);
void consul_change_fini(struct consul_change *change);
void consul_known_fini(struct consul_known *k);

/* --- consul_pulse.c --- */

struct consul_pulse {
    struct consul_call call;
    struct timer timer;
};

void consul_pulse_init(struct consul *c);
/* Beats while there are queries. */
void consul_pulse_go(struct consul *c);
bool consul_pulse_is_over(const struct consul *c);
void consul_pulse_close(struct consul *c);

/* --- the registry --- */

struct consul {
    struct registry base;
    struct registry_http http;
    /* options */
    const char *dc, *ns, *namespace, *partition, *tag, *token_option;
    bool stale, passing_only;
    uint64_t wait_ms, deregister_ms;
    char token[CONSUL_TOKEN_LIMIT]; /* "": none */
    struct list queries;            /* struct consul_query */
    struct list waiting;            /* those that wait to read */
    unsigned blocking, reading;
    unsigned blocking_limit; /* less, once the agent had too many connections */
    uint64_t crowded;        /* when that was */
    uint64_t heard; /* when a query was answered last, by servers with a leader */
    struct consul_pulse pulse;
    struct list records; /* struct consul_record */
    struct consul_query *names;
    struct complaints complaints;
    bool closing, ended;
};

static inline struct consul *consul_of(struct registry *r)
{
    return (struct consul *)r;
}

static inline struct clock *consul_clock(struct consul *c)
{
    return &c->base.loop->clock;
}

/* registry_consul.c */
void consul_complain(struct consul *c, const char *service, struct slice record,
                     const char *reason);
/* The token file has another one since then. */
bool consul_token_again(struct consul *c);
/* Something of ours has ended; when closing it may have been the last. */
void consul_end_if_done(struct consul *c);

/* consul_service.c */
enum err consul_watch(struct registry *r, struct registry_watch *w);
void consul_unwatch(struct registry *r, struct registry_watch *w);

/* consul_names.c */
enum err consul_watch_names(struct registry *r);
void consul_unwatch_names(struct registry *r);

/* consul_record.c */
enum err consul_put(struct registry *r, struct registry_lease *l);
enum err consul_renew(struct registry *r, struct registry_lease *l);
enum err consul_remove(struct registry *r, struct registry_lease *l);
void consul_records_close(struct consul *c);

#endif
