/* tree_parse: the events of libyaml, one at a time, onto a stack of open maps and lists.
 */
#include <stdio.h>
#include <yaml.h>

#include "config/place.h"
#include "config/tree.h"
#include "sidecar/core/map.h"

struct level {
    struct node *node;
    struct node **end; /* where its next child goes */
    unsigned count;    /* of its children */
    struct map keys;   /* of a map: a second one is refused */
    struct node *open; /* of a map: has its key and waits for its value */
};

struct builder {
    struct tree *tree;
    const char *origin;
    struct why *why;
    struct level levels[TREE_DEPTH];
    unsigned depth;
    unsigned nodes;
    unsigned documents;
};

static enum err refuse(struct builder *b, yaml_mark_t at, enum err e, const char *reason)
{
    return why(b->why, e, "%s:%zu:%zu: %s", b->origin, at.line + 1, at.column + 1,
               reason);
}

static enum err no_memory(struct builder *b)
{
    return why(b->why, ERR_NO_MEMORY, "%s: out of memory", b->origin);
}

static struct level *top(struct builder *b)
{
    return b->depth ? &b->levels[b->depth - 1] : NULL;
}

static bool wants_key(struct builder *b)
{
    struct level *l = top(b);

    return l && l->node->kind == NODE_MAP && !l->open;
}

static enum err node_new(struct builder *b, yaml_mark_t at, struct node **out)
{
    struct node *n = *out = memory_take(&b->tree->memory, sizeof(*n));

    if (!n)
        return no_memory(b);
    if (++b->nodes > TREE_NODES)
        return refuse(b, at, ERR_TOO_LARGE, "more than 1000000 values");
    n->origin = b->origin;
    n->line = (unsigned)at.line + 1;
    n->column = (unsigned)at.column + 1;
    return ERR_OK;
}

/* The node a value goes to: the one its key opened, a new item, or the root. */
static enum err node_place(struct builder *b, yaml_mark_t at, struct node **out)
{
    struct level *l = top(b);
    enum err e;

    if (l && l->open) {
        *out = l->open;
        (*out)->line = (unsigned)at.line + 1;
        (*out)->column = (unsigned)at.column + 1;
        l->open = NULL;
        return ERR_OK;
    }
    e = node_new(b, at, out);
    if (e)
        return e;
    if (!l) {
        b->tree->root = *out;
        return ERR_OK;
    }
    *l->end = *out;
    l->end = &(*out)->next;
    l->count++;
    return ERR_OK;
}

static enum err text_copy(struct builder *b, yaml_event_t *v, struct slice *out)
{
    struct slice s =
        slice_from((const char *)v->data.scalar.value, v->data.scalar.length);

    if (s.size > TREE_TEXT)
        return refuse(b, v->start_mark, ERR_TOO_LARGE, "a text longer than 1 MiB");
    if (s.size && memchr(s.base, 0, s.size))
        return refuse(b, v->start_mark, ERR_BAD_CONFIG, "a text must not contain \\0");
    *out = slice_from(memory_copy(&b->tree->memory, s), s.size);
    return out->base ? ERR_OK : no_memory(b);
}

static enum err refuse_twice(struct builder *b, struct node *n, const struct node *before)
{
    char path[PLACE_SIZE];
    struct place places[TREE_DEPTH + 1];
    const struct place *up = NULL;

    for (unsigned i = 1; i < b->depth; i++) {
        const struct level *above = &b->levels[i - 1];

        places[i] = (struct place){up, b->levels[i].node->key, above->count - 1};
        up = &places[i];
    }
    places[0] = (struct place){.up = up, .key = n->key};
    return why(b->why, ERR_BAD_CONFIG, "%s:%u:%u: %s: written twice (first in line %u)",
               b->origin, n->key_line, n->key_column, place_format(path, &places[0]),
               before->key_line);
}

static enum err key_add(struct builder *b, yaml_event_t *v)
{
    struct level *l = top(b);
    struct node *n, *before;
    enum err e;

    if (v->data.scalar.length > TREE_KEY)
        return refuse(b, v->start_mark, ERR_TOO_LARGE, "a key longer than 128 bytes");
    e = node_new(b, v->start_mark, &n);
    if (!e)
        e = text_copy(b, v, &n->key);
    if (e)
        return e;
    n->key_line = n->line;
    n->key_column = n->column;
    if (slice_is(n->key, "<<") && v->data.scalar.style == YAML_PLAIN_SCALAR_STYLE)
        return refuse(b, v->start_mark, ERR_BAD_CONFIG, "merge keys are not taken");
    before = map_get(&l->keys, n->key);
    if (before)
        return refuse_twice(b, n, before);
    if (map_put(&l->keys, n->key, n))
        return no_memory(b);
    *l->end = l->open = n;
    l->end = &n->next;
    return ERR_OK;
}

static enum err scalar_add(struct builder *b, yaml_event_t *v)
{
    struct node *n;
    enum err e;

    if (v->data.scalar.tag)
        return refuse(b, v->start_mark, ERR_BAD_CONFIG, "tags are not taken");
    if (v->data.scalar.anchor)
        return refuse(b, v->start_mark, ERR_BAD_CONFIG,
                      "anchors and aliases are not taken");
    if (wants_key(b))
        return key_add(b, v);
    e = node_place(b, v->start_mark, &n);
    if (e)
        return e;
    n->kind = NODE_SCALAR;
    n->quoted = v->data.scalar.style != YAML_PLAIN_SCALAR_STYLE;
    return text_copy(b, v, &n->text);
}

static enum err group_add(struct builder *b, yaml_event_t *v, enum node_kind kind)
{
    bool list = kind == NODE_LIST;
    struct node *n;
    enum err e;

    if (list ? v->data.sequence_start.tag : v->data.mapping_start.tag)
        return refuse(b, v->start_mark, ERR_BAD_CONFIG, "tags are not taken");
    if (list ? v->data.sequence_start.anchor : v->data.mapping_start.anchor)
        return refuse(b, v->start_mark, ERR_BAD_CONFIG,
                      "anchors and aliases are not taken");
    if (wants_key(b))
        return refuse(b, v->start_mark, ERR_BAD_CONFIG, "a key must be a text");
    if (b->depth == TREE_DEPTH)
        return refuse(b, v->start_mark, ERR_TOO_LARGE, "nested deeper than 32");
    e = node_place(b, v->start_mark, &n);
    if (e)
        return e;
    n->kind = kind;
    b->levels[b->depth++] = (struct level){.node = n, .end = &n->first};
    return ERR_OK;
}

static enum err group_end(struct builder *b)
{
    map_fini(&b->levels[--b->depth].keys);
    return ERR_OK;
}

static enum err event_take(struct builder *b, yaml_event_t *v)
{
    switch (v->type) {
    case YAML_SCALAR_EVENT:
        return scalar_add(b, v);
    case YAML_SEQUENCE_START_EVENT:
        return group_add(b, v, NODE_LIST);
    case YAML_MAPPING_START_EVENT:
        return group_add(b, v, NODE_MAP);
    case YAML_SEQUENCE_END_EVENT:
    case YAML_MAPPING_END_EVENT:
        return group_end(b);
    case YAML_ALIAS_EVENT:
        return refuse(b, v->start_mark, ERR_BAD_CONFIG,
                      "anchors and aliases are not taken");
    case YAML_DOCUMENT_START_EVENT:
        if (b->documents++)
            return refuse(b, v->start_mark, ERR_BAD_CONFIG, "a second document");
        return ERR_OK;
    case YAML_NO_EVENT:
    case YAML_STREAM_START_EVENT:
    case YAML_STREAM_END_EVENT:
    case YAML_DOCUMENT_END_EVENT:
        return ERR_OK;
    }
    return ERR_OK;
}

/* The reader counts bytes, not lines. */
static yaml_mark_t mark_of(struct slice text, size_t offset)
{
    yaml_mark_t at = {0};

    for (size_t i = 0; i < offset && i < text.size; i++) {
        at.column = text.base[i] == '\n' ? 0 : at.column + 1;
        at.line += text.base[i] == '\n';
    }
    return at;
}

/* The mark counts characters. */
static bool tab_at(struct slice text, yaml_mark_t at)
{
    size_t i = 0;

    for (size_t left = at.index; i < text.size; i++)
        if ((text.base[i] & 0xc0) != 0x80 && left-- == 0)
            break;
    return i < text.size && text.base[i] == '\t';
}

static enum err refuse_syntax(struct builder *b, const yaml_parser_t *p,
                              struct slice text)
{
    const char *problem = p->problem ? p->problem : "not YAML";
    char reason[256];

    if (p->error == YAML_MEMORY_ERROR)
        return no_memory(b);
    if (p->error == YAML_READER_ERROR) {
        snprintf(reason, sizeof(reason), "not UTF-8 text: %s", problem);
        return refuse(b, mark_of(text, p->problem_offset), ERR_BAD_CONFIG, reason);
    }
    if (tab_at(text, p->problem_mark))
        return refuse(b, p->problem_mark, ERR_BAD_CONFIG,
                      "a tab: YAML is indented with spaces");
    snprintf(reason, sizeof(reason), "%s%s%s", problem, p->context ? " " : "",
             p->context ? p->context : "");
    return refuse(b, p->problem_mark, ERR_BAD_CONFIG, reason);
}

static enum err parse_events(struct builder *b, yaml_parser_t *p, struct slice text)
{
    yaml_event_t v;
    enum err e = ERR_OK;
    bool ended = false;

    while (!e && !ended) {
        if (!yaml_parser_parse(p, &v))
            return refuse_syntax(b, p, text);
        e = event_take(b, &v);
        ended = v.type == YAML_STREAM_END_EVENT;
        yaml_event_delete(&v);
    }
    return e;
}

static enum err parse_text(struct builder *b, struct slice text)
{
    yaml_parser_t p;
    enum err e;

    if (text.size > TREE_FILE)
        return why(b->why, ERR_TOO_LARGE, "%s: larger than %d MiB", b->origin,
                   TREE_FILE >> 20);
    if (!yaml_parser_initialize(&p))
        return no_memory(b);
    yaml_parser_set_encoding(&p, YAML_UTF8_ENCODING);
    if (slice_starts_with(text, SLICE("\xef\xbb\xbf")))
        text = slice_after(text, 3);
    yaml_parser_set_input_string(&p, (const unsigned char *)text.base, text.size);
    e = parse_events(b, &p, text);
    yaml_parser_delete(&p);
    return e;
}

enum err tree_parse(struct tree *t, struct slice text, const char *origin, struct why *w)
{
    struct builder b = {.tree = t, .why = w};
    enum err e;

    b.origin = memory_copy(&t->memory, slice_of(origin));
    if (!b.origin)
        return why(w, ERR_NO_MEMORY, "%s: out of memory", origin);
    e = parse_text(&b, text);
    while (b.depth)
        group_end(&b);
    if (e)
        tree_free(t);
    return e;
}
