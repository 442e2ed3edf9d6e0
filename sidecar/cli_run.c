#include "sidecar/cli.h"
#include "sidecar/control.h"

/* Of a file of 32 MiB, each of whose services is printed with all its policy. */
enum { CHECK_LIMIT = 1 << 30, CHECK_ARGUMENTS = 256 };

static int fail_word(const char *word)
{
    if (cli_command(word))
        return cli_fail(CLI_USAGE, "the command \"%s\" comes first: csidecar %s ...",
                        word, word);
    return cli_fail(
        CLI_USAGE, "what is \"%s\"? The app's command comes after --: csidecar run -- %s",
        word, word);
}

int cli_run(struct cli *c)
{
    struct settings_input input = {
        .argc = c->argc,
        .argv = c->argv,
        .at = c->at,
        .environment = c->environment,
        .file = "csidecar.yaml",
        .command = c->child,
    };
    struct settings_input again = input; /* a reload reads the flags from the start */
    struct settings *settings;
    struct why w;

    why_init(&w);
    if (settings_load(&settings, &input, &w))
        return cli_fail(CLI_FAILED, "%s", w.text);
    if (input.at < c->argc) {
        settings_unref(settings);
        return fail_word(c->argv[input.at]);
    }
    return control_run(settings, &again);
}

/* ---- check ---- */

/* FILE may stand before or behind the flags, or not at all. */
static bool is_file(const char *argument)
{
    return argument[0] != '-' || !argument[1];
}

static int print_check(const struct settings *s)
{
    struct text text;

    text_init(&text, CHECK_LIMIT);
    settings_check_print(s, &text);
    return cli_print(&text);
}

static int check(const struct cli *c, struct settings_input *input)
{
    struct settings *settings;
    struct why w;
    int code;

    why_init(&w);
    if (settings_load(&settings, input, &w)) {
        fprintf(stderr, "%s\n", w.text);
        return CLI_NO;
    }
    if (input->at < input->argc)
        code = cli_fail(CLI_USAGE, "check takes one file; what is \"%s\"?",
                        input->argv[input->at]);
    else
        code = print_check(settings);
    settings_unref(settings);
    (void)c;
    return code;
}

int cli_check(struct cli *c)
{
    char config[] = "--config";
    char *argv[CHECK_ARGUMENTS] = {c->argv[0]};
    struct settings_input input = {
        .argv = argv,
        .argc = 1,
        .at = 1,
        .environment = c->environment,
        .file = "csidecar.yaml",
        .command = c->child,
    };
    bool is_there = c->at < c->argc && is_file(c->argv[c->at]);

    if (c->argc - c->at > CHECK_ARGUMENTS - 3)
        return cli_fail(CLI_USAGE, "too many arguments");
    if (is_there)
        argv[input.argc++] = config;
    for (int i = c->at; i < c->argc; i++)
        argv[input.argc++] = c->argv[i];
    return check(c, &input);
}
