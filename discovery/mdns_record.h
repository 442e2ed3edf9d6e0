/* mdns_record.h - what go-micro v2 puts into a TXT: JSON, deflated by zlib, in lower-case
 * hex (micro_zlib.h).
 *
 *     {"Service":"greeter","Version":"latest","Endpoints":[],"Metadata":{"protocol":"http"}}
 *
 * The packet codec cuts the hex into strings of 255. A stranger's bytes are bounded
 * before they are believed: hex by the packet, inflated bytes by MICRO_INFLATE_LIMIT, JSON
 * by its depth, pairs by instance.h. Metadata as micro_service.h says.
 */
#ifndef DISCOVERY_MDNS_RECORD_H
#define DISCOVERY_MDNS_RECORD_H

#include "discovery/registry.h"
#include "sidecar/core/text.h"

enum {
    MDNS_TXT_LIMIT =
        63 * 1024, /* hex digits; the packet's other records need room, too */
};

/* Zeroed: empty. Owns all it points to. */
struct mdns_record {
    const char *service;
    struct instance
        instance; /* its version ("" when there was none), weight, metadata, endpoints */
    struct memory memory;
};

/* Appends the hex to `out`. ERR_TOO_LARGE: more metadata than a datagram can carry. */
enum err mdns_record_encode(const struct registration *r, struct text *out);
/* ERR_BAD_RECORD, with what is wrong, or ERR_TOO_LARGE; then `r` is empty. */
enum err mdns_record_decode(struct mdns_record *r, struct slice hex, struct why *w);
void mdns_record_fini(struct mdns_record *r);

#endif
