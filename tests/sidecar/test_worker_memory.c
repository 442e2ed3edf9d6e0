/* Each allocation of a request fails in turn: an answer or a clean end, never a crash, a leak or a wait. The test itself
 * allocates nothing meanwhile. */
#define _GNU_SOURCE /* memmem */
#include "tests/lib/test.h"

#include <poll.h>
#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

#include "tests/lib/fault_heap.h"
#include "tests/lib/sidecar/scene.h"

enum { PATIENCE_MS = 3000, WIRE = 4 * 1024 * 1024 };

struct wire {
    int fd; /* -1: not connected, or ended */
    size_t size;
    char text[WIRE];
};

static struct site site;
static struct peer client;
static struct wire to_server, to_client;

/* What the client says in pieces, the instance answers, and when either has it all. */
struct script {
    const char *pieces[4];
    const char *request_ends;
    const char *answer;
    const char *answer_ends;
};

static const struct script *script;

static void take(struct wire *w)
{
    ssize_t n;

    while (w->fd >= 0) {
        n = recv(w->fd, w->text + w->size, WIRE - w->size, MSG_DONTWAIT);
        if (n < 0)
            return;
        if (n == 0)
            w->fd = -1;
        w->size += (size_t)n;
    }
}

static bool has(const struct wire *w, const char *text)
{
    return memmem(w->text, w->size, text, strlen(text)) != NULL;
}

static void say(int fd, const char *text)
{
    (void)!send(fd, text, strlen(text), MSG_NOSIGNAL | MSG_DONTWAIT);
}

static void serve(int *server, bool *answered)
{
    if (site_is_called(&site)) {
        if (*server >= 0)
            close(*server);
        *server = accept4(site.fd, NULL, NULL, SOCK_CLOEXEC);
        to_server = (struct wire){.fd = *server};
        *answered = false;
    }
    take(&to_server);
    if (*answered || *server < 0 || !has(&to_server, script->request_ends))
        return;
    *answered = true;
    say(*server, script->answer);
}

static bool is_over(void)
{
    take(&to_client);
    return to_client.fd < 0 || has(&to_client, script->answer_ends) ||
           has(&to_client, "HTTP/1.1 503");
}

/* Turns the loop until the client knows; false: it never does. */
static bool play(void)
{
    struct loop *l = &scene.worker.loop;
    uint64_t end = uv_hrtime() / 1000000 + PATIENCE_MS;
    int server = -1;
    bool answered = false;
    unsigned piece = 0;

    while (!is_over() && uv_hrtime() / 1000000 < end) {
        if (piece < 4 && script->pieces[piece])
            say(client.fd, script->pieces[piece++]);
        uv_run(&l->uv, UV_RUN_NOWAIT);
        serve(&server, &answered);
        poll(NULL, 0, 1);
    }
    if (server >= 0)
        close(server);
    return uv_hrtime() / 1000000 < end;
}

static void with_memory_until(unsigned n, bool *refused)
{
    bool ended;

    scene_open("{services: {users: {retries: {backoff: 0s}}}}");
    site_open(&site);
    scene_list("users", &site, 1);
    scene_client(&client);
    to_client = (struct wire){.fd = client.fd};
    to_server = (struct wire){.fd = -1};
    fault_heap_fail_at(n);
    ended = play();
    *refused = fault_heap_stop();
    if (!ended)
        fail_msg("nobody answered when allocation %u failed", n);
    if (!*refused)
        assert_true(has(&to_client, script->answer_ends));
    peer_close(&client);
    scene_close();
    site_close(&site);
}

static void play_all(const struct script *s)
{
    bool refused = true;
    unsigned n = 0;

    script = s;
    while (refused)
        with_memory_until(++n, &refused);
    assert_true(n > 1);
}

TEST(a_request_with_chunks_and_trailers)
{
    static const struct script s = {
        .pieces = {"PUT /users/x HTTP/1.1\r\nHost: localhost\r\nTransfer-Enc",
                   "oding: chunked\r\n\r\n5\r\nhello\r\n", "5\r\nworld\r\n0\r\nX: y\r\n",
                   "\r\n"},
        .request_ends = "X: y\r\n\r\n",
        .answer = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n"
                  "Z: end\r\n\r\n",
        .answer_ends = "Z: end\r\n\r\n",
    };

    play_all(&s);
}

TEST(an_answer_larger_than_the_kernel_takes)
{
    static char big[3 * 1024 * 1024];
    static struct script s = {
        .pieces = {"GET /users/x HTTP/1.1\r\nHost: localhost\r\n\r\n"},
        .request_ends = "\r\n\r\n",
        .answer_ends = "the end",
    };
    int at =
        snprintf(big, sizeof(big), "HTTP/1.1 200 OK\r\nContent-Length: 2500007\r\n\r\n");

    memset(big + at, 'x', 2500000);
    strcpy(big + at + 2500000, "the end");
    s.answer = big;
    play_all(&s);
}

TEST(a_websocket)
{
    static const struct script s = {
        .pieces = {"GET /users/x HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade\r\n"
                   "Upgrade: websocket\r\n\r\nfirst"},
        .request_ends = "\r\n\r\n",
        .answer = "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\n"
                  "Upgrade: websocket\r\n\r\nhello",
        .answer_ends = "hello",
    };

    play_all(&s);
}

TEST(refusals_of_our_own)
{
    static const struct script s = {
        .pieces = {"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n"
                   "GET /users/x HTTP/1.1\r\nHost: evil.example\r\n\r\n", "GET /users/x HTTP/1.1\r\nBad : field\r\n\r\n"},
        .request_ends = "never",
        .answer = "",
        .answer_ends = "HTTP/1.1 400",
    };

    play_all(&s);
}

TEST(a_service_that_is_not_known_yet)
{
    static const struct script s = {
        .pieces = {"GET /made-up/x HTTP/1.1\r\nHost: localhost\r\n"
                   "csidecar-timeout: 50ms\r\n\r\n"},
        .request_ends = "never",
        .answer = "",
        .answer_ends = "registry_unavailable",
    };

    play_all(&s);
}

TESTS(RUN(a_request_with_chunks_and_trailers),
      RUN(an_answer_larger_than_the_kernel_takes), RUN(a_websocket),
      RUN(refusals_of_our_own), RUN(a_service_that_is_not_known_yet))
