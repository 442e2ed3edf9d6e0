/* node_at and tree_set: a tree by paths. */
#include "config/place.h"
#include "config/tree.h"

static struct node *node_step(const struct node *n, struct step s)
{
    return s.key.base ? node_child(n, s.key) : node_item(n, s.index);
}

struct node *node_at(const struct node *root, const char *path)
{
    struct slice rest = slice_of(path);
    struct node *n = (struct node *)root;
    struct step s;

    while (n && step_next(&rest, &s))
        n = node_step(n, s);
    return rest.size ? NULL : n;
}

static struct node *node_make(struct tree *t, const char *origin)
{
    struct node *n = memory_take(&t->memory, sizeof(*n));

    if (n)
        n->origin = origin;
    return n;
}

static void node_append(struct node *parent, struct node *child)
{
    struct node **end = &parent->first;

    while (*end)
        end = &(*end)->next;
    *end = child;
}

static unsigned node_count(const struct node *parent)
{
    unsigned count = 0;

    for (const struct node *n = parent->first; n; n = n->next)
        count++;
    return count;
}

/* What was there is forgotten, but not its key. */
static void node_become(struct node *n, enum node_kind kind, const char *origin)
{
    n->kind = kind;
    n->first = NULL;
    n->text = (struct slice){NULL, 0};
    n->quoted = false;
    n->line = n->column = n->key_line = n->key_column = 0;
    n->origin = origin;
}

/* Values of another kind give way: `services: ~` and then services.a.timeout=1s. */
static bool node_accepts(struct node *n, struct step s, const char *origin)
{
    enum node_kind kind = s.key.base ? NODE_MAP : NODE_LIST;

    if (n->kind != kind && (n->kind != NODE_SCALAR || (n->text.size && !node_is_null(n))))
        return false;
    if (n->kind != kind)
        node_become(n, kind, origin);
    return s.key.base || s.index <= node_count(n);
}

static enum err node_descend(struct tree *t, struct node **n, struct step s,
                             const char *origin, struct why *w)
{
    struct node *child;

    if (!node_accepts(*n, s, origin))
        return why(w, ERR_BAD_CONFIG, "there is no such place");
    child = node_step(*n, s);
    if (child) {
        *n = child;
        return ERR_OK;
    }
    child = node_make(t, origin);
    if (child && s.key.base) {
        child->key.base = memory_copy(&t->memory, s.key);
        child->key.size = s.key.size;
    }
    if (!child || (s.key.base && !child->key.base))
        return why(w, ERR_NO_MEMORY, "out of memory");
    node_append(*n, child);
    *n = child;
    return ERR_OK;
}

static void forget_lines(struct node *n)
{
    for (; n; n = n->next) {
        n->line = n->column = n->key_line = n->key_column = 0;
        forget_lines(n->first);
    }
}

/* The nodes move into `t` and live in its memory. */
static enum err value_flow(struct tree *t, struct slice text, const char *origin,
                           struct node **value, struct why *w)
{
    struct tree parsed = {.memory = t->memory};
    struct memory_block *before = t->memory.blocks;
    enum err e;

    parsed.memory.blocks = NULL;
    e = tree_parse(&parsed, text, origin, w);
    if (e)
        return e;
    memory_join(&parsed.memory, before);
    t->memory = parsed.memory;
    forget_lines(parsed.root);
    *value = parsed.root;
    return ERR_OK;
}

static enum err value_plain(struct tree *t, struct slice text, const char *origin,
                            struct node **value, struct why *w)
{
    struct node *n = node_make(t, origin);

    if (n)
        n->text = slice_from(memory_copy(&t->memory, text), text.size);
    *value = n;
    return n && n->text.base ? ERR_OK : why(w, ERR_NO_MEMORY, "out of memory");
}

static enum err root_ready(struct tree *t, const char *origin, struct why *w)
{
    if (!t->root)
        t->root = node_make(t, origin);
    if (!t->root)
        return why(w, ERR_NO_MEMORY, "out of memory");
    if (t->root->kind == NODE_SCALAR && !t->root->text.size)
        node_become(t->root, NODE_MAP, origin);
    return ERR_OK;
}

static enum err set_value(struct tree *t, const char *path, const struct node *value,
                          const char *origin, struct why *w)
{
    struct slice rest = slice_of(path);
    struct node *n = t->root;
    struct step s;
    enum err e = ERR_OK;

    while (!e && step_next(&rest, &s))
        e = node_descend(t, &n, s, origin, w);
    if (e || rest.size || n == t->root)
        return e ? e : why(w, ERR_BAD_CONFIG, "not a path like services.orders.timeout");
    node_become(n, value->kind, origin);
    n->text = value->text;
    n->quoted = value->quoted;
    n->first = value->first;
    return ERR_OK;
}

static enum err set_at(struct tree *t, const char *path, struct node *value,
                       const char *origin, struct why *w)
{
    enum err e = value ? root_ready(t, origin, w) : ERR_NO_MEMORY;

    if (!e)
        e = set_value(t, path, value, origin, w);
    if (e)
        why_in(w, "%s: %s", origin, path);
    return e;
}

enum err tree_set(struct tree *t, const char *path, struct slice text, const char *origin,
                  bool flow, struct why *w)
{
    const char *copy = memory_copy(&t->memory, slice_of(origin));
    struct node *value = NULL;
    enum err e = ERR_OK;

    if (!copy)
        return why(w, ERR_NO_MEMORY, "%s: out of memory", origin);
    if (flow)
        e = value_flow(t, text, copy, &value, w);
    if (!e && !value)
        e = value_plain(t, text, copy, &value, w);
    return e ? e : set_at(t, path, value, copy, w);
}
