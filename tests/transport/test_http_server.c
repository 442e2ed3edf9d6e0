#include "transport/http_server.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "tests/lib/test.h"
#include "tests/lib/transport/peer.h"
#include "transport/http_client.h"

/* A server that echoes what it was asked, or keeps the request for the test to answer. */
static struct fixture {
    struct loop loop;
    struct http_server server;
    struct address address;
    struct http_request *kept;
    bool keep, has_kept, gone, closed;
    unsigned handled;
    char last_path[64], last_query[64];
} at;

static void on_gone(struct http_request *q)
{
    assert_ptr_equal(q, at.kept);
    at.gone = true;
}

static void copy(char out[64], struct slice s)
{
    snprintf(out, 64, "%.*s", (int)s.size, s.base ? s.base : "");
}

static void handle(struct http_server *s, struct http_request *q)
{
    assert_ptr_equal(s, &at.server);
    at.handled++;
    copy(at.last_path, q->path);
    copy(at.last_query, q->query);
    if (at.keep) {
        at.kept = q;
        at.has_kept = true;
        q->gone = on_gone;
        return;
    }
    server_respond(q, 200, SLICE("text/plain"), SLICE("X-A: b\r\n"),
                   q->body.size ? q->body : q->path);
}

static void on_server_closed(struct http_server *s)
{
    (void)s;
    at.closed = true;
}

static void open_fixture_with(struct http_server settings)
{
    int fd;

    at = (struct fixture){.server = settings};
    at.server.handle = handle;
    assert_int_equal(loop_open(&at.loop, 0), ERR_OK);
    assert_int_equal(server_open(&at.server, &at.loop), ERR_OK);
    assert_int_equal(address_parse(&at.address, SLICE("127.0.0.1:0"), 0, NULL), ERR_OK);
    assert_int_equal(listener_bind(&at.address, false, &fd, NULL), ERR_OK);
    assert_int_equal(server_listen(&at.server, fd, NULL), ERR_OK);
}

static void open_fixture(void)
{
    open_fixture_with((struct http_server){.owner = NULL});
}

static void begin_closing(uint64_t grace_ms)
{
    server_close(&at.server, grace_ms, on_server_closed);
    assert_false(at.closed);
}

static void close_fixture(void)
{
    if (!at.server.closing)
        begin_closing(0);
    loop_until(&at.loop, &at.closed);
    assert_int_equal(at.server.connection_count, 0);
    assert_int_equal(loop_close(&at.loop), ERR_OK);
}

static struct peer connected(void)
{
    struct peer p;

    peer_connect(&p, &at.loop, &at.address);
    return p;
}

/* A request whose handler has it, and has not answered. */
static struct peer kept_waiting(const char *request)
{
    struct peer p = connected();

    at.keep = true;
    peer_send(&p, request);
    loop_until(&at.loop, &at.has_kept);
    return p;
}

/* One request on a connection of its own; what came back until the server closed it. */
static struct peer answer_to(const char *request)
{
    struct peer p = connected();

    peer_send(&p, request);
    peer_expect_end(&p);
    return p;
}

static void expect_refusal(const char *request, const char *status, const char *code)
{
    struct peer p;

    open_fixture();
    p = answer_to(request);
    assert_true(peer_has(&p, status));
    assert_true(peer_has(&p, "Content-Type: application/problem+json\r\n"));
    assert_true(peer_has(&p, "Connection: close\r\n"));
    assert_true(peer_has(&p, code));
    assert_false(p.reset);
    assert_int_equal(at.handled, 0);
    peer_close(&p);
    close_fixture();
}

/* --- answering --- */

TEST(answers_at_once)
{
    struct peer p;

    open_fixture();
    p = answer_to("GET /a%2Fb?x=1&y HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n");
    assert_true(peer_has(&p, "HTTP/1.1 200 OK\r\nDate: "));
    assert_true(peer_has(&p, "Content-Type: text/plain\r\n"));
    assert_true(peer_has(&p, "X-A: b\r\n"));
    assert_true(peer_has(&p, "Content-Length: 6\r\n"));
    assert_true(peer_has(&p, "\r\n\r\n/a%2Fb"));
    assert_string_equal(at.last_query, "x=1&y");
    peer_close(&p);
    close_fixture();
}

TEST(takes_the_path_out_of_an_absolute_target)
{
    struct peer p;

    open_fixture();
    p = answer_to(
        "GET http://h:1/metrics?q=/ HTTP/1.1\r\nHost: h:1\r\nConnection: close\r\n\r\n");
    assert_string_equal(at.last_path, "/metrics");
    assert_string_equal(at.last_query, "q=/");
    peer_close(&p);
    close_fixture();
}

TEST(keeps_the_connection_for_the_next_request)
{
    struct peer p;

    open_fixture();
    p = connected();
    for (int i = 0; i < 3; i++) {
        peer_send(&p, "POST /x HTTP/1.1\r\nHost: h\r\nContent-Length: 4\r\n\r\nbody");
        peer_expect(&p, "\r\n\r\nbody");
        peer_forget(&p);
    }
    assert_int_equal(at.handled, 3);
    assert_int_equal(at.server.connection_count, 1);
    peer_close(&p);
    close_fixture();
}

TEST(reads_a_request_that_comes_byte_by_byte)
{
    const char *request =
        "PUT /slow HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n"
        "3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n";
    struct peer p;

    open_fixture();
    p = connected();
    for (; *request; request++) {
        peer_send_slice(&p, slice_from(request, 1));
        loop_settle(&at.loop);
    }
    peer_expect(&p, "\r\n\r\nabcde");
    peer_close(&p);
    close_fixture();
}

TEST(answers_what_was_pipelined_in_order)
{
    struct peer p;

    open_fixture();
    p = answer_to("GET /1 HTTP/1.1\r\nHost: h\r\n\r\nGET /2 HTTP/1.1\r\nHost: h\r\n\r\n"
                  "GET /3 HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n");
    assert_int_equal(at.handled, 3);
    assert_non_null(p.in.base);
    assert_true(strstr(p.in.base, "\n/1HTTP/1.1") < strstr(p.in.base, "\n/2HTTP/1.1"));
    assert_true(peer_has(&p, "\n/2HTTP/1.1 200 OK"));
    peer_close(&p);
    close_fixture();
}

TEST(pipelined_requests_wait_for_a_later_answer)
{
    struct peer p;

    open_fixture();
    p = kept_waiting(
        "GET /1 HTTP/1.1\r\nHost: h\r\n\r\nGET /2 HTTP/1.1\r\nHost: h\r\n\r\n");
    loop_settle(&at.loop);
    assert_int_equal(at.handled, 1);
    at.keep = false;
    server_respond(at.kept, 200, SLICE(""), SLICE(""), SLICE("one"));
    peer_expect(&p, "\n/2");
    assert_int_equal(at.handled, 2);
    peer_send(&p, "GET /3 HTTP/1.1\r\nHost: h\r\n\r\n"); /* reading is on again */
    peer_expect(&p, "\n/3");
    peer_close(&p);
    close_fixture();
}

/* Sends until neither the kernel nor the server takes more; false: they took 64 MiB. */
static bool send_until_full(struct peer *p)
{
    static char big[1024 * 1024];
    size_t total = 0;

    for (int refused = 0; refused < 3 && total < 64 * sizeof(big);) {
        ssize_t size = send(p->fd, big, sizeof(big), MSG_NOSIGNAL);

        refused = size < 0 ? refused + 1 : 0;
        total += size > 0 ? (size_t)size : 0;
        loop_settle(&at.loop);
    }
    return total < 64 * sizeof(big);
}

TEST(does_not_read_on_while_a_request_is_handled)
{
    struct peer p;

    open_fixture();
    p = kept_waiting("GET /1 HTTP/1.1\r\nHost: h\r\n\r\n");
    assert_true(send_until_full(&p));
    server_respond(at.kept, 200, SLICE(""), SLICE(""), SLICE("one"));
    peer_expect(&p, "\r\n\r\none");
    peer_expect(&p, "HTTP/1.1 400 "); /* what came then is no request */
    peer_close(&p);
    close_fixture();
}

TEST(cuts_the_body_of_an_answer_to_head)
{
    struct peer p;

    open_fixture();
    p = answer_to("HEAD /four HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n");
    assert_true(peer_has(&p, "Content-Length: 5\r\n"));
    assert_false(peer_has(&p, "/four"));
    peer_close(&p);
    close_fixture();
}

TEST(speaks_http_1_0_as_it_is)
{
    struct peer p;

    open_fixture();
    p = answer_to("GET /old HTTP/1.0\r\n\r\n");
    assert_true(peer_has(&p, "Connection: close\r\n"));
    peer_close(&p);
    p = connected();
    peer_send(&p, "GET /old HTTP/1.0\r\nConnection: keep-alive\r\n\r\n");
    peer_expect(&p, "Connection: keep-alive\r\n");
    peer_close(&p);
    close_fixture();
}

TEST(says_go_on_to_a_client_that_asks_first)
{
    struct peer p;

    open_fixture();
    p = connected();
    peer_send(&p, "PUT /x HTTP/1.1\r\nHost: h\r\nContent-Length: 2\r\nExpect: "
                  "100-continue\r\n\r\n");
    peer_expect(&p, "HTTP/1.1 100 Continue\r\n\r\n");
    peer_send(&p, "hi");
    peer_expect(&p, "\r\n\r\nhi");
    peer_close(&p);
    close_fixture();
}

/* --- streaming --- */

static struct peer streaming(const char *request)
{
    struct peer p = kept_waiting(request);

    server_respond_start(at.kept, 200, SLICE("text/plain"), SLICE(""));
    return p;
}

TEST(streams_an_answer_in_chunks)
{
    struct peer p;

    open_fixture();
    p = streaming("GET / HTTP/1.1\r\nHost: h\r\n\r\n");
    server_respond_piece(at.kept, SLICE("hello"));
    peer_expect(&p, "Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n");
    server_respond_piece(at.kept, SLICE("")); /* is not the end */
    server_respond_piece(at.kept, SLICE("0123456789abcdef"));
    server_respond_end(at.kept);
    peer_expect(&p, "\r\n\r\n5\r\nhello\r\n10\r\n0123456789abcdef\r\n0\r\n\r\n");
    at.keep = false;
    peer_send(&p, "GET /next HTTP/1.1\r\nHost: h\r\n\r\n");
    peer_expect(&p, "\n/next");
    peer_close(&p);
    close_fixture();
}

TEST(streams_to_http_1_0_until_it_closes)
{
    struct peer p;

    open_fixture();
    p = streaming("GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n");
    server_respond_piece(at.kept, SLICE("hello"));
    server_respond_end(at.kept);
    peer_expect_end(&p);
    assert_true(peer_has(&p, "\r\n\r\nhello"));
    assert_false(peer_has(&p, "chunked") || peer_has(&p, "keep-alive"));
    peer_close(&p);
    close_fixture();
}

TEST(drops_a_client_that_does_not_take_its_stream)
{
    static char big[256 * 1024];
    struct peer p;

    open_fixture();
    p = streaming("GET / HTTP/1.1\r\nHost: h\r\n\r\n");
    for (int i = 0; i < 100; i++) {
        server_respond_piece(at.kept, slice_from(big, sizeof(big)));
        assert_false(at.gone); /* never from inside */
    }
    loop_until(&at.loop, &at.gone);
    peer_close(&p);
    close_fixture();
}

/* --- clients that go --- */

TEST(tells_a_handler_that_its_client_is_gone)
{
    struct peer p;

    open_fixture();
    p = kept_waiting("GET /wait HTTP/1.1\r\nHost: h\r\n\r\n");
    peer_close(&p);
    loop_until(&at.loop, &at.gone);
    close_fixture();
}

TEST(tells_of_a_client_that_spoke_into_its_stream_before_it_went)
{
    struct peer p;

    open_fixture();
    p = streaming("GET / HTTP/1.1\r\nHost: h\r\n\r\nGET /2");
    loop_settle(&at.loop);
    assert_false(at.gone);
    peer_close(&p);
    loop_until(&at.loop, &at.gone);
    close_fixture();
}

TEST(drops_a_client_that_says_too_much_into_its_stream)
{
    struct peer p;

    open_fixture();
    p = streaming("GET / HTTP/1.1\r\nHost: h\r\n\r\n");
    send_until_full(&p);
    loop_until(&at.loop, &at.gone);
    peer_close(&p);
    close_fixture();
}

TEST(an_answer_to_a_client_that_just_died_is_harmless)
{
    struct peer p;

    open_fixture();
    p = streaming("GET / HTTP/1.1\r\nHost: h\r\n\r\n");
    peer_reset(&p);
    server_respond_piece(at.kept, SLICE("x")); /* may fail, or be the last that works */
    server_respond_piece(at.kept, SLICE("y"));
    server_respond_end(at.kept);
    loop_settle(&at.loop);
    assert_false(at.gone); /* it was complete */
    assert_int_equal(at.server.connection_count, 0);
    close_fixture();
}

TEST(answers_one_that_shuts_its_side_after_asking)
{
    struct peer p;

    open_fixture();
    p = connected();
    peer_send_slice(&p, SLICE("GET /half HTTP/1.1\r\nHost: h\r\n\r\n"));
    peer_finish(&p);
    peer_expect_end(&p);
    assert_true(peer_has(&p, "\n/half"));
    peer_close(&p);
    close_fixture();
}

TEST(closes_an_idle_connection)
{
    struct peer p;

    open_fixture_with((struct http_server){.idle_ms = 20});
    p = connected();
    peer_expect_end(&p);
    assert_int_equal(p.in.size, 0);
    peer_close(&p);
    close_fixture();
}

TEST(turns_away_more_than_it_may_have)
{
    struct peer first, second;

    open_fixture_with((struct http_server){.max_connections = 1});
    first = connected();
    peer_send(&first, "GET /1 HTTP/1.1\r\nHost: h\r\n\r\n");
    peer_expect(&first, "\n/1");
    second = connected();
    peer_expect_end(&second);
    peer_close(&first);
    peer_close(&second);
    close_fixture();
}

/* --- refusing --- */

TEST(refuses_what_is_malformed)
{
    expect_refusal(
        "GET / HTTP/1.1\r\nHost: h\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n",
        "HTTP/1.1 400 Bad Request\r\n", "\"code\":\"bad_request\"");
    expect_refusal("NONSENSE\r\n\r\n", "HTTP/1.1 4", "csidecar-error: ");
}

TEST(refuses_a_head_that_is_too_large)
{
    size_t size = HTTP_HEAD_LIMIT + 1024;
    char *request = malloc(size + 1);
    int start = snprintf(request, size, "GET / HTTP/1.1\r\nHost: h\r\nX: ");

    memset(request + start, 'x', size - (size_t)start);
    request[size] = 0;
    expect_refusal(request, "HTTP/1.1 431 ", "\"code\":\"head_too_large\"");
    free(request);
}

TEST(refuses_a_body_that_is_too_large_before_it_comes)
{
    expect_refusal("PUT / HTTP/1.1\r\nHost: h\r\nContent-Length: 1048577\r\n\r\n",
                   "HTTP/1.1 413 ", "\"code\":\"too_large\"");
}

TEST(refuses_a_chunked_body_when_it_gets_too_large)
{
    struct peer p;

    open_fixture_with((struct http_server){.body_limit = 4});
    p = answer_to("PUT / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: "
                  "chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n");
    assert_true(peer_has(&p, "HTTP/1.1 413 "));
    peer_close(&p);
    close_fixture();
}

TEST(refuses_a_request_that_takes_too_long)
{
    struct peer p;

    open_fixture_with((struct http_server){.head_ms = 20});
    p = answer_to("GET / HTTP/1.1\r\nHo");
    assert_true(peer_has(&p, "HTTP/1.1 408 Request Timeout\r\n"));
    peer_close(&p);
    close_fixture();
}

TEST(its_last_words_reach_a_client_that_is_still_sending)
{
    static char big[4 * 1024 * 1024];
    struct peer p;

    open_fixture();
    p = connected();
    peer_send(&p, "PUT / HTTP/1.1\r\nHost: h\r\nContent-Length: 999999999\r\n\r\n");
    peer_send_slice(&p, slice_from(big, sizeof(big)));
    peer_expect(&p, "\"code\":\"too_large\"");
    peer_expect_end(&p);
    assert_false(p.reset);
    peer_close(&p);
    close_fixture();
}

/* --- closing --- */

TEST(closes_idle_connections_at_once)
{
    struct peer p;

    open_fixture();
    p = connected();
    peer_send(&p, "GET /1 HTTP/1.1\r\nHost: h\r\n\r\n");
    peer_expect(&p, "\n/1");
    begin_closing(60 * 1000);
    peer_expect_end(&p);
    peer_close(&p);
    close_fixture();
}

TEST(lets_a_busy_connection_finish)
{
    struct peer p;

    open_fixture();
    p = kept_waiting("GET /1 HTTP/1.1\r\nHost: h\r\n\r\n");
    begin_closing(60 * 1000);
    loop_settle(&at.loop);
    assert_false(at.closed);
    server_respond(at.kept, 200, SLICE(""), SLICE(""), SLICE("done"));
    peer_expect(&p, "Connection: close\r\n");
    peer_expect(&p, "done");
    peer_close(&p);
    close_fixture();
}

TEST(ends_what_is_still_busy_after_the_grace)
{
    struct peer p;

    open_fixture();
    p = kept_waiting("GET /1 HTTP/1.1\r\nHost: h\r\n\r\n");
    begin_closing(5);
    loop_until(&at.loop, &at.closed);
    assert_true(at.gone);
    peer_close(&p);
    close_fixture();
}

TEST(closes_without_ever_having_listened)
{
    at = (struct fixture){.keep = false};
    assert_int_equal(loop_open(&at.loop, 0), ERR_OK);
    assert_int_equal(server_open(&at.server, &at.loop), ERR_OK);
    close_fixture();
}

TEST(survives_a_descriptor_it_cannot_listen_on)
{
    open_fixture();
    assert_int_not_equal(server_listen(&at.server, dup(0), NULL), ERR_OK);
    close_fixture();
}

/* --- with our own client --- */

struct caller {
    struct http_call call;
    enum err result;
    bool answered;
};

static void on_answered(struct http_call *c, enum err e)
{
    struct caller *caller = container_of(c, struct caller, call);

    caller->result = e;
    caller->answered = true;
}

static void listen_on_path(struct address *a)
{
    char path[64];
    int fd;

    snprintf(path, sizeof(path), "unix:/tmp/csidecar-server-%d", getpid());
    assert_int_equal(address_parse(a, slice_of(path), 0, NULL), ERR_OK);
    assert_int_equal(listener_bind(a, false, &fd, NULL), ERR_OK);
    assert_int_equal(server_listen(&at.server, fd, NULL), ERR_OK);
}

TEST(serves_a_call_over_a_unix_socket)
{
    struct caller caller = {
        .call = {.method = SLICE("POST"),
                 .target = SLICE("/echo"),
                 .body = SLICE("over and out"),
                 .timeout_ms = 5000,
                 .answered = on_answered}
    };

    open_fixture();
    listen_on_path(&caller.call.to);
    assert_int_equal(http_call_start(&caller.call, &at.loop), ERR_LATER);
    loop_until(&at.loop, &caller.answered);
    assert_int_equal(caller.result, ERR_OK);
    assert_int_equal(caller.call.status, 200);
    assert_true(slice_is(text_slice(&caller.call.body_in), "over and out"));
    http_call_fini(&caller.call);
    close_fixture();
}

/* --- queries --- */

TEST(finds_the_value_of_a_query_parameter)
{
    struct slice query = SLICE("a=1&name=x%20y+z%2B&empty=&flag&a=2");
    char out[16];

    assert_true(query_value(query, "name", out, sizeof(out)));
    assert_string_equal(out, "x y z+");
    assert_true(query_value(query, "a", out, sizeof(out)));
    assert_string_equal(out, "1");
    assert_true(query_value(query, "empty", out, sizeof(out)) && out[0] == 0);
    assert_true(query_value(query, "flag", out, sizeof(out)) && out[0] == 0);
    assert_false(query_value(query, "nam", out, sizeof(out)));
}

TEST(refuses_escapes_that_are_none_and_values_that_do_not_fit)
{
    char out[4];

    assert_false(percent_decode(SLICE("%"), out, sizeof(out)));
    assert_false(percent_decode(SLICE("%4"), out, sizeof(out)));
    assert_false(percent_decode(SLICE("%zz"), out, sizeof(out)));
    assert_false(percent_decode(SLICE("a%00"), out, sizeof(out)));
    assert_false(percent_decode(SLICE("abcd"), out, sizeof(out)));
    assert_true(percent_decode(SLICE("%61+c"), out, sizeof(out)));
    assert_string_equal(out, "a+c");
}

static void echo(struct http_request *q, struct slice bytes)
{
    server_respond_piece(q, bytes);
    if (memchr(bytes.base, '!', bytes.size))
        server_respond_end(q);
}

static void handle_upgrade(struct http_server *s, struct http_request *q)
{
    (void)s;
    assert_true(q->head.upgrade);
    q->bytes = echo;
    server_upgrade(q, SLICE("Upgrade: echo\r\n"));
}

TEST(an_upgraded_connection_speaks_another_protocol_until_it_is_ended)
{
    struct peer p;

    open_fixture();
    at.server.handle = handle_upgrade;
    peer_connect(&p, &at.loop, &at.address);
    peer_send(&p, "GET / HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: "
                  "echo\r\n\r\nearly ");
    peer_expect(&p, "Connection: Upgrade\r\nUpgrade: echo\r\n\r\nearly ");
    peer_send(&p, "late!");
    peer_expect(&p, "late!");
    peer_expect_end(&p);
    peer_close(&p);
    close_fixture();
}

TESTS(RUN(an_upgraded_connection_speaks_another_protocol_until_it_is_ended),
      RUN(answers_at_once), RUN(takes_the_path_out_of_an_absolute_target),
      RUN(keeps_the_connection_for_the_next_request),
      RUN(reads_a_request_that_comes_byte_by_byte),
      RUN(answers_what_was_pipelined_in_order),
      RUN(pipelined_requests_wait_for_a_later_answer),
      RUN(does_not_read_on_while_a_request_is_handled),
      RUN(cuts_the_body_of_an_answer_to_head), RUN(speaks_http_1_0_as_it_is),
      RUN(says_go_on_to_a_client_that_asks_first), RUN(streams_an_answer_in_chunks),
      RUN(streams_to_http_1_0_until_it_closes),
      RUN(drops_a_client_that_does_not_take_its_stream),
      RUN(tells_a_handler_that_its_client_is_gone),
      RUN(tells_of_a_client_that_spoke_into_its_stream_before_it_went),
      RUN(drops_a_client_that_says_too_much_into_its_stream),
      RUN(an_answer_to_a_client_that_just_died_is_harmless),
      RUN(answers_one_that_shuts_its_side_after_asking), RUN(closes_an_idle_connection),
      RUN(turns_away_more_than_it_may_have), RUN(refuses_what_is_malformed),
      RUN(refuses_a_head_that_is_too_large),
      RUN(refuses_a_body_that_is_too_large_before_it_comes),
      RUN(refuses_a_chunked_body_when_it_gets_too_large),
      RUN(refuses_a_request_that_takes_too_long),
      RUN(its_last_words_reach_a_client_that_is_still_sending),
      RUN(closes_idle_connections_at_once), RUN(lets_a_busy_connection_finish),
      RUN(ends_what_is_still_busy_after_the_grace),
      RUN(closes_without_ever_having_listened),
      RUN(survives_a_descriptor_it_cannot_listen_on),
      RUN(serves_a_call_over_a_unix_socket), RUN(finds_the_value_of_a_query_parameter),
      RUN(refuses_escapes_that_are_none_and_values_that_do_not_fit))
