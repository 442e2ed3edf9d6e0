/* eureka_table.h - which instances a Eureka server has, and in which status: enough to list the services, and to compare
 * with apps__hashcode that no change was missed.
 *
 * Filled by a whole list, kept by deltas. Holds names only; what an instance is goes to whoever watches its service.
 */
#ifndef DISCOVERY_EUREKA_TABLE_H
#define DISCOVERY_EUREKA_TABLE_H

#include "discovery/eureka_answer.h"
#include "discovery/eureka_record.h"
#include "sidecar/core/map.h"

enum { EUREKA_TABLE_LIMIT = 500 * 1000 }; /* instances */

struct eureka_app {
    uint32_t members; /* of any status; never 0 */
    uint32_t listed;  /* whom a watch of it was told */
    char name[];      /* as the server writes it */
};

struct eureka_table {
    struct map apps;    /* of struct eureka_app */
    struct map members; /* by "APP/id" */
    uint32_t counts[EUREKA_STATUS_COUNT];
};

/* A zeroed table is an empty one. */
void eureka_table_fini(struct eureka_table *t);
/* One record: comes, changes, or goes when it is deleted. ERR_NO_MEMORY, ERR_TOO_LARGE: then the table is no longer
 * whole. */
enum err eureka_table_take(struct eureka_table *t, const struct eureka_record *r);
/* "DOWN_1_UP_42_", as apps__hashcode of this table would be. */
void eureka_table_hash(const struct eureka_table *t, char out[EUREKA_TOKEN]);
/* How many instances of an app are listed. */
uint32_t eureka_table_listed(const struct eureka_table *t, const char *app);

#endif
