/* etcd_parts.h - between the files of the etcd registry.
 *
 *   registry_etcd.c   opens and closes; the table
 *   etcd_call.c       calls: the gateway's version is found out, and who we are is said, before the first
 *   etcd_record.c     what we publish: one lease for all records of one TTL, and a key for each
 *   etcd_stream.c     one watch of the whole prefix, resumed where it broke off
 *   etcd_service.c    services in use: read once, then told by the stream
 *   etcd_names.c      the names there are
 *   etcd_message.c    the words
 *
 * A key is PREFIX SERVICE "/" ID, as go-micro writes it (its etcd registry, v2.9.1), with '/' in either name as '-'.
 *
 *   stream:  OFF > OPENING > LIVE > (breaks: OPENING from the last revision on, nobody is told) > ...
 *                                `- not within ETCD_PATIENCE_MS: all watches fail, OFF
 *
 * A service is read when the stream is live, so that no change falls between: what the stream tells while the reading is
 * under way is kept until then, and changes that the reading has seen already are known by their revision.
 */
#ifndef DISCOVERY_ETCD_PARTS_H
#define DISCOVERY_ETCD_PARTS_H

#include "discovery/complaints.h"
#include "discovery/etcd_message.h"
#include "discovery/registry_http.h"
#include "sidecar/core/map.h"

enum {
    ETCD_PORT = 2379,
    ETCD_CALL_MS = 4000,
    ETCD_PATIENCE_MS =
        4000, /* a stream that can't be had again: the lists can't be vouched for */
    ETCD_PROBE_MS = 3000, /* does the cluster still answer? */
    ETCD_READS_LIMIT = 8, /* services read at once */
    ETCD_TOKEN_LIMIT = 512,
};

struct etcd;

/* --- etcd_call.c --- */

/* One call. It is answered once after each start, never from inside a call; then it may be used again. */
struct etcd_call {
    struct registry_call http;
    struct etcd *etcd;
    struct list node; /* waits for the session */
    const char *path; /* "/kv/range"; a constant */
    struct text body; /* written before etcd_call_start(), which keeps it */
    struct text target, fields;
    struct timer turn; /* of an answer that needs no call */
    bool running, retried, cancelled;
    enum err result;
    struct why why;
    void *owner;
    /* `root`: the answer, lent; NULL on an error, of which c->why tells. */
    void (*answered)(struct etcd_call *c, enum err e, json_t *root);
};

enum etcd_session_state { ETCD_NONE, ETCD_PROBING, ETCD_LOGGING_IN, ETCD_READY };

/* What all calls need to know first. */
struct etcd_session {
    enum etcd_session_state state;
    struct registry_call call;
    struct text body;
    struct list waiting;          /* struct etcd_call */
    const char *version;          /* "/v3" */
    char token[ETCD_TOKEN_LIMIT]; /* "": none */
};

void etcd_session_init(struct etcd *e);
void etcd_session_close(struct etcd *e);
bool etcd_session_is_over(const struct etcd *e);
/* Knows it which gateway this is? Else a call finds out, and etcd_stream_want() may be tried again after it. */
bool etcd_session_is_ready(const struct etcd *e);
/* "Authorization: ...\r\n", or nothing. */
void etcd_session_fields(const struct etcd *e, struct text *out);
/* The token was refused: it is asked for again by the next call. */
void etcd_session_forget(struct etcd *e);
/* The token may be of a cluster that is no more. A simple token names a place in its history, and who has lost that does
 * not refuse it but waits to get there (etcd's auth/simple_token.go): calls would hang. */
void etcd_session_doubt(struct etcd *e);
void etcd_call_init(struct etcd_call *c, struct etcd *e, const char *path, void *owner,
                    void (*answered)(struct etcd_call *c, enum err e, json_t *root));
void etcd_call_start(struct etcd_call *c);
/* `answered` comes soon, with ERR_CANCELLED. Harmless when it is not running. */
void etcd_call_cancel(struct etcd_call *c);
void etcd_call_fini(struct etcd_call *c);

/* --- the registry --- */

struct etcd_stream {
    enum { ETCD_OFF, ETCD_OPENING, ETCD_LIVE } state;
    struct registry_call call;
    struct text body, target, fields;
    struct text line;  /* that is not whole yet */
    uint64_t revision; /* all changes up to it were told; 0: none */
    struct timer again, patience, probe_timer;
    struct etcd_call probe;
    unsigned failures;
    bool is_broken; /* the call is being cancelled */
    struct why why;
    enum err error;
};

struct etcd {
    struct registry base;
    struct registry_http http;
    /* options */
    const char *prefix; /* ends in '/' */
    char user[128], password[256];
    struct etcd_session session;
    struct etcd_stream stream;
    struct list watched; /* struct etcd_watched */
    unsigned reading;
    struct list leases;  /* struct etcd_lease */
    struct list records; /* struct etcd_record */
    struct etcd_call names_call;
    struct map names; /* by key: struct etcd_name */
    bool names_wanted, names_known;
    uint64_t names_revision;
    uint64_t names_missed; /* of the last change that was told while they were read */
    struct timer names_timer;
    struct complaints complaints;
    bool closing, ended;
};

static inline struct etcd *etcd_of(struct registry *r)
{
    return (struct etcd *)r;
}

static inline struct clock *etcd_clock(struct etcd *e)
{
    return &e->base.loop->clock;
}

/* registry_etcd.c */
void etcd_complain(struct etcd *e, struct slice key, const char *reason);
/* PREFIX SERVICE "/" ID; ID NULL: the prefix of the service. ERR_TOO_LARGE. */
enum err etcd_key(const struct etcd *e, char out[ETCD_KEY_LIMIT], const char *service,
                  const char *id);
/* The two names in a key; false when it is none of ours. */
bool etcd_key_split(const struct etcd *e, struct slice key, struct slice *service,
                    struct slice *id);
/* Something of ours has ended; when closing it may have been the last. */
void etcd_end_if_done(struct etcd *e);

/* etcd_stream.c */
void etcd_stream_init(struct etcd *e);
/* Somebody wants to hear. */
void etcd_stream_want(struct etcd *e);
/* Nobody does. */
void etcd_stream_stop(struct etcd *e);
bool etcd_stream_is_over(const struct etcd *e);
void etcd_stream_fini(struct etcd *e);

/* etcd_service.c */
enum err etcd_watch(struct registry *r, struct registry_watch *w);
void etcd_unwatch(struct registry *r, struct registry_watch *w);
/* The stream is live: who has not been read is. `anew`: all, since changes were missed. */
void etcd_services_read(struct etcd *e, bool anew);
void etcd_services_tell(struct etcd *e, const struct etcd_entry *entry,
                        struct slice service, struct slice id);
void etcd_services_fail(struct etcd *e, enum err error, const struct why *why);
/* One record's instance: its texts are those of `s`, to be freed by micro_service_fini(). NULL: not a good one. */
struct micro_service;
const struct instance *etcd_instance(struct etcd *e, struct micro_service *s,
                                     const struct etcd_entry *entry, struct slice service,
                                     struct slice id);

/* etcd_names.c */
enum err etcd_watch_names(struct registry *r);
void etcd_unwatch_names(struct registry *r);
void etcd_names_read(struct etcd *e, bool anew);
void etcd_names_tell(struct etcd *e, const struct etcd_entry *entry);
void etcd_names_fail(struct etcd *e, enum err error, const struct why *why);
void etcd_names_close(struct etcd *e);

/* etcd_record.c */
enum err etcd_put(struct registry *r, struct registry_lease *l);
enum err etcd_renew(struct registry *r, struct registry_lease *l);
enum err etcd_remove(struct registry *r, struct registry_lease *l);
void etcd_records_close(struct etcd *e);

#endif
