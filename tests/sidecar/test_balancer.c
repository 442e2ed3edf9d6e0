/* Who gets the next request, and who does not. */
#include "tests/lib/test.h"

#include <stdio.h>

#include "sidecar/balancer.h"
#include "tests/lib/sidecar/bare_service.h"

static struct exchange x;

static int test_setup(void **state)
{
    (void)state;
    bare_open();
    x = (struct exchange){.clock = &bare.now};
    return 0;
}

static int test_teardown(void **state)
{
    (void)state;
    bare_close();
    return 0;
}

static void tried(uint32_t index)
{
    x.tried[x.tried_count++] = index;
}

static void eject(uint32_t position)
{
    struct upstream *u = service_upstream(bare.service, position);

    outlier_eject(&u->outlier, &bare.service->policy->outlier.rule, clock_now(&bare.now));
    service_count_ejected(bare.service);
}

static void shares(unsigned *counts, unsigned picks)
{
    for (unsigned i = 0; i < picks; i++)
        counts[balancer_pick(bare.service, &x)]++;
}

TEST(two_choices_take_the_less_loaded)
{
    bare_list(2);
    service_upstream(bare.service, 0)->in_flight = 5;
    for (int i = 0; i < 50; i++)
        assert_int_equal(balancer_pick(bare.service, &x), 1);
}

TEST(an_equal_load_is_spread)
{
    unsigned counts[4] = {0};

    bare_list(4);
    shares(counts, 4000);
    for (int i = 0; i < 4; i++)
        assert_in_range(counts[i], 800, 1200);
}

TEST(round_robin_takes_turns)
{
    bare_use("name: t\ndefaults: { balancer: round_robin }\n");
    bare_list(3);
    for (unsigned i = 0; i < 9; i++)
        assert_int_equal(balancer_pick(bare.service, &x), i % 3);
}

TEST(round_robin_honours_weights_without_bursts)
{
    const uint32_t weights[] = {3, 1};
    unsigned counts[2] = {0}, run = 0, longest = 0;

    bare_use("name: t\ndefaults: { balancer: round_robin }\n");
    bare_list_weighted(2, weights);
    for (int i = 0; i < 400; i++) {
        uint32_t position = balancer_pick(bare.service, &x);

        counts[position]++;
        run = position == 0 ? run + 1 : 0;
        longest = run > longest ? run : longest;
    }
    assert_in_range(counts[0], 296, 304);
    assert_in_range(longest, 3, 4);
}

TEST(random_and_two_choices_honour_weights)
{
    static const char *const kinds[] = {"random", "p2c", "ewma"};
    const uint32_t weights[] = {1, 9};
    char yaml[64];

    for (unsigned k = 0; k < 3; k++) {
        unsigned counts[2] = {0};

        snprintf(yaml, sizeof(yaml), "name: t\ndefaults: { balancer: %s }\n", kinds[k]);
        bare_use(yaml);
        bare_list_weighted(2, weights);
        shares(counts, 1000);
        assert_in_range(counts[1], 850, 1000);
    }
}

TEST(ewma_prefers_who_answers_faster)
{
    bare_use("name: t\ndefaults: { balancer: ewma }\n");
    bare_list(2);
    service_upstream(bare.service, 0)->ewma_us = 100;
    service_upstream(bare.service, 1)->ewma_us = 5000;
    for (int i = 0; i < 50; i++)
        assert_int_equal(balancer_pick(bare.service, &x), 0);
}

TEST(a_key_stays_with_its_instance_when_others_come)
{
    unsigned moved = 0;

    bare_use("name: t\ndefaults: { balancer: hash }\n");
    x.has_hash = true;
    for (uint32_t key = 0; key < 500; key++) {
        uint32_t before;

        x.hash = key * 2654435761U;
        bare_list(4);
        before = balancer_pick(bare.service, &x);
        bare_list(5);
        moved += balancer_pick(bare.service, &x) != before;
    }
    assert_in_range(moved, 60, 140); /* a fifth */
}

TEST(keys_are_shared_by_weight)
{
    const uint32_t weights[] = {1, 3};
    unsigned counts[2] = {0};

    bare_use("name: t\ndefaults: { balancer: hash }\n");
    bare_list_weighted(2, weights);
    x.has_hash = true;
    for (uint32_t key = 0; key < 2000; key++) {
        x.hash = key * 2654435761U;
        counts[balancer_pick(bare.service, &x)]++;
    }
    assert_in_range(counts[1], 1400, 1600);
}

TEST(another_instance_comes_first_on_a_retry)
{
    static const char *const kinds[] = {"random", "p2c", "ewma", "round_robin", "hash"};
    char yaml[64];

    for (unsigned k = 0; k < 5; k++) {
        snprintf(yaml, sizeof(yaml), "name: t\ndefaults: { balancer: %s }\n", kinds[k]);
        bare_use(yaml);
        bare_list(3);
        x.tried_count = 0;
        tried(0);
        tried(2);
        for (int i = 0; i < 20; i++)
            assert_int_equal(balancer_pick(bare.service, &x), 1);
    }
}

TEST(the_only_instance_is_tried_again)
{
    bare_list(1);
    tried(0);
    assert_int_equal(balancer_pick(bare.service, &x), 0);
}

TEST(an_ejected_instance_gets_nothing)
{
    bare_list(4);
    eject(2);
    for (int i = 0; i < 200; i++)
        assert_int_not_equal(balancer_pick(bare.service, &x), 2);
}

TEST(below_half_healthy_all_are_balanced_over)
{
    unsigned counts[4] = {0};

    bare_list(4);
    for (uint32_t i = 0; i < 3; i++)
        eject(i);
    shares(counts, 400);
    for (int i = 0; i < 4; i++)
        assert_in_range(counts[i], 50, 150);
}

TEST(a_draining_instance_gets_nothing_new)
{
    bare_list(2);
    bare.service->list->instances[0].draining = true;
    for (int i = 0; i < 50; i++)
        assert_int_equal(balancer_pick(bare.service, &x), 1);
    bare.service->list->instances[1].draining = true;
    assert_int_equal(balancer_pick(bare.service, &x), NO_POSITION);
}

TEST(what_is_known_of_an_instance_survives_a_new_list)
{
    bare_list(2);
    service_upstream(bare.service, 1)->ewma_us = 123;
    bare_list(3);
    assert_true(service_upstream(bare.service, 1)->ewma_us == 123);
    assert_null(service_peek(bare.service, 2));
}

TEST(an_instance_that_left_goes_with_its_last_attempt)
{
    struct upstream *u;

    bare_list(2);
    u = upstream_ref(service_upstream(bare.service, 1));
    bare_list(1);
    assert_true(u->removed);
    assert_null(u->service);
    upstream_unref(u);
}

TEST(an_instance_is_found_by_its_id)
{
    bare_list(3);
    assert_int_equal(balancer_find(bare.service, SLICE("i2")), 2);
    assert_int_equal(balancer_find(bare.service, SLICE("i9")), NO_POSITION);
}

TESTS(RUN_WITH(two_choices_take_the_less_loaded), RUN_WITH(an_equal_load_is_spread),
      RUN_WITH(round_robin_takes_turns),
      RUN_WITH(round_robin_honours_weights_without_bursts),
      RUN_WITH(random_and_two_choices_honour_weights),
      RUN_WITH(ewma_prefers_who_answers_faster),
      RUN_WITH(a_key_stays_with_its_instance_when_others_come),
      RUN_WITH(keys_are_shared_by_weight),
      RUN_WITH(another_instance_comes_first_on_a_retry),
      RUN_WITH(the_only_instance_is_tried_again),
      RUN_WITH(an_ejected_instance_gets_nothing),
      RUN_WITH(below_half_healthy_all_are_balanced_over),
      RUN_WITH(a_draining_instance_gets_nothing_new),
      RUN_WITH(what_is_known_of_an_instance_survives_a_new_list),
      RUN_WITH(an_instance_that_left_goes_with_its_last_attempt),
      RUN_WITH(an_instance_is_found_by_its_id))
