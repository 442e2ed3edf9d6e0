#include "sidecar/core/err.h"

#include <ctype.h>
#include <errno.h>
#include <string.h>

#include "tests/lib/test.h"

static const char *const names[] = {
#define X(name, code, blame, again, status, text) #name,
    ERRORS(X)
#undef X
};

TEST(success_is_zero)
{
    assert_int_equal(ERR_OK, 0);
    assert_string_equal(err_code(ERR_OK), "ok");
}

TEST(every_error_has_a_code_of_its_own)
{
    for (unsigned a = 0; a < ERR_COUNT; a++)
        for (unsigned b = 0; b < a; b++)
            assert_string_not_equal(err_code(a), err_code(b));
}

TEST(codes_are_lower_case_words)
{
    for (unsigned e = 0; e < ERR_COUNT; e++)
        for (const char *c = err_code(e); *c; c++)
            assert_true(islower(*c) || *c == '_');
}

TEST(texts_have_no_full_stop)
{
    for (unsigned e = 0; e < ERR_COUNT; e++) {
        const char *text = err_text(e);

        assert_true(strlen(text) > 0);
        assert_int_not_equal(text[strlen(text) - 1], '.');
    }
}

TEST(what_a_client_sees_has_an_error_status)
{
    for (unsigned e = 0; e < ERR_COUNT; e++)
        assert_true(err_status(e) == 0 || (err_status(e) >= 400 && err_status(e) < 600));
}

TEST(only_failures_of_the_upstream_are_tried_again)
{
    for (unsigned e = 0; e < ERR_COUNT; e++)
        if (err_again(e) != AGAIN_NEVER)
            assert_int_equal(err_blame(e), BLAME_UPSTREAM);
}

TEST(a_request_that_was_never_sent_may_always_be_sent_again)
{
    assert_int_equal(err_again(ERR_CONNECT_FAILED), AGAIN_ALWAYS);
    assert_int_equal(err_again(ERR_CONNECT_TIMEOUT), AGAIN_ALWAYS);
    assert_int_equal(err_again(ERR_STALE_CONNECTION), AGAIN_ALWAYS);
}

TEST(a_request_that_may_have_been_processed_is_sent_again_if_idempotent)
{
    assert_int_equal(err_again(ERR_UPSTREAM_RESET), AGAIN_IF_IDEMPOTENT);
    assert_int_equal(err_again(ERR_TRY_TIMEOUT), AGAIN_IF_IDEMPOTENT);
}

TEST(an_answered_request_is_never_sent_again)
{
    assert_int_equal(err_again(ERR_BAD_RESPONSE), AGAIN_NEVER);
    assert_int_equal(err_again(ERR_TRUNCATED), AGAIN_NEVER);
}

TEST(blames_the_client_for_what_it_sent)
{
    for (unsigned e = 0; e < ERR_COUNT; e++)
        if (err_blame(e) == BLAME_CLIENT)
            assert_true(err_status(e) < 500 || e == ERR_HTTP_VERSION || e == ERR_LOOP);
}

TEST(no_error_number_is_success)
{
    assert_int_equal(err_from_errno(0), ERR_OK);
    assert_int_equal(err_from_errno(12), ERR_OK);
}

TEST(error_numbers_become_errors)
{
    assert_int_equal(err_from_errno(-ENOMEM), ERR_NO_MEMORY);
    assert_int_equal(err_from_errno(-ECONNREFUSED), ERR_UNAVAILABLE);
    assert_int_equal(err_from_errno(-EADDRINUSE), ERR_ADDRESS_IN_USE);
    assert_int_equal(err_from_errno(-ECONNRESET), ERR_RESET);
    assert_int_equal(err_from_errno(-ETIMEDOUT), ERR_TIMEOUT);
    assert_int_equal(err_from_errno(-EACCES), ERR_DENIED);
}

TEST(numbers_of_libuv_become_errors)
{
    assert_int_equal(err_from_errno(-4095), ERR_CLOSED);
    assert_int_equal(err_from_errno(-3008), ERR_NOT_FOUND);
    assert_int_equal(err_from_errno(-3001), ERR_UNAVAILABLE);
}

TEST(an_unknown_number_is_a_failed_input_or_output)
{
    assert_int_equal(err_from_errno(-ENOTTY), ERR_IO);
    assert_int_equal(err_from_errno(-99999), ERR_IO);
}

TEST(the_table_is_in_the_order_of_the_enum)
{
    assert_int_equal(sizeof(names) / sizeof(names[0]), ERR_COUNT);
    assert_string_equal(names[ERR_IO], "IO");
    assert_string_equal(err_code(ERR_IO), "io");
}

TESTS(RUN(success_is_zero), RUN(every_error_has_a_code_of_its_own),
      RUN(codes_are_lower_case_words), RUN(texts_have_no_full_stop),
      RUN(what_a_client_sees_has_an_error_status),
      RUN(only_failures_of_the_upstream_are_tried_again),
      RUN(a_request_that_was_never_sent_may_always_be_sent_again),
      RUN(a_request_that_may_have_been_processed_is_sent_again_if_idempotent),
      RUN(an_answered_request_is_never_sent_again),
      RUN(blames_the_client_for_what_it_sent), RUN(no_error_number_is_success),
      RUN(error_numbers_become_errors), RUN(numbers_of_libuv_become_errors),
      RUN(an_unknown_number_is_a_failed_input_or_output),
      RUN(the_table_is_in_the_order_of_the_enum))
