/* registry_options.h - the query of a registry's URL against its backend's table of options. */
#ifndef DISCOVERY_REGISTRY_OPTIONS_H
#define DISCOVERY_REGISTRY_OPTIONS_H

#include "discovery/registry.h"

/* Fills the backend's struct: its defaults, then "?key=value&key=value" (percent-encoded, RFC 3986
 * §2.1). Some options any registry has, and the frame reads them: `use` (both, resolve, register), and `ca_file`,
 * `cert_file`, `key_file`, `server_name` in place of those of registry.tls. */
enum err registry_options(struct registry *r, struct why *w);

#endif
