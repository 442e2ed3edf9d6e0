/* registry_options.h - the query of a registry's URL against its backend's table of options. */
#ifndef DISCOVERY_REGISTRY_OPTIONS_H
#define DISCOVERY_REGISTRY_OPTIONS_H

#include "discovery/registry.h"

/* Fills the backend's struct: its defaults, then "?key=value&key=value" (percent-encoded, RFC 3986
 * §2.1). Some options any registry has, and the frame reads them: `use` (both, resolve, register), and `ca_file`,
 * `cert_file`, `key_file`, `server_name` in place of those of registry.tls. */
enum err registry_options(struct registry *r, struct why *w);
/* A server's words as they may be shown: with "***" for a secret of the URL or the environment, plain or as HTTP Basic
 * has it. In `out`, and cut to its size. */
struct slice registry_hide(const struct registry *r, struct slice words, char *out,
                           size_t size);
/* The value of one option, decoded; false: not there. `out`: as large as a URL may be. */
bool registry_option(const struct registry_url *u, const char *key,
                     char out[sizeof((struct registry_url *)0)->storage]);

#endif
