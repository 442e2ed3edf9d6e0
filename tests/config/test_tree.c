#include "config/tree.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "sidecar/core/text.h"
#include "tests/lib/fault_heap.h"
#include "tests/lib/test.h"

static struct tree t;
static struct why w;

static int test_setup(void **state)
{
    (void)state;
    why_init(&w);
    memset(&t, 0, sizeof(t));
    return 0;
}

static int test_teardown(void **state)
{
    (void)state;
    tree_free(&t);
    return 0;
}

static enum err parse(const char *yaml)
{
    return tree_parse(&t, slice_of(yaml), "t.yaml", &w);
}

static void refuses(const char *yaml, const char *reason)
{
    assert_int_not_equal(parse(yaml), ERR_OK);
    assert_string_equal(w.text, reason);
    assert_null(t.root);
}

static const char *text_at(const char *path)
{
    struct node *n = node_at(t.root, path);

    assert_non_null(n);
    assert_int_equal(n->kind, NODE_SCALAR);
    return n->text.base;
}

static void starts(const char *reason)
{
    assert_memory_equal(w.text, reason, strlen(reason));
}

TEST(remembers_where_each_value_stood)
{
    struct node *n;

    assert_int_equal(parse("a:\n  b: [x, yy]\n"), ERR_OK);
    n = node_at(t.root, "a.b[1]");
    assert_string_equal(n->text.base, "yy");
    assert_int_equal(n->line, 2);
    assert_int_equal(n->column, 10);
    n = node_at(t.root, "a.b");
    assert_int_equal(n->kind, NODE_LIST);
    assert_int_equal(n->key_line, 2);
    assert_int_equal(n->key_column, 3);
    assert_int_equal(n->column, 6);
    assert_string_equal(n->origin, "t.yaml");
}

TEST(keeps_scalars_as_they_were_written)
{
    assert_int_equal(parse("{a: 08, b: yes, c: 1e3, d: '5', e: \"x\\ty\", f: }"), ERR_OK);
    assert_string_equal(text_at("a"), "08");
    assert_string_equal(text_at("b"), "yes");
    assert_string_equal(text_at("c"), "1e3");
    assert_string_equal(text_at("e"), "x\ty");
    assert_string_equal(text_at("f"), "");
    assert_false(node_at(t.root, "a")->quoted);
    assert_true(node_at(t.root, "d")->quoted);
}

TEST(reads_json)
{
    assert_int_equal(parse("{\"a\": {\"b\": [1, \"\\u00e9\", null]}}"), ERR_OK);
    assert_string_equal(text_at("a.b[1]"), "\xc3\xa9");
    assert_true(node_is_null(node_at(t.root, "a.b[2]")));
}

TEST(null_is_nothing_unless_quoted)
{
    assert_int_equal(parse("{a: ~, b: null, c: 'null'}"), ERR_OK);
    assert_true(node_is_null(node_at(t.root, "a")));
    assert_true(node_is_null(node_at(t.root, "b")));
    assert_false(node_is_null(node_at(t.root, "c")));
}

TEST(an_empty_document_has_no_root)
{
    assert_int_equal(parse(""), ERR_OK);
    assert_null(t.root);
    assert_int_equal(parse("# only this\n"), ERR_OK);
    assert_null(t.root);
}

TEST(takes_a_byte_order_mark_and_windows_line_ends)
{
    assert_int_equal(parse("\xef\xbb\xbf"
                           "a: 1\r\nb: 2\r\n"),
                     ERR_OK);
    assert_string_equal(text_at("a"), "1");
    assert_string_equal(text_at("b"), "2");
}

TEST(refuses_a_key_written_twice)
{
    refuses("a: 1\nb: 2\na: 3\n", "t.yaml:3:1: a: written twice (first in line 1)");
}

TEST(names_the_whole_path_of_a_key_written_twice)
{
    refuses("s:\n  x:\n    - {k: 1}\n    - {k: 1, k: 2}\n",
            "t.yaml:4:14: s.x[1].k: written twice (first in line 4)");
}

TEST(refuses_a_second_document)
{
    refuses("a: 1\n---\nb: 2\n", "t.yaml:2:1: a second document");
}

TEST(refuses_tabs)
{
    refuses("a:\n\tb: 1\n", "t.yaml:2:1: a tab: YAML is indented with spaces");
    refuses("\xc3\xa4:\n\tb: 1\n", "t.yaml:2:1: a tab: YAML is indented with spaces");
}

TEST(refuses_bad_utf8_with_its_place)
{
    refuses("a: 1\nb: \xff\n", "t.yaml:2:4: not UTF-8 text: invalid leading UTF-8 octet");
}

TEST(refuses_utf16)
{
    assert_int_not_equal(tree_parse(&t, slice_from("\xff\xfe\x61\0", 4), "t.yaml", &w),
                         ERR_OK);
}

TEST(refuses_control_characters)
{
    assert_int_not_equal(parse("a: \x01\n"), ERR_OK);
    starts("t.yaml:1:4: not UTF-8 text: control characters");
    refuses("a: \"x\\0y\"", "t.yaml:1:4: a text must not contain \\0");
}

TEST(refuses_anchors_and_aliases)
{
    refuses("a: &x 1\n", "t.yaml:1:4: anchors and aliases are not taken");
    refuses("a: &x [1]\n", "t.yaml:1:4: anchors and aliases are not taken");
    refuses("a: *x\n", "t.yaml:1:4: anchors and aliases are not taken");
}

TEST(an_alias_bomb_does_not_go_off)
{
    refuses(
        "a: &a [x,x,x,x,x,x,x,x,x]\nb: &b [*a,*a,*a,*a,*a,*a,*a]\nc: [*b,*b,*b,*b,*b]\n",
        "t.yaml:1:4: anchors and aliases are not taken");
}

TEST(refuses_merge_keys_but_not_the_text)
{
    refuses("a: {<<: {b: 1}}\n", "t.yaml:1:5: merge keys are not taken");
    assert_int_equal(parse("a: {\"<<\": 1}\n"), ERR_OK);
}

TEST(refuses_tags)
{
    refuses("a: !!int 5\n", "t.yaml:1:4: tags are not taken");
    refuses("a: !mine {b: 1}\n", "t.yaml:1:4: tags are not taken");
    refuses("a: !!seq [1]\n", "t.yaml:1:4: tags are not taken");
}

TEST(refuses_keys_that_are_no_texts)
{
    refuses("{[a]: 1}\n", "t.yaml:1:2: a key must be a text");
    refuses("? {a: 1}\n: 2\n", "t.yaml:1:3: a key must be a text");
}

TEST(says_what_is_wrong_with_the_syntax)
{
    assert_int_equal(parse("a: [1, 2\nb: 3\n"), ERR_BAD_CONFIG);
    starts("t.yaml:2:2: did not find expected ',' or ']'");
    assert_int_equal(parse("a: b: c\n"), ERR_BAD_CONFIG);
    starts("t.yaml:1:5: mapping values are not allowed in this context");
    assert_int_equal(parse("a: \"x\n"), ERR_BAD_CONFIG);
    starts("t.yaml:2:1: found unexpected end of stream");
}

static void nested(unsigned depth, char *out)
{
    memset(out, '[', depth);
    memset(out + depth, ']', depth);
    out[2 * depth] = 0;
}

TEST(takes_a_depth_of_32_and_no_more)
{
    char yaml[100];

    nested(32, yaml);
    assert_int_equal(parse(yaml), ERR_OK);
    tree_free(&t);
    nested(33, yaml);
    refuses(yaml, "t.yaml:1:33: nested deeper than 32");
}

TEST(a_very_deep_document_is_refused_at_once)
{
    char *yaml = malloc(200001);

    nested(100000, yaml);
    refuses(yaml, "t.yaml:1:33: nested deeper than 32");
    free(yaml);
}

TEST(refuses_more_than_a_million_values)
{
    struct text yaml = {.limit = 4 << 20};

    text_addf(&yaml, "[");
    for (int i = 0; i < 1000 * 1000 + 1; i++)
        text_add(&yaml, SLICE("1,"));
    text_addf(&yaml, "]");
    assert_int_equal(parse(yaml.base), ERR_TOO_LARGE);
    starts("t.yaml:1:2000000: more than 1000000 values");
    text_fini(&yaml);
}

TEST(many_keys_take_no_quadratic_time)
{
    struct text yaml = {.limit = 2 << 20};

    for (int i = 0; i < 99000; i++)
        text_addf(&yaml, "k%d: 1\n", i);
    assert_int_equal(parse(yaml.base), ERR_OK);
    text_fini(&yaml);
}

TEST(refuses_a_text_longer_than_a_mebibyte)
{
    char *yaml = malloc(TREE_TEXT + 10);

    memset(yaml, 'x', TREE_TEXT + 1);
    yaml[TREE_TEXT + 1] = 0;
    refuses(yaml, "t.yaml:1:1: a text longer than 1 MiB");
    free(yaml);
}

TEST(refuses_a_key_longer_than_128_bytes)
{
    char yaml[140];

    memset(yaml, 'x', 129);
    strcpy(yaml + 129, ": 1");
    refuses(yaml, "t.yaml:1:1: a key longer than 128 bytes");
    assert_int_equal(parse(yaml + 1), ERR_OK);
}

TEST(refuses_a_document_larger_than_32_mebibytes)
{
    struct slice huge = {"", TREE_FILE + 1};

    assert_int_equal(tree_parse(&t, huge, "t.yaml", &w), ERR_TOO_LARGE);
    assert_string_equal(w.text, "t.yaml: larger than 32 MiB");
}

TEST(holds_to_the_limit_of_its_memory)
{
    t.memory.limit = 1000;
    assert_int_equal(parse("[1,2,3,4,5,6,7,8,9,10,11,12,13,14]"), ERR_NO_MEMORY);
    assert_string_equal(w.text, "t.yaml: out of memory");
}

static void file_make(char name[32], const char *content, off_t size)
{
    int fd;

    strcpy(name, "/tmp/csidecar-tree-XXXXXX");
    fd = mkstemp(name);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, content, strlen(content)), strlen(content));
    if (size)
        assert_int_equal(ftruncate(fd, size), 0);
    close(fd);
}

TEST(reads_a_file)
{
    char name[32];

    file_make(name, "a: 1\n", 0);
    assert_int_equal(tree_read(&t, name, &w), ERR_OK);
    assert_string_equal(text_at("a"), "1");
    unlink(name);
}

TEST(reads_no_file_of_more_than_32_mebibytes)
{
    char name[32];

    file_make(name, "a: 1\n", TREE_FILE + 10);
    assert_int_equal(tree_read(&t, name, &w), ERR_TOO_LARGE);
    unlink(name);
}

TEST(a_file_that_is_not_there_is_not_found)
{
    assert_int_equal(tree_read(&t, "/nowhere/x.yaml", &w), ERR_NOT_FOUND);
    assert_string_equal(w.text,
                        "/nowhere/x.yaml: cannot be opened: No such file or directory");
}

TEST(a_fifo_that_nobody_writes_is_empty)
{
    char name[] = "/tmp/csidecar-fifo-XXXXXX";

    close(mkstemp(name));
    unlink(name);
    assert_int_equal(mkfifo(name, 0600), 0);
    assert_int_equal(tree_read(&t, name, &w), ERR_OK);
    assert_null(t.root);
    unlink(name);
}

TEST(a_directory_cannot_be_read)
{
    assert_int_not_equal(tree_read(&t, "/tmp", &w), ERR_OK);
    starts("/tmp: cannot be read: Is a directory");
}

static bool parses(void)
{
    bool ok = parse("a: {b: [1, 2], c: text}\nd: {e: {f: g}}\n") == ERR_OK;

    tree_free(&t);
    return ok;
}

TEST(survives_each_refused_allocation)
{
    assert_in_range(fault_heap_each(parses), 3, 100);
}

TESTS(RUN_WITH(remembers_where_each_value_stood),
      RUN_WITH(keeps_scalars_as_they_were_written), RUN_WITH(reads_json),
      RUN_WITH(null_is_nothing_unless_quoted), RUN_WITH(an_empty_document_has_no_root),
      RUN_WITH(takes_a_byte_order_mark_and_windows_line_ends),
      RUN_WITH(refuses_a_key_written_twice),
      RUN_WITH(names_the_whole_path_of_a_key_written_twice),
      RUN_WITH(refuses_a_second_document), RUN_WITH(refuses_tabs),
      RUN_WITH(refuses_bad_utf8_with_its_place), RUN_WITH(refuses_utf16),
      RUN_WITH(refuses_control_characters), RUN_WITH(refuses_anchors_and_aliases),
      RUN_WITH(an_alias_bomb_does_not_go_off),
      RUN_WITH(refuses_merge_keys_but_not_the_text), RUN_WITH(refuses_tags),
      RUN_WITH(refuses_keys_that_are_no_texts),
      RUN_WITH(says_what_is_wrong_with_the_syntax),
      RUN_WITH(takes_a_depth_of_32_and_no_more),
      RUN_WITH(a_very_deep_document_is_refused_at_once),
      RUN_WITH(refuses_more_than_a_million_values),
      RUN_WITH(many_keys_take_no_quadratic_time),
      RUN_WITH(refuses_a_text_longer_than_a_mebibyte),
      RUN_WITH(refuses_a_key_longer_than_128_bytes),
      RUN_WITH(refuses_a_document_larger_than_32_mebibytes),
      RUN_WITH(holds_to_the_limit_of_its_memory), RUN_WITH(reads_a_file),
      RUN_WITH(reads_no_file_of_more_than_32_mebibytes),
      RUN_WITH(a_file_that_is_not_there_is_not_found),
      RUN_WITH(a_fifo_that_nobody_writes_is_empty), RUN_WITH(a_directory_cannot_be_read),
      RUN_WITH(survives_each_refused_allocation))
