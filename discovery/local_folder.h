/* local_folder.h - the folder of the `local` registry, and the files in it.
 *
 *   <runtime dir>/registry/<service>@<id>.json     one for each instance, mode 0600
 *
 * A file is an instance that lives as long as its writer holds an open file description lock on it
 * (fcntl(2), F_OFD_SETLK): the kernel lets go of it at the latest when the process dies. It is written
 * under another name, locked, then renamed, so nobody ever sees half of it or one without its lock.
 * Its modification time is the heartbeat.
 *
 * The folder must be ours and closed to all others: who can write there can take over calls.
 */
#ifndef DISCOVERY_LOCAL_FOLDER_H
#define DISCOVERY_LOCAL_FOLDER_H

#include <limits.h>
#include <sys/stat.h>

#include "discovery/instance_json.h"
#include "discovery/registry.h"

/* Makes what is missing, checks owner and rights. ERR_DENIED: not ours alone; w says which. */
enum err local_folder_open(int *fd, const char *path, struct why *w);
/* Is `path` still the folder behind fd? */
bool local_folder_is(int fd, const char *path);

/* "orders@orders-4f2a.json"; bytes of the id that do not belong in a file's name as %XX. ERR_TOO_LARGE. */
enum err local_file_name(char out[NAME_MAX + 1], const char *service, const char *id);
/* The service in a file's name; empty if it is none of ours. */
struct slice local_file_service(const char *name);

/* Writes the record and keeps it locked: *fd stays open for as long as it is to live. ERR_ADDRESS_IN_USE
 * when a living process other than `own` (an fd of ours, or -1) has this name. */
enum err local_file_write(int folder, const char *name, const struct registration *r,
                          int own, int *fd, struct why *w);
/* A heartbeat. ERR_NOT_FOUND when the name is no longer that of our file. */
enum err local_file_touch(int folder, const char *name, int fd);
/* Removes it, if it is still ours, and closes fd. */
void local_file_withdraw(int folder, const char *name, int fd);

/* A file of somebody, opened. -1: not there, or not what it should be (then w says so). */
int local_file_open(int folder, const char *name, struct stat *s, struct why *w);
bool local_file_is_locked(int fd);
/* Removes the file of a dead writer; leaves one that lives, whatever happens meanwhile. */
void local_file_bury(int folder, const char *name);

struct local_record {
    json_t *json;
    struct instance_json parsed;
    uint64_t ttl_ms;
};

enum err local_record_read(struct local_record *r, int fd, size_t size, struct why *w);
void local_record_fini(struct local_record *r);

#endif
