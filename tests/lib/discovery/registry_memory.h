/* registry_memory.h - a registry that does what a test tells it: "memory:NAME".
 *
 * The server is a struct a test scripts: it can be away, forget all, be slow or silent, say
 * what it likes. Works on the loop's clock alone, so a test may use virtual time.
 */
#ifndef TESTS_LIB_DISCOVERY_REGISTRY_MEMORY_H
#define TESTS_LIB_DISCOVERY_REGISTRY_MEMORY_H

#include "discovery/registry.h"

struct memory_server {
    char name[16];
    bool away;         /* everything fails with ERR_UNAVAILABLE */
    bool silent;       /* nothing is answered */
    bool unsupporting; /* watches cannot be: ERR_UNSUPPORTED */
    bool whole_lists;  /* changes come as lists, not as adds and removes */
    uint64_t delay_ms; /* of each answer */
    enum authority authority;
    unsigned watches, names_watches, puts, renews, removes, opened, closed;
    struct list records;
    struct list clients;
};

extern const struct registry_ops registry_memory;
/* For registry_environment.backends. */
extern const struct registry_ops *const memory_backends[];

/* The server of that name, made when it is not there. */
struct memory_server *memory_server(const char *name);
/* Frees all servers; before each test. */
void memory_reset(void);

/* Another process registers or leaves; watches hear of it. */
void memory_put(struct memory_server *s, const char *service, const char *id,
                const char *address);
void memory_drop(struct memory_server *s, const char *service, const char *id);
bool memory_has(const struct memory_server *s, const char *service, const char *id);
/* It goes away: all watches fail. Healing is just away = false. */
void memory_break(struct memory_server *s);
/* It loses its memory, silently. */
void memory_forget(struct memory_server *s);
/* All watches of the service are given this list, whatever the server knows. */
void memory_say(struct memory_server *s, const char *service,
                const struct instance *instances, uint32_t count,
                enum authority authority);
/* All watches of the service are given what the server has now. */
void memory_repeat(struct memory_server *s, const char *service);

#endif
