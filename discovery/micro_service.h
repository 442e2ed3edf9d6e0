/* micro_service.h - go-micro v2's registry.Service, as JSON: what it writes into etcd, ZooKeeper, NATS, gossip,
 * Kubernetes, and says at /registry (github.com/micro/go-micro v2.9.1, registry/registry.go).
 *
 *   {"name":"greeter","version":"1.0","metadata":{},
 *    "endpoints":[{"name":"Greeter.Hello","request":{...},"response":{...},"metadata":{}}],
 *    "nodes":[{"id":"greeter-1b4e","address":"10.0.0.5:9090","metadata":{"protocol":"http"}}]}
 *
 * Written with every key (its NATS watcher keeps the former message's value of one that is absent). A node's metadata
 * has `protocol` (http, unless the registration says another: go-micro takes a node without it for an old RPC server)
 * and `weight` where it is not 1. Read in any case of the keys, as Go does; absent and null are alike; `weight` is
 * taken out of the metadata where it is one; an old node's `port` is joined to its address; a host name for an address
 * is refused like any other that is none.
 */
#ifndef DISCOVERY_MICRO_SERVICE_H
#define DISCOVERY_MICRO_SERVICE_H

#include <jansson.h>

#include "discovery/registry.h"
#include "sidecar/core/text.h"

enum {
    MICRO_JSON_DEPTH = 32,
    MICRO_INFLATE_LIMIT =
        256 * 1024, /* of a record; its JSON tree is tens of times bigger */
};

/* A Service as read. Owns all it points to; micro_service_fini() frees it. */
struct micro_service {
    const char *name;
    struct instance *
        instances; /* one for each good node, all of this version, checked by instance_check() */
    uint32_t count;
    uint32_t refused; /* nodes that were not good; the first one's reason is in `why` */
    struct memory memory;
};

/* Appends the Service with this one node. ERR_NO_MEMORY or ERR_TOO_LARGE (the limit of `out`). */
enum err micro_service_write(struct text *out, const struct registration *r);
/* The same of an instance that is known. */
enum err micro_service_write_instance(struct text *out, const char *service,
                                      const struct instance *i);
/* One Service for each version there is, with all its nodes, between commas; none: nothing. */
enum err micro_service_write_versions(struct text *out, const char *service,
                                      const struct instance *instances, uint32_t count);
/* ERR_BAD_RECORD, ERR_TOO_LARGE (RECORD_LIMIT): then `s` is empty and w says why. A service without nodes is fine. */
enum err micro_service_read(struct micro_service *s, struct slice json, struct why *w);
enum err micro_service_read_json(struct micro_service *s, json_t *root, struct why *w);
void micro_service_fini(struct micro_service *s);
/* A record that stands under a service's and a node's name: is this name the one in that place? go-micro writes a '/'
 * as '-' there. */
bool micro_name_is(struct slice in_place, const char *name);
/* The node that belongs into such a place; NULL, with w (which may tell already of a node that was refused), when the
 * record is of another service, or has no such node. */
const struct instance *micro_service_node(const struct micro_service *s,
                                          struct slice service, struct slice id,
                                          struct why *w);

/* --- parts, for records of other shapes (mDNS, Consul, Eureka) --- */

/* A JSON text from a stranger: bounded in size and depth before jansson sees it (it would recurse 2048 deep). NULL,
 * with w, when it is none. */
json_t *micro_json_load(struct slice text, struct why *w);
/* The exact key, else one that differs in case only: Go reads either. Borrowed; NULL: absent or null. */
json_t *micro_json_member(const json_t *object, const char *name);
/* A member that is a text, as a copy in `m`; "" when absent. */
enum err micro_text_read(const char **out, const json_t *object, const char *name,
                         struct memory *m, struct why *w);
/* {"protocol":"http","weight":"3",...}: a node's metadata. */
void micro_metadata_write(struct text *out, const struct instance *i);
/* Fills i->metadata and i->weight from an object of texts (NULL: none), in `m`. */
enum err micro_metadata_read(struct instance *i, const json_t *object, struct memory *m,
                             struct why *w);
/* Fills i->endpoints from an array of endpoints (NULL: none), in `m`. */
enum err micro_endpoints_read(struct instance *i, const json_t *array, struct memory *m,
                              struct why *w);
/* r->endpoints, or "[]". */
void micro_endpoints_write(struct text *out, const char *endpoints);
/* "host:port", or a host and v1's port; ERR_BAD_RECORD when it is no IP address with a port. */
enum err micro_address_read(struct address *a, const char *address, unsigned port,
                            struct why *w);

#endif
