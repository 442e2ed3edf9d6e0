/* probe_check.h - one check of one address, once. For probe.c; TCP also for whoever wants to know whether an
 * address can be reached.
 *
 *   check_start > ended (exactly once, later, also after check_cancel) > the memory may go, or start again
 */
#ifndef HEALTH_PROBE_CHECK_H
#define HEALTH_PROBE_CHECK_H

#include "health/probe.h"

struct check {
    /* Set before check_start(). */
    struct loop *loop;
    struct address to;
    uint64_t timeout_ms;
    const char *path;            /* of HTTP */
    const struct texts *command; /* of EXEC */
    void *owner;
    /* CHECK_NONE: it was cancelled. */
    void (*ended)(struct check *c, enum probe_result r);

    /* The answer. */
    unsigned status; /* HTTP or exit status */
    char reason[256];

    /* Its own. */
    const struct check_ops *ops;
    enum probe_result result;
    struct timer timer;
    struct socket socket;
    struct http_call call;
    uv_process_t process;
    bool cancelled;
    bool running; /* the process */
};

void check_start(struct check *c, enum probe_kind kind);
void check_cancel(struct check *c);
/* The process id of an EXEC check under way, or 0. */
int check_process(const struct check *c);

/* For the kinds. */
struct check_ops {
    /* CHECK_NONE: it goes on, and check_end() will be called. */
    enum probe_result (*start)(struct check *c);
    void (*cancel)(struct check *c);
};

extern const struct check_ops check_http, check_tcp, check_exec;

void check_end(struct check *c, enum probe_result r);
__attribute__((format(printf, 3, 4))) enum probe_result
check_says(struct check *c, enum probe_result r, const char *format, ...);

#endif
