/* probe.h - is the app well? One check of one address, again and again.
 *
 *            rise passes                fall failures in a row
 *   UNKNOWN -------------> UP ---------------------------------> DOWN
 *      |  fall failures     ^                                     |
 *      '------> DOWN        '----- rise (2 after a failure) ------'
 *
 * Every `first_interval` (100 ms), doubling to the interval, until it is up first; then every interval ± jitter (10 %). A check
 * that does not end in `timeout` failed. HTTP: 2xx and 3xx pass (RFC 9110 §15); 404 falls back to a TCP check only
 * if no path was configured. TCP: a connect passes. Exec: exit status 0 passes; the command is killed (its
 * whole process group) at the timeout.
 *
 * Knows an address, never a service. Belongs to the control loop. No callback from inside a call.
 */
#ifndef HEALTH_PROBE_H
#define HEALTH_PROBE_H

#include "config/field.h"
#include "sidecar/core/random.h"
#include "transport/http_client.h"

enum probe_kind { PROBE_HTTP, PROBE_TCP, PROBE_EXEC, PROBE_NONE /* always well */ };
enum probe_state { PROBE_UNKNOWN, PROBE_UP, PROBE_DOWN };
/* The result of one check has a name (for logs and `csidecar health`). */
enum probe_result {
    CHECK_NONE,
    CHECK_PASSED,
    CHECK_REFUSED,
    CHECK_TIMED_OUT,
    CHECK_STATUS,    /* an HTTP status that does not pass */
    CHECK_MALFORMED, /* no HTTP */
    CHECK_EXIT,      /* exec: another exit status, or killed by a signal */
    CHECK_FAILED,    /* could not be run at all */
};

struct probe_settings {
    enum probe_kind kind;
    const char *path;     /* of HTTP */
    bool path_is_default; /* nobody configured it: 404 falls back to TCP */
    struct texts command; /* of EXEC */
    uint64_t first_interval_ms;
    uint64_t interval_ms;
    uint32_t jitter; /* percent */
    uint64_t timeout_ms;
    uint32_t fall;
    uint32_t rise;
};

struct probe;

struct probe_events {
    /* The state changed; *why has the reason. */
    void (*changed)(struct probe *p, enum probe_state s, const struct why *why);
    /* Another of its addresses passes now (not at first, if it is the first one). May be NULL. */
    void (*moved)(struct probe *p);
    void (*closed)(struct probe *p);
};

struct probe_report {
    enum probe_state state;
    enum probe_result result;
    unsigned status; /* HTTP status or exit status of the last check */
    uint64_t checked_ms, took_ms, changed_ms;
    unsigned passes, failures; /* in a row */
    uint64_t checks;           /* in all */
    uint64_t history;          /* one bit a check, newest lowest, 1 passed */
    bool fell_back_to_tcp;
    char reason[256];
};

/* Settings are lent for the life of the probe. `addresses`: tried in order until one connects; that one is
 * kept (127.0.0.1, then [::1]). */
enum err probe_open(struct probe **p, struct loop *l, struct random *random,
                    const struct probe_settings *s, const struct address *addresses,
                    unsigned count, const struct probe_events *events, void *owner);
void *probe_owner(const struct probe *p);
void probe_report(const struct probe *p, struct probe_report *out);
const struct address *
probe_address(const struct probe *p); /* the one that answered last, or the first */
void probe_check_now(struct probe *p);
/* The process that an exec check runs now, or 0: who reaps as PID 1 leaves it alone. */
int probe_process(const struct probe *p);
/* The app is known to be gone: DOWN at once, without waiting for checks. */
void probe_fail_now(struct probe *p, const char *reason);
/* closed() comes later, then probe_free(). */
void probe_close(struct probe *p);
void probe_free(struct probe *p);
const char *probe_result_name(enum probe_result r);
const char *probe_state_name(enum probe_state s);

#endif
