#include "discovery/local_lease.h"

#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#include "discovery/local_folder.h"

enum err local_lease_want(struct registry_lease *l, enum local_operation operation)
{
    struct local_lease *own = l->backend;

    if (!own) {
        own = calloc(1, sizeof *own);
        if (!own)
            return ERR_NO_MEMORY;
        own->fd = -1;
        l->backend = own;
    }
    own->operation = operation;
    return ERR_OK;
}

/* The new file is in place before the lock of the old one goes: nobody sees a gap. */
static enum err put(struct local_lease *l, int folder, const struct registration *r,
                    struct why *w)
{
    int fd;
    enum err e = local_file_name(l->name, r->service, r->id);

    if (!e)
        e = local_file_write(folder, l->name, r, l->fd, &fd, w);
    if (e)
        return e;
    if (l->fd >= 0)
        close(l->fd);
    l->fd = fd;
    return ERR_OK;
}

/* Another's goes with its writer, whose lock says that he lives; those of the dead are swept away anyway. */
static enum err remove_it(struct local_lease *l, int folder, const struct registration *r)
{
    enum err e;

    if (l->fd >= 0) {
        local_lease_withdraw(l, folder);
        return ERR_OK;
    }
    e = local_file_name(l->name, r->service, r->id);
    if (!e)
        e = faccessat(folder, l->name, F_OK, AT_SYMLINK_NOFOLLOW) ? ERR_NOT_FOUND
                                                                  : ERR_UNSUPPORTED;
    return e;
}

enum err local_lease_operate(struct local_lease *l, int folder,
                             const struct registration *r, struct why *w)
{
    switch (l->operation) {
    case LOCAL_PUT:
        return put(l, folder, r, w);
    case LOCAL_RENEW:
        return l->fd < 0 ? ERR_NOT_FOUND : local_file_touch(folder, l->name, l->fd);
    case LOCAL_REMOVE:
        return remove_it(l, folder, r);
    }
    return ERR_OK;
}

void local_lease_withdraw(struct local_lease *l, int folder)
{
    if (l->fd >= 0)
        local_file_withdraw(folder, l->name, l->fd);
    l->fd = -1;
}

void local_lease_free(struct registry_lease *l)
{
    free(l->backend);
    l->backend = NULL;
    list_remove(&l->node);
}
