#include "transport/loop.h"

/* The next letter; NULL when there is none. */
static struct letter *mailbox_take(struct mailbox *m)
{
    struct list *node;

    pthread_mutex_lock(&m->lock);
    node = list_pop_front(&m->letters);
    pthread_mutex_unlock(&m->lock);
    return node ? container_of(node, struct letter, node) : NULL;
}

static struct letter *mailbox_newest(struct mailbox *m)
{
    struct list *node;

    pthread_mutex_lock(&m->lock);
    node = list_empty(&m->letters) ? NULL : m->letters.previous;
    pthread_mutex_unlock(&m->lock);
    return node ? container_of(node, struct letter, node) : NULL;
}

/* Letters posted meanwhile wait for the next turn, so that one who answers himself can't
 * hold up the loop. One by one, because deliver() may close the mailbox. */
static void on_letters(uv_async_t *async)
{
    struct mailbox *m = container_of(async, struct mailbox, async);
    struct letter *newest = mailbox_newest(m);
    struct letter *letter = NULL;

    loop_touch(container_of(async->loop, struct loop, uv));
    while (letter != newest && (letter = mailbox_take(m)))
        letter->deliver(letter, m->owner);
}

enum err mailbox_open(struct mailbox *m, struct loop *l, void *owner)
{
    *m = (struct mailbox){.owner = owner};
    list_init(&m->letters);
    if (pthread_mutex_init(&m->lock, NULL) != 0)
        return ERR_NO_MEMORY;
    if (uv_async_init(&l->uv, &m->async, on_letters) != 0) {
        pthread_mutex_destroy(&m->lock);
        return ERR_NO_MEMORY;
    }
    m->open = true;
    return ERR_OK;
}

/* Sends inside the lock: a receiver who has got the letter may close at once. */
void mailbox_post(struct mailbox *m, struct letter *letter)
{
    pthread_mutex_lock(&m->lock);
    list_push_back(&m->letters, &letter->node);
    uv_async_send(&m->async);
    pthread_mutex_unlock(&m->lock);
}

static void on_mailbox_closed(uv_handle_t *handle)
{
    struct mailbox *m = container_of((uv_async_t *)handle, struct mailbox, async);

    pthread_mutex_destroy(&m->lock);
    if (m->closed)
        m->closed(m);
}

void mailbox_close(struct mailbox *m, void (*closed)(struct mailbox *m))
{
    struct letter *letter;

    m->open = false;
    m->closed = closed;
    while ((letter = mailbox_take(m)))
        letter->deliver(letter, m->owner);
    uv_close((uv_handle_t *)&m->async, on_mailbox_closed);
}
