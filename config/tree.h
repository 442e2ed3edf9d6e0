/* tree.h - a YAML (or JSON) document as a tree that remembers where each value stood.
 *
 *   text -> tree_parse (libyaml events) -> struct tree -> settings_decode (settings.h)
 *
 * Refused with file:line:column: duplicate keys, several documents, tabs, bad UTF-8,
 * depth > 32, more than 1,000,000 nodes, keys > 128 bytes, texts > 1 MiB. Aliases and merge keys are refused
 * too (a bomb, and nobody needs them here), tags likewise. Scalars stay text: a plain 08,
 * yes or 1e3 is what was written. A tree owns all its memory.
 */
#ifndef CONFIG_TREE_H
#define CONFIG_TREE_H

#include <stdbool.h>

#include "config/memory.h"
#include "sidecar/core/err.h"
#include "sidecar/core/slice.h"
#include "sidecar/core/why.h"

enum {
    TREE_DEPTH = 32,
    TREE_NODES = 1000 * 1000, /* a registry's file may name 100,000 instances */
    TREE_KEY = 128, /* all escaped it still is a simple key of YAML (1024 at most) */
    TREE_TEXT = 1 << 20,
    TREE_FILE = 32 << 20
};

enum node_kind { NODE_SCALAR, NODE_LIST, NODE_MAP };

struct node {
    enum node_kind kind;
    unsigned line, column; /* from 1; 0: it came from elsewhere, `origin` says where */
    const char *origin;    /* "csidecar.yaml", "CSIDECAR_NAME", "--name" */
    struct slice key;      /* within a map */
    unsigned key_line, key_column;
    struct slice text;         /* of a scalar; zero-terminated */
    bool quoted;               /* as in "null", which is a text: null is nothing */
    struct node *first, *next; /* children, in their order; siblings */
};

/* Zeroed: empty. memory.limit may be set before use. */
struct tree {
    struct node *root; /* NULL: an empty document */
    struct memory memory;
};

/* Into an empty tree. On failure it is empty again and w says origin:line:column: reason.
 */
enum err tree_parse(struct tree *t, struct slice text, const char *origin, struct why *w);
/* Reads the whole file (at most 32 MiB). */
enum err tree_read(struct tree *t, const char *path, struct why *w);
void tree_free(struct tree *t);

/* The child of a map, or NULL. */
struct node *node_child(const struct node *map, struct slice key);
/* The child of a list, or NULL. */
struct node *node_item(const struct node *list, unsigned index);
/* Nothing was said: `key: null`, `key: ~`. */
bool node_is_null(const struct node *n);

/* A path is keys with dots between; a key with dots of its own stands in double quotes, a
 * place in a list in brackets: services."go.micro.srv.greeter".instances[0].weight */

/* The node at a path, or NULL. */
struct node *node_at(const struct node *root, const char *path);
/* Sets what is at a path, making maps on the way and replacing what was there; the place
 * after the last of a list adds to it. `text` may itself be YAML flow ("[a, b]", "{a:
 * 1}") when `flow` is true. On failure nothing has changed but maps on the way. */
enum err tree_set(struct tree *t, const char *path, struct slice text, const char *origin,
                  bool flow, struct why *w);

#endif
