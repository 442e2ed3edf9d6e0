/* Heads as they leave: what goes, what comes, what stays as it was. */
#include "tests/lib/test.h"

#include <stdio.h>

#include "sidecar/core/text.h"
#include "sidecar/rewrite.h"
#include "transport/http_reader.h"

static struct arena_pool blocks;
static struct arena arena;
static struct random dice;
static struct http_scratch scratch;
static struct http_reader reader;
static struct route route;
static struct request_rules request;
static struct response_rules response;
static struct request_text out;
static struct slice head_out;
static enum err result;
static struct text shown;
static bool in_pieces;

static enum err on_request(struct http_reader *r, const struct http_head *h)
{
    (void)r;
    result = rewrite_request(&out, &arena, h, &route, &request);
    return ERR_OK;
}

static enum err on_response(struct http_reader *r, const struct http_head *h)
{
    (void)r;
    head_out = rewrite_response(&arena, h, &response);
    return ERR_OK;
}

static enum err on_body(struct http_reader *r, struct slice bytes)
{
    (void)r;
    (void)bytes;
    return ERR_OK;
}

static enum err on_end(struct http_reader *r)
{
    (void)r;
    return ERR_OK;
}

static const struct http_reader_events request_events = {
    .head = on_request, .body = on_body, .end = on_end};
static const struct http_reader_events response_events = {
    .head = on_response, .body = on_body, .end = on_end};

static int test_setup(void **state)
{
    (void)state;
    arena_pool_init(&blocks, 4);
    arena_init(&arena, &blocks, ARENA_LIMIT);
    random_init(&dice, 1);
    text_init(&shown, 256 * 1024);
    route = (struct route){.form = ROUTE_HEADER, .target = SLICE("/x")};
    request = (struct request_rules){
        .via = SLICE("csidecar-1"), .peer_ip = SLICE("127.0.0.1"), .random = &dice};
    response = (struct response_rules){.via = SLICE("csidecar-1"),
                                       .instance = SLICE("a-1"),
                                       .attempts = 1,
                                       .client_minor = 1};
    return 0;
}

static int test_teardown(void **state)
{
    (void)state;
    reader_fini(&reader);
    arena_fini(&arena);
    arena_pool_fini(&blocks);
    text_fini(&shown);
    return 0;
}

static void feed(enum http_side side, const struct http_reader_events *events,
                 struct text *wire)
{
    size_t step = in_pieces ? 1 : wire->size, used;

    reader_init(&reader, side, events, &scratch);
    for (size_t at = 0; at < wire->size; at += step)
        assert_int_equal(
            reader_feed(&reader, slice_from(wire->base + at, step), &used, NULL), ERR_OK);
    text_fini(wire);
}

/* The request's fields as they leave. */
static const char *sent(const char *line, const char *fields)
{
    struct text wire;

    text_init(&wire, 256 * 1024);
    text_addf(&wire, "%s HTTP/1.1\r\nHost: here\r\n%s\r\n", line, fields);
    feed(HTTP_REQUESTS, &request_events, &wire);
    assert_int_equal(result, ERR_OK);
    text_clear(&shown);
    text_add(&shown, out.line);
    text_add(&shown, out.fields);
    return shown.base;
}

static const char *answered_with(const char *line, const char *fields)
{
    struct text wire;

    text_init(&wire, 256 * 1024);
    text_addf(&wire, "HTTP/1.1 %s\r\n%s\r\n", line, fields);
    feed(HTTP_RESPONSES, &response_events, &wire);
    text_clear(&shown);
    text_add(&shown, head_out);
    return shown.base;
}

static const char *answered(const char *fields)
{
    return answered_with("200 OK", fields);
}

#define has(text, part) assert_non_null(strstr(text, part))
#define lacks(text, part) assert_null(strstr(text, part))

TEST(other_fields_keep_their_case_their_order_and_their_bytes)
{
    has(sent("GET /x", "x-B: 1\r\nX-a:  two  words \r\nx-B: 3\r\n"),
        "x-B: 1\r\nX-a: two  words\r\nx-B: 3\r\n");
}

/* What is whole and plain leaves in one copy where nothing is to be changed; in pieces each field is looked at. */
static const char *const field_lines[] = {
    "",
    "A: 1\r\nB: 2\r\n",
    "A:1\r\nB: 2\r\n",
    "Connection: A\r\nA: 1\r\nB: 2\r\n",
    "Keep-Alive: 1\r\nB: 2\r\n",
    "Content-Length: 0\r\nA: 1\r\n",
    "Location: /a\r\nSet-Cookie: a=b; Path=/\r\n",
    "X-Forwarded-Prefix: /p\r\nX-Forwarded-Proto: https\r\n",
    "dapr-app-id: x\r\ncsidecar-instance: y\r\ncsidecar-attempts: 3\r\n",
    "X-Forwarded-For: 10.0.0.1\r\nVia: 1.1 other\r\n",
};

static void must_be_the_same(const char *(*leaving)(const char *fields),
                             const char *fields)
{
    struct text whole;

    text_init(&whole, 64 * 1024);
    in_pieces = false;
    random_init(&dice, 1);
    text_add(&whole, slice_of(leaving(fields)));
    in_pieces = true;
    random_init(&dice, 1);
    assert_string_equal(whole.base, leaving(fields));
    in_pieces = false;
    text_fini(&whole);
}

static const char *sent_get(const char *fields)
{
    return sent("GET /x", fields);
}

TEST(a_head_leaves_the_same_whole_or_in_pieces)
{
    static const struct slice prefixes[] = {
        {NULL,      0},
        {"/orders", 7}
    };

    for (unsigned p = 0; p < 2; p++)
        for (unsigned i = 0; i < sizeof(field_lines) / sizeof(field_lines[0]); i++) {
            route.prefix = response.prefix = prefixes[p];
            must_be_the_same(sent_get, field_lines[i]);
            must_be_the_same(answered, field_lines[i]);
        }
}

TEST(hop_by_hop_fields_end_here)
{
    const char *text = sent("GET /x", "Connection: X-Secret, close\r\nX-Secret: 1\r\n"
                                      "Keep-Alive: timeout=5\r\nTE: trailers\r\n"
                                      "Proxy-Authorization: x\r\nProxy-Connection: y\r\n"
                                      "Upgrade: h2c\r\nHTTP2-Settings: z\r\n");

    lacks(text, "Secret");
    lacks(text, "Keep-Alive");
    lacks(text, "TE:");
    lacks(text, "Proxy");
    lacks(text, "pgrade");
    lacks(text, "HTTP2");
    lacks(text, "Connection");
}

TEST(connection_cannot_take_the_length_away)
{
    has(sent("POST /x", "Connection: Content-Length\r\nContent-Length: 007\r\n"),
        "Content-Length: 7\r\n");
}

TEST(fields_for_us_end_here)
{
    const char *text = sent("GET /x", "csidecar-timeout: 1s\r\nCSIDECAR-Retries: 0\r\n"
                                      "csidecar-token: t\r\ncsidecar-hash: h\r\n"
                                      "csidecar-instance: i\r\ncsidecar-service: s\r\n"
                                      "Idempotency-Key: k\r\n");

    lacks(text, "sidecar-t");
    lacks(text, "CSIDECAR");
    has(text, "Idempotency-Key: k\r\n");
}

TEST(forwarded_fields_come)
{
    const char *text;

    route.authority = SLICE("here:8081");
    route.prefix = SLICE("/orders");
    text = sent("GET /orders/x", "");
    has(text, "X-Forwarded-For: 127.0.0.1\r\n");
    has(text, "X-Forwarded-Host: here:8081\r\n");
    has(text, "X-Forwarded-Proto: http\r\n");
    has(text, "X-Forwarded-Prefix: /orders\r\n");
    has(text, "Via: 1.1 csidecar-1\r\n");
}

TEST(the_client_is_appended_to_those_before_it)
{
    has(sent("GET /x", "X-Forwarded-For: 10.0.0.1\r\nX-Forwarded-For: 10.0.0.2\r\n"),
        "X-Forwarded-For: 10.0.0.1, 10.0.0.2, 127.0.0.1\r\n");
}

TEST(nobody_is_appended_on_a_unix_socket)
{
    request.peer_ip = SLICE("");
    has(sent("GET /x", "X-Forwarded-For: 10.0.0.1\r\n"), "X-Forwarded-For: 10.0.0.1\r\n");
    lacks(sent("GET /x", ""), "X-Forwarded-For");
}

TEST(what_an_earlier_proxy_said_of_host_and_scheme_stays)
{
    const char *text;

    route.authority = SLICE("here");
    text =
        sent("GET /x", "X-Forwarded-Host: shop.example\r\nX-Forwarded-Proto: https\r\n");
    has(text, "X-Forwarded-Host: shop.example\r\n");
    lacks(text, "X-Forwarded-Host: here");
    lacks(text, "X-Forwarded-Proto: http\r\n");
}

TEST(a_clients_own_prefix_does_not_pass_in_the_path_form)
{
    const char *text;

    route.prefix = SLICE("/orders");
    text = sent("GET /orders/x", "X-Forwarded-Prefix: /evil\r\n");
    lacks(text, "evil");
}

TEST(max_forwards_counts_down)
{
    has(sent("OPTIONS /x", "Max-Forwards: 10\r\n"), "Max-Forwards: 9\r\n");
}

TEST(our_own_via_is_a_loop)
{
    struct text wire;

    text_init(&wire, 4096);
    text_addf(&wire,
              "GET /x HTTP/1.1\r\nHost: a\r\nVia: 1.0 fred, 1.1 csidecar-1 (x)\r\n\r\n");
    feed(HTTP_REQUESTS, &request_events, &wire);
    assert_int_equal(result, ERR_LOOP);
}

TEST(the_via_of_another_is_none)
{
    has(sent("GET /x", "Via: 1.1 csidecar-12\r\n"), "Via: 1.1 csidecar-12\r\n");
}

TEST(a_traceparent_is_made_once)
{
    has(sent("GET /x", ""), "\r\ntraceparent: 00-");
    has(sent("GET /x", "traceparent: 00-1-2-00\r\n"), "traceparent: 00-1-2-00\r\n");
    assert_null(strstr(strstr(shown.base, "traceparent") + 1, "traceparent"));
}

TEST(an_upgrade_goes_on_only_as_a_tunnel)
{
    const char *fields = "Connection: Upgrade\r\nUpgrade: websocket\r\n";

    lacks(sent("GET /x", fields), "websocket");
    request.tunnel = true;
    has(sent("GET /x", fields), "Connection: Upgrade\r\nUpgrade: websocket\r\n");
}

TEST(chunks_are_announced_anew)
{
    has(sent("POST /x", "Transfer-Encoding: chunked\r\nTrailer: X\r\n"),
        "Trailer: X\r\n");
    has(shown.base, "Transfer-Encoding: chunked\r\n");
}

TEST(the_host_is_by_the_form_or_as_set)
{
    route.authority = SLICE("orders");
    sent("GET /x", "");
    assert_int_equal(out.host.size, 0); /* the instance's own */
    route.form = ROUTE_PROXY;
    sent("GET /x", "");
    assert_true(slice_is(out.host, "orders"));
    request.host = SLICE("fixed");
    sent("GET /x", "");
    assert_true(slice_is(out.host, "fixed"));
}

TEST(a_target_from_a_query_is_decoded_but_for_what_could_not_stand_there)
{
    route.encoded = true;
    route.target = SLICE("%2Fa%3Fb%3D1%0d%0aX%20y%23z%00%ff%zz%");
    has(sent("GET /x", ""), "GET /a?b=1%0d%0aX%20y%23z%00%ff%zz% HTTP/1.1\r\n");
}

TEST(each_attempt_gets_its_host_in_one_piece)
{
    struct slice text;

    sent("GET /x", "A: 1\r\n");
    text = request_text_with(&out, SLICE("[fd00::1]:65535"));
    assert_true(slice_starts_with(
        text, SLICE("GET /x HTTP/1.1\r\nHost: [fd00::1]:65535\r\nA: 1\r\n")));
    text = request_text_with(&out, SLICE("10.0.0.1:80"));
    assert_true(slice_starts_with(
        text, SLICE("GET /x HTTP/1.1\r\nHost: 10.0.0.1:80\r\nA: 1\r\n")));
    assert_true(slice_equals(slice_after(text, text.size - 7), SLICE("-00\r\n\r\n")));
}

TEST(a_host_that_is_known_stays_in_each_attempt)
{
    route.form = ROUTE_PROXY;
    route.authority = SLICE("orders");
    sent("GET /x", "A: 1\r\n");
    assert_true(slice_starts_with(request_text_with(&out, SLICE("10.0.0.1:80")),
                                  SLICE("GET /x HTTP/1.1\r\nHost: orders\r\nA: 1\r\n")));
}

TEST(expect_is_kept_apart)
{
    lacks(sent("POST /x", "Expect: 100-continue\r\nContent-Length: 1\r\n"), "Expect");
    assert_true(out.expects);
}

/* ---- homeward ---- */

TEST(an_answers_hop_by_hop_fields_end_here)
{
    const char *text = answered("Connection: X-Secret\r\nX-Secret: 1\r\n"
                                "Keep-Alive: timeout=5\r\nUpgrade: h2c\r\n"
                                "csidecar-instance: evil\r\ncsidecar-attempts: 7\r\n"
                                "Content-Length: 2\r\n");

    lacks(text, "Secret");
    lacks(text, "Keep-Alive");
    lacks(text, "pgrade");
    lacks(text, "evil");
    lacks(text, "attempts: 7");
    has(text, "Content-Length: 2\r\nVia: 1.1 csidecar-1\r\ncsidecar-instance: a-1\r\n"
              "csidecar-attempts: 1\r\n\r\n");
}

TEST(the_end_of_the_connection_is_said)
{
    response.close = true;
    has(answered("Content-Length: 2\r\n"), "Connection: close\r\n");
}

TEST(a_client_of_1_0_hears_that_it_may_stay)
{
    response.client_minor = 0;
    has(answered("Content-Length: 2\r\n"), "Connection: keep-alive\r\n");
}

TEST(a_204_has_no_length)
{
    lacks(answered_with("204 No Content", "Content-Length: 0\r\n"), "Content-Length");
}

TEST(an_informational_answer_comes_plain)
{
    assert_string_equal(
        answered_with("103 Early Hints", "Link: </a>\r\nConnection: x\r\n"),
        "HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n");
}

static void in_path_form(void)
{
    response.prefix = SLICE("/orders");
    response.own_host = SLICE("10.0.0.1:80");
    response.client_host = SLICE("localhost:8081");
}

static void becomes(const char *field, const char *from, const char *to)
{
    char fields[512], line[512];

    in_path_form();
    snprintf(fields, sizeof(fields), "%s: %s\r\nContent-Length: 0\r\n", field, from);
    snprintf(line, sizeof(line), "%s: %s\r\n", field, to);
    has(answered(fields), line);
}

TEST(a_location_gets_its_prefix_back)
{
    becomes("Location", "/items", "/orders/items");
    becomes("Content-Location", "/", "/orders/");
    becomes("Location", "http://10.0.0.1:80/items", "http://localhost:8081/orders/items");
    becomes("Location", "http://10.0.0.1:80", "http://localhost:8081/orders");
    becomes("Location", "http://10.0.0.1:80?x", "http://localhost:8081/orders?x");
    becomes("Location", "http://localhost:8081/items",
            "http://localhost:8081/orders/items");
}

TEST(a_location_that_is_not_ours_stays)
{
    becomes("Location", "//evil.example/x", "//evil.example/x");
    becomes("Location", "http://10.0.0.1:8000/x", "http://10.0.0.1:8000/x");
    becomes("Location", "https://10.0.0.1:80/x", "https://10.0.0.1:80/x");
    becomes("Location", "items", "items");
    becomes("Location", "http://localhost:8081/orders/x",
            "http://localhost:8081/orders/x");
}

TEST(a_cookies_path_gets_the_prefix)
{
    becomes("Set-Cookie", "a=b; Path=/", "a=b; Path=/orders/");
    becomes("Set-Cookie", "a=b;path=/x;Secure", "a=b; Path=/orders/x;Secure");
    becomes("Set-Cookie", "a=path=/x", "a=path=/x");
    becomes("Set-Cookie", "a=b; Path=", "a=b; Path=");
    becomes("Set-Cookie", "a=b", "a=b");
}

TEST(each_cookie_is_rewritten)
{
    const char *text;

    in_path_form();
    text = answered(
        "Set-Cookie: a=1; Path=/\r\nset-cookie: b=2; PATH=/\r\nContent-Length: 0\r\n");
    has(text, "Set-Cookie: a=1; Path=/orders/\r\nset-cookie: b=2; Path=/orders/\r\n");
}

TEST(a_cookie_of_nothing_but_paths_fits)
{
    struct text fields;

    in_path_form();
    text_init(&fields, 64 * 1024);
    text_addf(&fields, "Set-Cookie: a");
    for (int i = 0; i < 2000; i++)
        text_addf(&fields, ";path=/");
    text_addf(&fields, "\r\nContent-Length: 0\r\n");
    has(answered(fields.base), "; Path=/orders/; Path=/orders/");
    text_fini(&fields);
}

TEST(nothing_is_rewritten_without_a_prefix)
{
    has(answered("Location: /items\r\nContent-Length: 0\r\n"), "Location: /items\r\n");
}

TEST(a_head_past_the_arena_is_no_memory)
{
    arena_fini(&arena);
    arena_init(&arena, &blocks, 100);
    answered("Content-Length: 0\r\n");
    assert_null(head_out.base);
}

TESTS(RUN_WITH(other_fields_keep_their_case_their_order_and_their_bytes),
      RUN_WITH(a_head_leaves_the_same_whole_or_in_pieces),
      RUN_WITH(hop_by_hop_fields_end_here),
      RUN_WITH(connection_cannot_take_the_length_away), RUN_WITH(fields_for_us_end_here),
      RUN_WITH(forwarded_fields_come),
      RUN_WITH(the_client_is_appended_to_those_before_it),
      RUN_WITH(nobody_is_appended_on_a_unix_socket),
      RUN_WITH(what_an_earlier_proxy_said_of_host_and_scheme_stays),
      RUN_WITH(a_clients_own_prefix_does_not_pass_in_the_path_form),
      RUN_WITH(max_forwards_counts_down), RUN_WITH(our_own_via_is_a_loop),
      RUN_WITH(the_via_of_another_is_none), RUN_WITH(a_traceparent_is_made_once),
      RUN_WITH(an_upgrade_goes_on_only_as_a_tunnel), RUN_WITH(chunks_are_announced_anew),
      RUN_WITH(the_host_is_by_the_form_or_as_set),
      RUN_WITH(a_target_from_a_query_is_decoded_but_for_what_could_not_stand_there),
      RUN_WITH(each_attempt_gets_its_host_in_one_piece),
      RUN_WITH(a_host_that_is_known_stays_in_each_attempt),
      RUN_WITH(expect_is_kept_apart), RUN_WITH(an_answers_hop_by_hop_fields_end_here),
      RUN_WITH(the_end_of_the_connection_is_said),
      RUN_WITH(a_client_of_1_0_hears_that_it_may_stay), RUN_WITH(a_204_has_no_length),
      RUN_WITH(an_informational_answer_comes_plain),
      RUN_WITH(a_location_gets_its_prefix_back),
      RUN_WITH(a_location_that_is_not_ours_stays),
      RUN_WITH(a_cookies_path_gets_the_prefix), RUN_WITH(each_cookie_is_rewritten),
      RUN_WITH(a_cookie_of_nothing_but_paths_fits),
      RUN_WITH(nothing_is_rewritten_without_a_prefix),
      RUN_WITH(a_head_past_the_arena_is_no_memory))
