/* The settings as YAML, one key a line, and as JSON. */
#include "config/scalar.h"
#include "config/settings.h"

struct printer {
    struct text *out;
    bool json;
};

static void print_struct(struct printer *p, const struct field *fields, const char *base,
                         unsigned depth);

static void add(struct printer *p, const char *s)
{
    text_add(p->out, slice_of(s));
}

static void line(struct printer *p, unsigned depth)
{
    if (p->out->size && p->out->base[p->out->size - 1] != '\n')
        add(p, "\n");
    for (unsigned i = 0; i < depth; i++)
        add(p, "  ");
}

static void print_key(struct printer *p, const char *key, unsigned depth)
{
    line(p, depth);
    if (p->json)
        scalar_print_quoted(slice_of(key), p->out);
    else
        scalar_print_text(&(struct field){0}, key, false, p->out);
    add(p, ":");
}

static void print_scalar(struct printer *p, const struct field *f, const char *member,
                         unsigned depth)
{
    (void)depth;
    add(p, " ");
    scalar_print(f, member, p->json, p->out);
}

static void print_texts(struct printer *p, const struct field *f, const char *member,
                        unsigned depth)
{
    const struct texts *texts = (const struct texts *)member;

    (void)depth;
    add(p, " [");
    for (unsigned i = 0; i < texts->count; i++) {
        add(p, i ? ", " : "");
        scalar_print_text(f, texts->items[i], true, p->out);
    }
    add(p, "]");
}

static void print_pairs(struct printer *p, const struct field *f, const char *member,
                        unsigned depth)
{
    const struct pairs *pairs = (const struct pairs *)member;

    (void)depth;
    add(p, " {");
    for (unsigned i = 0; i < pairs->count; i++) {
        add(p, i ? ", " : "");
        scalar_print_quoted(slice_of(pairs->items[i].key), p->out);
        add(p, ": ");
        if (f->flags & FIELD_SECRET)
            add(p, "\"(set)\"");
        else
            scalar_print_quoted(slice_of(pairs->items[i].value), p->out);
    }
    add(p, "}");
}

/* Braces around what is inside, in JSON. */
static void print_inside(struct printer *p, const struct field *fields, const char *base,
                         unsigned depth)
{
    if (p->json)
        add(p, " {");
    print_struct(p, fields, base, depth + 1);
    if (p->json) {
        line(p, depth);
        add(p, "}");
    }
}

static void print_group(struct printer *p, const struct field *f, const char *member,
                        unsigned depth)
{
    print_inside(p, f->fields, member, depth);
}

static void print_item(struct printer *p, const struct field *f, const char *item,
                       unsigned depth)
{
    line(p, depth);
    if (!p->json)
        add(p, "-");
    print_inside(p, f->fields, item, depth);
}

static void print_list(struct printer *p, const struct field *f, const char *member,
                       unsigned depth)
{
    const struct items *items = (const struct items *)member;
    const char *item = items->base;

    add(p, items->count && !p->json ? "" : " [");
    for (unsigned i = 0; i < items->count; i++, item += f->item_size) {
        if (i && p->json)
            add(p, ",");
        print_item(p, f, item, depth + 1);
    }
    if (p->json && items->count)
        line(p, depth);
    add(p, items->count && !p->json ? "" : "]");
}

static void print_map(struct printer *p, const struct field *f, const char *member,
                      unsigned depth)
{
    const struct items *items = (const struct items *)member;
    const char *item = items->base;

    add(p, items->count && !p->json ? "" : " {");
    for (unsigned i = 0; i < items->count; i++, item += f->item_size) {
        if (i && p->json)
            add(p, ",");
        print_key(p, *(const char *const *)(item + f->name_offset), depth + 1);
        print_inside(p, f->fields, item, depth + 1);
    }
    if (p->json && items->count)
        line(p, depth);
    add(p, items->count && !p->json ? "" : "}");
}

/* clang-format off */
static void (*const printers[])(struct printer *p, const struct field *f, const char *member,
                                unsigned depth) = {
    [FIELD_BOOL]     = print_scalar,
    [FIELD_COUNT]    = print_scalar,
    [FIELD_DURATION] = print_scalar,
    [FIELD_SIZE]     = print_scalar,
    [FIELD_PERCENT]  = print_scalar,
    [FIELD_CHOICE]   = print_scalar,
    [FIELD_TEXT]     = print_scalar,
    [FIELD_TEXTS]    = print_texts,
    [FIELD_PAIRS]    = print_pairs,
    [FIELD_GROUP]    = print_group,
    [FIELD_LIST]     = print_list,
    [FIELD_MAP]      = print_map,
};
/* clang-format on */

static void print_fields(struct printer *p, const struct field *fields, const char *base,
                         unsigned depth, bool *first)
{
    for (const struct field *f = fields; f->key; f++) {
        if (f->flags & FIELD_NOT_IN_FILE)
            continue;
        if (!f->key[0]) {
            print_fields(p, f->fields, base + f->offset, depth, first);
            continue;
        }
        if (p->json && !*first)
            add(p, ",");
        *first = false;
        print_key(p, f->key, depth);
        printers[f->kind](p, f, base + f->offset, depth);
    }
}

static void print_struct(struct printer *p, const struct field *fields, const char *base,
                         unsigned depth)
{
    bool first = true;

    print_fields(p, fields, base, depth, &first);
}

void settings_print_yaml(const struct field *fields, const void *settings,
                         struct text *out)
{
    struct printer p = {.out = out};

    print_struct(&p, fields, settings, 0);
    line(&p, 0);
}

void settings_print_json(const struct field *fields, const void *settings,
                         struct text *out)
{
    struct printer p = {.out = out, .json = true};

    add(&p, "{");
    print_struct(&p, fields, settings, 1);
    line(&p, 0);
    add(&p, "}\n");
}
