/* Each allocation of a member's life fails once: nothing crashes, nothing leaks, all closes. Two members on one loop, with
 * real sockets; time is never slept for. */
#include "tests/lib/test.h"

#include <stdio.h>

#include "discovery/registry.h"
#include "sidecar/core/log.h"
#include "sidecar/core/random.h"
#include "tests/lib/discovery/free_port.h"
#include "tests/lib/fault_heap.h"
#include "transport/loop.h"

static struct random numbers;
static struct registry_environment environment;

static void on_deliver(struct registry_watch *w, const struct instance *i, uint32_t count,
                       enum authority a)
{
    (void)i;
    (void)count;
    (void)a;
    *(bool *)w->owner = true;
}

static void on_add(struct registry_watch *w, const struct instance *i)
{
    (void)i;
    *(bool *)w->owner = true;
}

static void on_remove(struct registry_watch *w, const char *id)
{
    (void)w;
    (void)id;
}

static void on_failed(struct registry_watch *w, enum err e, const struct why *why)
{
    (void)e;
    (void)why;
    w->registry->ops->unwatch(w->registry, w);
    w->registry = NULL;
}

static void on_names(struct registry *r, const char *const *names, uint32_t count)
{
    (void)r;
    (void)names;
    (void)count;
}

static void on_names_failed(struct registry *r, enum err e, const struct why *why)
{
    (void)r;
    (void)e;
    (void)why;
}

static void on_done(struct registry_lease *l, enum err e, const struct why *why)
{
    (void)why;
    *(enum err *)l->owner = e;
}

static const struct registry_frame frame = {
    .deliver = on_deliver,
    .add = on_add,
    .remove = on_remove,
    .failed = on_failed,
    .names = on_names,
    .names_failed = on_names_failed,
    .lease_done = on_done,
};

static void on_closed(struct registry *r)
{
    *(bool *)r->frame_owner = true;
    registry_free(r);
}

struct life {
    struct loop loop;
    struct registry *first, *second;
    bool first_closed, second_closed, told;
    enum err result;
    struct registry_watch watch;
    struct registry_lease lease;
};

static struct registry *open_member(struct life *l, const char *url, bool *closed)
{
    struct registry *r = NULL;

    *closed = registry_open(&r, slice_of(url), &l->loop, &numbers, &environment, &frame,
                            closed, NULL) != ERR_OK;
    return *closed ? NULL : r;
}

static void turn(struct life *l, unsigned times)
{
    while (times-- > 0)
        uv_run(&l->loop.uv, UV_RUN_NOWAIT);
}

static void begin(struct life *l)
{
    l->watch = (struct registry_watch){
        .service = "users", .registry = l->second, .owner = &l->told};
    l->lease = (struct registry_lease){.registry = l->first, .owner = &l->result};
    l->lease.registration = (struct registration){
        .service = "users", .version = "1", .id = "a", .weight = 1, .ttl_ms = 5000};
    address_from_ip(&l->lease.registration.address, SLICE("127.0.0.1"), 80);
    list_init(&l->lease.node);
    list_init(&l->watch.node);
    if (l->second && l->second->ops->watch(l->second, &l->watch))
        l->watch.registry = NULL;
    if (l->first)
        (void)l->first->ops->put(l->first, &l->lease);
}

static void end(struct life *l)
{
    if (l->second && l->watch.registry)
        l->second->ops->unwatch(l->second, &l->watch);
    if (l->first)
        registry_close(l->first, on_closed);
    if (l->second)
        registry_close(l->second, on_closed);
    for (unsigned i = 0; i < 10000 && !(l->first_closed && l->second_closed); i++)
        turn(l, 1);
    assert_true(l->first_closed && l->second_closed);
    assert_int_equal(loop_close(&l->loop), ERR_OK);
}

/* Until all is told, or for so long: without some memory it takes a second try, which nobody waits for. */
static bool a_whole_life(unsigned limit_ms)
{
    struct life l = {.result = ERR_LATER};
    char first[64], second[64];
    unsigned port = free_port();

    if (loop_open(&l.loop, 0))
        return false;
    snprintf(first, sizeof first, "gossip://?bind=127.0.0.1:%u", port);
    snprintf(second, sizeof second, "gossip://127.0.0.1:%u?bind=127.0.0.1:0", port);
    l.first = open_member(&l, first, &l.first_closed);
    l.second = open_member(&l, second, &l.second_closed);
    begin(&l);
    for (uint64_t until = uv_hrtime() + limit_ms * 1000000ull;
         uv_hrtime() < until && !(l.told && l.result == ERR_OK);)
        turn(&l, 1);
    end(&l);
    return l.told && l.result == ERR_OK;
}

static bool a_short_life(void)
{
    a_whole_life(20);
    return true;
}

TEST(a_member_finds_what_another_says)
{
    random_init(&numbers, 7);
    assert_true(a_whole_life(5000));
}

TEST(any_allocation_may_fail)
{
    random_init(&numbers, 7);
    log_setup(LOG_OFF, LOG_TEXT, 2);
    assert_true(fault_heap_each_tolerated(a_short_life) > 50);
}

TESTS(RUN(a_member_finds_what_another_says), RUN(any_allocation_may_fail))
