/* loops.h - running a real loop in a test: until something happened, never for some time.
 */
#ifndef TESTS_LIB_TRANSPORT_LOOPS_H
#define TESTS_LIB_TRANSPORT_LOOPS_H

#include "transport/loop.h"

/* Turns the loop until *happened; the test fails when it does not within 5 s. */
void loop_until(struct loop *l, const bool *happened);
/* The same for a question. */
void loop_until_true(struct loop *l, bool (*happened)(void *context), void *context);
/* The same with a limit of its own. */
void loop_until_within(struct loop *l, bool (*happened)(void *context), void *context,
                       uint64_t limit_ms);
/* A few turns that do not wait: enough for all that is ready to be seen. */
void loop_settle(struct loop *l);

#endif
