/* list.h - a doubly linked ring through its members. The ring's head is a member too.
 *
 * A node that is in no list points to itself (list_init), so list_remove() may be called
 * twice and list_empty() on a node asks "is it in no list?".
 */
#ifndef CORE_LIST_H
#define CORE_LIST_H

#include <stdbool.h>
#include <stddef.h>

struct list {
    struct list *next;
    struct list *previous;
};

#define container_of(pointer, type, member)                                              \
    ((type *)((char *)(pointer)-offsetof(type, member)))

/* The node may remove itself, or be freed, inside the loop. */
#define list_each(at, after, head)                                                       \
    for (struct list *at = (head)->next, *after = at->next; at != (head);                \
         at = after, after = at->next)

static inline void list_init(struct list *l)
{
    l->next = l->previous = l;
}

static inline bool list_empty(const struct list *l)
{
    return l->next == l;
}

static inline void list_insert_after(struct list *at, struct list *node)
{
    node->previous = at;
    node->next = at->next;
    at->next->previous = node;
    at->next = node;
}

static inline void list_push_front(struct list *head, struct list *node)
{
    list_insert_after(head, node);
}

static inline void list_push_back(struct list *head, struct list *node)
{
    list_insert_after(head->previous, node);
}

static inline void list_remove(struct list *node)
{
    node->previous->next = node->next;
    node->next->previous = node->previous;
    list_init(node);
}

/* The first node, removed; NULL when empty. */
static inline struct list *list_pop_front(struct list *head)
{
    struct list *first = head->next;

    if (first == head)
        return NULL;
    list_remove(first);
    return first;
}

#endif
