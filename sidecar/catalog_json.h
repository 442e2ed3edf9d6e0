/* catalog_json.h - what the catalog knows, as the JSON of the admin port and of the command line.
 *
 *   a service   {"name", "known", "answered", "authority", "stale_since", "instances": [...]}
 *   an instance {"id", "version", "address", "weight", "draining", "metadata", "registry"}
 *   a registry  {"url", "heard", "reachable", "since_ms", "failures", "error", "abilities"}
 *
 * All return a new reference, or NULL when out of memory.
 */
#ifndef SIDECAR_CATALOG_JSON_H
#define SIDECAR_CATALOG_JSON_H

#include <jansson.h>

#include "discovery/catalog.h"

/* A text from anywhere: bytes that are no UTF-8 become '?'. */
json_t *json_any_text(const char *text);

/* `l` NULL: nothing was heard yet. */
json_t *catalog_service_json(const char *name, const struct instance_list *l);
/* The first `most` names with their lists. */
json_t *catalog_services_json(struct catalog *c, unsigned most);
json_t *catalog_registries_json(const struct catalog *c, uint64_t now);
/* {"services": ..., "registries": ...} */
json_t *catalog_json(struct catalog *c, unsigned most, uint64_t now);

/* Asks for the lists of all names. True when all are there: those of the first `most`, and the names. */
bool catalog_lists_are_here(struct catalog *c, unsigned most);
/* Of one name. */
bool catalog_list_is_here(struct catalog *c, struct slice name);

#endif
