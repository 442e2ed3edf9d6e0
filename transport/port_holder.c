#include "transport/port_holder.h"

#include <ctype.h>
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { STATE_LISTEN = 0x0A };

/* The inode of the socket that listens on `port`, of one table; 0: none. */
static unsigned long find_inode(const char *table, unsigned port)
{
    FILE *f = fopen(table, "re");
    char line[512];
    unsigned long found = 0;

    if (!f)
        return 0;
    while (!found && fgets(line, sizeof(line), f)) {
        unsigned local, state;
        unsigned long inode;

        if (sscanf(line, " %*u: %*[0-9A-F]:%x %*s %x %*s %*s %*s %*u %*u %lu", &local,
                   &state, &inode) == 3 &&
            local == port && state == STATE_LISTEN)
            found = inode;
    }
    fclose(f);
    return found;
}

static bool has_link_to(const char *folder, const char *target)
{
    DIR *dir = opendir(folder);
    struct dirent *entry;
    bool found = false;

    if (!dir)
        return false;
    while (!found && (entry = readdir(dir))) {
        char link[64];
        ssize_t size = readlinkat(dirfd(dir), entry->d_name, link, sizeof(link) - 1);

        link[size > 0 ? size : 0] = 0;
        found = strcmp(link, target) == 0;
    }
    closedir(dir);
    return found;
}

/* The process that has the socket open; 0: none that we may look into. */
static long find_process(unsigned long inode)
{
    DIR *dir = opendir("/proc");
    struct dirent *entry;
    char target[64], folder[64];
    long pid = 0;

    if (!dir)
        return 0;
    snprintf(target, sizeof(target), "socket:[%lu]", inode);
    while (!pid && (entry = readdir(dir))) {
        if (!isdigit((unsigned char)entry->d_name[0]))
            continue;
        snprintf(folder, sizeof(folder), "/proc/%.20s/fd", entry->d_name);
        if (has_link_to(folder, target))
            pid = atol(entry->d_name);
    }
    closedir(dir);
    return pid;
}

static void process_name(long pid, char out[32])
{
    char path[64];
    FILE *f;

    snprintf(out, 32, "a process");
    snprintf(path, sizeof(path), "/proc/%ld/comm", pid);
    f = fopen(path, "re");
    if (!f)
        return;
    if (fgets(out, 32, f))
        out[strcspn(out, "\n")] = 0;
    fclose(f);
}

bool port_holder(unsigned port, char *out, size_t size)
{
    unsigned long inode = find_inode("/proc/net/tcp", port);
    char name[32];
    long pid;

    if (!inode)
        inode = find_inode("/proc/net/tcp6", port);
    pid = inode ? find_process(inode) : 0;
    if (!pid)
        return false;
    process_name(pid, name);
    snprintf(out, size, "%s (pid %ld)", name, pid);
    return true;
}
