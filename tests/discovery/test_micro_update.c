#include "tests/lib/test.h"

#include "discovery/micro_update.h"
#include "tests/lib/discovery/hex.h"
#include "tests/lib/fault_heap.h"

/* As go-micro v2.9.1's registry writes it, of the Service "{}". */
#define GO                                                                               \
    "08e807 1001 1801 3220 0a0c436f6e74656e742d54797065 "                                \
    "12106170706c69636174696f6e2f6a73"                                                   \
    "6f6e 3a027b7d"

static struct memory memory;
static struct micro_update update;
static struct text out;
static struct why why_not;

static int test_setup(void **state)
{
    (void)state;
    memory = (struct memory){.limit = 1 << 20};
    text_init(&out, 1 << 20);
    why_init(&why_not);
    return 0;
}

static int test_teardown(void **state)
{
    (void)state;
    memory_free(&memory);
    text_fini(&out);
    return 0;
}

static enum err read_hex(const char *digits)
{
    return micro_update_read(&update, hex(digits), &memory, &why_not);
}

TEST(reads_what_go_micro_says)
{
    assert_int_equal(read_hex(GO), ERR_OK);
    assert_int_equal(update.expires_ns, 1000);
    assert_int_equal(update.action, MICRO_CREATE);
    assert_true(slice_is(update.service, "{}"));
    assert_int_equal(update.member.size, 0);
    assert_int_equal(update.ttl_ms, 0);
}

TEST(reads_what_it_wrote)
{
    struct micro_update u = {.expires_ns = 7,
                             .ttl_ms = 30000,
                             .action = MICRO_DELETE,
                             .member = SLICE("csidecar-a"),
                             .service = SLICE("{\"name\":\"x\"}")};

    assert_int_equal(micro_update_write(&out, &u), ERR_OK);
    assert_int_equal(micro_update_read(&update, text_slice(&out), &memory, &why_not),
                     ERR_OK);
    assert_int_equal(update.expires_ns, 7);
    assert_int_equal(update.ttl_ms, 30000);
    assert_int_equal(update.action, MICRO_DELETE);
    assert_true(slice_is(update.member, "csidecar-a"));
    assert_true(slice_is(update.service, "{\"name\":\"x\"}"));
}

TEST(other_messages_are_nobodys_mistake)
{
    assert_int_equal(read_hex("1002 1801"), ERR_UNSUPPORTED); /* of another type */
    assert_int_equal(read_hex("1001 1801 3a027b7d"),
                     ERR_UNSUPPORTED); /* no Content-Type */
    assert_int_equal(
        read_hex("08e807 1001 1804 3220 0a0c436f6e74656e742d54797065 12106170"
                 "706c69636174696f6e2f6a736f6e 3a027b7d"),
        ERR_UNSUPPORTED); /* "sync" */
    assert_int_equal(read_hex(""), ERR_UNSUPPORTED);
}

TEST(what_is_no_protobuf_is_refused)
{
    assert_int_equal(read_hex("ffff"), ERR_BAD_RECORD);
    assert_int_equal(read_hex("3affffffff0f"), ERR_BAD_RECORD);
    assert_int_equal(read_hex("0a0c"), ERR_BAD_RECORD);
}

TEST(very_many_pairs_cost_no_more_than_the_limit)
{
    for (unsigned i = 0; i < 200 * 1000; i++)
        text_add(&out, SLICE("2\0"));
    memory.limit = 64 * 1024;
    assert_int_equal(micro_update_read(&update, text_slice(&out), &memory, &why_not),
                     ERR_BAD_RECORD);
    assert_true(memory.taken <= memory.limit);
}

static bool scenario(void)
{
    struct memory m = {.limit = 1 << 20};
    struct micro_update u;
    bool well = micro_update_read(&u, hex(GO), &m, NULL) == ERR_OK;

    memory_free(&m);
    return well;
}

TEST(without_memory_it_is_refused)
{
    assert_true(fault_heap_each(scenario) > 0);
}

TESTS(RUN_WITH(reads_what_go_micro_says), RUN_WITH(reads_what_it_wrote),
      RUN_WITH(other_messages_are_nobodys_mistake),
      RUN_WITH(what_is_no_protobuf_is_refused),
      RUN_WITH(very_many_pairs_cost_no_more_than_the_limit),
      RUN_WITH(without_memory_it_is_refused))
