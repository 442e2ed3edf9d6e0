/* The tables: what there is to say and how, as rows. */
#include "sidecar/cli.h"

#define BIT(option) (1U << OPTION_##option)

enum {
    ASKS = BIT(ADMIN) | BIT(TOKEN) | BIT(CONFIG) | BIT(HELP),
    ASKS_ANYONE = ASKS | BIT(REGISTRY),
};

/* clang-format off */
const struct option_row cli_options[OPTION_COUNT] = {
    [OPTION_ADMIN]    = {"--admin",    NULL, "ADDRESS",  "of the sidecar to ask: 127.0.0.1:8082, a URL, unix:/path"},
    [OPTION_REGISTRY] = {"--registry", NULL, "URL",      "ask this registry itself, without a sidecar: local, mdns://, ..."},
    [OPTION_CONFIG]   = {"--config",   "-c", "FILE",     "its settings say where the sidecar is, and its token"},
    [OPTION_JSON]     = {"--json",     NULL, NULL,       "for programs"},
    [OPTION_TOKEN]    = {"--token",    NULL, "TOKEN",    "of the admin port; else CSIDECAR_ADMIN_TOKEN or the settings'"},
    [OPTION_TIMEOUT]  = {"--timeout",  NULL, "DURATION", "how long to try: 30s"},
    [OPTION_DATA]     = {"--data",     "-d", "TEXT",     "the request's body; @FILE reads it, @- from standard input"},
    [OPTION_HEADER]   = {"--header",   "-H", "LINE",     "\"Name: value\"; may be given again"},
    [OPTION_INCLUDE]  = {"--include",  "-i", NULL,       "the answer's status and header too"},
    [OPTION_METADATA] = {"--metadata", NULL, "KEY=VALUE", "of the record; may be given again"},
    [OPTION_ID]       = {"--id",       NULL, "ID",       "of the record; else a new one"},
    [OPTION_VERSION]  = {"--version",  NULL, "VERSION",  "of the record"},
    [OPTION_WEIGHT]   = {"--weight",   NULL, "COUNT",    "share of the calls, from 1 to 65535"},
    [OPTION_WAIT]     = {"--wait",     NULL, NULL,       "until it has ended"},
    [OPTION_HELP]     = {"--help",     "-h", NULL,       "this"},
};

const struct command cli_commands[] = {
    {"run", "[settings] [-- command ...]", "the sidecar itself, with the app as its child if a command is given",
     "Without a word `csidecar` runs, too: csidecar --app-port 5000\n"
     "The command gets PORT (when none was given), CSIDECAR_URL and CSIDECAR_ADMIN_URL. When it ends the sidecar\n"
     "ends, with its exit code (128 + signal; 126, 127 as a shell); 125 is a failure of csidecar itself.\n"
     "SIGTERM and SIGINT drain: deregister, let callers notice, end the app, let requests finish. SIGHUP reloads.",
     0, 0, 0, true, cli_run},
    {"check", "[FILE] [settings]", "are these settings right? Prints those in force and what would be registered",
     NULL, 0, 1, 0, true, cli_check},
    {"services", "", "all services and where their instances are", NULL, 0, 0, ASKS_ANYONE | BIT(JSON), false, cli_services},
    {"get", "NAME", "the instances of one service", NULL, 1, 1, ASKS_ANYONE | BIT(JSON), false, cli_get},
    {"call", "NAME [METHOD] PATH", "call a service through the sidecar, and print its answer",
     "Ends with 0 when the status is below 400, else with 1. With --registry the first instance is called.",
     2, 3, ASKS_ANYONE | BIT(DATA) | BIT(HEADER) | BIT(INCLUDE) | BIT(TIMEOUT), false, cli_call},
    {"watch", "[NAME]", "services as they change, until interrupted", NULL, 0, 1, ASKS_ANYONE | BIT(JSON), false, cli_watch},
    {"health", "", "the apps, their checks, and the registries", "Ends with 0 when ready, else with 1.", 0, 0, ASKS | BIT(JSON), false, cli_health},
    {"stats", "", "requests by service", NULL, 0, 0, ASKS | BIT(JSON), false, cli_stats},
    {"explain", "NAME", "what a call to a service would do now, and why", NULL, 1, 1, ASKS | BIT(JSON), false, cli_explain},
    {"register", "NAME ADDRESS", "a record for something that has no sidecar",
     "The sidecar keeps it alive until it ends or the record is deregistered. With --registry this process does,\n"
     "until it is interrupted.",
     2, 2, ASKS_ANYONE | BIT(JSON) | BIT(METADATA) | BIT(ID) | BIT(VERSION) | BIT(WEIGHT), false, cli_register},
    {"deregister", "NAME ID", "take out a record that was registered so",
     "With --registry any record of that registry goes, whoever put it; one whose owner lives may come back.",
     2, 2, ASKS_ANYONE, false, cli_deregister},
    {"wait", "", "until the sidecar is ready", "Ends with 1 when it is not in time (--timeout, 30s unless given).",
     0, 0, ASKS | BIT(TIMEOUT), false, cli_wait},
    {"drain", "", "let the sidecar leave: deregister, let requests finish, end", NULL, 0, 0, ASKS | BIT(WAIT) | BIT(TIMEOUT), false, cli_drain},
    {"completion", "bash|zsh|fish", "a script that completes this command line",
     "bash: csidecar completion bash > /etc/bash_completion.d/csidecar\n"
     "zsh:  csidecar completion zsh > \"${fpath[1]}/_csidecar\"\n"
     "fish: csidecar completion fish > ~/.config/fish/completions/csidecar.fish",
     1, 1, BIT(HELP), false, cli_completion},
    {"version", "", "which this is", NULL, 0, 0, BIT(HELP), false, cli_version},
    {"help", "[COMMAND|settings|exit-codes]", "this, or more of one thing", NULL, 0, 1, BIT(HELP), false, cli_help},
    {NULL, NULL, NULL, NULL, 0, 0, 0, false, NULL},
};
/* clang-format on */
