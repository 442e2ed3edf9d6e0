/* floor_pool.c - the least an HTTP-aware proxy must do: floor_pool PORT ORIGIN_PORT [ORIGIN_PORT...]
 *
 * Pooled connections (LIFO, round robin over origins), a scan for the end of the head, Content-Length and
 * "Connection: close"; bytes go on unchanged. No chunked coding, errors, limits or time-outs: a yardstick of
 * what the kernel costs, not a proxy.
 */
#include <signal.h>

#include "tests/bench/net.h"

enum { BUFFER = 512 * 1024, ORIGINS = 64 };

struct side {
    int fd, origin;
    bool to_origin, dead, unread, in_message, close;
    uint64_t left; /* of the message's body */
    struct side *peer, *next;
    char *pending; /* what the socket refused */
    size_t pending_size;
    char *head; /* in pieces */
    size_t head_size;
};

static struct side *pools[ORIGINS], *dead;
static int epoll, ports[ORIGINS], origins, turn;
static char buffer[BUFFER];

static void pump(struct side *s);

static struct side *side_open(int fd, bool to_origin)
{
    struct side *s = memory(sizeof(*s));

    s->fd = fd;
    s->to_origin = to_origin;
    watch(epoll, fd, s);
    return s;
}

static void leave_pool(struct side *s)
{
    struct side **at = &pools[s->origin];

    while (*at && *at != s)
        at = &(*at)->next;
    if (*at)
        *at = s->next;
}

static void side_end(struct side *s)
{
    if (s->dead)
        return;
    if (s->to_origin && !s->peer)
        leave_pool(s);
    s->dead = true;
    close(s->fd);
    s->next = dead;
    dead = s;
}

static void pair_end(struct side *s)
{
    struct side *peer = s->peer;

    side_end(s);
    if (peer)
        side_end(peer);
}

static struct side *lease(void)
{
    int origin = turn++ % origins, fd;
    struct side *s = pools[origin];

    if (s) {
        pools[origin] = s->next;
        return s;
    }
    fd = tcp_socket();
    connect_to(fd, ports[origin]);
    s = side_open(fd, true);
    s->origin = origin;
    return s;
}

static void keep(struct side *s, const char *bytes, size_t size)
{
    s->pending = realloc(s->pending, s->pending_size + size);
    if (!s->pending)
        fail("memory");
    memcpy(s->pending + s->pending_size, bytes, size);
    s->pending_size += size;
}

static bool put(struct side *s, const char *bytes, size_t size)
{
    ssize_t n = s->pending ? 0 : write(s->fd, bytes, size);

    if (n < 0 && errno != EAGAIN && errno != ENOTCONN)
        return false;
    n = n < 0 ? 0 : n;
    if ((size_t)n < size)
        keep(s, bytes + n, size - (size_t)n);
    return true;
}

/* "Connection: close" is for this hop alone: the line is cut out on the way to the origin. */
static size_t read_head(struct side *s, size_t size, const char *end)
{
    struct framing f = framing_of(buffer, end + 2);
    size_t body = size - (size_t)(end + 4 - buffer);

    s->left = f.length - (body < f.length ? body : f.length);
    s->close = f.close != NULL;
    s->in_message = true;
    return s->to_origin || !f.close ? size : without_close(buffer, size, f.close);
}

/* The answer is complete: the origin's side goes to its pool, the client's is ready for the next. */
static void exchange_end(struct side *origin, struct side *client)
{
    bool close = origin->close || client->close;

    origin->peer = client->peer = NULL;
    origin->in_message = client->in_message = false;
    if (origin->close) {
        side_end(origin);
    } else {
        origin->next = pools[origin->origin];
        pools[origin->origin] = origin;
    }
    client->close = close;
    if (close && !client->pending)
        side_end(client);
    else if (client->unread)
        pump(client);
}

/* Of the message that `s` is in; false: nothing more is to be read now. */
static bool feed(struct side *s, size_t size)
{
    if (!s->in_message) {
        const char *end = memmem(buffer, size, "\r\n\r\n", 4);

        if (!end) {
            s->head = memory(size);
            memcpy(s->head, buffer, s->head_size = size);
            return true;
        }
        size = read_head(s, size, end);
        if (!s->to_origin) {
            s->peer = lease();
            s->peer->peer = s;
        }
    } else {
        s->left -= size < s->left ? size : s->left;
    }
    if (!put(s->peer, buffer, size)) {
        pair_end(s);
        return false;
    }
    if (s->to_origin && s->left == 0) {
        exchange_end(s, s->peer);
        return false;
    }
    return true;
}

static size_t take_head(struct side *s)
{
    size_t size = s->head_size;

    if (size)
        memcpy(buffer, s->head, size);
    free(s->head);
    s->head = NULL;
    s->head_size = 0;
    return size;
}

static void pump(struct side *s)
{
    bool more = true;

    while (more && !s->dead) {
        bool answering = !s->to_origin && s->in_message && s->left == 0;
        size_t have;
        ssize_t n;

        s->unread = answering || (s->peer && s->peer->pending);
        if (s->unread)
            return;
        have = take_head(s);
        n = read(s->fd, buffer + have, BUFFER - have);
        if (n <= 0 && !(n < 0 && errno == EAGAIN)) {
            pair_end(s);
            return;
        }
        if (n < 0)
            return;
        more = feed(s, have + (size_t)n) && (size_t)n == BUFFER - have;
        s->unread |= !s->dead && s->peer && s->peer->pending;
    }
}

static void drain(struct side *s)
{
    ssize_t n;

    if (!s->pending)
        return;
    n = write(s->fd, s->pending, s->pending_size);
    if (n < 0 && errno != EAGAIN) {
        pair_end(s);
        return;
    }
    n = n < 0 ? 0 : n;
    s->pending_size -= (size_t)n;
    memmove(s->pending, s->pending + n, s->pending_size);
    if (s->pending_size > 0)
        return;
    free(s->pending);
    s->pending = NULL;
    if (s->close && !s->peer)
        side_end(s);
    else if (s->peer && s->peer->unread)
        pump(s->peer);
}

static void accept_clients(int listener)
{
    int fd;

    while ((fd = accept_next(listener)) >= 0)
        side_open(fd, false);
}

static void on_event(void *owner, uint32_t events)
{
    struct side *s = owner;

    if (!s->dead && (events & EPOLLOUT))
        drain(s);
    if (!s->dead && (events & ~(uint32_t)EPOLLOUT))
        pump(s);
}

static void free_dead(void)
{
    while (dead) {
        struct side *s = dead;

        dead = s->next;
        free(s->pending);
        free(s->head);
        free(s);
    }
}

int main(int argc, char **argv)
{
    int listener;

    signal(SIGPIPE, SIG_IGN);
    epoll = epoll_create1(0);
    listener = listen_on(argc > 1 ? atoi(argv[1]) : 0);
    for (int i = 2; i < argc && origins < ORIGINS; i++)
        ports[origins++] = atoi(argv[i]);
    serve(epoll, listener, (struct server){accept_clients, on_event, free_dead});
}
