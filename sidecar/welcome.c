#include "sidecar/welcome.h"

#include <stdio.h>
#include <unistd.h>

static void print_app(const struct settings *s, bool port_is_chosen)
{
    const struct app_settings *app = s->all_apps;

    if (s->app_count == 1 && app->port)
        fprintf(stderr, "  beside    the app on port %u%s; registered once it answers\n",
                app->port, port_is_chosen ? ", which it gets as PORT" : "");
    else if (s->app_count)
        fprintf(stderr, "  beside    %u app%s; registered once they answer\n",
                s->app_count, s->app_count == 1 ? "" : "s");
    else
        fprintf(stderr, "  beside    no app: it only makes calls (--app-port PORT)\n");
}

static void print_registries(const struct settings *s)
{
    fprintf(stderr, "  registry ");
    for (unsigned i = 0; i < s->registry.url.count; i++) {
        struct slice url = slice_of(s->registry.url.items[i]);
        struct slice scheme = slice_first(url, slice_find(url, ':'));

        fprintf(stderr, " %.*s", (int)scheme.size, scheme.base);
    }
    fputc('\n', stderr);
}

void welcome_print(const struct control *c)
{
    const struct settings *s = c->settings;
    char endpoint[ADDRESS_TEXT + 8], admin[ADDRESS_TEXT + 8];

    if (!isatty(STDERR_FILENO))
        return;
    ports_url(&c->ports, PORT_LOCAL, endpoint);
    ports_url(&c->ports, PORT_ADMIN, admin);
    fprintf(stderr, "\n  csidecar %s for %s\n\n", CSIDECAR_VERSION, s->name);
    print_app(s, c->app_port != 0);
    print_registries(s);
    if (endpoint[0])
        fprintf(stderr, "  calls     curl %s/SERVICE/path\n", endpoint);
    if (admin[0])
        fprintf(stderr, "  watch it  %s/\n", admin);
    fprintf(stderr, "  list all  csidecar services\n\n");
}
