/* sandbox.h - gives up what a sidecar does not need: who gets in through it finds little.
 *
 *   sandbox_close > [ sandbox_allows at each reload ] > sandbox_fini
 *
 * Closed once, by the main thread while it is the only one: threads that come later are bound by the same. The app of
 * `run --` is started before, and not bound by any of it.
 *
 *   measure        auto  strict  what it means
 *   core_files      x      x     a crash writes none: memory holds tokens, and what callers say
 *   memory                 x     no other process of our user may look into it (ptrace, /proc/PID/mem)
 *   no_new_privs    c      x     what we execute gains nothing by set-user-ID or file capabilities
 *   capabilities    c      x     only those kept that are of use here (sandbox_rights.c)
 *   landlock        c      x     auto: reads anywhere, writes only where we keep files; strict: reads only what is
 *                                named in the settings, or the system's, and executes nothing
 *   seccomp                x     system calls that are not in a list fail: ENOSYS (sandbox_calls.c)
 *
 *   c: not where a command is run to check an app (health.exec): it would inherit it. Strict refuses such settings.
 *
 * What this kernel lacks: auto says so and goes on, strict does not start.
 */
#ifndef SIDECAR_SANDBOX_H
#define SIDECAR_SANDBOX_H

#include <jansson.h>

#include "sidecar/ports.h"
#include "sidecar/settings.h"

enum { SANDBOX_MEASURES = 6, SANDBOX_STATE = 96 };

/* What may be done below a folder (or to a file). */
enum sandbox_right {
    SANDBOX_READ = 1,
    SANDBOX_EXECUTE = 2,
    SANDBOX_WRITE = 4,  /* makes, changes and removes files and folders */
    SANDBOX_SOCKET = 8, /* makes and removes sockets */
};

struct sandbox_place {
    const char *path; /* without links */
    unsigned rights;
};

struct sandbox_places {
    struct sandbox_place *items;
    unsigned count, room;
    bool failed; /* no memory: one is missing */
};

struct sandbox {
    enum sandbox_mode mode;
    bool has_child;     /* that is to be signalled */
    bool runs_commands; /* to check an app */
    bool is_confined;   /* Landlock holds */
    struct sandbox_places places;
    char states[SANDBOX_MEASURES]
               [SANDBOX_STATE]; /* "on", "off", "unavailable", "none" ... */
};

/* ERR_UNSUPPORTED: strict, and something can't be had; w says what. */
enum err sandbox_close(struct sandbox *s, const struct settings *settings,
                       const struct ports *ports, bool has_child, struct why *w);
/* New settings that want what was given up need a restart: ERR_BAD_CONFIG. */
enum err sandbox_allows(const struct sandbox *s, const struct settings *settings,
                        struct why *w);
void sandbox_fini(struct sandbox *s);
/* What holds, in the log; the same for /health, or NULL: no memory. */
void sandbox_say(const struct sandbox *s);
json_t *sandbox_json(const struct sandbox *s);

#endif
