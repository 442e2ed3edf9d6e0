#include "config/place.h"
#include "config/tree.h"
#include "tests/lib/fault_heap.h"
#include "tests/lib/test.h"

static struct tree t;
static struct why w;

static int test_setup(void **state)
{
    (void)state;
    why_init(&w);
    memset(&t, 0, sizeof(t));
    return tree_parse(&t, SLICE("a: {b: 1, \"x.y\": {z: 2}}\nl: [p, q]\nn: ~\n"),
                      "t.yaml", &w);
}

static int test_teardown(void **state)
{
    (void)state;
    tree_free(&t);
    return 0;
}

static enum err set(const char *path, const char *text)
{
    return tree_set(&t, path, slice_of(text), "--set", false, &w);
}

static enum err set_flow(const char *path, const char *text)
{
    return tree_set(&t, path, slice_of(text), "--set", true, &w);
}

static void is(const char *path, const char *text)
{
    struct node *n = node_at(t.root, path);

    assert_non_null(n);
    assert_string_equal(n->text.base, text);
}

TEST(finds_by_keys_quoted_keys_and_places)
{
    is("a.b", "1");
    is("a.\"x.y\".z", "2");
    is("l[1]", "q");
}

TEST(finds_nothing_where_nothing_is)
{
    assert_null(node_at(t.root, "a.c"));
    assert_null(node_at(t.root, "a.b.c"));
    assert_null(node_at(t.root, "l[2]"));
    assert_null(node_at(t.root, "l.p"));
    assert_null(node_at(NULL, "a"));
}

TEST(finds_nothing_at_a_malformed_path)
{
    static const char *const paths[] = {".",    "a.",  "a..b", ".a",    "l[",
                                        "l[x]", "l[1", "\"a",  "a[0].b"};

    for (unsigned i = 0; i < sizeof(paths) / sizeof(paths[0]); i++)
        assert_null(node_at(t.root, paths[i]));
}

TEST(replaces_what_was_there)
{
    assert_int_equal(set("a.b", "9"), ERR_OK);
    is("a.b", "9");
    assert_string_equal(node_at(t.root, "a.b")->origin, "--set");
    assert_int_equal(node_at(t.root, "a.b")->line, 0);
}

TEST(makes_maps_on_the_way)
{
    assert_int_equal(set("s.\"go.micro.srv\".timeout", "1s"), ERR_OK);
    is("s.\"go.micro.srv\".timeout", "1s");
    assert_int_equal(set("n.k", "v"), ERR_OK);
    is("n.k", "v");
}

TEST(makes_a_tree_from_nothing)
{
    tree_free(&t);
    assert_int_equal(set("a.b.c", "1"), ERR_OK);
    is("a.b.c", "1");
}

TEST(adds_to_the_end_of_a_list_but_not_beyond)
{
    assert_int_equal(set("l[2]", "r"), ERR_OK);
    is("l[2]", "r");
    assert_int_equal(set("new[0].x", "1"), ERR_OK);
    is("new[0].x", "1");
    assert_int_equal(set("l[9]", "r"), ERR_BAD_CONFIG);
    assert_string_equal(w.text, "--set: l[9]: there is no such place");
}

TEST(does_not_go_through_a_value)
{
    assert_int_equal(set("a.b.c", "1"), ERR_BAD_CONFIG);
    assert_string_equal(w.text, "--set: a.b.c: there is no such place");
    is("a.b", "1");
}

TEST(refuses_what_is_no_path)
{
    assert_int_equal(set("", "1"), ERR_BAD_CONFIG);
    assert_int_equal(set("a..b", "1"), ERR_BAD_CONFIG);
    assert_string_equal(w.text, "--set: a..b: not a path like services.orders.timeout");
}

TEST(takes_flow)
{
    assert_int_equal(set_flow("a", "{k: [1, {z: 2}]}"), ERR_OK);
    is("a.k[1].z", "2");
    assert_null(node_at(t.root, "a.b"));
    assert_int_equal(node_at(t.root, "a.k[1].z")->line, 0);
}

TEST(a_bad_flow_changes_nothing)
{
    assert_int_not_equal(set_flow("a", "[1, 2"), ERR_OK);
    assert_memory_equal(w.text, "--set:", 6);
    is("a.b", "1");
}

TEST(a_place_is_written_like_a_path)
{
    struct place s = {.key = SLICE("services")}, n = {.up = &s, .key = SLICE("a.b")},
                 i = {.up = &n, .key = SLICE("instances")}, at = {.up = &i, .index = 3};
    char path[PLACE_SIZE];

    assert_string_equal(place_format(path, &at), "services.\"a.b\".instances[3]");
}

TEST(an_endless_key_is_cut_off)
{
    char key[1000], path[PLACE_SIZE];
    struct place at[4];

    memset(key, 'k', sizeof(key));
    for (int i = 0; i < 4; i++)
        at[i] = (struct place){
            i ? &at[i - 1] : NULL, {key, sizeof(key)},
                   0
        };
    assert_in_range(strlen(place_format(path, &at[3])), 100, PLACE_SIZE - 1);
}

static bool sets(void)
{
    bool ok = test_setup(NULL) == 0 && set("a.new.deep", "1") == ERR_OK &&
              set_flow("l[2]", "[x, {y: z}]") == ERR_OK;

    tree_free(&t);
    return ok;
}

TEST(survives_each_refused_allocation)
{
    tree_free(&t);
    assert_in_range(fault_heap_each(sets), 2, 100);
}

TESTS(RUN_WITH(finds_by_keys_quoted_keys_and_places),
      RUN_WITH(finds_nothing_where_nothing_is),
      RUN_WITH(finds_nothing_at_a_malformed_path), RUN_WITH(replaces_what_was_there),
      RUN_WITH(makes_maps_on_the_way), RUN_WITH(makes_a_tree_from_nothing),
      RUN_WITH(adds_to_the_end_of_a_list_but_not_beyond),
      RUN_WITH(does_not_go_through_a_value), RUN_WITH(refuses_what_is_no_path),
      RUN_WITH(takes_flow), RUN_WITH(a_bad_flow_changes_nothing),
      RUN_WITH(a_place_is_written_like_a_path), RUN_WITH(an_endless_key_is_cut_off),
      RUN_WITH(survives_each_refused_allocation))
