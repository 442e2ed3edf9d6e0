/* err.h - what failed, who is to blame, and whether trying again can help.
 *
 * Every fallible function returns an `enum err`; ERR_OK is 0. The table is the only place
 * that says which status a client sees for a failure (0: never shown to one), what the
 * access log, the metrics and `csidecar-error` call it, and whether the retry policy may
 * repeat the request. Where a person reads the reason, the function also takes a
 * `struct why *` (why.h). The request path never builds text.
 */
#ifndef CORE_ERR_H
#define CORE_ERR_H

enum blame { BLAME_NONE, BLAME_CLIENT, BLAME_UPSTREAM, BLAME_SELF };

/* When may the same request be sent again? (RFC 9110 §9.2.2) */
enum again {
    AGAIN_NEVER,
    AGAIN_IF_IDEMPOTENT, /* the upstream may have acted on it */
    AGAIN_ALWAYS,        /* not one byte of it left this process */
};

/* clang-format off */
/*    name               code                    blame     again          status  text */
#define ERRORS(X)                                                                                            \
    X(OK,                "ok",                   NONE,     NEVER,           0, "ok")                         \
    /* The request itself. */                                                                                \
    X(BAD_REQUEST,       "bad_request",          CLIENT,   NEVER,         400, "malformed request")          \
    X(UNAUTHORIZED,      "unauthorized",         CLIENT,   NEVER,         401, "this listener asks for a token") \
    X(FORBIDDEN_ORIGIN,  "forbidden_origin",     CLIENT,   NEVER,         403, "a web page of another origin may not call this endpoint") \
    X(NO_SERVICE,        "no_such_service",      CLIENT,   NEVER,         404, "no registry knows a service of this name") \
    X(NO_ROUTE,          "no_route",             CLIENT,   NEVER,         404, "the request names no service") \
    X(METHOD,            "method_not_allowed",   CLIENT,   NEVER,         405, "this method is not served here") \
    X(REQUEST_TIMEOUT,   "request_timeout",      CLIENT,   NEVER,         408, "the request came too slowly") \
    X(TARGET_TOO_LONG,   "target_too_long",      CLIENT,   NEVER,         414, "the request target is too long") \
    X(EXPECTATION,       "expectation_failed",   CLIENT,   NEVER,         417, "only 100-continue can be expected") \
    X(MISDIRECTED,       "misdirected",          CLIENT,   NEVER,         421, "the Host is neither loopback nor a service") \
    X(HEAD_TOO_LARGE,    "head_too_large",       CLIENT,   NEVER,         431, "the request head is too large") \
    X(CLIENT_GONE,       "client_gone",          CLIENT,   NEVER,         499, "the client closed the connection") \
    X(HTTP_VERSION,      "http_version",         CLIENT,   NEVER,         505, "only HTTP/1.0 and HTTP/1.1 are spoken here") \
    X(LOOP,              "loop_detected",        CLIENT,   NEVER,         508, "the request has passed here before") \
    /* Our own refusals. */                                                                                  \
    X(OVERLOADED,        "overloaded",           SELF,     NEVER,         503, "too many requests in flight") \
    X(NO_MEMORY,         "out_of_memory",        SELF,     NEVER,         503, "out of memory")              \
    X(REGISTRY_PENDING,  "registry_unavailable", SELF,     NEVER,         503, "no registry has answered yet") \
    X(DRAINING,          "draining",             SELF,     NEVER,         503, "this sidecar is shutting down") \
    /* The upstream. */                                                                                      \
    X(NO_INSTANCE,       "no_instance",          UPSTREAM, NEVER,         503, "no instance of the service is available") \
    X(CONNECT_FAILED,    "connect_failed",       UPSTREAM, ALWAYS,        502, "could not connect to the instance") \
    X(CONNECT_TIMEOUT,   "connect_timeout",      UPSTREAM, ALWAYS,        502, "connecting to the instance took too long") \
    X(STALE_CONNECTION,  "stale_connection",     UPSTREAM, ALWAYS,        502, "the pooled connection was closed before use") \
    X(UPSTREAM_RESET,    "upstream_reset",       UPSTREAM, IF_IDEMPOTENT, 502, "the instance closed the connection before it answered") \
    X(UPSTREAM_STATUS,   "upstream_status",      UPSTREAM, IF_IDEMPOTENT, 503, "the instance answered that it is unwell") \
    X(TRY_TIMEOUT,       "try_timeout",          UPSTREAM, IF_IDEMPOTENT, 504, "the attempt took too long") \
    X(BAD_RESPONSE,      "bad_response",         UPSTREAM, NEVER,         502, "the instance sent a malformed response") \
    X(TRUNCATED,         "response_truncated",   UPSTREAM, NEVER,         502, "the response ended before its time") \
    X(DEADLINE,          "deadline",             UPSTREAM, NEVER,         504, "the deadline passed")        \
    X(IDLE,              "idle_timeout",         UPSTREAM, NEVER,         504, "nothing moved for too long") \
    /* Never shown to a client: start-up, registries, files. */                                              \
    X(LATER,             "later",                NONE,     NEVER,           0, "not yet: a callback follows") \
    X(BAD_CONFIG,        "bad_config",           SELF,     NEVER,           0, "bad configuration")          \
    X(BAD_VALUE,         "bad_value",            SELF,     NEVER,           0, "bad value")                  \
    X(BAD_RECORD,        "bad_record",           SELF,     NEVER,           0, "malformed record")           \
    X(NOT_FOUND,         "not_found",            SELF,     NEVER,           0, "not found")                  \
    X(TOO_LARGE,         "too_large",            SELF,     NEVER,           0, "too large")                  \
    X(ADDRESS_IN_USE,    "address_in_use",       SELF,     NEVER,           0, "the address is in use")      \
    X(UNAVAILABLE,       "unavailable",          SELF,     NEVER,           0, "not reachable")              \
    X(TIMEOUT,           "timeout",              SELF,     NEVER,           0, "took too long")              \
    X(DENIED,            "denied",               SELF,     NEVER,           0, "credentials were refused")   \
    X(UNSUPPORTED,       "unsupported",          SELF,     NEVER,           0, "not supported")              \
    X(CANCELLED,         "cancelled",            SELF,     NEVER,           0, "cancelled")                  \
    X(CLOSED,            "closed",               SELF,     NEVER,           0, "closed")                     \
    X(RESET,             "reset",                SELF,     NEVER,           0, "connection reset")           \
    X(IO,                "io",                   SELF,     NEVER,           0, "input or output failed")
/* clang-format on */

enum err {
#define X(name, code, blame, again, status, text) ERR_##name,
    ERRORS(X)
#undef X
        ERR_COUNT,
};

/* A machine's word for it, never NULL: "no_such_service". */
const char *err_code(enum err e);
/* A sentence for a person, without a full stop. */
const char *err_text(enum err e);
enum blame err_blame(enum err e);
enum again err_again(enum err e);
/* The status a client is answered with, or 0. */
int err_status(enum err e);
/* From a negative errno (as libuv returns them); 0 and up is ERR_OK. */
enum err err_from_errno(int negative_errno);

#endif
