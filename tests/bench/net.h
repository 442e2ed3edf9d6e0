/* net.h - sockets on loopback, for the programs of the benchmark. They exit where they can't go on. */
#ifndef BENCH_NET_H
#define BENCH_NET_H

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

static inline void fail(const char *what)
{
    printf("{\"fatal\": \"%s: %s\"}\n", what, strerror(errno));
    fflush(stdout);
    exit(2);
}

static inline void *memory(size_t size)
{
    void *m = calloc(1, size);

    if (!m)
        fail("memory");
    return m;
}

static inline struct sockaddr_in loopback(int port)
{
    return (struct sockaddr_in){.sin_family = AF_INET,
                                .sin_port = htons((uint16_t)port),
                                .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
}

static inline int tcp_socket(void)
{
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0), one = 1;

    if (fd < 0)
        fail("socket");
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
    return fd;
}

static inline int listen_on(int port)
{
    struct sockaddr_in at = loopback(port);
    int fd = tcp_socket(), one = 1;

    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
    if (bind(fd, (struct sockaddr *)&at, sizeof(at)) || listen(fd, 4096))
        fail("listen");
    return fd;
}

/* The next client, or -1: there is none. */
static inline int accept_next(int listener)
{
    int fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK), one = 1;

    if (fd >= 0)
        setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
    return fd;
}

static inline void connect_to(int fd, int port)
{
    struct sockaddr_in at = loopback(port);

    if (connect(fd, (struct sockaddr *)&at, sizeof(at)) && errno != EINPROGRESS)
        fail("connect");
}

/* Edge triggered, for both directions: registered once, never changed. */
static inline void watch(int epoll, int fd, void *owner)
{
    struct epoll_event ev = {.events = EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET,
                             .data.ptr = owner};

    if (epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &ev))
        fail("epoll_ctl");
}

struct server {
    void (*accept_clients)(int listener);
    void (*on_event)(void *owner, uint32_t events);
    void (*turned)(void); /* after each round of events */
};

/* Serves for ever; everything watched but the listener has an owner. */
static inline void serve(int epoll, int listener, struct server with)
{
    enum { EVENTS = 256 };
    struct epoll_event events[EVENTS];

    watch(epoll, listener, NULL);
    for (;;) {
        int count = epoll_wait(epoll, events, EVENTS, -1);

        for (int i = 0; i < count; i++)
            if (events[i].data.ptr)
                with.on_event(events[i].data.ptr, events[i].events);
            else
                with.accept_clients(listener);
        with.turned();
    }
}

struct framing {
    uint64_t length;
    char *close; /* behind "Connection: ", where that says "close"; else NULL */
};

/* What a proxy must know of a head from `at` to `end`; its first line is passed over. One pass, and of a line
 * only the first letter, unless it is the one of ours. */
static inline struct framing framing_of(char *at, const char *end)
{
    static const char length[] = "content-length:", closes[] = "connection: close";
    struct framing f = {0};

    while (at < end && (at = memchr(at, '\n', (size_t)(end - at)))) {
        at++;
        if ((*at | 32) != 'c' || (size_t)(end - at) < sizeof(closes))
            continue;
        if (strncasecmp(at, length, sizeof(length) - 1) == 0)
            f.length = strtoull(at + sizeof(length) - 1, NULL, 10);
        else if (strncasecmp(at, closes, sizeof(closes) - 1) == 0)
            f.close = at + strlen("connection: ");
    }
    return f;
}

/* Cuts the line "Connection: close" (`close` is its value) out of a head of `size` bytes at `head`; the new size. */
static inline size_t without_close(char *head, size_t size, char *close)
{
    enum { LINE = sizeof("Connection: close\r\n") - 1 };
    char *line = close - strlen("Connection: ");

    size -= LINE;
    memmove(line, line + LINE, size - (size_t)(line - head));
    return size;
}

/* The value behind "name:" in the lines from `at` to `end`, or NULL. `name` ends in its colon. */
static inline const char *field_value(const char *at, const char *end, const char *name)
{
    size_t size = strlen(name);

    while (at < end && (at = memchr(at, '\n', (size_t)(end - at)))) {
        at++;
        if ((size_t)(end - at) >= size && strncasecmp(at, name, size) == 0)
            return at + size + strspn(at + size, " ");
    }
    return NULL;
}

#endif
