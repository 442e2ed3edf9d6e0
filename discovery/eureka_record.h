/* eureka_record.h - one instance as a Eureka server keeps it (JSON), written and read.
 *
 * Two conventions share the servers, and one record can't serve both:
 *
 *   spring   instanceId is the node's id, ipAddr a bare IP, port the port: Spring Cloud, Netflix's client, py_eureka_client.
 *            metadata: the node's own, with `version`, `endpoints`, `weight` among it.
 *   micro    go-micro v2's plugin (github.com/micro/go-plugins/registry/eureka/v2, from v2.5.0): hostName, ipAddr and
 *            vipAddress are all "host:port"; metadata has instanceId (the node's id), version, endpoints and metadata,
 *            the last two as JSON in a text. It skips an instance whose version looks like a number or a truth value;
 *            "1.2" is written as "v1.2" for it, and as it is under `csidecar.version` for ourselves.
 *
 * Reading takes both. A record with `csidecar.twin` stands beside one of the other kind of the same instance; whoever can
 * read that skips it.
 */
#ifndef DISCOVERY_EUREKA_RECORD_H
#define DISCOVERY_EUREKA_RECORD_H

#include <jansson.h>

#include "discovery/registry.h"
#include "sidecar/core/text.h"

enum eureka_shape { EUREKA_SPRING, EUREKA_MICRO };

/* In the order of their names: that is the order of apps__hashcode. What else a server may say is UNKNOWN. */
enum eureka_status {
    EUREKA_DOWN,
    EUREKA_OUT_OF_SERVICE,
    EUREKA_STARTING,
    EUREKA_UNKNOWN,
    EUREKA_UP,
    EUREKA_STATUS_COUNT,
};
const char *eureka_status_name(enum eureka_status s);

/* --- writing --- */

/* The server's name of the record: unique within the service. */
void eureka_record_id(struct text *out, const struct registration *r,
                      enum eureka_shape shape);
/* {"instance":{...}}. The status is UP or OUT_OF_SERVICE. A server believes a later `dirty_ms` against an earlier one. Its
 * clock starts again two durations after a renewal (Lease.java of Netflix's eureka-core, a bug they keep): so durations
 * are half the TTL, and a record counts from its first renewal on. ERR_TOO_LARGE: `out` is full. */
enum err eureka_record_write(struct text *out, const struct registration *r,
                             enum eureka_shape shape, bool is_twin, uint64_t dirty_ms);

/* --- reading --- */

struct eureka_record {
    json_t *json;
    const char *app; /* all texts point into the JSON */
    const char *id;  /* the server's */
    enum eureka_status status;
    bool is_deleted; /* by a delta */
    bool is_twin;
};

/* ERR_BAD_RECORD, and w says why: it has no name or id, or is no JSON. */
enum err eureka_record_load(struct eureka_record *r, struct slice json, struct why *w);
void eureka_record_fini(struct eureka_record *r);
/* Known, and for calls or for those still running: UP or OUT_OF_SERVICE. */
bool eureka_record_is_listed(const struct eureka_record *r);
/* The id that the instance has for us. */
const char *eureka_record_node_id(const struct eureka_record *r);
/* Its texts are in `m`; checked by instance_check(). */
enum err eureka_record_instance(const struct eureka_record *r, struct instance *i,
                                struct memory *m, struct why *w);

#endif
