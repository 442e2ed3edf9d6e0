/* search.h - the settings that have a variable and a flag, found by name. */
#ifndef CONFIG_SEARCH_H
#define CONFIG_SEARCH_H

#include "config/field.h"
#include "config/nearest.h"

#define VARIABLE "CSIDECAR_"

enum { PATH_SIZE = 128, NAME_SIZE = 160 };

struct setting {
    const struct field *field; /* NULL: none found */
    char path[PATH_SIZE];
};

/* proxy.allowed_hosts -> CSIDECAR_PROXY_ALLOWED_HOSTS, --proxy-allowed-hosts */
void variable_name(char out[NAME_SIZE], const char *path);
void flag_name(char out[NAME_SIZE], const char *path);

/* Calls `visit` for each until it says true; then it says true itself. */
bool search_each(const struct field *fields,
                 bool (*visit)(const struct setting *s, void *data), void *data);

struct search {
    struct slice name;
    const char *prefix; /* VARIABLE or "--": says nothing of nearness */
    void (*name_of)(char out[NAME_SIZE], const char *path);
    struct nearest near;
    struct setting found;
};

/* Looks for the one whose name, made by name_of, is `name`. `near` has seen all others.
 */
void search_init(struct search *s, struct slice name, const char *prefix,
                 void (*name_of)(char out[NAME_SIZE], const char *path));
/* Another name that is known. */
void search_offer(struct search *s, struct slice known);
/* "NAME: what (did you mean ...?)" */
enum err search_refuse(const struct search *s, struct why *w, const char *what);
bool search_run(struct search *s, const struct field *fields);
/* By its path instead. */
bool search_path(const struct field *fields, const char *path, struct setting *found);

#endif
