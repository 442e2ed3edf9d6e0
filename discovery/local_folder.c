#define _GNU_SOURCE /* F_OFD_*, renameat2, O_PATH */
#include "discovery/local_folder.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "sidecar/core/random.h"

static enum err check(int fd, const char *path, struct why *w)
{
    struct stat s;

    if (fstat(fd, &s))
        return why(w, ERR_IO, "%s: %s", path, strerror(errno));
    if (s.st_uid != geteuid())
        return why(w, ERR_DENIED, "%s belongs to another user (uid %u)", path,
                   (unsigned)s.st_uid);
    if (s.st_mode & 077)
        return why(w, ERR_DENIED,
                   "%s is open to other users (mode %04o): it must be 0700", path,
                   (unsigned)s.st_mode & 07777);
    return ERR_OK;
}

static enum err refuse(const char *path, int error, struct why *w)
{
    if (error == ELOOP || error == ENOTDIR)
        return why(w, ERR_DENIED, "%s is not a folder (symbolic links are refused)",
                   path);
    return why(w, error == EACCES ? ERR_DENIED : ERR_UNAVAILABLE, "%s: %s", path,
               strerror(error));
}

/* As a place alone: a sandbox may keep us from reading the outer one. */
static enum err open_at(int *fd, int parent, const char *name, const char *path,
                        struct why *w)
{
    enum err e;

    if (mkdirat(parent, name, 0700) && errno != EEXIST)
        return refuse(path, errno, w);
    *fd = openat(parent, name, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (*fd < 0)
        return refuse(path, errno, w);
    e = check(*fd, path, w);
    if (e)
        close(*fd);
    return e;
}

enum err local_folder_open(int *fd, const char *path, struct why *w)
{
    char parent[PATH_MAX];
    const char *name;
    int outer;
    enum err e;

    if (snprintf(parent, sizeof parent, "%s", path) >= (int)sizeof parent)
        return why(w, ERR_TOO_LARGE, "the path is too long");
    name = strrchr(path, '/') + 1;
    parent[name - path - 1] = 0;
    e = open_at(&outer, AT_FDCWD, parent, parent, w);
    if (e)
        return e;
    e = open_at(fd, outer, name, path, w);
    close(outer);
    return e;
}

static bool same_file(const struct stat *a, const struct stat *b)
{
    return a->st_ino == b->st_ino && a->st_dev == b->st_dev;
}

bool local_folder_is(int fd, const char *path)
{
    struct stat ours, now;

    return !fstat(fd, &ours) && !lstat(path, &now) && same_file(&ours, &now);
}

/* Names. */

static bool is_plain(unsigned char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
           c == '-' || c == '_' || c == '.';
}

enum err local_file_name(char out[NAME_MAX + 1], const char *service, const char *id)
{
    int size = snprintf(out, NAME_MAX + 1, "%s@", service);

    for (; *id && size < NAME_MAX; id++)
        size += snprintf(out + size, NAME_MAX + 1 - size, is_plain(*id) ? "%c" : "%%%02X",
                         (unsigned char)*id);
    if (size < NAME_MAX)
        size += snprintf(out + size, NAME_MAX + 1 - size, ".json");
    return size <= NAME_MAX && !*id ? ERR_OK : ERR_TOO_LARGE;
}

struct slice local_file_service(const char *name)
{
    struct slice all = slice_of(name);
    struct slice service = slice_first(all, slice_find(all, '@'));

    if (all.size < 6 || memcmp(name + all.size - 5, ".json", 5) != 0)
        return SLICE("");
    return service.size < all.size && service_name_is_valid(service) ? service
                                                                     : SLICE("");
}

/* Locks. */

/* Asks only: takes nothing, not even for a moment. */
bool local_file_is_locked(int fd)
{
    struct flock lock = {.l_type = F_WRLCK, .l_whence = SEEK_SET};

    return fcntl(fd, F_OFD_GETLK, &lock) == 0 && lock.l_type != F_UNLCK;
}

static bool take_lock(int fd)
{
    struct flock lock = {.l_type = F_WRLCK, .l_whence = SEEK_SET};

    return fcntl(fd, F_OFD_SETLK, &lock) == 0;
}

static bool is_named(int folder, const char *name, int fd)
{
    struct stat ours, named;

    return fd >= 0 && !fstat(fd, &ours) &&
           !fstatat(folder, name, &named, AT_SYMLINK_NOFOLLOW) &&
           same_file(&ours, &named);
}

/* Writing. */

static json_t *describe(const struct registration *r)
{
    struct instance i = registration_instance(r);
    json_t *json = instance_json_write(&i);

    json_object_set_new(json, "service", json_string(r->service));
    json_object_set_new(json, "ttl_ms", json_integer((json_int_t)r->ttl_ms));
    json_object_set_new(json, "pid", json_integer(getpid()));
    return json;
}

static enum err fill(int fd, const struct registration *r)
{
    json_t *json = describe(r);
    int failed = json ? json_dumpfd(json, fd, JSON_COMPACT) : -1;

    json_decref(json);
    return failed || !take_lock(fd) ? ERR_IO : ERR_OK;
}

static bool belongs_to_another(int folder, const char *name, int own)
{
    int fd = openat(folder, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
    bool lives = fd >= 0 && local_file_is_locked(fd) && !is_named(folder, name, own);

    if (fd >= 0)
        close(fd);
    return lives;
}

static int open_temporary(int folder, char name[NAME_MAX + 1])
{
    char salt[17];

    random_hex(salt, 16);
    snprintf(name, NAME_MAX + 1, ".new-%s", salt);
    return openat(folder, name, O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
}

enum err local_file_write(int folder, const char *name, const struct registration *r,
                          int own, int *out, struct why *w)
{
    char temporary[NAME_MAX + 1];
    int fd;
    enum err e;

    if (belongs_to_another(folder, name, own))
        return why(w, ERR_ADDRESS_IN_USE,
                   "another living process has registered %s as %s", r->service, r->id);
    fd = open_temporary(folder, temporary);
    if (fd < 0)
        return why(w, errno == ENOENT ? ERR_UNAVAILABLE : ERR_IO, "%s", strerror(errno));
    e = fill(fd, r);
    if (!e && renameat(folder, temporary, folder, name))
        e = ERR_IO;
    if (e) {
        why(w, e, "%s", strerror(errno));
        unlinkat(folder, temporary, 0);
        close(fd);
        return e;
    }
    *out = fd;
    return ERR_OK;
}

enum err local_file_touch(int folder, const char *name, int fd)
{
    if (!is_named(folder, name, fd))
        return ERR_NOT_FOUND;
    return futimens(fd, NULL) ? ERR_IO : ERR_OK;
}

void local_file_withdraw(int folder, const char *name, int fd)
{
    if (is_named(folder, name, fd))
        unlinkat(folder, name, 0);
    close(fd);
}

/* Reading. */

int local_file_open(int folder, const char *name, struct stat *s, struct why *w)
{
    int fd = openat(folder, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
    const char *wrong = NULL;

    if (fd < 0) {
        if (errno != ENOENT)
            why(w, ERR_BAD_RECORD, "%s", strerror(errno));
        return -1;
    }
    if (fstat(fd, s) || !S_ISREG(s->st_mode))
        wrong = "it is not a regular file";
    else if (s->st_uid != geteuid())
        wrong = "it belongs to another user";
    if (!wrong)
        return fd;
    why(w, ERR_BAD_RECORD, "%s", wrong);
    close(fd);
    return -1;
}

/* Moved aside first, then looked at: if it was exchanged for a living one meanwhile, it goes back. */
void local_file_bury(int folder, const char *name)
{
    char aside[NAME_MAX + 1];
    char salt[17];
    int fd;

    random_hex(salt, 16);
    snprintf(aside, sizeof aside, ".dead-%s", salt);
    if (renameat(folder, name, folder, aside))
        return;
    fd = openat(folder, aside, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
    if (fd >= 0 && local_file_is_locked(fd))
        renameat2(folder, aside, folder, name, RENAME_NOREPLACE);
    else
        unlinkat(folder, aside, 0);
    if (fd >= 0)
        close(fd);
}

static enum err parse(struct local_record *r, const char *bytes, size_t size,
                      struct why *w)
{
    json_error_t error;
    json_int_t ttl;

    r->json = json_loadb(bytes, size, JSON_REJECT_DUPLICATES, &error);
    if (!r->json)
        return why(w, ERR_BAD_RECORD, "%s", error.text);
    ttl = json_integer_value(json_object_get(r->json, "ttl_ms"));
    if (ttl < 1)
        return why(w, ERR_BAD_RECORD, "it has no ttl_ms");
    r->ttl_ms = (uint64_t)ttl;
    return instance_json_read(&r->parsed, r->json, w);
}

enum err local_record_read(struct local_record *r, int fd, size_t size, struct why *w)
{
    char *bytes;
    ssize_t got;
    enum err e;

    *r = (struct local_record){0};
    if (size > RECORD_LIMIT)
        return why(w, ERR_BAD_RECORD, "it is larger than %d bytes", RECORD_LIMIT);
    bytes = malloc(size + 1);
    if (!bytes)
        return ERR_NO_MEMORY;
    got = pread(fd, bytes, size, 0);
    e = got < 0 ? why(w, ERR_BAD_RECORD, "%s", strerror(errno))
                : parse(r, bytes, (size_t)got, w);
    free(bytes);
    if (e)
        local_record_fini(r);
    return e;
}

void local_record_fini(struct local_record *r)
{
    instance_json_fini(&r->parsed);
    json_decref(r->json);
    r->json = NULL;
}
