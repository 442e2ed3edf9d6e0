#include "sidecar/settings.h"

#include <stdlib.h>
#include <unistd.h>

#include "sidecar/settings_finish.h"

/* What `run` gives its child: not settings of a csidecar that the child starts. */
static const char *const not_settings[] = {"CSIDECAR_URL", "CSIDECAR_ADMIN_URL", NULL};

struct settings *settings_ref(struct settings *s)
{
    __atomic_add_fetch(&s->references, 1, __ATOMIC_RELAXED);
    return s;
}

void settings_unref(struct settings *s)
{
    if (!s || __atomic_sub_fetch(&s->references, 1, __ATOMIC_ACQ_REL))
        return;
    memory_free(&s->memory);
    free(s);
}

static enum err settings_make(struct settings **out, const struct node *root,
                              char *const *command, struct why *w)
{
    struct settings *s = calloc(1, sizeof(*s));
    struct finish f = {.settings = s, .root = root, .command = command, .why = w};
    enum err e;

    if (!s)
        return why(w, ERR_NO_MEMORY, "out of memory");
    s->references = 1;
    e = settings_decode(settings_fields, root, s, &s->memory, w);
    if (!e)
        e = settings_finish(&f);
    if (e) {
        settings_unref(s);
        return e;
    }
    *out = s;
    return ERR_OK;
}

static const char *variable(char *const *environment, const char *name)
{
    size_t size = strlen(name);

    for (; environment && *environment; environment++)
        if (strncmp(*environment, name, size) == 0 && (*environment)[size] == '=' &&
            (*environment)[size + 1])
            return *environment + size + 1;
    return NULL;
}

static enum err flags(struct tree *t, const struct settings_input *in, int *at,
                      struct why *w)
{
    *at = in->at;
    return settings_flags(t, settings_fields, settings_aliases, in->argc, in->argv, at,
                          w);
}

/* The flag would hide it. */
static enum err refuse_config(struct tree *t, struct why *w)
{
    if (!node_at(t->root, "config"))
        return ERR_OK;
    why(w, ERR_BAD_CONFIG, "cannot be set in a file: use its flag or variable");
    settings_why_at(w, t->root, "config");
    return ERR_BAD_CONFIG;
}

static enum err read_named(struct tree *t, const char *file, struct why *w)
{
    enum err e = tree_read(t, file, w);

    return e ? e : refuse_config(t, w);
}

static enum err read_file(struct tree *t, const struct settings_input *in,
                          const char *asked, struct why *w)
{
    const char *file = asked ? asked : variable(in->environment, "CSIDECAR_CONFIG");
    enum err e;

    if (file)
        return read_named(t, file, w);
    if (!in->file || access(in->file, F_OK) != 0)
        return ERR_OK;
    e = read_named(t, in->file, w);
    return e ? e : tree_set(t, "config", slice_of(in->file), in->file, false, w);
}

/* The flags are read twice: first for --config alone, then over the file it names. */
static enum err read_asked(struct tree *t, const struct settings_input *in, struct why *w)
{
    struct tree flagged = {0};
    int at;
    enum err e = flags(&flagged, in, &at, w);
    const struct node *config = e ? NULL : node_at(flagged.root, "config");

    if (!e)
        e = read_file(t, in, config && config->text.size ? config->text.base : NULL, w);
    tree_free(&flagged);
    return e;
}

static enum err read_all(struct tree *t, struct settings_input *in, int *at,
                         struct why *w)
{
    enum err e = read_asked(t, in, w);

    if (!e && in->environment)
        e = settings_environment(t, settings_fields, in->environment, not_settings, w);
    return e ? e : flags(t, in, at, w);
}

enum err settings_load(struct settings **out, struct settings_input *in, struct why *w)
{
    struct tree t = {0};
    int at = in->at;
    enum err e = read_all(&t, in, &at, w);

    *out = NULL;
    if (!e)
        e = settings_make(out, t.root, in->command, w);
    tree_free(&t);
    if (!e)
        in->at = at;
    return e;
}

enum err settings_reload(struct settings **out, const struct settings *old,
                         struct settings_input *in, struct why *w)
{
    struct settings_input again = *in;
    char path[128];
    enum err e = settings_load(out, &again, w);

    if (e || !settings_start_only_differs(settings_fields, old, *out, path, sizeof(path)))
        return e;
    settings_unref(*out);
    *out = NULL;
    return why(w, ERR_BAD_CONFIG, "%s: changing it needs a restart", path);
}

enum err settings_parse(struct settings **out, struct slice yaml, const char *origin,
                        struct why *w)
{
    struct tree t = {0};
    enum err e = tree_parse(&t, yaml, origin, w);

    *out = NULL;
    if (!e)
        e = settings_make(out, t.root, NULL, w);
    tree_free(&t);
    return e;
}
