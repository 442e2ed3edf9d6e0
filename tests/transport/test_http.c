#include "transport/http.h"

#include "tests/lib/test.h"

static struct http_field make_field(const char *name, const char *value)
{
    return (struct http_field){slice_of(name), slice_of(value),
                               http_field_id(slice_of(name))};
}

static struct http_head make_head(const struct http_field *fields, unsigned count)
{
    struct http_head h = {.fields = fields, .count = count, .connection_names = true};

    for (unsigned i = 0; i < count; i++)
        h.present |= 1ull << fields[i].id;
    return h;
}

TEST(finds_the_id_of_each_field_by_its_name)
{
    for (unsigned id = FIELD_OTHER + 1; id < HTTP_FIELD_IDS; id++)
        assert_int_equal(http_field_id(http_field_name(id)), id);
}

TEST(finds_ids_without_regard_to_case)
{
    assert_int_equal(http_field_id(SLICE("HOST")), FIELD_ID_HOST);
    assert_int_equal(http_field_id(SLICE("Transfer-ENCODING")),
                     FIELD_ID_TRANSFER_ENCODING);
}

TEST(gives_no_id_to_names_it_does_not_know)
{
    assert_int_equal(http_field_id(SLICE("")), FIELD_OTHER);
    assert_int_equal(http_field_id(SLICE("hosts")), FIELD_OTHER);
    assert_int_equal(http_field_id(SLICE("hose")), FIELD_OTHER);
    assert_int_equal(http_field_id(SLICE("content_length")), FIELD_OTHER);
    assert_int_equal(
        http_field_id(SLICE("x-a-name-that-is-longer-than-any-that-we-know")),
        FIELD_OTHER);
}

TEST(knows_the_usual_methods_by_case)
{
    assert_int_equal(http_method(SLICE("GET")), METHOD_GET);
    assert_int_equal(http_method(SLICE("PATCH")), METHOD_PATCH);
    assert_int_equal(http_method(SLICE("get")), METHOD_OTHER);
    assert_int_equal(http_method(SLICE("PURGE")), METHOD_OTHER);
}

TEST(knows_which_methods_are_idempotent)
{
    assert_true(http_method_is_idempotent(METHOD_PUT));
    assert_true(http_method_is_idempotent(METHOD_DELETE));
    assert_false(http_method_is_idempotent(METHOD_POST));
    assert_false(http_method_is_idempotent(METHOD_PATCH));
    assert_false(http_method_is_idempotent(METHOD_CONNECT));
    assert_false(http_method_is_idempotent(METHOD_OTHER));
}

TEST(has_a_reason_for_each_status_it_answers_with)
{
    for (unsigned e = 0; e < ERR_COUNT; e++)
        if (err_status(e))
            assert_string_not_equal(http_reason(err_status(e)), "Unknown");
    assert_string_equal(http_reason(200), "OK");
    assert_string_equal(http_reason(799), "Unknown");
}

TEST(finds_the_first_field_of_an_id)
{
    struct http_field fields[] = {make_field("Via", "1"), make_field("A", "b"),
                                  make_field("via", "2")};
    struct http_head h = make_head(fields, 3);

    assert_ptr_equal(head_field(&h, FIELD_ID_VIA), &fields[0]);
    assert_true(slice_is(head_value(&h, FIELD_ID_VIA), "1"));
    assert_null(head_field(&h, FIELD_ID_HOST));
    assert_null(head_value(&h, FIELD_ID_HOST).base);
}

TEST(finds_a_token_in_all_lists_of_a_field)
{
    struct http_field fields[] = {make_field("Connection", "a, ,B"),
                                  make_field("Connection", "Close")};
    struct http_head h = make_head(fields, 2);

    assert_true(head_lists(&h, FIELD_ID_CONNECTION, SLICE("b")));
    assert_true(head_lists(&h, FIELD_ID_CONNECTION, SLICE("close")));
    assert_false(head_lists(&h, FIELD_ID_CONNECTION, SLICE("clos")));
    assert_false(head_lists(&h, FIELD_ID_VIA, SLICE("a")));
}

TEST(keeps_hop_by_hop_fields_on_their_side)
{
    static const char *const names[] = {
        "connection",        "Keep-Alive", "Proxy-Connection", "TE",
        "Transfer-Encoding", "Upgrade",    "HTTP2-Settings"};

    for (unsigned i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        struct http_field f = make_field(names[i], "x");
        struct http_head h = make_head(&f, 1);

        assert_true(head_field_is_hop_by_hop(&h, &f));
    }
}

TEST(keeps_what_connection_names_on_its_side)
{
    struct http_field fields[] = {make_field("Connection", "x-secret"),
                                  make_field("X-Secret", "1"), make_field("X-Open", "1")};
    struct http_head h = make_head(fields, 3);

    assert_true(head_field_is_hop_by_hop(&h, &fields[1]));
    assert_false(head_field_is_hop_by_hop(&h, &fields[2]));
}

TEST(lets_nobody_name_host_or_length_in_connection)
{
    struct http_field fields[] = {make_field("Connection", "host, content-length"),
                                  make_field("Host", "a"),
                                  make_field("Content-Length", "1")};
    struct http_head h = make_head(fields, 3);

    assert_false(head_field_is_hop_by_hop(&h, &fields[1]));
    assert_false(head_field_is_hop_by_hop(&h, &fields[2]));
}

TESTS(RUN(finds_the_id_of_each_field_by_its_name), RUN(finds_ids_without_regard_to_case),
      RUN(gives_no_id_to_names_it_does_not_know), RUN(knows_the_usual_methods_by_case),
      RUN(knows_which_methods_are_idempotent),
      RUN(has_a_reason_for_each_status_it_answers_with),
      RUN(finds_the_first_field_of_an_id), RUN(finds_a_token_in_all_lists_of_a_field),
      RUN(keeps_hop_by_hop_fields_on_their_side),
      RUN(keeps_what_connection_names_on_its_side),
      RUN(lets_nobody_name_host_or_length_in_connection))
