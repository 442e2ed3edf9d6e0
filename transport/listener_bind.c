#include <errno.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "transport/listener.h"
#include "transport/port_holder.h"

enum { BACKLOG = 4096 };

static enum err explain_in_use(const struct address *a, struct why *w)
{
    char text[ADDRESS_TEXT], holder[64];

    if (!w)
        return ERR_ADDRESS_IN_USE;
    address_format(a, text);
    if (address_is_path(a))
        return why(w, ERR_ADDRESS_IN_USE, "%s is in use: somebody listens there", text);
    if (port_holder(address_port(a), holder, sizeof(holder)))
        return why(w, ERR_ADDRESS_IN_USE, "%s is in use by %s", text, holder);
    return why(w, ERR_ADDRESS_IN_USE, "%s is in use by another process", text);
}

static enum err explain(const struct address *a, int error, struct why *w)
{
    char text[ADDRESS_TEXT];
    enum err e = ERR_IO;

    if (error == EADDRINUSE)
        return explain_in_use(a, w);
    if (error == EADDRNOTAVAIL || error == EAFNOSUPPORT)
        e = ERR_UNAVAILABLE;
    else if (error == EACCES || error == EPERM)
        e = ERR_DENIED;
    return why(w, e, "cannot listen on %s: %s", address_format(a, text), strerror(error));
}

static void set_option(int fd, int level, int name)
{
    int on = 1;

    setsockopt(fd, level, name, &on, sizeof(on));
}

static int open_socket(const struct address *a)
{
    int fd = socket(a->any.sa_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

    if (fd < 0 || address_is_path(a))
        return fd;
    /* Else TIME_WAIT holds the port after a restart. */
    set_option(fd, SOL_SOCKET, SO_REUSEADDR);
    set_option(fd, IPPROTO_TCP, TCP_NODELAY);
    if (a->any.sa_family == AF_INET6)
        set_option(fd, IPPROTO_IPV6, IPV6_V6ONLY);
    return fd;
}

/* Does anybody listen on this path? A full backlog is somebody, too. */
static bool path_is_live(const struct address *a)
{
    int fd = open_socket(a);
    bool live =
        fd >= 0 && (connect(fd, &a->any, address_size(a)) == 0 || errno != ECONNREFUSED);

    if (fd >= 0)
        close(fd);
    return live;
}

static bool path_is_stale(const struct address *a)
{
    struct stat info;

    return lstat(a->path.sun_path, &info) == 0 && S_ISSOCK(info.st_mode) &&
           !path_is_live(a);
}

static int bind_address(int fd, const struct address *a)
{
    int result = bind(fd, &a->any, address_size(a));

    if (result < 0 && errno == EADDRINUSE && address_is_path(a)) {
        if (path_is_stale(a)) {
            unlink(a->path.sun_path);
            return bind(fd, &a->any, address_size(a));
        }
        errno = EADDRINUSE;
    }
    return result;
}

static int real_address(int fd, struct address *a)
{
    socklen_t size = sizeof(*a);

    return address_is_path(a) ? 0 : getsockname(fd, &a->any, &size);
}

/* What differs between the first socket of an address and the others. */
enum sharing { ALONE, FIRST, FURTHER };

/* SO_REUSEPORT of the first comes after bind(), which thus fails when anybody has the
 * port, and before listen(), so that the others may join. */
static int bind_and_listen(int fd, struct address *a, enum sharing sharing)
{
    if (sharing == FURTHER)
        set_option(fd, SOL_SOCKET, SO_REUSEPORT);
    if (bind_address(fd, a) < 0)
        return -1;
    if (sharing == FIRST)
        set_option(fd, SOL_SOCKET, SO_REUSEPORT);
    if (listen(fd, BACKLOG) < 0)
        return -1;
    return real_address(fd, a);
}

static enum err bind_as(struct address *a, enum sharing sharing, int *fd, struct why *w)
{
    int error;

    *fd = open_socket(a);
    if (*fd < 0)
        return explain(a, errno, w);
    if (bind_and_listen(*fd, a, sharing) == 0)
        return ERR_OK;
    error = errno;
    close(*fd);
    *fd = -1;
    return explain(a, error, w);
}

enum err listener_bind(struct address *a, bool reuse_port, int *fd, struct why *w)
{
    return bind_as(a, reuse_port && !address_is_path(a) ? FIRST : ALONE, fd, w);
}

enum err listener_bind_shared(const struct address *a, int *fd, struct why *w)
{
    struct address same = *a;

    if (address_is_path(a))
        return why(w, ERR_UNSUPPORTED, "a Unix socket cannot be shared between workers");
    return bind_as(&same, FURTHER, fd, w);
}
