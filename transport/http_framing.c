#include "transport/http_text.h"
#include "transport/http_validate.h"

/* What the Connection fields of a head say, together. */
struct connection {
    bool close;
    bool keep_alive;
    bool upgrade;
    bool more;
};

static void connection_note(struct connection *c, struct slice token)
{
    if (TEXT_IS(token, "close"))
        c->close = true;
    else if (TEXT_IS(token, "keep-alive"))
        c->keep_alive = true;
    else if (TEXT_IS(token, "upgrade"))
        c->upgrade = true;
    else if (token.size)
        c->more = true;
}

static void connection_note_all(struct connection *c, struct slice list)
{
    if (TEXT_IS(list, "keep-alive"))
        c->keep_alive = true;
    else
        while (list.base)
            connection_note(c, slice_next(&list, ','));
}

static struct connection connection_of(const struct http_head *h)
{
    struct connection c = {false, false, false, false};

    for (unsigned i = 0; i < h->count; i++)
        if (h->fields[i].id == FIELD_ID_CONNECTION)
            connection_note_all(&c, h->fields[i].value);
    return c;
}

static void connection_apply(struct http_head *h)
{
    struct connection c = {false, false, false, false};

    if (head_has(h, FIELD_ID_CONNECTION))
        c = connection_of(h);
    h->keep_alive = !c.close && (h->minor == 1 || c.keep_alive);
    h->upgrade = c.upgrade && h->minor == 1 && head_has(h, FIELD_ID_UPGRADE);
    h->connection_names = c.more;
}

static bool length_parse(struct slice value, uint64_t *length)
{
    return slice_to_u64(value, length) && *length <= INT64_MAX;
}

/* RFC 9112 §6, as far as it is the same for both sides. */
static const char *framing_problem(struct http_head *h)
{
    if (head_has(h, FIELD_ID_TRANSFER_ENCODING)) {
        if (h->minor == 0)
            return "Transfer-Encoding in HTTP/1.0";
        if (head_has(h, FIELD_ID_CONTENT_LENGTH))
            return "both Transfer-Encoding and Content-Length";
        if (!slice_equals_nocase(head_value(h, FIELD_ID_TRANSFER_ENCODING),
                                 SLICE("chunked")))
            return "a Transfer-Encoding that is not exactly chunked";
        h->framing = BODY_CHUNKED;
    } else if (head_has(h, FIELD_ID_CONTENT_LENGTH)) {
        if (!length_parse(head_value(h, FIELD_ID_CONTENT_LENGTH), &h->length))
            return "a malformed Content-Length";
        h->framing = h->length ? BODY_LENGTH : BODY_NONE;
    }
    return NULL;
}

static const char *host_problem(const struct http_head *h)
{
    if (head_has(h, FIELD_ID_HOST))
        return http_host_problem(head_value(h, FIELD_ID_HOST));
    return h->minor == 1 ? "the Host field is missing" : NULL;
}

static bool expects_something_else(struct http_head *h)
{
    for (unsigned i = 0; i < h->count; i++)
        if (h->fields[i].id == FIELD_ID_EXPECT &&
            !TEXT_IS(h->fields[i].value, "100-continue"))
            return true;
    return false;
}

enum err http_request_check(struct http_head *h, const char **problem)
{
    connection_apply(h);
    if ((*problem = framing_problem(h)) || (*problem = host_problem(h)))
        return ERR_BAD_REQUEST;
    if (!head_has(h, FIELD_ID_EXPECT) || h->minor == 0)
        return ERR_OK;
    if (expects_something_else(h)) {
        *problem = "an Expect that is not 100-continue";
        return ERR_EXPECTATION;
    }
    h->expect_continue = true;
    return ERR_OK;
}

static bool response_has_body(const struct http_head *h, bool to_head)
{
    return !to_head && h->status >= 200 && h->status != 204 && h->status != 304;
}

/* A 204 or 1xx that announces a body announces nonsense: whatever follows belongs to
 * nobody. */
static bool bodiless_is_framed(const struct http_head *h)
{
    return (h->status == 204 || h->status < 200) && h->framing != BODY_NONE;
}

enum err http_response_check(struct http_head *h, bool to_head, const char **problem)
{
    connection_apply(h);
    if ((*problem = framing_problem(h)))
        return ERR_BAD_RESPONSE;
    if (!response_has_body(h, to_head)) {
        h->keep_alive = h->keep_alive && !bodiless_is_framed(h);
        h->framing = BODY_NONE;
    } else if (!head_has(h, FIELD_ID_CONTENT_LENGTH) && h->framing == BODY_NONE) {
        h->framing = BODY_TO_END;
        h->keep_alive = false;
    }
    return ERR_OK;
}
