#include "tests/lib/test.h"
#include "tests/lib/transport/http_expect.h"

#define HEAD "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"
#define SAID "request POST / HTTP/1.1 chunked\nHost: a\nTransfer-Encoding: chunked\n"
#define accept_chunks(wire, text) expect_request(HEAD wire, SAID text)
#define refuse_chunks(wire) refuse_request(HEAD wire)

TEST(reads_chunks_of_any_size_in_any_case)
{
    accept_chunks("a\r\n0123456789\r\nA\r\n0123456789\r\n1\r\nx\r\n0\r\n\r\n",
                  "body 21 01234567890123456789x\nend\n");
}

TEST(reads_an_empty_chunked_body)
{
    accept_chunks("0\r\n\r\n", "end\n");
    accept_chunks("0000000000000000\r\n\r\n", "end\n");
}

TEST(takes_leading_noughts_of_a_size)
{
    accept_chunks("0005\r\nhello\r\n00\r\n\r\n", "body 5 hello\nend\n");
}

TEST(leaves_bytes_of_a_chunk_alone)
{
    accept_chunks("9\r\n\r\n0\r\n\r\nXY\r\n0\r\n\r\n", "body 9 \r\n0\r\n\r\nXY\nend\n");
}

TEST(goes_on_with_the_next_request_after_the_last_chunk)
{
    accept_chunks("2\r\nhi\r\n0\r\n\r\nGET /2 HTTP/1.1\r\nHost: b\r\n\r\n",
                  "body 2 hi\nend\nrequest GET /2 HTTP/1.1 none\nHost: b\nend\n");
}

TEST(drops_valid_extensions)
{
    accept_chunks("5;a\r\nhello\r\n0;b=c\r\n\r\n", "body 5 hello\nend\n");
    accept_chunks("5;a=b;c;d=\"e\"\r\nhello\r\n0\r\n\r\n", "body 5 hello\nend\n");
    accept_chunks("5;a=\"x\\\"y;\\\\ z\"\r\nhello\r\n0\r\n\r\n", "body 5 hello\nend\n");
    accept_chunks("5 ; a = b ;c\r\nhello\r\n0\r\n\r\n", "body 5 hello\nend\n");
}

TEST(refuses_malformed_extensions)
{
    refuse_chunks("5;\r\nhello\r\n");
    refuse_chunks("5;;a\r\nhello\r\n");
    refuse_chunks("5;a=\r\nhello\r\n");
    refuse_chunks("5;a=\"b\r\nhello\r\n");
    refuse_chunks("5;a=\"b\"c\r\nhello\r\n");
    refuse_chunks("5;a b\r\nhello\r\n");
    refuse_chunks("5;a\nhello\r\n");
    refuse_chunks("5;a=\"\n\"\r\nhello\r\n");
    refuse_chunks("5;a\0\r\nhello\r\n");
    refuse_chunks("5;a\r\rhello\r\n");
    refuse_chunks("5;a=\"\\\r\n\"\r\nhello");
}

TEST(refuses_sizes_that_are_no_number)
{
    refuse_chunks("zz\r\n");
    refuse_chunks("0x5\r\nhello\r\n");
    refuse_chunks("+5\r\nhello\r\n");
    refuse_chunks("-5\r\nhello\r\n");
    refuse_chunks("\r\nhello\r\n");
    refuse_chunks(" 5\r\nhello\r\n");
    refuse_chunks("5 5\r\nhello\r\n");
    refuse_chunks("5 \r\nhello\r\n");
    refuse_chunks("5,5\r\nhello\r\n");
    refuse_chunks("5_\r\nhello\r\n");
    refuse_chunks(";a\r\nhello\r\n");
    refuse_chunks("5\0\r\nhello\r\n");
}

TEST(refuses_sizes_past_what_63_bits_hold)
{
    refuse_chunks("8000000000000000\r\n");
    refuse_chunks("ffffffffffffffff\r\n");
    refuse_chunks("10000000000000005\r\n");
    refuse_chunks("00000000000000005\r\n");
    accept_chunks("7fffffffffffffff\r\nhi", "body 2 hi\ntruncated\n");
}

TEST(refuses_chunk_lines_without_crlf)
{
    refuse_chunks("5\nhello\r\n");
    refuse_chunks("5\rhello\r\n");
    refuse_chunks("5\r\rhello");
    refuse_chunks("0\n\r\n");
    refuse_chunks("0\r\n\n");
    refuse_chunks("0\r\n\r\r");
}

TEST(refuses_chunks_longer_or_shorter_than_they_said)
{
    refuse_chunks("5\r\nhello!\r\n0\r\n\r\n");
    refuse_chunks("5\r\nhell\r\n0\r\n\r\n");
    refuse_chunks("5\r\nhello\n0\r\n\r\n");
    refuse_chunks("5\r\nhello\rX");
    refuse_chunks("5\r\nhello0\r\n\r\n");
}

TEST(delivers_trailers_before_the_end)
{
    accept_chunks("2\r\nhi\r\n0\r\nX-Sum: 1 \r\ngrpc-status:0\r\n\r\n",
                  "body 2 hi\ntrailers\nX-Sum: 1\ngrpc-status: 0\nend\n");
}

TEST(delivers_trailers_without_a_body)
{
    accept_chunks("0\r\nX:\r\n\r\n", "trailers\nX: \nend\n");
}

TEST(refuses_trailers_that_frame_route_or_authorize)
{
    refuse_chunks("0\r\nHost: b\r\n\r\n");
    refuse_chunks("0\r\nContent-Length: 5\r\n\r\n");
    refuse_chunks("0\r\nX: y\r\ntransfer-encoding: chunked\r\n\r\n");
    refuse_chunks("0\r\nAuthorization: x\r\n\r\n");
    refuse_chunks("0\r\nTE: x\r\n\r\n");
    refuse_chunks("0\r\nCookie: x\r\n\r\n");
    refuse_chunks("0\r\ncsidecar-service: x\r\n\r\n");
}

TEST(refuses_malformed_trailers)
{
    refuse_chunks("0\r\nX\r\n\r\n");
    refuse_chunks("0\r\nX : y\r\n\r\n");
    refuse_chunks("0\r\n: y\r\n\r\n");
    refuse_chunks("0\r\nX: y\n\r\n");
    refuse_chunks("0\r\nX: y\r\n z\r\n\r\n");
    refuse_chunks("0\r\n X: y\r\n\r\n");
    refuse_chunks("0\r\nX: a\0b\r\n\r\n");
    refuse_chunks("0\r\nX: a\rb\r\n\r\n");
    refuse_chunks("0\r\nX: y\r\n\rZ");
    refuse_chunks("0\r\nGET / HTTP/1.1\r\n\r\n");
}

TEST(calls_bad_chunks_of_a_response_a_bad_response)
{
    refuse_response("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n");
    refuse_response(
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\nHost: a\r\n\r\n");
}

TESTS(RUN(reads_chunks_of_any_size_in_any_case), RUN(reads_an_empty_chunked_body),
      RUN(takes_leading_noughts_of_a_size), RUN(leaves_bytes_of_a_chunk_alone),
      RUN(goes_on_with_the_next_request_after_the_last_chunk),
      RUN(drops_valid_extensions), RUN(refuses_malformed_extensions),
      RUN(refuses_sizes_that_are_no_number), RUN(refuses_sizes_past_what_63_bits_hold),
      RUN(refuses_chunk_lines_without_crlf),
      RUN(refuses_chunks_longer_or_shorter_than_they_said),
      RUN(delivers_trailers_before_the_end), RUN(delivers_trailers_without_a_body),
      RUN(refuses_trailers_that_frame_route_or_authorize),
      RUN(refuses_malformed_trailers), RUN(calls_bad_chunks_of_a_response_a_bad_response))
