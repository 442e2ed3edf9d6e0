/* What the kernel lets us do because of who we are. */
#include <errno.h>
#include <linux/capability.h>
#include <stdio.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "sidecar/sandbox_parts.h"

/* ---- memory ---- */

/* One byte: too small for a file, and where core files go through a pipe the kernel takes 1 for "none" (core(5)). The
 * hard limit stays. */
enum err sandbox_no_core_files(struct sandbox *s, char *state, struct why *w)
{
    struct rlimit limit;

    (void)s;
    if (getrlimit(RLIMIT_CORE, &limit))
        return why(w, ERR_UNSUPPORTED, "%s", strerror(errno));
    if (limit.rlim_cur > 1)
        limit.rlim_cur = 1;
    if (setrlimit(RLIMIT_CORE, &limit))
        return why(w, ERR_UNSUPPORTED, "%s", strerror(errno));
    snprintf(state, SANDBOX_STATE, "none");
    return ERR_OK;
}

enum err sandbox_hide_memory(struct sandbox *s, char *state, struct why *w)
{
    (void)s;
    if (prctl(PR_SET_DUMPABLE, 0, 0, 0, 0))
        return why(w, ERR_UNSUPPORTED, "%s", strerror(errno));
    snprintf(state, SANDBOX_STATE, "hidden");
    return ERR_OK;
}

/* ---- rights ---- */

enum err sandbox_no_new_privs(struct sandbox *s, char *state, struct why *w)
{
    (void)s;
    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0))
        return why(w, ERR_UNSUPPORTED, "%s", strerror(errno));
    snprintf(state, SANDBOX_STATE, "on");
    return ERR_OK;
}

enum when { ALWAYS, WITH_CHILD, NOT_STRICT };

/* All others go. */
static const struct kept {
    const char *name;
    unsigned capability;
    enum when when;
} kept[] = {
    {"net_bind_service", CAP_NET_BIND_SERVICE, ALWAYS    }, /* ports of further workers */
    {"kill",             CAP_KILL,             WITH_CHILD}, /* one that became another user */
    {"dac_override",     CAP_DAC_OVERRIDE,     NOT_STRICT}, /* another user's files, sockets */
};

enum { KEPT = sizeof(kept) / sizeof(kept[0]), CAPABILITIES = 64 };

static bool is_due(const struct sandbox *s, enum when when)
{
    switch (when) {
    case ALWAYS:
        return true;
    case WITH_CHILD:
        return s->has_child;
    case NOT_STRICT:
        return s->mode != SANDBOX_STRICT;
    }
    return false;
}

static uint64_t kept_by(const struct sandbox *s)
{
    uint64_t set = 0;

    for (unsigned i = 0; i < KEPT; i++)
        if (is_due(s, kept[i].when))
            set |= UINT64_C(1) << kept[i].capability;
    return set;
}

/* Of no use to who may not gain anything, and not everybody may: what fails here fails quietly. */
static void bound(uint64_t keep)
{
    for (unsigned i = 0; i < CAPABILITIES; i++)
        if (!(keep >> i & 1) && prctl(PR_CAPBSET_READ, i, 0, 0, 0) == 1)
            (void)prctl(PR_CAPBSET_DROP, i, 0, 0, 0);
    (void)prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0);
}

/* libc has no words for these two (capget(2)). */
static enum err keep_only(uint64_t keep, uint64_t *left, struct why *w)
{
    struct __user_cap_header_struct header = {_LINUX_CAPABILITY_VERSION_3, 0};
    struct __user_cap_data_struct data[2];
    uint64_t had;

    if (syscall(SYS_capget, &header, data))
        return why(w, ERR_UNSUPPORTED, "%s", strerror(errno));
    had = data[0].permitted | (uint64_t)data[1].permitted << 32;
    *left = had & keep;
    if (*left == had && !data[0].inheritable && !data[1].inheritable)
        return ERR_OK; /* not everybody may call the next one */
    for (unsigned i = 0; i < 2; i++) {
        data[i].permitted = (uint32_t)(*left >> 32 * i);
        data[i].effective &= data[i].permitted;
        data[i].inheritable = 0;
    }
    if (syscall(SYS_capset, &header, data))
        return why(w, ERR_UNSUPPORTED, "%s", strerror(errno));
    return ERR_OK;
}

static void name_them(uint64_t set, char *state)
{
    size_t size = (size_t)snprintf(state, SANDBOX_STATE, set ? "" : "none");

    for (unsigned i = 0; i < KEPT && size < SANDBOX_STATE; i++)
        if (set >> kept[i].capability & 1)
            size += (size_t)snprintf(state + size, SANDBOX_STATE - size, "%s%s",
                                     size ? "," : "", kept[i].name);
}

enum err sandbox_drop_capabilities(struct sandbox *s, char *state, struct why *w)
{
    uint64_t keep = kept_by(s), left = 0;
    enum err e;

    bound(keep);
    e = keep_only(keep, &left, w);
    if (!e)
        name_them(left, state);
    return e;
}
