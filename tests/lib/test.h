/* test.h - cmocka with less ceremony: a test is a sentence.
 *
 *     TEST(pops_what_was_pushed_first)
 *     {
 *         ...
 *     }
 *
 *     TESTS(RUN(pops_what_was_pushed_first), RUN(...))      // last in the file: main()
 *
 * RUN_WITH(name) runs the file's test_setup() and test_teardown() around the test.
 */
#ifndef TESTS_LIB_TEST_H
#define TESTS_LIB_TEST_H

/* cmocka.h asks for these first. */
/* clang-format off */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
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
