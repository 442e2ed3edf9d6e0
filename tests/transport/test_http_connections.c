/* Calls that keep their connections for one another. */
#include "transport/http_connections.h"

#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "tests/lib/test.h"
#include "tests/lib/transport/peer.h"
#include "transport/http_client.h"

static struct fixture {
    struct loop loop;
    struct http_connections *connections;
    struct client_target server;
    int listening;
    struct peer peer;
    struct http_call call;
    enum err result;
    bool answered, closed;
} at;

static void on_answered(struct http_call *c, enum err e)
{
    (void)c;
    assert_false(at.answered);
    at.answered = true;
    at.result = e;
}

static void on_connections_closed(void *owner)
{
    assert_ptr_equal(owner, &at);
    at.closed = true;
}

static int test_setup(void **state)
{
    struct address a;
    socklen_t size = sizeof(a);

    (void)state;
    at = (struct fixture){.peer.fd = -1};
    assert_int_equal(loop_open(&at.loop, 0), ERR_OK);
    assert_int_equal(http_connections_open(&at.connections, &at.loop), ERR_OK);
    assert_int_equal(address_parse(&a, SLICE("127.0.0.1:0"), 0, NULL), ERR_OK);
    at.listening = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
    assert_int_equal(bind(at.listening, &a.any, address_size(&a)), 0);
    assert_int_equal(listen(at.listening, 8), 0);
    assert_int_equal(getsockname(at.listening, &a.any, &size), 0);
    at.server =
        (struct client_target){.host = SLICE("localhost"), .port = address_port(&a)};
    at.call = (struct http_call){
        .server = &at.server, .connections = at.connections, .answered = on_answered};
    return 0;
}

static int test_teardown(void **state)
{
    (void)state;
    http_call_fini(&at.call);
    http_connections_close(at.connections, on_connections_closed, &at);
    assert_false(at.closed);
    loop_until(&at.loop, &at.closed);
    if (at.peer.fd >= 0)
        peer_close(&at.peer);
    close(at.listening);
    assert_int_equal(loop_close(&at.loop), ERR_OK);
    return 0;
}

static bool somebody_waits(void *unused)
{
    int fd = accept(at.listening, NULL, NULL);

    (void)unused;
    if (fd < 0)
        return false;
    if (at.peer.fd >= 0)
        peer_close(&at.peer);
    peer_adopt(&at.peer, &at.loop, fd);
    return true;
}

static void start(void)
{
    at.answered = false;
    assert_int_equal(http_call_start(&at.call, &at.loop), ERR_LATER);
    assert_false(at.answered);
}

static void accept_one(void)
{
    loop_until_true(&at.loop, somebody_waits, NULL);
    peer_expect(&at.peer, "\r\n\r\n");
    peer_forget(&at.peer);
}

static void answer(const char *text)
{
    peer_send(&at.peer, text);
    loop_until(&at.loop, &at.answered);
}

static const char fine[] = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";

static void keep_one(void)
{
    start();
    accept_one();
    answer(fine);
    assert_int_equal(at.result, ERR_OK);
}

TEST(the_next_call_uses_the_same_connection)
{
    keep_one();
    for (int i = 0; i < 3; i++) {
        start();
        peer_expect(&at.peer, "\r\n\r\n");
        peer_forget(&at.peer);
        answer(fine);
        assert_int_equal(at.result, ERR_OK);
    }
}

TEST(the_request_does_not_ask_for_the_end)
{
    start();
    loop_until_true(&at.loop, somebody_waits, NULL);
    peer_expect(&at.peer, "\r\n\r\n");
    assert_false(peer_has(&at.peer, "Connection:"));
    assert_true(peer_has(&at.peer, "Host: localhost:"));
    answer(fine);
}

TEST(one_that_closed_meanwhile_is_not_used)
{
    keep_one();
    peer_finish(&at.peer);
    loop_settle(&at.loop);
    keep_one();
}

/* The FIN and the request cross: nothing of an answer came. */
TEST(one_that_closes_at_the_request_is_replaced_once)
{
    keep_one();
    start();
    peer_expect(&at.peer, "\r\n\r\n");
    peer_reset(&at.peer);
    at.peer.fd = -1;
    accept_one();
    answer(fine);
    assert_int_equal(at.result, ERR_OK);
}

TEST(a_part_of_an_answer_is_no_reason_to_ask_again)
{
    keep_one();
    start();
    peer_expect(&at.peer, "\r\n\r\n");
    peer_send(&at.peer, "HTTP/1.1 200");
    loop_settle(&at.loop);
    peer_finish(&at.peer);
    loop_until(&at.loop, &at.answered);
    assert_int_equal(at.result, ERR_UPSTREAM_RESET);
}

TEST(what_ends_with_the_connection_is_not_kept)
{
    static const char *const ends[] = {
        "HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 0\r\n\r\n",
        "HTTP/1.0 200 OK\r\nContent-Length: 0\r\n\r\n"};

    for (int i = 0; i < 2; i++) {
        start();
        accept_one();
        answer(ends[i]);
        assert_int_equal(at.result, ERR_OK);
        peer_expect_end(&at.peer);
    }
}

TEST(more_than_the_answer_makes_it_unfit)
{
    start();
    accept_one();
    answer("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\nHTTP/1.1 200 OK\r\n");
    assert_int_equal(at.result, ERR_OK);
    peer_expect_end(&at.peer);
}

TEST(what_was_cancelled_is_not_kept)
{
    start();
    accept_one();
    http_call_cancel(&at.call);
    loop_until(&at.loop, &at.answered);
    assert_int_equal(at.result, ERR_CANCELLED);
    peer_expect_end(&at.peer);
}

static bool other_waits(void *other)
{
    int fd = accept(at.listening, NULL, NULL);

    if (fd >= 0)
        peer_adopt(other, &at.loop, fd);
    return fd >= 0;
}

/* A second connection is kept beside the first; `other` is its end. */
static void keep_another(struct peer *other)
{
    struct http_call second = {
        .server = &at.server, .connections = at.connections, .answered = on_answered};

    start();
    peer_expect(&at.peer, "\r\n\r\n");
    peer_forget(&at.peer);
    assert_int_equal(http_call_start(&second, &at.loop), ERR_LATER);
    loop_until_true(&at.loop, other_waits, other);
    peer_expect(other, "\r\n\r\n");
    peer_send(other, fine);
    loop_until(&at.loop, &at.answered);
    at.answered = false;
    http_call_fini(&second);
    answer(fine);
}

TEST(when_one_is_silent_for_too_long_the_others_to_that_server_go)
{
    struct peer other = {.fd = -1};

    keep_one();
    keep_another(&other);
    at.call.timeout_ms = 20;
    start();
    loop_until(&at.loop, &at.answered);
    assert_int_equal(at.result, ERR_TIMEOUT);
    peer_expect_end(&other);
    peer_expect_end(&at.peer);
    peer_close(&other);
}

TESTS(RUN_WITH(the_next_call_uses_the_same_connection),
      RUN_WITH(the_request_does_not_ask_for_the_end),
      RUN_WITH(one_that_closed_meanwhile_is_not_used),
      RUN_WITH(one_that_closes_at_the_request_is_replaced_once),
      RUN_WITH(a_part_of_an_answer_is_no_reason_to_ask_again),
      RUN_WITH(what_ends_with_the_connection_is_not_kept),
      RUN_WITH(more_than_the_answer_makes_it_unfit),
      RUN_WITH(what_was_cancelled_is_not_kept),
      RUN_WITH(when_one_is_silent_for_too_long_the_others_to_that_server_go))
