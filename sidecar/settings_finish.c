#include "sidecar/settings_finish.h"

#include <signal.h>
#include <stdarg.h>
#include <stdio.h>

#include "discovery/registry.h"

enum err settings_refuse(struct finish *f, const char *path, const char *format, ...)
{
    char reason[512];
    va_list arguments;

    va_start(arguments, format);
    vsnprintf(reason, sizeof(reason), format, arguments);
    va_end(arguments);
    why(f->why, ERR_BAD_CONFIG, "%s", reason);
    settings_why_at(f->why, f->root, path);
    return ERR_BAD_CONFIG;
}

enum err settings_no_memory(struct finish *f)
{
    return why(f->why, ERR_NO_MEMORY, "out of memory");
}

bool settings_written(const struct finish *f, const char *path)
{
    const struct node *n = f->root ? node_at(f->root, path) : NULL;

    return n && !node_is_null(n);
}

/* The words after "--" in place of run.command. */
static enum err take_command(struct finish *f)
{
    struct texts *command = &f->settings->run.command;
    unsigned count = 0;

    if (!f->command || !f->command[0])
        return ERR_OK;
    while (f->command[count])
        count++;
    *command = (struct texts){
        memory_take(&f->settings->memory, count * sizeof(*command->items)), 0};
    if (!command->items)
        return settings_no_memory(f);
    for (; command->count < count; command->count++) {
        command->items[command->count] =
            memory_copy(&f->settings->memory, slice_of(f->command[command->count]));
        if (!command->items[command->count])
            return settings_no_memory(f);
    }
    return ERR_OK;
}

enum err settings_finish_run(struct finish *f)
{
    /* The order of the choices in the table. */
    static const int numbers[] = {SIGTERM, SIGINT, SIGQUIT, SIGHUP, SIGUSR1, SIGUSR2};

    f->settings->run.signal_number = numbers[f->settings->run.stop_signal];
    return take_command(f);
}

/* " (there are file, local, mdns)" */
static void list_schemes(const char *const *known, char *out, size_t size)
{
    size_t used = 0;

    for (unsigned i = 0; known[i] && used < size; i++)
        used += (size_t)snprintf(out + used, size - used, "%s%s",
                                 i ? ", " : " (there are ", known[i]);
    if (used < size)
        snprintf(out + used, size - used, ")");
}

static enum err check_scheme(struct finish *f, const char *path, struct slice scheme)
{
    const char *const *known = registry_schemes();
    struct nearest near;
    char shown[64], hint[96];

    nearest_init(&near, scheme);
    for (unsigned i = 0; known[i]; i++) {
        nearest_offer(&near, slice_of(known[i]));
        if (slice_is(scheme, known[i]))
            return ERR_OK;
    }
    if (nearest_found(&near))
        snprintf(hint, sizeof(hint), " (did you mean \"%s\"?)", nearest_found(&near));
    else
        list_schemes(known, hint, sizeof(hint));
    return settings_refuse(f, path, "no registry is called \"%s\"%s",
                           log_quote(shown, sizeof(shown), scheme), hint);
}

/* In a list each has a place of its own; alone, or from a flag, it has not. */
static void url_path(struct finish *f, unsigned index, char out[64])
{
    snprintf(out, 64, "registry.url[%u]", index);
    if (!settings_written(f, out))
        snprintf(out, 64, "registry.url");
}

static enum err finish_url(struct finish *f, unsigned index)
{
    struct registry_settings *r = &f->settings->registry;
    struct registry_url url;
    char path[64];
    enum err e = registry_url_parse(&url, slice_of(r->url.items[index]), f->why);

    url_path(f, index, path);
    if (e) {
        settings_why_at(f->why, f->root, path);
        return e;
    }
    if (!slice_is(url.scheme, "local") && !slice_is(url.scheme, "static") &&
        !slice_is(url.scheme, "file"))
        r->only_local = false;
    e = check_scheme(f, path, url.scheme);
    return e ? e : settings_url_secrets(f, path, &url);
}

enum err settings_finish_registry(struct finish *f)
{
    struct registry_settings *r = &f->settings->registry;
    char ttl[24];
    enum err e = ERR_OK;

    r->only_local = true;
    for (unsigned i = 0; i < r->url.count && !e; i++)
        e = finish_url(f, i);
    if (e)
        return e;
    if (r->heartbeat >= r->ttl)
        return settings_refuse(f, "registry.heartbeat",
                               "must be shorter than the ttl (%s)",
                               duration_format(ttl, r->ttl));
    return ERR_OK;
}

static enum err finish_rest(struct finish *f)
{
    struct settings *s = f->settings;

    if (s->registry.only_local && !settings_written(f, "drain.settle"))
        s->drain.settle = 0;
    for (unsigned i = 0; i < s->compat.count; i++) {
        if (strcmp(s->compat.items[i], "dapr") == 0)
            s->compat_flags |= COMPAT_DAPR;
        if (strcmp(s->compat.items[i], "micro") == 0)
            s->compat_flags |= COMPAT_MICRO;
        if (strcmp(s->compat.items[i], "prana") == 0)
            s->compat_flags |= COMPAT_PRANA;
    }
    return ERR_OK;
}

/* A command would be bound as we are, and next to none can live with that. */
static enum err finish_sandbox(struct finish *f)
{
    const struct settings *s = f->settings;

    for (unsigned i = 0; i < s->app_count && s->sandbox == SANDBOX_STRICT; i++)
        if (s->all_apps[i].health.kind == HEALTH_EXEC)
            return settings_refuse(f, "sandbox",
                                   "strict executes nothing, and health.exec of %s does: "
                                   "auto, or another check",
                                   s->all_apps[i].name);
    return ERR_OK;
}

enum err settings_finish(struct finish *f)
{
    /* clang-format off */
    static enum err (*const steps[])(struct finish *f) = {
        settings_finish_run,
        settings_finish_secrets,
        settings_finish_registry,
        finish_rest,
        settings_finish_name,
        settings_finish_services,
        settings_finish_listeners,
        settings_finish_apps,
        finish_sandbox,
    };
    /* clang-format on */
    enum err e = ERR_OK;

    for (unsigned i = 0; i < sizeof(steps) / sizeof(steps[0]) && !e; i++)
        e = steps[i](f);
    return e;
}
