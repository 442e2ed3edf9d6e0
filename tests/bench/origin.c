/* origin.c - the fast HTTP/1.1 server behind the proxies: origin PORT [PORT...], one thread.
 *
 *   /b/N  a body of N bytes with Content-Length     /c/N  the same in chunks of 4 KiB
 *
 * anywhere in the target, so that /SERVICE/b/128 works as well. A request's body is read and thrown away
 * first. "Connection: close" is honoured; X-Inst names the port that answered.
 */
#include <signal.h>
#include <sys/uio.h>

#include "tests/bench/net.h"

enum { BODY_MAX = 16 << 20, INPUT = 16384, ANSWERS = 1024, EVENTS = 256, CHUNK = 4096 };

struct answer {
    size_t wanted;
    bool chunked, close;
    int port;
    char head[512];
    size_t head_size;
    char *body;
    size_t body_size;
    struct answer *next;
};

enum skipping {
    SKIP_NOTHING,
    SKIP_LENGTH,
    SKIP_SIZE,
    SKIP_CHUNK,
    SKIP_CHUNK_END,
    SKIP_TRAILERS
};

struct client {
    int fd, port;
    bool listens, dead;
    enum skipping skipping; /* the request's body */
    uint64_t left;
    int line; /* bytes of the line so far; -1: the rest of it does not matter */
    size_t have;
    const struct answer *next, *out; /* to be sent after the body; being sent */
    size_t sent;
    struct client *next_dead;
    char input[INPUT];
};

static struct answer *answers[ANSWERS];
static struct client *dead;
static char *zeros;
static int epoll;

static void body_in_chunks(struct answer *a)
{
    size_t at = 0;

    a->body = memory(a->wanted + a->wanted / CHUNK * 16 + 64);
    for (size_t left = a->wanted; left > 0;) {
        size_t size = left < CHUNK ? left : CHUNK;

        at += (size_t)sprintf(a->body + at, "%zx\r\n", size);
        memset(a->body + at, 'x', size);
        memcpy(a->body + at + size, "\r\n", 2);
        at += size + 2;
        left -= size;
    }
    memcpy(a->body + at, "0\r\n\r\n", 5);
    a->body_size = at + 5;
}

static struct answer *answer_make(size_t wanted, bool chunked, bool close, int port)
{
    struct answer *a = memory(sizeof(*a));
    char length[64];

    *a = (struct answer){
        .wanted = wanted, .chunked = chunked, .close = close, .port = port};
    snprintf(length, sizeof(length), "Content-Length: %zu", wanted);
    a->head_size = (size_t)snprintf(a->head, sizeof(a->head),
                                    "HTTP/1.1 200 OK\r\nServer: bench-origin\r\nDate: "
                                    "Thu, 01 Jan 2026 00:00:00 GMT\r\n"
                                    "Content-Type: application/json\r\nCache-Control: "
                                    "no-store\r\nX-Inst: %d\r\n%s%s\r\n\r\n",
                                    port, chunked ? "Transfer-Encoding: chunked" : length,
                                    close ? "\r\nConnection: close" : "");
    a->body = zeros;
    a->body_size = wanted;
    if (chunked)
        body_in_chunks(a);
    return a;
}

static const struct answer *answer_for(size_t wanted, bool chunked, bool close, int port)
{
    struct answer **at =
        &answers[(wanted * 31 + chunked * 7 + close * 3 + port) % ANSWERS];

    for (; *at; at = &(*at)->next)
        if ((*at)->wanted == wanted && (*at)->chunked == chunked &&
            (*at)->close == close && (*at)->port == port)
            return *at;
    return *at = answer_make(wanted, chunked, close, port);
}

static void client_end(struct client *c)
{
    if (c->dead)
        return;
    c->dead = true;
    close(c->fd);
    c->next_dead = dead;
    dead = c;
}

static void send_answer(struct client *c)
{
    while (c->out && !c->dead) {
        const struct answer *a = c->out;
        size_t in_body = c->sent < a->head_size ? 0 : c->sent - a->head_size;
        size_t in_head = c->sent - in_body;
        struct iovec parts[] = {
            {(char *)a->head + in_head, a->head_size - in_head},
            {a->body + in_body,         a->body_size - in_body}
        };
        struct msghdr message = {.msg_iov = parts, .msg_iovlen = 2};
        ssize_t n = sendmsg(c->fd, &message, MSG_NOSIGNAL);

        if (n < 0 && errno == EAGAIN)
            return;
        if (n < 0) {
            client_end(c);
            return;
        }
        c->sent += (size_t)n;
        if (c->sent < a->head_size + a->body_size)
            return; /* the rest at EPOLLOUT */
        c->out = NULL;
        if (a->close)
            shutdown(c->fd, SHUT_WR);
    }
}

static int digit(char c)
{
    const char *digits = "0123456789abcdef";
    const char *at = c ? strchr(digits, c | 0x20) : NULL;

    return at ? (int)(at - digits) : -1;
}

static void skip_size_byte(struct client *c, char byte)
{
    if (byte == '\n') {
        c->skipping = c->left ? SKIP_CHUNK : SKIP_TRAILERS;
        c->line = 0;
    } else if (c->line >= 0 && digit(byte) >= 0) {
        c->left = c->left * 16 + (uint64_t)digit(byte);
    } else {
        c->line = -1;
    }
}

static void skip_line_byte(struct client *c, char byte)
{
    if (byte != '\n') {
        c->line += byte != '\r';
        return;
    }
    if (c->skipping == SKIP_CHUNK_END)
        c->skipping = SKIP_SIZE;
    else if (c->line == 0)
        c->skipping = SKIP_NOTHING;
    c->line = 0;
}

/* Of the request's body; returns how much was used. */
static size_t skip_body(struct client *c, const char *bytes, size_t size)
{
    size_t at = 0;

    while (at < size && c->skipping != SKIP_NOTHING) {
        size_t most = size - at < c->left ? size - at : c->left;

        if (c->skipping == SKIP_LENGTH || c->skipping == SKIP_CHUNK) {
            at += most;
            c->left -= most;
            if (c->left == 0)
                c->skipping = c->skipping == SKIP_LENGTH ? SKIP_NOTHING : SKIP_CHUNK_END;
        } else if (c->skipping == SKIP_SIZE) {
            skip_size_byte(c, bytes[at++]);
        } else {
            skip_line_byte(c, bytes[at++]);
        }
    }
    return at;
}

static void drop_input(struct client *c, size_t size)
{
    c->have -= size;
    memmove(c->input, c->input + size, c->have);
}

static void read_framing(struct client *c, const char *end)
{
    const char *length = field_value(c->input, end, "content-length:");
    const char *coding = field_value(c->input, end, "transfer-encoding:");

    c->left = length ? strtoull(length, NULL, 10) : 0;
    c->line = 0;
    c->skipping = coding ? SKIP_SIZE : c->left ? SKIP_LENGTH : SKIP_NOTHING;
}

static void read_head(struct client *c, const char *end)
{
    const char *line = memchr(c->input, '\r', (size_t)(end + 1 - c->input));
    size_t size = (size_t)(line - c->input);
    const char *length = memmem(c->input, size, "/b/", 3);
    const char *chunks = length ? NULL : memmem(c->input, size, "/c/", 3);
    const char *at = length ? length : chunks;
    const char *connection = field_value(c->input, end, "connection:");
    size_t wanted = at ? strtoul(at + 3, NULL, 10) : 2;

    read_framing(c, end);
    c->next = answer_for(wanted < BODY_MAX ? wanted : BODY_MAX, chunks != NULL,
                         connection && strncasecmp(connection, "close", 5) == 0, c->port);
}

/* One answer at a time. */
static void answer_input(struct client *c)
{
    while (!c->out && !c->dead) {
        if (!c->next) {
            const char *end = c->have ? memmem(c->input, c->have, "\r\n\r\n", 4) : NULL;

            if (!end)
                return;
            read_head(c, end);
            drop_input(c, (size_t)(end + 4 - c->input));
        }
        drop_input(c, skip_body(c, c->input, c->have));
        if (c->skipping != SKIP_NOTHING)
            return;
        c->out = c->next;
        c->next = NULL;
        c->sent = 0;
        send_answer(c);
    }
}

static void read_input(struct client *c)
{
    while (!c->dead) {
        size_t room = INPUT - c->have;
        ssize_t n = room ? read(c->fd, c->input + c->have, room) : 0;

        if (n < 0 && errno == EAGAIN)
            return;
        if (n <= 0) {
            if (room || !c->out)
                client_end(c);
            return;
        }
        c->have += (size_t)n;
        answer_input(c);
        if ((size_t)n < room)
            return; /* the socket is empty */
    }
}

static void client_add(int fd, int port, bool listens)
{
    struct client *c = memory(sizeof(*c));

    c->fd = fd;
    c->port = port;
    c->listens = listens;
    watch(epoll, fd, c);
}

static void accept_clients(struct client *listener)
{
    int fd;

    while ((fd = accept_next(listener->fd)) >= 0)
        client_add(fd, listener->port, false);
}

static void on_event(struct client *c, uint32_t events)
{
    if (c->listens) {
        accept_clients(c);
        return;
    }
    if ((events & EPOLLOUT) && c->out) {
        send_answer(c);
        answer_input(c);
        events |= EPOLLIN;
    }
    if (events & ~(uint32_t)EPOLLOUT)
        read_input(c);
}

static void free_dead(void)
{
    while (dead) {
        struct client *c = dead;

        dead = c->next_dead;
        free(c);
    }
}

int main(int argc, char **argv)
{
    struct epoll_event events[EVENTS];

    signal(SIGPIPE, SIG_IGN);
    zeros = memory(BODY_MAX);
    epoll = epoll_create1(0);
    for (int i = 1; i < argc; i++)
        client_add(listen_on(atoi(argv[i])), atoi(argv[i]), true);
    for (;;) {
        int count = epoll_wait(epoll, events, EVENTS, -1);

        for (int i = 0; i < count; i++)
            on_event(events[i].data.ptr, events[i].events);
        free_dead();
    }
}
