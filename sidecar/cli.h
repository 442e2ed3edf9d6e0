/* cli.h - the command line: one table of commands, one of their options; help and completion come from both.
 *
 *   csidecar [run] [settings] [-- command ...]
 *   csidecar COMMAND [options] [words]
 *
 * Commands ask a running sidecar through its admin port (--admin, CSIDECAR_ADMIN_URL, the admin.listen of the
 * settings, else the default ports: the first where a csidecar answers), or with --registry the registries
 * themselves. Output is for people, with --json for programs; errors go to standard error and say what to do.
 *
 * Exit codes: see enum cli_exit. `run` ends with its child's.
 */
#ifndef SIDECAR_CLI_H
#define SIDECAR_CLI_H

#include <jansson.h>
#include <stdio.h>

#include "sidecar/settings.h"
#include "transport/loop.h"

enum cli_exit {
    CLI_DONE = 0,
    CLI_NO =
        1, /* the answer is no: not found, not ready, the call failed, bad settings */
    CLI_USAGE = 2,    /* the command line itself is wrong */
    CLI_FAILED = 125, /* ours: no sidecar answers, out of memory, ports taken */
};

enum cli_option {
    OPTION_ADMIN,
    OPTION_REGISTRY,
    OPTION_CONFIG,
    OPTION_JSON,
    OPTION_TOKEN,
    OPTION_TIMEOUT,
    OPTION_DATA,
    OPTION_HEADER,
    OPTION_INCLUDE,
    OPTION_METADATA,
    OPTION_ID,
    OPTION_VERSION,
    OPTION_WEIGHT,
    OPTION_WAIT,
    OPTION_HELP,
    OPTION_COUNT,
};

struct option_row {
    const char *flag;     /* "--json" */
    const char *letter;   /* "-j", or NULL */
    const char *argument; /* "URL"; NULL: takes none */
    const char *help;
};

extern const struct option_row cli_options[OPTION_COUNT];

enum { CLI_WORDS = 3, CLI_REPEATS = 32, CLI_USAGE_TEXT = 96 };

struct cli;

struct command {
    const char *name;      /* NULL ends the table */
    const char *arguments; /* "NAME [METHOD] PATH" */
    const char *summary;
    const char *details;  /* further lines of its help, or NULL */
    unsigned least, most; /* words */
    unsigned options;     /* a bit for each enum cli_option */
    bool
        takes_settings; /* its flags are those of the settings, and it reads them itself */
    int (*run)(struct cli *c);
};

extern const struct command cli_commands[];

struct cli_values {
    const char *items[CLI_REPEATS];
    unsigned count;
};

struct cli {
    int argc;
    char *const *argv;
    char *const *environment;
    int at;             /* the first argument after the command */
    char *const *child; /* what follows "--", or NULL */
    const struct command *command;
    const char *words[CLI_WORDS];
    unsigned word_count;
    struct cli_values options[OPTION_COUNT];

    /* cli_ask.c */
    struct loop loop;
    struct settings
        *settings; /* of the directory or --config; NULL: not loaded, or broken */
    struct address admin;
    bool loop_is_open, admin_is_known;
};

/* The whole program. */
int cli_main(int argc, char *const *argv, char *const *environment);

/* cli.c */
static inline bool cli_has(const struct cli *c, enum cli_option o)
{
    return c->options[o].count > 0;
}
/* The last one given, or NULL. */
const char *cli_value(const struct cli *c, enum cli_option o);
/* "csidecar: ..." on standard error; returns `code`. */
__attribute__((format(printf, 2, 3))) int cli_fail(int code, const char *format, ...);
int cli_no_memory(void);
/* On standard output, if it became whole; ends the text. */
int cli_print(struct text *text);
const struct command *cli_command(const char *name);
/* A duration option in ms; `otherwise` when not given. */
int cli_duration(const struct cli *c, enum cli_option o, uint64_t otherwise,
                 uint64_t *ms);

/* cli_help.c */
int cli_help(struct cli *c);
int cli_help_of(const struct command *command);
/* "usage: csidecar get NAME [options]" */
const char *cli_usage(const struct command *c, char out[CLI_USAGE_TEXT]);
void cli_help_all(FILE *out);
int cli_version(struct cli *c);

/* The others, each in the file of its kind. */
int cli_run(struct cli *c);
int cli_check(struct cli *c);
int cli_services(struct cli *c);
int cli_get(struct cli *c);
int cli_watch(struct cli *c);
int cli_call(struct cli *c);
int cli_health(struct cli *c);
int cli_stats(struct cli *c);
int cli_explain(struct cli *c);
int cli_wait(struct cli *c);
int cli_drain(struct cli *c);
int cli_register(struct cli *c);
int cli_deregister(struct cli *c);
int cli_completion(struct cli *c);

#endif
