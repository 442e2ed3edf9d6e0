/* cli_show.h - tables for people: columns as wide as their widest cell, two spaces between, none at the end.
 *
 *     struct show s;
 *     show_init(&s, "SERVICE", "INSTANCES", NULL);
 *     show_cell(&s, "%s", name); show_cell(&s, "%u", count);     // row by row
 *     show_print(&s, stdout);                                    // and gone
 */
#ifndef SIDECAR_CLI_SHOW_H
#define SIDECAR_CLI_SHOW_H

#include <jansson.h>
#include <stdio.h>

enum { SHOW_COLUMNS = 12 };

struct show {
    unsigned columns;
    char **cells; /* row by row, the header first */
    unsigned count, capacity;
    int failed;
};

/* Column heads, NULL at the end. */
void show_init(struct show *s, ...);
/* Control bytes are shown as '?': what registries say does not drive the terminal. */
__attribute__((format(printf, 2, 3))) void show_cell(struct show *s, const char *format,
                                                     ...);
/* Out of memory: says so, and returns CLI_FAILED. */
int show_print(struct show *s, FILE *out);

/* Of JSON, never NULL. */
const char *show_text(const json_t *object, const char *key);
json_int_t show_number(const json_t *object, const char *key);
/* The value for programs, indented; drops the reference. */
int show_json(json_t *value);
/* "250ms", "12s", "3m", "2h", "5d": the two coarsest that matter. */
char *show_ago(char out[48], json_int_t ms);
char *show_bytes(char out[48], json_int_t bytes);

#endif
