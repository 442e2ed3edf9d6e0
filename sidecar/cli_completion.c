/* Completion for three shells, made from the tables of commands, options and settings. */
#include <string.h>

#include "config/search.h"
#include "sidecar/cli.h"

static bool is_option_of(const struct command *command, enum cli_option o)
{
    return command->options >> o & 1;
}

static bool wants_name(const struct command *command)
{
    return strncmp(command->arguments, "NAME", 4) == 0 ||
           strncmp(command->arguments, "[NAME]", 6) == 0;
}

/* ---- words ---- */

static void print_commands(const char *separator)
{
    for (const struct command *at = cli_commands; at->name; at++)
        printf("%s%s", at == cli_commands ? "" : separator, at->name);
}

static bool print_setting(const struct setting *s, void *data)
{
    char flag[NAME_SIZE];

    (void)data;
    flag_name(flag, s->path);
    printf("%s ", flag);
    return false;
}

static void print_settings(void)
{
    for (const struct alias *a = settings_aliases; a->flag; a++)
        printf("%s ", a->flag);
    printf("--set ");
    search_each(settings_fields, print_setting, NULL);
}

static void print_flags(const struct command *command)
{
    for (enum cli_option o = 0; o < OPTION_COUNT; o++)
        if (is_option_of(command, o))
            printf("%s ", cli_options[o].flag);
    if (command->takes_settings)
        print_settings();
}

/* ---- bash ---- */

static void print_cases(const char *before, const char *between, const char *after)
{
    for (const struct command *at = cli_commands; at->name; at++) {
        printf("%s%s%s", before, at->name, between);
        print_flags(at);
        printf("%s", after);
    }
}

static void print_named(void)
{
    bool first = true;

    for (const struct command *at = cli_commands; at->name; at++)
        if (wants_name(at)) {
            printf("%s%s", first ? "" : "|", at->name);
            first = false;
        }
}

/* What follows the command: a file, a service's name, a shell, a topic. */
static void print_bash_words(void)
{
    printf("    case $command in\n"
           "    check) COMPREPLY=($(compgen -f -- \"$word\")) ;;\n    ");
    print_named();
    printf(") COMPREPLY=($(compgen -W \"$(csidecar services --json 2>/dev/null | "
           "sed -n 's/^ \\{6\\}\"name\": \"\\(.*\\)\",$/\\1/p')\" -- \"$word\")) ;;\n"
           "    completion) COMPREPLY=($(compgen -W 'bash zsh fish' -- \"$word\")) ;;\n"
           "    help) COMPREPLY=($(compgen -W 'settings exit-codes ");
    print_commands(" ");
    printf("' -- \"$word\")) ;;\n    esac\n");
}

static void print_bash(void)
{
    printf("# csidecar completion for bash\n"
           "_csidecar() {\n"
           "    local word=${COMP_WORDS[COMP_CWORD]} command=${COMP_WORDS[1]} flags=\n"
           "    COMPREPLY=()\n"
           "    if [ \"$COMP_CWORD\" = 1 ] && [[ $word != -* ]]; then\n"
           "        COMPREPLY=($(compgen -W '");
    print_commands(" ");
    printf("' -- \"$word\"))\n"
           "        return\n"
           "    fi\n"
           "    case ${COMP_WORDS[COMP_CWORD - 1]} in\n"
           "    -c | --config) COMPREPLY=($(compgen -f -- \"$word\")); return ;;\n"
           "    esac\n"
           "    [[ $command == -* ]] && command=run\n"
           "    case $command in\n");
    print_cases("    ", ") flags='", "' ;;\n");
    printf("    esac\n"
           "    if [[ $word == -* ]]; then\n"
           "        COMPREPLY=($(compgen -W \"$flags\" -- \"$word\"))\n"
           "        return\n"
           "    fi\n");
    print_bash_words();
    printf("}\ncomplete -F _csidecar csidecar\n");
}

/* ---- zsh ---- */

/* Within single quotes, before a description's ':' or ']'. */
static void print_escaped(const char *text, const char *special)
{
    for (; *text; text++) {
        if (*text == '\'')
            printf("'\\''");
        else
            printf(strchr(special, *text) ? "\\%c" : "%c", *text);
    }
}

static void print_zsh_options(const struct command *command)
{
    for (enum cli_option o = 0; o < OPTION_COUNT; o++) {
        if (!is_option_of(command, o))
            continue;
        printf(" '%s[", cli_options[o].flag);
        print_escaped(cli_options[o].help, "[]\\");
        printf(cli_options[o].argument ? "]:%s:_files'" : "]", cli_options[o].argument);
        if (!cli_options[o].argument)
            printf("'");
    }
    if (!command->takes_settings)
        return;
    printf(" '*:setting:(");
    print_settings();
    printf(")'");
}

static void print_zsh_descriptions(void)
{
    for (const struct command *at = cli_commands; at->name; at++) {
        printf("        '%s:", at->name);
        print_escaped(at->summary, ":\\");
        printf("'\n");
    }
}

static void print_zsh_case(const struct command *at)
{
    printf("    %s) _arguments", at->name);
    print_zsh_options(at);
    if (wants_name(at))
        printf(" '1:service:(${(f)\"$(csidecar services --json 2>/dev/null | "
               "sed -n '\\''s/^ \\{6\\}\"name\": \"\\(.*\\)\",$/\\1/p'\\'')\"})'");
    if (strcmp(at->name, "completion") == 0)
        printf(" '1:shell:(bash zsh fish)'");
    if (strcmp(at->name, "check") == 0)
        printf(" '1:file:_files'");
    printf(" ;;\n");
}

static void print_zsh(void)
{
    printf("#compdef csidecar\n"
           "_csidecar() {\n"
           "    local -a commands=(\n");
    print_zsh_descriptions();
    printf("    )\n"
           "    if ((CURRENT == 2)); then\n"
           "        _describe command commands\n"
           "        return\n"
           "    fi\n"
           "    local command=$words[2]\n"
           "    shift words\n"
           "    ((CURRENT--))\n"
           "    case $command in\n");
    for (const struct command *at = cli_commands; at->name; at++)
        print_zsh_case(at);
    printf("    esac\n"
           "}\n"
           "[ \"$funcstack[1]\" = _csidecar ] && _csidecar \"$@\" || compdef _csidecar "
           "csidecar\n");
}

/* ---- fish ---- */

static void print_fish_quoted(const char *text)
{
    putchar('\'');
    print_escaped(text, "\\");
    putchar('\'');
}

static void print_fish_option(const struct command *command, const struct option_row *row)
{
    printf("complete -c csidecar -n '__fish_seen_subcommand_from %s' -l %s%s%s%s -d ",
           command->name, row->flag + 2, row->letter ? " -s " : "",
           row->letter ? row->letter + 1 : "", row->argument ? " -r" : "");
    print_fish_quoted(row->help);
    putchar('\n');
}

static bool print_fish_setting(const struct setting *s, void *data)
{
    char flag[NAME_SIZE];

    (void)data;
    flag_name(flag, s->path);
    printf("complete -c csidecar -n '__fish_seen_subcommand_from run check' -l %s%s -d ",
           flag + 2, s->field->kind == FIELD_BOOL ? "" : " -r");
    print_fish_quoted(s->field->help);
    putchar('\n');
    return false;
}

static void print_fish(void)
{
    printf("# csidecar completion for fish\ncomplete -c csidecar -f\n");
    for (const struct command *at = cli_commands; at->name; at++) {
        printf("complete -c csidecar -n __fish_use_subcommand -a %s -d ", at->name);
        print_fish_quoted(at->summary);
        putchar('\n');
        for (enum cli_option o = 0; o < OPTION_COUNT; o++)
            if (is_option_of(at, o))
                print_fish_option(at, &cli_options[o]);
    }
    search_each(settings_fields, print_fish_setting, NULL);
    printf(
        "complete -c csidecar -n '__fish_seen_subcommand_from completion' -a 'bash zsh "
        "fish'\n"
        "complete -c csidecar -n '__fish_seen_subcommand_from check' -F\n"
        "complete -c csidecar -n '__fish_seen_subcommand_from ");
    for (const struct command *at = cli_commands; at->name; at++)
        if (wants_name(at))
            printf("%s ", at->name);
    printf("' -a \"(csidecar services --json 2>/dev/null | string match -r -g "
           "'^ {6}\\\"name\\\": \\\"(.*)\\\",')\"\n");
}

/* ---- which? ---- */

int cli_completion(struct cli *c)
{
    static const struct {
        const char *shell;
        void (*print)(void);
    } shells[] = {
        {"bash", print_bash},
        {"zsh",  print_zsh },
        {"fish", print_fish},
    };

    for (size_t i = 0; i < sizeof(shells) / sizeof(shells[0]); i++)
        if (strcmp(c->words[0], shells[i].shell) == 0) {
            shells[i].print();
            return CLI_DONE;
        }
    return cli_fail(CLI_USAGE, "completion is there for bash, zsh and fish, not for %s",
                    c->words[0]);
}
