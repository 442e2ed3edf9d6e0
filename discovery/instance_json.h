/* instance_json.h - an instance as JSON, as our own registries and files write it:
 *
 *   {"id":"orders-4f2a","version":"1.4.0","address":"127.0.0.1:5000","weight":1,
 *    "draining":false,"metadata":{"zone":"eu-1"},"endpoints":[...]}
 *
 * Only `address` must be there; the id is the address unless given; endpoints are go-micro's (micro_service.h). Unknown keys are skipped: a newer
 * csidecar may have written it.
 */
#ifndef DISCOVERY_INSTANCE_JSON_H
#define DISCOVERY_INSTANCE_JSON_H

#include <jansson.h>

#include "discovery/instance.h"

/* An instance whose texts are those of a JSON object. */
struct instance_json {
    struct instance instance;
    char address[ADDRESS_TEXT]; /* the id, when none was given */
    char *endpoints;            /* ours */
};

/* Checked by instance_check(); texts are lent by `object`. On success instance_json_fini() frees the rest. */
enum err instance_json_read(struct instance_json *r, const json_t *object, struct why *w);
void instance_json_fini(struct instance_json *r);
/* A new reference, or NULL when out of memory. */
json_t *instance_json_write(const struct instance *i);

#endif
