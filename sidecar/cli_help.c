#include <unistd.h>

#include "config/nearest.h"
#include "sidecar/cli.h"

enum { DOCS_LIMIT = 1024 * 1024 };

int cli_version(struct cli *c)
{
    (void)c;
    printf("csidecar %s\n", CSIDECAR_VERSION);
    return CLI_DONE;
}

static const char exit_codes[] =
    "Exit codes:\n"
    "  0    done; `run`: after a drain that was asked for\n"
    "  1    the answer is no: not found, not ready, the call failed, the settings are "
    "wrong\n"
    "  2    the command line is wrong\n"
    "  125  a failure of csidecar itself: no sidecar answers, a port is taken, settings "
    "that `run` can't take\n"
    "  126  `run`: the command is not executable; 127: it was not found\n"
    "  else `run`: the command's own, or 128 + the signal that ended it\n";

void cli_help_all(FILE *out)
{
    fprintf(
        out,
        "csidecar - registers the app beside it, and calls the others for it\n\n"
        "  csidecar --app-port 5000                  beside an app that listens on 5000\n"
        "  csidecar run --name web -- python3 app.py with the app as its child\n"
        "  curl http://127.0.0.1:8081/orders/items   a call to the service orders\n\n"
        "Commands:\n");
    for (const struct command *at = cli_commands; at->name; at++)
        fprintf(out, "  %-11s %-22s %s\n", at->name,
                strlen(at->arguments) <= 22 ? at->arguments : "...", at->summary);
    fprintf(
        out,
        "\n`csidecar help COMMAND` says more, `csidecar help settings` lists all "
        "settings "
        "with their flags\nand variables, `csidecar help exit-codes` what a command ends "
        "with.\n");
}

static void print_options(const struct command *command)
{
    for (enum cli_option o = 0; o < OPTION_COUNT; o++) {
        const struct option_row *row = &cli_options[o];
        char flag[64];

        if (!(command->options >> o & 1))
            continue;
        snprintf(flag, sizeof(flag), "%s%s%s%s%s", row->letter ? row->letter : "",
                 row->letter ? ", " : "", row->flag, row->argument ? " " : "",
                 row->argument ? row->argument : "");
        printf("  %-24s %s\n", flag, row->help);
    }
}

const char *cli_usage(const struct command *c, char out[CLI_USAGE_TEXT])
{
    snprintf(out, CLI_USAGE_TEXT, "usage: csidecar %s%s%s%s", c->name,
             *c->arguments ? " " : "", c->arguments, c->options ? " [options]" : "");
    return out;
}

int cli_help_of(const struct command *command)
{
    char usage[CLI_USAGE_TEXT];

    printf("%s\n\n%s.\n", cli_usage(command, usage), command->summary);
    if (command->details)
        printf("%s\n", command->details);
    if (command->options)
        printf("\nOptions:\n");
    print_options(command);
    if (command->takes_settings)
        printf("\nSettings: --name, --app-port, --port, --admin, --registry, --timeout, "
               "-c FILE, --set "
               "PATH=VALUE ...;\n`csidecar help settings` lists them all.\n");
    return CLI_DONE;
}

static int print_settings(void)
{
    struct text text;

    text_init(&text, DOCS_LIMIT);
    settings_print_docs(settings_fields, &text);
    return cli_print(&text);
}

static int fail_topic(const char *word)
{
    struct nearest near;
    const char *found;

    nearest_init(&near, slice_of(word));
    for (const struct command *at = cli_commands; at->name; at++)
        nearest_offer(&near, slice_of(at->name));
    nearest_offer(&near, SLICE("settings"));
    nearest_offer(&near, SLICE("exit-codes"));
    found = nearest_found(&near);
    return cli_fail(CLI_USAGE,
                    found ? "no help on %s (did you mean \"%s\"?)"
                          : "no help on %s; `csidecar help` says what there is",
                    word, found);
}

int cli_help(struct cli *c)
{
    const char *word = c->word_count ? c->words[0] : NULL;

    if (word && strcmp(word, "settings") == 0)
        return print_settings();
    if (word && strcmp(word, "exit-codes") == 0)
        return printf("%s", exit_codes) < 0 ? CLI_FAILED : CLI_DONE;
    if (word && cli_command(word))
        return cli_help_of(cli_command(word));
    if (word)
        return fail_topic(word);
    cli_help_all(stdout);
    return CLI_DONE;
}
