#include "config/tree.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#include "sidecar/core/text.h"

enum { READ_PIECE = 16 * 1024 };

void tree_free(struct tree *t)
{
    memory_free(&t->memory);
    t->root = NULL;
}

struct node *node_child(const struct node *map, struct slice key)
{
    if (!map || map->kind != NODE_MAP)
        return NULL;
    for (struct node *n = map->first; n; n = n->next)
        if (slice_equals(n->key, key))
            return n;
    return NULL;
}

struct node *node_item(const struct node *list, unsigned index)
{
    struct node *n = list && list->kind == NODE_LIST ? list->first : NULL;

    while (n && index--)
        n = n->next;
    return n;
}

bool node_is_null(const struct node *n)
{
    return n->kind == NODE_SCALAR && !n->quoted &&
           (slice_is(n->text, "null") || slice_is(n->text, "~"));
}

/* Stops at the first byte too many. An empty file is a text, too. */
static enum err read_all(int fd, struct text *out)
{
    char bytes[READ_PIECE];
    ssize_t got = 1;

    text_add(out, SLICE(""));
    while (got > 0 && !out->failed) {
        got = read(fd, bytes, sizeof(bytes));
        if (got > 0)
            text_add(out, slice_from(bytes, (size_t)got));
        else if (got < 0 && errno == EINTR)
            got = 1;
    }
    return got < 0 ? err_from_errno(-errno) : ERR_OK;
}

static enum err parse_fd(struct tree *t, int fd, struct text *bytes, const char *path,
                         struct why *w)
{
    enum err e = read_all(fd, bytes);

    if (e)
        return why(w, e, "%s: cannot be read: %s", path, strerror(errno));
    if (bytes->failed && bytes->size > TREE_FILE - READ_PIECE)
        return why(w, ERR_TOO_LARGE, "%s: larger than %d MiB", path, TREE_FILE >> 20);
    if (bytes->failed)
        return why(w, ERR_NO_MEMORY, "%s: out of memory", path);
    return tree_parse(t, text_slice(bytes), path, w);
}

/* A FIFO that nobody writes is empty, instead of holding us up; one that somebody does (`-c <(...)`) is read. */
static int open_file(const char *path)
{
    int fd = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC);

    if (fd >= 0)
        fcntl(fd, F_SETFL, 0);
    return fd;
}

enum err tree_read(struct tree *t, const char *path, struct why *w)
{
    int fd = open_file(path);
    struct text bytes;
    enum err e;

    if (fd < 0)
        return why(w, errno == ENOENT ? ERR_NOT_FOUND : ERR_IO,
                   "%s: cannot be opened: %s", path, strerror(errno));
    text_init(&bytes, TREE_FILE);
    e = parse_fd(t, fd, &bytes, path, w);
    text_fini(&bytes);
    close(fd);
    return e;
}
