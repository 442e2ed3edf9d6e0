#include "transport/http_client.h"

#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "tests/lib/test.h"
#include "tests/lib/transport/peer.h"

/* A server that says what the test tells it: a listening descriptor and its first
 * connection. */
static struct fixture {
    struct loop loop;
    int listening;
    struct peer server;
    struct http_call call;
    enum err result;
    unsigned answers;
    bool answered;
    struct text pieces;
    bool cancel_at_piece;
} at;

static void on_answered(struct http_call *c, enum err e)
{
    (void)c;
    at.answers++;
    at.answered = true;
    at.result = e;
}

static void on_piece(struct http_call *c, struct slice bytes)
{
    text_add(&at.pieces, bytes);
    if (at.cancel_at_piece)
        http_call_cancel(c);
}

static void open_fixture(void)
{
    struct address a;
    socklen_t size = sizeof(a);

    at = (struct fixture){.server.fd = -1};
    text_init(&at.pieces, 65536);
    assert_int_equal(loop_open(&at.loop, 0), ERR_OK);
    assert_int_equal(address_parse(&a, SLICE("127.0.0.1:0"), 0, NULL), ERR_OK);
    at.listening = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(bind(at.listening, &a.any, address_size(&a)), 0);
    assert_int_equal(listen(at.listening, 8), 0);
    assert_int_equal(getsockname(at.listening, &a.any, &size), 0);
    at.call =
        (struct http_call){.to = a, .answered = on_answered, .target = SLICE("/healthz")};
}

static void close_fixture(void)
{
    http_call_fini(&at.call);
    text_fini(&at.pieces);
    if (at.server.fd >= 0)
        peer_close(&at.server);
    close(at.listening);
    assert_int_equal(at.answers, 1);
    assert_int_equal(loop_close(&at.loop), ERR_OK);
}

static void start(void)
{
    assert_int_equal(http_call_start(&at.call, &at.loop), ERR_LATER);
    assert_false(at.answered);
}

/* Starts, and waits for the whole request. */
static void ask(void)
{
    start();
    peer_adopt(&at.server, &at.loop, accept(at.listening, NULL, NULL));
    peer_expect(&at.server, "\r\n\r\n");
}

static enum err until_answered(void)
{
    loop_until(&at.loop, &at.answered);
    return at.result;
}

static enum err exchange(const char *answer)
{
    ask();
    peer_send(&at.server, answer);
    return until_answered();
}

/* --- requests --- */

TEST(asks_for_what_was_set)
{
    char host[ADDRESS_TEXT];

    open_fixture();
    at.call.fields = SLICE("X-Token: abc\r\nAccept: */*\r\n");
    assert_int_equal(exchange("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"), ERR_OK);
    assert_true(peer_has(&at.server, "GET /healthz HTTP/1.1\r\nHost: "));
    assert_true(peer_has(&at.server, address_format(&at.call.to, host)));
    assert_true(peer_has(&at.server, "\r\nConnection: close\r\n"));
    assert_true(peer_has(&at.server, "\r\nX-Token: abc\r\nAccept: */*\r\n\r\n"));
    assert_false(peer_has(&at.server, "Content-Length"));
    close_fixture();
}

TEST(sends_a_body_with_its_length)
{
    open_fixture();
    at.call.method = SLICE("PUT");
    at.call.host = SLICE("consul.example");
    at.call.body = SLICE("{\"a\":1}");
    assert_int_equal(exchange("HTTP/1.1 204 No Content\r\n\r\n"), ERR_OK);
    assert_true(peer_has(&at.server, "Host: consul.example\r\n"));
    assert_true(peer_has(&at.server, "Content-Length: 7\r\n"));
    assert_true(peer_has(&at.server, "\r\n\r\n{\"a\":1}"));
    close_fixture();
}

TEST(says_that_an_empty_post_is_empty)
{
    open_fixture();
    at.call.method = SLICE("POST");
    assert_int_equal(exchange("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"), ERR_OK);
    assert_true(peer_has(&at.server, "Content-Length: 0\r\n"));
    close_fixture();
}

TEST(refuses_to_write_what_would_be_another_request)
{
    open_fixture();
    at.call.target = SLICE("/a HTTP/1.1\r\nX: y");
    assert_int_equal(http_call_start(&at.call, &at.loop), ERR_BAD_VALUE);
    at.call.target = SLICE("/");
    at.call.fields = SLICE("X: y");
    assert_int_equal(http_call_start(&at.call, &at.loop), ERR_BAD_VALUE);
    http_call_cancel(&at.call); /* harmless: it never began */
    at.answers = 1;
    close_fixture();
}

/* --- answers --- */

TEST(keeps_status_fields_and_body)
{
    open_fixture();
    assert_int_equal(exchange("HTTP/1.1 503 Busy\r\nX-Index:  7 \r\nRetry-After: 2\r\n"
                              "Content-Length: 5\r\n\r\nsorry"),
                     ERR_OK);
    assert_int_equal(at.call.status, 503);
    assert_true(slice_is(text_slice(&at.call.body_in), "sorry"));
    assert_true(slice_is(http_call_field(&at.call, SLICE("x-index")), "7"));
    assert_true(slice_is(http_call_field(&at.call, SLICE("Retry-After")), "2"));
    assert_null(http_call_field(&at.call, SLICE("Retry")).base);
    close_fixture();
}

TEST(skips_informational_answers)
{
    open_fixture();
    assert_int_equal(exchange("HTTP/1.1 103 Early Hints\r\nLink: <a>\r\n\r\n"
                              "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"),
                     ERR_OK);
    assert_int_equal(at.call.status, 200);
    assert_null(http_call_field(&at.call, SLICE("Link")).base);
    close_fixture();
}

TEST(does_not_follow_a_redirect)
{
    open_fixture();
    assert_int_equal(
        exchange("HTTP/1.1 302 Found\r\nLocation: /login\r\nContent-Length: 0\r\n\r\n"),
        ERR_OK);
    assert_int_equal(at.call.status, 302);
    close_fixture();
}

TEST(expects_no_body_after_head)
{
    open_fixture();
    at.call.method = SLICE("HEAD");
    assert_int_equal(exchange("HTTP/1.1 200 OK\r\nContent-Length: 500\r\n\r\n"), ERR_OK);
    assert_int_equal(at.call.body_in.size, 0);
    close_fixture();
}

TEST(reads_chunks_and_hangs_up)
{
    open_fixture();
    assert_int_equal(exchange("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
                              "3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n"),
                     ERR_OK);
    assert_true(slice_is(text_slice(&at.call.body_in), "abcde"));
    peer_expect_end(&at.server);
    close_fixture();
}

TEST(an_answer_without_a_length_ends_with_its_connection)
{
    open_fixture();
    ask();
    peer_send(&at.server, "HTTP/1.0 200 OK\r\n\r\nto the end");
    peer_finish(&at.server);
    assert_int_equal(until_answered(), ERR_OK);
    assert_true(slice_is(text_slice(&at.call.body_in), "to the end"));
    close_fixture();
}

TEST(hands_over_pieces_as_they_come)
{
    open_fixture();
    at.call.piece = on_piece;
    at.call.limit = 1;
    ask();
    peer_send(&at.server,
              "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n");
    loop_settle(&at.loop);
    assert_true(slice_is(text_slice(&at.pieces), "abc"));
    assert_int_equal(at.call.status, 200);
    peer_send(&at.server, "3\r\ndef\r\n0\r\n\r\n");
    assert_int_equal(until_answered(), ERR_OK);
    assert_true(slice_is(text_slice(&at.pieces), "abcdef"));
    close_fixture();
}

TEST(may_be_asked_again)
{
    open_fixture();
    assert_int_equal(exchange("HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\none"), ERR_OK);
    peer_close(&at.server);
    at.answered = false;
    at.answers = 0;
    assert_int_equal(exchange("HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\ntwo"), ERR_OK);
    assert_true(slice_is(text_slice(&at.call.body_in), "two"));
    close_fixture();
}

/* --- failures --- */

static bool because(const char *text)
{
    return strstr(at.call.why.text, text) != NULL && at.call.status == 0;
}

TEST(says_that_nobody_listens)
{
    open_fixture();
    close(at.listening);
    at.listening = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(bind(at.listening, &at.call.to.any, address_size(&at.call.to)), 0);
    start();
    assert_int_equal(until_answered(), ERR_CONNECT_FAILED);
    assert_true(because("connection refused"));
    close_fixture();
}

TEST(an_error_at_once_comes_later_too)
{
    open_fixture();
    assert_int_equal(address_from_ip(&at.call.to, SLICE("255.255.255.255"), 9), ERR_OK);
    start();
    assert_int_equal(until_answered(), ERR_CONNECT_FAILED);
    close_fixture();
}

TEST(gives_up_when_no_answer_comes_in_time)
{
    open_fixture();
    at.call.timeout_ms = 20;
    ask();
    assert_int_equal(until_answered(), ERR_TIMEOUT);
    assert_true(because("took too long"));
    peer_expect_end(&at.server);
    close_fixture();
}

/* A connection to a full backlog hangs: the kernel drops its SYN. */
static void fill_backlog(int fillers[3])
{
    assert_int_equal(listen(at.listening, 0), 0);
    for (int i = 0; i < 3; i++) {
        fillers[i] = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
        connect(fillers[i], &at.call.to.any, address_size(&at.call.to));
    }
}

TEST(gives_up_connecting_before_the_whole_time_is_over)
{
    int fillers[3];

    open_fixture();
    fill_backlog(fillers);
    at.call.timeout_ms = 60 * 1000;
    at.call.connect_timeout_ms = 20;
    start();
    assert_int_equal(until_answered(), ERR_CONNECT_TIMEOUT);
    assert_true(because("connecting to 127.0.0.1:"));
    for (int i = 0; i < 3; i++)
        close(fillers[i]);
    close_fixture();
}

static bool is_later_than(void *ms)
{
    loop_touch(&at.loop);
    return loop_now(&at.loop) > *(uint64_t *)ms;
}

TEST(an_answer_may_take_longer_than_connecting)
{
    uint64_t later;

    open_fixture();
    at.call.timeout_ms = 60 * 1000;
    at.call.connect_timeout_ms = 10;
    ask();
    later = loop_now(&at.loop) + 15;
    loop_until_true(&at.loop, is_later_than, &later);
    peer_send(&at.server, "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
    assert_int_equal(until_answered(), ERR_OK);
    close_fixture();
}

TEST(tells_a_connection_that_closed_without_an_answer)
{
    open_fixture();
    ask();
    peer_finish(&at.server);
    assert_int_equal(until_answered(), ERR_UPSTREAM_RESET);
    close_fixture();
}

TEST(tells_an_answer_that_was_cut)
{
    open_fixture();
    ask();
    peer_send(&at.server, "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf");
    peer_finish(&at.server);
    assert_int_equal(until_answered(), ERR_TRUNCATED);
    assert_int_equal(at.call.status, 0);
    close_fixture();
}

TEST(refuses_what_is_not_http)
{
    open_fixture();
    assert_int_equal(exchange("SSH-2.0-OpenSSH_9.2\r\n"), ERR_BAD_RESPONSE);
    assert_true(because("the answer of 127.0.0.1:"));
    close_fixture();
}

TEST(refuses_an_upgrade_nobody_asked_for)
{
    open_fixture();
    assert_int_equal(
        exchange("HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\n"
                 "Upgrade: websocket\r\n\r\n"),
        ERR_BAD_RESPONSE);
    close_fixture();
}

TEST(refuses_a_body_over_the_limit)
{
    open_fixture();
    at.call.limit = 4;
    assert_int_equal(exchange("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello"),
                     ERR_TOO_LARGE);
    close_fixture();
}

TEST(reads_the_refusal_of_a_body_that_was_not_read)
{
    static char big[8 * 1024 * 1024];

    open_fixture();
    at.call.method = SLICE("POST");
    at.call.body = slice_from(big, sizeof(big));
    ask();
    peer_send(&at.server, "HTTP/1.1 413 Content Too Large\r\nContent-Length: 0\r\n\r\n");
    assert_int_equal(until_answered(), ERR_OK);
    assert_int_equal(at.call.status, 413);
    close_fixture();
}

/* --- cancelling --- */

TEST(can_be_cancelled_while_it_connects)
{
    open_fixture();
    start();
    http_call_cancel(&at.call);
    http_call_cancel(&at.call);
    assert_false(at.answered);
    assert_int_equal(until_answered(), ERR_CANCELLED);
    http_call_cancel(&at.call);
    close_fixture();
}

TEST(can_be_cancelled_from_inside_a_piece)
{
    open_fixture();
    at.call.piece = on_piece;
    at.cancel_at_piece = true;
    assert_int_equal(exchange("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
                              "3\r\nabc\r\n3\r\ndef\r\n0\r\n\r\n"),
                     ERR_CANCELLED);
    assert_true(slice_is(text_slice(&at.pieces), "abc"));
    close_fixture();
}

TESTS(RUN(asks_for_what_was_set), RUN(sends_a_body_with_its_length),
      RUN(says_that_an_empty_post_is_empty),
      RUN(refuses_to_write_what_would_be_another_request),
      RUN(keeps_status_fields_and_body), RUN(skips_informational_answers),
      RUN(does_not_follow_a_redirect), RUN(expects_no_body_after_head),
      RUN(reads_chunks_and_hangs_up),
      RUN(an_answer_without_a_length_ends_with_its_connection),
      RUN(hands_over_pieces_as_they_come), RUN(may_be_asked_again),
      RUN(says_that_nobody_listens), RUN(an_error_at_once_comes_later_too),
      RUN(gives_up_when_no_answer_comes_in_time),
      RUN(gives_up_connecting_before_the_whole_time_is_over),
      RUN(an_answer_may_take_longer_than_connecting),
      RUN(tells_a_connection_that_closed_without_an_answer),
      RUN(tells_an_answer_that_was_cut), RUN(refuses_what_is_not_http),
      RUN(refuses_an_upgrade_nobody_asked_for), RUN(refuses_a_body_over_the_limit),
      RUN(reads_the_refusal_of_a_body_that_was_not_read),
      RUN(can_be_cancelled_while_it_connects), RUN(can_be_cancelled_from_inside_a_piece))
