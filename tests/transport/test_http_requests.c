#include "tests/lib/test.h"
#include "tests/lib/transport/http_expect.h"

TEST(reads_a_request_without_a_body)
{
    expect_request("GET /a?b=%2F HTTP/1.1\r\nHost: a\r\n\r\n",
                   "request GET /a?b=%2F HTTP/1.1 none\n"
                   "Host: a\n"
                   "end\n");
}

TEST(keeps_the_case_and_order_of_fields)
{
    expect_request("GET / HTTP/1.1\r\nX-b: 1\r\nhOST: a\r\nx-A: 2\r\nX-B: 3\r\n\r\n",
                   "request GET / HTTP/1.1 none\nX-b: 1\nhOST: a\nx-A: 2\nX-B: 3\nend\n");
}

TEST(trims_white_space_around_values_only)
{
    expect_request("GET / HTTP/1.1\r\nHost:a\r\nX: \t b \t c\t \r\nY:\r\nZ: \t\r\n\r\n",
                   "request GET / HTTP/1.1 none\nHost: a\nX: b \t c\nY: \nZ: \nend\n");
}

TEST(takes_text_beyond_ascii_in_values)
{
    expect_request("GET / HTTP/1.1\r\nHost: a\r\nX: \303\244\377\r\n\r\n",
                   "request GET / HTTP/1.1 none\nHost: a\nX: \303\244\377\nend\n");
}

TEST(reads_a_body_of_known_length)
{
    expect_request("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhello",
                   "request POST / HTTP/1.1 length\nHost: a\nContent-Length: 5\nbody 5 "
                   "hello\nend\n");
}

TEST(takes_a_length_of_nought_for_no_body)
{
    expect_request("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n",
                   "request POST / HTTP/1.1 none\nHost: a\nContent-Length: 0\nend\n");
}

TEST(reads_a_chunked_body_whatever_the_case_of_chunked)
{
    expect_request("POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: "
                   "Chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n",
                   "request POST / HTTP/1.1 chunked\nHost: a\nTransfer-Encoding: "
                   "Chunked\nbody 5 hello\nend\n");
}

TEST(reads_pipelined_requests_one_after_the_other)
{
    expect_request(
        "POST /1 HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\nhi"
        "GET /2 HTTP/1.1\r\nHost: b\r\n\r\n",
        "request POST /1 HTTP/1.1 length\nHost: a\nContent-Length: 2\nbody 2 hi\nend\n"
        "request GET /2 HTTP/1.1 none\nHost: b\nend\n");
}

TEST(skips_one_empty_line_before_a_request)
{
    expect_request(
        "\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n",
        "request GET / HTTP/1.1 none\nHost: a\nend\n"
        "request GET / HTTP/1.1 none\nHost: a\nend\n");
}

TEST(refuses_a_second_empty_line_and_half_ones)
{
    refuse_request("\r\n\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n");
    refuse_request("\nGET / HTTP/1.1\r\nHost: a\r\n\r\n");
    refuse_request("\r\n\rGET / HTTP/1.1\r\nHost: a\r\n\r\n");
    refuse_request("\rGET / HTTP/1.1\r\nHost: a\r\n\r\n");
}

TEST(takes_an_empty_line_at_the_end_for_no_message)
{
    expect_request("GET / HTTP/1.1\r\nHost: a\r\n\r\n\r\n",
                   "request GET / HTTP/1.1 none\nHost: a\nend\n");
}

TEST(takes_every_method_that_llhttp_knows)
{
    accept_request("PURGE / HTTP/1.1\r\nHost: a\r\n\r\n");
    accept_request("M-SEARCH / HTTP/1.1\r\nHost: a\r\n\r\n");
    assert_int_equal(accept_request("PATCH / HTTP/1.1\r\nHost: a\r\n\r\n").method,
                     METHOD_PATCH);
    assert_int_equal(accept_request("MKCOL / HTTP/1.1\r\nHost: a\r\n\r\n").method,
                     METHOD_OTHER);
}

TEST(refuses_methods_that_llhttp_does_not_know)
{
    refuse_request_as(ERR_METHOD, "PURGE2 / HTTP/1.1\r\nHost: a\r\n\r\n");
    refuse_request_as(ERR_METHOD, "get / HTTP/1.1\r\nHost: a\r\n\r\n");
    refuse_request_as(ERR_METHOD, "GETX / HTTP/1.1\r\nHost: a\r\n\r\n");
}

TEST(refuses_what_begins_with_no_method)
{
    refuse_request("\x16\x03\x01\x02");
    refuse_request(" GET / HTTP/1.1\r\nHost: a\r\n\r\n");
    refuse_request("GE T / HTTP/1.1\r\nHost: a\r\n\r\n");
    refuse_request("{}");
    refuse_request("G\0ET / HTTP/1.1\r\nHost: a\r\n\r\n");
}

TEST(refuses_the_preface_of_http2)
{
    refuse_request_as(ERR_HTTP_VERSION, "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n");
}

TEST(refuses_the_protocols_of_cameras_and_radios)
{
    refuse_request("OPTIONS / RTSP/1.0\r\nHost: a\r\n\r\n");
    refuse_request("SOURCE / ICE/1.0\r\nHost: a\r\n\r\n");
    refuse_request("PLAY / HTTP/1.1\r\nHost: a\r\n\r\n");
}

TEST(refuses_other_versions)
{
    refuse_request_as(ERR_HTTP_VERSION, "GET / HTTP/2.0\r\nHost: a\r\n\r\n");
    refuse_request_as(ERR_HTTP_VERSION, "GET / HTTP/1.2\r\nHost: a\r\n\r\n");
    refuse_request_as(ERR_HTTP_VERSION, "GET / HTTP/0.9\r\nHost: a\r\n\r\n");
    refuse_request_as(ERR_HTTP_VERSION, "GET / HTTP/3.0\r\nHost: a\r\n\r\n");
}

TEST(refuses_malformed_versions)
{
    refuse_request("GET / http/1.1\r\nHost: a\r\n\r\n");
    refuse_request("GET / HTTP/1.10\r\nHost: a\r\n\r\n");
    refuse_request("GET / HTTP1.1\r\nHost: a\r\n\r\n");
    refuse_request("GET / XTTP/1.1\r\nHost: a\r\n\r\n");
    refuse_request("GET /\r\n\r\n");
    refuse_request("GET / \r\nHost: a\r\n\r\n");
}

TEST(refuses_request_lines_with_other_spaces)
{
    refuse_request("GET  / HTTP/1.1\r\nHost: a\r\n\r\n");
    refuse_request("GET /  HTTP/1.1\r\nHost: a\r\n\r\n");
    refuse_request("GET\t/ HTTP/1.1\r\nHost: a\r\n\r\n");
    refuse_request("GET /\tHTTP/1.1\r\nHost: a\r\n\r\n");
    refuse_request("GET / HTTP/1.1 \r\nHost: a\r\n\r\n");
    refuse_request("GET /a b HTTP/1.1\r\nHost: a\r\n\r\n");
}

TEST(refuses_targets_of_no_form_and_with_bad_bytes)
{
    refuse_request("GET a HTTP/1.1\r\nHost: a\r\n\r\n");
    refuse_request("GET * HTTP/1.1\r\nHost: a\r\n\r\n");
    refuse_request("GET /#a HTTP/1.1\r\nHost: a\r\n\r\n");
    refuse_request("GET /\303\244 HTTP/1.1\r\nHost: a\r\n\r\n");
    refuse_request("GET /\177 HTTP/1.1\r\nHost: a\r\n\r\n");
    refuse_request("GET /a\0 HTTP/1.1\r\nHost: a\r\n\r\n");
    refuse_request("GET http:///a HTTP/1.1\r\nHost: a\r\n\r\n");
    refuse_request("GET http://u:p@a/ HTTP/1.1\r\nHost: a\r\n\r\n");
}

TEST(takes_all_forms_of_target)
{
    accept_request("GET http://orders:80/a?b HTTP/1.1\r\nHost: a\r\n\r\n");
    accept_request("GET http://[::1]/ HTTP/1.1\r\nHost: a\r\n\r\n");
    accept_request("OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n");
    accept_request("CONNECT a:443 HTTP/1.1\r\nHost: a\r\n\r\n");
    accept_request("GET //a HTTP/1.1\r\nHost: a\r\n\r\n");
}

TEST(refuses_a_bare_line_feed_for_a_line_end)
{
    refuse_request("GET / HTTP/1.1\nHost: a\r\n\r\n");
    refuse_request("GET / HTTP/1.1\r\nHost: a\n\r\n");
    refuse_request("GET / HTTP/1.1\r\nHost: a\nX: y\r\n\r\n");
    refuse_request("GET / HTTP/1.1\r\nHost: a\r\n\n");
    refuse_request("GET / HTTP/1.1\r\nX:\nHost: a\r\n\r\n");
}

TEST(refuses_a_bare_carriage_return)
{
    refuse_request("GET / HTTP/1.1\rHost: a\r\n\r\n");
    refuse_field("X: a\rb");
    refuse_field("X: \rTransfer-Encoding: chunked");
    refuse_field("X: a\r\r");
    refuse_request("GET / HTTP/1.1\r\nHost: a\r\n\rX");
}

TEST(refuses_folded_lines)
{
    refuse_field("X: a\r\n b");
    refuse_field("X: a\r\n\tb");
    refuse_field("X:\r\n b");
    refuse_field("X: a\r\n \r\n");
    refuse_field("Content-Length: 1\r\n 0");
    refuse_request("GET / HTTP/1.1\r\n X: y\r\nHost: a\r\n\r\n");
    refuse_request("GET / HTTP/1.1\r\n\tHost: a\r\n\r\n");
}

TEST(refuses_white_space_in_or_after_a_name)
{
    refuse_field("X : a");
    refuse_field("X\t: a");
    refuse_field("X Y: a");
    refuse_field("Content-Length : 0");
    refuse_field("Transfer-Encoding : chunked");
}

TEST(refuses_names_that_are_no_tokens)
{
    refuse_field("X(: a");
    refuse_field("X\303\244: a");
    refuse_field("\"X\": a");
    refuse_field("X\0: a");
    refuse_field(": a");
    refuse_field("X");
    refuse_field("X/Y: a");
}

TEST(refuses_control_characters_in_values)
{
    refuse_field("X: a\0b");
    refuse_field("X: a\1b");
    refuse_field("X: a\177b");
    refuse_field("X: \033[31m");
    refuse_field("X: 12345678\0");
    refuse_field("Connection: a\0b");
    refuse_field("Upgrade: a\1");
}

TEST(takes_tabs_in_values)
{
    accept_field("X: a\tb");
    accept_field("X: a longer one\twith a tab");
}

TEST(wants_exactly_one_host)
{
    refuse_request("GET / HTTP/1.1\r\n\r\n");
    refuse_request("GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n");
    refuse_request("GET / HTTP/1.1\r\nHost: a\r\nX: y\r\nhost: a\r\n\r\n");
    refuse_request("GET http://a/ HTTP/1.1\r\n\r\n");
}

TEST(wants_a_host_that_is_one)
{
    refuse_request("GET / HTTP/1.1\r\nHost:\r\n\r\n");
    refuse_request("GET / HTTP/1.1\r\nHost: a b\r\n\r\n");
    refuse_request("GET / HTTP/1.1\r\nHost: a, b\r\n\r\n");
    refuse_request("GET / HTTP/1.1\r\nHost: u@a\r\n\r\n");
    refuse_request("GET / HTTP/1.1\r\nHost: a:b\r\n\r\n");
    refuse_request("GET / HTTP/1.1\r\nHost: [::1\r\n\r\n");
    refuse_request("GET / HTTP/1.1\r\nHost: a/\r\n\r\n");
    accept_request("GET / HTTP/1.1\r\nHost: [::1]:8081\r\n\r\n");
}

TEST(lets_http_1_0_have_no_host_but_not_two_or_a_bad_one)
{
    accept_request("GET / HTTP/1.0\r\n\r\n");
    accept_request("GET / HTTP/1.0\r\nHost: a\r\n\r\n");
    refuse_request("GET / HTTP/1.0\r\nHost: a\r\nHost: a\r\n\r\n");
    refuse_request("GET / HTTP/1.0\r\nHost:\r\n\r\n");
}

TEST(refuses_both_length_and_transfer_encoding)
{
    refuse_field("Content-Length: 5\r\nTransfer-Encoding: chunked");
    refuse_field("Transfer-Encoding: chunked\r\nContent-Length: 5");
    refuse_field("Transfer-Encoding: chunked\r\nContent-Length: 0");
}

TEST(refuses_several_lengths_equal_or_not)
{
    refuse_field("Content-Length: 5\r\nContent-Length: 6");
    refuse_field("Content-Length: 5\r\ncontent-LENGTH: 5");
    refuse_field("Content-Length: 0\r\nX: y\r\nContent-Length: 0");
    refuse_field("Content-Length: 5, 5");
    refuse_field("Content-Length: 5,6");
}

TEST(refuses_lengths_that_are_no_number)
{
    refuse_field("Content-Length:");
    refuse_field("Content-Length: +5");
    refuse_field("Content-Length: -5");
    refuse_field("Content-Length: 0x5");
    refuse_field("Content-Length: 5 5");
    refuse_field("Content-Length: 1_0");
    refuse_field("Content-Length: 5.0");
    refuse_field("Content-Length: five");
    refuse_field("Content-Length: 5;");
    refuse_field("Content-Length: \"5\"");
    refuse_field("Content-Length: \2615");
}

TEST(refuses_lengths_past_what_63_bits_hold)
{
    refuse_field("Content-Length: 9223372036854775808");
    refuse_field("Content-Length: 18446744073709551615");
    refuse_field("Content-Length: 18446744073709551621");
    refuse_field("Content-Length: 99999999999999999999999999");
    assert_true(accept_field("Content-Length: 9223372036854775807").length == INT64_MAX);
}

TEST(takes_leading_noughts_of_a_length)
{
    assert_int_equal(accept_field("Content-Length: 0010").length, 10);
}

TEST(refuses_transfer_encodings_but_exactly_chunked)
{
    refuse_field("Transfer-Encoding:");
    refuse_field("Transfer-Encoding: gzip");
    refuse_field("Transfer-Encoding: identity");
    refuse_field("Transfer-Encoding: gzip, chunked");
    refuse_field("Transfer-Encoding: identity, chunked");
    refuse_field("Transfer-Encoding: chunked, chunked");
    refuse_field("Transfer-Encoding: chunked, identity");
    refuse_field("Transfer-Encoding: ,chunked");
    refuse_field("Transfer-Encoding: chunked,");
    refuse_field("Transfer-Encoding: chunked;a=b");
    refuse_field("Transfer-Encoding: \"chunked\"");
    refuse_field("Transfer-Encoding: xchunked");
    refuse_field("Transfer-Encoding: chunkedx");
    refuse_field("Transfer-Encoding: chun ked");
    refuse_field("Transfer-Encoding: chunked\v");
    refuse_field("Transfer-Encoding: \vchunked");
}

TEST(refuses_several_transfer_encodings)
{
    refuse_field("Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked");
    refuse_field("Transfer-Encoding: identity\r\nTransfer-Encoding: chunked");
    refuse_field("Transfer-Encoding: chunked\r\nTransfer-Encoding: identity");
}

TEST(refuses_transfer_encoding_in_http_1_0)
{
    refuse_request(
        "POST / HTTP/1.0\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n");
}

TEST(takes_names_that_only_look_like_transfer_encoding)
{
    assert_int_equal(accept_field("Transfer_Encoding: chunked").framing, BODY_NONE);
    assert_int_equal(accept_field("X-Transfer-Encoding: chunked").framing, BODY_NONE);
}

TEST(keeps_the_connection_of_1_1_unless_told_to_close)
{
    assert_true(accept_field("X: y").keep_alive);
    assert_false(accept_field("Connection: close").keep_alive);
    assert_false(accept_field("Connection: a, CLOSE").keep_alive);
    assert_false(accept_field("Connection: keep-alive\r\nConnection: close").keep_alive);
}

TEST(closes_the_connection_of_1_0_unless_told_to_keep_it)
{
    assert_false(accept_request("GET / HTTP/1.0\r\n\r\n").keep_alive);
    assert_true(
        accept_request("GET / HTTP/1.0\r\nConnection: Keep-Alive\r\n\r\n").keep_alive);
    assert_false(accept_request("GET / HTTP/1.0\r\nConnection: keep-alive, close\r\n\r\n")
                     .keep_alive);
}

TEST(notes_whether_connection_names_other_fields)
{
    assert_true(accept_field("Connection: x-secret").connection_names);
    assert_true(accept_field("Connection: close, x-secret").connection_names);
    assert_false(
        accept_field("Connection: close, , Keep-Alive, upgrade").connection_names);
}

TEST(sees_an_upgrade_only_when_connection_names_it)
{
    assert_true(accept_field("Connection: Upgrade\r\nUpgrade: websocket").upgrade);
    assert_false(accept_field("Upgrade: websocket").upgrade);
    assert_false(accept_field("Connection: upgrade").upgrade);
    assert_false(
        accept_request("GET / HTTP/1.0\r\nConnection: upgrade\r\nUpgrade: x\r\n\r\n")
            .upgrade);
}

TEST(reads_the_body_of_a_request_that_wants_an_upgrade)
{
    expect_request(
        "POST / HTTP/1.1\r\nHost: a\r\nConnection: upgrade\r\nUpgrade: x\r\n"
        "Content-Length: 2\r\n\r\nhiGET / HTTP/1.1\r\nHost: a\r\n\r\n",
        "request POST / HTTP/1.1 length upgrade\nHost: a\nConnection: upgrade\nUpgrade: "
        "x\n"
        "Content-Length: 2\nbody 2 hi\nend\nrequest GET / HTTP/1.1 none\nHost: a\nend\n");
}

TEST(expects_100_continue_from_1_1_only)
{
    assert_true(accept_field("Expect: 100-Continue").expect_continue);
    assert_false(accept_request("POST / HTTP/1.0\r\nExpect: 100-continue\r\n\r\n")
                     .expect_continue);
    assert_false(accept_request("POST / HTTP/1.0\r\nExpect: x\r\n\r\n").expect_continue);
}

TEST(refuses_other_expectations)
{
    refuse_request_as(ERR_EXPECTATION,
                      "POST / HTTP/1.1\r\nHost: a\r\nExpect: 200-ok\r\n\r\n");
    refuse_request_as(ERR_EXPECTATION,
                      "POST / HTTP/1.1\r\nHost: a\r\nExpect: 100-continue, x\r\n\r\n");
    refuse_request_as(ERR_EXPECTATION, "POST / HTTP/1.1\r\nHost: a\r\nExpect:\r\n\r\n");
    refuse_request_as(
        ERR_EXPECTATION,
        "POST / HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nExpect: y\r\n\r\n");
}

TEST(refuses_ambiguous_wishes_for_this_sidecar)
{
    refuse_field("csidecar-service: a\r\ncsidecar-service: b");
    refuse_field("csidecar-timeout: 1s\r\nCsidecar-Timeout: 2s");
}

TEST(has_no_body_after_connect)
{
    expect_request("CONNECT a:443 HTTP/1.1\r\nHost: a\r\n\r\n",
                   "request CONNECT a:443 HTTP/1.1 none\nHost: a\nend\n");
}

TEST(is_truncated_when_the_connection_ends_in_a_head)
{
    expect_request("GET / HTTP/1.1\r\nHo", "truncated\n");
}

TEST(is_truncated_when_the_connection_ends_in_a_body)
{
    expect_request("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\nhi",
                   "request POST / HTTP/1.1 length\nHost: a\nContent-Length: 3\nbody 2 "
                   "hi\ntruncated\n");
}

TESTS(RUN(reads_a_request_without_a_body), RUN(keeps_the_case_and_order_of_fields),
      RUN(trims_white_space_around_values_only), RUN(takes_text_beyond_ascii_in_values),
      RUN(reads_a_body_of_known_length), RUN(takes_a_length_of_nought_for_no_body),
      RUN(reads_a_chunked_body_whatever_the_case_of_chunked),
      RUN(reads_pipelined_requests_one_after_the_other),
      RUN(skips_one_empty_line_before_a_request),
      RUN(refuses_a_second_empty_line_and_half_ones),
      RUN(takes_an_empty_line_at_the_end_for_no_message),
      RUN(takes_every_method_that_llhttp_knows),
      RUN(refuses_methods_that_llhttp_does_not_know),
      RUN(refuses_what_begins_with_no_method), RUN(refuses_the_preface_of_http2),
      RUN(refuses_the_protocols_of_cameras_and_radios), RUN(refuses_other_versions),
      RUN(refuses_malformed_versions), RUN(refuses_request_lines_with_other_spaces),
      RUN(refuses_targets_of_no_form_and_with_bad_bytes), RUN(takes_all_forms_of_target),
      RUN(refuses_a_bare_line_feed_for_a_line_end), RUN(refuses_a_bare_carriage_return),
      RUN(refuses_folded_lines), RUN(refuses_white_space_in_or_after_a_name),
      RUN(refuses_names_that_are_no_tokens), RUN(refuses_control_characters_in_values),
      RUN(takes_tabs_in_values), RUN(wants_exactly_one_host),
      RUN(wants_a_host_that_is_one),
      RUN(lets_http_1_0_have_no_host_but_not_two_or_a_bad_one),
      RUN(refuses_both_length_and_transfer_encoding),
      RUN(refuses_several_lengths_equal_or_not), RUN(refuses_lengths_that_are_no_number),
      RUN(refuses_lengths_past_what_63_bits_hold), RUN(takes_leading_noughts_of_a_length),
      RUN(refuses_transfer_encodings_but_exactly_chunked),
      RUN(refuses_several_transfer_encodings), RUN(refuses_transfer_encoding_in_http_1_0),
      RUN(takes_names_that_only_look_like_transfer_encoding),
      RUN(keeps_the_connection_of_1_1_unless_told_to_close),
      RUN(closes_the_connection_of_1_0_unless_told_to_keep_it),
      RUN(notes_whether_connection_names_other_fields),
      RUN(sees_an_upgrade_only_when_connection_names_it),
      RUN(reads_the_body_of_a_request_that_wants_an_upgrade),
      RUN(expects_100_continue_from_1_1_only), RUN(refuses_other_expectations),
      RUN(refuses_ambiguous_wishes_for_this_sidecar), RUN(has_no_body_after_connect),
      RUN(is_truncated_when_the_connection_ends_in_a_head),
      RUN(is_truncated_when_the_connection_ends_in_a_body))
