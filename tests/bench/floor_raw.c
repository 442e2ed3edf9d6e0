/* floor_raw.c - a relay of bytes that knows no HTTP: floor_raw PORT ORIGIN_PORT [ORIGIN_PORT...]
 *
 * One connection to an origin for each of a client, in turn over the origins. What it costs is what the kernel
 * takes for two sockets; where clients reconnect it pays twice for that (newconn), as no pool spares it.
 */
#include <signal.h>

#include "tests/bench/net.h"

enum { BUFFER = 512 * 1024, ORIGINS = 64 };

struct side {
    int fd;
    bool dead, unread;
    struct side *peer, *next;
    char *pending; /* what the socket refused */
    size_t pending_size;
};

static struct side *dead;
static int epoll, ports[ORIGINS], origins;
static char buffer[BUFFER];

static struct side *side_open(int fd)
{
    struct side *s = memory(sizeof(*s));

    s->fd = fd;
    watch(epoll, fd, s);
    return s;
}

static void side_end(struct side *s)
{
    if (s->dead)
        return;
    s->dead = true;
    close(s->fd);
    s->next = dead;
    dead = s;
}

static void pair_end(struct side *s)
{
    side_end(s->peer);
    side_end(s);
}

static void keep(struct side *s, const char *bytes, size_t size)
{
    s->pending = memory(size);
    memcpy(s->pending, bytes, size);
    s->pending_size = size;
}

static bool put(struct side *s, const char *bytes, size_t size)
{
    ssize_t n = write(s->fd, bytes, size);

    if (n < 0 && errno != EAGAIN && errno != ENOTCONN)
        return false;
    n = n < 0 ? 0 : n;
    if ((size_t)n < size)
        keep(s, bytes + n, size - (size_t)n);
    return true;
}

static void pump(struct side *s)
{
    ssize_t n = BUFFER;

    while (n == BUFFER && !s->dead) {
        s->unread = s->peer->pending != NULL;
        if (s->unread)
            return;
        n = read(s->fd, buffer, BUFFER);
        if (n < 0 && errno == EAGAIN)
            return;
        if (n <= 0 || !put(s->peer, buffer, (size_t)n))
            pair_end(s);
        s->unread = !s->dead && s->peer->pending;
    }
}

static void drain(struct side *s)
{
    ssize_t n = s->pending ? write(s->fd, s->pending, s->pending_size) : 0;

    if (!s->pending || (n < 0 && errno == EAGAIN))
        return;
    if (n < 0) {
        pair_end(s);
        return;
    }
    s->pending_size -= (size_t)n;
    memmove(s->pending, s->pending + n, s->pending_size);
    if (s->pending_size > 0)
        return;
    free(s->pending);
    s->pending = NULL;
    if (s->peer->unread)
        pump(s->peer);
}

static void accept_clients(int listener)
{
    static unsigned turn;
    int fd;

    while ((fd = accept_next(listener)) >= 0) {
        int to = tcp_socket();
        struct side *client = side_open(fd), *origin;

        connect_to(to, ports[turn++ % (unsigned)origins]);
        origin = side_open(to);
        client->peer = origin;
        origin->peer = client;
    }
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
