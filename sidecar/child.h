/* child.h - `csidecar run -- command`: the app as our child.
 *
 * It gets PORT (when we chose it), CSIDECAR_URL, CSIDECAR_ADMIN_URL; a process group of its own with the terminal
 * handed over; none of our descriptors, and nothing of our sandbox; default signals. As PID 1 we reap whatever is orphaned to us. Its exit code
 * becomes ours: the code itself, 128 + signal, 126/127 as a shell says "not executable" and "not found".
 *
 * At a terminal Ctrl-C reaches the child alone, as if we were not there; its end is ours. When Ctrl-Z stops it, we
 * stop too, and go on with it on `fg`. A child started in the background (&) is not given the terminal later.
 */
#ifndef SIDECAR_CHILD_H
#define SIDECAR_CHILD_H

#include "sidecar/settings.h"
#include "transport/loop.h"

struct child;

struct child_events {
    /* Once, and not from inside a call. */
    void (*exited)(void *owner, int exit_code);
};

struct child_setup {
    char *const *command;  /* NULL-terminated */
    const char *directory; /* or NULL */
    const char *url, *admin_url;
    unsigned port; /* 0: do not set PORT */
};

/* ERR_NOT_FOUND (exit 127), ERR_DENIED (126), other: 125. */
enum err child_start(struct child **c, struct loop *l, const struct child_setup *setup,
                     const struct child_events *events, void *owner, struct why *w);
bool child_is_running(const struct child *c);
int child_pid(const struct child *c);
/* To its whole group. */
void child_signal(struct child *c, int signal_number);
/* Called on SIGCHLD by the control loop. */
void child_reap(struct child *c);
/* The same, as PID 1 (else it does nothing), for what was orphaned to us. Processes that somebody else waits for
 * are_ours. */
void child_reap_orphans(bool (*is_ours)(void *owner, int pid), void *owner);
void child_free(struct child *c);

#endif
