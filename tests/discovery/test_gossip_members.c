#include "tests/lib/test.h"

#include <stdio.h>

#include "discovery/gossip_members.h"
#include "tests/lib/discovery/hex.h"
#include "tests/lib/fault_heap.h"
#include "tests/lib/virtual_time.h"

static struct clock now;
static struct random numbers;
static struct gossip_members ring;
static struct text trail; /* "b:alive b:suspect" */

static const char *const states[] = {"alive", "suspect", "dead", "left"};

static void on_changed(struct gossip_members *m, struct gossip_member *who,
                       enum gossip_state before)
{
    (void)m;
    (void)before;
    text_addf(&trail, "%s:%s ", who->name, states[who->state]);
}

static void on_gone(struct gossip_members *m, struct gossip_member *who)
{
    (void)m;
    text_addf(&trail, "%s:gone ", who->name);
}

static void on_complain(struct gossip_members *m, struct slice name, const char *reason)
{
    (void)m;
    text_addf(&trail, "%.*s:%s ", (int)name.size, name.base, reason);
}

static const struct gossip_members_events events = {
    .changed = on_changed, .gone = on_gone, .complain = on_complain};

static void open_ring(void)
{
    struct address a;

    address_from_ip(&a, SLICE("10.0.0.1"), 7946);
    clock_init(&now, 1000, NULL);
    random_init(&numbers, 7);
    ring = (struct gossip_members){.clock = &now, .random = &numbers, .events = &events};
    assert_int_equal(gossip_members_init(&ring, SLICE("us"), &a), ERR_OK);
}

static int test_setup(void **state)
{
    (void)state;
    text_init(&trail, 1 << 20);
    open_ring();
    return 0;
}

static int test_teardown(void **state)
{
    (void)state;
    gossip_members_fini(&ring);
    text_fini(&trail);
    return 0;
}

static struct gossip_message said(enum gossip_type type, const char *node,
                                  const char *from, uint32_t incarnation)
{
    return (struct gossip_message){.type = type,
                                   .node = slice_of(node),
                                   .from = slice_of(from),
                                   .incarnation = incarnation,
                                   .port = 7946,
                                   .address = hex("0a000002"),
                                   .versions = hex("010504000000")};
}

static enum err hear(enum gossip_type type, const char *node, const char *from,
                     uint32_t incarnation)
{
    struct gossip_message m = said(type, node, from, incarnation);

    return gossip_members_hear(&ring, &m);
}

static void alive(const char *node, uint32_t incarnation)
{
    assert_int_equal(hear(GOSSIP_ALIVE, node, "", incarnation), ERR_OK);
}

static void happened(const char *what)
{
    assert_string_equal(trail.base ? trail.base : "", what);
    text_clear(&trail);
}

static struct gossip_member *member(const char *name)
{
    return gossip_members_find(&ring, slice_of(name));
}

/* What would go out now, "alive us/2 suspect b/1". */
static const char *news(void)
{
    static char out[4096];
    struct gossip_compound c;
    struct slice rest;
    size_t at = 0;

    out[0] = 0;
    gossip_compound_init(&c);
    gossip_members_news(&ring, &c);
    rest = text_slice(&c.bodies);
    while (rest.size > 0) {
        struct gossip_message m;

        assert_int_equal(gossip_message_read(&m, &rest), ERR_OK);
        at += (size_t)snprintf(out + at, sizeof out - at, "%d %.*s/%u ", m.type,
                               (int)m.node.size, m.node.base, m.incarnation);
    }
    gossip_compound_fini(&c);
    return out;
}

TEST(meets_who_is_alive)
{
    alive("b", 1);
    happened("b:alive ");
    assert_int_equal(ring.alive, 1);
    assert_string_equal(news(), "4 b/1 ");
}

TEST(the_same_again_is_no_news)
{
    alive("b", 1);
    while (gossip_members_have_news(&ring))
        news();
    alive("b", 1);
    alive("b", 0);
    happened("b:alive ");
    assert_string_equal(news(), "");
}

TEST(news_go_out_a_few_times_only)
{
    unsigned count = 0;

    alive("b", 1);
    while (*news())
        count++;
    assert_int_equal(count, GOSSIP_RETRANSMITS);
}

TEST(a_suspect_that_refutes_is_alive)
{
    alive("b", 1);
    hear(GOSSIP_SUSPECT, "b", "c", 1);
    alive("b", 1); /* no refutation: not newer */
    happened("b:alive b:suspect ");
    alive("b", 2);
    happened("b:alive ");
    time_passes(&now, 60 * 1000);
    happened("");
}

TEST(a_suspect_that_says_nothing_is_dead_after_4_s_in_a_small_ring)
{
    alive("b", 1);
    hear(GOSSIP_SUSPECT, "b", "c", 1);
    time_passes(&now, 3999);
    happened("b:alive b:suspect ");
    time_passes(&now, 1);
    happened("b:dead ");
    assert_int_equal(ring.alive, 0);
}

static void meet_many(unsigned count)
{
    char name[16];

    for (unsigned i = 0; i < count; i++) {
        snprintf(name, sizeof name, "m%u", i);
        alive(name, 1);
    }
    text_clear(&trail);
}

TEST(in_a_bigger_ring_others_have_to_suspect_it_too)
{
    meet_many(9);
    hear(GOSSIP_SUSPECT, "m1", "m2", 1);
    time_passes(&now, 23 * 1000);
    happened("m1:suspect ");
    hear(GOSSIP_SUSPECT, "m1", "m2", 1); /* the same again counts for nothing */
    time_passes(&now, 900);
    happened("");
    hear(GOSSIP_SUSPECT, "m1", "m3", 1);
    hear(GOSSIP_SUSPECT, "m1", "m4", 1);
    time_passes(&now, 1);
    happened("m1:dead ");
}

TEST(a_timer_that_was_much_too_late_accuses_nobody)
{
    alive("b", 1);
    hear(GOSSIP_SUSPECT, "b", "c", 1);
    text_clear(&trail);
    clock_advance(&now, clock_now(&now) + 60 * 1000); /* we were stopped */
    happened("");
    time_passes(&now, 4000);
    happened("b:dead ");
}

TEST(the_dead_come_back_only_with_a_newer_word)
{
    alive("b", 3);
    hear(GOSSIP_DEAD, "b", "c", 3);
    alive("b", 3);
    happened("b:alive b:dead ");
    alive("b", 4);
    happened("b:alive ");
}

TEST(who_says_it_of_itself_has_left)
{
    alive("b", 1);
    alive("c", 1);
    hear(GOSSIP_DEAD, "b", "b", 1);
    hear(GOSSIP_DEAD, "c", "", 1); /* memberlist 0.1.5 */
    happened("b:alive c:alive b:left c:left ");
}

TEST(the_dead_are_forgotten_after_an_hour)
{
    alive("b", 1);
    hear(GOSSIP_DEAD, "b", "c", 1);
    time_passes(&now, GOSSIP_FORGET_MS);
    happened("b:alive b:dead b:gone ");
    assert_null(member("b"));
}

TEST(old_words_of_the_living_are_ignored)
{
    alive("b", 5);
    hear(GOSSIP_SUSPECT, "b", "c", 4);
    hear(GOSSIP_DEAD, "b", "c", 4);
    hear(GOSSIP_DEAD, "nobody", "c", 4);
    happened("b:alive ");
}

TEST(what_is_said_of_us_is_refuted)
{
    hear(GOSSIP_SUSPECT, "us", "c", 1);
    assert_string_equal(news(), "4 us/2 ");
    hear(GOSSIP_DEAD, "us", "c", 9);
    assert_string_equal(news(), "4 us/10 ");
    hear(GOSSIP_DEAD, "us", "c", 9);          /* answered already */
    hear(GOSSIP_DEAD, "us", "c", UINT32_MAX); /* nothing is higher */
    assert_int_equal(ring.self->incarnation, 10);
    happened("");
}

TEST(a_namesake_is_refuted_and_named)
{
    alive("us", 1);
    assert_int_equal(ring.self->incarnation, 1); /* an echo */
    alive("us", 2);
    assert_int_equal(ring.self->incarnation, 3);
    happened("us:somebody else has our name ");
}

TEST(who_leaves_does_not_refute_it)
{
    gossip_members_leave(&ring);
    hear(GOSSIP_DEAD, "us", "us", 1);
    assert_string_equal(news(), "5 us/1 ");
}

TEST(two_of_one_name_are_named_and_the_first_stays)
{
    struct gossip_message m = said(GOSSIP_ALIVE, "b", "", 2);

    alive("b", 1);
    m.address = hex("0a000003");
    assert_int_equal(gossip_members_hear(&ring, &m), ERR_OK);
    happened("b:alive b:two members have this name ");
    hear(GOSSIP_DEAD, "b", "c", 1);
    assert_int_equal(gossip_members_hear(&ring, &m), ERR_OK);
    happened("b:dead b:alive ");
    assert_hex(gossip_address_bytes(&member("b")->address), "0a000003");
}

static enum err merge(const char *node, enum gossip_state state, uint32_t incarnation)
{
    struct gossip_message row = said(GOSSIP_NODE, node, "", incarnation);

    row.state = state;
    return gossip_members_merge(&ring, &row);
}

TEST(a_row_that_says_dead_is_a_suspicion)
{
    merge("b", GOSSIP_IS_ALIVE, 1);
    merge("b", GOSSIP_IS_DEAD, 1);
    merge("c", GOSSIP_IS_DEAD, 1); /* never heard of */
    happened("b:alive b:suspect ");
    merge("us", GOSSIP_IS_DEAD, 1);
    assert_int_equal(ring.self->incarnation, 2);
    merge("b", GOSSIP_HAS_LEFT, 1);
    happened("b:left ");
    assert_int_equal(merge("b", 4, 1), ERR_BAD_RECORD);
}

TEST(what_makes_no_sense_is_refused)
{
    struct gossip_message m = said(GOSSIP_ALIVE, "b", "", 1);
    char long_name[GOSSIP_NAME_LIMIT + 2];

    memset(long_name, 'n', sizeof long_name - 1);
    long_name[sizeof long_name - 1] = 0;
    assert_int_equal(hear(GOSSIP_ALIVE, "", "", 1), ERR_BAD_RECORD);
    assert_int_equal(hear(GOSSIP_ALIVE, long_name, "", 1), ERR_BAD_RECORD);
    m.port = 0;
    assert_int_equal(gossip_members_hear(&ring, &m), ERR_BAD_RECORD);
    m = said(GOSSIP_ALIVE, "b", "", 1);
    m.versions = hex("050104000000"); /* at least 5, at most 1 */
    assert_int_equal(gossip_members_hear(&ring, &m), ERR_BAD_RECORD);
    m = said(GOSSIP_ALIVE, "b\0c", "", 1);
    m.node = SLICE("b\0c");
    assert_int_equal(gossip_members_hear(&ring, &m), ERR_BAD_RECORD);
    happened("");
}

TEST(what_an_application_says_of_itself_is_handed_on)
{
    struct gossip_message m = said(GOSSIP_ALIVE, "b", "", 1), row;

    m.meta = SLICE("tags");
    gossip_members_hear(&ring, &m);
    row = gossip_member_row(member("b"));
    assert_true(slice_is(row.meta, "tags"));
    assert_hex(row.versions, "010504000000");
}

TEST(the_table_is_bounded_and_the_dead_make_room)
{
    meet_many(GOSSIP_MEMBERS_LIMIT);
    alive("one more", 1);
    happened("one more:there are too many members ");
    hear(GOSSIP_DEAD, "m7", "m8", 1);
    alive("one more", 1);
    happened("m7:dead m7:gone one more:alive ");
}

TEST(whom_we_speak_to_is_among_the_living)
{
    struct gossip_member *out[8];

    meet_many(3);
    hear(GOSSIP_DEAD, "m0", "m1", 1);
    hear(GOSSIP_DEAD, "m1", "m1", 1);
    assert_int_equal(gossip_members_pick(&ring, out, 8, false, NULL), 1);
    assert_string_equal(out[0]->name, "m2");
    assert_int_equal(gossip_members_pick(&ring, out, 8, true, NULL), 2);
    assert_int_equal(gossip_members_pick(&ring, out, 8, true, member("m2")), 1);
    assert_string_equal(gossip_members_pick_dead(&ring)->name, "m0");
    time_passes(&now, GOSSIP_TELL_DEAD_MS);
    assert_int_equal(gossip_members_pick(&ring, out, 8, true, NULL), 1);
}

TEST(a_sender_is_known_by_its_address)
{
    struct address a;

    alive("b", 1);
    address_from_ip(&a, SLICE("10.0.0.2"), 7946);
    assert_ptr_equal(gossip_members_at(&ring, &a), member("b"));
    address_set_port(&a, 0); /* any, if there is one only */
    assert_ptr_equal(gossip_members_at(&ring, &a), member("b"));
    alive("c", 1);
    assert_null(gossip_members_at(&ring, &a));
    address_set_port(&a, 1);
    assert_null(gossip_members_at(&ring, &a));
}

static bool scenario(void)
{
    struct address a;
    struct gossip_members m = {.clock = &now, .random = &numbers, .events = &events};
    struct gossip_message b = said(GOSSIP_ALIVE, "b", "", 1);
    bool well;

    address_from_ip(&a, SLICE("10.0.0.1"), 7946);
    b.meta = SLICE("tags");
    well = !gossip_members_init(&m, SLICE("us"), &a) && !gossip_members_hear(&m, &b);
    if (well)
        gossip_members_suspect(&m, gossip_members_find(&m, SLICE("b")));
    well = well && gossip_members_find(&m, SLICE("b"))->state == GOSSIP_IS_SUSPECT;
    gossip_members_fini(&m);
    return well;
}

TEST(without_memory_nobody_is_lost_half)
{
    trail.limit = 0; /* it would ask for memory, too */
    assert_true(fault_heap_each(scenario) > 4);
}

TESTS(RUN_WITH(meets_who_is_alive), RUN_WITH(the_same_again_is_no_news),
      RUN_WITH(news_go_out_a_few_times_only), RUN_WITH(a_suspect_that_refutes_is_alive),
      RUN_WITH(a_suspect_that_says_nothing_is_dead_after_4_s_in_a_small_ring),
      RUN_WITH(in_a_bigger_ring_others_have_to_suspect_it_too),
      RUN_WITH(a_timer_that_was_much_too_late_accuses_nobody),
      RUN_WITH(the_dead_come_back_only_with_a_newer_word),
      RUN_WITH(who_says_it_of_itself_has_left),
      RUN_WITH(the_dead_are_forgotten_after_an_hour),
      RUN_WITH(old_words_of_the_living_are_ignored),
      RUN_WITH(what_is_said_of_us_is_refuted), RUN_WITH(a_namesake_is_refuted_and_named),
      RUN_WITH(who_leaves_does_not_refute_it),
      RUN_WITH(two_of_one_name_are_named_and_the_first_stays),
      RUN_WITH(a_row_that_says_dead_is_a_suspicion),
      RUN_WITH(what_makes_no_sense_is_refused),
      RUN_WITH(what_an_application_says_of_itself_is_handed_on),
      RUN_WITH(the_table_is_bounded_and_the_dead_make_room),
      RUN_WITH(whom_we_speak_to_is_among_the_living),
      RUN_WITH(a_sender_is_known_by_its_address),
      RUN_WITH(without_memory_nobody_is_lost_half))
