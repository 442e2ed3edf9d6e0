/* sandbox_parts.h - between the files of the sandbox. */
#ifndef SIDECAR_SANDBOX_PARTS_H
#define SIDECAR_SANDBOX_PARTS_H

#include <linux/filter.h>

#include "sidecar/sandbox.h"

/* The measures. `state` is what is said of it. ERR_UNSUPPORTED: this kernel, or who started us, does not let us. */
enum err sandbox_no_core_files(struct sandbox *s, char *state, struct why *w);
enum err sandbox_hide_memory(struct sandbox *s, char *state, struct why *w);
enum err sandbox_no_new_privs(struct sandbox *s, char *state, struct why *w);
enum err sandbox_drop_capabilities(struct sandbox *s, char *state, struct why *w);
enum err sandbox_confine(struct sandbox *s, char *state, struct why *w);
enum err sandbox_filter_calls(struct sandbox *s, char *state, struct why *w);

/* sandbox_places.c: what the settings need. `ports` may be NULL: those of a reload are the ones there are. */
void sandbox_places_make(struct sandbox_places *p, enum sandbox_mode mode,
                         const struct settings *settings, const struct ports *ports);
/* What can't be made any more once we are confined. */
void sandbox_make_folders(const struct settings *settings);
/* Without links, as far as it is there; the rest as written. */
void sandbox_place_add(struct sandbox_places *p, const char *path, unsigned rights);
bool sandbox_places_cover(const struct sandbox_places *p,
                          const struct sandbox_place *one);
void sandbox_places_fini(struct sandbox_places *p);

/* sandbox_calls.c: the filter as a program; its length, or 0: `size` is too small. */
unsigned sandbox_calls_program(struct sock_filter *program, unsigned size);

#endif
