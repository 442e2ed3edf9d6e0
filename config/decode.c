/* settings_decode: a tree against tables.
 *
 * A struct is filled three times: with the defaults of its table, with the group it
 * inherits from, with what was written for it. Each overwrites what it names and leaves
 * the rest.
 */
#include "config/decode.h"

#include "config/nearest.h"
#include "config/place.h"
#include "config/scalar.h"
#include "config/settings.h"

static enum err fill(struct decoder *d, struct target t, const struct node *n);
static enum err fill_defaults(struct decoder *d, const struct field *fields, char *base);

static enum err take_group(struct decoder *d, const struct field *f, const struct node *n,
                           struct target t)
{
    t.fields = f->fields;
    return fill(d, t, n);
}

static enum err inherit(struct decoder *d, const struct field *f, char *base)
{
    const struct node *n = f->inherits ? node_at(d->root, f->inherits) : NULL;
    struct place at = {.key = slice_of(f->inherits)};

    if (!n)
        return ERR_OK;
    return fill(d, (struct target){f->fields, base, &at, true}, n);
}

static enum err item_ready(struct decoder *d, const struct field *f, char *base)
{
    enum err e = fill_defaults(d, f->fields, base);

    return e ? e : inherit(d, f, base);
}

static const struct field *short_field(const struct field *fields)
{
    for (; fields->key; fields++)
        if (fields->flags & FIELD_SHORT)
            return fields;
    return NULL;
}

static enum err take_item(struct decoder *d, const struct field *f, const struct node *n,
                          struct target t)
{
    const struct field *s = n->kind == NODE_SCALAR ? short_field(f->fields) : NULL;
    enum err e = item_ready(d, f, t.base);

    if (e)
        return e;
    if (s) {
        t.base += s->offset;
        return decode_scalar(d, s, n, t);
    }
    return take_group(d, f, n, t);
}

static enum err items_take(struct decoder *d, const struct field *f, const struct node *n,
                           struct target t)
{
    struct items *out = (struct items *)t.base;
    unsigned count = decode_children(n);

    *out = (struct items){NULL, 0};
    if (!count)
        return ERR_OK;
    out->base = memory_take(d->memory, count * f->item_size);
    return out->base ? ERR_OK : decode_no_memory(d, n, t.at);
}

static enum err take_list(struct decoder *d, const struct field *f, const struct node *n,
                          struct target t)
{
    struct items *out = (struct items *)t.base;
    enum err e;

    if (decode_nothing(n))
        return ERR_OK;
    if (n->kind != NODE_LIST)
        return decode_refuse(d, n, t.at, "must be a list");
    e = items_take(d, f, n, t);
    for (const struct node *at = n->first; at && !e; at = at->next) {
        struct place place = {.up = t.at, .index = out->count};
        char *base = (char *)out->base + out->count++ * f->item_size;

        e = take_item(d, f, at, (struct target){NULL, base, &place, t.inheriting});
    }
    return e;
}

static enum err take_name(struct decoder *d, const struct field *f, const struct node *n,
                          char *item, const struct place *at)
{
    const char **name = (const char **)(item + f->name_offset);
    enum err e = f->check ? f->check(n->key, d->why) : ERR_OK;

    if (e) {
        place_why_key(d->why, n, at);
        return e;
    }
    *name = memory_copy(d->memory, n->key);
    return *name ? ERR_OK : decode_no_memory(d, n, at);
}

static enum err take_map(struct decoder *d, const struct field *f, const struct node *n,
                         struct target t)
{
    struct items *out = (struct items *)t.base;
    enum err e;

    if (decode_nothing(n))
        return ERR_OK;
    if (n->kind != NODE_MAP)
        return decode_refuse(d, n, t.at, "must be a map of names");
    e = items_take(d, f, n, t);
    for (const struct node *at = n->first; at && !e; at = at->next) {
        struct place place = {.up = t.at, .key = at->key};
        char *base = (char *)out->base + out->count++ * f->item_size;

        e = take_item(d, f, at, (struct target){NULL, base, &place, t.inheriting});
        if (!e)
            e = take_name(d, f, at, base, &place);
    }
    return e;
}

/* clang-format off */
static enum err (*const takers[])(struct decoder *d, const struct field *f, const struct node *n,
                                  struct target t) = {
    [FIELD_BOOL]     = decode_scalar,
    [FIELD_COUNT]    = decode_scalar,
    [FIELD_DURATION] = decode_scalar,
    [FIELD_SIZE]     = decode_scalar,
    [FIELD_PERCENT]  = decode_scalar,
    [FIELD_CHOICE]   = decode_scalar,
    [FIELD_TEXT]     = decode_scalar,
    [FIELD_TEXTS]    = decode_texts,
    [FIELD_PAIRS]    = decode_pairs,
    [FIELD_GROUP]    = take_group,
    [FIELD_LIST]     = take_list,
    [FIELD_MAP]      = take_map,
};
/* clang-format on */

/* Looks into unnamed groups too; *offset is from the start of the outermost struct. */
static const struct field *field_find(const struct field *fields, struct slice key,
                                      size_t *offset)
{
    for (const struct field *f = fields; f->key; f++) {
        const struct field *inner = f->key[0] ? NULL : field_find(f->fields, key, offset);

        if (inner) {
            *offset += f->offset;
            return inner;
        }
        if (f->key[0] && slice_is(key, f->key)) {
            *offset = f->offset;
            return f;
        }
    }
    return NULL;
}

static void offer_keys(struct nearest *near, const struct field *fields)
{
    for (const struct field *f = fields; f->key; f++) {
        if (f->key[0])
            nearest_offer(near, slice_of(f->key));
        else
            offer_keys(near, f->fields);
    }
}

static enum err refuse_unknown(struct decoder *d, const struct field *fields,
                               const struct node *n, const struct place *at)
{
    struct nearest near;

    nearest_init(&near, n->key);
    offer_keys(&near, fields);
    nearest_why(&near, d->why, ERR_BAD_CONFIG, "unknown key");
    place_why_key(d->why, n, at);
    return ERR_BAD_CONFIG;
}

static enum err fill_key(struct decoder *d, struct target t, const struct node *n)
{
    struct place at = {.up = t.at, .key = n->key};
    size_t offset = 0;
    const struct field *f = field_find(t.fields, n->key, &offset);

    if (!f)
        return t.inheriting ? ERR_OK : refuse_unknown(d, t.fields, n, &at);
    if ((f->flags & FIELD_NOT_IN_FILE) && n->line)
        return decode_refuse(d, n, &at,
                             "cannot be set in a file: use its flag or variable");
    if (node_is_null(n))
        return ERR_OK;
    t.base += offset;
    t.at = &at;
    return takers[f->kind](d, f, n, t);
}

static enum err fill(struct decoder *d, struct target t, const struct node *n)
{
    enum err e = ERR_OK;

    if (decode_nothing(n))
        return ERR_OK;
    if (n->kind != NODE_MAP)
        return decode_refuse(d, n, t.at, "must be a map");
    for (const struct node *at = n->first; at && !e; at = at->next)
        e = fill_key(d, t, at);
    return e;
}

static enum err fill_default(struct decoder *d, const struct field *f, char *member)
{
    enum err e;

    if (f->kind == FIELD_GROUP) {
        e = fill_defaults(d, f->fields, member);
        return e ? e : inherit(d, f, member);
    }
    if (!f->initial)
        return ERR_OK;
    if (f->kind == FIELD_TEXTS)
        return scalar_split(f, slice_of(f->initial), (struct texts *)member, d->memory,
                            d->why);
    return scalar_parse(f, slice_of(f->initial), member, d->memory, d->why);
}

static enum err fill_defaults(struct decoder *d, const struct field *fields, char *base)
{
    enum err e = ERR_OK;

    for (const struct field *f = fields; f->key && !e; f++)
        e = fill_default(d, f, base + f->offset);
    return e;
}

enum err settings_decode(const struct field *fields, const struct node *root, void *out,
                         struct memory *m, struct why *w)
{
    struct decoder d = {.root = root, .memory = m, .why = w};
    enum err e = fill_defaults(&d, fields, out);

    if (e || !root)
        return e;
    return fill(&d, (struct target){.fields = fields, .base = out}, root);
}

void settings_why_at(struct why *w, const struct node *root, const char *path)
{
    struct slice rest = slice_of(path);
    const struct node *n = root, *next = root;
    struct step s;

    while (next && step_next(&rest, &s)) {
        next = s.key.base ? node_child(n, s.key) : node_item(n, s.index);
        n = next ? next : n;
    }
    why_in(w, "%s", path);
    if (n && n->line)
        why_in(w, "%s:%u:%u", n->origin, n->line, n->column);
    else if (n && n != root)
        why_in(w, "%s", n->origin);
}
