/* fake_app.h - an app that says one thing to everybody who connects; and a loop whose time a test moves.
 */
#ifndef TESTS_LIB_TRANSPORT_FAKE_APP_H
#define TESTS_LIB_TRANSPORT_FAKE_APP_H

#include "transport/address.h"
#include "transport/loop.h"

enum { FAKE_APP_CONNECTIONS = 256 };

struct fake_app {
    struct loop *loop;
    struct address address;
    const char *answer; /* NULL: it is silent */
    unsigned connections;
    int fd;
    int accepted[FAKE_APP_CONNECTIONS];
    uv_poll_t poll;
    bool listening;
};

/* On 127.0.0.1 and a free port. */
void fake_app_open(struct fake_app *a, struct loop *l, const char *answer);
/* Listens no more; fake_app_back() does again, at the same address. */
void fake_app_gone(struct fake_app *a);
void fake_app_back(struct fake_app *a);
void fake_app_close(struct fake_app *a);

/* Virtual time, with real sockets: all timers see their own moment, and what is on its way arrives at each. A loop
 * that was moved so is never run by real time again. */
void loop_passes(struct loop *l, uint64_t ms);

#endif
