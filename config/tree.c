#include "config/tree.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

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

static enum err read_all(int fd, char *bytes, size_t size, size_t *total)
{
    ssize_t got = 1;

    while (*total < size && got > 0) {
        got = read(fd, bytes + *total, size - *total);
        if (got < 0 && errno == EINTR)
            got = 1;
        else if (got > 0)
            *total += (size_t)got;
    }
    return got < 0 ? err_from_errno(-errno) : ERR_OK;
}

static enum err parse_fd(struct tree *t, int fd, char *bytes, const char *path,
                         struct why *w)
{
    size_t size = 0;
    enum err e = read_all(fd, bytes, TREE_FILE + 1, &size);

    if (e)
        return why(w, e, "%s: cannot be read: %s", path, strerror(errno));
    if (size > TREE_FILE)
        return why(w, ERR_TOO_LARGE, "%s: larger than %d MiB", path, TREE_FILE >> 20);
    return tree_parse(t, slice_from(bytes, size), path, w);
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
    char *bytes;
    enum err e = ERR_NO_MEMORY;

    if (fd < 0)
        return why(w, errno == ENOENT ? ERR_NOT_FOUND : ERR_IO,
                   "%s: cannot be opened: %s", path, strerror(errno));
    bytes = malloc(TREE_FILE + 1);
    if (bytes)
        e = parse_fd(t, fd, bytes, path, w);
    else
        why(w, e, "%s: out of memory", path);
    free(bytes);
    close(fd);
    return e;
}
