/* loop.h - one thread's event loop: libuv, our clock on one uv_timer, and what streams
 * share.
 *
 *   loop_open > [handles of all kinds] > loop_run ... loop_stop > [all closed] >
 * loop_close
 *
 * All calls come from the loop's own thread, but mailbox_post(). Every callback of libuv
 * calls loop_touch() first, so that the clock knows what time it became while the loop
 * slept (libuv has read it already: no system call). Inside one callback time stands
 * still. Timers fire between turns, never from inside a callback, and keep the loop
 * alive. Opening a loop makes the process ignore SIGPIPE and SIGXFSZ: whoever writes
 * learns it from errno.
 */
#ifndef TRANSPORT_LOOP_H
#define TRANSPORT_LOOP_H

#include <pthread.h>
#include <uv.h>

#include "sidecar/core/clock.h"
#include "sidecar/core/err.h"
#include "sidecar/core/queue.h"

/* One read takes at most this. Read, parsed in place and written on at once, so one
 * buffer serves all connections of a loop, and only what reads really filled takes memory.
 * 64 KiB would cut a 64 KiB body with its head in two; 256 cost a fifth more for 1 MiB. */
enum { LOOP_READ_BUFFER = 512 * 1024 };

struct loop {
    uv_loop_t uv;
    struct clock clock;
    uv_timer_t ticker;
    uv_prepare_t turn; /* unreferenced: stops the ticker when no timer is left */
    char *read_buffer;
    size_t read_size;
    struct queue_pool chunks;
};

/* read_size 0: LOOP_READ_BUFFER. */
enum err loop_open(struct loop *l, size_t read_size);
/* Until loop_stop() or nothing is left to wait for. */
void loop_run(struct loop *l);
void loop_stop(struct loop *l);
/* Closes our own handles and runs what is still closing. ERR_IO when somebody's handle is
 * still open: a leak, and a test's failure. */
enum err loop_close(struct loop *l);

/* Is there memory to wait for this descriptor? libuv has a place for each one in a table
 * that doubles, and ends the process when it can't. */
bool loop_can_watch(const struct loop *l, int fd);

static inline uint64_t loop_now(const struct loop *l)
{
    return l->clock.now;
}

/* First thing in a callback of libuv. */
static inline void loop_touch(struct loop *l)
{
    uint64_t now = uv_now(&l->uv);

    if (now > l->clock.now)
        l->clock.now = now;
}

/* A letter box of a loop: the only way in from another thread. */
struct letter {
    struct list node;
    void (*deliver)(struct letter *letter,
                    void *owner); /* on the receiver's loop; frees or recycles it */
};

struct mailbox {
    uv_async_t async;
    pthread_mutex_t lock;
    struct list letters;
    void *owner;
    bool open;
    void (*closed)(struct mailbox *m);
};

/* Keeps the loop alive until closed. */
enum err mailbox_open(struct mailbox *m, struct loop *l, void *owner);
/* Any thread. Letters arrive in order of posting. The caller embeds `letter` and gives it
 * away. */
void mailbox_post(struct mailbox *m, struct letter *letter);
/* Receiver's thread, also from inside `deliver`: delivers what is there, then closes;
 * `closed` (may be NULL) comes later. Nobody may post after. */
void mailbox_close(struct mailbox *m, void (*closed)(struct mailbox *m));

#endif
