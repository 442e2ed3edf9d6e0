#include "tests/lib/test.h"

#include <stdio.h>

#include "discovery/gossip_probe.h"
#include "tests/lib/virtual_time.h"

static struct clock now;
static struct random numbers;
static struct gossip_members ring;
static struct gossip_probe probe;
static struct text trail; /* "ping>b ack>c tcp>b" */
static uint32_t last_sequence;

static void on_changed(struct gossip_members *m, struct gossip_member *who,
                       enum gossip_state before)
{
    (void)m;
    (void)before;
    if (who->state == GOSSIP_IS_SUSPECT)
        text_addf(&trail, "suspect:%s ", who->name);
}

static const struct gossip_members_events member_events = {.changed = on_changed};

static const char *name_at(const struct address *a)
{
    struct gossip_member *who = gossip_members_at(&ring, a);

    return who ? who->name : "stranger";
}

static void on_send(struct gossip_probe *p, const struct address *to,
                    const struct gossip_message *m)
{
    static const char *const words[GOSSIP_TYPES] = {[GOSSIP_PING] = "ping",
                                                    [GOSSIP_ASK] = "ask",
                                                    [GOSSIP_ACK] = "ack",
                                                    [GOSSIP_NACK] = "nack"};

    (void)p;
    last_sequence = m->sequence;
    text_addf(&trail, "%s>%s ", words[m->type], name_at(to));
}

static void on_tcp(struct gossip_probe *p, const struct address *to,
                   const struct gossip_message *ping)
{
    (void)p;
    (void)ping;
    text_addf(&trail, "tcp>%s ", name_at(to));
}

static const struct gossip_probe_ops ops = {.send = on_send, .ping_by_tcp = on_tcp};

static struct address address_of(const char *name)
{
    struct address a;
    char ip[32];

    snprintf(ip, sizeof ip, "10.0.0.%d", name[0]);
    assert_int_equal(address_from_ip(&a, slice_of(ip), 7946), ERR_OK);
    return a;
}

static void meet(const char *name)
{
    static const char versions[GOSSIP_VERSIONS] = {1, 5, 4};
    struct address a = address_of(name);
    struct gossip_message m = {
        .type = GOSSIP_ALIVE,
        .node = slice_of(name),
        .incarnation = 1,
        .port = 7946,
        .address = gossip_address_bytes(&a),
        .versions = {versions, GOSSIP_VERSIONS}
    };

    assert_int_equal(gossip_members_hear(&ring, &m), ERR_OK);
}

static int test_setup(void **state)
{
    struct address a = address_of("u");

    (void)state;
    clock_init(&now, 1000, NULL);
    random_init(&numbers, 7);
    text_init(&trail, 1 << 16);
    ring = (struct gossip_members){
        .clock = &now, .random = &numbers, .events = &member_events};
    assert_int_equal(gossip_members_init(&ring, SLICE("us"), &a), ERR_OK);
    probe = (struct gossip_probe){.members = &ring, .ops = &ops};
    gossip_probe_start(&probe);
    time_passes(&now, GOSSIP_PROBE_MS); /* the first round, of nobody */
    return 0;
}

static int test_teardown(void **state)
{
    (void)state;
    gossip_probe_stop(&probe);
    gossip_members_fini(&ring);
    text_fini(&trail);
    return 0;
}

static void happened(const char *what)
{
    assert_string_equal(trail.base ? trail.base : "", what);
    text_clear(&trail);
}

static void hear(enum gossip_type type, const char *from, uint32_t sequence)
{
    struct gossip_message m = {.type = type, .sequence = sequence};
    struct address a = address_of(from);

    gossip_probe_hear(&probe, &a, &m);
}

/* To just after the next ping. */
static void until_ping(void)
{
    while (!trail.size)
        time_passes(&now, 1);
}

TEST(who_answers_is_fine)
{
    meet("b");
    until_ping();
    hear(GOSSIP_ACK, "b", last_sequence);
    happened("ping>b ");
    time_passes(&now, GOSSIP_PROBE_MS - 1);
    happened("");
    assert_int_equal(probe.unwell, 0);
}

TEST(who_does_not_is_asked_by_others_and_by_tcp_and_then_suspect)
{
    meet("b");
    until_ping();
    meet("c");
    time_passes(&now, GOSSIP_PROBE_TIMEOUT_MS);
    happened("ping>b ask>c tcp>b ");
    hear(GOSSIP_NACK, "c", last_sequence);
    time_passes(&now, GOSSIP_PROBE_MS - GOSSIP_PROBE_TIMEOUT_MS);
    happened("suspect:b ping>b ");
    assert_int_equal(probe.unwell, 0); /* the helper was there */
}

TEST(a_helpers_ack_or_that_by_tcp_will_do)
{
    meet("b");
    until_ping();
    time_passes(&now, GOSSIP_PROBE_TIMEOUT_MS);
    happened("ping>b tcp>b ");
    gossip_probe_acked(&probe, last_sequence);
    time_passes(&now, GOSSIP_PROBE_MS - GOSSIP_PROBE_TIMEOUT_MS);
    happened("ping>b ");
}

TEST(an_answer_to_something_else_is_none)
{
    meet("b");
    until_ping();
    hear(GOSSIP_ACK, "b", last_sequence - 1);
    time_passes(&now, GOSSIP_PROBE_TIMEOUT_MS);
    happened("ping>b tcp>b ");
}

TEST(all_have_their_turn)
{
    meet("b");
    meet("c");
    meet("d");
    for (unsigned i = 0; i < 6; i++) {
        size_t before = trail.size;

        while (trail.size == before)
            time_passes(&now, 1);
        gossip_probe_acked(&probe, last_sequence);
    }
    happened("ping>b ping>c ping>d ping>b ping>c ping>d ");
}

TEST(who_hears_nobody_asks_less_often)
{
    meet("b");
    until_ping();
    time_passes(&now, GOSSIP_PROBE_MS);
    happened("ping>b tcp>b suspect:b ping>b ");
    assert_int_equal(probe.unwell, 1);
    time_passes(&now, 2 * GOSSIP_PROBE_MS - 1);
    happened("tcp>b ");
}

TEST(a_round_that_ended_much_too_late_says_nothing)
{
    meet("b");
    until_ping();
    clock_advance(&now, clock_now(&now) + 60 * 1000); /* we were stopped */
    assert_null(strstr(trail.base, "suspect"));
}

TEST(answers_pings_that_are_for_it)
{
    struct gossip_message m = {.type = GOSSIP_PING, .sequence = 7, .node = SLICE("us")};
    struct address b = address_of("b");

    meet("b");
    gossip_probe_hear(&probe, &b, &m);
    m.node = SLICE("somebody else");
    gossip_probe_hear(&probe, &b, &m);
    happened("ack>b ");
    assert_int_equal(last_sequence, 7);
}

static void ask(const char *about, bool nack)
{
    struct address b = address_of("b"), target = address_of(about);
    struct gossip_message m = {.type = GOSSIP_ASK,
                               .sequence = 7,
                               .node = slice_of(about),
                               .address = gossip_address_bytes(&target),
                               .port = 7946,
                               .nack = nack};

    gossip_probe_hear(&probe, &b, &m);
}

static void meet_two(void)
{
    gossip_probe_stop(&probe); /* no rounds of its own */
    meet("b");
    meet("c");
}

TEST(pings_for_others_and_tells_them)
{
    meet_two();
    ask("c", true);
    happened("ping>c ");
    hear(GOSSIP_ACK, "c", last_sequence);
    happened("ack>b ");
    assert_int_equal(last_sequence, 7);
    time_passes(&now, 1000);
    happened("");
}

TEST(says_that_it_had_no_answer_either)
{
    meet_two();
    ask("c", true);
    ask("c", false);
    time_passes(&now, GOSSIP_PROBE_TIMEOUT_MS);
    happened("ping>c ping>c nack>b ");
}

TEST(pings_no_strangers_for_others)
{
    meet_two();
    ask("z", true);
    happened("");
}

TEST(relays_are_bounded)
{
    meet_two();
    for (unsigned i = 0; i < 2 * GOSSIP_RELAYS; i++)
        ask("c", false);
    assert_int_equal(trail.size, GOSSIP_RELAYS * strlen("ping>c "));
}

TEST(who_is_forgotten_is_not_accused)
{
    meet("b");
    until_ping();
    gossip_probe_forget(&probe, probe.target);
    time_passes(&now, GOSSIP_PROBE_MS - 1);
    happened("ping>b ");
}

TESTS(RUN_WITH(who_answers_is_fine),
      RUN_WITH(who_does_not_is_asked_by_others_and_by_tcp_and_then_suspect),
      RUN_WITH(a_helpers_ack_or_that_by_tcp_will_do),
      RUN_WITH(an_answer_to_something_else_is_none), RUN_WITH(all_have_their_turn),
      RUN_WITH(who_hears_nobody_asks_less_often),
      RUN_WITH(a_round_that_ended_much_too_late_says_nothing),
      RUN_WITH(answers_pings_that_are_for_it), RUN_WITH(pings_for_others_and_tells_them),
      RUN_WITH(says_that_it_had_no_answer_either),
      RUN_WITH(pings_no_strangers_for_others), RUN_WITH(relays_are_bounded),
      RUN_WITH(who_is_forgotten_is_not_accused))
