/* uv_pool.c - floor_pool's work on libuv: uv_pool PORT ORIGIN_PORT [ORIGIN_PORT...]
 *
 * What plain libuv can reach: tried first what can be written at once, copied only what the socket refused, one
 * read buffer for all, reading stopped for back-pressure alone. The distance to floor_pool is libuv's price. Its
 * distance to csidecar is that of parsing, deciding and rewriting.
 */
#include <signal.h>
#include <uv.h>

#include "tests/bench/net.h"

enum { BUFFER = 512 * 1024, ORIGINS = 64 };

struct side {
    uv_tcp_t tcp;
    struct side *peer, *next;
    uint64_t left; /* of the message's body */
    char *head;    /* in pieces */
    size_t head_size;
    uint8_t origin;
    bool to_origin, in_message, close, closing, connected;
    uint32_t writes; /* under way */
};

struct later {
    uv_write_t write;
    char bytes[];
};

static uv_loop_t *loop;
static struct sockaddr_in addresses[ORIGINS];
static struct side *pools[ORIGINS];
static int origins, turn;
static char buffer[BUFFER];
static size_t have; /* of `buffer`: a head's earlier pieces */

static void on_read(uv_stream_t *stream, ssize_t size, const uv_buf_t *unused);

static void on_closed(uv_handle_t *handle)
{
    struct side *s = handle->data;

    free(s->head);
    free(s);
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
    if (s->closing)
        return;
    s->closing = true;
    if (s->to_origin && !s->peer)
        leave_pool(s);
    uv_close((uv_handle_t *)&s->tcp, on_closed);
}

static void pair_end(struct side *s)
{
    struct side *peer = s->peer;

    side_end(s);
    if (peer)
        side_end(peer);
}

static void lend(uv_handle_t *handle, size_t wanted, uv_buf_t *room)
{
    struct side *s = handle->data;

    (void)wanted;
    have = s->head_size;
    if (have)
        memcpy(buffer, s->head, have);
    free(s->head);
    s->head = NULL;
    s->head_size = 0;
    *room = uv_buf_init(buffer + have, (unsigned)(BUFFER - have));
}

static void read_on(struct side *s)
{
    uv_read_start((uv_stream_t *)&s->tcp, lend, on_read);
}

static void on_written(uv_write_t *write, int status)
{
    struct side *s = write->handle->data;

    free(write); /* the first of struct later */
    s->writes--;
    if (s->closing)
        return;
    if (status < 0)
        pair_end(s);
    else if (s->writes == 0 && s->close && !s->peer)
        side_end(s);
    else if (s->writes == 0 && s->peer)
        read_on(s->peer);
}

static void write_later(struct side *s, const char *bytes, size_t size)
{
    struct later *l = memory(sizeof(*l) + size);
    uv_buf_t piece = uv_buf_init(l->bytes, (unsigned)size);

    memcpy(l->bytes, bytes, size);
    s->writes++;
    uv_write(&l->write, (uv_stream_t *)&s->tcp, &piece, 1, on_written);
}

/* From `from`, which is not read while something waits. */
static bool put(struct side *from, struct side *s, char *bytes, size_t size)
{
    uv_buf_t piece = uv_buf_init(bytes, (unsigned)size);
    bool try = s->writes == 0 && (!s->to_origin || s->connected);
    int n = try ? uv_try_write((uv_stream_t *)&s->tcp, &piece, 1) : 0;

    if (n < 0 && n != UV_EAGAIN)
        return false;
    n = n < 0 ? 0 : n;
    if ((size_t)n == size)
        return true;
    write_later(s, bytes + n, size - (size_t)n);
    uv_read_stop((uv_stream_t *)&from->tcp);
    return true;
}

static struct side *side_open(void)
{
    struct side *s = memory(sizeof(*s));

    uv_tcp_init(loop, &s->tcp);
    s->tcp.data = s;
    return s;
}

static void on_connected(uv_connect_t *connect, int status)
{
    struct side *s = connect->handle->data;

    free(connect);
    if (s->closing)
        return;
    if (status < 0) {
        pair_end(s);
        return;
    }
    s->connected = true;
    uv_tcp_nodelay(&s->tcp, 1);
    read_on(s);
}

static struct side *lease(void)
{
    int origin = turn++ % origins;
    struct side *s = pools[origin];

    if (s) {
        pools[origin] = s->next;
        return s;
    }
    s = side_open();
    s->to_origin = true;
    s->origin = (uint8_t)origin;
    uv_tcp_connect(memory(sizeof(uv_connect_t)), &s->tcp,
                   (struct sockaddr *)&addresses[origin], on_connected);
    return s;
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
    client->close |= origin->close;
    origin->peer = client->peer = NULL;
    origin->in_message = client->in_message = false;
    if (origin->close) {
        side_end(origin);
    } else {
        read_on(origin); /* if it was stopped */
        origin->next = pools[origin->origin];
        pools[origin->origin] = origin;
    }
    if (client->close && client->writes == 0)
        side_end(client);
}

static void keep_head(struct side *s, size_t size)
{
    s->head = memory(size);
    memcpy(s->head, buffer, s->head_size = size);
}

static void feed(struct side *s, size_t size)
{
    if (s->in_message) {
        s->left -= size < s->left ? size : s->left;
    } else {
        const char *end = memmem(buffer, size, "\r\n\r\n", 4);

        if (!end) {
            keep_head(s, size);
            return;
        }
        size = read_head(s, size, end);
        if (!s->to_origin) {
            s->peer = lease();
            s->peer->peer = s;
        }
    }
    if (!put(s, s->peer, buffer, size))
        pair_end(s);
    else if (s->to_origin && s->left == 0)
        exchange_end(s, s->peer);
}

static void on_read(uv_stream_t *stream, ssize_t size, const uv_buf_t *unused)
{
    struct side *s = stream->data;

    (void)unused;
    if (size < 0 || (size > 0 && s->to_origin && !s->peer))
        pair_end(s);
    else if (size > 0)
        feed(s, have + (size_t)size);
}

static void on_client(uv_stream_t *listener, int status)
{
    struct side *s = status < 0 ? NULL : side_open();

    if (!s)
        return;
    if (uv_accept(listener, (uv_stream_t *)&s->tcp)) {
        side_end(s);
        return;
    }
    uv_tcp_nodelay(&s->tcp, 1);
    read_on(s);
}

int main(int argc, char **argv)
{
    struct sockaddr_in at = loopback(argc > 1 ? atoi(argv[1]) : 0);
    uv_tcp_t listener;

    signal(SIGPIPE, SIG_IGN);
    loop = uv_default_loop();
    for (int i = 2; i < argc && origins < ORIGINS; i++)
        addresses[origins++] = loopback(atoi(argv[i]));
    uv_tcp_init(loop, &listener);
    if (uv_tcp_bind(&listener, (struct sockaddr *)&at, 0) ||
        uv_listen((uv_stream_t *)&listener, 4096, on_client))
        fail("listen");
    return uv_run(loop, UV_RUN_DEFAULT);
}
