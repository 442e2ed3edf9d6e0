/* What is known of a service, and when it no longer is. */
#include "tests/lib/test.h"

#include <stdio.h>

#include "discovery/mdns_browse.h"

static struct mdns_browse browse;
static char trail[512];

static void on_gone(struct mdns_browse *b, const char *id, const char *why)
{
    (void)b;
    (void)why;
    strcat(strcat(trail, "-"), id);
}

static void on_gone_quietly(struct mdns_browse *b, const char *id, const char *why)
{
    (void)b;
    (void)id;
    (void)why;
}

static void on_missed(struct mdns_browse *b, const char *id)
{
    (void)b;
    strcat(strcat(trail, "?"), id);
}

static const struct mdns_browse_events events = {.gone = on_gone, .missed = on_missed};

static int test_setup(void **state)
{
    (void)state;
    browse = (struct mdns_browse){.rounds = BROWSE_EARLY_ROUNDS};
    trail[0] = 0;
    return 0;
}

static int test_teardown(void **state)
{
    (void)state;
    mdns_browse_fini(&browse);
    return 0;
}

static void hear(const char *id, uint64_t now, uint32_t ttl)
{
    struct mdns_known *k;

    assert_int_equal(mdns_browse_put(&browse, slice_of(id), 0, &k), ERR_OK);
    mdns_browse_heard(k, now, ttl);
}

static void round_at(uint64_t now)
{
    mdns_browse_begin(&browse);
    mdns_browse_end(&browse, now, &events);
}

TEST(who_misses_a_round_is_asked_by_name_and_goes_after_the_second)
{
    hear("a", 0, 120);
    round_at(10000);
    assert_string_equal(trail, "?a");
    round_at(20000);
    assert_string_equal(trail, "?a-a");
    assert_null(mdns_browse_find(&browse, SLICE("a")));
}

TEST(who_answers_in_between_stays)
{
    hear("a", 0, 120);
    round_at(10000);
    hear("a", 10100, 120);
    round_at(20000);
    assert_string_equal(trail, "?a?a");
    assert_non_null(mdns_browse_find(&browse, SLICE("a")));
}

TEST(who_answers_in_the_round_missed_nothing)
{
    hear("a", 0, 120);
    mdns_browse_begin(&browse);
    hear("a", 10000, 120);
    mdns_browse_end(&browse, 10250, &events);
    assert_string_equal(trail, "");
}

TEST(rounds_in_quick_succession_count_no_misses)
{
    hear("a", 0, 120);
    for (uint64_t now = 100; now < BROWSE_PATIENCE_MS; now += 100)
        round_at(now);
    assert_string_equal(trail, "");
}

TEST(the_first_rounds_count_no_misses)
{
    browse.rounds = 0;
    hear("a", 0, 120);
    for (uint64_t i = 1; i <= BROWSE_EARLY_ROUNDS; i++)
        round_at(i * 2000);
    assert_string_equal(trail, "");
}

TEST(who_is_doubted_goes_unless_heard_at_once)
{
    hear("a", 0, 120);
    hear("b", 0, 120);
    mdns_browse_doubt(mdns_browse_find(&browse, SLICE("a")));
    mdns_browse_doubt(mdns_browse_find(&browse, SLICE("b")));
    mdns_browse_begin(&browse);
    hear("b", 10, 120);
    mdns_browse_end(&browse, 250, &events);
    assert_string_equal(trail, "-a");
}

TEST(goes_when_its_ttl_has_passed_and_not_before)
{
    hear("a", 1000, 2);
    hear("b", 1000, 5);
    assert_int_equal(mdns_browse_expire(&browse, 2999, &events), 3000);
    assert_string_equal(trail, "");
    assert_int_equal(mdns_browse_expire(&browse, 3000, &events), 6000);
    assert_string_equal(trail, "-a");
    assert_true(mdns_browse_expire(&browse, 6000, &events) == UINT64_MAX);
}

TEST(many_go_at_once)
{
    char id[16];

    for (unsigned i = 0; i < 1000; i++) {
        snprintf(id, sizeof(id), "%u", i);
        hear(id, 0, i % 4 ? 1 : 10);
    }
    trail[0] = 0;
    (void)mdns_browse_expire(&browse, 1000,
                             &(struct mdns_browse_events){.gone = on_gone_quietly});
    assert_int_equal(browse.known.count, 250);
}

TEST(knows_the_shortest_ttl)
{
    assert_true(mdns_browse_ttl(&browse) == UINT64_MAX);
    hear("a", 0, 120);
    hear("b", 0, 30);
    assert_int_equal(mdns_browse_ttl(&browse), 30000);
}

TEST(a_ttl_of_years_is_cut)
{
    hear("a", 0, UINT32_MAX);
    assert_int_equal(mdns_browse_ttl(&browse), BROWSE_TTL_LIMIT_MS);
}

TEST(there_is_an_end_to_what_is_believed)
{
    struct mdns_known *k;
    char id[16];

    for (unsigned i = 0; i < BROWSE_LIMIT; i++) {
        snprintf(id, sizeof(id), "%u", i);
        hear(id, 0, 120);
    }
    assert_int_equal(mdns_browse_put(&browse, SLICE("more"), 0, &k), ERR_TOO_LARGE);
    assert_int_equal(mdns_browse_put(&browse, SLICE("7"), 0, &k), ERR_OK);
}

TESTS(RUN_WITH(who_misses_a_round_is_asked_by_name_and_goes_after_the_second),
      RUN_WITH(who_answers_in_between_stays),
      RUN_WITH(who_answers_in_the_round_missed_nothing),
      RUN_WITH(rounds_in_quick_succession_count_no_misses),
      RUN_WITH(the_first_rounds_count_no_misses),
      RUN_WITH(who_is_doubted_goes_unless_heard_at_once),
      RUN_WITH(goes_when_its_ttl_has_passed_and_not_before), RUN_WITH(many_go_at_once),
      RUN_WITH(knows_the_shortest_ttl), RUN_WITH(a_ttl_of_years_is_cut),
      RUN_WITH(there_is_an_end_to_what_is_believed))
