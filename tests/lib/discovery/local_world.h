/* local_world.h - a runtime directory for the `local` registry, and files others put into it. */
#ifndef TESTS_LIB_DISCOVERY_LOCAL_WORLD_H
#define TESTS_LIB_DISCOVERY_LOCAL_WORLD_H

#include "discovery/registry.h"

/* Makes a runtime directory; its path. */
const char *local_world_begin(void);
/* Removes it with all that is in it, and lets go of what was written. */
void local_world_end(void);
/* A shell command in it. */
void local_world_run(const char *command);
/* The path of a file in it; until the next call. */
const char *local_world_path(const char *name);
/* A file of `service`, locked as a living writer's would be; returns its fd, which stays open. */
int local_world_write(const char *service, unsigned n, struct slice bytes);
/* Odd things under the name of a record; false when there are no more. */
bool local_world_odd(const char *service, unsigned n);

#endif
