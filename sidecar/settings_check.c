/* What `csidecar check` prints. */
#include "sidecar/settings.h"

static void print_address(const struct settings *s, const struct app_settings *a,
                          struct text *out)
{
    char text[ADDRESS_TEXT];

    if (!a->advertise_auto)
        text_addf(out, "address=%s", address_format(&a->advertised, text));
    else if (a->ingress_listen.count)
        text_addf(out, "address=auto port=%u (of the ingress)",
                  address_port(&a->ingress_listen.items[0]));
    else if (a->port)
        text_addf(out, "address=%s port=%u",
                  s->registry.only_local ? "127.0.0.1" : "auto", a->port);
    else
        text_addf(out, "address=auto port=chosen at start");
}

static void print_app(const struct settings *s, const struct app_settings *a,
                      struct text *out)
{
    char ttl[24], heartbeat[24];

    text_addf(out, "#   service=%s version=%s id=%s weight=%u ", a->name,
              a->version ? a->version : "latest", a->id ? a->id : "new", a->weight);
    print_address(s, a, out);
    text_addf(out, " ttl=%s heartbeat=%s", duration_format(ttl, s->registry.ttl),
              duration_format(heartbeat, s->registry.heartbeat));
    for (unsigned i = 0; i < a->metadata.count; i++) {
        text_addf(out, " %s=", a->metadata.items[i].key);
        text_add_json(out, slice_of(a->metadata.items[i].value));
    }
    text_addf(out, "\n");
}

void settings_check_print(const struct settings *s, struct text *out)
{
    settings_print_yaml(settings_fields, s, out);
    if (!s->app_count || !s->registry.publish) {
        text_addf(out, "# nothing is registered: %s\n",
                  s->app_count ? "registry.publish is false" : "there is no app");
        return;
    }
    text_addf(out, "# would be registered:\n");
    for (unsigned i = 0; i < s->app_count; i++)
        print_app(s, &s->all_apps[i], out);
}
