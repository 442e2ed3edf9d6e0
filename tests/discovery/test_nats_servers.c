#include "tests/lib/test.h"

#include <stdio.h>

#include "discovery/nats_servers.h"

static struct nats_servers servers;

static void read(const char *hosts)
{
    assert_int_equal(nats_servers_init(&servers, slice_of(hosts), NULL), ERR_OK);
}

static void assert_next(const char *host, unsigned port)
{
    const struct nats_server *s = nats_servers_next(&servers);

    assert_string_equal(s->host, host);
    assert_int_equal(s->port, port);
}

static void learn(unsigned count, ...)
{
    struct nats_info i = {.url_count = count};
    va_list urls;

    va_start(urls, count);
    for (unsigned at = 0; at < count; at++)
        snprintf(i.urls[at], sizeof i.urls[at], "%s", va_arg(urls, const char *));
    va_end(urls);
    nats_servers_learn(&servers, &i);
}

TEST(nobody_named_is_this_host)
{
    read("");
    assert_next("127.0.0.1", 4222);
}

TEST(goes_round_all_that_were_named)
{
    read("a, b:5,[::1]:6,[::1]");
    assert_next("a", 4222);
    assert_next("b", 5);
    assert_next("::1", 6);
    assert_next("::1", 4222);
    assert_next("a", 4222);
}

TEST(learns_others_and_passes_over_what_is_none)
{
    read("a");
    learn(4, "b:1", "a:4222", "c:x", "[::2]:2");
    assert_int_equal(servers.count, 3);
    assert_next("a", 4222);
    assert_next("b", 1);
    assert_next("::2", 2);
}

TEST(forgets_what_is_not_said_any_more)
{
    read("a");
    learn(2, "b:1", "c:1");
    assert_next("a", 4222);
    assert_next("b", 1);
    learn(0);
    assert_next("a", 4222);
    assert_int_equal(servers.count, 1);
}

TEST(more_than_it_can_keep_are_refused_in_a_url)
{
    struct why w;

    assert_int_equal(
        nats_servers_init(&servers, SLICE("a,a,a,a,a,a,a,a,a,a,a,a,a,a,a,a"), &w),
        ERR_OK);
    assert_int_equal(
        nats_servers_init(&servers, SLICE("a,a,a,a,a,a,a,a,a,a,a,a,a,a,a,a,a"), &w),
        ERR_BAD_VALUE);
    assert_non_null(strstr(w.text, "16"));
}

TESTS(RUN(nobody_named_is_this_host), RUN(goes_round_all_that_were_named),
      RUN(learns_others_and_passes_over_what_is_none),
      RUN(forgets_what_is_not_said_any_more),
      RUN(more_than_it_can_keep_are_refused_in_a_url))
