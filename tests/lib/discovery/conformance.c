#include "tests/lib/test.h"

#include "tests/discovery/conformance.h"

#include <stdio.h>
#include <stdlib.h>

#include "discovery/instance_set.h"
#include "sidecar/core/random.h"
#include "tests/lib/transport/loops.h"

enum { PATIENCE_MS = 5000 };

static const struct conformance *suite;
static struct loop loop;
static struct random random_state;
static struct registry_environment environment;

/* Who is called: the registry as one process sees it. */
struct party {
    struct registry *registry;
    bool is_open;
    bool closed;
    unsigned names_told;
    unsigned names_failures;
    char names[2048]; /* " a b c " */
};

struct watcher {
    struct registry_watch watch;
    struct instance_set seen;
    unsigned told, failures;
    bool is_watching;
};

struct publisher {
    struct registry_lease lease;
    struct pair pair;
    unsigned done, expected;
    enum err result;
};

static struct party us, other;
static struct watcher watcher, second;
static struct publisher publisher, another;
static bool inside; /* a call to the backend is on the stack */

/* The frame. */

static void frame_deliver(struct registry_watch *w, const struct instance *instances,
                          uint32_t count, enum authority authority)
{
    struct watcher *at = w->owner;
    bool ignored = false;

    (void)authority;
    assert_false(inside);
    assert_true(at->is_watching);
    for (uint32_t i = 0; i < count; i++)
        assert_int_equal(instance_check(&instances[i], NULL), ERR_OK);
    instance_set_replace(&at->seen, instances, count, NULL, &ignored);
    at->told++;
}

static void frame_add(struct registry_watch *w, const struct instance *i)
{
    struct watcher *at = w->owner;
    bool ignored = false;

    assert_false(inside);
    assert_true(at->is_watching);
    assert_int_equal(instance_check(i, NULL), ERR_OK);
    instance_set_put(&at->seen, i, &ignored);
    at->told++;
}

static void frame_remove(struct registry_watch *w, const char *id)
{
    struct watcher *at = w->owner;

    assert_false(inside);
    assert_true(at->is_watching);
    instance_set_remove(&at->seen, id);
    at->told++;
}

static void unwatch(struct watcher *at)
{
    if (at->is_watching)
        at->watch.registry->ops->unwatch(at->watch.registry, &at->watch);
    at->is_watching = false;
}

static void frame_failed(struct registry_watch *w, enum err e, const struct why *why)
{
    struct watcher *at = w->owner;

    (void)why;
    assert_false(inside);
    assert_true(at->is_watching);
    assert_true(e != ERR_OK);
    at->failures++;
    unwatch(at);
}

static void frame_names(struct registry *r, const char *const *names, uint32_t count)
{
    struct party *p = r->frame_owner;
    int size = snprintf(p->names, sizeof p->names, " ");

    assert_false(inside);
    for (uint32_t i = 0; i < count && size < (int)sizeof p->names; i++)
        size += snprintf(p->names + size, sizeof p->names - size, "%s ", names[i]);
    p->names_told++;
}

static void frame_names_failed(struct registry *r, enum err e, const struct why *why)
{
    struct party *p = r->frame_owner;

    (void)e;
    (void)why;
    assert_false(inside);
    p->names_failures++;
}

static void frame_lease_done(struct registry_lease *l, enum err e, const struct why *why)
{
    struct publisher *p = l->owner;

    (void)why;
    assert_false(inside);
    p->done++;
    assert_true(p->done <= p->expected);
    p->result = e;
}

static const struct registry_frame frame = {
    .deliver = frame_deliver,
    .add = frame_add,
    .remove = frame_remove,
    .failed = frame_failed,
    .names = frame_names,
    .names_failed = frame_names_failed,
    .lease_done = frame_lease_done,
};

/* Steps. */

static void until(bool (*happened)(void *), void *context)
{
    loop_until_within(&loop, happened, context,
                      suite->patience_ms ? suite->patience_ms : PATIENCE_MS);
}

static void party_open(struct party *p)
{
    struct why w;
    enum err e;

    why_init(&w);
    *p = (struct party){.is_open = true};
    inside = true;
    e = registry_open(&p->registry, slice_of(suite->url()), &loop, &random_state,
                      &environment, &frame, p, &w);
    inside = false;
    if (e)
        fail_msg("%s", w.text);
}

static void on_closed(struct registry *r)
{
    struct party *p = r->frame_owner;

    assert_false(inside);
    assert_false(p->closed);
    p->closed = true;
    registry_free(r);
}

static bool is_closed(void *party)
{
    return ((struct party *)party)->closed;
}

static void party_close(struct party *p)
{
    if (!p->is_open)
        return;
    p->is_open = false;
    inside = true;
    registry_close(p->registry, on_closed);
    inside = false;
    until(is_closed, p);
}

static unsigned abilities(void)
{
    return us.registry->ops->abilities;
}

static enum err try_watch(struct watcher *at, const char *service)
{
    enum err e;

    at->watch =
        (struct registry_watch){.service = service, .registry = us.registry, .owner = at};
    list_init(&at->watch.node);
    inside = true;
    e = us.registry->ops->watch(us.registry, &at->watch);
    inside = false;
    at->is_watching = !e;
    return e;
}

static bool was_told(void *watcher_)
{
    return ((struct watcher *)watcher_)->told > 0;
}

static void watch(struct watcher *at, const char *service)
{
    at->told = 0;
    assert_int_equal(try_watch(at, service), ERR_OK);
    until(was_told, at);
}

static bool operation_is_done(void *publisher_)
{
    struct publisher *p = publisher_;

    return p->done == p->expected;
}

static enum err operate(struct publisher *p,
                        enum err (*op)(struct registry *, struct registry_lease *))
{
    enum err e;

    p->expected++;
    inside = true;
    e = op(other.registry, &p->lease);
    inside = false;
    if (e && e != ERR_LATER) {
        p->expected--;
        return e;
    }
    assert_true(p->done < p->expected);
    until(operation_is_done, p);
    return p->result;
}

static void prepare(struct publisher *p, const char *service, const char *id,
                    const char *address)
{
    struct registration *r = &p->lease.registration;

    *p = (struct publisher){
        .pair = {"zone", "eu-1"}
    };
    list_init(&p->lease.node);
    p->lease.registry = other.registry;
    p->lease.owner = p;
    *r = (struct registration){
        .service = service,
        .version = "1.2",
        .id = suite->addresses_only ? address : id,
        .metadata = {&p->pair, 1},
        .weight = 3,
        .ttl_ms = suite->ttl_ms ? suite->ttl_ms : 300
    };
    r->heartbeat_ms = r->ttl_ms / 3;
    assert_int_equal(address_parse(&r->address, slice_of(address), 0, NULL), ERR_OK);
}

static enum err put(struct publisher *p)
{
    return operate(p, other.registry->ops->put);
}

static enum err renew(struct publisher *p)
{
    return operate(p, other.registry->ops->renew);
}

static enum err withdraw(struct publisher *p)
{
    return operate(p, other.registry->ops->remove);
}

static bool can_write(void)
{
    return (abilities() & REGISTRY_WRITES) != 0;
}

static struct instance instance_of(const struct publisher *p)
{
    const struct registration *r = &p->lease.registration;

    return (struct instance){.id = r->id,
                             .version = r->version,
                             .address = r->address,
                             .weight = r->weight,
                             .metadata = r->metadata};
}

/* By a lease where the backend has them, else as its adapter can. */
static void publish(struct publisher *p, const char *service, const char *id,
                    const char *address)
{
    struct instance i;

    prepare(p, service, id, address);
    if (can_write()) {
        p->lease.registration.ttl_ms = 60 * 1000;
        assert_int_equal(put(p), ERR_OK);
        return;
    }
    i = instance_of(p);
    suite->publish(service, &i, 1);
}

static void unpublish(struct publisher *p)
{
    if (can_write())
        assert_int_equal(withdraw(p), ERR_OK);
    else
        suite->publish(p->lease.registration.service, NULL, 0);
}

static bool can_publish(void)
{
    return can_write() || suite->publish;
}

static bool sees(void *publisher_)
{
    struct publisher *p = publisher_;

    return instance_set_has(&watcher.seen, p->lease.registration.id);
}

static bool sees_not(void *publisher_)
{
    return !sees(publisher_);
}

/* orders-1, and the watcher knows. */
static void publish_in_sight(void)
{
    watch(&watcher, "orders");
    publish(&publisher, "orders", "orders-1", "127.0.0.1:5001");
    until(sees, &publisher);
}

static bool has_failed(void *watcher_)
{
    return ((struct watcher *)watcher_)->failures > 0;
}

static const struct instance *seen(const struct publisher *p)
{
    list_each(at, after, &watcher.seen.held) if (strcmp(instance_held(at)->id,
                                                        p->lease.registration.id) ==
                                                 0) return instance_held(at);
    fail_msg("%s is not seen", p->lease.registration.id);
    return NULL;
}

/* Watches anew until that works, as the frame would. */
static bool sees_again(void *publisher_)
{
    if (!watcher.is_watching)
        try_watch(&watcher, ((struct publisher *)publisher_)->lease.registration.service);
    return sees(publisher_);
}

static bool is_put_again(void *publisher_)
{
    return put(publisher_) == ERR_OK;
}

static int set_up(void **state)
{
    (void)state;
    assert_int_equal(loop_open(&loop, 4096), ERR_OK);
    random_init(&random_state, 1);
    environment = (struct registry_environment){0};
    watcher = second = (struct watcher){0};
    instance_set_init(&watcher.seen, NULL);
    instance_set_init(&second.seen, NULL);
    suite->set_up(&loop, &environment);
    party_open(&us);
    party_open(&other);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    if (us.is_open) {
        unwatch(&watcher);
        unwatch(&second);
    }
    party_close(&us);
    party_close(&other);
    instance_set_fini(&watcher.seen);
    instance_set_fini(&second.seen);
    suite->tear_down();
    assert_int_equal(loop_close(&loop), ERR_OK);
    return 0;
}

/* The suite. */

#define NEEDS(condition)                                                                 \
    if (!(condition))                                                                    \
    skip()

TEST(answers_nothing_for_a_service_nobody_has)
{
    watch(&watcher, "nobody");
    assert_int_equal(instance_set_count(&watcher.seen), 0);
}

TEST(finds_what_was_there_before)
{
    NEEDS(can_publish());
    publish(&publisher, "orders", "orders-1", "127.0.0.1:5001");
    watch(&watcher, "orders");
    until(sees, &publisher);
}

TEST(finds_what_comes_later_and_sees_it_go)
{
    NEEDS(can_publish());
    publish_in_sight();
    unpublish(&publisher);
    until(sees_not, &publisher);
}

TEST(hands_on_all_that_was_said)
{
    const struct instance *i;

    NEEDS(can_publish());
    publish_in_sight();
    i = seen(&publisher);
    assert_true(address_equals(&i->address, &publisher.lease.registration.address));
    if (suite->addresses_only)
        return;
    assert_string_equal(i->version, "1.2");
    assert_string_equal(instance_metadata(i, "zone"), "eu-1");
}

TEST(finds_an_ipv6_address)
{
    NEEDS(can_publish());
    watch(&watcher, "orders");
    publish(&publisher, "orders", "orders-6", "[::1]:5001");
    until(sees, &publisher);
    assert_true(address_equals(&seen(&publisher)->address,
                               &publisher.lease.registration.address));
}

TEST(keeps_services_apart)
{
    NEEDS(can_publish());
    publish(&publisher, "orders", "orders-1", "127.0.0.1:5001");
    publish(&another, "cart", "cart-1", "127.0.0.1:5002");
    watch(&watcher, "orders");
    until(sees, &publisher);
    assert_false(sees(&another));
}

static bool both_see(void *publisher_)
{
    struct publisher *p = publisher_;

    return sees(p) && instance_set_has(&second.seen, p->lease.registration.id);
}

TEST(tells_two_watches_of_one_service)
{
    NEEDS(can_publish());
    watch(&watcher, "orders");
    watch(&second, "orders");
    publish(&publisher, "orders", "orders-1", "127.0.0.1:5001");
    until(both_see, &publisher);
    second.told = 0;
    unpublish(&publisher);
    until(was_told, &second);
}

static bool sees_port_two(void *publisher_)
{
    return sees(publisher_) && address_port(&seen(publisher_)->address) == 2;
}

TEST(sees_an_instance_change)
{
    struct instance i;

    NEEDS(can_publish() && !suite->addresses_only);
    watch(&watcher, "orders");
    publish(&publisher, "orders", "orders-1", "127.0.0.1:1");
    until(sees, &publisher);
    address_set_port(&publisher.lease.registration.address, 2);
    i = instance_of(&publisher);
    if (can_write())
        assert_int_equal(put(&publisher), ERR_OK);
    else
        suite->publish("orders", &i, 1);
    until(sees_port_two, &publisher);
    assert_int_equal(instance_set_count(&watcher.seen), 1);
}

TEST(is_silent_after_unwatch)
{
    NEEDS(can_publish());
    watch(&watcher, "orders");
    watch(&second, "orders");
    unwatch(&second); /* a call for it fails the test */
    publish(&publisher, "orders", "orders-1", "127.0.0.1:5001");
    until(sees, &publisher);
}

TEST(may_be_unwatched_before_it_answered)
{
    assert_int_equal(try_watch(&watcher, "orders"), ERR_OK);
    unwatch(&watcher);
    watch(&second, "orders");
}

TEST(renewing_keeps_a_record_past_its_time)
{
    uint64_t end;

    NEEDS(can_write() && !suite->expires_slowly);
    watch(&watcher, "orders");
    prepare(&publisher, "orders", "orders-1", "127.0.0.1:5001");
    assert_int_equal(put(&publisher), ERR_OK);
    until(sees, &publisher);
    end = loop_now(&loop) + 3 * publisher.lease.registration.ttl_ms;
    while (loop_now(&loop) < end) {
        assert_int_equal(renew(&publisher), ERR_OK);
        uv_run(&loop.uv, UV_RUN_NOWAIT);
        assert_true(sees(&publisher));
    }
}

TEST(a_record_nobody_renews_expires)
{
    NEEDS(can_write() && (abilities() & REGISTRY_EXPIRES) && !suite->expires_slowly);
    watch(&watcher, "orders");
    prepare(&publisher, "orders", "orders-1", "127.0.0.1:5001");
    assert_int_equal(put(&publisher), ERR_OK);
    until(sees, &publisher);
    until(sees_not, &publisher);
}

TEST(an_expired_record_comes_back_by_renewal_or_put)
{
    enum err e;

    NEEDS(can_write() && (abilities() & REGISTRY_EXPIRES) && !suite->expires_slowly);
    watch(&watcher, "orders");
    prepare(&publisher, "orders", "orders-1", "127.0.0.1:5001");
    assert_int_equal(put(&publisher), ERR_OK);
    until(sees, &publisher);
    until(sees_not, &publisher);
    e = renew(&publisher);
    assert_true(e == ERR_OK || e == ERR_NOT_FOUND);
    if (e)
        assert_int_equal(put(&publisher), ERR_OK);
    until(sees, &publisher);
}

TEST(renewing_what_was_never_put_is_not_found)
{
    NEEDS(can_write());
    prepare(&publisher, "orders", "orders-1", "127.0.0.1:5001");
    assert_int_equal(renew(&publisher), ERR_NOT_FOUND);
}

TEST(removing_what_is_not_there_is_no_failure)
{
    enum err e;

    NEEDS(can_write());
    publish(&publisher, "orders", "orders-1", "127.0.0.1:5001");
    assert_int_equal(withdraw(&publisher), ERR_OK);
    e = withdraw(&publisher);
    assert_true(e == ERR_OK || e == ERR_NOT_FOUND || e == ERR_UNSUPPORTED);
}

/* As `csidecar deregister --registry` does for somebody who is dead. */
TEST(a_record_of_another_can_be_removed_or_that_is_refused)
{
    struct registry *owner = other.registry;
    enum err e;

    NEEDS(can_write());
    watch(&watcher, "orders");
    publish(&publisher, "orders", "orders-1", "127.0.0.1:5001");
    until(sees, &publisher);
    prepare(&another, "orders", "orders-1", "127.0.0.1:5001");
    another.lease.registry = other.registry = us.registry;
    e = withdraw(&another);
    other.registry = owner;
    if (!e)
        until(sees_not, &publisher);
    else
        assert_int_equal(e, ERR_UNSUPPORTED);
}

TEST(putting_twice_is_putting_once)
{
    NEEDS(can_write());
    watch(&watcher, "orders");
    publish(&publisher, "orders", "orders-1", "127.0.0.1:5001");
    assert_int_equal(put(&publisher), ERR_OK);
    until(sees, &publisher);
    assert_int_equal(instance_set_count(&watcher.seen), 1);
    unpublish(&publisher);
    until(sees_not, &publisher);
}

TEST(a_lost_record_is_noticed_and_put_again)
{
    enum err e;

    NEEDS(can_write() && suite->lose_all);
    publish(&publisher, "orders", "orders-1", "127.0.0.1:5001");
    suite->lose_all();
    e = renew(&publisher);
    assert_true(e != ERR_OK);
    until(is_put_again, &publisher);
    until(sees_again, &publisher);
}

TEST(a_watch_survives_or_fails_when_all_is_lost_and_heals)
{
    NEEDS(can_publish() && suite->lose_all);
    publish_in_sight();
    suite->lose_all();
    instance_set_clear(&watcher.seen);
    if (can_write())
        until(is_put_again, &publisher);
    else
        publish(&publisher, "orders", "orders-1", "127.0.0.1:5001");
    until(sees_again, &publisher);
}

TEST(an_outage_is_a_failure_and_never_an_empty_list)
{
    NEEDS(can_publish() && suite->go_away);
    publish_in_sight();
    suite->go_away();
    until(has_failed, &watcher);
    assert_true(sees(&publisher));
    suite->come_back();
    instance_set_clear(&watcher.seen);
    until(sees_again, &publisher);
}

TEST(watches_begun_in_an_outage_fail_and_heal)
{
    NEEDS(can_publish() && suite->go_away);
    publish(&publisher, "orders", "orders-1", "127.0.0.1:5001");
    suite->go_away();
    if (try_watch(&watcher, "orders") == ERR_OK)
        until(has_failed, &watcher);
    suite->come_back();
    until(sees_again, &publisher);
}

TEST(leases_fail_in_an_outage_and_work_after_it)
{
    NEEDS(can_write() && suite->go_away);
    prepare(&publisher, "orders", "orders-1", "127.0.0.1:5001");
    suite->go_away();
    assert_true(put(&publisher) != ERR_OK);
    suite->come_back();
    until(is_put_again, &publisher);
    watch(&watcher, "orders");
    until(sees, &publisher);
}

static bool lists_both(void *unused)
{
    (void)unused;
    return strstr(us.names, " orders ") && strstr(us.names, " cart ");
}

static bool lists_cart_only(void *unused)
{
    (void)unused;
    return !strstr(us.names, " orders ") && strstr(us.names, " cart ");
}

static void watch_names(void)
{
    inside = true;
    assert_int_equal(us.registry->ops->watch_names(us.registry), ERR_OK);
    inside = false;
}

TEST(lists_the_names_there_are)
{
    NEEDS(can_publish() && (abilities() & REGISTRY_LISTS_NAMES));
    publish(&publisher, "orders", "orders-1", "127.0.0.1:5001");
    watch_names();
    publish(&another, "cart", "cart-1", "127.0.0.1:5002");
    until(lists_both, NULL);
    unpublish(&publisher);
    until(lists_cart_only, NULL);
    us.registry->ops->unwatch_names(us.registry);
}

static bool has_told_names(void *unused)
{
    (void)unused;
    return us.names_told > 0;
}

TEST(lists_no_names_where_there_are_none)
{
    NEEDS(abilities() & REGISTRY_LISTS_NAMES);
    watch_names();
    until(has_told_names, NULL);
    us.registry->ops->unwatch_names(us.registry);
}

TEST(hostile_records_are_skipped_and_harm_nobody)
{
    NEEDS(can_publish() && suite->be_hostile);
    publish_in_sight();
    for (unsigned n = 0; suite->be_hostile(n, "orders"); n++)
        loop_settle(&loop);
    publish(&another, "orders", "orders-2", "127.0.0.1:5002");
    until(sees, &another);
    instance_set_clear(&watcher.seen);
    unwatch(&watcher);
    watch(&watcher, "orders");
    until(sees, &another);
}

TEST(closes_in_the_middle_of_everything)
{
    if (can_write()) {
        prepare(&publisher, "orders", "orders-1", "127.0.0.1:5001");
        publisher.expected = 1;
        assert_int_equal(other.registry->ops->put(other.registry, &publisher.lease),
                         ERR_LATER);
    }
    assert_int_equal(try_watch(&watcher, "orders"), ERR_OK);
    if (abilities() & REGISTRY_LISTS_NAMES)
        watch_names();
    unwatch(&watcher);
    party_close(&us);
    party_close(&other);
}

/* Who gives up on a removal frees the lease; only the registry's end follows. */
TEST(a_lease_whose_removal_failed_may_go_before_the_registry)
{
    struct publisher *gone;

    NEEDS(can_write() && suite->go_away);
    gone = calloc(1, sizeof *gone);
    publish(gone, "orders", "orders-1", "127.0.0.1:5001");
    suite->go_away();
    (void)withdraw(gone);
    list_remove(&gone->lease.node);
    free(gone);
    party_close(&other);
    suite->come_back();
}

TEST(many_instances_are_many)
{
    enum { MANY = 40 };
    static struct publisher many[MANY];
    static char ids[MANY][32], addresses[MANY][32];

    NEEDS(can_write());
    watch(&watcher, "orders");
    for (int i = 0; i < MANY; i++) {
        snprintf(ids[i], sizeof ids[i], "orders-%d", i);
        snprintf(addresses[i], sizeof addresses[i], "127.0.0.1:%d", 6000 + i);
        publish(&many[i], "orders", ids[i], addresses[i]);
    }
    for (int i = 0; i < MANY; i++)
        until(sees, &many[i]);
    assert_int_equal(instance_set_count(&watcher.seen), MANY);
    for (int i = 0; i < MANY; i++)
        unpublish(&many[i]);
    for (int i = 0; i < MANY; i++)
        until(sees_not, &many[i]);
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int conformance_run(const struct conformance *c)
{
    const struct CMUnitTest tests[] = {
        CASE(answers_nothing_for_a_service_nobody_has),
        CASE(finds_what_was_there_before),
        CASE(finds_what_comes_later_and_sees_it_go),
        CASE(hands_on_all_that_was_said),
        CASE(finds_an_ipv6_address),
        CASE(keeps_services_apart),
        CASE(tells_two_watches_of_one_service),
        CASE(sees_an_instance_change),
        CASE(is_silent_after_unwatch),
        CASE(may_be_unwatched_before_it_answered),
        CASE(renewing_keeps_a_record_past_its_time),
        CASE(a_record_nobody_renews_expires),
        CASE(an_expired_record_comes_back_by_renewal_or_put),
        CASE(renewing_what_was_never_put_is_not_found),
        CASE(removing_what_is_not_there_is_no_failure),
        CASE(a_record_of_another_can_be_removed_or_that_is_refused),
        CASE(putting_twice_is_putting_once),
        CASE(a_lost_record_is_noticed_and_put_again),
        CASE(a_watch_survives_or_fails_when_all_is_lost_and_heals),
        CASE(an_outage_is_a_failure_and_never_an_empty_list),
        CASE(watches_begun_in_an_outage_fail_and_heal),
        CASE(leases_fail_in_an_outage_and_work_after_it),
        CASE(lists_the_names_there_are),
        CASE(lists_no_names_where_there_are_none),
        CASE(hostile_records_are_skipped_and_harm_nobody),
        CASE(closes_in_the_middle_of_everything),
        CASE(a_lease_whose_removal_failed_may_go_before_the_registry),
        CASE(many_instances_are_many),
    };

    suite = c;
    return cmocka_run_group_tests_name(c->name, tests, NULL, NULL);
}
