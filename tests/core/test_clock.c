#include "sidecar/core/clock.h"

#include <stdlib.h>

#include "sidecar/core/random.h"
#include "tests/lib/test.h"
#include "tests/lib/virtual_time.h"

enum { START = 1000, HOUR = 3600 * 1000 };

static struct clock c;
static char trail[64];

struct letter {
    struct timer timer;
    char name;
};

static void write_down(struct timer *t)
{
    struct letter *l = container_of(t, struct letter, timer);

    strncat(trail, &l->name, 1);
}

static struct letter a, b, d;

static uint64_t asked_at;
static unsigned asked;

static void on_wake(struct clock *clock, uint64_t due)
{
    (void)clock;
    asked_at = due;
    asked++;
}

static int test_setup(void **state)
{
    (void)state;
    clock_init(&c, START, on_wake);
    timer_init(&a.timer, write_down);
    timer_init(&b.timer, write_down);
    timer_init(&d.timer, write_down);
    a.name = 'a';
    b.name = 'b';
    d.name = 'd';
    trail[0] = '\0';
    asked_at = asked = 0;
    return 0;
}

static int test_teardown(void **state)
{
    (void)state;
    timer_stop(&a.timer, &c);
    timer_stop(&b.timer, &c);
    timer_stop(&d.timer, &c);
    return clock_next(&c) != UINT64_MAX;
}

static void pass(uint64_t ms)
{
    clock_advance(&c, c.now + ms);
}

TEST(fires_when_due_and_not_before)
{
    timer_start(&a.timer, &c, 100);
    pass(99);
    assert_string_equal(trail, "");
    assert_true(timer_active(&a.timer));
    pass(1);
    assert_string_equal(trail, "a");
    assert_false(timer_active(&a.timer));
}

TEST(fires_once)
{
    timer_start(&a.timer, &c, 10);
    pass(1000);
    pass(1000);
    assert_string_equal(trail, "a");
}

TEST(fires_in_the_order_of_time)
{
    timer_start(&a.timer, &c, 5000);
    timer_start(&b.timer, &c, 3);
    timer_start(&d.timer, &c, 200);
    pass(HOUR);
    assert_string_equal(trail, "bda");
}

TEST(equal_times_fire_in_the_order_they_were_started)
{
    timer_start(&b.timer, &c, 5000);
    pass(2000);
    timer_start(&a.timer, &c, 3000);
    pass(2990);
    timer_start(&d.timer, &c, 10);
    pass(10);
    assert_string_equal(trail, "bad");
}

TEST(a_stopped_timer_does_not_fire)
{
    timer_start(&a.timer, &c, 10);
    timer_stop(&a.timer, &c);
    pass(HOUR);
    assert_string_equal(trail, "");
}

TEST(may_be_stopped_when_it_is_not_active)
{
    timer_stop(&a.timer, &c);
    timer_start(&b.timer, &c, 10);
    timer_stop(&a.timer, &c);
    pass(10);
    assert_string_equal(trail, "b");
}

TEST(starting_an_active_timer_moves_it)
{
    timer_start(&a.timer, &c, 10);
    timer_start(&a.timer, &c, 500);
    pass(499);
    assert_string_equal(trail, "");
    pass(1);
    assert_string_equal(trail, "a");
}

TEST(no_delay_is_the_next_tick_and_never_inside_the_call)
{
    timer_start(&a.timer, &c, 0);
    assert_string_equal(trail, "");
    pass(1);
    assert_string_equal(trail, "a");
}

TEST(time_never_goes_backwards)
{
    clock_advance(&c, START - 500);
    assert_int_equal(clock_now(&c), START);
    timer_start(&a.timer, &c, 10);
    clock_advance(&c, 1);
    assert_string_equal(trail, "");
}

TEST(reaches_beyond_the_wheel)
{
    timer_start(&a.timer, &c, 100 * (uint64_t)HOUR);
    timer_start(&b.timer, &c, 7 * (uint64_t)HOUR);
    pass(7 * (uint64_t)HOUR);
    assert_string_equal(trail, "b");
    pass(93 * (uint64_t)HOUR - 1);
    assert_string_equal(trail, "b");
    pass(1);
    assert_string_equal(trail, "ba");
}

TEST(a_delay_without_end_never_comes)
{
    timer_start(&a.timer, &c, UINT64_MAX);
    assert_true(timer_active(&a.timer));
    pass(1000 * (uint64_t)HOUR);
    assert_string_equal(trail, "");
}

TEST(knows_when_none_is_active)
{
    assert_true(clock_next(&c) == UINT64_MAX);
    timer_start(&a.timer, &c, 10);
    assert_int_equal(clock_next(&c), START + 10);
    timer_stop(&a.timer, &c);
    assert_true(clock_next(&c) == UINT64_MAX);
}

TEST(next_is_never_later_than_what_is_due)
{
    for (uint64_t delay = 1; delay < 100 * (uint64_t)HOUR; delay = delay * 3 + 1) {
        timer_start(&a.timer, &c, delay);
        assert_in_range(clock_next(&c), START + 1, START + delay);
    }
}

/* fire() may do anything. */

static void again_soon(struct timer *t)
{
    write_down(t);
    if (strlen(trail) < 3)
        timer_start(t, &c, 10);
}

TEST(may_start_itself_again)
{
    timer_init(&a.timer, again_soon);
    timer_start(&a.timer, &c, 10);
    time_passes(&c, 29);
    assert_string_equal(trail, "aa");
    time_passes(&c, 1);
    assert_string_equal(trail, "aaa");
}

static void stops_b(struct timer *t)
{
    write_down(t);
    timer_stop(&b.timer, &c);
}

TEST(what_a_late_timer_starts_counts_from_now)
{
    timer_init(&a.timer, again_soon);
    timer_start(&a.timer, &c, 10);
    pass(500);
    assert_string_equal(trail, "a");
    assert_int_equal(a.timer.due, START + 510);
}

TEST(may_stop_another_that_is_due_in_the_same_tick)
{
    timer_init(&a.timer, stops_b);
    timer_start(&a.timer, &c, 10);
    timer_start(&b.timer, &c, 10);
    timer_start(&d.timer, &c, 10);
    pass(10);
    assert_string_equal(trail, "ad");
}

static void starts_b_at_once(struct timer *t)
{
    write_down(t);
    timer_start(&b.timer, &c, 0);
}

TEST(what_it_starts_without_delay_fires_in_a_later_tick)
{
    timer_init(&a.timer, starts_b_at_once);
    timer_start(&a.timer, &c, 10);
    pass(10);
    assert_string_equal(trail, "a");
    pass(1);
    assert_string_equal(trail, "ab");
}

TEST(may_move_another_that_is_due_in_the_same_tick)
{
    timer_init(&a.timer, starts_b_at_once);
    timer_start(&a.timer, &c, 10);
    timer_start(&b.timer, &c, 10);
    pass(10);
    assert_string_equal(trail, "a");
    pass(1);
    assert_string_equal(trail, "ab");
}

/* Whom it asks to be woken. */

TEST(asks_for_an_earlier_wake_alone)
{
    timer_start(&a.timer, &c, 100);
    assert_int_equal(asked_at, START + 100);
    timer_start(&b.timer, &c, 200);
    assert_int_equal(asked, 1);
    timer_start(&d.timer, &c, 50);
    assert_int_equal(asked_at, START + 50);
    assert_int_equal(asked, 2);
}

TEST(stopping_asks_for_nothing)
{
    timer_start(&a.timer, &c, 100);
    timer_stop(&a.timer, &c);
    timer_start(&a.timer, &c, 100);
    assert_int_equal(asked, 1);
}

TEST(asks_again_after_it_was_woken)
{
    timer_start(&a.timer, &c, 100);
    timer_start(&b.timer, &c, 130);
    pass(100);
    assert_int_equal(asked, 2);
    assert_in_range(asked_at, START + 101, START + 130);
}

TEST(asks_nobody_when_nothing_is_left)
{
    timer_start(&a.timer, &c, 100);
    pass(100);
    assert_int_equal(asked, 1);
    assert_int_equal(c.wake_at, 0);
}

TEST(a_turn_of_the_loop_before_the_wake_asks_for_nothing)
{
    timer_start(&a.timer, &c, 60);
    for (int i = 0; i < 50; i++)
        pass(1);
    assert_int_equal(asked, 1);
}

TEST(following_the_wakes_fires_all_in_few_steps)
{
    unsigned steps = 0;

    timer_start(&a.timer, &c, 15000);
    timer_start(&b.timer, &c, 300000);
    for (; clock_next(&c) != UINT64_MAX; steps++)
        clock_advance(&c, asked_at);
    assert_string_equal(trail, "ab");
    assert_in_range(steps, 2, 2 * CLOCK_LEVELS);
}

/* The model: all timers in an array, the next one found by looking at each. */

enum { MODEL_TIMERS = 60, MODEL_STEPS = 20000 };

struct model_timer {
    struct timer timer;
    uint64_t due; /* 0: inactive */
    uint64_t order;
};

static struct model_timer model[MODEL_TIMERS];
static struct random numbers;
static uint64_t orders;

static struct model_timer *model_next(void)
{
    struct model_timer *next = NULL;

    for (unsigned i = 0; i < MODEL_TIMERS; i++) {
        struct model_timer *m = &model[i];

        if (m->due && (!next || m->due < next->due ||
                       (m->due == next->due && m->order < next->order)))
            next = m;
    }
    return next;
}

/* Delays of every level, small ones most. */
static uint64_t some_delay(void)
{
    return random_next(&numbers) >> (random_below(&numbers, 38) + 26) >>
           random_below(&numbers, 12);
}

static void model_start(struct model_timer *m)
{
    timer_start(&m->timer, &c, some_delay());
    m->due = m->timer.due;
    m->order = ++orders;
}

static void model_stop(struct model_timer *m)
{
    timer_stop(&m->timer, &c);
    m->due = 0;
}

static struct model_timer *some_timer(void)
{
    return &model[random_below(&numbers, MODEL_TIMERS)];
}

static void model_fire(struct timer *t)
{
    struct model_timer *m = container_of(t, struct model_timer, timer);

    assert_ptr_equal(m, model_next());
    assert_true(m->due <= clock_now(&c));
    m->due = 0;
    if (random_below(&numbers, 3) == 0)
        model_start(m);
    if (random_below(&numbers, 4) == 0)
        model_start(some_timer());
    if (random_below(&numbers, 4) == 0)
        model_stop(some_timer());
}

static void model_step(void)
{
    struct model_timer *next;

    if (random_below(&numbers, 2))
        model_start(some_timer());
    if (random_below(&numbers, 4) == 0)
        model_stop(some_timer());
    pass(random_below(&numbers, 3) ? random_below(&numbers, 100) : some_delay());
    next = model_next();
    assert_true(!next || next->due > clock_now(&c));
    assert_true(clock_next(&c) <= (next ? next->due : UINT64_MAX));
    assert_true(clock_next(&c) > clock_now(&c));
    assert_true(!next || (c.wake_at && c.wake_at <= next->due));
}

static void model_run(uint64_t seed)
{
    random_init(&numbers, seed);
    clock_init(&c, 1 + random_next(&numbers) / 2, on_wake);
    for (unsigned i = 0; i < MODEL_TIMERS; i++) {
        model[i] = (struct model_timer){0};
        timer_init(&model[i].timer, model_fire);
    }
    for (unsigned i = 0; i < MODEL_STEPS; i++)
        model_step();
    for (unsigned i = 0; i < MODEL_TIMERS; i++)
        model_stop(&model[i]);
    assert_true(clock_next(&c) == UINT64_MAX);
}

TEST(agrees_with_a_sorted_list_whatever_is_done)
{
    for (uint64_t seed = 1; seed <= 20; seed++)
        model_run(seed);
}

TEST(the_wall_clock_is_past_the_year_2020)
{
    assert_true(clock_wall_ms() > UINT64_C(1577836800000));
}

TESTS(RUN_WITH(fires_when_due_and_not_before), RUN_WITH(fires_once),
      RUN_WITH(fires_in_the_order_of_time),
      RUN_WITH(equal_times_fire_in_the_order_they_were_started),
      RUN_WITH(a_stopped_timer_does_not_fire),
      RUN_WITH(may_be_stopped_when_it_is_not_active),
      RUN_WITH(starting_an_active_timer_moves_it),
      RUN_WITH(no_delay_is_the_next_tick_and_never_inside_the_call),
      RUN_WITH(time_never_goes_backwards), RUN_WITH(reaches_beyond_the_wheel),
      RUN_WITH(a_delay_without_end_never_comes), RUN_WITH(knows_when_none_is_active),
      RUN_WITH(next_is_never_later_than_what_is_due), RUN_WITH(may_start_itself_again),
      RUN_WITH(what_a_late_timer_starts_counts_from_now),
      RUN_WITH(may_stop_another_that_is_due_in_the_same_tick),
      RUN_WITH(what_it_starts_without_delay_fires_in_a_later_tick),
      RUN_WITH(may_move_another_that_is_due_in_the_same_tick),
      RUN_WITH(asks_for_an_earlier_wake_alone), RUN_WITH(stopping_asks_for_nothing),
      RUN_WITH(asks_again_after_it_was_woken), RUN_WITH(asks_nobody_when_nothing_is_left),
      RUN_WITH(a_turn_of_the_loop_before_the_wake_asks_for_nothing),
      RUN_WITH(following_the_wakes_fires_all_in_few_steps),
      RUN_WITH(agrees_with_a_sorted_list_whatever_is_done),
      RUN_WITH(the_wall_clock_is_past_the_year_2020))
