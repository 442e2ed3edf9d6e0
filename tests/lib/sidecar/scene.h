/* scene.h - a worker on the test's own loop, with real sockets around it.
 *
 *     scene_open("services: {users: {retries: {max: 0}}}");
 *     site_open(&site);                      // an instance: the test accepts, reads and answers
 *     scene_list("users", &site, 1);
 *     scene_client(&client);                 // a client of the local endpoint
 *     peer_send(&client, "GET /users/x HTTP/1.1\r\nHost: localhost\r\n\r\n");
 *     site_accept(&site, &server);
 *     ...
 *     scene_close();                         // everything is given back, or AddressSanitizer tells
 *
 * One scene at a time. Turning the loop (peer_expect(), loop_settle()) is what makes the worker work.
 */
#ifndef TESTS_LIB_SIDECAR_SCENE_H
#define TESTS_LIB_SIDECAR_SCENE_H

#include "sidecar/worker.h"
#include "tests/lib/transport/peer.h"

struct scene {
    struct worker worker;
    struct mailbox control;
    struct settings *settings;
    struct address address; /* of the local endpoint */
    struct address ingress;
    unsigned wants;                      /* how often a name was asked for */
    char ejected[INSTANCE_ID_LIMIT + 1]; /* who was ejected last */
    struct report *report;               /* the last one delivered */
    int log;                             /* where log lines go */
    char log_text[16384];
};

extern struct scene scene;

struct site {
    int fd;
    struct address address;
};

/* `workers`: as if there were so many of them. */
void scene_open_shared(const char *yaml, unsigned workers);
void scene_open(const char *yaml);
/* The same without failing the test; false: no memory, and nothing is left. */
bool scene_try_open(const char *yaml);
void scene_close(void);
/* What the log says so far. */
const char *scene_log(void);
/* New settings, as a reload does. */
void scene_configure(const char *yaml);
/* A list of instances as the catalog would send it: "users-0", "users-1" ... */
void scene_list(const char *service, const struct site *sites, unsigned count);
void scene_list_unknown(
    const char *service); /* every registry has said: no such service */
/* An ingress in front of the app at `site`. */
void scene_ingress(const struct site *app);
void scene_client(struct peer *client);
/* A client that takes little: its receive buffer is small. */
void scene_slow_client(struct peer *client);
/* Lets time pass at once: whatever is due fires. */
void scene_wait(uint64_t ms);
/* Until nothing of a request is left in the worker. */
void scene_expect_idle(void);

void site_open(struct site *s);
void site_close(struct site *s);
/* Until somebody has connected. */
void site_accept(struct site *s, struct peer *server);
bool site_is_called(const struct site *s);

#endif
