#include "config/place.h"

#include <stdio.h>
#include <stdlib.h>

#include "sidecar/core/log.h"

static bool needs_quotes(struct slice key)
{
    return key.size == 0 || memchr(key.base, '.', key.size) ||
           memchr(key.base, '[', key.size) || memchr(key.base, '"', key.size);
}

static void add(char out[PLACE_SIZE], const char *text)
{
    size_t used = strlen(out);

    snprintf(out + used, PLACE_SIZE - used, "%s", text);
}

static void add_key(char out[PLACE_SIZE], struct slice key)
{
    char safe[128];

    log_quote(safe, sizeof(safe), key);
    if (out[0])
        add(out, ".");
    if (needs_quotes(key))
        add(out, "\"");
    add(out, safe);
    if (needs_quotes(key))
        add(out, "\"");
}

static void add_place(char out[PLACE_SIZE], const struct place *at)
{
    char index[16];

    if (!at)
        return;
    add_place(out, at->up);
    if (at->key.base) {
        add_key(out, at->key);
        return;
    }
    snprintf(index, sizeof(index), "[%u]", at->index);
    add(out, index);
}

const char *place_format(char out[PLACE_SIZE], const struct place *at)
{
    out[0] = 0;
    add_place(out, at);
    return out;
}

static void why_from(struct why *w, const char *origin, unsigned line, unsigned column,
                     const char *path)
{
    if (path[0])
        why_in(w, "%s", path);
    if (line)
        why_in(w, "%s:%u:%u", origin, line, column);
    else
        why_in(w, "%s", origin);
}

void place_why(struct why *w, const struct node *n, const struct place *at)
{
    char path[PLACE_SIZE];

    why_from(w, n->origin, n->line, n->column, place_format(path, at));
}

void place_why_key(struct why *w, const struct node *n, const struct place *at)
{
    char path[PLACE_SIZE];

    if (!n->key_line) {
        place_why(w, n, at);
        return;
    }
    why_from(w, n->origin, n->key_line, n->key_column, place_format(path, at));
}

static bool index_next(struct slice *path, struct step *out)
{
    struct slice inside = slice_after(*path, 1);
    size_t end = slice_find(inside, ']');
    uint64_t index;

    if (end == inside.size || !slice_to_u64(slice_first(inside, end), &index) ||
        index > TREE_NODES)
        return false;
    *out = (struct step){.index = (unsigned)index};
    *path = slice_after(inside, end + 1);
    return true;
}

static bool quoted_next(struct slice *path, struct step *out)
{
    struct slice inside = slice_after(*path, 1);
    size_t end = slice_find(inside, '"');

    if (end == inside.size)
        return false;
    *out = (struct step){.key = slice_first(inside, end)};
    *path = slice_after(inside, end + 1);
    return true;
}

static bool plain_next(struct slice *path, struct step *out)
{
    size_t end = 0;

    while (end < path->size && path->base[end] != '.' && path->base[end] != '[')
        end++;
    if (!end)
        return false;
    *out = (struct step){.key = slice_first(*path, end)};
    *path = slice_after(*path, end);
    return true;
}

/* A dot that ends the path is left in it: that is no path. */
static void skip_dot(struct slice *path)
{
    if (path->size > 1 && path->base[0] == '.' && path->base[1] != '[')
        *path = slice_after(*path, 1);
}

bool step_next(struct slice *path, struct step *out)
{
    bool found;

    if (!path->size)
        return false;
    if (path->base[0] == '[')
        found = index_next(path, out);
    else if (path->base[0] == '"')
        found = quoted_next(path, out);
    else
        found = plain_next(path, out);
    if (found)
        skip_dot(path);
    return found;
}
