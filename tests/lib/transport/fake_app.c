#define _GNU_SOURCE /* accept4 */
#include "tests/lib/transport/fake_app.h"

#include <unistd.h>

#include "tests/lib/test.h"
#include "tests/lib/transport/loops.h"

static void on_connection(uv_poll_t *poll, int status, int events)
{
    struct fake_app *a = poll->data;
    int fd = accept4(a->fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);

    (void)status;
    (void)events;
    if (fd < 0)
        return;
    assert_in_range(a->connections, 0, FAKE_APP_CONNECTIONS - 1);
    a->accepted[a->connections++] = fd;
    if (a->answer)
        assert_int_equal(write(fd, a->answer, strlen(a->answer)), strlen(a->answer));
}

static void listen_again(struct fake_app *a)
{
    int on = 1;

    a->fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    assert_true(a->fd >= 0);
    setsockopt(a->fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
    assert_int_equal(bind(a->fd, &a->address.any, sizeof(a->address.v4)), 0);
    assert_int_equal(listen(a->fd, 64), 0);
    uv_poll_init(&a->loop->uv, &a->poll, a->fd);
    a->poll.data = a;
    uv_poll_start(&a->poll, UV_READABLE, on_connection);
    a->listening = true;
}

void fake_app_open(struct fake_app *a, struct loop *l, const char *answer)
{
    socklen_t size = sizeof(a->address.v4);

    *a = (struct fake_app){.loop = l, .answer = answer};
    address_from_ip(&a->address, SLICE("127.0.0.1"), 0);
    listen_again(a);
    assert_int_equal(getsockname(a->fd, &a->address.any, &size), 0);
}

void fake_app_gone(struct fake_app *a)
{
    if (!a->listening)
        return;
    a->listening = false;
    uv_close((uv_handle_t *)&a->poll, NULL);
    loop_settle(a->loop);
    close(a->fd);
}

void fake_app_back(struct fake_app *a)
{
    if (!a->listening)
        listen_again(a);
}

void fake_app_close(struct fake_app *a)
{
    fake_app_gone(a);
    for (unsigned i = 0; i < a->connections; i++)
        close(a->accepted[i]);
}

void loop_passes(struct loop *l, uint64_t ms)
{
    uint64_t until = loop_now(l) + ms;

    loop_settle(l);
    while (clock_next(&l->clock) <= until) {
        uint64_t next = clock_next(&l->clock);

        clock_advance(&l->clock, next > loop_now(l) ? next : loop_now(l));
        loop_settle(l);
    }
    clock_advance(&l->clock, until);
    loop_settle(l);
}
