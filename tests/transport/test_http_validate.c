#include "transport/http_validate.h"

#include "tests/lib/test.h"

#define good_host(text) assert_null(http_host_problem(SLICE(text)))
#define bad_host(text) assert_non_null(http_host_problem(SLICE(text)))
#define good_target(method, text)                                                        \
    assert_null(http_target_problem(METHOD_##method, SLICE(text)))
#define bad_target(method, text)                                                         \
    assert_non_null(http_target_problem(METHOD_##method, SLICE(text)))

TEST(takes_hosts_that_are_names)
{
    good_host("orders");
    good_host("orders.localhost:8081");
    good_host("a-b_c.example~1");
    good_host("%41.example");
}

TEST(takes_hosts_that_are_addresses)
{
    good_host("127.0.0.1");
    good_host("127.0.0.1:80");
    good_host("[::1]");
    good_host("[::1]:8081");
    good_host("[2001:db8::192.0.2.1]:1");
}

TEST(takes_a_port_not_given_and_the_highest_one)
{
    good_host("a:");
    good_host("a:0");
    good_host("a:65535");
    good_host("a:00080");
}

TEST(refuses_an_empty_host)
{
    bad_host("");
    bad_host(":80");
    bad_host("[]");
}

TEST(refuses_ports_that_are_none)
{
    bad_host("a:65536");
    bad_host("a:99999999999999999999999");
    bad_host("a:-1");
    bad_host("a:8a");
    bad_host("a:80:80");
    bad_host("[::1]80");
    bad_host("[::1]:x");
}

TEST(refuses_what_belongs_to_other_parts_of_a_uri)
{
    bad_host("user@a");
    bad_host("user:secret@a");
    bad_host("http://a");
    bad_host("a/b");
    bad_host("a?b");
    bad_host("a#b");
    bad_host("a\\b");
}

TEST(refuses_a_list_of_hosts)
{
    bad_host("a,b");
    bad_host("a, b");
    bad_host("a b");
    bad_host("a;b");
}

TEST(refuses_broken_percent_encoding_in_a_host)
{
    bad_host("%");
    bad_host("a%4");
    bad_host("a%zz");
    bad_host("%4g.b");
}

TEST(refuses_broken_address_literals)
{
    bad_host("[::1");
    bad_host("::1");
    bad_host("[::g]");
    bad_host("[1.2.3.4]");
    bad_host("[fe80::1%25eth0]");
    bad_host("[v1.x]");
    bad_host("[::1]]");
    bad_host("[::1\0]");
    bad_host("[0000:0000:0000:0000:0000:0000:0000:0000:0000:0000:0000]");
}

TEST(refuses_hosts_with_other_bytes)
{
    bad_host("a\tb");
    bad_host("a\0b");
    bad_host("\303\244.example");
    bad_host("a\"b");
    bad_host("<a>");
}

TEST(takes_targets_in_origin_form)
{
    good_target(GET, "/");
    good_target(GET, "/a/b?x=%2F&y=[1]{2}|\"<>^`\\");
    good_target(GET, "//a/b");
    good_target(OPTIONS, "/a");
}

TEST(takes_targets_in_absolute_form)
{
    good_target(GET, "http://orders");
    good_target(GET, "http://orders:80/items?x");
    good_target(GET, "HTTP://[::1]:80/");
    good_target(OPTIONS, "http://orders?x");
}

TEST(takes_an_asterisk_from_options_only)
{
    good_target(OPTIONS, "*");
    bad_target(GET, "*");
    bad_target(OPTIONS, "**");
}

TEST(takes_an_authority_from_connect_only)
{
    good_target(CONNECT, "a:443");
    bad_target(GET, "a:443");
    bad_target(CONNECT, "/a");
    bad_target(CONNECT, "http://a/");
}

TEST(refuses_targets_of_no_form)
{
    bad_target(GET, "");
    bad_target(GET, "a");
    bad_target(GET, "?a");
    bad_target(GET, "http:/a");
    bad_target(GET, "http:a");
    bad_target(GET, "://a");
    bad_target(GET, "1http://a");
}

TEST(refuses_absolute_targets_with_a_bad_authority)
{
    bad_target(GET, "http://");
    bad_target(GET, "http:///a");
    bad_target(GET, "http://?a");
    bad_target(GET, "http://u@a/");
    bad_target(GET, "http://a:b/");
    bad_target(GET, "http://a,b/");
}

TEST(refuses_targets_with_bytes_that_must_be_encoded)
{
    bad_target(GET, "/a#b");
    bad_target(GET, "/a b");
    bad_target(GET, "/a\tb");
    bad_target(GET, "/a\0b");
    bad_target(GET, "/a\177");
    bad_target(GET, "/\303\244");
}

TEST(takes_values_of_visible_and_other_text)
{
    assert_true(http_is_value(SLICE("")));
    assert_true(http_is_value(SLICE("a")));
    assert_true(http_is_value(SLICE("a \t b")));
    assert_true(http_is_value(SLICE("\200\377 \303\244 and more of it")));
    assert_true(http_is_value(SLICE("a\tlonger\tone\twith\ttabs")));
}

/* Values are looked at eight bytes at a time: each place in each length must be seen. */
TEST(finds_a_control_character_anywhere_in_a_value)
{
    static const char bad[] = {0, 1, '\n', '\r', 0x1f, 0x7f};
    char value[40];

    for (unsigned size = 1; size < sizeof(value); size++)
        for (unsigned at = 0; at < size; at++)
            for (unsigned i = 0; i < sizeof(bad); i++) {
                memset(value, at % 2 ? 'a' : '\t', size);
                value[at] = bad[i];
                assert_false(http_is_value(slice_from(value, size)));
            }
}

TEST(agrees_with_the_rfc_about_every_byte_of_a_value)
{
    for (unsigned c = 0; c < 256; c++) {
        char value[16];
        bool fine = c == '\t' || (c >= 0x20 && c != 0x7f);

        memset(value, c, sizeof(value));
        assert_int_equal(http_is_value(slice_from(value, 16)), fine);
        assert_int_equal(http_is_value(slice_from(value, 1)), fine);
    }
}

TEST(agrees_with_the_rfc_about_every_byte_of_a_token)
{
    static const char marks[] = "!#$%&'*+-.^_`|~";

    for (unsigned c = 0; c < 256; c++) {
        bool fine = (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') ||
                    (c >= 'A' && c <= 'Z') || (c && strchr(marks, c));

        assert_int_equal(http_char_is_token(c), fine);
    }
    assert_false(http_is_token(SLICE("")));
    assert_false(http_is_token(SLICE("a b")));
}

TEST(knows_what_must_not_stand_in_trailers)
{
    static const char *const names[] = {
        "Host",          "content-length", "Transfer-Encoding", "TE",
        "Trailer",       "Authorization",  "Set-Cookie",        "Cookie",
        "Cache-Control", "Content-Range",  "Connection",        "csidecar-service"};

    for (unsigned i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        struct http_field f = {slice_of(names[i]), SLICE(""),
                               http_field_id(slice_of(names[i]))};

        assert_false(http_field_may_trail(&f));
    }
}

TEST(lets_other_fields_stand_in_trailers)
{
    static const char *const names[] = {"grpc-status", "X-Checksum", "Server-Timing",
                                        "Digest"};

    for (unsigned i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        struct http_field f = {slice_of(names[i]), SLICE(""),
                               http_field_id(slice_of(names[i]))};

        assert_true(http_field_may_trail(&f));
    }
}

TESTS(RUN(takes_hosts_that_are_names), RUN(takes_hosts_that_are_addresses),
      RUN(takes_a_port_not_given_and_the_highest_one), RUN(refuses_an_empty_host),
      RUN(refuses_ports_that_are_none), RUN(refuses_what_belongs_to_other_parts_of_a_uri),
      RUN(refuses_a_list_of_hosts), RUN(refuses_broken_percent_encoding_in_a_host),
      RUN(refuses_broken_address_literals), RUN(refuses_hosts_with_other_bytes),
      RUN(takes_targets_in_origin_form), RUN(takes_targets_in_absolute_form),
      RUN(takes_an_asterisk_from_options_only), RUN(takes_an_authority_from_connect_only),
      RUN(refuses_targets_of_no_form), RUN(refuses_absolute_targets_with_a_bad_authority),
      RUN(refuses_targets_with_bytes_that_must_be_encoded),
      RUN(takes_values_of_visible_and_other_text),
      RUN(finds_a_control_character_anywhere_in_a_value),
      RUN(agrees_with_the_rfc_about_every_byte_of_a_value),
      RUN(agrees_with_the_rfc_about_every_byte_of_a_token),
      RUN(knows_what_must_not_stand_in_trailers),
      RUN(lets_other_fields_stand_in_trailers))
