/* cli_ask.h - a command's questions: to a running sidecar, or to registries that this process opens itself.
 *
 * Each blocks until there is an answer. All return a cli_exit; what went wrong has then been said.
 */
#ifndef SIDECAR_CLI_ASK_H
#define SIDECAR_CLI_ASK_H

#include "discovery/catalog.h"
#include "sidecar/cli.h"
#include "transport/http_client.h"

/* The loop that everything of a command waits on. */
int cli_loop(struct cli *c);
/* Finds the sidecar: c->admin. */
int cli_find_admin(struct cli *c);
/* The same without a word where there is none (yet). */
bool cli_see_admin(struct cli *c);

/* One call, on the command's loop; `call` is set up but for scratch. The error, with call->why. */
enum err cli_do(struct cli *c, struct http_call *call);
/* Sets up a call to the admin port: method, target, token; `fields` holds the header lines meanwhile. */
void cli_admin_call(struct cli *c, struct http_call *call, const char *method,
                    const char *target, struct text *fields);
/* JSON of the admin port. Status 400 and up is an error that is said, but `status`, which is handed on with the
 * problem in *out. `body` may be empty. */
int cli_ask(struct cli *c, const char *method, const char *target, struct slice body,
            unsigned handed_on, json_t **out);

/* The registries of --registry, opened in this process. */
struct direct;
int cli_direct_open(struct cli *c, struct direct **out);
struct catalog *cli_direct_catalog(struct direct *d);
const struct settings *cli_direct_settings(const struct direct *d);
/* Runs the loop until `done` says so, at most so long. */
void cli_direct_wait(struct direct *d, bool (*done)(struct direct *d, void *data),
                     void *data, uint64_t within_ms);
/* Called with each list that changes, until cli_direct_close(). */
void cli_direct_watch(struct direct *d,
                      void (*changed)(const char *service, const struct instance_list *l,
                                      void *data),
                      void *data);
/* `done` is asked at each change from now on. */
void cli_direct_also(struct direct *d, bool (*done)(struct direct *d, void *data),
                     void *data);
/* Until interrupted by SIGINT or SIGTERM. */
void cli_direct_run(struct direct *d);
void cli_direct_close(struct direct *d);

/* {"services", "registries"} and one service, from whoever was to be asked. */
int cli_ask_services(struct cli *c, json_t **out);
int cli_ask_service(struct cli *c, const char *name, json_t **out);

#endif
