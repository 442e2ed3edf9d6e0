/* record.h - an instance as JSON, as our own registries and files write it:
 *
 *   {"id":"orders-4f2a","version":"1.4.0","address":"127.0.0.1:5000","weight":1,
 *    "draining":false,"metadata":{"zone":"eu-1"}}
 *
 * Only `address` must be there; the id is the address unless given. Unknown keys are skipped: a newer
 * csidecar may have written it.
 */
#ifndef DISCOVERY_RECORD_H
#define DISCOVERY_RECORD_H

#include <jansson.h>

#include "discovery/instance.h"

/* An instance whose texts are those of a JSON object. */
struct record {
    struct instance instance;
    char address[ADDRESS_TEXT]; /* the id, when none was given */
};

/* Checked by instance_check(); texts are lent by `object`. On success record_fini() frees the pairs. */
enum err record_read(struct record *r, const json_t *object, struct why *w);
void record_fini(struct record *r);
/* A new reference, or NULL when out of memory. */
json_t *record_write(const struct instance *i);

#endif
