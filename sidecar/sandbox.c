#include "sidecar/sandbox.h"

#include <stdio.h>

#include "sidecar/core/log.h"
#include "sidecar/sandbox_parts.h"

/* In this order: what comes later keeps what comes before from being undone, or asks for it. */
static const struct measure {
    const char *name;
    enum sandbox_mode from; /* this mode on */
    bool is_inherited;      /* by commands that are executed */
    enum err (*apply)(struct sandbox *s, char *state, struct why *w);
} measures[SANDBOX_MEASURES] = {
    {"core_files",   SANDBOX_AUTO,   false, sandbox_no_core_files    },
    {"memory",       SANDBOX_STRICT, false, sandbox_hide_memory      },
    {"no_new_privs", SANDBOX_AUTO,   true,  sandbox_no_new_privs     },
    {"capabilities", SANDBOX_AUTO,   true,  sandbox_drop_capabilities},
    {"landlock",     SANDBOX_AUTO,   true,  sandbox_confine          },
    {"seccomp",      SANDBOX_STRICT, true,  sandbox_filter_calls     },
};

static bool is_wanted(const struct sandbox *s, const struct measure *m)
{
    if (s->mode < m->from)
        return false;
    return !m->is_inherited || !s->runs_commands || s->mode == SANDBOX_STRICT;
}

static enum err apply(struct sandbox *s, const struct measure *m, char *state,
                      struct why *w)
{
    enum err e;

    snprintf(state, SANDBOX_STATE, "off");
    if (!is_wanted(s, m))
        return ERR_OK;
    e = m->apply(s, state, w);
    if (!e)
        return ERR_OK;
    snprintf(state, SANDBOX_STATE, "unavailable");
    if (s->mode != SANDBOX_STRICT)
        return ERR_OK;
    why_in(w, "sandbox: strict: %s", m->name);
    return e;
}

static bool has_exec_check(const struct settings *settings)
{
    for (unsigned i = 0; i < settings->app_count; i++)
        if (settings->all_apps[i].health.kind == HEALTH_EXEC)
            return true;
    return false;
}

void sandbox_say(const struct sandbox *s)
{
    char line[SANDBOX_MEASURES * (SANDBOX_STATE + 24)] = "";
    size_t size = 0;

    for (unsigned i = 0; i < SANDBOX_MEASURES && size < sizeof(line); i++)
        size += (size_t)snprintf(line + size, sizeof(line) - size, " %s=%s",
                                 measures[i].name, s->states[i]);
    log_info("sandbox", "mode=%s%s%s", settings_sandbox_name(s->mode), line,
             s->mode == SANDBOX_AUTO && s->runs_commands
                 ? " note=\"a command checks an app: it is not to be bound\""
                 : "");
}

enum err sandbox_close(struct sandbox *s, const struct settings *settings,
                       const struct ports *ports, bool has_child, struct why *w)
{
    enum err e = ERR_OK;

    *s = (struct sandbox){
        .mode = (enum sandbox_mode)settings->sandbox,
        .has_child = has_child,
        .runs_commands = has_exec_check(settings),
    };
    if (s->mode == SANDBOX_STRICT)
        sandbox_make_folders(settings);
    sandbox_places_make(&s->places, s->mode, settings, ports);
    if (s->places.failed)
        return why(w, ERR_NO_MEMORY, "out of memory");
    for (unsigned i = 0; i < SANDBOX_MEASURES && !e; i++)
        e = apply(s, &measures[i], s->states[i], w);
    return e;
}

static enum err check_places(const struct sandbox *s, const struct sandbox_places *wanted,
                             struct why *w)
{
    if (wanted->failed)
        return why(w, ERR_NO_MEMORY, "out of memory");
    for (unsigned i = 0; i < wanted->count; i++)
        if (!sandbox_places_cover(&s->places, &wanted->items[i]))
            return why(w, ERR_BAD_CONFIG,
                       "%s is out of reach since the sandbox was closed: it needs a "
                       "restart (sandbox: %s)",
                       wanted->items[i].path, settings_sandbox_name(s->mode));
    return ERR_OK;
}

enum err sandbox_allows(const struct sandbox *s, const struct settings *settings,
                        struct why *w)
{
    struct sandbox_places wanted = {0};
    enum err e;

    if (!s->is_confined)
        return ERR_OK;
    if (has_exec_check(settings) && !s->runs_commands)
        log_warn(
            "sandbox.binds_commands",
            "reason=\"the sandbox was closed before health.exec was set: its command "
            "can write next to nothing until a restart\"");
    sandbox_places_make(&wanted, s->mode, settings, NULL);
    e = check_places(s, &wanted, w);
    sandbox_places_fini(&wanted);
    return e;
}

void sandbox_fini(struct sandbox *s)
{
    sandbox_places_fini(&s->places);
}

json_t *sandbox_json(const struct sandbox *s)
{
    json_t *out = json_pack("{s:s}", "mode", settings_sandbox_name(s->mode));

    for (unsigned i = 0; out && i < SANDBOX_MEASURES; i++)
        json_object_set_new(out, measures[i].name, json_string(s->states[i]));
    return out;
}
