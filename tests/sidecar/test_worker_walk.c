/* Random walks: clients and instances that say anything, stop, close and reset in any order, while lists, settings and
 * time change. Nothing is checked but that nothing breaks, and that at the end nothing is left.
 *
 *     WALK_SEED=17 build/asan/tests/sidecar/test_worker_walk     // that walk alone
 *     WALK_COUNT=5000 ...                                        // more of them
 */
#define _GNU_SOURCE /* accept4 */
#include "tests/lib/test.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "sidecar/connection.h"
#include "sidecar/worker_letters.h"
#include "tests/lib/fault_heap.h"
#include "tests/lib/sidecar/scene.h"

enum { CLIENTS = 6, SERVERS = 12, SITES = 2, STEPS = 300, WALKS = 150, COMMON = 5 };

static int clients[CLIENTS], servers[SERVERS];
static struct site sites[SITES];
static struct random dice;
static bool memory_fails;

/* clang-format off */
/* The first of each are the common ones. */
static const char *const said_by_clients[] = {
    "GET /users/x HTTP/1.1\r\nHost: localhost\r\n\r\n",
    "PUT /users/x HTTP/1.1\r\nHost: localhost\r\nContent-Length: 5\r\n\r\nhello",
    "GET /users/x HTTP/1.1\r\nHost: localhost\r\n\r\n",
    "GET /users/x HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n",
    "GET /users/x HTTP/1.0\r\nHost: localhost\r\n\r\n",
    "HEAD /users/x HTTP/1.1\r\nHost: localhost\r\n\r\n",
    "GET /late/x HTTP/1.1\r\nHost: localhost\r\n\r\n",
    "GET /made-up/x HTTP/1.1\r\nHost: localhost\r\n\r\n",
    "GET / HTTP/1.1\r\nHost: localhost\r\n\r\n",
    "GET /_csidecar/health HTTP/1.1\r\nHost: localhost\r\n\r\n",
    "POST /users/x HTTP/1.1\r\nHost: localhost\r\nContent-Length: 5\r\n\r\nhello",
    "POST /users/x HTTP/1.1\r\nHost: localhost\r\nContent-Length: 400000\r\n\r\n",
    "PUT /users/x HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n",
    "PUT /users/x HTTP/1.1\r\nHost: localhost\r\nExpect: 100-continue\r\nContent-Length: 3\r\n\r\n",
    "GET /users/x HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n",
    "GET /users/x HTTP/1.1\r\nHost: localhost\r\ncsidecar-timeout: 50ms\r\n\r\n",
    "GET /users/x HTTP/1.1\r\nHost: localhost\r\ncsidecar-instance: users-0\r\n\r\n",
    "GET http://127.0.0.1:9/ HTTP/1.1\r\nHost: x\r\n\r\n",
    "CONNECT users:80 HTTP/1.1\r\nHost: users:80\r\n\r\n",
    "5\r\nhello\r\n",
    "0\r\n\r\n",
    "0\r\nX: y\r\n\r\n",
    "GET /users/x HT",
    "TP/1.1\r\nHost: localhost\r\n",
    "\r\n",
    "garbage\r\n\r\n",
    "Bad : x\r\n",
    "abc",
};

static const char *const said_by_servers[] = {
    "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok",
    "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\nok",
    "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n",
    "HTTP/1.1 200 OK\r\n\r\n",
    "HTTP/1.1 200 OK\r\nContent-Length: 400000\r\n\r\n",
    "HTTP/1.1 204 No Content\r\n\r\n",
    "HTTP/1.1 503 Unwell\r\nContent-Length: 6\r\n\r\nunwell",
    "HTTP/1.1 503 Unwell\r\nRetry-After: 1\r\nContent-Length: 0\r\n\r\n",
    "HTTP/1.1 413 Large\r\nContent-Length: 0\r\n\r\n",
    "HTTP/1.1 100 Continue\r\n\r\n",
    "HTTP/1.1 103 Early Hints\r\n\r\n",
    "HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\r\n",
    "5\r\nhello\r\n",
    "0\r\n\r\n",
    "0\r\nX: y\r\n\r\n",
    "HTTP/1.1 200",
    " OK\r\n",
    "\r\n",
    "garbage\r\n\r\n",
    "abc",
};

static const char *const configurations[] = {
    "services: {users: {retries: {backoff: 0s}}}",
    "services: {users: {retries: {max: 5, backoff: 1ms}, balancer: round_robin}}",
    "services: {users: {limits: {in_flight: 1, waiting: 2}, retries: {max: 0}}}",
    "services: {users: {balancer: hash, timeout: 1s, outlier: {failures: 1, rest: 1s}}}",
    "services: {users: {balancer: ewma, idle_timeout: 1s, pool: {idle: 1}}}\nlog: {format: json}",
    "{limits: {body_rate: 1000, body_window: 1s}, egress: true}",
};
/* clang-format on */

static uint32_t roll(uint32_t sides)
{
    return random_below(&dice, sides);
}

#define one_of(texts) texts[roll(sizeof(texts) / sizeof(texts[0]))]

static int *any(int *fds, unsigned count)
{
    return &fds[roll(count)];
}

/* One that is connected, most times. */
static int *any_live(int *fds, unsigned count)
{
    int *fd = any(fds, count);

    for (unsigned looks = 0; *fd < 0 && looks < count; looks++)
        fd = any(fds, count);
    return fd;
}

static void let_go(int *fd, bool reset)
{
    struct linger now = {1, 0};

    if (*fd < 0)
        return;
    if (reset)
        setsockopt(*fd, SOL_SOCKET, SO_LINGER, &now, sizeof(now));
    close(*fd);
    *fd = -1;
}

static void say(int fd, const char *text)
{
    if (fd >= 0)
        (void)!send(fd, text, strlen(text), MSG_NOSIGNAL | MSG_DONTWAIT);
}

static void say_much(int fd)
{
    static char much[100000];

    memset(much, 'x', sizeof(much));
    if (fd >= 0)
        (void)!send(fd, much, sizeof(much), MSG_NOSIGNAL | MSG_DONTWAIT);
}

static void hear(int fd)
{
    static char much[300000];

    if (fd >= 0)
        (void)!recv(fd, much, sizeof(much), MSG_DONTWAIT);
}

static void connect_client(void)
{
    int *fd = any(clients, CLIENTS);

    let_go(fd, roll(2));
    *fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    (void)!connect(*fd, &scene.address.any, address_size(&scene.address));
}

static void accept_server(void)
{
    int *fd = any(servers, SERVERS);
    struct site *s = &sites[roll(SITES)];

    if (!site_is_called(s))
        return;
    let_go(fd, roll(2));
    *fd = accept4(s->fd, NULL, NULL, SOCK_CLOEXEC);
}

static void change_list(void)
{
    const char *name = roll(3) ? "users" : "late";

    if (roll(6) == 0)
        scene_list_unknown(name);
    else
        scene_list(name, sites, roll(SITES + 1));
}

static void let_time_pass(void)
{
    static const unsigned spans[] = {1, 5, 30, 60, 300, 1001, 2001, 16000, 31000};

    scene_wait(one_of(spans));
}

static void change_the_world(void)
{
    switch (roll(7)) {
    case 0:
        change_list();
        break;
    case 1:
        scene_configure(one_of(configurations));
        break;
    case 2:
        worker_take_forget(&scene.worker, roll(2) ? SLICE("users") : SLICE("late"));
        break;
    case 3:
        if (roll(60) == 0)
            worker_take_drain(&scene.worker, roll(2));
        break;
    default:
        let_time_pass();
    }
}

static void client_acts(void)
{
    int *fd = any_live(clients, CLIENTS);

    switch (roll(20)) {
    case 0:
        let_go(fd, roll(2));
        break;
    case 1:
        if (*fd >= 0)
            shutdown(*fd, SHUT_WR);
        break;
    case 2:
        say_much(*fd);
        break;
    case 3:
    case 4:
        hear(*fd);
        break;
    case 5:
    case 6:
    case 7:
        say(*fd, one_of(said_by_clients));
        break;
    default:
        say(*fd, said_by_clients[roll(COMMON)]);
    }
}

static void server_acts(void)
{
    int *fd = any_live(servers, SERVERS);

    switch (roll(16)) {
    case 0:
        let_go(fd, roll(2));
        break;
    case 1:
        if (*fd >= 0)
            shutdown(*fd, SHUT_WR);
        break;
    case 2:
        say_much(*fd);
        break;
    case 3:
        hear(*fd);
        break;
    case 4:
    case 5:
    case 6:
        say(*fd, one_of(said_by_servers));
        break;
    default:
        say(*fd, said_by_servers[roll(COMMON)]);
    }
}

static void step(void)
{
    switch (roll(10)) {
    case 0:
        connect_client();
        break;
    case 1:
    case 2:
        accept_server();
        break;
    case 3:
        change_the_world();
        break;
    case 4:
    case 5:
    case 6:
        server_acts();
        break;
    default:
        client_acts();
    }
    if (memory_fails && roll(4) == 0)
        fault_heap_fail_at(1 + roll(12));
    for (unsigned turns = roll(3); turns > 0; turns--)
        uv_run(&scene.worker.loop.uv, UV_RUN_NOWAIT);
    fault_heap_stop();
}

static void let_all_go(void)
{
    for (unsigned i = 0; i < CLIENTS; i++)
        let_go(&clients[i], roll(2));
    for (unsigned i = 0; i < SERVERS; i++)
        let_go(&servers[i], roll(2));
}

/* Within a minute of nobody being there. */
static void expect_nothing_left(uint64_t seed)
{
    for (unsigned i = 0; i < 60; i++) {
        scene_wait(1000);
        for (unsigned s = 0; s < SITES; s++) /* else connections stay in the backlog */
            while (site_is_called(&sites[s]))
                close(accept4(sites[s].fd, NULL, NULL, SOCK_CLOEXEC));
    }
    if (scene.worker.downstream_count || scene.worker.connection_count ||
        worker_busy_outbound(&scene.worker))
        fail_msg("walk %llu: %u clients, %u connections, %u requests are left",
                 (unsigned long long)seed, scene.worker.downstream_count,
                 scene.worker.connection_count, worker_busy_outbound(&scene.worker));
}

static void walk(uint64_t seed)
{
    random_init(&dice, seed);
    memset(clients, -1, sizeof(clients));
    memset(servers, -1, sizeof(servers));
    scene_open(one_of(configurations));
    for (unsigned i = 0; i < SITES; i++)
        site_open(&sites[i]);
    scene_list("users", sites, SITES);
    for (unsigned i = 0; i < STEPS; i++)
        step();
    if (roll(4)) {
        let_all_go();
        expect_nothing_left(seed);
    }
    scene_close();
    let_all_go();
    for (unsigned i = 0; i < SITES; i++)
        site_close(&sites[i]);
}

static uint64_t number(const char *name, uint64_t otherwise)
{
    const char *text = getenv(name);

    return text ? strtoull(text, NULL, 10) : otherwise;
}

static void walk_all(void)
{
    uint64_t seed = number("WALK_SEED", 0);

    if (seed) {
        walk(seed);
        return;
    }
    for (uint64_t i = 1; i <= number("WALK_COUNT", WALKS); i++)
        walk(i);
}

TEST(nothing_breaks_and_nothing_is_left)
{
    memory_fails = false;
    walk_all();
}

TEST(the_same_where_memory_fails_now_and_then)
{
    memory_fails = true;
    walk_all();
}

TESTS(RUN(nothing_breaks_and_nothing_is_left),
      RUN(the_same_where_memory_fails_now_and_then))
