#include <dirent.h>
#include <stdio.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#include "sidecar/metrics.h"

static double seconds(struct timeval t)
{
    return (double)t.tv_sec + (double)t.tv_usec / 1e6;
}

static double cpu_seconds(void)
{
    struct rusage usage;

    if (getrusage(RUSAGE_SELF, &usage))
        return 0;
    return seconds(usage.ru_utime) + seconds(usage.ru_stime);
}

/* proc_pid_statm(5): size and resident, in pages. */
static void read_memory(struct metrics_process *p)
{
    FILE *f = fopen("/proc/self/statm", "re");
    unsigned long long size = 0, resident = 0;
    uint64_t page = (uint64_t)sysconf(_SC_PAGESIZE);

    if (f && fscanf(f, "%llu %llu", &size, &resident) == 2) {
        p->virtual_bytes = size * page;
        p->resident_bytes = resident * page;
    }
    if (f)
        fclose(f);
}

/* proc_pid_stat(5), field 22: ticks after boot. The name in field 2 may hold anything but its last ')'. */
static double started_after_boot(void)
{
    FILE *f = fopen("/proc/self/stat", "re");
    unsigned long long ticks = 0;
    char line[1024], *at;

    if (!f)
        return 0;
    at = fgets(line, sizeof(line), f) ? strrchr(line, ')') : NULL;
    for (int field = 2; at && field < 22; field++)
        at = strchr(at + 1, ' ');
    if (at)
        sscanf(at, "%llu", &ticks);
    fclose(f);
    return (double)ticks / (double)sysconf(_SC_CLK_TCK);
}

static double wall_minus_boot(void)
{
    struct timespec wall, boot;

    clock_gettime(CLOCK_REALTIME, &wall);
    clock_gettime(CLOCK_BOOTTIME, &boot);
    return (double)(wall.tv_sec - boot.tv_sec) +
           (double)(wall.tv_nsec - boot.tv_nsec) / 1e9;
}

/* Without ".", ".." and the one we count with. */
static uint64_t open_fds(void)
{
    DIR *d = opendir("/proc/self/fd");
    uint64_t count = 0;

    while (d && readdir(d))
        count++;
    if (d)
        closedir(d);
    return count > 3 ? count - 3 : 0;
}

static uint64_t max_fds(void)
{
    struct rlimit limit;

    return getrlimit(RLIMIT_NOFILE, &limit) ? 0 : (uint64_t)limit.rlim_cur;
}

void metrics_process_read(struct metrics_process *p)
{
    *p = (struct metrics_process){
        .cpu_seconds = cpu_seconds(),
        .started_seconds = wall_minus_boot() + started_after_boot(),
        .open_fds = open_fds(),
        .max_fds = max_fds(),
    };
    read_memory(p);
}
