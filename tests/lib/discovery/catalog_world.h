/* catalog_world.h - a catalog over memory registries, in virtual time, for one test.
 *
 *     TEST(...) {
 *         struct memory_server *a = memory_server("a");
 *         world_open("memory:a", NULL);
 *         ...
 *         world_close();       // asserts that all closed and nothing is left
 *     }
 */
#ifndef TESTS_LIB_DISCOVERY_CATALOG_WORLD_H
#define TESTS_LIB_DISCOVERY_CATALOG_WORLD_H

#include "discovery/catalog.h"
#include "tests/lib/discovery/registry_memory.h"

struct world {
    struct loop loop;
    struct random random;
    struct catalog *catalog;
    struct catalog_settings settings;
    const char *urls[8];
    unsigned changes;
    unsigned names_changes;
    unsigned forgotten;
    bool closed;
    struct why why;
};

extern struct world world;

/* Forgets what a test before may have set; world.settings may be changed after it. */
void world_begin(void);
/* Opens the catalog with these URLs, up to a NULL. */
void world_open(const char *url, ...);
enum err world_try_open(const char *url, ...);
enum err world_reload(const char *url, ...);
void world_close(void);
void world_passes(uint64_t ms);

/* Wants a service and lets a little time pass. */
void world_want(const char *service);
/* The instances of the present list as "id id id", sorted by index; "?" without a list. Then, if
 * so: " suspect", " unknown", " unanswered". */
const char *world_list(const char *service);
const struct instance *world_find(const char *service, const char *id);

#endif
