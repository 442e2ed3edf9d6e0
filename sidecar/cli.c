#include "sidecar/cli.h"

#include <stdarg.h>
#include <stdlib.h>

#include "config/nearest.h"

/* ---- errors ---- */

int cli_fail(int code, const char *format, ...)
{
    va_list args;

    fprintf(stderr, "csidecar: ");
    va_start(args, format);
    vfprintf(stderr, format, args);
    va_end(args);
    fputc('\n', stderr);
    return code;
}

int cli_no_memory(void)
{
    return cli_fail(CLI_FAILED, "out of memory");
}

int cli_print(struct text *text)
{
    bool is_whole = !text->failed;

    if (is_whole)
        fwrite(text->base, 1, text->size, stdout);
    text_fini(text);
    return is_whole ? CLI_DONE : cli_no_memory();
}

/* ` (did you mean "services"?)` for what is not known. */
static int fail_near(const struct nearest *near, const char *what, const char *word)
{
    const char *found = nearest_found(near);

    if (found)
        return cli_fail(CLI_USAGE, "%s %s (did you mean \"%s\"?)", what, word, found);
    return cli_fail(CLI_USAGE, "%s %s; `csidecar help` lists what there is", what, word);
}

/* ---- commands ---- */

const struct command *cli_command(const char *name)
{
    for (const struct command *at = cli_commands; at->name; at++)
        if (strcmp(at->name, name) == 0)
            return at;
    return NULL;
}

static int fail_unknown(const char *word)
{
    struct nearest near;

    nearest_init(&near, slice_of(word));
    for (const struct command *at = cli_commands; at->name; at++)
        nearest_offer(&near, slice_of(at->name));
    return fail_near(&near, "no such command:", word);
}

/* ---- options ---- */

const char *cli_value(const struct cli *c, enum cli_option o)
{
    const struct cli_values *v = &c->options[o];

    return v->count ? v->items[v->count - 1] : NULL;
}

int cli_duration(const struct cli *c, enum cli_option o, uint64_t otherwise, uint64_t *ms)
{
    const char *value = cli_value(c, o);

    *ms = otherwise;
    if (value && duration_parse(slice_of(value), ms))
        return cli_fail(CLI_USAGE,
                        "%s must be a duration such as 500ms or 30s, not \"%s\"",
                        cli_options[o].flag, value);
    return CLI_DONE;
}

static bool takes(const struct command *command, enum cli_option o)
{
    return command->options >> o & 1;
}

static int fail_option(const struct cli *c, struct slice flag)
{
    char word[128];
    struct nearest near;

    snprintf(word, sizeof(word), "%.*s", (int)(flag.size < 100 ? flag.size : 100),
             flag.base);
    nearest_init(&near, slice_of(word));
    for (enum cli_option o = 0; o < OPTION_COUNT; o++)
        if (takes(c->command, o))
            nearest_offer(&near, slice_of(cli_options[o].flag));
    return fail_near(&near, "no such option here:", word);
}

static enum cli_option option_find(const struct cli *c, struct slice flag)
{
    for (enum cli_option o = 0; o < OPTION_COUNT; o++) {
        const struct option_row *row = &cli_options[o];

        if (takes(c->command, o) &&
            (slice_is(flag, row->flag) || (row->letter && slice_is(flag, row->letter))))
            return o;
    }
    return OPTION_COUNT;
}

/* --flag=VALUE, or the next argument; NULL: there is none, and that was said. */
static const char *value_take(struct cli *c, const struct option_row *row,
                              const char *behind)
{
    if (!row->argument && behind)
        cli_fail(CLI_USAGE, "%s takes no value", row->flag);
    if (!row->argument)
        return behind ? NULL : "";
    if (!behind && c->at < c->argc)
        return c->argv[c->at++];
    if (!behind)
        cli_fail(CLI_USAGE, "%s needs a value: %s", row->flag, row->argument);
    return behind;
}

static int option_take(struct cli *c)
{
    struct slice all = slice_of(c->argv[c->at++]);
    struct slice flag = slice_first(all, slice_find(all, '='));
    enum cli_option o = option_find(c, flag);
    const char *value;

    if (o == OPTION_COUNT)
        return fail_option(c, flag);
    value = value_take(c, &cli_options[o],
                       flag.size < all.size ? all.base + flag.size + 1 : NULL);
    if (!value)
        return CLI_USAGE;
    if (c->options[o].count == CLI_REPEATS)
        return cli_fail(CLI_USAGE, "%s was given too often", cli_options[o].flag);
    c->options[o].items[c->options[o].count++] = value;
    return CLI_DONE;
}

static int word_take(struct cli *c)
{
    const char *word = c->argv[c->at++];
    char usage[CLI_USAGE_TEXT];

    if (c->word_count >= c->command->most)
        return cli_fail(CLI_USAGE, "%s: \"%s\" is one word too many\n%s",
                        c->command->name, word, cli_usage(c->command, usage));
    c->words[c->word_count++] = word;
    return CLI_DONE;
}

static bool is_option(const char *argument)
{
    return argument[0] == '-' && argument[1];
}

static int take_all(struct cli *c)
{
    int code = CLI_DONE;
    char usage[CLI_USAGE_TEXT];

    while (!code && c->at < c->argc)
        code = is_option(c->argv[c->at]) ? option_take(c) : word_take(c);
    if (!code && !cli_has(c, OPTION_HELP) && c->word_count < c->command->least)
        code = cli_fail(CLI_USAGE, "%s", cli_usage(c->command, usage));
    return code;
}

/* ---- dispatch ---- */

static bool is_any(const char *word, const char *a, const char *b)
{
    return strcmp(word, a) == 0 || strcmp(word, b) == 0;
}

/* What follows the first "--" is the child's, whatever it looks like. */
static void cut_child(struct cli *c)
{
    for (int i = 1; i < c->argc; i++)
        if (strcmp(c->argv[i], "--") == 0) {
            c->child = c->argv[i + 1] ? &c->argv[i + 1] : NULL;
            c->argc = i;
            return;
        }
}

static void fini(struct cli *c)
{
    settings_unref(c->settings);
    if (c->loop_is_open)
        (void)loop_close(&c->loop);
}

static int run_command(struct cli *c)
{
    int code;

    if (c->command->takes_settings && c->at < c->argc &&
        is_any(c->argv[c->at], "--help", "-h"))
        return cli_help_of(c->command);
    if (c->command->takes_settings)
        return c->command->run(c);
    code = take_all(c);
    if (!code && cli_has(c, OPTION_HELP))
        return cli_help_of(c->command);
    if (!code)
        code = c->command->run(c);
    fini(c);
    return code;
}

/* Without a command, what there is are settings: `run`. */
static const char *command_name(struct cli *c, const char *first)
{
    if (!first)
        return "run";
    if (is_any(first, "--help", "-h"))
        return "help";
    if (c->argc == 2 && is_any(first, "--version", "-V"))
        return "version"; /* with more it is the app's */
    return is_option(first) ? "run" : first;
}

static int dispatch(struct cli *c, const char *first)
{
    const char *name = command_name(c, first);

    c->command = cli_command(name);
    if (!c->command)
        return fail_unknown(name);
    c->at += first && (name == first || strcmp(name, "run") != 0);
    return run_command(c);
}

int cli_main(int argc, char *const *argv, char *const *environment)
{
    struct cli c = {.argc = argc, .argv = argv, .environment = environment, .at = 1};
    int code;

    cut_child(&c);
    code = dispatch(&c, c.argc > 1 ? c.argv[1] : NULL);
    if ((fflush(stdout) || ferror(stdout)) && !code)
        return cli_fail(CLI_FAILED, "could not write the output");
    return code;
}
