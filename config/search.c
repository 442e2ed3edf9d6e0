#include "config/search.h"

#include <ctype.h>
#include <stdio.h>

#include "sidecar/core/log.h"

static bool each(const struct field *fields, const char *prefix,
                 bool (*visit)(const struct setting *s, void *data), void *data)
{
    for (const struct field *f = fields; f->key; f++) {
        struct setting s = {.field = f};

        snprintf(s.path, sizeof(s.path), "%s%s%s", prefix,
                 prefix[0] && f->key[0] ? "." : "", f->key);
        if (f->kind == FIELD_GROUP && each(f->fields, s.path, visit, data))
            return true;
        if (f->kind <= FIELD_TEXTS && visit(&s, data))
            return true;
    }
    return false;
}

void variable_name(char out[NAME_SIZE], const char *path)
{
    char *c = out;

    snprintf(out, NAME_SIZE, VARIABLE "%s", path);
    for (; *c; c++)
        *c = *c == '.' ? '_' : (char)toupper((unsigned char)*c);
}

void flag_name(char out[NAME_SIZE], const char *path)
{
    char *c = out;

    snprintf(out, NAME_SIZE, "--%s", path);
    for (; *c; c++)
        *c = *c == '.' || *c == '_' ? '-' : *c;
}

void search_offer(struct search *s, struct slice known)
{
    nearest_offer(&s->near, slice_after(known, strlen(s->prefix)));
}

static bool search_visit(const struct setting *s, void *data)
{
    struct search *search = data;
    char name[NAME_SIZE];

    search->name_of(name, s->path);
    search_offer(search, slice_of(name));
    if (!slice_is(search->name, name))
        return false;
    search->found = *s;
    return true;
}

void search_init(struct search *s, struct slice name, const char *prefix,
                 void (*name_of)(char out[NAME_SIZE], const char *path))
{
    *s = (struct search){.name = name, .prefix = prefix, .name_of = name_of};
    nearest_init(&s->near, slice_after(name, strlen(prefix)));
}

enum err search_refuse(const struct search *s, struct why *w, const char *what)
{
    const char *near = nearest_found(&s->near);
    char shown[NAME_SIZE];

    log_quote(shown, sizeof(shown), s->name);
    if (near)
        return why(w, ERR_BAD_CONFIG, "%s: %s (did you mean \"%s%s\"?)", shown, what,
                   s->prefix, near);
    return why(w, ERR_BAD_CONFIG, "%s: %s", shown, what);
}

bool search_each(const struct field *fields,
                 bool (*visit)(const struct setting *s, void *data), void *data)
{
    return each(fields, "", visit, data);
}

bool search_run(struct search *s, const struct field *fields)
{
    return each(fields, "", search_visit, s);
}

struct by_path {
    const char *path;
    struct setting found;
};

static bool by_path_visit(const struct setting *s, void *data)
{
    struct by_path *by = data;

    if (strcmp(s->path, by->path) != 0)
        return false;
    by->found = *s;
    return true;
}

bool search_path(const struct field *fields, const char *path, struct setting *found)
{
    struct by_path by = {.path = path};
    bool there = each(fields, "", by_path_visit, &by);

    *found = by.found;
    return there;
}
