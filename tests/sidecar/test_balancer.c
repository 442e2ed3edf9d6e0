/* Who gets the next request, and who does not. */
#include "tests/lib/test.h"

#include <stdio.h>

#include "sidecar/balancer.h"

static struct clock now;
static struct random dice;
static struct settings *settings;
static struct service *service;
static struct exchange x;

static void use(const char *yaml)
{
    struct why why;

    why_init(&why);
    if (service)
        service_drop(service);
    settings_unref(settings);
    if (settings_parse(&settings, slice_of(yaml), "test.yaml", &why))
        fail_msg("%s", why.text);
    service = service_make(SLICE("s"), settings,
                           service_settings_of(settings, SLICE("s")), 1, &now, &dice);
    assert_non_null(service);
}

static void list(unsigned count, const uint32_t *weights)
{
    struct instance instances[16] = {0};
    char ids[16][8];
    struct instance_list *l;

    for (unsigned i = 0; i < count; i++) {
        snprintf(ids[i], sizeof(ids[i]), "i%u", i);
        instances[i].id = ids[i];
        instances[i].version = "";
        instances[i].weight = weights ? weights[i] : 1;
        address_from_ip(&instances[i].address, SLICE("127.0.0.1"), 1000 + i);
    }
    l = instance_list_new("s", instances, count);
    l->known = l->answered = true;
    for (unsigned i = 0; i < count; i++)
        l->instances[i].index = i;
    l->places = count;
    service_update(service, l);
    instance_list_unref(l);
}

static int test_setup(void **state)
{
    (void)state;
    clock_init(&now, 1000, NULL);
    random_init(&dice, 7);
    x = (struct exchange){.clock = &now};
    use("name: t\n");
    return 0;
}

static int test_teardown(void **state)
{
    (void)state;
    service_drop(service);
    settings_unref(settings);
    service = NULL;
    settings = NULL;
    return 0;
}

static void tried(uint32_t index)
{
    x.tried[x.tried_count++] = index;
}

static void eject(uint32_t position)
{
    struct upstream *u = service_upstream(service, position);

    outlier_eject(&u->outlier, &service->policy->outlier.rule, clock_now(&now));
    service_count_ejected(service);
}

static void shares(unsigned *counts, unsigned picks)
{
    for (unsigned i = 0; i < picks; i++)
        counts[balancer_pick(service, &x)]++;
}

TEST(two_choices_take_the_less_loaded)
{
    list(2, NULL);
    service_upstream(service, 0)->in_flight = 5;
    for (int i = 0; i < 50; i++)
        assert_int_equal(balancer_pick(service, &x), 1);
}

TEST(an_equal_load_is_spread)
{
    unsigned counts[4] = {0};

    list(4, NULL);
    shares(counts, 4000);
    for (int i = 0; i < 4; i++)
        assert_in_range(counts[i], 800, 1200);
}

TEST(round_robin_takes_turns)
{
    use("name: t\ndefaults: { balancer: round_robin }\n");
    list(3, NULL);
    for (unsigned i = 0; i < 9; i++)
        assert_int_equal(balancer_pick(service, &x), i % 3);
}

TEST(round_robin_honours_weights_without_bursts)
{
    const uint32_t weights[] = {3, 1};
    unsigned counts[2] = {0}, run = 0, longest = 0;

    use("name: t\ndefaults: { balancer: round_robin }\n");
    list(2, weights);
    for (int i = 0; i < 400; i++) {
        uint32_t position = balancer_pick(service, &x);

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
        use(yaml);
        list(2, weights);
        shares(counts, 1000);
        assert_in_range(counts[1], 850, 1000);
    }
}

TEST(ewma_prefers_who_answers_faster)
{
    use("name: t\ndefaults: { balancer: ewma }\n");
    list(2, NULL);
    service_upstream(service, 0)->ewma_us = 100;
    service_upstream(service, 1)->ewma_us = 5000;
    for (int i = 0; i < 50; i++)
        assert_int_equal(balancer_pick(service, &x), 0);
}

TEST(a_key_stays_with_its_instance_when_others_come)
{
    unsigned moved = 0;

    use("name: t\ndefaults: { balancer: hash }\n");
    x.has_hash = true;
    for (uint32_t key = 0; key < 500; key++) {
        uint32_t before;

        x.hash = key * 2654435761U;
        list(4, NULL);
        before = balancer_pick(service, &x);
        list(5, NULL);
        moved += balancer_pick(service, &x) != before;
    }
    assert_in_range(moved, 60, 140); /* a fifth */
}

TEST(keys_are_shared_by_weight)
{
    const uint32_t weights[] = {1, 3};
    unsigned counts[2] = {0};

    use("name: t\ndefaults: { balancer: hash }\n");
    list(2, weights);
    x.has_hash = true;
    for (uint32_t key = 0; key < 2000; key++) {
        x.hash = key * 2654435761U;
        counts[balancer_pick(service, &x)]++;
    }
    assert_in_range(counts[1], 1400, 1600);
}

TEST(another_instance_comes_first_on_a_retry)
{
    static const char *const kinds[] = {"random", "p2c", "ewma", "round_robin", "hash"};
    char yaml[64];

    for (unsigned k = 0; k < 5; k++) {
        snprintf(yaml, sizeof(yaml), "name: t\ndefaults: { balancer: %s }\n", kinds[k]);
        use(yaml);
        list(3, NULL);
        x.tried_count = 0;
        tried(0);
        tried(2);
        for (int i = 0; i < 20; i++)
            assert_int_equal(balancer_pick(service, &x), 1);
    }
}

TEST(the_only_instance_is_tried_again)
{
    list(1, NULL);
    tried(0);
    assert_int_equal(balancer_pick(service, &x), 0);
}

TEST(an_ejected_instance_gets_nothing)
{
    list(4, NULL);
    eject(2);
    for (int i = 0; i < 200; i++)
        assert_int_not_equal(balancer_pick(service, &x), 2);
}

TEST(below_half_healthy_all_are_balanced_over)
{
    unsigned counts[4] = {0};

    list(4, NULL);
    for (uint32_t i = 0; i < 3; i++)
        eject(i);
    shares(counts, 400);
    for (int i = 0; i < 4; i++)
        assert_in_range(counts[i], 50, 150);
}

TEST(a_draining_instance_gets_nothing_new)
{
    list(2, NULL);
    service->list->instances[0].draining = true;
    for (int i = 0; i < 50; i++)
        assert_int_equal(balancer_pick(service, &x), 1);
    service->list->instances[1].draining = true;
    assert_int_equal(balancer_pick(service, &x), NO_POSITION);
}

TEST(what_is_known_of_an_instance_survives_a_new_list)
{
    list(2, NULL);
    service_upstream(service, 1)->ewma_us = 123;
    list(3, NULL);
    assert_true(service_upstream(service, 1)->ewma_us == 123);
    assert_null(service_peek(service, 2));
}

TEST(an_instance_that_left_goes_with_its_last_attempt)
{
    struct upstream *u;

    list(2, NULL);
    u = upstream_ref(service_upstream(service, 1));
    list(1, NULL);
    assert_true(u->removed);
    assert_null(u->service);
    upstream_unref(u);
}

TEST(an_instance_is_found_by_its_id)
{
    list(3, NULL);
    assert_int_equal(balancer_find(service, SLICE("i2")), 2);
    assert_int_equal(balancer_find(service, SLICE("i9")), NO_POSITION);
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
