/* conformance.h - the one suite that every registry backend must pass.
 *
 *     static const struct conformance local = {.url = local_url, .set_up = ..., ...};
 *     int main(void) { return conformance_run(&local); }
 *
 * The backend is opened twice: as `us`, whose callbacks are looked at, and as another process, who registers.
 * Its abilities decide what is tested. All waiting is for a condition, on a real loop; an adapter should make
 * times short (ttl_ms). A function that is NULL: the backend has no such thing, those tests are skipped.
 *
 * Checked besides: no callback from inside a call, one lease_done() for each operation, silence after unwatch()
 * and close(), nothing left open on the loop.
 */
#ifndef TESTS_DISCOVERY_CONFORMANCE_H
#define TESTS_DISCOVERY_CONFORMANCE_H

#include "discovery/registry.h"

struct conformance {
    const char *name;
    /* A fresh, empty registry: starts its server or makes its folder. The loop is not running. */
    void (*set_up)(struct loop *l, struct registry_environment *environment);
    void (*tear_down)(void);
    /* The URL to open; asked after set_up(). */
    const char *(*url)(void);
    /* Of the leases; heartbeats are a third of it. 0: 300 ms. */
    uint64_t ttl_ms;
    /* Longest time until a change must have been seen. 0: 5 s. */
    uint64_t patience_ms;

    /* For backends that cannot write: another makes `service` have exactly these (whole list), or none.
     * NULL with count 0 for a backend whose lists cannot change after open (static). */
    void (*publish)(const char *service, const struct instance *instances,
                    uint32_t count);
    /* The registry cannot be reached; then again. */
    void (*go_away)(void);
    void (*come_back)(void);
    /* It restarts and has lost all. */
    void (*lose_all)(void);
    /* Puts the n-th hostile record under `service`; false: there are no more. `good` may be in the same place
     * (a file): it must go on being found. */
    bool (*be_hostile)(unsigned n, const char *service);
    /* A record is lost when this long not renewed plus patience; false for registries with sweeps of minutes. */
    bool expires_slowly;
    /* It knows addresses and nothing else: an instance's id is its address (DNS). */
    bool addresses_only;
};

int conformance_run(const struct conformance *c);

#endif
