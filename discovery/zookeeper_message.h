/* zookeeper_message.h - ZooKeeper's wire format: jute records in frames with a length in front (zookeeper.jute, 3.4 to
 * 3.9). Numbers are big-endian; a buffer is its length and its bytes, length -1: none. Pure.
 */
#ifndef DISCOVERY_ZOOKEEPER_MESSAGE_H
#define DISCOVERY_ZOOKEEPER_MESSAGE_H

#include "sidecar/core/text.h"

enum {
    ZOOKEEPER_FRAME_LIMIT =
        8 * 1024 * 1024, /* a server sends 1 MiB unless told otherwise */
    ZOOKEEPER_PASSWORD = 16,
    ZOOKEEPER_PATH_LIMIT = 1024,
};

enum zookeeper_operation {
    ZOOKEEPER_CREATE = 1,
    ZOOKEEPER_DELETE = 2,
    ZOOKEEPER_EXISTS = 3,
    ZOOKEEPER_GET_DATA = 4,
    ZOOKEEPER_SET_DATA = 5,
    ZOOKEEPER_GET_CHILDREN = 8,
    ZOOKEEPER_PING = 11,
    ZOOKEEPER_AUTH = 100,
    ZOOKEEPER_CLOSE = -11,
};

/* Ids of what is no answer to a request. */
enum { ZOOKEEPER_XID_EVENT = -1, ZOOKEEPER_XID_PING = -2, ZOOKEEPER_XID_AUTH = -4 };

enum zookeeper_error {
    ZOOKEEPER_OK = 0,
    ZOOKEEPER_NO_NODE = -101,
    ZOOKEEPER_NO_AUTH = -102,
    ZOOKEEPER_NODE_EXISTS = -110,
    ZOOKEEPER_SESSION_EXPIRED = -112,
    ZOOKEEPER_AUTH_FAILED = -115,
};

enum zookeeper_event {
    ZOOKEEPER_CREATED = 1,
    ZOOKEEPER_DELETED = 2,
    ZOOKEEPER_DATA_CHANGED = 3,
    ZOOKEEPER_CHILDREN_CHANGED = 4,
};

/* Who may do what with a node we create. */
enum zookeeper_acl { ZOOKEEPER_OPEN, ZOOKEEPER_CREATOR };

/* --- writing: a payload, then its frame --- */

void zookeeper_write_int(struct text *out, int32_t value);
void zookeeper_write_long(struct text *out, int64_t value);
void zookeeper_write_buffer(struct text *out, struct slice bytes);
void zookeeper_write_bool(struct text *out, bool value);
void zookeeper_write_acl(struct text *out, enum zookeeper_acl acl);
/* Appends the frame of a request. */
void zookeeper_write_request(struct text *out, int32_t xid, enum zookeeper_operation op,
                             struct slice payload);

struct zookeeper_session {
    int64_t id; /* 0: a new one is asked for */
    int32_t timeout_ms;
    char password[ZOOKEEPER_PASSWORD];
    int64_t last_zxid;
};

void zookeeper_write_connect(struct text *out, const struct zookeeper_session *s);

/* --- reading: all of these fail for good once one did --- */

struct zookeeper_reader {
    struct slice rest;
    bool failed;
};

int32_t zookeeper_read_int(struct zookeeper_reader *r);
int64_t zookeeper_read_long(struct zookeeper_reader *r);
/* Lent by the frame; empty for none. */
struct slice zookeeper_read_buffer(struct zookeeper_reader *r);

/* The first whole frame's bytes, without its length: ERR_OK; ERR_LATER: not all is here; ERR_BAD_RECORD: a length that
 * cannot be. */
enum err zookeeper_frame(struct slice in, struct slice *frame);
/* The answer to a connect; a session that has expired has id 0. ERR_BAD_RECORD. */
enum err zookeeper_read_connect(struct slice frame, struct zookeeper_session *s);
/* The owner's session id of a node (Stat), 0: none. The reader stands at the Stat. */
int64_t zookeeper_read_owner(struct zookeeper_reader *r);

#endif
