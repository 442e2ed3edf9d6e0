/* Who we are. In a pod that is its service account: a folder with a token, the cluster's authority and our namespace
 * (kubernetes.io/docs/tasks/run-application/access-api-from-pod); elsewhere what URL and settings say. */
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "discovery/kubernetes_parts.h"

enum { PATH_LIMIT = 512 };

/* The file's first line. NULL: no such file, or no memory. */
static const char *read_line(struct kubernetes *k, const char *path)
{
    char line[KUBERNETES_NAME_LIMIT + 2];
    FILE *file = fopen(path, "r");
    size_t size;

    if (!file)
        return NULL;
    size = fread(line, 1, sizeof(line) - 1, file);
    fclose(file);
    line[size] = '\0';
    return memory_copy(&k->base.memory,
                       slice_first(slice_of(line), strcspn(line, "\r\n")));
}

static const char *in_account(struct kubernetes *k, const char *name)
{
    char path[PATH_LIMIT];

    snprintf(path, sizeof(path), "%s/%s", k->account, name);
    return access(path, R_OK) ? NULL : memory_copy(&k->base.memory, slice_of(path));
}

/* --- where the API is --- */

/* As the cluster tells each container; "" where there is no cluster. */
static enum err find_cluster(struct kubernetes *k, struct why *w)
{
    const char *host = getenv("KUBERNETES_SERVICE_HOST");
    const char *port = getenv("KUBERNETES_SERVICE_PORT");
    int size;

    if (!host || !*host)
        return why(w, ERR_BAD_VALUE,
                   "this is no pod (KUBERNETES_SERVICE_HOST is not set): say "
                   "kubernetes+https://HOST:PORT/NAMESPACE");
    size = snprintf(k->hosts, sizeof(k->hosts), strchr(host, ':') ? "[%s]:%s" : "%s:%s",
                    host, port && *port ? port : "443");
    if (size >= (int)sizeof(k->hosts))
        return why(w, ERR_BAD_VALUE, "KUBERNETES_SERVICE_HOST is too long");
    k->base.url.hosts = slice_of(k->hosts);
    k->base.url.is_tls = true;
    if (!k->base.tls.ca_file)
        k->base.tls.ca_file = in_account(k, "ca.crt");
    k->token_file = in_account(k, "token");
    return ERR_OK;
}

/* --- what we are called --- */

/* A DNS label or subdomain (RFC 1123): it becomes a part of paths. */
static bool is_name(const char *name)
{
    size_t size = strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789.-");

    return size > 0 && size <= KUBERNETES_NAME_LIMIT && name[size] == '\0' &&
           name[0] != '.' && name[0] != '-';
}

static const char *path_namespace(struct kubernetes *k)
{
    struct slice path = k->base.url.path;

    if (path.size <= 1)
        return NULL;
    path = slice_after(path, 1);
    if (path.base[path.size - 1] == '/')
        path.size--;
    return memory_copy(&k->base.memory, path);
}

static enum err find_namespace(struct kubernetes *k, struct why *w)
{
    char path[PATH_LIMIT];

    k->namespace = k->namespace_option ? k->namespace_option : path_namespace(k);
    snprintf(path, sizeof(path), "%s/namespace", k->account);
    if (!k->namespace)
        k->namespace = read_line(k, path);
    if (!k->namespace || !*k->namespace)
        k->namespace = "default";
    if (is_name(k->namespace))
        return ERR_OK;
    return why(w, ERR_BAD_VALUE, "\"%s\" is no name of a namespace", k->namespace);
}

/* A pod's host name is its own name, unless somebody gave it another. */
static enum err find_pod(struct kubernetes *k, struct why *w)
{
    char host[KUBERNETES_NAME_LIMIT + 1] = "";
    const char *variable = getenv("POD_NAME");

    (void)gethostname(host, sizeof(host) - 1);
    k->pod = k->pod_option ? k->pod_option : variable;
    if (!k->pod || !*k->pod)
        k->pod = memory_copy(&k->base.memory, slice_of(host));
    if (!k->pod)
        return why(w, ERR_NO_MEMORY, "%s", err_text(ERR_NO_MEMORY));
    if (!k->pod_option || is_name(k->pod))
        return ERR_OK;
    return why(w, ERR_BAD_VALUE, "\"%s\" is no name of a pod", k->pod);
}

bool kubernetes_has_pod(const struct kubernetes *k)
{
    return is_name(k->pod);
}

enum err kubernetes_account_open(struct kubernetes *k, struct why *w)
{
    enum err e = k->base.url.hosts.size > 0 ? ERR_OK : find_cluster(k, w);

    if (!e && k->base.url.user.size > 0)
        e = why(w, ERR_BAD_VALUE,
                "Kubernetes has no users here: its token is registry.token, token_file "
                "or ?token=");
    if (!e)
        e = find_namespace(k, w);
    return e ? e : find_pod(k, w);
}

/* --- the token --- */

static void add_token(struct text *out, struct slice token)
{
    token = slice_trim(token);
    if (token.size == 0)
        return;
    for (size_t i = 0; i < token.size; i++)
        if ((unsigned char)token.base[i] <= ' ' || token.base[i] == 0x7f)
            return;
    text_addf(out, "Authorization: Bearer ");
    text_add(out, token);
    text_addf(out, "\r\n");
}

static void add_token_of_file(struct text *out, const char *path)
{
    char token[KUBERNETES_TOKEN_LIMIT];
    FILE *file = fopen(path, "r");
    size_t size;

    if (!file)
        return;
    size = fread(token, 1, sizeof(token), file);
    fclose(file);
    if (size == sizeof(token))
        return;
    token[size] = '\0';
    add_token(out, slice_first(slice_of(token), strcspn(token, "\r\n")));
}

void kubernetes_account_fields(struct kubernetes *k, struct text *out)
{
    const struct registry_environment *environment = k->base.environment;
    const char *token = k->token_option ? k->token_option : environment->token;
    const char *file = environment->token_file;

    if (k->token_option || (token && !file))
        add_token(out, slice_of(token));
    else if (file || k->token_file)
        add_token_of_file(out, file ? file : k->token_file);
}
