/* served.h - the conformance suite against a server that Python runs: tests/registries/<name>.py.
 *
 *     static const struct conformance etcd = {.name = "conformance: etcd", .ttl_ms = 2000, SERVED};
 *     int main(void) { return served_conformance("etcd", &etcd); }
 *
 * The server is started once, before the first test, and emptied before each; it ends with this process, however
 * that ends. What its class does not define is left out of the suite. A server that cannot be started is a failure,
 * and what it said is in the output.
 *
 * An adapter with more to set up (a token) names its own set_up behind SERVED and calls served_set_up() in it. The
 * loop stands still while the server is restarted.
 */
#ifndef TESTS_LIB_DISCOVERY_SERVED_H
#define TESTS_LIB_DISCOVERY_SERVED_H

#include "tests/discovery/conformance.h"

#define SERVED .set_up = served_set_up, .tear_down = served_tear_down, .url = served_url

/* The rest of the functions is filled in where the adapter says none and the server can. */
int served_conformance(const char *name, const struct conformance *adapter);

void served_set_up(struct loop *l, struct registry_environment *environment);
void served_tear_down(void);
const char *served_url(void);

/* For an adapter's own functions. Asks serve.py one line; true for "ok", false for "no", else the test fails. */
bool served_ask(const char *format, ...) __attribute__((format(printf, 1, 2)));

#endif
