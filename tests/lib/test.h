/* test.h - cmocka with less ceremony: a test is a sentence.
 *
 *     TEST(pops_what_was_pushed_first)
 *     {
 *         ...
 *     }
 *
 *     TESTS(RUN(pops_what_was_pushed_first), RUN(...))      // last in the file: makes main()
 *
 * TESTS_WITH(setup, teardown, ...) runs setup and teardown around each test.
 */
#ifndef TESTS_LIB_TEST_H
#define TESTS_LIB_TEST_H

/* clang-format off: cmocka.h asks for these first */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
/* clang-format on */

#define TEST(name) static void name(__attribute__((unused)) void **test_state)
#define RUN(name) cmocka_unit_test(name)

#define TESTS(...)                                                                       \
    int main(void)                                                                       \
    {                                                                                    \
        const struct CMUnitTest all_tests[] = {__VA_ARGS__};                             \
        return cmocka_run_group_tests_name(__FILE__, all_tests, NULL, NULL);             \
    }

#define RUN_WITH(name) cmocka_unit_test_setup_teardown(name, test_setup, test_teardown)

#endif
