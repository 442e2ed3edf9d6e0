#include "discovery/eureka_answer.h"

#include "discovery/instance.h"

/* What may come next, outside of instances. */
enum expects {
    A_VALUE,
    A_VALUE_OR_END, /* behind '[' */
    A_KEY,
    A_KEY_OR_END, /* behind '{' */
    A_COLON,
    MORE_OR_END, /* behind a value */
    NOTHING,
};

void eureka_answer_init(struct eureka_answer *a, void *owner,
                        void (*record)(struct eureka_answer *a, struct slice json))
{
    *a = (struct eureka_answer){.owner = owner, .record = record};
    text_init(&a->text, RECORD_LIMIT);
}

void eureka_answer_fini(struct eureka_answer *a)
{
    text_fini(&a->text);
}

static bool in_list(const struct eureka_answer *a)
{
    return a->depth > 0 && a->open[a->depth - 1].is_list;
}

static void value_ended(struct eureka_answer *a)
{
    a->expects = a->depth ? MORE_OR_END : NOTHING;
    a->key[0] = 0;
}

/* --- an instance: its end is looked for, nothing else --- */

static enum err record_ended(struct eureka_answer *a)
{
    a->records++;
    a->record(a, a->too_large ? (struct slice){NULL, 0} : text_slice(&a->text));
    text_clear(&a->text);
    a->too_large = false;
    value_ended(a);
    return ERR_OK;
}

/* How much of it belongs to the instance; record_depth is 0 when that is all of it. */
static size_t record_scan(struct eureka_answer *a, struct slice bytes)
{
    size_t at = 0;

    while (at < bytes.size && a->record_depth > 0) {
        char c = bytes.base[at++];

        if (a->escaped)
            a->escaped = false;
        else if (a->quoted)
            a->escaped = c == '\\', a->quoted = c != '"';
        else if (c == '"')
            a->quoted = true;
        else if (c == '{' || c == '[')
            a->record_depth++;
        else if (c == '}' || c == ']')
            a->record_depth--;
    }
    return at;
}

static enum err feed_record(struct eureka_answer *a, struct slice *bytes)
{
    size_t size = record_scan(a, *bytes);

    if (a->text.size + size > RECORD_LIMIT)
        a->too_large = true;
    if (!a->too_large)
        text_add(&a->text, slice_first(*bytes, size));
    *bytes = slice_after(*bytes, size);
    if (a->text.failed)
        return ERR_NO_MEMORY;
    return a->record_depth ? ERR_OK : record_ended(a);
}

static void begin_record(struct eureka_answer *a)
{
    a->record_depth = 1;
    text_clear(&a->text);
    text_add(&a->text, SLICE("{"));
}

/* --- tokens --- */

/* One that does not fit is none that we know. */
static void token_add(struct eureka_answer *a, char c)
{
    if (a->token_size < sizeof a->token - 1)
        a->token[a->token_size++] = c;
    else
        a->token[0] = 0;
    a->token[a->token_size] = 0;
}

static void token_begin(struct eureka_answer *a)
{
    a->token_size = 0;
    a->token[0] = 0;
}

static bool is_answers_name(const char *key)
{
    return strcmp(key, "applications") == 0 || strcmp(key, "application") == 0;
}

static void take_scalar(struct eureka_answer *a)
{
    if (a->depth == 2 && strcmp(a->key, "apps__hashcode") == 0) {
        memcpy(a->hash, a->token, sizeof a->hash);
        a->has_hash = true;
    } else if (a->depth == 2 && strcmp(a->key, "versions__delta") == 0) {
        slice_to_u64(slice_of(a->token), &a->version);
    }
    value_ended(a);
}

static enum err text_ended(struct eureka_answer *a)
{
    a->quoted = false;
    if (a->expects == A_KEY || a->expects == A_KEY_OR_END) {
        memcpy(a->key, a->token, sizeof a->key);
        a->expects = A_COLON;
        return ERR_OK;
    }
    take_scalar(a);
    return ERR_OK;
}

static enum err feed_text(struct eureka_answer *a, struct slice *bytes)
{
    for (size_t at = 0; at < bytes->size; at++) {
        char c = bytes->base[at];

        if (c == '"' && !a->escaped) {
            *bytes = slice_after(*bytes, at + 1);
            return text_ended(a);
        }
        a->escaped = c == '\\' && !a->escaped;
        token_add(a, c);
    }
    *bytes = slice_after(*bytes, bytes->size);
    return ERR_OK;
}

static bool is_bare(char c)
{
    return c && strchr("0123456789+-.eEtrufalsn", c);
}

/* A number, true, false, null. */
static bool is_bare_value(const char *token)
{
    return strcmp(token, "true") == 0 || strcmp(token, "false") == 0 ||
           strcmp(token, "null") == 0 || strchr("-0123456789", token[0]);
}

/* --- structure --- */

static bool expects_value(const struct eureka_answer *a)
{
    return a->expects == A_VALUE || a->expects == A_VALUE_OR_END;
}

static bool instances_follow(const struct eureka_answer *a)
{
    return in_list(a) ? a->open[a->depth - 1].has_instances
                      : strcmp(a->key, "instance") == 0;
}

static enum err open_container(struct eureka_answer *a, bool is_list)
{
    bool instances = a->depth > 0 && instances_follow(a);

    if (!expects_value(a) || a->depth == EUREKA_ANSWER_DEPTH || (!a->depth && is_list))
        return ERR_BAD_RESPONSE;
    if (instances && !is_list) {
        begin_record(a);
        return ERR_OK;
    }
    if (a->depth == 1 && !is_list)
        a->is_known = is_answers_name(a->key) || a->is_known;
    a->open[a->depth].is_list = is_list;
    a->open[a->depth].has_instances = instances;
    a->depth++;
    a->key[0] = 0;
    a->expects = is_list ? A_VALUE_OR_END : A_KEY_OR_END;
    return ERR_OK;
}

static enum err close_container(struct eureka_answer *a, bool is_list)
{
    bool may = a->expects == MORE_OR_END ||
               a->expects == (is_list ? A_VALUE_OR_END : A_KEY_OR_END);

    if (!may || a->depth == 0 || in_list(a) != is_list)
        return ERR_BAD_RESPONSE;
    a->depth--;
    value_ended(a);
    return ERR_OK;
}

static enum err begin_text(struct eureka_answer *a)
{
    if (a->depth == 0 ||
        (!expects_value(a) && a->expects != A_KEY && a->expects != A_KEY_OR_END))
        return ERR_BAD_RESPONSE;
    a->quoted = true;
    token_begin(a);
    return ERR_OK;
}

static enum err separate(struct eureka_answer *a, char c)
{
    if (a->expects != (c == ':' ? A_COLON : MORE_OR_END))
        return ERR_BAD_RESPONSE;
    a->expects = c == ':' || in_list(a) ? A_VALUE : A_KEY;
    return ERR_OK;
}

static enum err feed_mark(struct eureka_answer *a, struct slice *bytes)
{
    char c = bytes->base[0];

    *bytes = slice_after(*bytes, 1);
    switch (c) {
    case '{':
    case '[':
        return open_container(a, c == '[');
    case '}':
    case ']':
        return close_container(a, c == ']');
    case '"':
        return begin_text(a);
    case ':':
    case ',':
        return separate(a, c);
    case ' ':
    case '\t':
    case '\r':
    case '\n':
        return ERR_OK;
    default:
        return ERR_BAD_RESPONSE;
    }
}

/* It ends with the first byte that can't belong to it, which may come with the next piece. */
static enum err feed_bare(struct eureka_answer *a, struct slice *bytes)
{
    if (!expects_value(a) || a->depth == 0)
        return ERR_BAD_RESPONSE;
    if (!a->bare)
        token_begin(a);
    a->bare = true;
    while (bytes->size > 0 && is_bare(bytes->base[0])) {
        token_add(a, bytes->base[0]);
        *bytes = slice_after(*bytes, 1);
    }
    if (bytes->size == 0)
        return ERR_OK;
    a->bare = false;
    if (!is_bare_value(a->token))
        return ERR_BAD_RESPONSE;
    take_scalar(a);
    return ERR_OK;
}

enum err eureka_answer_feed(struct eureka_answer *a, struct slice bytes)
{
    enum err e = ERR_OK;

    while (bytes.size > 0 && !e) {
        if (a->record_depth)
            e = feed_record(a, &bytes);
        else if (a->quoted)
            e = feed_text(a, &bytes);
        else if (a->bare || is_bare(bytes.base[0]))
            e = feed_bare(a, &bytes);
        else
            e = feed_mark(a, &bytes);
    }
    return e;
}

enum err eureka_answer_end(const struct eureka_answer *a)
{
    return a->expects == NOTHING && a->is_known ? ERR_OK : ERR_BAD_RESPONSE;
}
