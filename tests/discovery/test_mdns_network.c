/* Which source addresses are believed. */
#include "tests/lib/test.h"

#include "discovery/mdns_network.h"

static struct why reason;

static struct address ip(const char *text)
{
    struct address a;

    assert_int_equal(address_from_ip(&a, slice_of(text), 5353), ERR_OK);
    return a;
}

static bool has(const char *network, const char *address)
{
    struct mdns_network n;
    struct address a = ip(address);

    assert_int_equal(mdns_network_parse(&n, slice_of(network), &reason), ERR_OK);
    return mdns_network_has(&n, &a);
}

TEST(a_network_has_the_addresses_of_its_prefix)
{
    assert_true(has("10.0.0.0/8", "10.255.0.1"));
    assert_false(has("10.0.0.0/8", "11.0.0.1"));
    assert_true(has("192.168.1.128/25", "192.168.1.200"));
    assert_false(has("192.168.1.128/25", "192.168.1.100"));
    assert_true(has("fe80::/10", "fe80::1"));
    assert_true(has("fe80::/10", "febf::1"));
    assert_false(has("fe80::/10", "fec0::1"));
    assert_true(has("0.0.0.0/0", "8.8.8.8"));
    assert_false(has("0.0.0.0/0", "::1"));
}

TEST(an_address_alone_is_a_network_of_one)
{
    assert_true(has("192.168.1.7", "192.168.1.7"));
    assert_false(has("192.168.1.7", "192.168.1.8"));
}

TEST(refuses_what_is_no_network)
{
    const char *const wrong[] = {"",          "/8",          "10.0.0.0/33",
                                 "10.0.0.0/", "10.0.0.0/-1", "fe80::/129",
                                 "home",      "10.0.0/8"};
    struct mdns_network n;

    for (size_t i = 0; i < sizeof(wrong) / sizeof(*wrong); i++)
        assert_int_equal(mdns_network_parse(&n, slice_of(wrong[i]), &reason),
                         ERR_BAD_VALUE);
}

static bool believes(unsigned count, const char **items, const char *from)
{
    struct address own_ip = ip("192.168.1.7"), mask = ip("255.255.255.0"), a = ip(from);
    struct mdns_network own;
    struct mdns_sources s;

    mdns_network_of(&own, &own_ip, &mask);
    assert_int_equal(mdns_sources_parse(&s, &(struct texts){items, count}, &reason),
                     ERR_OK);
    return mdns_sources_believe(&s, &a, &own, 1);
}

TEST(only_neighbours_and_itself_are_believed_by_default)
{
    assert_true(believes(0, NULL, "192.168.1.99"));
    assert_true(believes(0, NULL, "127.0.0.1"));
    assert_true(believes(0, NULL, "::1"));
    assert_true(believes(0, NULL, "0.0.0.0"));
    assert_false(believes(0, NULL, "192.168.2.1"));
    assert_false(believes(0, NULL, "8.8.8.8"));
    assert_false(believes(0, NULL, "fe80::1"));
}

TEST(networks_that_are_named_are_believed_and_no_others)
{
    const char *named[] = {"10.0.0.0/8"}, *both[] = {"10.0.0.0/8", "local"},
               *any[] = {"any"};

    assert_true(believes(1, named, "10.1.1.1"));
    assert_false(believes(1, named, "192.168.1.99"));
    assert_false(believes(1, named, "127.0.0.1"));
    assert_true(believes(2, both, "192.168.1.99"));
    assert_true(believes(1, any, "8.8.8.8"));
}

TEST(a_wrong_source_is_named_in_the_reason)
{
    const char *items[] = {"local", "10.0.0.0/99"};
    struct mdns_sources s;

    why_init(&reason);
    assert_int_equal(mdns_sources_parse(&s, &(struct texts){items, 2}, &reason),
                     ERR_BAD_VALUE);
    assert_non_null(strstr(reason.text, "10.0.0.0/99"));
}

TESTS(RUN(a_network_has_the_addresses_of_its_prefix),
      RUN(an_address_alone_is_a_network_of_one), RUN(refuses_what_is_no_network),
      RUN(only_neighbours_and_itself_are_believed_by_default),
      RUN(networks_that_are_named_are_believed_and_no_others),
      RUN(a_wrong_source_is_named_in_the_reason))
