/* consul_message.h - the words of Consul's HTTP API, as go-micro's registry uses them. Pure.
 * (developer.hashicorp.com/consul/api-docs; go-plugins v2.9.1, registry/consul/consul.go and encoding.go)
 *
 * A record is a service of an agent. Its tags carry what go-micro knows of it, ours first:
 *
 *   "t-" hex(zlib({"protocol":"http"}))   one for each pair of metadata
 *   "e-" hex(zlib({"name":...}))          one for each endpoint
 *   "v-" hex(zlib(version))
 *
 * An answer is a list of {"Node":{},"Service":{},"Checks":[]}, long and mostly the same as the one before: it is cut into
 * its members without being parsed, and only those that are new are read.
 */
#ifndef DISCOVERY_CONSUL_MESSAGE_H
#define DISCOVERY_CONSUL_MESSAGE_H

#include <jansson.h>

#include "discovery/registry.h"
#include "sidecar/core/text.h"

enum {
    CONSUL_META_PAIRS = 64, /* what Consul takes of `Meta` */
    CONSUL_META_KEY = 128,
    CONSUL_META_VALUE = 512,
    CONSUL_CHECK_LIMIT = 512, /* "service:" and the longest id, percent-encoded or not */
};

/* --- cutting --- */

/* Cuts the next member off an array's inside, or a map's: *rest is "a,b]" at first, with what is behind the '['. ERR_OK;
 * ERR_NOT_FOUND at the closing bracket; ERR_BAD_RESPONSE where it is no JSON as far as that was looked at. */
enum err consul_next_element(struct slice *rest, struct slice *element);
/* `key` is without its quotes, not unescaped; the value is skipped. */
enum err consul_next_key(struct slice *rest, struct slice *key);
/* Behind the opening bracket of the whole; false when it is no such thing. */
bool consul_open(struct slice *rest, struct slice body, char bracket);

/* --- records --- */

enum consul_health {
    CONSUL_IS_UP,
    CONSUL_IS_DRAINING, /* in maintenance, and nothing else is wrong */
    CONSUL_IS_DOWN,     /* some check is critical */
};

struct consul_entry {
    struct instance instance; /* its id is that of the service: unique on its node only */
    const char *node;
    enum consul_health health;
};

/* Reads one entry of /v1/health/service/SERVICE; its texts go to `m`. ERR_BAD_RECORD and ERR_TOO_LARGE, with why. */
enum err consul_entry_read(struct consul_entry *e, struct slice json, const char *service,
                           struct memory *m, struct why *w);

/* The body of a registration. `deregister_ms`: how long critical until Consul takes it out. */
enum err consul_registration_write(struct text *out, const struct registration *r,
                                   uint64_t deregister_ms);
/* "service:ID", as Consul itself calls it and go-micro expects it. */
void consul_check_id(char out[CONSUL_CHECK_LIMIT], const char *id);

/* Percent-encodes what is no plain character of a path (RFC 3986 §2.3). */
void consul_add_escaped(struct text *out, const char *text);

/* --- tags (consul_tags.c) --- */

/* As members of a JSON list, between commas: the last one has none. */
enum err consul_tags_write(struct text *out, const struct registration *r);

/* What tags say. Zeroed: nothing. */
struct consul_tags {
    json_t *metadata;  /* a map of texts; NULL: no tag has any */
    json_t *endpoints; /* a list; NULL: none */
    const char *version;
};

/* A tag that only looks like one of go-micro's is one of somebody else's. ERR_TOO_LARGE, ERR_NO_MEMORY: then it is to be
 * freed, too. */
enum err consul_tags_read(struct consul_tags *t, const json_t *tags, struct memory *m,
                          struct why *w);
void consul_tags_fini(struct consul_tags *t);

#endif
