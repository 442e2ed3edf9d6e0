#include "tests/lib/transport/loops.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <unistd.h>

#include "tests/lib/test.h"

static struct loop loop;

struct alarm {
    struct timer timer;
    bool fired;
    uint64_t at;
};

static void on_alarm(struct timer *t)
{
    struct alarm *a = container_of(t, struct alarm, timer);

    a->fired = true;
    a->at = loop_now(&loop);
}

static void alarm_init(struct alarm *a)
{
    *a = (struct alarm){.fired = false};
    timer_init(&a->timer, on_alarm);
}

TEST(closes_clean_when_nothing_was_opened)
{
    assert_int_equal(loop_open(&loop, 0), ERR_OK);
    assert_int_equal(loop.read_size, LOOP_READ_BUFFER);
    assert_int_equal(loop_close(&loop), ERR_OK);
}

TEST(tells_a_handle_that_was_left_open)
{
    static uv_timer_t forgotten;

    assert_int_equal(loop_open(&loop, 0), ERR_OK);
    uv_timer_init(&loop.uv, &forgotten);
    assert_int_equal(loop_close(&loop), ERR_IO);
    uv_close((uv_handle_t *)&forgotten, NULL);
    uv_run(&loop.uv, UV_RUN_NOWAIT);
    assert_int_equal(uv_loop_close(&loop.uv), 0);
}

TEST(a_file_that_may_not_grow_is_an_error_and_no_end)
{
    struct rlimit before, none;
    FILE *file = tmpfile();

    assert_non_null(file);
    assert_int_equal(loop_open(&loop, 0), ERR_OK);
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &before), 0);
    none = (struct rlimit){0, before.rlim_max};
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &none), 0);
    assert_int_equal(write(fileno(file), "x", 1), -1);
    assert_int_equal(errno, EFBIG);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &before), 0);
    fclose(file);
    assert_int_equal(loop_close(&loop), ERR_OK);
}

TEST(fires_timers_of_the_clock_and_then_has_nothing_to_wait_for)
{
    struct alarm first, second;
    uint64_t start;

    assert_int_equal(loop_open(&loop, 0), ERR_OK);
    alarm_init(&first);
    alarm_init(&second);
    start = loop_now(&loop);
    timer_start(&second.timer, &loop.clock, 6);
    timer_start(&first.timer, &loop.clock, 2);
    loop_run(&loop);
    assert_true(first.fired && second.fired);
    assert_true(first.at >= start + 2 && second.at >= start + 6);
    assert_int_equal(loop_close(&loop), ERR_OK);
}

TEST(does_not_wait_for_timers_that_were_stopped)
{
    struct alarm a;

    assert_int_equal(loop_open(&loop, 0), ERR_OK);
    alarm_init(&a);
    timer_start(&a.timer, &loop.clock, 3600 * 1000);
    timer_stop(&a.timer, &loop.clock);
    loop_run(&loop); /* an hour, if it did */
    assert_false(a.fired);
    assert_int_equal(loop_close(&loop), ERR_OK);
}

/* A timer that is started when the loop has slept counts from then. */
struct sleeper {
    uv_timer_t uv;
    struct alarm alarm;
    uint64_t woken;
};

static void on_woken(uv_timer_t *t)
{
    struct sleeper *s = container_of(t, struct sleeper, uv);

    loop_touch(&loop);
    s->woken = loop_now(&loop);
    timer_start(&s->alarm.timer, &loop.clock, 5);
}

TEST(counts_from_the_time_at_which_the_loop_woke)
{
    struct sleeper s;
    uint64_t opened;

    assert_int_equal(loop_open(&loop, 0), ERR_OK);
    opened = loop_now(&loop);
    alarm_init(&s.alarm);
    uv_timer_init(&loop.uv, &s.uv);
    uv_timer_start(&s.uv, on_woken, 20, 0);
    loop_until(&loop, &s.alarm.fired);
    assert_true(s.woken >= opened + 20);
    assert_true(s.alarm.at >= s.woken + 5);
    uv_close((uv_handle_t *)&s.uv, NULL);
    assert_int_equal(loop_close(&loop), ERR_OK);
}

/* --- letters --- */

struct note {
    struct letter letter;
    int number;
};

struct inbox {
    struct mailbox mailbox;
    int numbers[256];
    int count;
    bool full, closed;
    int wanted;
};

static struct inbox inbox;

static void on_note(struct letter *letter, void *owner)
{
    struct inbox *in = owner;
    struct note *note = container_of(letter, struct note, letter);

    in->numbers[in->count++ % 256] = note->number;
    in->full = in->count == in->wanted;
    free(note);
}

static void on_inbox_closed(struct mailbox *m)
{
    container_of(m, struct inbox, mailbox)->closed = true;
}

static void post_note(int number)
{
    struct note *note = malloc(sizeof(*note));

    *note = (struct note){.letter.deliver = on_note, .number = number};
    mailbox_post(&inbox.mailbox, &note->letter);
}

static void open_inbox(int wanted)
{
    assert_int_equal(loop_open(&loop, 0), ERR_OK);
    inbox = (struct inbox){.wanted = wanted};
    assert_int_equal(mailbox_open(&inbox.mailbox, &loop, &inbox), ERR_OK);
}

static void close_inbox(void)
{
    mailbox_close(&inbox.mailbox, on_inbox_closed);
    assert_false(inbox.closed);
    loop_until(&loop, &inbox.closed);
    assert_int_equal(loop_close(&loop), ERR_OK);
}

TEST(delivers_letters_in_order_and_not_at_once)
{
    open_inbox(3);
    for (int i = 0; i < 3; i++)
        post_note(i);
    assert_int_equal(inbox.count, 0);
    loop_until(&loop, &inbox.full);
    for (int i = 0; i < 3; i++)
        assert_int_equal(inbox.numbers[i], i);
    close_inbox();
}

TEST(delivers_what_is_there_before_a_mailbox_closes)
{
    open_inbox(2);
    post_note(7);
    post_note(8);
    mailbox_close(&inbox.mailbox, on_inbox_closed);
    assert_int_equal(inbox.count, 2);
    assert_int_equal(inbox.numbers[1], 8);
    loop_until(&loop, &inbox.closed);
    assert_int_equal(loop_close(&loop), ERR_OK);
}

static void on_last_note(struct letter *letter, void *owner)
{
    (void)owner;
    free(container_of(letter, struct note, letter));
    mailbox_close(&inbox.mailbox, on_inbox_closed);
}

TEST(can_be_closed_by_a_letter_and_keeps_the_order)
{
    struct note *last = malloc(sizeof(*last));

    *last = (struct note){.letter.deliver = on_last_note};
    open_inbox(0);
    post_note(1);
    mailbox_post(&inbox.mailbox, &last->letter);
    post_note(2);
    loop_until(&loop, &inbox.closed);
    assert_int_equal(inbox.count, 2);
    assert_int_equal(inbox.numbers[1], 2);
    assert_int_equal(loop_close(&loop), ERR_OK);
}

static void on_echo(struct letter *letter, void *owner)
{
    (void)owner;
    inbox.full = ++inbox.count == inbox.wanted;
    if (inbox.count < inbox.wanted)
        mailbox_post(&inbox.mailbox, letter);
}

TEST(a_letter_that_posts_itself_does_not_hold_up_the_loop)
{
    struct note echo = {.letter.deliver = on_echo};

    open_inbox(20);
    mailbox_post(&inbox.mailbox, &echo.letter);
    uv_run(&loop.uv, UV_RUN_ONCE);
    assert_int_equal(inbox.count, 1);
    loop_until(&loop, &inbox.full);
    close_inbox();
}

enum { NOTES_EACH = 2000 };

static void *post_many(void *unused)
{
    (void)unused;
    for (int i = 0; i < NOTES_EACH; i++)
        post_note(i);
    return NULL;
}

TEST(takes_letters_from_several_threads)
{
    pthread_t threads[2];

    open_inbox(2 * NOTES_EACH);
    for (int i = 0; i < 2; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, post_many, NULL), 0);
    loop_until(&loop, &inbox.full);
    for (int i = 0; i < 2; i++)
        pthread_join(threads[i], NULL);
    close_inbox();
}

TESTS(RUN(closes_clean_when_nothing_was_opened), RUN(tells_a_handle_that_was_left_open),
      RUN(a_file_that_may_not_grow_is_an_error_and_no_end),
      RUN(fires_timers_of_the_clock_and_then_has_nothing_to_wait_for),
      RUN(does_not_wait_for_timers_that_were_stopped),
      RUN(counts_from_the_time_at_which_the_loop_woke),
      RUN(delivers_letters_in_order_and_not_at_once),
      RUN(delivers_what_is_there_before_a_mailbox_closes),
      RUN(can_be_closed_by_a_letter_and_keeps_the_order),
      RUN(a_letter_that_posts_itself_does_not_hold_up_the_loop),
      RUN(takes_letters_from_several_threads))
