/* zookeeper_parts.h - between the files of the ZooKeeper registry.
 *
 *   registry_zookeeper.c    opens and closes; who is told what when the session comes and goes; the table
 *   zookeeper_service.c     services in use: children           zookeeper_leaf.c      and the data of each
 *   zookeeper_names.c       the names there are: services with children
 *   zookeeper_record.c      what we publish: ephemeral leaves under persistent parents
 *   zookeeper_client.c      the session (zookeeper_client_parts.h)   zookeeper_message.c   the words
 *
 * A leaf is CHROOT ROOT "/" SERVICE "/" ID, its data go-micro's Service with one node (go-plugins' zookeeper registry), with
 * '/' in either name as '-'. go-micro's own leaves are persistent; ours are ephemeral, which nobody minds who reads.
 *
 * Watches fire once and go with the connection: at each `connected` all that is watched is read again. A cut that heals
 * within ZOOKEEPER_PATIENCE_MS is noticed by nobody.
 */
#ifndef DISCOVERY_ZOOKEEPER_PARTS_H
#define DISCOVERY_ZOOKEEPER_PARTS_H

#include "discovery/complaints.h"
#include "discovery/registry.h"
#include "discovery/zookeeper_client.h"
#include "sidecar/core/map.h"

enum { ZOOKEEPER_PATIENCE_MS = 4000 };

struct zookeeper {
    struct registry base;
    struct zookeeper_client *client;
    /* options */
    const char *root;
    int acl;                                  /* enum zookeeper_acl */
    char base_path[ZOOKEEPER_PATH_LIMIT / 2]; /* chroot and root */
    size_t chroot_size;
    struct list services; /* struct zookeeper_service */
    struct list names;    /* struct zookeeper_name */
    struct map by_name;   /* the same */
    struct list records;  /* struct zookeeper_record */
    bool parent_refused;  /* since a leaf found none */
    struct zookeeper_request names_read;
    bool names_reading, names_wanted, names_told, names_again;
    unsigned names_pending; /* services whose children are being counted */
    struct timer names_timer;
    struct timer patience;
    bool was_live;
    enum err error;
    struct why why;
    struct complaints complaints;
    bool closing;
};

static inline struct zookeeper *zookeeper_of(struct registry *r)
{
    return (struct zookeeper *)r;
}

static inline struct clock *zookeeper_clock(struct zookeeper *z)
{
    return &z->base.loop->clock;
}

/* registry_zookeeper.c */
void zookeeper_complain(struct zookeeper *z, struct slice path, const char *reason);
/* BASE [ "/" SERVICE [ "/" ID ] ]; ERR_TOO_LARGE. */
enum err zookeeper_path(const struct zookeeper *z, char out[ZOOKEEPER_PATH_LIMIT],
                        const char *service, const char *id);
/* What a request that was refused means for a watch or a lease, with words. */
enum err zookeeper_refusal(struct zookeeper *z, enum err e, const char *path,
                           struct why *w);
/* Not live: the reason that is known. */
enum err zookeeper_away(const struct zookeeper *z, struct why *w);
/* The names below BASE in a path: the first, and what is behind it, which may be empty. */
bool zookeeper_path_split(const struct zookeeper *z, struct slice path,
                          struct slice *service, struct slice *id);

/* zookeeper_service.c */
enum err zookeeper_watch(struct registry *r, struct registry_watch *w);
void zookeeper_unwatch(struct registry *r, struct registry_watch *w);
void zookeeper_services_read(struct zookeeper *z);
void zookeeper_services_changed(struct zookeeper *z, struct slice path);
void zookeeper_services_fail(struct zookeeper *z, enum err e, const struct why *w);
void zookeeper_services_close(struct zookeeper *z);

/* zookeeper_names.c */
enum err zookeeper_watch_names(struct registry *r);
void zookeeper_unwatch_names(struct registry *r);
void zookeeper_names_read(struct zookeeper *z);
void zookeeper_names_changed(struct zookeeper *z, struct slice path);
void zookeeper_names_fail(struct zookeeper *z, enum err e, const struct why *w);
void zookeeper_names_close(struct zookeeper *z);

/* zookeeper_record.c */
enum err zookeeper_put(struct registry *r, struct registry_lease *l);
enum err zookeeper_renew(struct registry *r, struct registry_lease *l);
enum err zookeeper_remove(struct registry *r, struct registry_lease *l);
/* There is a session now: who waits for one is put. */
void zookeeper_records_put(struct zookeeper *z);
void zookeeper_records_close(struct zookeeper *z);

#endif
