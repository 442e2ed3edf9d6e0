/* Landlock (landlock(7)): which files may be opened for what. Kernels know versions of it; the headers of a build
 * machine may know fewer, so what we say stands here. Connections to Unix sockets are not asked about. */
#define _GNU_SOURCE /* O_PATH */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "sidecar/sandbox_parts.h"

#ifndef SYS_landlock_create_ruleset /* the same on all machines */
#define SYS_landlock_create_ruleset 444
#define SYS_landlock_add_rule 445
#define SYS_landlock_restrict_self 446
#endif

enum { CREATE_VERSION = 1, RULE_PATH_BENEATH = 1 };

enum access {
    EXECUTE = 1 << 0,
    WRITE_FILE = 1 << 1,
    READ_FILE = 1 << 2,
    READ_DIR = 1 << 3,
    REMOVE_DIR = 1 << 4,
    REMOVE_FILE = 1 << 5,
    MAKE_DIR = 1 << 7,
    MAKE_REG = 1 << 8,
    MAKE_SOCK = 1 << 9,
    REFER = 1 << 13,
    TRUNCATE = 1 << 14,
    OF_FILES = EXECUTE | WRITE_FILE | READ_FILE | TRUNCATE,
};

/* What each version handles: all that it knows. What is handled is forbidden where no rule allows it. */
static const uint64_t known_to[] = {
    0, 0x1fff, 0x3fff, 0x7fff, 0x7fff, 0xffff,
};

enum { NEWEST = sizeof(known_to) / sizeof(known_to[0]) - 1, WITH_SCOPES = 6 };

/* No abstract Unix sockets of others; signals go to the app we started, so those stay. */
enum { SCOPE_ABSTRACT_SOCKETS = 1 };

struct ruleset {
    uint64_t fs, net, scoped;
};

struct beneath {
    uint64_t allowed;
    int32_t fd;
} __attribute__((packed));

static uint64_t access_of(unsigned rights)
{
    uint64_t access = 0;

    if (rights & (SANDBOX_READ | SANDBOX_WRITE))
        access |= READ_FILE | READ_DIR;
    if (rights & SANDBOX_EXECUTE)
        access |= EXECUTE;
    if (rights & SANDBOX_WRITE)
        access |= WRITE_FILE | TRUNCATE | REFER | REMOVE_DIR | REMOVE_FILE | MAKE_DIR |
                  MAKE_REG;
    if (rights & SANDBOX_SOCKET)
        access |= REMOVE_FILE | MAKE_SOCK;
    return access;
}

/* One that is not there needs no rule. */
static enum err allow(int rules, const struct sandbox_place *place, uint64_t handled,
                      struct why *w)
{
    struct beneath rule = {access_of(place->rights) & handled,
                           open(place->path, O_PATH | O_CLOEXEC)};
    struct stat s;
    long failed;

    if (rule.fd < 0)
        return ERR_OK;
    if (fstat(rule.fd, &s) == 0 && !S_ISDIR(s.st_mode))
        rule.allowed &= OF_FILES;
    failed = syscall(SYS_landlock_add_rule, rules, RULE_PATH_BENEATH, &rule, 0);
    if (failed)
        why(w, ERR_UNSUPPORTED, "%s: %s", place->path, strerror(errno));
    close(rule.fd);
    return failed ? ERR_UNSUPPORTED : ERR_OK;
}

static enum err allow_all(const struct sandbox *s, int rules, uint64_t handled,
                          struct why *w)
{
    enum err e = ERR_OK;

    for (unsigned i = 0; i < s->places.count && !e; i++)
        e = allow(rules, &s->places.items[i], handled, w);
    if (!e && prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) != 1)
        e = why(w, ERR_UNSUPPORTED, "it asks for no_new_privs");
    if (!e && syscall(SYS_landlock_restrict_self, rules, 0))
        e = why(w, ERR_UNSUPPORTED, "%s", strerror(errno));
    return e;
}

enum err sandbox_confine(struct sandbox *s, char *state, struct why *w)
{
    long version = syscall(SYS_landlock_create_ruleset, NULL, 0, CREATE_VERSION);
    struct ruleset r = {0};
    enum err e;
    int rules;

    if (version < 1)
        return why(w, ERR_UNSUPPORTED, "this kernel has none, or none for us (%s)",
                   strerror(errno));
    r.fs = known_to[version < NEWEST ? version : NEWEST];
    r.scoped = version >= WITH_SCOPES ? SCOPE_ABSTRACT_SOCKETS : 0;
    rules = (int)syscall(SYS_landlock_create_ruleset, &r, sizeof(r), 0);
    if (rules < 0)
        return why(w, ERR_UNSUPPORTED, "%s", strerror(errno));
    e = allow_all(s, rules, r.fs, w);
    close(rules);
    s->is_confined = !e;
    snprintf(state, SANDBOX_STATE, "version-%ld", version);
    return e;
}
