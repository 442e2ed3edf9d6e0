/* etcd_message.h - what is said to etcd v3's JSON gateway, and what it says (etcd.io/docs, api/v3; 3.4's gateway).
 *
 * Bytes are base64, 64-bit numbers are texts, and what is zero is left out. Pure.
 */
#ifndef DISCOVERY_ETCD_MESSAGE_H
#define DISCOVERY_ETCD_MESSAGE_H

#include <jansson.h>

#include "discovery/registry.h"
#include "sidecar/core/text.h"

enum {
    ETCD_MESSAGE_LIMIT = 64 * 1024 * 1024, /* of an answer, and of a line of a watch */
    ETCD_KEY_LIMIT = 1024,
};

/* --- requests --- */

void etcd_write_range(struct text *out, struct slice key, bool is_prefix, bool keys_only);
void etcd_write_put(struct text *out, struct slice key, struct slice value,
                    uint64_t lease);
/* Puts it if it is not there: a renewal that finds all well writes nothing. */
void etcd_write_put_if_absent(struct text *out, struct slice key, struct slice value,
                              uint64_t lease);
void etcd_write_delete(struct text *out, struct slice key);
/* `revision` 0: from now on. */
void etcd_write_watch(struct text *out, struct slice prefix, uint64_t revision);
void etcd_write_grant(struct text *out, uint64_t ttl_s);
void etcd_write_lease(struct text *out, uint64_t lease);
void etcd_write_login(struct text *out, struct slice user, struct slice password);

/* --- answers --- */

/* A number as text or as number; 0 when it is not there. */
uint64_t etcd_number(const json_t *object, const char *name);
/* The bytes of a base64 member appended to `out`. ERR_BAD_RECORD. */
enum err etcd_bytes(struct text *out, const json_t *object, const char *name);
/* What an error's body is about: ERR_OK when it tells nothing that the status does not. */
enum err etcd_error_of(struct slice body);

/* One key and its value, and what became of it. Slices are lent by the text given. */
struct etcd_entry {
    struct slice key, value;
    uint64_t revision; /* of this change */
    bool is_new;       /* the key was not there before */
    bool is_delete;
};

/* From an element of "kvs", or of "events". Decodes into `bytes`, which is cleared first. */
enum err etcd_entry_read(struct etcd_entry *e, const json_t *kv, struct text *bytes);
enum err etcd_event_read(struct etcd_entry *e, const json_t *event, struct text *bytes);

#endif
