/* service_file.h - a file of services, YAML or JSON, read as a whole or not at all:
 *
 *   orders: ["127.0.0.1:5001", "127.0.0.1:5002"]
 *   search:
 *     - { address: "127.0.0.1:5003", weight: 2, metadata: { zone: eu-1 }, id: s1, version: "1.4" }
 *   billing: []                       # known, and nobody there
 *
 * Errors say file:line:column: reason. An empty file is one: it may be half written; none is {}.
 */
#ifndef DISCOVERY_SERVICE_FILE_H
#define DISCOVERY_SERVICE_FILE_H

#include "config/tree.h"
#include "discovery/instance.h"

struct file_service {
    const char *name;
    struct instance *instances;
    uint32_t count;
};

/* Zeroed: empty. All texts are in its memory; services are sorted by name. */
struct service_file {
    struct memory memory;
    struct file_service *services;
    uint32_t count;
};

/* On failure *f is empty. */
enum err service_file_read(struct service_file *f, const char *path, struct why *w);
void service_file_free(struct service_file *f);
/* NULL: no such service. */
const struct file_service *service_file_find(const struct service_file *f,
                                             const char *name);

#endif
