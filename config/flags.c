/* Flags, written over the tree of file and environment. */
#include <stdio.h>

#include "config/search.h"
#include "config/settings.h"
#include "sidecar/core/log.h"

/* One flag as it stands in argv. */
struct flag {
    struct slice name;     /* "--port" */
    struct slice value;    /* base NULL: none yet */
    bool negative;         /* --no-... */
    char shown[NAME_SIZE]; /* for messages */
};

struct flags {
    struct tree *tree;
    const struct field *fields;
    const struct alias *aliases;
    int argc;
    char *const *argv;
    int *at;
    struct why *why;
};

static struct flag flag_read(const char *argument)
{
    struct slice all = slice_of(argument);
    size_t equals = slice_find(all, '=');
    struct flag f = {.name = slice_first(all, equals)};

    if (equals < all.size)
        f.value = slice_after(all, equals + 1);
    log_quote(f.shown, sizeof(f.shown), f.name);
    return f;
}

static const char *alias_path(const struct alias *a, struct search *s)
{
    for (; a && a->flag; a++) {
        search_offer(s, slice_of(a->flag));
        if (slice_is(s->name, a->flag))
            return a->path;
    }
    return NULL;
}

static struct setting flag_find(const struct flags *f, struct search *s)
{
    const char *path = alias_path(f->aliases, s);

    if (path)
        search_path(f->fields, path, &s->found);
    else
        search_run(s, f->fields);
    return s->found;
}

/* --no-log-access, where no setting is called no-log-access. */
static struct setting flag_find_negative(const struct flags *f, struct flag *flag)
{
    char name[NAME_SIZE];
    struct search s;
    struct setting found = {NULL, ""};

    if (!slice_starts_with(flag->name, SLICE("--no-")))
        return found;
    snprintf(name, sizeof(name), "--%.*s",
             (int)(flag->name.size - 5 < 100 ? flag->name.size - 5 : 100),
             flag->name.base + 5);
    search_init(&s, slice_of(name), "--", flag_name);
    found = flag_find(f, &s);
    flag->negative = found.field && found.field->kind == FIELD_BOOL;
    return flag->negative ? found : (struct setting){NULL, ""};
}

static enum err flag_refuse(const struct flags *f, const struct flag *flag,
                            const char *reason)
{
    return why(f->why, ERR_BAD_CONFIG, "%s: %s", flag->shown, reason);
}

/* The next argument, unless it is a flag itself. */
static enum err flag_value(const struct flags *f, struct flag *flag)
{
    const char *next = *f->at < f->argc ? f->argv[*f->at] : NULL;

    if (flag->value.base)
        return ERR_OK;
    if (!next || (next[0] == '-' && next[1] == '-'))
        return flag_refuse(f, flag, "needs a value");
    flag->value = slice_of(next);
    ++*f->at;
    return ERR_OK;
}

static enum err bool_value(const struct flags *f, struct flag *flag)
{
    if (flag->negative && flag->value.base)
        return flag_refuse(f, flag, "takes no value");
    if (!flag->value.base)
        flag->value = flag->negative ? SLICE("false") : SLICE("true");
    return ERR_OK;
}

/* The same flag twice, for a list: both. */
static enum err list_add(const struct flags *f, const struct setting *s,
                         const struct flag *flag)
{
    const struct node *before = node_at(f->tree->root, s->path);
    char separator = s->field->flags & FIELD_URL ? ' ' : ',';
    struct text both = {.limit = 64 * 1024};
    enum err e;

    if (!before || before->kind != NODE_SCALAR ||
        strcmp(before->origin, flag->shown) != 0)
        return tree_set(f->tree, s->path, flag->value, flag->shown, false, f->why);
    text_add(&both, before->text);
    text_addf(&both, "%c", separator);
    text_add(&both, flag->value);
    e = both.failed
            ? flag_refuse(f, flag, "too long")
            : tree_set(f->tree, s->path, text_slice(&both), flag->shown, false, f->why);
    text_fini(&both);
    return e;
}

static enum err flag_apply(const struct flags *f, const struct setting *s,
                           struct flag *flag)
{
    enum err e = s->field->kind == FIELD_BOOL ? bool_value(f, flag) : flag_value(f, flag);

    if (e)
        return e;
    if (!flag->value.size && s->field->kind != FIELD_TEXTS)
        return flag_refuse(f, flag, "needs a value");
    if (s->field->kind == FIELD_TEXTS)
        return list_add(f, s, flag);
    return tree_set(f->tree, s->path, flag->value, flag->shown, false, f->why);
}

static bool is_flow(struct slice value)
{
    return value.size && strchr("[{\"'", value.base[0]);
}

/* --set path=value. `--set=path=value` too. */
static enum err set_apply(const struct flags *f, struct flag *flag)
{
    enum err e = flag_value(f, flag);
    char path[1024];
    size_t equals;

    if (e)
        return e;
    equals = slice_find(flag->value, '=');
    if (equals == flag->value.size || equals >= sizeof(path))
        return flag_refuse(f, flag, "must be path=value");
    memcpy(path, flag->value.base, equals);
    path[equals] = 0;
    flag->value = slice_after(flag->value, equals + 1);
    return tree_set(f->tree, path, flag->value, "--set", is_flow(flag->value), f->why);
}

static enum err flag_take(const struct flags *f, struct flag *flag)
{
    struct search s;
    struct setting found;

    if (slice_is(flag->name, "--set"))
        return set_apply(f, flag);
    search_init(&s, flag->name, "--", flag_name);
    search_offer(&s, SLICE("--set"));
    found = flag_find(f, &s);
    if (!found.field)
        found = flag_find_negative(f, flag);
    return found.field ? flag_apply(f, &found, flag)
                       : search_refuse(&s, f->why, "unknown flag");
}

static bool is_flag(const char *argument)
{
    return argument[0] == '-' && argument[1] && strcmp(argument, "--") != 0;
}

enum err settings_flags(struct tree *t, const struct field *fields,
                        const struct alias *aliases, int argc, char *const argv[],
                        int *at, struct why *w)
{
    struct flags f = {t, fields, aliases, argc, argv, at, w};
    enum err e = ERR_OK;

    while (!e && *at < argc && is_flag(argv[*at])) {
        struct flag flag = flag_read(argv[(*at)++]);

        e = flag_take(&f, &flag);
    }
    return e;
}
