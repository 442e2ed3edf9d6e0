#include "tests/lib/test.h"
#include "tests/lib/transport/http_expect.h"

#define refuse_response_field(line) refuse_response("HTTP/1.1 200 OK\r\n" line "\r\n\r\n")
#define accept_response_field(line) accept_response("HTTP/1.1 200 OK\r\n" line "\r\n\r\n")

static struct http_record r;

static int test_setup(void **state)
{
    (void)state;
    record_init(&r, HTTP_RESPONSES);
    return 0;
}

static int test_teardown(void **state)
{
    (void)state;
    record_fini(&r);
    return 0;
}

TEST(reads_a_response_of_known_length)
{
    expect_response(
        "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello",
        "response 200 OK HTTP/1.1 length\nContent-Length: 5\nbody 5 hello\nend\n");
}

TEST(reads_a_chunked_response)
{
    expect_response(
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhi\r\n0\r\n\r\n",
        "response 200 OK HTTP/1.1 chunked\nTransfer-Encoding: chunked\nbody 2 hi\nend\n");
}

TEST(reads_a_response_that_ends_with_its_connection)
{
    expect_response("HTTP/1.1 200 OK\r\nX: y\r\n\r\nhello",
                    "response 200 OK HTTP/1.1 to-end close\nX: y\nbody 5 hello\nend\n");
}

TEST(reads_responses_of_http_1_0)
{
    expect_response("HTTP/1.0 200 OK\r\n\r\nhello",
                    "response 200 OK HTTP/1.0 to-end close\nbody 5 hello\nend\n");
    expect_response(
        "HTTP/1.0 200 OK\r\nConnection: keep-alive\r\nContent-Length: 2\r\n\r\nhi",
        "response 200 OK HTTP/1.0 length\nConnection: keep-alive\nContent-Length: "
        "2\nbody 2 hi\nend\n");
}

TEST(takes_a_reason_of_any_text_or_none)
{
    expect_response("HTTP/1.1 204 A  \303\244\tb\r\n\r\n",
                    "response 204 A  \303\244\tb HTTP/1.1 none\nend\n");
    expect_response("HTTP/1.1 204 \r\n\r\n", "response 204  HTTP/1.1 none\nend\n");
    expect_response("HTTP/1.1 204\r\n\r\n", "response 204  HTTP/1.1 none\nend\n");
}

TEST(takes_every_status_of_three_digits)
{
    expect_response("HTTP/1.1 999 X\r\nContent-Length: 0\r\n\r\n",
                    "response 999 X HTTP/1.1 none\nContent-Length: 0\nend\n");
    assert_int_equal(accept_response("HTTP/1.1 299\r\n\r\n").status, 299);
}

TEST(refuses_statuses_that_are_none)
{
    refuse_response("HTTP/1.1 099 X\r\n\r\n");
    refuse_response("HTTP/1.1 000 X\r\n\r\n");
    refuse_response("HTTP/1.1 20 OK\r\n\r\n");
    refuse_response("HTTP/1.1 2000 OK\r\n\r\n");
    refuse_response("HTTP/1.1 2x0 OK\r\n\r\n");
    refuse_response("HTTP/1.1 -20 OK\r\n\r\n");
    refuse_response("HTTP/1.1 OK\r\n\r\n");
    refuse_response("HTTP/1.1 200OK\r\n\r\n");
}

TEST(refuses_malformed_status_lines)
{
    refuse_response("HTTP/1.1  200 OK\r\n\r\n");
    refuse_response("HTTP/1.1\t200 OK\r\n\r\n");
    refuse_response("HTTP/1.1 200\tOK\r\n\r\n");
    refuse_response(" HTTP/1.1 200 OK\r\n\r\n");
    refuse_response("http/1.1 200 OK\r\n\r\n");
    refuse_response("HTTP1.1 200 OK\r\n\r\n");
    refuse_response("HTTP/1.1\r\n\r\n");
}

TEST(refuses_other_versions_of_responses)
{
    refuse_response("HTTP/2.0 200 OK\r\n\r\n");
    refuse_response("HTTP/1.2 200 OK\r\n\r\n");
    refuse_response("HTTP/0.9 200 OK\r\n\r\n");
    refuse_response("ICY 200 OK\r\n\r\n");
    refuse_response("RTSP/1.0 200 OK\r\n\r\n");
}

TEST(refuses_garbage_for_a_response)
{
    refuse_response("hello");
    refuse_response("\r\nHTTP/1.1 200 OK\r\n\r\n");
    refuse_response("\nHTTP/1.1 200 OK\r\n\r\n");
    refuse_response("\0\0\0");
    refuse_response("<html>");
    refuse_response("GET / HTTP/1.1\r\n\r\n");
}

TEST(refuses_control_characters_in_a_reason)
{
    refuse_response("HTTP/1.1 200 O\0K\r\n\r\n");
    refuse_response("HTTP/1.1 200 O\rK\r\n\r\n");
    refuse_response("HTTP/1.1 200 O\x1bK\r\n\r\n");
    refuse_response("HTTP/1.1 200 OK\n\r\n");
}

TEST(refuses_malformed_fields_of_responses)
{
    refuse_response_field("X : a");
    refuse_response_field("X: a\r\n b");
    refuse_response_field("X: a\nY: b");
    refuse_response_field("X: a\0");
    refuse_response_field(" X: a");
    refuse_response_field("X");
    refuse_response_field(": a");
    refuse_response_field("X: a\rY: b");
}

TEST(refuses_ambiguous_framing_of_responses)
{
    refuse_response_field("Content-Length: 5\r\nTransfer-Encoding: chunked");
    refuse_response_field("Content-Length: 5\r\nContent-Length: 5");
    refuse_response_field("Content-Length: 5, 5");
    refuse_response_field("Content-Length: -1");
    refuse_response_field("Content-Length: 9223372036854775808");
    refuse_response_field("Transfer-Encoding: gzip, chunked");
    refuse_response_field("Transfer-Encoding: identity");
    refuse_response("HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n");
}

TEST(refuses_bad_framing_even_of_a_response_without_a_body)
{
    refuse_response("HTTP/1.1 304 X\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\n");
    refuse_response("HTTP/1.1 204 X\r\nTransfer-Encoding: x\r\n\r\n");
}

TEST(has_no_body_for_204_and_304)
{
    expect_response("HTTP/1.1 304 X\r\nContent-Length: 5\r\n\r\n",
                    "response 304 X HTTP/1.1 none\nContent-Length: 5\nend\n");
    expect_response("HTTP/1.1 204 X\r\n\r\n", "response 204 X HTTP/1.1 none\nend\n");
}

TEST(does_not_keep_the_connection_of_a_204_that_announces_a_body)
{
    assert_false(
        accept_response("HTTP/1.1 204 X\r\nContent-Length: 5\r\n\r\n").keep_alive);
    assert_false(accept_response("HTTP/1.1 204 X\r\nTransfer-Encoding: chunked\r\n\r\n")
                     .keep_alive);
    assert_true(
        accept_response("HTTP/1.1 204 X\r\nContent-Length: 0\r\n\r\n").keep_alive);
}

TEST(has_no_body_in_the_answer_to_head)
{
    reader_expect(&r.reader, METHOD_HEAD);
    assert_int_equal(
        record_feed(&r, SLICE("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n"), 0),
        ERR_OK);
    assert_string_equal(record_text(&r),
                        "response 200 OK HTTP/1.1 none\nContent-Length: 5\nend\n");
    assert_true(r.last.keep_alive);
}

TEST(has_a_body_again_in_the_answer_after_that_to_head)
{
    reader_expect(&r.reader, METHOD_HEAD);
    record_feed(&r, SLICE("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"), 0);
    assert_int_equal(r.ends, 1);
    record_feed(&r, SLICE("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi"), 0);
    assert_int_equal(r.ends, 2);
    assert_int_equal(r.last.framing, BODY_LENGTH);
}

TEST(still_expects_the_answer_to_head_after_a_1xx)
{
    reader_expect(&r.reader, METHOD_HEAD);
    record_feed(
        &r, SLICE("HTTP/1.1 103 X\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n"),
        0);
    assert_int_equal(r.ends, 1);
    assert_int_equal(r.last.framing, BODY_NONE);
}

TEST(delivers_informational_heads_and_goes_on)
{
    expect_response("HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early\r\nLink: x\r\n\r\n"
                    "HTTP/1.1 204 X\r\n\r\n",
                    "response 100 Continue HTTP/1.1 none\n"
                    "response 103 Early HTTP/1.1 none\nLink: x\n"
                    "response 204 X HTTP/1.1 none\nend\n");
}

TEST(is_in_a_message_from_the_first_1xx_to_the_end)
{
    assert_false(reader_in_message(&r.reader));
    record_feed(&r, SLICE("HTTP/1.1 100 Continue\r\n\r\n"), 0);
    assert_true(reader_in_message(&r.reader));
    record_feed(&r, SLICE("HTTP/1.1 204 X\r\n\r\n"), 0);
    assert_false(reader_in_message(&r.reader));
}

TEST(is_truncated_between_a_1xx_and_the_answer)
{
    record_feed(&r, SLICE("HTTP/1.1 100 Continue\r\n\r\n"), 0);
    assert_int_equal(record_finish(&r), ERR_TRUNCATED);
}

TEST(takes_a_hundred_1xx_in_a_row_and_no_more)
{
    for (unsigned i = 0; i < 100; i++)
        assert_int_equal(record_feed(&r, SLICE("HTTP/1.1 102 X\r\n\r\n"), 0), ERR_OK);
    assert_int_equal(record_feed(&r, SLICE("HTTP/1.1 102 X\r\n\r\n"), 0),
                     ERR_BAD_RESPONSE);
}

TEST(becomes_a_tunnel_after_101)
{
    struct slice wire =
        SLICE("HTTP/1.1 101 X\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\r\nraw");
    size_t used;

    assert_int_equal(reader_feed(&r.reader, wire, &used, NULL), ERR_OK);
    assert_int_equal(used, wire.size - 3);
    assert_true(r.reader.tunnel);
    assert_true(r.last.upgrade);
    assert_int_equal(r.ends, 0);
}

TEST(takes_nothing_once_it_is_a_tunnel)
{
    size_t used = 7;

    record_feed(&r, SLICE("HTTP/1.1 101 X\r\n\r\n"), 0);
    assert_int_equal(reader_feed(&r.reader, SLICE("HTTP/1.1 200 OK\r\n"), &used, NULL),
                     ERR_OK);
    assert_int_equal(used, 0);
    assert_int_equal(reader_finish(&r.reader), ERR_OK);
}

TEST(is_truncated_when_a_body_is_cut_off)
{
    expect_response(
        "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhi",
        "response 200 OK HTTP/1.1 length\nContent-Length: 5\nbody 2 hi\ntruncated\n");
    expect_response("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhi\r\n",
                    "response 200 OK HTTP/1.1 chunked\nTransfer-Encoding: chunked\nbody "
                    "2 hi\ntruncated\n");
    expect_response(
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n",
        "response 200 OK HTTP/1.1 chunked\nTransfer-Encoding: chunked\ntruncated\n");
}

TEST(is_truncated_when_a_head_is_cut_off)
{
    expect_response("HTTP/1.1 200 OK\r\nContent-Le", "truncated\n");
    expect_response("H", "truncated\n");
}

TEST(says_what_was_wrong)
{
    record_feed(&r, SLICE("HTTP/1.1 200 OK\r\nContent-Length: x\r\n\r\n"), 0);
    assert_true(strlen(r.why.text) > 5);
}

TESTS(RUN_WITH(reads_a_response_of_known_length), RUN_WITH(reads_a_chunked_response),
      RUN_WITH(reads_a_response_that_ends_with_its_connection),
      RUN_WITH(reads_responses_of_http_1_0), RUN_WITH(takes_a_reason_of_any_text_or_none),
      RUN_WITH(takes_every_status_of_three_digits),
      RUN_WITH(refuses_statuses_that_are_none), RUN_WITH(refuses_malformed_status_lines),
      RUN_WITH(refuses_other_versions_of_responses),
      RUN_WITH(refuses_garbage_for_a_response),
      RUN_WITH(refuses_control_characters_in_a_reason),
      RUN_WITH(refuses_malformed_fields_of_responses),
      RUN_WITH(refuses_ambiguous_framing_of_responses),
      RUN_WITH(refuses_bad_framing_even_of_a_response_without_a_body),
      RUN_WITH(has_no_body_for_204_and_304),
      RUN_WITH(does_not_keep_the_connection_of_a_204_that_announces_a_body),
      RUN_WITH(has_no_body_in_the_answer_to_head),
      RUN_WITH(has_a_body_again_in_the_answer_after_that_to_head),
      RUN_WITH(still_expects_the_answer_to_head_after_a_1xx),
      RUN_WITH(delivers_informational_heads_and_goes_on),
      RUN_WITH(is_in_a_message_from_the_first_1xx_to_the_end),
      RUN_WITH(is_truncated_between_a_1xx_and_the_answer),
      RUN_WITH(takes_a_hundred_1xx_in_a_row_and_no_more),
      RUN_WITH(becomes_a_tunnel_after_101), RUN_WITH(takes_nothing_once_it_is_a_tunnel),
      RUN_WITH(is_truncated_when_a_body_is_cut_off),
      RUN_WITH(is_truncated_when_a_head_is_cut_off), RUN_WITH(says_what_was_wrong))
