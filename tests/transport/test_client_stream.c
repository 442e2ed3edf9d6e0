/* Connections to HOST:PORT: names, addresses that do not answer, and ends at every moment. */
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "tests/lib/test.h"
#include "tests/lib/transport/peer.h"
#include "transport/client_stream.h"
#include "transport/listener.h"

static struct wire {
    struct loop loop;
    struct client_stream stream;
    struct text in;
    enum err result, end;
    bool told, ended, closed, inside;
    int listening;
    struct address address;
} wire;

static void on_data(struct stream *s, struct slice bytes)
{
    assert_ptr_equal(s, &wire.stream.stream);
    text_add(&wire.in, bytes);
}

static void on_ended(struct stream *s, enum err e)
{
    assert_ptr_equal(s, &wire.stream.stream);
    wire.ended = true;
    wire.end = e;
}

static void on_closed(struct stream *s)
{
    assert_ptr_equal(s, &wire.stream.stream);
    assert_false(wire.inside);
    assert_false(wire.closed);
    wire.closed = true;
}

static const struct stream_events events = {on_data, NULL, on_ended, on_closed};

static void on_connected(struct client_stream *s, enum err e)
{
    assert_ptr_equal(s, &wire.stream);
    assert_false(wire.inside);
    assert_false(wire.told);
    wire.told = true;
    wire.result = e;
}

static int test_setup(void **state)
{
    (void)state;
    wire = (struct wire){.listening = -1};
    text_init(&wire.in, 1024 * 1024);
    assert_int_equal(loop_open(&wire.loop, 0), ERR_OK);
    assert_int_equal(client_stream_init(&wire.stream, &wire.loop, &events), ERR_OK);
    return 0;
}

static void close_stream(void)
{
    wire.inside = true;
    stream_close(&wire.stream.stream);
    wire.inside = false;
    loop_until(&wire.loop, &wire.closed);
}

static int test_teardown(void **state)
{
    (void)state;
    if (!wire.closed)
        close_stream();
    if (wire.listening >= 0)
        close(wire.listening);
    text_fini(&wire.in);
    assert_int_equal(loop_close(&wire.loop), ERR_OK);
    return 0;
}

/* Listens on a free port of this address. */
static unsigned listen_at(const char *ip)
{
    assert_int_equal(address_from_ip(&wire.address, slice_of(ip), 0), ERR_OK);
    assert_int_equal(listener_bind(&wire.address, false, &wire.listening, NULL), ERR_OK);
    return address_port(&wire.address);
}

static enum err connect_to(const char *host, unsigned port)
{
    struct client_target to = {.host = slice_of(host), .port = port};
    enum err e;

    wire.inside = true;
    e = client_stream_connect(&wire.stream, &to, on_connected);
    wire.inside = false;
    return e;
}

static enum err result_of(const char *host, unsigned port)
{
    assert_int_equal(connect_to(host, port), ERR_LATER);
    loop_until(&wire.loop, &wire.told);
    return wire.result;
}

static struct peer accepted(void)
{
    struct peer p;
    int fd = accept(wire.listening, NULL, NULL);

    assert_true(fd >= 0);
    peer_adopt(&p, &wire.loop, fd);
    return p;
}

static bool has_come(void *text)
{
    return wire.in.base && strstr(wire.in.base, text);
}

TEST(bytes_go_both_ways_and_the_end_is_told)
{
    struct peer p;

    assert_int_equal(result_of("127.0.0.1", listen_at("127.0.0.1")), ERR_OK);
    p = accepted();
    assert_int_equal(stream_write(&wire.stream.stream, SLICE("hello")), ERR_OK);
    peer_expect(&p, "hello");
    peer_send(&p, "there");
    loop_until_true(&wire.loop, has_come, (char[]){"there"});
    peer_close(&p);
    loop_until(&wire.loop, &wire.ended);
    assert_int_equal(wire.end, ERR_OK);
}

TEST(a_name_is_looked_up)
{
    assert_int_equal(result_of("localhost", listen_at("127.0.0.1")), ERR_OK);
    assert_true(address_is_loopback(&wire.stream.peer));
}

TEST(brackets_round_an_ipv6_address_are_fine)
{
    assert_int_equal(result_of("[::1]", listen_at("::1")), ERR_OK);
}

TEST(a_unix_path_is_fine)
{
    char path[64];

    snprintf(path, sizeof(path), "unix:/tmp/csidecar-test-%d.sock", (int)getpid());
    assert_int_equal(address_parse(&wire.address, slice_of(path), 0, NULL), ERR_OK);
    assert_int_equal(listener_bind(&wire.address, false, &wire.listening, NULL), ERR_OK);
    assert_int_equal(result_of(path, 0), ERR_OK);
    unlink(path + 5);
}

TEST(a_name_nobody_has_is_said)
{
    assert_int_equal(result_of("no-such-host.invalid", 80), ERR_CONNECT_FAILED);
    assert_non_null(strstr(wire.stream.why.text, "no-such-host.invalid"));
}

TEST(a_refusal_is_said)
{
    unsigned port = listen_at("127.0.0.1");
    char text[64];

    close(wire.listening);
    wire.listening = -1;
    assert_int_equal(result_of("127.0.0.1", port), ERR_CONNECT_FAILED);
    snprintf(text, sizeof(text), "127.0.0.1:%u: connection refused", port);
    assert_string_equal(wire.stream.why.text, text);
}

TEST(writing_before_it_is_connected_is_refused)
{
    connect_to("127.0.0.1", listen_at("127.0.0.1"));
    assert_int_equal(stream_write(&wire.stream.stream, SLICE("x")), ERR_CLOSED);
}

TEST(it_may_be_closed_before_anything)
{
    close_stream();
    assert_false(wire.told);
}

TEST(it_may_be_closed_while_a_name_is_looked_up)
{
    connect_to("localhost", 80);
    close_stream();
    assert_false(wire.told);
}

TEST(it_may_be_closed_while_it_connects)
{
    connect_to("127.0.0.1", listen_at("127.0.0.1"));
    close_stream();
    assert_false(wire.told);
}

TEST(it_may_be_closed_after_a_failure)
{
    result_of("no-such-host.invalid", 80);
    close_stream();
}

TESTS(RUN_WITH(bytes_go_both_ways_and_the_end_is_told), RUN_WITH(a_name_is_looked_up),
      RUN_WITH(brackets_round_an_ipv6_address_are_fine), RUN_WITH(a_unix_path_is_fine),
      RUN_WITH(a_name_nobody_has_is_said), RUN_WITH(a_refusal_is_said),
      RUN_WITH(writing_before_it_is_connected_is_refused),
      RUN_WITH(it_may_be_closed_before_anything),
      RUN_WITH(it_may_be_closed_while_a_name_is_looked_up),
      RUN_WITH(it_may_be_closed_while_it_connects),
      RUN_WITH(it_may_be_closed_after_a_failure))
