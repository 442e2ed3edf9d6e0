#include "tests/lib/test.h"

#include "health/outlier.h"

static const struct outlier_settings limits = {
    .failures = 3, .rest_ms = 100, .rest_max_ms = 300};

static void fail_until_ejected(struct outlier *o, uint64_t now)
{
    while (outlier_allows(o, now) &&
           !outlier_report(o, &limits, now, outlier_enter(o), OUTCOME_FAILED))
        continue;
}

TEST(ejects_after_so_many_failures_in_a_row)
{
    struct outlier o = {0};

    assert_false(outlier_report(&o, &limits, 0, outlier_enter(&o), OUTCOME_FAILED));
    assert_false(outlier_report(&o, &limits, 0, outlier_enter(&o), OUTCOME_FAILED));
    assert_true(outlier_report(&o, &limits, 0, outlier_enter(&o), OUTCOME_FAILED));
    assert_false(outlier_allows(&o, 99));
}

TEST(a_success_in_between_starts_the_count_again)
{
    struct outlier o = {0};

    outlier_report(&o, &limits, 0, outlier_enter(&o), OUTCOME_FAILED);
    outlier_report(&o, &limits, 0, outlier_enter(&o), OUTCOME_FAILED);
    outlier_report(&o, &limits, 0, outlier_enter(&o), OUTCOME_OK);
    assert_false(outlier_report(&o, &limits, 0, outlier_enter(&o), OUTCOME_FAILED));
    assert_true(outlier_allows(&o, 0));
}

TEST(lets_one_request_through_after_the_rest)
{
    struct outlier o = {0};

    fail_until_ejected(&o, 0);
    assert_true(outlier_allows(&o, 100));
    outlier_enter(&o);
    assert_false(outlier_allows(&o, 100));
}

TEST(closes_when_the_probing_request_succeeds)
{
    struct outlier o = {0};

    fail_until_ejected(&o, 0);
    assert_true(outlier_allows(&o, 100));
    outlier_report(&o, &limits, 100, outlier_enter(&o), OUTCOME_OK);
    assert_int_equal(o.state, OUTLIER_CLOSED);
    assert_true(outlier_allows(&o, 100));
}

TEST(probes_again_when_the_probing_request_was_cancelled)
{
    struct outlier o = {0};

    fail_until_ejected(&o, 0);
    assert_true(outlier_allows(&o, 100));
    outlier_report(&o, &limits, 100, outlier_enter(&o), OUTCOME_NEITHER);
    assert_true(outlier_allows(&o, 100));
}

TEST(rests_longer_each_time_up_to_a_limit)
{
    const uint64_t rests[] = {100, 200, 300, 300};
    struct outlier o = {0};
    uint64_t now = 0;

    fail_until_ejected(&o, now);
    for (size_t i = 0; i < 4; i++) {
        assert_false(outlier_allows(&o, now + rests[i] - 1));
        now += rests[i];
        assert_true(outlier_allows(&o, now));
        assert_true(outlier_report(&o, &limits, now, outlier_enter(&o), OUTCOME_FAILED));
    }
}

TEST(forgives_an_ejection_for_each_rest_without_failure)
{
    struct outlier o = {0};

    fail_until_ejected(&o, 0);
    outlier_allows(&o, 100);
    outlier_report(&o, &limits, 100, outlier_enter(&o), OUTCOME_OK);
    assert_int_equal(o.ejections, 1);
    outlier_report(&o, &limits, 200, outlier_enter(&o), OUTCOME_OK);
    assert_int_equal(o.ejections, 0);
}

TEST(an_answer_from_before_the_ejection_changes_nothing)
{
    struct outlier o = {0};
    uint32_t late = outlier_enter(&o);

    fail_until_ejected(&o, 0);
    outlier_allows(&o, 100);
    assert_false(outlier_report(&o, &limits, 100, late, OUTCOME_OK));
    assert_int_equal(o.state, OUTLIER_HALF_OPEN);
}

TEST(never_ejects_when_it_is_off)
{
    const struct outlier_settings off = {
        .failures = 0, .rest_ms = 100, .rest_max_ms = 100};
    struct outlier o = {0};

    for (int i = 0; i < 100; i++)
        assert_false(outlier_report(&o, &off, 0, outlier_enter(&o), OUTCOME_FAILED));
    assert_true(outlier_allows(&o, 0));
}

TESTS(RUN(ejects_after_so_many_failures_in_a_row),
      RUN(a_success_in_between_starts_the_count_again),
      RUN(lets_one_request_through_after_the_rest),
      RUN(closes_when_the_probing_request_succeeds),
      RUN(probes_again_when_the_probing_request_was_cancelled),
      RUN(rests_longer_each_time_up_to_a_limit),
      RUN(forgives_an_ejection_for_each_rest_without_failure),
      RUN(an_answer_from_before_the_ejection_changes_nothing),
      RUN(never_ejects_when_it_is_off))
