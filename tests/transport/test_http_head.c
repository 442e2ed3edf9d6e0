/* What llhttp refuses today is refused here without it, too. */
#include "transport/http_head.h"

#include "tests/lib/test.h"
#include "transport/http_validate.h"

static struct http_name names[8];
static struct http_field fields[8];
static uint64_t present;

/* Each name ends at the first colon of its line. */
static const char *build(const char *text, unsigned from, unsigned count,
                         const char *const *starts)
{
    struct http_raw raw = {
        slice_of(text), names, count, {0, 0}
    };

    for (unsigned i = 0; i < count; i++) {
        const char *at = strstr(text, starts[i]);

        names[i] = (struct http_name){at - text, strcspn(at, ":")};
    }
    names[count] = (struct http_name){strlen(text) - 2, 0};
    return http_fields_build(&raw, from, 1ull << FIELD_ID_HOST, fields, &present);
}

static const char *build_two(const char *text)
{
    static const char *const starts[] = {"A", "B"};

    return build(text, 0, 2, starts);
}

TEST(builds_fields_from_lines)
{
    assert_null(build_two("A: 1\r\nB:\t2 \r\n\r\n"));
    assert_true(slice_is(fields[0].name, "A") && slice_is(fields[0].value, "1"));
    assert_true(slice_is(fields[1].name, "B") && slice_is(fields[1].value, "2"));
}

TEST(refuses_lines_that_do_not_end_in_crlf)
{
    assert_non_null(build_two("A: 1\nB: 2\r\n\r\n"));
    assert_non_null(build_two("A: 1\r\rB: 2\r\n\r\n"));
    assert_non_null(build_two("A: 1\r\nB: 2\n\r\n"));
}

TEST(refuses_a_head_that_does_not_end_in_an_empty_line)
{
    assert_non_null(build_two("A: 1\r\nB: 2\r\n\n\n"));
    assert_non_null(build_two("A: 1\r\nB: 2\r\n\rX"));
}

TEST(refuses_something_before_the_first_line)
{
    assert_non_null(build_two(" A: 1\r\nB: 2\r\n\r\n"));
    assert_non_null(build_two("X: 0\r\nA: 1\r\nB: 2\r\n\r\n"));
}

TEST(refuses_something_between_two_lines)
{
    assert_non_null(build_two("A: 1\r\n 2\r\nB: 2\r\n\r\n"));
    assert_non_null(build_two("A: 1\r\n\r\nB: 2\r\n\r\n"));
    assert_non_null(build_two("A: 1\r\nX\r\nB: 2\r\n\r\n"));
}

TEST(refuses_both_lengths_by_itself)
{
    struct http_field both[] = {
        {SLICE("Content-Length"),    SLICE("5"),       FIELD_ID_CONTENT_LENGTH   },
        {SLICE("Transfer-Encoding"), SLICE("chunked"), FIELD_ID_TRANSFER_ENCODING}
    };
    struct http_head h = {.minor = 1,
                          .fields = both,
                          .count = 2,
                          .status = 200,
                          .method = METHOD_POST,
                          .target = SLICE("/"),
                          .present = 1ull << FIELD_ID_CONTENT_LENGTH |
                                     1ull << FIELD_ID_TRANSFER_ENCODING};
    const char *problem = NULL;

    assert_int_equal(http_request_check(&h, &problem), ERR_BAD_REQUEST);
    assert_int_equal(http_response_check(&h, false, &problem), ERR_BAD_RESPONSE);
    assert_non_null(strstr(problem, "both"));
}

TESTS(RUN(builds_fields_from_lines), RUN(refuses_lines_that_do_not_end_in_crlf),
      RUN(refuses_a_head_that_does_not_end_in_an_empty_line),
      RUN(refuses_something_before_the_first_line),
      RUN(refuses_something_between_two_lines), RUN(refuses_both_lengths_by_itself))
