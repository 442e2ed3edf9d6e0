/* Two workers on their own threads, and clients that may all meet the same one. */
#include "tests/lib/test.h"

#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "sidecar/core/log.h"
#include "sidecar/worker.h"
#include "transport/listener.h"

enum { WORKERS = 2, CLIENTS = 8, LONG_MS = 10000 };

static struct loop loop;
static struct mailbox control;
static struct settings *settings;
static struct worker workers[WORKERS];
static struct address address;
static int clients[CLIENTS], count;
static char path[64]; /* of a Unix socket */

static void on_want(void *owner, struct slice service)
{
    (void)owner;
    (void)service;
}

static const struct worker_events events = {.want = on_want};

static struct why *reason(void)
{
    static struct why why;

    why_init(&why);
    return &why;
}

static int test_setup(void **state)
{
    (void)state;
    count = 0;
    log_setup(LOG_OFF, LOG_TEXT, STDERR_FILENO);
    assert_int_equal(
        settings_parse(&settings, SLICE("proxy: {workers: 2}"), "test.yaml", reason()),
        ERR_OK);
    assert_int_equal(loop_open(&loop, 1024), ERR_OK);
    assert_int_equal(mailbox_open(&control, &loop, NULL), ERR_OK);
    for (unsigned i = 0; i < WORKERS; i++) {
        assert_int_equal(worker_start(&workers[i], i, WORKERS, settings, "test", &events,
                                      &control, NULL, reason()),
                         ERR_OK);
        workers[i].all = workers;
    }
    return 0;
}

static int test_teardown(void **state)
{
    (void)state;
    workers_stop(workers, WORKERS);
    while (count > 0)
        close(clients[--count]);
    mailbox_close(&control, NULL);
    loop_run(&loop);
    assert_int_equal(loop_close(&loop), ERR_OK);
    settings_unref(settings);
    return 0;
}

static void listen_with(unsigned worker, int fd, enum gateway_kind kind)
{
    assert_int_equal(worker_listen(&workers[worker], fd, kind, NULL, NULL), ERR_OK);
}

static void first_listens_at(const char *where, enum gateway_kind kind)
{
    int fd;

    assert_int_equal(address_parse(&address, slice_of(where), 0, reason()), ERR_OK);
    address_set_port(&address, 0);
    assert_int_equal(listener_bind(&address, false, &fd, reason()), ERR_OK);
    listen_with(0, fd, kind);
}

static unsigned seen(const unsigned *count_of_a_worker)
{
    return __atomic_load_n(count_of_a_worker, __ATOMIC_RELAXED);
}

static unsigned taken(unsigned worker)
{
    return seen(&workers[worker].clients);
}

static void wait_a_moment(unsigned *waited_ms)
{
    assert_true((*waited_ms)++ < LONG_MS);
    poll(NULL, 0, 1);
}

static void wait_for(unsigned total)
{
    unsigned ms = 0;

    while (taken(0) + taken(1) != total)
        wait_a_moment(&ms);
}

/* One socket, in the first worker; the other only takes what it is given. */
static void listen_at(const char *where, enum gateway_kind kind)
{
    unsigned ms = 0;

    first_listens_at(where, kind);
    listen_with(1, -1, kind);
    while (seen(&workers[1].ready) == 0)
        wait_a_moment(&ms);
}

static void connect_one(void)
{
    int fd = socket(address.any.sa_family, SOCK_STREAM | SOCK_CLOEXEC, 0);

    assert_int_equal(connect(fd, &address.any, address_size(&address)), 0);
    clients[count++] = fd;
}

static void connect_all(void)
{
    while (count < CLIENTS)
        connect_one();
    wait_for(CLIENTS);
}

static bool is_answered(int fd)
{
    static const char request[] = "GET / HTTP/1.1\r\nHost: localhost\r\n\r\n";
    char answer[64] = "";

    assert_int_equal(send(fd, request, strlen(request), MSG_NOSIGNAL), strlen(request));
    assert_true(recv(fd, answer, sizeof(answer) - 1, 0) > 0);
    return strncmp(answer, "HTTP/1.1 404", 12) == 0;
}

TEST(clients_of_one_socket_are_shared_evenly)
{
    listen_at("127.0.0.1:1", GATEWAY_LOCAL);
    connect_all();
    assert_int_equal(taken(0), CLIENTS / 2);
    assert_int_equal(taken(1), CLIENTS / 2);
}

TEST(clients_of_a_unix_socket_are_shared_evenly)
{
    snprintf(path, sizeof(path), "unix:/tmp/handover-%d.sock", (int)getpid());
    listen_at(path, GATEWAY_UNIX);
    connect_all();
    assert_int_equal(taken(0), CLIENTS / 2);
    assert_int_equal(taken(1), CLIENTS / 2);
}

TEST(who_was_handed_over_is_answered)
{
    listen_at("127.0.0.1:1", GATEWAY_LOCAL);
    connect_all();
    for (int i = 0; i < CLIENTS; i++)
        assert_true(is_answered(clients[i]));
}

TEST(who_has_lost_its_clients_gets_the_next)
{
    unsigned before;

    listen_at("127.0.0.1:1", GATEWAY_LOCAL);
    connect_all();
    close(clients[--count]);
    wait_for(CLIENTS - 1);
    before = taken(0) < taken(1) ? 0 : 1;
    connect_one();
    wait_for(CLIENTS);
    assert_int_equal(taken(before), CLIENTS / 2);
}

TEST(nobody_hands_over_to_a_worker_that_does_not_listen)
{
    first_listens_at("127.0.0.1:1", GATEWAY_LOCAL);
    connect_all();
    assert_int_equal(taken(0), CLIENTS);
}

/* They are on their way when everything ends: nothing leaks, nobody posts to a letter box that is gone. */
TEST(they_end_with_clients_on_their_way)
{
    listen_at("127.0.0.1:1", GATEWAY_LOCAL);
    while (count < CLIENTS)
        connect_one();
}

TESTS(RUN_WITH(clients_of_one_socket_are_shared_evenly),
      RUN_WITH(clients_of_a_unix_socket_are_shared_evenly),
      RUN_WITH(who_was_handed_over_is_answered),
      RUN_WITH(who_has_lost_its_clients_gets_the_next),
      RUN_WITH(nobody_hands_over_to_a_worker_that_does_not_listen),
      RUN_WITH(they_end_with_clients_on_their_way))
