/* Connecting is enough. */
#include "health/probe_check.h"

static struct check *of_stream(struct stream *s)
{
    return container_of(s, struct check, socket.stream);
}

static void on_data(struct stream *s, struct slice bytes)
{
    (void)s;
    (void)bytes;
}

static void on_closed(struct stream *s)
{
    struct check *c = of_stream(s);

    check_end(c, c->result);
}

static const struct stream_events events = {.data = on_data, .closed = on_closed};

static void over(struct check *c, enum probe_result r)
{
    c->result = r;
    timer_stop(&c->timer, &c->loop->clock);
    stream_close(&c->socket.stream);
}

static enum probe_result refused(struct check *c)
{
    char to[ADDRESS_TEXT];

    return check_says(c, CHECK_REFUSED, "connecting to %s: %s",
                      address_format(&c->to, to), uv_strerror(c->socket.error));
}

static void on_connected(struct socket *s, enum err e)
{
    struct check *c = container_of(s, struct check, socket);

    over(c, e ? refused(c) : CHECK_PASSED);
}

static void on_timeout(struct timer *t)
{
    struct check *c = container_of(t, struct check, timer);
    char to[ADDRESS_TEXT];

    over(c, check_says(c, CHECK_TIMED_OUT, "connecting to %s: no answer in %llu ms",
                       address_format(&c->to, to), (unsigned long long)c->timeout_ms));
}

/* What failed at once still has a handle to close. */
static enum probe_result tcp_start(struct check *c)
{
    enum err e;

    socket_init(&c->socket, c->loop, &events);
    timer_init(&c->timer, on_timeout);
    e = socket_connect(&c->socket, &c->to, on_connected);
    if (e == ERR_LATER)
        timer_start(&c->timer, &c->loop->clock, c->timeout_ms);
    else
        over(c, e == ERR_CONNECT_FAILED ? refused(c)
                                        : check_says(c, CHECK_FAILED, "%s", err_text(e)));
    return CHECK_NONE;
}

static void tcp_cancel(struct check *c)
{
    over(c, CHECK_NONE);
}

const struct check_ops check_tcp = {.start = tcp_start, .cancel = tcp_cancel};
