#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "tests/lib/test.h"
#include "tests/lib/transport/peer.h"
#include "transport/listener.h"

/* A socket of ours, accepted from a listener, and a plain descriptor at the other end. */
static struct wire {
    struct loop loop;
    struct listener listener;
    struct socket socket;
    struct peer peer;
    struct text in;
    enum err end;
    unsigned reads, drains;
    bool accepted, ended, closed, listener_closed, drained;
    void (*in_data)(struct slice bytes);
} wire;

static void on_data(struct stream *s, struct slice bytes)
{
    (void)s;
    wire.reads++;
    text_add(&wire.in, bytes);
    if (wire.in_data)
        wire.in_data(bytes);
}

static void on_drained(struct stream *s)
{
    assert_true(stream_queued(s) <= STREAM_LOW_WATER);
    wire.drains++;
    wire.drained = true;
}

static void on_ended(struct stream *s, enum err e)
{
    (void)s;
    assert_false(wire.ended);
    wire.ended = true;
    wire.end = e;
}

static void on_closed(struct stream *s)
{
    (void)s;
    assert_false(wire.closed);
    wire.closed = true;
}

static const struct stream_events events = {on_data, on_drained, on_ended, on_closed};

static struct socket *offer(struct listener *l)
{
    if (wire.accepted)
        return NULL;
    socket_init(&wire.socket, l->loop, &events);
    return &wire.socket;
}

static void on_accepted(struct listener *l, struct socket *s)
{
    (void)l;
    assert_ptr_equal(s, &wire.socket);
    wire.accepted = true;
}

static void on_listener_closed(struct listener *l)
{
    (void)l;
    wire.listener_closed = true;
}

static struct stream *ours(void)
{
    return &wire.socket.stream;
}

static void wire_open_at(const char *address)
{
    struct address a;

    wire = (struct wire){
        .listener = {.offer = offer, .accepted = on_accepted}
    };
    text_init(&wire.in, 64 * 1024 * 1024);
    assert_int_equal(address_parse(&a, slice_of(address), 0, NULL), ERR_OK);
    assert_int_equal(loop_open(&wire.loop, 0), ERR_OK);
    assert_int_equal(listener_listen(&wire.listener, &wire.loop, &a, NULL), ERR_OK);
    peer_connect(&wire.peer, &wire.loop, &wire.listener.address);
    loop_until(&wire.loop, &wire.accepted);
}

static void wire_open(void)
{
    wire_open_at("127.0.0.1:0");
}

static void wire_close(void)
{
    listener_close(&wire.listener, on_listener_closed);
    stream_close(ours());
    loop_until(&wire.loop, &wire.closed);
    loop_until(&wire.loop, &wire.listener_closed);
    if (wire.peer.fd >= 0)
        peer_close(&wire.peer);
    text_fini(&wire.in);
    assert_int_equal(loop_close(&wire.loop), ERR_OK);
}

static bool came(void *text)
{
    return wire.in.size && strstr(wire.in.base, text);
}

static void until_came(const char *text)
{
    loop_until_true(&wire.loop, came, (void *)(uintptr_t)text);
}

/* --- reading --- */

TEST(hands_over_what_comes)
{
    wire_open();
    peer_send(&wire.peer, "hello");
    until_came("hello");
    wire_close();
}

TEST(says_nothing_while_reading_is_off)
{
    wire_open();
    stream_read(ours(), false);
    peer_send(&wire.peer, "hello");
    loop_settle(&wire.loop);
    assert_int_equal(wire.reads, 0);
    stream_read(ours(), true);
    until_came("hello");
    wire_close();
}

static void stop_reading(struct slice bytes)
{
    (void)bytes;
    stream_read(ours(), false);
}

TEST(reading_can_be_switched_off_from_inside_data)
{
    static char big[4 * LOOP_READ_BUFFER];

    wire_open();
    wire.in_data = stop_reading;
    peer_send_slice(&wire.peer, slice_from(big, sizeof(big)));
    loop_settle(&wire.loop);
    assert_int_equal(wire.reads, 1);
    wire_close();
}

static void close_now(struct slice bytes)
{
    (void)bytes;
    stream_close(ours());
    assert_false(wire.closed);
}

TEST(can_be_closed_from_inside_data)
{
    wire_open();
    wire.in_data = close_now;
    peer_send(&wire.peer, "hello");
    loop_until(&wire.loop, &wire.closed);
    assert_int_equal(wire.reads, 1);
    assert_false(wire.ended);
    wire_close();
}

/* --- ends --- */

TEST(tells_a_clean_end_and_can_still_write)
{
    wire_open();
    peer_send(&wire.peer, "question");
    peer_finish(&wire.peer);
    loop_until(&wire.loop, &wire.ended);
    assert_int_equal(wire.end, ERR_OK);
    assert_int_equal(stream_write(ours(), SLICE("answer")), ERR_OK);
    peer_expect(&wire.peer, "answer");
    wire_close();
}

TEST(tells_a_reset)
{
    wire_open();
    peer_reset(&wire.peer);
    loop_until(&wire.loop, &wire.ended);
    assert_int_equal(wire.end, ERR_RESET);
    assert_int_not_equal(stream_write(ours(), SLICE("answer")), ERR_OK);
    wire_close();
}

TEST(closing_is_silent_and_flushes_nothing_more)
{
    wire_open();
    stream_close(ours());
    assert_false(wire.closed);
    assert_int_equal(stream_write(ours(), SLICE("late")), ERR_CLOSED);
    stream_close(ours());
    loop_until(&wire.loop, &wire.closed);
    peer_expect_end(&wire.peer);
    assert_false(wire.peer.reset || wire.ended);
    wire_close();
}

TEST(aborting_resets_the_connection)
{
    wire_open();
    stream_abort(ours());
    loop_until(&wire.loop, &wire.closed);
    peer_expect_end(&wire.peer);
    assert_true(wire.peer.reset);
    wire_close();
}

TEST(aborting_resets_even_after_a_fin)
{
    wire_open();
    stream_finish(ours());
    peer_expect_end(&wire.peer);
    stream_abort(ours());
    loop_until(&wire.loop, &wire.closed);
    assert_true(send(wire.peer.fd, "x", 1, MSG_NOSIGNAL) < 0);
    wire_close();
}

TEST(finishing_sends_a_fin_and_goes_on_reading)
{
    wire_open();
    assert_int_equal(stream_write(ours(), SLICE("bye")), ERR_OK);
    stream_finish(ours());
    assert_int_equal(stream_write(ours(), SLICE("late")), ERR_CLOSED);
    peer_expect(&wire.peer, "bye");
    peer_expect_end(&wire.peer);
    assert_false(wire.peer.reset);
    peer_send(&wire.peer, "still here");
    until_came("still here");
    wire_close();
}

/* --- writing --- */

TEST(writes_slices_at_once_without_queueing)
{
    struct slice slices[] = {SLICE("one "), SLICE(""), SLICE("two "), SLICE("three")};
    size_t sent = 0;

    wire_open();
    assert_int_equal(stream_writev(ours(), slices, 4, &sent), ERR_OK);
    assert_int_equal(sent, 13);
    assert_int_equal(stream_queued(ours()), 0);
    assert_null(wire.socket.request);
    assert_true(peer_has(&wire.peer, "one two three"));
    assert_int_equal(stream_writev(ours(), slices + 1, 1, &sent), ERR_OK);
    assert_int_equal(sent, 0);
    wire_close();
}

/* Writes until more than `waiting` bytes are queued; the bytes count up. Returns how many
 * in all. */
static size_t write_until_queued(size_t waiting)
{
    static unsigned char piece[100003];
    size_t total = 0;

    while (stream_queued(ours()) <= waiting) {
        struct slice all = slice_from((char *)piece, sizeof(piece));
        struct slice three[] = {slice_first(all, 40000), slice_from(all.base + 40000, 7),
                                slice_after(all, 40007)};

        for (size_t i = 0; i < sizeof(piece); i++)
            piece[i] = (unsigned char)((total + i) % 251);
        assert_int_equal(stream_writev(ours(), three, 3, NULL), ERR_OK);
        total += sizeof(piece);
    }
    return total;
}

static void expect_counting(size_t total)
{
    peer_expect_bytes(&wire.peer, total);
    assert_int_equal(wire.peer.in.size, total);
    for (size_t i = 0; i < total; i++)
        if ((unsigned char)wire.peer.in.base[i] != i % 251)
            fail_msg("byte %zu is wrong", i);
}

TEST(queues_what_the_kernel_refuses_and_keeps_the_order)
{
    size_t total;

    wire_open();
    total = write_until_queued(3 * QUEUE_CHUNK);
    assert_false(wire.drained); /* never from inside a call */
    expect_counting(total);
    loop_settle(&wire.loop);
    assert_int_equal(stream_queued(ours()), 0);
    assert_null(wire.socket.request);
    wire_close();
}

TEST(says_drained_once_when_it_was_full)
{
    size_t total;

    wire_open();
    total = write_until_queued(STREAM_HIGH_WATER);
    assert_true(stream_full(ours()));
    expect_counting(total);
    loop_until(&wire.loop, &wire.drained);
    loop_settle(&wire.loop);
    assert_int_equal(wire.drains, 1);
    wire_close();
}

TEST(does_not_say_drained_when_it_was_never_full)
{
    size_t total;

    wire_open();
    total = write_until_queued(0);
    assert_false(stream_full(ours()));
    expect_counting(total);
    loop_settle(&wire.loop);
    assert_int_equal(wire.drains, 0);
    wire_close();
}

TEST(sends_the_fin_after_what_is_queued)
{
    size_t total;

    wire_open();
    total = write_until_queued(STREAM_HIGH_WATER);
    stream_finish(ours());
    loop_settle(&wire.loop);
    assert_false(wire.peer.ended);
    expect_counting(total);
    peer_expect_end(&wire.peer);
    assert_int_equal(wire.peer.in.size, total);
    assert_false(wire.peer.reset);
    wire_close();
}

TEST(closes_with_bytes_still_queued)
{
    wire_open();
    write_until_queued(STREAM_HIGH_WATER);
    stream_close(ours());
    loop_until(&wire.loop, &wire.closed);
    assert_false(wire.drained || wire.ended);
    wire_close();
}

TEST(reports_a_queued_write_that_failed_even_while_not_reading)
{
    wire_open();
    stream_read(ours(), false);
    write_until_queued(STREAM_HIGH_WATER);
    peer_reset(&wire.peer);
    loop_until(&wire.loop, &wire.ended);
    assert_int_equal(wire.end, ERR_RESET);
    assert_int_equal(stream_queued(ours()), 0);
    wire_close();
}

TEST(a_writer_who_waits_learns_of_a_reset_after_a_clean_end)
{
    wire_open();
    peer_finish(&wire.peer);
    loop_until(&wire.loop, &wire.ended);
    write_until_queued(STREAM_HIGH_WATER);
    peer_reset(&wire.peer);
    loop_until(&wire.loop, &wire.drained);
    assert_int_equal(stream_write(ours(), SLICE("more")), ERR_RESET);
    assert_int_equal(wire.end, ERR_OK);
    wire_close();
}

TEST(reads_what_the_other_side_said_before_it_went)
{
    wire_open();
    stream_read(ours(), false);
    peer_send(&wire.peer, "413 and goodbye");
    peer_reset(&wire.peer);
    assert_int_not_equal(stream_write(ours(), SLICE("more")), ERR_OK);
    stream_read(ours(), true);
    until_came("413 and goodbye");
    loop_until(&wire.loop, &wire.ended);
    wire_close();
}

/* --- Unix sockets --- */

TEST(speaks_over_a_unix_socket)
{
    char path[64];
    struct address a;

    snprintf(path, sizeof(path), "unix:/tmp/csidecar-test-%d", getpid());
    wire_open_at(path);
    assert_int_equal(socket_local(&wire.socket, &a), ERR_OK);
    assert_true(address_is_path(&a));
    peer_send(&wire.peer, "hello");
    until_came("hello");
    expect_counting(write_until_queued(STREAM_HIGH_WATER));
    stream_abort(ours());
    wire_close();
    assert_int_not_equal(access(path + 5, F_OK), 0);
}

/* --- quiet --- */

TEST(knows_whether_the_kernel_has_something_for_us)
{
    wire_open();
    assert_true(socket_is_quiet(&wire.socket));
    peer_send_slice(&wire.peer, SLICE("x"));
    wire.reads = 0;
    stream_read(ours(), false);
    assert_int_equal(send(wire.peer.fd, "y", 1, 0), 1);
    assert_false(socket_is_quiet(&wire.socket));
    wire_close();
}

TEST(is_not_quiet_when_the_other_side_has_closed)
{
    wire_open();
    peer_finish(&wire.peer);
    assert_false(socket_is_quiet(&wire.socket));
    loop_until(&wire.loop, &wire.ended);
    assert_false(socket_is_quiet(&wire.socket));
    wire_close();
}

/* --- connecting: the same wire, seen from the other end --- */

static struct caller {
    struct socket socket;
    enum err result;
    bool connected, closed;
} caller;

static void on_connected(struct socket *s, enum err e)
{
    (void)s;
    caller.connected = true;
    caller.result = e;
}

static void ignore_data(struct stream *s, struct slice bytes)
{
    (void)s;
    (void)bytes;
}

static void on_caller_closed(struct stream *s)
{
    (void)s;
    caller.closed = true;
}

static const struct stream_events caller_events = {.data = ignore_data,
                                                   .closed = on_caller_closed};

static enum err call(const struct address *to)
{
    caller = (struct caller){.connected = false};
    socket_init(&caller.socket, &wire.loop, &caller_events);
    return socket_connect(&caller.socket, to, on_connected);
}

static void hang_up(void)
{
    stream_close(&caller.socket.stream);
    assert_false(caller.closed);
    loop_until(&wire.loop, &caller.closed);
}

/* A loopback address nobody listens on: bound, so that nobody else gets it. */
static struct address dead_end(int *fd)
{
    struct address a;
    socklen_t size = sizeof(a);

    assert_int_equal(address_parse(&a, SLICE("127.0.0.1:0"), 0, NULL), ERR_OK);
    *fd = socket(AF_INET, SOCK_STREAM, 0);
    assert_int_equal(bind(*fd, &a.any, address_size(&a)), 0);
    assert_int_equal(getsockname(*fd, &a.any, &size), 0);
    return a;
}

TEST(connects_and_says_so_later)
{
    struct address peer, local;

    wire_open();
    wire.accepted = false;
    stream_close(ours());
    loop_until(&wire.loop, &wire.closed);
    wire.closed = false;
    assert_int_equal(call(&wire.listener.address), ERR_LATER);
    assert_int_equal(stream_write(&caller.socket.stream, SLICE("x")), ERR_CLOSED);
    assert_false(caller.connected);
    loop_until(&wire.loop, &caller.connected);
    assert_int_equal(caller.result, ERR_OK);
    loop_until(&wire.loop, &wire.accepted);
    assert_int_equal(socket_peer(&caller.socket, &peer), ERR_OK);
    assert_true(address_equals(&peer, &wire.listener.address));
    assert_int_equal(socket_local(&caller.socket, &local), ERR_OK);
    assert_int_equal(stream_write(&caller.socket.stream, SLICE("hello")), ERR_OK);
    until_came("hello");
    hang_up();
    wire_close();
}

TEST(tells_a_refused_connection)
{
    int fd;
    struct address nowhere = dead_end(&fd);

    wire_open();
    assert_int_equal(call(&nowhere), ERR_LATER);
    loop_until(&wire.loop, &caller.connected);
    assert_int_equal(caller.result, ERR_CONNECT_FAILED);
    hang_up();
    close(fd);
    wire_close();
}

TEST(tells_a_missing_unix_socket)
{
    struct address a;

    wire_open();
    assert_int_equal(address_parse(&a, SLICE("unix:/tmp/csidecar-no-such"), 0, NULL),
                     ERR_OK);
    assert_int_equal(call(&a), ERR_LATER);
    loop_until(&wire.loop, &caller.connected);
    assert_int_equal(caller.result, ERR_CONNECT_FAILED);
    hang_up();
    wire_close();
}

TEST(does_not_call_back_once_it_is_closed)
{
    wire_open();
    assert_int_equal(call(&wire.listener.address), ERR_LATER);
    hang_up();
    loop_settle(&wire.loop);
    assert_false(caller.connected);
    wire_close();
}

TEST(can_be_closed_without_ever_having_connected)
{
    wire_open();
    socket_init(&caller.socket, &wire.loop, &caller_events);
    caller.closed = false;
    hang_up();
    socket_init(&caller.socket, &wire.loop, &caller_events);
    caller.closed = false;
    stream_abort(&caller.socket.stream);
    loop_until(&wire.loop, &caller.closed);
    wire_close();
}

TESTS(RUN(hands_over_what_comes), RUN(says_nothing_while_reading_is_off),
      RUN(reading_can_be_switched_off_from_inside_data),
      RUN(can_be_closed_from_inside_data), RUN(tells_a_clean_end_and_can_still_write),
      RUN(tells_a_reset), RUN(closing_is_silent_and_flushes_nothing_more),
      RUN(aborting_resets_the_connection), RUN(aborting_resets_even_after_a_fin),
      RUN(finishing_sends_a_fin_and_goes_on_reading),
      RUN(writes_slices_at_once_without_queueing),
      RUN(queues_what_the_kernel_refuses_and_keeps_the_order),
      RUN(says_drained_once_when_it_was_full),
      RUN(does_not_say_drained_when_it_was_never_full),
      RUN(sends_the_fin_after_what_is_queued), RUN(closes_with_bytes_still_queued),
      RUN(reports_a_queued_write_that_failed_even_while_not_reading),
      RUN(a_writer_who_waits_learns_of_a_reset_after_a_clean_end),
      RUN(reads_what_the_other_side_said_before_it_went), RUN(speaks_over_a_unix_socket),
      RUN(knows_whether_the_kernel_has_something_for_us),
      RUN(is_not_quiet_when_the_other_side_has_closed), RUN(connects_and_says_so_later),
      RUN(tells_a_refused_connection), RUN(tells_a_missing_unix_socket),
      RUN(does_not_call_back_once_it_is_closed),
      RUN(can_be_closed_without_ever_having_connected))
