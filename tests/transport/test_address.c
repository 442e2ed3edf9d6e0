#include "transport/address.h"

#include "tests/lib/test.h"

static const char *round_trip(const char *text, unsigned default_port)
{
    static char out[ADDRESS_TEXT];
    struct address a;
    static struct why w;

    why_init(&w);
    if (address_parse(&a, slice_of(text), default_port, &w) != ERR_OK)
        return w.text;
    return address_format(&a, out);
}

TEST(reads_and_writes_the_forms_of_an_address)
{
    assert_string_equal(round_trip("127.0.0.1:8081", 0), "127.0.0.1:8081");
    assert_string_equal(round_trip("[::1]:8081", 0), "[::1]:8081");
    assert_string_equal(round_trip("[2001:DB8::1]:80", 0), "[2001:db8::1]:80");
    assert_string_equal(round_trip("unix:/run/a.sock", 0), "unix:/run/a.sock");
    assert_string_equal(round_trip("LocalHost:5000", 0), "127.0.0.1:5000");
    assert_string_equal(round_trip("0.0.0.0:0", 80), "0.0.0.0:0");
}

TEST(fills_in_the_default_port)
{
    assert_string_equal(round_trip("10.0.0.1", 8500), "10.0.0.1:8500");
    assert_string_equal(round_trip("[::1]", 8500), "[::1]:8500");
    assert_string_equal(round_trip("::1", 8500), "[::1]:8500");
}

TEST(refuses_what_is_no_address_and_says_why)
{
    static const char *const bad[] = {
        "",          ":8081",          "8081",
        "127.0.0.1", "127.0.0.1:",     "127.0.0.1:65536",
        "1.2.3:80",  "host:80",        "[::1:80",
        "[::1]80",   "[127.0.0.1]:80", "127.0.0.1:-1",
        "::1",       "[]:80",          "127.0.0.1:8 1",
        "unix:",     "[fe80::1%]:80",  "*:80",
    };
    struct address a;
    struct why w;

    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        why_init(&w);
        if (address_parse(&a, slice_of(bad[i]), 0, &w) != ERR_BAD_VALUE)
            fail_msg("\"%s\" was taken", bad[i]);
        assert_true(strlen(w.text) > 0);
    }
}

TEST(refuses_paths_the_kernel_would_cut)
{
    char text[256] = "unix:/";
    struct address a;

    memset(text + 6, 'a', 108);
    assert_int_equal(address_parse(&a, slice_of(text), 0, NULL), ERR_BAD_VALUE);
    assert_int_equal(address_parse(&a, slice_from("unix:/a\0b", 9), 0, NULL),
                     ERR_BAD_VALUE);
    text[5 + 107] = 0;
    assert_int_equal(address_parse(&a, slice_of(text), 0, NULL), ERR_OK);
    assert_int_equal(address_size(&a), sizeof(a.path));
}

TEST(takes_bare_literals_from_registries)
{
    char out[ADDRESS_TEXT];
    struct address a;

    assert_int_equal(address_from_ip(&a, SLICE("10.1.2.3"), 80), ERR_OK);
    assert_string_equal(address_ip(&a, out), "10.1.2.3");
    assert_int_equal(address_from_ip(&a, SLICE("[fe80::1%7]"), 80), ERR_OK);
    assert_string_equal(address_ip(&a, out), "fe80::1%7");
    assert_int_equal(a.v6.sin6_scope_id, 7);
    assert_int_equal(address_from_ip(&a, SLICE("10.1.2.3"), 65536), ERR_BAD_VALUE);
    assert_int_equal(address_from_ip(&a, SLICE("db.example"), 80), ERR_BAD_VALUE);
}

static struct address parsed(const char *text)
{
    struct address a;

    assert_int_equal(address_parse(&a, slice_of(text), 1, NULL), ERR_OK);
    return a;
}

TEST(knows_loopback_and_any)
{
    struct address any4 = parsed("0.0.0.0"), any6 = parsed("[::]"),
                   far = parsed("10.0.0.1");
    struct address near[] = {parsed("127.9.9.9"), parsed("[::1]"),
                             parsed("[::ffff:127.0.0.1]"), parsed("unix:/a")};

    for (size_t i = 0; i < sizeof(near) / sizeof(near[0]); i++)
        assert_true(address_is_loopback(&near[i]) && !address_is_any(&near[i]));
    assert_true(address_is_any(&any4) && address_is_any(&any6) && !address_is_any(&far));
    assert_false(address_is_loopback(&any4) || address_is_loopback(&far));
}

TEST(compares_what_the_kernel_would)
{
    struct address a = parsed("127.0.0.1:80"), b = parsed("127.0.0.1:81"),
                   v6 = parsed("[::1]:80");
    struct address path = parsed("unix:/a"), other = parsed("unix:/ab"),
                   same = parsed("unix:/a");

    assert_false(address_equals(&a, &b) || address_equals(&a, &v6) ||
                 address_equals(&path, &other));
    address_set_port(&b, 80);
    assert_true(address_equals(&a, &b) && address_equals(&path, &same));
    assert_int_equal(address_port(&v6), 80);
    assert_int_equal(address_port(&path), 0);
}

TESTS(RUN(reads_and_writes_the_forms_of_an_address), RUN(fills_in_the_default_port),
      RUN(refuses_what_is_no_address_and_says_why),
      RUN(refuses_paths_the_kernel_would_cut), RUN(takes_bare_literals_from_registries),
      RUN(knows_loopback_and_any), RUN(compares_what_the_kernel_would))
