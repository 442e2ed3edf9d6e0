/* The servers of a registry's URL: what is a list of them, what is none, and in which order they come. */
#include "tests/lib/test.h"

#include <stdio.h>
#include <stdlib.h>

#include "discovery/servers.h"

static struct servers servers;
static struct why reason;

static enum err parse(const char *hosts)
{
    why_init(&reason);
    return servers_parse(&servers, slice_of(hosts), 2181, &reason);
}

static void assert_server(unsigned at, const char *host, unsigned port, const char *name)
{
    assert_in_range(at, 0, servers.count - 1);
    assert_true(slice_is(servers.list[at].target.host, host));
    assert_int_equal(servers.list[at].target.port, port);
    assert_true(slice_is(servers.list[at].name, name));
}

TEST(nobody_named_is_this_host)
{
    assert_int_equal(parse(""), ERR_OK);
    assert_int_equal(servers.count, 1);
    assert_server(0, "127.0.0.1", 2181, "127.0.0.1");
}

TEST(a_port_that_is_not_written_is_the_registrys)
{
    assert_int_equal(parse("a, b:5,[::1]:6,[::2]"), ERR_OK);
    assert_int_equal(servers.count, 4);
    assert_server(0, "a", 2181, "a");
    assert_server(1, "b", 5, "b:5");
    assert_server(2, "[::1]", 6, "[::1]:6");
    assert_server(3, "[::2]", 2181, "[::2]");
}

TEST(what_is_no_server_is_refused_in_its_own_words)
{
    static const char *const wrong[] = {
        ",",    "a,",   "a,,b",   ":1",       "a:",     "a:0",        "a:65536",
        "a:-1", "a:b",  "a:1:2",  "::1",      "[::1]x", "[::1",       "[",
        "[]",   "[]:1", "[::1]:", "[::1]]:1", "[host]", "[10.0.0.1]",
    };

    for (size_t i = 0; i < sizeof(wrong) / sizeof(*wrong); i++) {
        if (parse(wrong[i]) != ERR_BAD_VALUE)
            fail_msg("\"%s\" was taken", wrong[i]);
        assert_non_null(strstr(reason.text, "is no HOST:PORT"));
    }
}

TEST(a_host_that_is_longer_than_a_name_can_be_is_refused)
{
    char name[HOST_LIMIT + 2];

    memset(name, 'a', sizeof(name));
    name[HOST_LIMIT + 1] = '\0';
    assert_int_equal(parse(name), ERR_BAD_VALUE);
    name[HOST_LIMIT] = '\0';
    assert_int_equal(parse(name), ERR_OK);
}

TEST(there_is_a_limit_to_their_number)
{
    assert_int_equal(parse("1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16"), ERR_OK);
    assert_int_equal(servers.count, SERVERS_LIMIT);
    assert_int_equal(parse("1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16,17"), ERR_BAD_VALUE);
    assert_string_equal(reason.text, "more than 16 servers");
}

TEST(after_the_last_comes_the_first)
{
    parse("a,b");
    assert_true(slice_is(servers_current(&servers)->name, "a"));
    servers_next(&servers);
    assert_true(slice_is(servers_current(&servers)->name, "b"));
    servers_next(&servers);
    assert_true(slice_is(servers_current(&servers)->name, "a"));
}

TEST(shuffled_none_is_lost_and_each_may_be_the_first)
{
    struct random random;
    unsigned first[4] = {0};

    random_init(&random, 7);
    for (unsigned i = 0; i < 400; i++) {
        unsigned seen = 0;

        parse("a:1,b:2,c:3,d:4");
        servers_shuffle(&servers, &random);
        for (unsigned at = 0; at < 4; at++)
            seen |= 1u << servers.list[at].target.port;
        assert_int_equal(seen, 2 + 4 + 8 + 16);
        first[servers.list[0].target.port - 1]++;
    }
    for (unsigned i = 0; i < 4; i++)
        assert_in_range(first[i], 60, 140);
}

TESTS(RUN(nobody_named_is_this_host), RUN(a_port_that_is_not_written_is_the_registrys),
      RUN(what_is_no_server_is_refused_in_its_own_words),
      RUN(a_host_that_is_longer_than_a_name_can_be_is_refused),
      RUN(there_is_a_limit_to_their_number), RUN(after_the_last_comes_the_first),
      RUN(shuffled_none_is_lost_and_each_may_be_the_first))
