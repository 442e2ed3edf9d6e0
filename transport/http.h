/* http.h - one HTTP/1.x message head, and what its framing says (RFC 9110, RFC 9112).
 *
 * Slices of a head point into the bytes it was read from: lent as long as those. Names
 * keep their case and order. Fields that this program acts on get an id when they are
 * read, so nobody compares names twice.
 */
#ifndef TRANSPORT_HTTP_H
#define TRANSPORT_HTTP_H

#include <stdbool.h>

#include "sidecar/core/arena.h"
#include "sidecar/core/err.h"
#include "sidecar/core/slice.h"

enum {
    HTTP_HEAD_LIMIT = 64 * 1024,
    HTTP_TARGET_LIMIT = 32 * 1024,
    HTTP_FIELD_LIMIT = 100
};

/* clang-format off */
#define HTTP_FIELDS(X)                                             \
    X(ACCESS_CONTROL_REQUEST_PRIVATE_NETWORK, "access-control-request-private-network") \
    X(AUTHORIZATION,       "authorization")                        \
    X(CONNECTION,          "connection")                           \
    X(CONTENT_LENGTH,      "content-length")                       \
    X(CONTENT_LOCATION,    "content-location")                     \
    X(CONTENT_TYPE,        "content-type")                         \
    X(CSIDECAR_ATTEMPTS,   "csidecar-attempts")                    \
    X(CSIDECAR_HASH,       "csidecar-hash")                        \
    X(CSIDECAR_INSTANCE,   "csidecar-instance")                    \
    X(CSIDECAR_RETRIES,    "csidecar-retries")                     \
    X(CSIDECAR_SERVICE,    "csidecar-service")                     \
    X(CSIDECAR_TIMEOUT,    "csidecar-timeout")                     \
    X(CSIDECAR_TOKEN,      "csidecar-token")                       \
    X(DAPR_APP_ID,         "dapr-app-id")                          \
    X(DATE,                "date")                                 \
    X(EXPECT,              "expect")                               \
    X(FORWARDED,           "forwarded")                            \
    X(HOST,                "host")                                 \
    X(HTTP2_SETTINGS,      "http2-settings")                       \
    X(IDEMPOTENCY_KEY,     "idempotency-key")                      \
    X(KEEP_ALIVE,          "keep-alive")                           \
    X(LOCATION,            "location")                             \
    X(MAX_FORWARDS,        "max-forwards")                         \
    X(ORIGIN,              "origin")                               \
    X(PROXY_AUTHENTICATE,  "proxy-authenticate")                   \
    X(PROXY_AUTHORIZATION, "proxy-authorization")                  \
    X(PROXY_CONNECTION,    "proxy-connection")                     \
    X(RETRY_AFTER,         "retry-after")                          \
    X(SEC_FETCH_SITE,      "sec-fetch-site")                       \
    X(SEC_WEBSOCKET_KEY,   "sec-websocket-key")                    \
    X(SET_COOKIE,          "set-cookie")                           \
    X(TE,                  "te")                                   \
    X(TRACEPARENT,         "traceparent")                          \
    X(TRAILER,             "trailer")                              \
    X(TRANSFER_ENCODING,   "transfer-encoding")                    \
    X(UPGRADE,             "upgrade")                              \
    X(VIA,                 "via")                                  \
    X(X_FORWARDED_FOR,     "x-forwarded-for")                      \
    X(X_FORWARDED_HOST,    "x-forwarded-host")                     \
    X(X_FORWARDED_PREFIX,  "x-forwarded-prefix")                   \
    X(X_FORWARDED_PROTO,   "x-forwarded-proto")
/* clang-format on */

enum http_field_id {
    FIELD_OTHER,
#define X(id, name) FIELD_ID_##id,
    HTTP_FIELDS(X)
#undef X
        HTTP_FIELD_IDS,
};

struct http_field {
    struct slice name;
    struct slice value; /* without the white space around it */
    enum http_field_id id;
};

/* Methods that llhttp does not know never get here: ERR_METHOD. */
enum http_method {
    METHOD_OTHER, /* another one that llhttp knows (PURGE, MKCOL, ...), in `method_text`
                   */
    METHOD_GET,
    METHOD_HEAD,
    METHOD_POST,
    METHOD_PUT,
    METHOD_DELETE,
    METHOD_CONNECT,
    METHOD_OPTIONS,
    METHOD_TRACE,
    METHOD_PATCH,
};

enum http_framing {
    BODY_NONE,
    BODY_LENGTH,  /* `length` bytes follow, at least one */
    BODY_CHUNKED, /* RFC 9112 §7.1 */
    BODY_TO_END,  /* a response that ends with its connection */
};

struct http_head {
    /* of a request */
    enum http_method method;
    struct slice method_text;
    struct slice target; /* as it stood */
    /* of a response */
    unsigned status;
    struct slice reason;
    /* of both */
    unsigned minor; /* HTTP/1.minor: 0 or 1 */
    const struct http_field *fields;
    unsigned count;
    /* The field lines as they came, where each is "name: value" and CRLF and so may leave as it is; else {NULL, 0}. */
    struct slice lines;
    enum http_framing framing;
    uint64_t length;
    bool keep_alive;      /* the connection may be used again after this message */
    bool expect_continue; /* Expect: 100-continue, and HTTP/1.1 */
    bool upgrade; /* Connection names upgrade, and there is an Upgrade field (1.1 only) */
    bool connection_names; /* Connection names more than close, keep-alive and upgrade */
    uint64_t present;      /* bit of each http_field_id that occurs */
};

_Static_assert(HTTP_FIELD_IDS <= 64, "a bit of `present` for each");

static inline bool head_has(const struct http_head *h, enum http_field_id id)
{
    return h->present >> id & 1;
}

enum http_field_id http_field_id(struct slice name);
struct slice http_field_name(enum http_field_id id);
enum http_method http_method(struct slice text);
/* RFC 9110 §9.2.2: GET HEAD OPTIONS TRACE PUT DELETE. */
bool http_method_is_idempotent(enum http_method m);
const char *http_reason(unsigned status);

/* The first field of that id, or NULL. */
const struct http_field *head_field(const struct http_head *h, enum http_field_id id);
/* Its value, or {NULL, 0}. */
struct slice head_value(const struct http_head *h, enum http_field_id id);
/* Is `token` in the comma list(s) of that field? Without regard to case. */
bool head_lists(const struct http_head *h, enum http_field_id id, struct slice token);
/* Must this field stay on this side? The hop-by-hop ones (RFC 9110 §7.6.1) and what
 * Connection names must; Host and Content-Length never do, whoever names them. */
bool head_field_is_hop_by_hop(const struct http_head *h, const struct http_field *f);

#endif
