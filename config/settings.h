/* settings.h - from a tree and a table to a struct, and back to text.
 *
 *   defaults < YAML < environment < flags: all are merged into one tree first (overlay),
 * so an error about any of them names its origin; then the tree is decoded against the
 * table.
 *
 * Decoding is all or nothing. Errors say origin:line:column: the key's path, the reason,
 * and for an unknown key the nearest known one:
 *
 *   csidecar.yaml:7:5: services.billing.retires: unknown key (did you mean "retries"?)
 *   CSIDECAR_PROXY_WORKERS: proxy.workers: must be from 1 to 64, not "many"
 */
#ifndef CONFIG_SETTINGS_H
#define CONFIG_SETTINGS_H

#include "config/field.h"
#include "config/nearest.h"
#include "config/tree.h"
#include "sidecar/core/text.h"

/* Fills `out` (sized for `fields`) from its defaults and `root` (may be NULL: defaults
 * only). Its texts and items are in `m`. */
enum err settings_decode(const struct field *fields, const struct node *root, void *out,
                         struct memory *m, struct why *w);

/* Puts a place in front of a reason: where the node at `path` (or the nearest above it)
 * was written, and the path. For checks that decoding cannot make. */
void settings_why_at(struct why *w, const struct node *root, const char *path);

/* A scalar setting (and a list of scalars) anywhere in the tables has an environment
 * variable and a flag: proxy.workers -> CSIDECAR_PROXY_WORKERS, --proxy-workers. In
 * groups only, not inside lists and maps, which --set reaches. */

/* Overlays each CSIDECAR_* of `environment` (as in environ) that is not empty. An unknown
 * one is an error with the nearest known name, but those in `ignored` (NULL-terminated,
 * exact names; or NULL) and what looks like injected by Kubernetes (a value tcp://..., an
 * unknown name ending in _SERVICE_HOST, _PORT_80_TCP_ADDR, ...) are skipped: the latter
 * with a warning in the log. */
enum err settings_environment(struct tree *t, const struct field *fields,
                              char *const environment[], const char *const *ignored,
                              struct why *w);

struct alias {
    const char *flag; /* "--port" */
    const char *path; /* "proxy.port" */
};

/* Overlays flags from argv[*at] on: --key value, --key=value, bools --key / --no-key, and
 * --set path=value, where the value may be YAML flow. A list's flag given again adds to
 * it. Stops at the first argument that is no flag or at "--", leaving *at there.
 * `aliases` ends with flag == NULL, or is NULL. */
enum err settings_flags(struct tree *t, const struct field *fields,
                        const struct alias *aliases, int argc, char *const argv[],
                        int *at, struct why *w);

/* The settings as YAML that decodes to the same settings: one key a line, secrets as
 * "(set)", a password in a URL as "***". */
void settings_print_yaml(const struct field *fields, const void *settings,
                         struct text *out);
/* The same as JSON. */
void settings_print_json(const struct field *fields, const void *settings,
                         struct text *out);
/* A Markdown table of all settings: path, kind, default, range, variable, flag, help. */
void settings_print_docs(const struct field *fields, struct text *out);

/* The first START_ONLY setting that differs, as a path in `path`, or false. */
bool settings_start_only_differs(const struct field *fields, const void *a, const void *b,
                                 char *path, size_t size);

#endif
