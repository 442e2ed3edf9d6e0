#include "sidecar/sources.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "sidecar/core/log.h"

enum { COALESCE_MS = 20, PATH_SIZE = 512 };

static enum err fill_static(struct sources *s)
{
    const struct service_entry *entries = s->settings->services.base;
    struct static_service *all =
        memory_take(&s->memory, sizeof(*all) * (s->settings->services.count + 1));
    unsigned *count = &s->catalog.environment.static_count;

    s->catalog.environment.static_services = all;
    if (!all)
        return ERR_NO_MEMORY;
    for (unsigned i = 0; i < s->settings->services.count; i++)
        if (entries[i].instances.count > 0)
            all[(*count)++] = (struct static_service){
                entries[i].name, entries[i].instances.base, entries[i].instances.count};
    return ERR_OK;
}

static const char *join(struct memory *m, const char *a, const char *b)
{
    char path[PATH_SIZE];

    if (snprintf(path, sizeof(path), "%s%s", a, b) >= (int)sizeof(path))
        return NULL;
    return memory_copy(m, slice_of(path));
}

const char *sources_runtime_dir(struct memory *m)
{
    const char *xdg = getenv("XDG_RUNTIME_DIR");
    char fallback[64];

    if (xdg && *xdg == '/') /* a relative one is none (XDG Base Directory) */
        return join(m, xdg, "/csidecar");
    snprintf(fallback, sizeof(fallback), "/tmp/csidecar-%u", (unsigned)getuid());
    return memory_copy(m, slice_of(fallback));
}

const char *sources_state_dir(const struct settings *settings, struct memory *m)
{
    const char *xdg = getenv("XDG_STATE_HOME"), *home = getenv("HOME");

    if (settings->state.dir)
        return settings->state.dir;
    if (xdg && *xdg == '/')
        return join(m, xdg, "/csidecar");
    return home && *home ? join(m, home, "/.local/state/csidecar") : NULL;
}

/* All its parents too; ERR_IO where it can't be had. */
static enum err make_dirs(const char *dir)
{
    char path[PATH_SIZE];

    snprintf(path, sizeof(path), "%s", dir);
    for (char *at = strchr(path + 1, '/'); at; at = strchr(at + 1, '/')) {
        *at = '\0';
        mkdir(path, 0700);
        *at = '/';
    }
    mkdir(path, 0700);
    return access(path, W_OK) ? ERR_IO : ERR_OK;
}

/* One file per name, so that sidecars of one user do not overwrite each other's. Not writable: off, and said. */
static const char *state_file(struct sources *s)
{
    const char *dir = sources_state_dir(s->settings, &s->memory);
    char name[SERVICE_NAME_LIMIT + 16];

    if (s->settings->state.max_age == 0 || !dir)
        return NULL;
    if (make_dirs(dir)) {
        log_warn("state.off", "dir=%s reason=\"%s\"", dir, strerror(errno));
        return NULL;
    }
    snprintf(name, sizeof(name), "/%s.json", s->settings->name);
    return join(&s->memory, dir, name);
}

enum err sources_make(struct sources *s, struct settings *settings, struct why *w)
{
    enum err e;

    *s = (struct sources){.settings = settings_ref(settings)};
    s->catalog = (struct catalog_settings){
        .urls = settings->registry.url.items,
        .count = settings->registry.url.count,
        .state_max_age_ms = settings->state.max_age,
        .coalesce_ms = COALESCE_MS,
        .first_only = settings->registry.resolve == RESOLVE_FIRST,
        .environment.token = settings->registry.secret,
        .environment.tls = settings->registry.tls,
        .environment.token_file = settings->registry.token_file,
    };
    s->catalog.environment.runtime_dir = sources_runtime_dir(&s->memory);
    s->catalog.state_file = state_file(s);
    e = s->catalog.environment.runtime_dir ? fill_static(s) : ERR_NO_MEMORY;
    return e ? why(w, e, "out of memory") : ERR_OK;
}

void sources_fini(struct sources *s)
{
    memory_free(&s->memory);
    settings_unref(s->settings);
    *s = (struct sources){0};
}
