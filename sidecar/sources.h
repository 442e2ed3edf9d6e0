/* sources.h - from settings to what the catalog asks for: registry URLs, static instances, where state is kept.
 *
 * Owns what it made; lent to the catalog until the next one is in force.
 */
#ifndef SIDECAR_SOURCES_H
#define SIDECAR_SOURCES_H

#include "discovery/catalog.h"
#include "sidecar/settings.h"

struct sources {
    struct catalog_settings catalog;
    struct settings *settings; /* a reference */
    struct memory memory;
};

/* Where files are kept; copies in `m`, or NULL: no memory, or there is none. */
const char *sources_runtime_dir(struct memory *m);
const char *sources_state_dir(const struct settings *settings, struct memory *m);

enum err sources_make(struct sources *s, struct settings *settings, struct why *w);
void sources_fini(struct sources *s);

#endif
