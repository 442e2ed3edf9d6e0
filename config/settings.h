/* settings.h - from a tree and a table to a struct, and back to text.
 *
 *   defaults < YAML < environment < flags: all are merged into one tree first (overlay), so an
 *   error about any of them names its origin; then the tree is decoded against the table.
 *
 * Decoding is all or nothing. Errors say origin:line:column: the key's path, the reason, and for
 * an unknown key the nearest known one:
 *
 *   csidecar.yaml:7:5: services.billing.retires: unknown key (did you mean "retries"?)
 *   CSIDECAR_PROXY_WORKERS: proxy.workers: must be from 1 to 64, not "many"
 */
#ifndef CONFIG_SETTINGS_H
#define CONFIG_SETTINGS_H

#include "config/field.h"
#include "config/tree.h"
#include "sidecar/core/text.h"

/* Owns every text and item of a decoded struct. Zeroed: empty. */
struct settings_memory {
    struct settings_block *blocks;
};

void settings_memory_free(struct settings_memory *m);
/* Memory that goes with the settings, zeroed; NULL when out of memory. For derived values. */
void *settings_take(struct settings_memory *m, size_t size);

/* Fills `out` (sized for `fields`) from its defaults and `root` (may be NULL: defaults only). */
enum err settings_decode(const struct field *fields, const struct node *root, void *out,
                         struct settings_memory *m, struct why *w);

/* A scalar setting anywhere in the tables has an environment variable and a flag:
 * proxy.workers -> CSIDECAR_PROXY_WORKERS, --proxy-workers. Groups only; not inside lists and maps. */

/* Overlays each CSIDECAR_* of `environment` (as in environ). An unknown one is an error with the
 * nearest known name, but those in `ignored` (NULL-terminated, exact names) and values that look like
 * what Kubernetes injects (tcp://..., also *_SERVICE_HOST, *_PORT_...) are skipped: the latter with a
 * warning in the log. `also` lists names the caller handles himself. */
enum err settings_environment(struct tree *t, const struct field *fields, char *const environment[],
                              const char *const *ignored, struct why *w);

struct alias {
    const char *flag; /* "--port" */
    const char *path; /* "proxy.port" */
    bool takes_value; /* false: a flag alone means "true" */
};

/* Overlays flags from argv[*at] on: --key value, --key=value, bools also --key / --no-key, and
 * --set path=value. Stops at the first argument that is no flag or at "--", leaving *at there.
 * `aliases` ends with flag == NULL. */
enum err settings_flags(struct tree *t, const struct field *fields, const struct alias *aliases, int argc,
                        char *const argv[], int *at, struct why *w);

/* The settings as YAML that decodes to the same settings: one key a line, secrets as "(set)". */
void settings_print_yaml(const struct field *fields, const void *settings, struct text *out);
/* The same as JSON. */
void settings_print_json(const struct field *fields, const void *settings, struct text *out);
/* A Markdown table of all settings: path, kind, default, range, variable, flag, help. */
void settings_print_docs(const struct field *fields, struct text *out);

/* The first START_ONLY setting that differs, as a path in `path`, or false. */
bool settings_start_only_differs(const struct field *fields, const void *a, const void *b, char *path,
                                 size_t size);

/* The known word nearest to `word` within a third of its length, or NULL. */
const char *nearest(struct slice word, const char *const *known, unsigned count);

#endif
