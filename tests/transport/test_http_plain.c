/* Which heads are read without llhttp, and that they say what llhttp would. */
#include "transport/http_plain.h"

#include <stdio.h>

#include "tests/lib/test.h"
#include "tests/lib/transport/http_record.h"

static struct http_field fields[HTTP_FIELD_LIMIT];
static struct http_head head;

static size_t request(const char *text)
{
    return http_plain_request(slice_of(text), fields, &head);
}

static size_t response(const char *text)
{
    return http_plain_response(slice_of(text), fields, &head);
}

TEST(reads_a_plain_request)
{
    const char *text = "GET /a?b=%20 HTTP/1.1\r\nHost: x\r\nA-1:  two words \r\n\r\n";

    assert_int_equal(request(text), strlen(text));
    assert_int_equal(head.method, METHOD_GET);
    assert_true(slice_is(head.target, "/a?b=%20") && head.minor == 1 && head.count == 2);
    assert_int_equal(fields[0].id, FIELD_ID_HOST);
    assert_true(slice_is(fields[1].name, "A-1") &&
                slice_is(fields[1].value, "two words"));
    assert_true(head_has(&head, FIELD_ID_HOST) && !head_has(&head, FIELD_ID_DATE));
}

TEST(reads_a_plain_response)
{
    assert_int_equal(response("HTTP/1.0 404 Not Found\r\nDate:x\r\nEmpty:\r\n\r\nbody"),
                     42);
    assert_true(head.status == 404 && head.minor == 0 &&
                slice_is(head.reason, "Not Found"));
    assert_true(slice_is(fields[0].value, "x") && fields[1].value.size == 0);
}

TEST(tells_which_lines_may_leave_as_they_came)
{
    request("GET / HTTP/1.1\r\nHost: x\r\nA: b c\r\n\r\n");
    assert_true(slice_is(head.lines, "Host: x\r\nA: b c\r\n"));
    head.lines.base = NULL;
    request("GET / HTTP/1.1\r\nHost: x\r\nA:b\r\n\r\n");
    assert_null(head.lines.base);
    request("GET / HTTP/1.1\r\nHost: x\r\nA: b \r\n\r\n");
    assert_null(head.lines.base);
    request("GET / HTTP/1.1\r\nHost: x\r\nEmpty:\r\n\r\n");
    assert_null(head.lines.base);
}

TEST(reads_names_and_values_of_any_length)
{
    char text[256], name[65];

    for (int size = 1; size < 65; size++) {
        memset(name, 'n', sizeof(name));
        name[size] = 0;
        sprintf(text, "GET / HTTP/1.1\r\n%s: %s\r\n\r\n", name, name);
        assert_int_equal(request(text), strlen(text));
        assert_int_equal(fields[0].name.size, size);
        assert_int_equal(fields[0].value.size, size);
    }
}

TEST(waits_for_llhttp_where_a_byte_is_missing)
{
    char text[] = "PUT /a/long/target HTTP/1.1\r\nHost: example\r\nB: c\r\n\r\n";

    assert_int_equal(request(text), strlen(text));
    for (size_t size = 0; size < strlen(text); size++)
        assert_int_equal(http_plain_request(slice_from(text, size), fields, &head), 0);
}

static void none_is_plain(size_t (*read)(const char *text), const char *before,
                          const char *const *lines, unsigned count, const char *after)
{
    char text[128];

    for (unsigned i = 0; i < count; i++) {
        snprintf(text, sizeof(text), "%s%s%s", before, lines[i], after);
        assert_int_equal(read(text), 0);
    }
}

#define NONE_IS_PLAIN(read, before, lines, after)                                        \
    none_is_plain(read, before, lines, sizeof(lines) / sizeof((lines)[0]), after)

TEST(leaves_what_is_not_plain_to_llhttp)
{
    static const char *const lines[] = {
        "PROPFIND / HTTP/1.1\r\n", "CONNECT a:1 HTTP/1.1\r\n",   "get / HTTP/1.1\r\n",
        "GET  / HTTP/1.1\r\n",     "GET http://a/ HTTP/1.1\r\n", "OPTIONS * HTTP/1.1\r\n",
        "GET /#a HTTP/1.1\r\n",    "GET / HTTP/1.2\r\n",         "GET / HTTP/2.0\r\n",
        "GET / http/1.1\r\n",      "GET /\x80 HTTP/1.1\r\n",     "GET / HTTP/1.1 \r\n",
        "GET / HTTP/1.1\n",        "GET /a b HTTP/1.1\r\n",
    };

    NONE_IS_PLAIN(request, "", lines, "Host: example.com\r\n\r\n");
}

TEST(leaves_fields_that_are_not_plain_to_llhttp)
{
    static const char *const lines[] = {
        "A : b\r\n",       ": b\r\n",     "A\r\n",
        "A_B: c\r\n",      "A: \x01\r\n", "A: b\n",
        "A: b\rc\r\n",     " A: b\r\n",   "A: b\r\n folded\r\n",
        "A: \xc3\xa9\r\n", "A: b\tc\r\n", "A: \x7f\r\n",
        "Host: again\r\n", "A@: b\r\n",   "Content-Length: 1\r\nContent-Length: 1\r\n",
    };

    NONE_IS_PLAIN(request, "GET / HTTP/1.1\r\nHost: a\r\n", lines, "\r\n");
}

TEST(leaves_status_lines_that_are_not_plain_to_llhttp)
{
    static const char *const lines[] = {
        "HTTP/1.1 200\r\n",      "HTTP/1.1 099 x\r\n",  "HTTP/1.1 20 x\r\n",
        "HTTP/1.1 2000 x\r\n",   "HTTP/1.1  200 x\r\n", "HTTP/1.2 200 x\r\n",
        "HTTP/1.1 200 \x01\r\n", "ICY 200 OK\r\n",
    };

    NONE_IS_PLAIN(response, "", lines, "Server: example.com\r\n\r\n");
}

TEST(leaves_more_fields_than_are_allowed_to_llhttp)
{
    struct text t;

    text_init(&t, 4096);
    text_add(&t, SLICE("GET / HTTP/1.1\r\n"));
    for (int i = 0; i < HTTP_FIELD_LIMIT; i++)
        text_add(&t, SLICE("A: b\r\n"));
    text_add(&t, SLICE("\r\n"));
    assert_int_equal(http_plain_request(text_slice(&t), fields, &head), t.size);
    t.size -= 2;
    text_add(&t, SLICE("A: b\r\n\r\n"));
    assert_int_equal(http_plain_request(text_slice(&t), fields, &head), 0);
    text_fini(&t);
}

/* Byte by byte no head is whole, and llhttp reads it. */
static void must_be_the_same(enum http_side side, const char *text)
{
    struct http_record whole, pieces;

    record_init(&whole, side);
    record_init(&pieces, side);
    assert_int_equal(record_feed(&whole, slice_of(text), 0),
                     record_feed(&pieces, slice_of(text), 1));
    assert_string_equal(record_text(&whole), record_text(&pieces));
    record_fini(&whole);
    record_fini(&pieces);
}

TEST(says_of_a_message_what_llhttp_says)
{
    must_be_the_same(HTTP_REQUESTS, "HEAD /x HTTP/1.0\r\nConnection: close\r\n\r\n");
    must_be_the_same(HTTP_REQUESTS,
                     "POST /x HTTP/1.1\r\nHost: a:80\r\nContent-Length: 3\r\n\r\nabc");
    must_be_the_same(HTTP_REQUESTS, "POST /x HTTP/1.1\r\nHost: a b\r\n\r\n");
    must_be_the_same(HTTP_REQUESTS,
                     "PATCH /x HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\n\r\n");
    must_be_the_same(
        HTTP_RESPONSES,
        "HTTP/1.1 103 Early\r\nLink: x\r\n\r\nHTTP/1.1 200 OK\r\n\r\nto the end");
    must_be_the_same(
        HTTP_RESPONSES,
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nx\r\n0\r\n\r\n");
}

TESTS(RUN(reads_a_plain_request), RUN(tells_which_lines_may_leave_as_they_came),
      RUN(reads_a_plain_response), RUN(reads_names_and_values_of_any_length),
      RUN(waits_for_llhttp_where_a_byte_is_missing),
      RUN(leaves_what_is_not_plain_to_llhttp),
      RUN(leaves_fields_that_are_not_plain_to_llhttp),
      RUN(leaves_status_lines_that_are_not_plain_to_llhttp),
      RUN(leaves_more_fields_than_are_allowed_to_llhttp),
      RUN(says_of_a_message_what_llhttp_says))
