#include "tests/lib/test.h"

#include <stdio.h>

#include "discovery/gossip_records.h"
#include "discovery/gossip_user_state.h"
#include "tests/lib/fault_heap.h"
#include "tests/lib/virtual_time.h"

static struct clock now;
static struct gossip_records records;
static struct text trail;
static const char *down; /* the member that is dead */
static const char *up;   /* the host that has a living member */
static bool asks;        /* members are asked about what ended */
static unsigned name_changes;

static bool is_down(struct gossip_records *r, const char *member)
{
    (void)r;
    return down && strcmp(down, member) == 0;
}

static bool is_host_up(struct gossip_records *r, const struct address *host)
{
    char ip[ADDRESS_TEXT];

    (void)r;
    return up && strcmp(up, address_ip(host, ip)) == 0;
}

static void on_due(struct gossip_records *r)
{
    (void)r;
}

static void on_changed(struct gossip_records *r, struct gossip_record *record, bool there)
{
    char text[ADDRESS_TEXT];

    (void)r;
    text_addf(&trail, "%s%s", there ? "+" : "-", gossip_record_instance(record)->id);
    if (there)
        text_addf(&trail, "@%s",
                  address_format(&gossip_record_instance(record)->address, text));
    text_addf(&trail, " ");
}

static void on_names_changed(struct gossip_records *r)
{
    (void)r;
    name_changes++;
}

static bool on_lapsed(struct gossip_records *r, struct gossip_record *record)
{
    (void)r;
    if (asks)
        text_addf(&trail, "?%s ", record->member);
    return asks;
}

static const struct gossip_records_events events = {
    .is_down = is_down,
    .is_host_up = is_host_up,
    .due = on_due,
    .changed = on_changed,
    .names_changed = on_names_changed,
    .lapsed = on_lapsed,
};

static int test_setup(void **state)
{
    (void)state;
    clock_init(&now, 1000, NULL);
    text_init(&trail, 1 << 20);
    records = (struct gossip_records){.clock = &now, .events = &events};
    gossip_records_init(&records);
    down = up = NULL;
    asks = false;
    name_changes = 0;
    return 0;
}

static int test_teardown(void **state)
{
    (void)state;
    gossip_records_fini(&records);
    text_fini(&trail);
    return 0;
}

static struct instance instance(const char *id, const char *address)
{
    struct instance i = {.id = id, .version = "1", .weight = 1};

    assert_int_equal(address_parse(&i.address, slice_of(address), 0, NULL), ERR_OK);
    return i;
}

/* A word of a member `m`, by an Update that ends at `lease_ns`, 10 s from now. */
static enum err hear_at(const char *id, const char *address, uint64_t lease_ns)
{
    struct instance i = instance(id, address);
    struct gossip_word word = {.service = "users",
                               .instance = &i,
                               .member = SLICE("m"),
                               .lease_ns = lease_ns,
                               .lease_ms = 10 * 1000};

    return gossip_records_hear(&records, &word);
}

static void hear(const char *id, uint64_t lease_ns)
{
    assert_int_equal(hear_at(id, "10.0.0.5:80", lease_ns), ERR_OK);
}

/* From a state at a join: nobody knows whose, nobody knows until when. */
static void hear_unleased(const char *id)
{
    struct instance i = instance(id, "10.0.0.5:80");
    struct gossip_word word = {.service = "users", .instance = &i};

    assert_int_equal(gossip_records_hear(&records, &word), ERR_OK);
}

static void told(const char *what)
{
    gossip_records_flush(&records);
    assert_string_equal(trail.base ? trail.base : "", what);
    text_clear(&trail);
}

TEST(what_is_heard_is_told_once)
{
    hear("a", 1);
    told("+a@10.0.0.5:80 ");
    hear("a", 2); /* renewed */
    told("");
    assert_int_equal(name_changes, 1);
}

TEST(a_change_is_told)
{
    hear("a", 1);
    told("+a@10.0.0.5:80 ");
    hear_at("a", "10.0.0.6:80", 2);
    told("+a@10.0.0.6:80 ");
}

TEST(what_nobody_renews_ends)
{
    hear("a", 1);
    told("+a@10.0.0.5:80 ");
    time_passes(&now, 9999);
    told("");
    time_passes(&now, 1);
    told("-a ");
    assert_int_equal(name_changes, 2);
}

TEST(what_came_and_went_unseen_is_not_told)
{
    hear("a", 1);
    gossip_records_delete(&records, "users", "a");
    told("");
}

TEST(a_late_word_does_not_bring_it_back_but_a_newer_lease_does)
{
    hear("a", 5);
    told("+a@10.0.0.5:80 ");
    assert_true(gossip_records_delete(&records, "users", "a"));
    told("-a ");
    hear("a", 5);
    hear("a", 4);
    hear_unleased("a");
    told("");
    hear("a", 6);
    told("+a@10.0.0.5:80 ");
}

TEST(a_sender_whose_clock_was_put_back_is_believed)
{
    const uint64_t hour = 3600ull * 1000 * 1000 * 1000;

    hear("a", 3 * hour);
    hear("a", 1); /* it lives: any word will do */
    gossip_records_delete(&records, "users", "a");
    hear("a", 3 * hour);
    gossip_records_delete(&records, "users", "a");
    told("");
    hear("a", hour);
    told("+a@10.0.0.5:80 ");
}

TEST(what_went_is_forgotten_after_a_while)
{
    hear("a", 1);
    time_passes(&now, 10 * 1000 + GOSSIP_GONE_MS);
    assert_int_equal(records.count, 0);
    assert_int_equal(records.services.count, 0);
}

TEST(without_a_lease_it_goes_with_the_last_member_on_its_host)
{
    struct address host;

    hear_unleased("a");
    told("+a@10.0.0.5:80 ");
    address_from_ip(&host, SLICE("10.0.0.6"), 7946);
    gossip_records_host_down(&records, &host);
    told("");
    address_from_ip(&host, SLICE("10.0.0.5"), 7946);
    gossip_records_host_down(&records, &host);
    told("-a ");
}

static void host_goes_down(const char *ip)
{
    struct address host;

    address_from_ip(&host, slice_of(ip), 7946);
    gossip_records_host_down(&records, &host);
}

TEST(what_went_with_its_host_comes_back_with_it)
{
    hear_unleased("a");
    told("+a@10.0.0.5:80 ");
    host_goes_down("10.0.0.5");
    told("-a ");
    hear_unleased("a");
    told("");
    up = "10.0.0.5";
    hear_unleased("a");
    told("+a@10.0.0.5:80 ");
}

TEST(what_was_deleted_does_not_come_back_with_its_host)
{
    hear_unleased("a");
    host_goes_down("10.0.0.5");
    gossip_records_delete(&records, "users", "a");
    up = "10.0.0.5";
    hear_unleased("a");
    told("");
}

TEST(without_a_lease_it_goes_after_half_an_hour_in_any_case)
{
    hear_unleased("a");
    told("+a@10.0.0.5:80 ");
    hear_unleased("a");
    time_passes(&now, GOSSIP_UNLEASED_MS);
    told("-a ");
}

TEST(a_dead_members_records_are_hidden_until_it_is_back)
{
    hear("a", 1);
    told("+a@10.0.0.5:80 ");
    down = "m";
    gossip_records_member(&records, "m", false);
    told("-a ");
    down = NULL;
    gossip_records_member(&records, "m", false);
    told("+a@10.0.0.5:80 ");
}

TEST(a_member_that_left_takes_them_with_it)
{
    hear("a", 1);
    hear_unleased("b");
    told("+a@10.0.0.5:80 +b@10.0.0.5:80 ");
    gossip_records_member(&records, "m", true);
    told("-a ");
}

TEST(its_member_may_say_that_it_is_still_there)
{
    asks = true;
    hear("a", 1);
    hear("b", 1);
    told("+a@10.0.0.5:80 +b@10.0.0.5:80 ");
    time_passes(&now, 10 * 1000);
    gossip_records_confirm(&records, "users", "a", "m");
    gossip_records_confirm(&records, "users", "b", "another");
    gossip_records_confirmed(&records, "m");
    told("?m ?m -b ");
    time_passes(&now, 9999);
    told("");
    time_passes(&now, 1);
    told("?m ");
}

static void put_own(const char *address, uint64_t lease_ns)
{
    struct instance i = instance("own", address);
    struct gossip_word word = {.service = "users",
                               .instance = &i,
                               .lease_ns = lease_ns,
                               .lease_ms = 10 * 1000,
                               .is_own = true};

    assert_int_equal(gossip_records_hear(&records, &word), ERR_OK);
}

TEST(what_others_say_of_our_own_does_not_count)
{
    put_own("10.0.0.1:80", 1);
    assert_int_equal(hear_at("own", "10.0.0.9:1", 99), ERR_OK);
    assert_false(gossip_records_delete(&records, "users", "own"));
    told("+own@10.0.0.1:80 ");
    gossip_records_withdraw(&records, "users", "own");
    told("-own ");
    put_own("10.0.0.1:80", 1);
    told("+own@10.0.0.1:80 ");
}

/* One Service with long endpoints and many nodes is small on the wire. */
TEST(all_records_together_are_bounded)
{
    static char endpoints[60 * 1024];
    struct instance i = instance("a", "10.0.0.5:80");
    struct gossip_word word = {.service = "users", .instance = &i};
    char id[16];
    enum err e = ERR_OK;

    memset(endpoints, ' ', sizeof endpoints - 1);
    i.endpoints = endpoints;
    i.id = id;
    for (unsigned n = 0; n < 2000 && !e; n++) {
        snprintf(id, sizeof id, "%u", n);
        e = gossip_records_hear(&records, &word);
    }
    assert_int_equal(e, ERR_TOO_LARGE);
    assert_true(records.bytes <= GOSSIP_RECORDS_BYTES);
    for (unsigned n = 0; n < records.count; n++) {
        snprintf(id, sizeof id, "%u", n);
        gossip_records_delete(&records, "users", id);
    }
    time_passes(&now, GOSSIP_GONE_MS);
    assert_int_equal(records.bytes, 0);
}

/* --- states --- */

TEST(a_state_has_what_is_there_with_its_lease)
{
    struct text state;

    text_init(&state, GOSSIP_STATE_LIMIT);
    gossip_user_state_write(&state, &records, "us");
    assert_string_equal(state.base, "{}");
    hear("a", 1000);
    hear("gone", 1);
    gossip_records_delete(&records, "users", "gone");
    text_clear(&state);
    gossip_user_state_write(&state, &records, "us");
    assert_non_null(
        strstr(state.base, "{\"users\":[{\"name\":\"users\",\"version\":\"1\","));
    assert_non_null(
        strstr(state.base, "\"lease\":{\"ms\":10000,\"ns\":1000,\"member\":\"m\"}}]}"));
    assert_null(strstr(state.base, "gone"));
    text_fini(&state);
}

static unsigned count_services(const char *text, enum err end)
{
    struct slice rest = slice_of(text), service;
    unsigned count = 0;
    enum err e;

    while ((e = gossip_user_state_next(&rest, &service)) == ERR_OK) {
        assert_true(service.base[0] == '{' && service.base[service.size - 1] == '}');
        count++;
    }
    assert_int_equal(e, end);
    return count;
}

TEST(a_state_is_cut_into_its_services)
{
    assert_int_equal(count_services("{}", ERR_NOT_FOUND), 0);
    assert_int_equal(count_services("{\"a\":[{\"x\":{}},{}],\"b\":[{}]}", ERR_NOT_FOUND),
                     3);
    assert_int_equal(count_services("{\"{\\\"{\":[{\"x\":\"}\\\\\",\"y\":\"\\\"}\"},{}]}",
                                    ERR_NOT_FOUND),
                     2);
    assert_int_equal(count_services("{\"a\":null,\"b\":[]}", ERR_NOT_FOUND), 0);
    assert_int_equal(count_services("{\"a\":[{\"x\":1", ERR_BAD_RECORD), 0);
    assert_int_equal(count_services("{\"a\":[{}, {\"x\":\"}", ERR_BAD_RECORD), 1);
}

static bool scenario(void)
{
    struct gossip_records r = {.clock = &now, .events = &events};
    struct instance i = {.id = "a", .version = "1", .weight = 1};
    struct gossip_word word = {.service = "users",
                               .instance = &i,
                               .member = SLICE("m"),
                               .lease_ns = 1,
                               .lease_ms = 1000};
    bool well;

    address_from_ip(&i.address, SLICE("10.0.0.5"), 80);
    gossip_records_init(&r);
    well = gossip_records_hear(&r, &word) == ERR_OK;
    gossip_records_fini(&r);
    return well;
}

TEST(without_memory_nothing_is_kept_half)
{
    assert_true(fault_heap_each(scenario) > 4);
}

TESTS(RUN_WITH(what_is_heard_is_told_once), RUN_WITH(a_change_is_told),
      RUN_WITH(what_nobody_renews_ends), RUN_WITH(what_came_and_went_unseen_is_not_told),
      RUN_WITH(a_late_word_does_not_bring_it_back_but_a_newer_lease_does),
      RUN_WITH(a_sender_whose_clock_was_put_back_is_believed),
      RUN_WITH(what_went_is_forgotten_after_a_while),
      RUN_WITH(without_a_lease_it_goes_with_the_last_member_on_its_host),
      RUN_WITH(what_went_with_its_host_comes_back_with_it),
      RUN_WITH(what_was_deleted_does_not_come_back_with_its_host),
      RUN_WITH(without_a_lease_it_goes_after_half_an_hour_in_any_case),
      RUN_WITH(a_dead_members_records_are_hidden_until_it_is_back),
      RUN_WITH(a_member_that_left_takes_them_with_it),
      RUN_WITH(its_member_may_say_that_it_is_still_there),
      RUN_WITH(what_others_say_of_our_own_does_not_count),
      RUN_WITH(all_records_together_are_bounded),
      RUN_WITH(a_state_has_what_is_there_with_its_lease),
      RUN_WITH(a_state_is_cut_into_its_services),
      RUN_WITH(without_memory_nothing_is_kept_half))
