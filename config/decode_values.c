#include "config/decode.h"

#include "config/place.h"
#include "config/scalar.h"

enum err decode_refuse(struct decoder *d, const struct node *n, const struct place *at,
                       const char *reason)
{
    why(d->why, ERR_BAD_VALUE, "%s", reason);
    place_why(d->why, n, at);
    return ERR_BAD_VALUE;
}

enum err decode_no_memory(struct decoder *d, const struct node *n, const struct place *at)
{
    why(d->why, ERR_NO_MEMORY, "out of memory");
    place_why(d->why, n, at);
    return ERR_NO_MEMORY;
}

unsigned decode_children(const struct node *n)
{
    unsigned count = 0;

    for (n = n->first; n; n = n->next)
        count++;
    return count;
}

bool decode_nothing(const struct node *n)
{
    return node_is_null(n) || (n->kind == NODE_SCALAR && !n->quoted && !n->text.size);
}

enum err decode_scalar(struct decoder *d, const struct field *f, const struct node *n,
                       struct target t)
{
    enum err e;

    if (n->kind != NODE_SCALAR)
        return decode_refuse(d, n, t.at,
                             n->kind == NODE_LIST ? "must be a value, not a list"
                                                  : "must be a value, not a map");
    if (!n->quoted && !n->text.size)
        return decode_refuse(d, n, t.at, "needs a value");
    e = scalar_parse(f, n->text, t.base, d->memory, d->why);
    if (e)
        place_why(d->why, n, t.at);
    return e;
}

static enum err take_text_item(struct decoder *d, const struct field *f,
                               const struct node *n, struct target t, struct texts *out)
{
    struct place at = {.up = t.at, .index = out->count};
    enum err e;

    if (n->kind != NODE_SCALAR)
        return decode_refuse(d, n, &at, "must be a value");
    e = scalar_parse_item(f, n->text, &out->items[out->count++], d->memory, d->why);
    if (e)
        place_why(d->why, n, &at);
    return e;
}

static enum err take_one_text(struct decoder *d, const struct field *f,
                              const struct node *n, struct target t)
{
    struct texts *out = (struct texts *)t.base;
    enum err e;

    if (!n->quoted && !n->text.size)
        return decode_refuse(d, n, t.at, "needs a value");
    if (n->line) {
        *out = (struct texts){memory_take(d->memory, sizeof(*out->items)), 1};
        e = out->items ? scalar_parse_item(f, n->text, out->items, d->memory, d->why)
                       : why(d->why, ERR_NO_MEMORY, "out of memory");
    } else {
        e = scalar_split(f, n->text, out, d->memory, d->why);
    }
    if (e)
        place_why(d->why, n, t.at);
    return e;
}

enum err decode_texts(struct decoder *d, const struct field *f, const struct node *n,
                      struct target t)
{
    struct texts *out = (struct texts *)t.base;
    enum err e = ERR_OK;

    if (n->kind == NODE_SCALAR)
        return take_one_text(d, f, n, t);
    if (n->kind == NODE_MAP)
        return decode_refuse(d, n, t.at, "must be a list");
    *out = (struct texts){NULL, 0};
    if (!n->first)
        return ERR_OK;
    out->items = memory_take(d->memory, decode_children(n) * sizeof(*out->items));
    if (!out->items)
        return decode_no_memory(d, n, t.at);
    for (const struct node *at = n->first; at && !e; at = at->next)
        e = take_text_item(d, f, at, t, out);
    return e;
}

static enum err take_pair(struct decoder *d, const struct node *n, struct target t,
                          struct pair *out)
{
    struct place at = {.up = t.at, .key = n->key};

    if (n->kind != NODE_SCALAR)
        return decode_refuse(d, n, &at, "must be a text");
    out->key = memory_copy(d->memory, n->key);
    out->value = memory_copy(d->memory, n->text);
    return out->key && out->value ? ERR_OK : decode_no_memory(d, n, &at);
}

enum err decode_pairs(struct decoder *d, const struct field *f, const struct node *n,
                      struct target t)
{
    struct pairs *out = (struct pairs *)t.base;
    enum err e = ERR_OK;

    (void)f;
    if (decode_nothing(n))
        return ERR_OK;
    if (n->kind != NODE_MAP)
        return decode_refuse(d, n, t.at, "must be a map of texts");
    *out = (struct pairs){
        memory_take(d->memory, decode_children(n) * sizeof(*out->items) + 1), 0};
    if (!out->items)
        return decode_no_memory(d, n, t.at);
    for (const struct node *at = n->first; at && !e; at = at->next)
        e = take_pair(d, at, t, &out->items[out->count++]);
    return e;
}
