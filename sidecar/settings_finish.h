/* settings_finish.h - what decoding cannot check, and what is derived. Within
 * sidecar/settings*.c.
 *
 * Each step works on settings that were decoded and not yet shared, and stops at the
 * first thing it refuses, named with its place.
 */
#ifndef SIDECAR_SETTINGS_FINISH_H
#define SIDECAR_SETTINGS_FINISH_H

#include "discovery/registry.h"
#include "sidecar/settings.h"

struct finish {
    struct settings *settings;
    const struct node *root; /* what was written; may be NULL */
    char *const *command;    /* words after "--"; may be NULL */
    struct why *why;
};

enum err settings_finish(struct finish *f);
/* The steps, in their order. */
enum err settings_finish_run(struct finish *f);
enum err settings_finish_secrets(struct finish *f);
enum err settings_finish_name(struct finish *f);
enum err settings_finish_services(struct finish *f);
enum err settings_finish_apps(struct finish *f);
enum err settings_finish_listeners(struct finish *f);
enum err settings_finish_registry(struct finish *f);
/* Those of one URL of a registry, that stood at `path`. */
enum err settings_url_secrets(struct finish *f, const char *path,
                              const struct registry_url *url);
/* Of one app: `app` or `apps[2]`. */
enum err settings_finish_endpoints(struct finish *f, struct app_settings *a,
                                   const char *path);

/* Refuses what stands at `path`. */
__attribute__((format(printf, 3, 4))) enum err
settings_refuse(struct finish *f, const char *path, const char *format, ...);
enum err settings_no_memory(struct finish *f);
bool settings_written(const struct finish *f, const char *path);

/* `texts` as addresses; `port` not 0: in place of theirs. */
enum err settings_listen(struct finish *f, const char *path, const struct texts *texts,
                         uint32_t port, struct listen_addresses *out);
/* Can both not be listened on at once? */
bool settings_conflict(const struct address *a, const struct address *b);

#endif
