/* peer.h - the other end of a connection, as a plain descriptor that a test reads and
 * writes. */
#ifndef TESTS_LIB_TRANSPORT_PEER_H
#define TESTS_LIB_TRANSPORT_PEER_H

#include "sidecar/core/text.h"
#include "tests/lib/transport/loops.h"
#include "transport/address.h"

struct peer {
    int fd;
    struct loop *loop;
    struct text in; /* all that came */
    bool ended;     /* FIN or reset */
    bool reset;
};

/* Connects (loopback: at once). */
void peer_connect(struct peer *p, struct loop *l, const struct address *to);
/* Takes a connected descriptor. */
void peer_adopt(struct peer *p, struct loop *l, int fd);
/* Sends all of it, turning the loop when the kernel is full. */
void peer_send(struct peer *p, const char *text);
void peer_send_slice(struct peer *p, struct slice bytes);
/* Turns the loop until `text` has come; fails the test when it does not. */
void peer_expect(struct peer *p, const char *text);
void peer_expect_bytes(struct peer *p, size_t count);
/* Until the other side has closed. */
void peer_expect_end(struct peer *p);
/* Has `text` come so far? Takes what is there. */
bool peer_has(struct peer *p, const char *text);
/* Forgets what came. */
void peer_forget(struct peer *p);
void peer_finish(struct peer *p); /* FIN */
void peer_reset(struct peer *p);  /* RST, and closed */
void peer_close(struct peer *p);

#endif
