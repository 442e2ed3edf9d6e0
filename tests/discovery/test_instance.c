#include "tests/lib/test.h"

#include "discovery/instance.h"
#include "discovery/instance_set.h"

static struct instance sample(const char *id)
{
    static struct pair pairs[] = {
        {"zone",  "eu-1"},
        {"empty", ""    }
    };
    struct instance i = {
        .id = id, .version = "1", .weight = 1, .metadata = {pairs, 2}
    };

    assert_int_equal(address_parse(&i.address, SLICE("127.0.0.1:80"), 0, NULL), ERR_OK);
    return i;
}

TEST(a_list_is_a_deep_copy)
{
    char id[] = "a";
    struct instance i = sample(id);
    struct instance_list *l = instance_list_new("orders", &i, 1);

    id[0] = 'b';
    assert_string_equal(l->instances[0].id, "a");
    assert_string_equal(l->service, "orders");
    assert_string_equal(instance_metadata(&l->instances[0], "zone"), "eu-1");
    assert_string_equal(instance_metadata(&l->instances[0], "empty"), "");
    assert_null(instance_metadata(&l->instances[0], "zon"));
    instance_list_unref(l);
}

TEST(a_list_may_be_empty_and_texts_missing)
{
    struct instance i = {.weight = 1, .index = 6};
    struct instance_list *empty = instance_list_new(NULL, NULL, 0);
    struct instance_list *bare = instance_list_new(NULL, &i, 1);

    assert_int_equal(empty->count, 0);
    assert_int_equal(empty->places, 0);
    assert_string_equal(bare->instances[0].id, "");
    assert_int_equal(bare->places, 7);
    instance_list_unref(empty);
    instance_list_unref(bare);
    instance_list_unref(NULL);
}

TEST(a_list_lives_until_the_last_lets_go)
{
    struct instance i = sample("a");
    struct instance_list *l = instance_list_new("orders", &i, 1);

    instance_list_ref(l);
    instance_list_unref(l);
    assert_string_equal(l->instances[0].id, "a");
    instance_list_unref(l);
}

TEST(a_list_borrows_texts_and_keeps_their_owners)
{
    struct instance a = sample("a"), b = sample("b");
    struct instance_list *ones[] = {instance_list_new(NULL, &a, 1),
                                    instance_list_new(NULL, &b, 1)};
    struct instance_list *l;

    ones[1]->instances->index = 4;
    l = instance_list_borrow("orders", ones, 2);
    assert_ptr_equal(l->instances[1].id, ones[1]->instances->id);
    assert_int_equal(l->places, 5);
    instance_list_unref(ones[0]);
    instance_list_unref(ones[1]);
    assert_string_equal(l->service, "orders");
    assert_string_equal(instance_metadata(&l->instances[1], "zone"), "eu-1");
    instance_list_unref(l);
}

TEST(names_of_services_are_safe_in_paths)
{
    assert_true(service_name_is_valid(SLICE("orders")));
    assert_true(service_name_is_valid(SLICE("go.micro.srv-x_1")));
    assert_false(service_name_is_valid(SLICE("_orders")));
    assert_false(service_name_is_valid(SLICE(".orders")));
    assert_false(service_name_is_valid(SLICE("a/b")));
    assert_false(service_name_is_valid(SLICE("")));
    assert_false(service_name_is_valid(slice_from("a\0b", 3)));
}

TEST(the_longest_name_is_128_bytes)
{
    char name[130];

    memset(name, 'a', sizeof name);
    assert_true(service_name_is_valid(slice_from(name, 128)));
    assert_false(service_name_is_valid(slice_from(name, 129)));
}

static void assert_refused(const struct instance *i, const char *reason)
{
    struct why w;

    assert_int_equal(instance_check(i, &w), ERR_BAD_RECORD);
    assert_string_equal(w.text, reason);
}

TEST(a_good_instance_passes)
{
    struct instance i = sample("orders-é-1");

    assert_int_equal(instance_check(&i, NULL), ERR_OK);
}

TEST(an_id_that_could_break_a_head_or_a_log_is_refused)
{
    struct instance i = sample("");

    assert_refused(&i, "it has no id");
    i.id = "a\r\nset-cookie: x";
    assert_refused(&i, "the id has control characters");
    i.id = "a\xc2\x9b"
           "2J"; /* CSI in one character */
    assert_refused(&i, "the id has control characters");
    i.id = "a\xff";
    assert_refused(&i, "the id is not UTF-8");
    i.id = "\xed\xa0\x80";
    assert_refused(&i, "the id is not UTF-8");
    i.id = "\xc0\xaf";
    assert_refused(&i, "the id is not UTF-8");
    i.id = "\xf4\x90\x80\x80";
    assert_refused(&i, "the id is not UTF-8");
}

TEST(an_id_that_is_too_long_is_refused)
{
    char id[300] = {0};
    struct instance i = sample(id);

    memset(id, 'x', 256);
    assert_refused(&i, "the id is longer than 255 bytes");
    id[255] = 0;
    assert_int_equal(instance_check(&i, NULL), ERR_OK);
}

TEST(an_address_nobody_can_call_is_refused)
{
    struct instance i = sample("a");

    address_set_port(&i.address, 0);
    assert_refused(&i, "the address has no port");
    address_from_ip(&i.address, SLICE("0.0.0.0"), 80);
    assert_refused(&i, "the address is that of no host");
}

TEST(weights_out_of_range_are_refused)
{
    struct instance i = sample("a");

    i.weight = 0;
    assert_refused(&i, "the weight is not from 1 to 65535");
    i.weight = 65536;
    assert_refused(&i, "the weight is not from 1 to 65535");
}

TEST(metadata_is_bounded)
{
    static char large[INSTANCE_METADATA_LIMIT + 1];
    struct pair pairs[65];
    struct instance i = sample("a");

    memset(large, 'x', INSTANCE_METADATA_LIMIT);
    for (int at = 0; at < 65; at++)
        pairs[at] = (struct pair){"k", ""};
    i.metadata = (struct pairs){pairs, 65};
    assert_refused(&i, "more than 64 metadata pairs");
    i.metadata.count = 1;
    pairs[0].value = large;
    assert_refused(&i, "metadata is longer than 65536 bytes");
    pairs[0] = (struct pair){"", "x"};
    assert_refused(&i, "a metadata key is empty");
    pairs[0] = (struct pair){"k", "\xfe"};
    assert_refused(&i, "metadata is not UTF-8");
}

TEST(equal_are_those_a_balancer_cannot_tell_apart)
{
    struct instance a = sample("a"), b = sample("a");

    b.index = 9;
    assert_true(instance_equals(&a, &b));
    b.draining = true;
    assert_false(instance_equals(&a, &b));
    b = sample("a");
    b.metadata.count = 1;
    assert_false(instance_equals(&a, &b));
}

TEST(a_set_replaces_by_id_and_tells_what_left)
{
    struct instance_set set, leavers;
    struct instance first[] = {sample("a"), sample("b"), sample("b")};
    struct instance second[] = {sample("b"), sample("c")};
    bool changed = false;

    instance_set_init(&set, "here");
    instance_set_init(&leavers, NULL);
    assert_int_equal(instance_set_replace(&set, first, 3, NULL, &changed), ERR_OK);
    assert_int_equal(instance_set_count(&set), 2);
    assert_int_equal(instance_set_missing(&set, second, 2), 1);
    instance_set_replace(&set, second, 2, &leavers, &changed);
    assert_true(instance_set_has(&leavers, "a"));
    assert_false(instance_set_has(&set, "a"));
    assert_string_equal(instance_held(set.held.next)->source, "here");
    instance_set_fini(&set);
    instance_set_fini(&leavers);
}

TEST(a_set_knows_when_nothing_changed)
{
    struct instance_set set;
    struct instance i = sample("a");
    bool changed = false;

    instance_set_init(&set, NULL);
    instance_set_put(&set, &i, &changed);
    assert_true(changed);
    changed = false;
    instance_set_replace(&set, &i, 1, NULL, &changed);
    assert_false(changed);
    assert_false(instance_set_remove(&set, "b"));
    assert_true(instance_set_remove(&set, "a"));
    instance_set_fini(&set);
}

TESTS(RUN(a_list_is_a_deep_copy), RUN(a_list_may_be_empty_and_texts_missing),
      RUN(a_list_lives_until_the_last_lets_go),
      RUN(a_list_borrows_texts_and_keeps_their_owners),
      RUN(names_of_services_are_safe_in_paths), RUN(the_longest_name_is_128_bytes),
      RUN(a_good_instance_passes), RUN(an_id_that_could_break_a_head_or_a_log_is_refused),
      RUN(an_id_that_is_too_long_is_refused), RUN(an_address_nobody_can_call_is_refused),
      RUN(weights_out_of_range_are_refused), RUN(metadata_is_bounded),
      RUN(equal_are_those_a_balancer_cannot_tell_apart),
      RUN(a_set_replaces_by_id_and_tells_what_left),
      RUN(a_set_knows_when_nothing_changed))
