/* kubernetes_parts.h - between the files of the kubernetes registry.
 *
 *   registry_kubernetes.c   opens and closes; the table
 *   kubernetes_account.c    who we are: the pod's service account, the token, the cluster's address
 *   kubernetes_feed.c       all objects of one kind in the namespace: listed, then watched
 *   kubernetes_watch.c      what a watch says
 *   kubernetes_objects.c    what they say of services
 *   kubernetes_service.c    services in use, and the names there are
 *   kubernetes_record.c     what we publish: a record in the annotations of our own pod
 *   kubernetes_message.c    the objects; kubernetes_patch.c  what we write
 *
 * Two kinds of objects tell of instances: EndpointSlices, which the cluster makes for each Service, and pods with
 * go-micro's records. Where both name one address the record counts: it knows more. Each kind is a feed:
 *
 *   OFF > LISTING (pages) > OPENING > WATCHING --(its time is over)--> OPENING from the last version on
 *    ^        |                 |        `--(410: too old)--> LISTING
 *    `--------+-----------------'  what breaks is tried again; after KUBERNETES_PATIENCE_MS who listens is told
 *
 * After a break, LISTING first has a glance at one object: a server whose versions are lower than ours has other data.
 *
 * Objects are kept while somebody listens, and KUBERNETES_KEEP_MS longer: who comes back goes on from their version, and
 * an API server that was away is not asked for everything by everybody at once.
 */
#ifndef DISCOVERY_KUBERNETES_PARTS_H
#define DISCOVERY_KUBERNETES_PARTS_H

#include "discovery/complaints.h"
#include "discovery/kubernetes_message.h"
#include "discovery/registry_http.h"
#include "sidecar/core/map.h"

enum {
    KUBERNETES_PORT = 6443,
    KUBERNETES_CALL_MS = 4000,
    KUBERNETES_LIST_MS = 15 * 1000, /* of one page */
    KUBERNETES_PAGE = 100,          /* objects */
    KUBERNETES_ANSWER_LIMIT = 64 * 1024 * 1024,
    KUBERNETES_LINE_LIMIT =
        8 * 1024 * 1024, /* of a watch: an object; etcd takes 1.5 MiB */
    KUBERNETES_PATIENCE_MS = 4000,
    KUBERNETES_KEEP_MS = 60 * 1000,
    KUBERNETES_TOKEN_LIMIT = 16 * 1024,
};

struct kubernetes;
struct kubernetes_feed;
struct kubernetes_object;
struct kubernetes_record;

/* --- feeds --- */

/* A kind of object. */
struct kubernetes_kind {
    const char *name;     /* "endpointslices": for messages and permissions */
    const char *path;     /* "/apis/discovery.k8s.io/v1" */
    const char *selector; /* escaped, or "" */
    /* Makes its parts. */
    void (*read)(struct kubernetes_feed *f, struct kubernetes_object *o,
                 const json_t *object);
};

enum kubernetes_feed_state {
    KUBERNETES_OFF,
    KUBERNETES_LISTING,
    KUBERNETES_OPENING,
    KUBERNETES_WATCHING,
};

struct kubernetes_feed {
    struct kubernetes *kubernetes;
    const struct kubernetes_kind *kind;
    enum kubernetes_feed_state state;
    struct registry_call call;
    struct text target, fields;
    struct text line; /* of the watch, that is not whole yet */
    struct text next; /* where the list goes on */
    struct timer again, patience, opening;
    char version[KUBERNETES_VERSION_LIMIT]; /* all until then was heard; "": nothing */
    struct map objects;                     /* by name */
    unsigned listing;                       /* the running number of the list */
    unsigned failures;
    bool is_used;     /* ?read= */
    bool is_live;     /* what is known is all there is */
    bool is_doubtful; /* the server was away: is `version` still one of its versions? */
    bool is_broken;   /* by us; the call is being cancelled */
    enum err error;   /* why */
    struct why why;
};

/* registry_kubernetes.c, kubernetes_feed.c */
void kubernetes_feed_init(struct kubernetes_feed *f, struct kubernetes *k,
                          const struct kubernetes_kind *kind);
void kubernetes_feed_fini(struct kubernetes_feed *f);
/* Somebody listens. */
void kubernetes_feed_want(struct kubernetes_feed *f);
/* Nobody does. */
void kubernetes_feed_stop(struct kubernetes_feed *f);
bool kubernetes_feed_is_over(const struct kubernetes_feed *f);

/* kubernetes_watch.c: a piece of a watch's answer. */
void kubernetes_feed_piece(struct http_call *http, struct slice bytes);

/* kubernetes_feed.c, for what a watch says */
/* All is known until this object's version. */
void kubernetes_feed_take_version(struct kubernetes_feed *f, const json_t *object);
/* All has to be listed. */
void kubernetes_feed_anew(struct kubernetes_feed *f);
/* From our side: the reason is kept for those who are told. */
void kubernetes_feed_break_off(struct kubernetes_feed *f, enum err e, const char *reason);

/* --- objects, and what they say of services --- */

struct kubernetes_service {
    struct list parts;   /* struct kubernetes_part */
    struct list watches; /* struct registry_watch */
    struct list dirty;   /* in kubernetes.dirty: to be told */
    unsigned users;      /* watches, parts, and who is telling */
    char name[];
};

/* What one object says of one service. */
struct kubernetes_part {
    struct list sibling; /* in the object */
    struct list node;    /* in the service */
    struct kubernetes_service *service;
    struct kubernetes_feed *feed;
    struct instance_list *list;
};

struct kubernetes_object {
    struct list parts;
    unsigned listing; /* that has last had it */
    char name[];
};

/* kubernetes_objects.c */
extern const struct kubernetes_kind kubernetes_slices, kubernetes_pods;
/* It is as this JSON says; what it said before is forgotten. */
void kubernetes_object_take(struct kubernetes_feed *f, const json_t *object);
void kubernetes_object_drop(struct kubernetes_feed *f, const char *name);
/* Those that the present listing did not have. */
void kubernetes_objects_sweep(struct kubernetes_feed *f);
void kubernetes_objects_free(struct kubernetes_feed *f);

/* --- the registry --- */

struct kubernetes {
    struct registry base;
    struct registry_http http;
    /* options */
    const char *namespace_option, *pod_option, *account, *port, *token_option;
    int read;
    uint64_t watch_ms;
    /* who we are */
    const char *namespace, *pod, *token_file;
    char hosts[512];
    struct kubernetes_feed feeds[2];
    struct map services;
    struct list dirty;
    struct timer turn, names_turn, forget;
    unsigned watch_count;
    bool names_wanted;
    struct list records; /* struct kubernetes_record */
    struct list writers; /* those that wait for their turn */
    struct kubernetes_record *writing;
    struct complaints complaints;
    bool closing, ended;
};

static inline struct kubernetes *kubernetes_of(struct registry *r)
{
    return (struct kubernetes *)r;
}

static inline struct clock *kubernetes_clock(struct kubernetes *k)
{
    return &k->base.loop->clock;
}

/* registry_kubernetes.c */
void kubernetes_complain(struct kubernetes *k, const char *kind, const char *object,
                         const char *reason);
/* Something of ours has ended; when closing it may have been the last. */
void kubernetes_end_if_done(struct kubernetes *k);

/* kubernetes_account.c */
enum err kubernetes_account_open(struct kubernetes *k, struct why *w);
/* Is what we take for our pod's name one at all? */
bool kubernetes_has_pod(const struct kubernetes *k);
/* "Authorization: Bearer ...\r\n" with the token as it is now (files are read again: tokens last an hour). */
void kubernetes_account_fields(struct kubernetes *k, struct text *out);

/* kubernetes_service.c */
enum err kubernetes_watch(struct registry *r, struct registry_watch *w);
void kubernetes_unwatch(struct registry *r, struct registry_watch *w);
enum err kubernetes_watch_names(struct registry *r);
void kubernetes_unwatch_names(struct registry *r);
/* Made where there is none; one user more. NULL: no memory. */
struct kubernetes_service *kubernetes_service_get(struct kubernetes *k, const char *name);
void kubernetes_service_release(struct kubernetes *k, struct kubernetes_service *s);
/* A part came or went. */
void kubernetes_service_changed(struct kubernetes *k, struct kubernetes_service *s);
/* All feeds are live: who waits is told. */
void kubernetes_services_live(struct kubernetes *k);
void kubernetes_services_fail(struct kubernetes *k, enum err e, const struct why *why);
bool kubernetes_is_wanted(const struct kubernetes *k);
void kubernetes_services_init(struct kubernetes *k);
void kubernetes_services_close(struct kubernetes *k);

/* kubernetes_record.c */
enum err kubernetes_put(struct registry *r, struct registry_lease *l);
enum err kubernetes_renew(struct registry *r, struct registry_lease *l);
enum err kubernetes_remove(struct registry *r, struct registry_lease *l);
void kubernetes_records_close(struct kubernetes *k);

#endif
