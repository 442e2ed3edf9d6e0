/* report_json.h - what the workers counted and know, as the JSON of the admin port. Pure.
 *
 * New references, or NULL when out of memory.
 */
#ifndef SIDECAR_REPORT_JSON_H
#define SIDECAR_REPORT_JSON_H

#include <jansson.h>

#include "sidecar/report.h"

/* Requests of each service: classes, errors, latency. Services nobody called are left out. */
json_t *report_stats_json(const struct report *r);
/* Instances of each service as the balancers see them. `only`: of this one; NULL: all. */
json_t *report_pools_json(const struct report *r, const char *only);
/* Of the outbound service of that name, or NULL. */
const struct report_service *report_find(const struct report *r, const char *name);
/* The duration in ms that `percent` of the requests did not exceed, from the histogram; 0: none were made. */
double stats_percentile(const struct service_stats *s, double percent);

#endif
