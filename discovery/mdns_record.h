/* mdns_record.h - what go-micro v2 puts into a TXT: JSON, deflated by zlib, in lower-case
 * hex.
 *
 *     {"Service":"greeter","Version":"latest","Endpoints":[],"Metadata":{"protocol":"http"}}
 *
 * The packet codec cuts the hex into strings of 255. A stranger's bytes are bounded
 * before they are believed: hex by the packet, inflated bytes by MDNS_INFLATE_LIMIT, JSON
 * by its depth, pairs by instance.h.
 *
 * Written: `protocol` (http, unless the metadata has one: go-micro takes a node without
 * it for an old RPC server) and `weight` where it is not 1. Read: `weight` is taken out
 * of the metadata, if it is one.
 */
#ifndef DISCOVERY_MDNS_RECORD_H
#define DISCOVERY_MDNS_RECORD_H

#include "discovery/registry.h"
#include "sidecar/core/text.h"

enum {
    MDNS_INFLATE_LIMIT =
        256 * 1024, /* far below INFLATE_LIMIT: the JSON tree is tens of times bigger */
    MDNS_JSON_DEPTH = 32,
    MDNS_TXT_LIMIT =
        63 * 1024, /* hex digits; the packet's other records need room, too */
};

/* Zeroed: empty. Owns all it points to. */
struct mdns_record {
    char *service;
    char *version; /* "" when there was none */
    uint32_t weight;
    struct pairs metadata;
};

/* Appends the hex to `out`. ERR_TOO_LARGE: more metadata than a datagram can carry. */
enum err mdns_record_encode(const struct registration *r, struct text *out);
/* ERR_BAD_RECORD, with what is wrong, or ERR_TOO_LARGE; then `r` is empty. */
enum err mdns_record_decode(struct mdns_record *r, struct slice hex, struct why *w);
void mdns_record_fini(struct mdns_record *r);

#endif
