/* tree.h - a YAML (or JSON) document as a tree that remembers where each value stood.
 *
 *   text -> tree_parse (libyaml events) -> struct tree -> settings_decode (settings.h)
 *
 * Refused with file:line:column: duplicate keys, several documents, tabs, bad UTF-8, depth > 32,
 * more than 100,000 nodes, texts > 1 MiB. Aliases and merge keys are refused too (a bomb, and
 * nobody needs them here), tags likewise. Scalars stay text: a plain 08, yes or 1e3 is what was
 * written. A tree owns all its memory.
 */
#ifndef CONFIG_TREE_H
#define CONFIG_TREE_H

#include <stdbool.h>

#include "sidecar/core/err.h"
#include "sidecar/core/slice.h"
#include "sidecar/core/why.h"

enum node_kind { NODE_SCALAR, NODE_LIST, NODE_MAP };

struct node {
    enum node_kind kind;
    unsigned line, column; /* from 1; 0: it came from elsewhere, `origin` says where */
    const char *origin;    /* "csidecar.yaml", "CSIDECAR_NAME", "--name" */
    struct slice key;      /* within a map */
    unsigned key_line, key_column;
    struct slice text; /* of a scalar; zero-terminated */
    bool quoted;       /* "5" is text even where 5 would be a number; null is never quoted */
    struct node *first, *next; /* children, in their order; siblings */
};

struct tree {
    struct node *root; /* NULL: an empty document */
    struct tree_block *blocks;
};

/* `origin` must outlive the tree. On failure *t is empty and w says file:line:column: reason. */
enum err tree_parse(struct tree *t, struct slice text, const char *origin, struct why *w);
/* Reads the whole file (at most 4 MiB). */
enum err tree_read(struct tree *t, const char *path, struct why *w);
void tree_free(struct tree *t);

/* The child of a map, or NULL. */
struct node *node_child(const struct node *map, struct slice key);
/* The node at a dotted path, or NULL. */
struct node *node_at(const struct node *root, const char *path);
/* Sets a scalar at a dotted path, making maps on the way and replacing what was there. `text`
 * may itself be YAML flow ("[a, b]", "{a: 1}") when `flow` is true. */
enum err tree_set(struct tree *t, const char *path, struct slice text, const char *origin, bool flow,
                  struct why *w);

#endif
