/* zookeeper_service_parts.h - a service in use, and its leaves. Of zookeeper_service.c and zookeeper_leaf.c alone. */
#ifndef DISCOVERY_ZOOKEEPER_SERVICE_PARTS_H
#define DISCOVERY_ZOOKEEPER_SERVICE_PARTS_H

#include "discovery/zookeeper_parts.h"

struct zookeeper_service {
    struct list node;
    struct zookeeper *z;
    struct registry_watch *watch; /* NULL: nobody's; goes with the last answer */
    struct zookeeper_request read;
    struct map leaves; /* by id */
    unsigned pending;  /* requests that are out */
    uint32_t stamp;
    bool reading, again; /* its children: and once more after that */
    bool anew;           /* all data is read, also what is known */
    bool listed;         /* the children are known */
    bool told;
};

struct zookeeper_leaf {
    struct zookeeper_service *service; /* NULL: dropped */
    struct zookeeper *z;
    struct zookeeper_request read;
    struct instance_list *copy; /* until the list is told */
    uint32_t stamp;
    bool busy, again, is_good;
    char id[];
};

/* zookeeper_service.c: an answer has come; was it the last that the list waited for? May free it. */
void zookeeper_service_settle(struct zookeeper_service *s);

/* zookeeper_leaf.c */

/* NULL: out of memory. */
struct zookeeper_leaf *zookeeper_leaf_new(struct zookeeper_service *s, struct slice id);
/* Its data, with a watch; while that is under way, once more after it. */
void zookeeper_leaf_read(struct zookeeper_leaf *l);
void zookeeper_leaves_drop(struct zookeeper_service *s);
/* Those that the last reading of the children did not name. */
void zookeeper_leaves_drop_absent(struct zookeeper_service *s);

#endif
