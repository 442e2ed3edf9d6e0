/* scalar.h - a setting's text to its value and back, by kind: BOOL to TEXTS.
 *
 * The reason says what would be right and what was there:
 *   must be from 1 to 64, not "many"
 *   must be a duration from 1ms to 1h, not "5" (a unit is missing: 5s?)
 */
#ifndef CONFIG_SCALAR_H
#define CONFIG_SCALAR_H

#include "config/field.h"
#include "config/memory.h"
#include "sidecar/core/text.h"

/* BOOL, COUNT, DURATION, SIZE, PERCENT, CHOICE, TEXT. Copies a text into `m`. */
enum err scalar_parse(const struct field *f, struct slice s, void *member,
                      struct memory *m, struct why *w);
/* One of TEXTS. */
enum err scalar_parse_item(const struct field *f, struct slice s, const char **item,
                           struct memory *m, struct why *w);
/* TEXTS from one text, cut at commas (at spaces: FIELD_URL); nothing: an empty list. */
enum err scalar_split(const struct field *f, struct slice s, struct texts *out,
                      struct memory *m, struct why *w);

/* "true", 5, "15s"; a secret as "(set)". Texts are quoted where `json` or needed; a NULL
 * text is null. */
void scalar_print(const struct field *f, const void *member, bool json, struct text *out);
void scalar_print_text(const struct field *f, const char *value, bool json,
                       struct text *out);
/* In double quotes, as both JSON and YAML read it. */
void scalar_print_quoted(struct slice s, struct text *out);
/* "count", "duration", "list of texts", ... for people. */
const char *scalar_kind(const struct field *f);
/* "from 1 to 64", "1ms to 1h", "one of a, b"; empty when all is allowed. */
void scalar_range(const struct field *f, struct text *out);

#endif
