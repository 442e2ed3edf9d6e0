#define _GNU_SOURCE /* memmem */
#include "tests/lib/transport/peer.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "tests/lib/test.h"

enum { PEER_LIMIT = 64 * 1024 * 1024 };

void peer_adopt(struct peer *p, struct loop *l, int fd)
{
    *p = (struct peer){.fd = fd, .loop = l};
    text_init(&p->in, PEER_LIMIT);
    fcntl(fd, F_SETFL, O_NONBLOCK);
}

void peer_connect(struct peer *p, struct loop *l, const struct address *to)
{
    int fd = socket(to->any.sa_family, SOCK_STREAM | SOCK_CLOEXEC, 0);

    assert_true(fd >= 0);
    assert_int_equal(connect(fd, &to->any, address_size(to)), 0);
    peer_adopt(p, l, fd);
}

/* Takes what the kernel has. */
static void peer_pull(struct peer *p)
{
    char buffer[65536];
    ssize_t size = 1;

    while (!p->ended && size > 0) {
        size = recv(p->fd, buffer, sizeof(buffer), 0);
        if (size > 0)
            text_add(&p->in, slice_from(buffer, (size_t)size));
        else if (size == 0 || errno != EAGAIN)
            p->ended = true;
        p->reset = p->ended && size < 0;
    }
}

struct sending {
    struct peer *peer;
    struct slice rest;
};

static bool all_sent(void *context)
{
    struct sending *s = context;
    ssize_t size = send(s->peer->fd, s->rest.base, s->rest.size, MSG_NOSIGNAL);

    if (size < 0 && errno != EAGAIN)
        return true; /* the other side is gone: the test will see it */
    s->rest = slice_after(s->rest, size > 0 ? (size_t)size : 0);
    return s->rest.size == 0;
}

void peer_send_slice(struct peer *p, struct slice bytes)
{
    struct sending s = {p, bytes};

    loop_until_true(p->loop, all_sent, &s);
}

void peer_send(struct peer *p, const char *text)
{
    peer_send_slice(p, slice_of(text));
}

struct expectation {
    struct peer *peer;
    const char *text;
    size_t count;
};

static bool has_text(void *context)
{
    struct expectation *x = context;

    return peer_has(x->peer, x->text) || x->peer->ended;
}

void peer_expect(struct peer *p, const char *text)
{
    loop_until_true(p->loop, has_text, &(struct expectation){p, text, 0});
    if (!peer_has(p, text))
        fail_msg("\"%s\" did not come, but \"%s\"", text, p->in.base ? p->in.base : "");
}

static bool has_bytes(void *context)
{
    struct expectation *x = context;

    peer_pull(x->peer);
    return x->peer->in.size >= x->count || x->peer->ended;
}

void peer_expect_bytes(struct peer *p, size_t count)
{
    loop_until_true(p->loop, has_bytes, &(struct expectation){p, NULL, count});
    assert_true(p->in.size >= count);
}

static bool has_ended(void *context)
{
    struct peer *p = context;

    peer_pull(p);
    return p->ended;
}

void peer_expect_end(struct peer *p)
{
    loop_until_true(p->loop, has_ended, p);
}

bool peer_has(struct peer *p, const char *text)
{
    peer_pull(p);
    return p->in.size && memmem(p->in.base, p->in.size, text, strlen(text));
}

void peer_forget(struct peer *p)
{
    text_clear(&p->in);
}

void peer_finish(struct peer *p)
{
    shutdown(p->fd, SHUT_WR);
}

void peer_reset(struct peer *p)
{
    struct linger reset = {1, 0};

    setsockopt(p->fd, SOL_SOCKET, SO_LINGER, &reset, sizeof(reset));
    peer_close(p);
}

void peer_close(struct peer *p)
{
    close(p->fd);
    p->fd = -1;
    text_fini(&p->in);
}
